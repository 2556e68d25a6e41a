//! The rules of the house, read off the source: which layer may name which, and what has one home.
//!
//! It looks at tokens, not at text, so comments and test modules are free to say what they like.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// No file grows past this; most stay below 250 lines.
const LONGEST_FILE: usize = 600;

/// Who may name whom. A layer may always name itself.
const ARROWS: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("cause", &[]),
    ("metrics", &[]),
    ("ids", &["clock"]),
    ("error", &["db", "domain"]),
    ("config", &["clock", "ids", "error", "domain", "db"]),
    ("db", &["cause", "clock", "ids", "error", "config"]),
    ("store", &["db", "clock", "ids", "error", "domain"]),
    ("mail", &["store", "db", "clock", "ids", "error", "config", "domain"]),
    ("domain", &["store", "mail", "db", "clock", "ids", "error", "config"]),
    ("hooks", &["domain", "clock", "ids", "error", "config"]),
    ("live", &["domain", "clock"]),
    ("app", &["db", "live", "mail", "hooks", "domain", "clock", "ids", "error", "config"]),
    ("tls", &["clock", "ids", "config"]),
    ("jobs", &["app", "domain", "mail", "hooks", "db", "clock", "ids", "error", "config"]),
    (
        "web",
        &[
            "app", "live", "tls", "domain", "mail", "hooks", "db", "cause", "clock", "ids",
            "error", "config",
        ],
    ),
    (
        "cli",
        &[
            "app", "tls", "domain", "mail", "hooks", "jobs", "web", "db", "cause", "clock", "ids",
            "error", "config",
        ],
    ),
];

/// What everybody may name, like the log: it knows nobody.
const EVERYBODYS: &str = "metrics";

/// Who may name another layer's types and call nothing of it: a status, an address, an open
/// transaction.
const TYPES_ONLY: &[(&str, &str)] = &[
    ("config", "domain"),
    ("store", "domain"),
    ("mail", "domain"),
    ("error", "domain"),
    ("live", "domain"),
    ("web", "db"),
];

/// Crates with one home, so that changing one's mind about them stays cheap.
const HOMES: &[(&str, &[&str])] = &[
    ("axum", &["web"]),
    ("hyper", &["web", "hooks", "tls"]),
    ("hyper_util", &["web", "hooks", "tls"]),
    ("hyper_rustls", &["tls"]),
    ("tower", &["web"]),
    ("utoipa", &["web"]),
    ("utoipa_axum", &["web"]),
    ("rusqlite", &["db"]),
    ("postgres", &["db"]),
    ("tokio_postgres", &["db"]),
    ("tokio_postgres_rustls", &["db"]),
    ("deadpool", &["db"]),
    ("lettre", &["mail", "config"]),
    ("getrandom", &["ids"]),
    ("prometheus", &["metrics"]),
    ("instant_acme", &["tls"]),
    ("rcgen", &["tls"]),
    ("ring", &["domain"]),
    ("imagesize", &["domain"]),
    ("roxmltree", &["domain"]),
    ("listenfd", &["config"]),
    ("sd_notify", &["config"]),
    ("clap", &["cli", "config", "main"]),
];

/// Calls with one home, or few. Whoever reaches out into the network is among them: nothing else calls anybody.
const CALLS: &[(&[&str], &[&str])] = &[
    (&["env", "var"], &["config"]),
    (&["env", "var_os"], &["config"]),
    (&["env", "vars"], &["config"]),
    (&["env", "vars_os"], &["config"]),
    (&["SystemTime", "now"], &["clock"]),
    (&["Timestamp", "now"], &["clock"]),
    (&["Zoned", "now"], &["clock"]),
    (&["TcpStream", "connect"], &["hooks", "mail"]),
    (&["TcpSocket", "new_v4"], &[]),
    (&["TcpSocket", "new_v6"], &[]),
    (&["UdpSocket", "bind"], &[]),
    (&["net", "lookup_host"], &["hooks", "cli"]),
];

#[test]
fn the_arrows_hold_and_everything_has_its_home() {
    let mut found = String::new();
    for path in sources() {
        let text = std::fs::read_to_string(root().join(&path)).unwrap();
        for violation in violations(&path, &text) {
            writeln!(found, "{violation}").unwrap();
        }
    }
    assert!(found.is_empty(), "the rules of the house are broken:\n{found}");
}

#[test]
fn every_migration_is_listed() {
    let listed: String = sources()
        .iter()
        .filter(|path| layer(path) == "db")
        .map(|path| std::fs::read_to_string(root().join(path)).unwrap())
        .collect();
    let mut files = 0;
    for file in std::fs::read_dir(root().join("migrations")).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".sql") {
            files += 1;
            // 0007_x.sqlite.sql and 0007_x.postgres.sql are one step, 0007_x.
            let step = name.split('.').next().unwrap();
            assert!(listed.contains(&format!("\"{step}\"")), "src/db lists every step; not {step}");
        }
    }
    assert!(files > 0, "no migrations found: is this test looking in the right place?");
}

#[test]
fn every_test_that_the_security_page_names_is_there() {
    let page = std::fs::read_to_string(root().join("docs/SECURITY.md")).unwrap();
    let is_test = |name: &&str| name.contains("::") && name.matches('_').count() > 1;
    let named: BTreeSet<&str> = page.split('`').skip(1).step_by(2).filter(is_test).collect();
    assert!(named.len() > 80, "{named:?}");
    for name in named {
        let (module, test) = name.rsplit_once("::").unwrap();
        let path = module.replace("::", "/");
        let path = if path.starts_with("src/") { path } else { format!("tests/it/{path}") };
        let places = [format!("{path}.rs"), format!("{path}/mod.rs")];
        let text = places.iter().find_map(|it| std::fs::read_to_string(root().join(it)).ok());
        let text = text.unwrap_or_else(|| panic!("{name}: there is no {places:?}"));
        assert!(text.contains(&format!("fn {test}(")), "{name}: no such test in {path}");
    }
}

#[test]
fn planted_violations_are_found() {
    let planted: &[(&str, &str, &str)] = &[
        ("domain/x.rs", "use crate::web::ctx::Ctx;", "domain must not name web"),
        ("store/x.rs", "fn f() { crate::domain::tickets::resolve() }", "not call it"),
        ("store/x.rs", "use crate::{clock::Millis, jobs};", "store must not name jobs"),
        ("web/x.rs", "use crate::db::sqlite;", "not call it"),
        ("web/x.rs", "use crate::{domain, store::tickets};", "web must not name store"),
        ("domain/x.rs", "use axum::Json;", "axum belongs in web"),
        ("store/x.rs", "fn f(c: &rusqlite::Connection) {}", "rusqlite belongs in db"),
        ("domain/x.rs", "fn f() { q(\"SELECT id FROM tickets\") }", "SQL belongs"),
        ("web/x.rs", "fn f() { q(\n\"delete from links\") }", "SQL belongs"),
        ("cli/x.rs", "fn f() { std::env::var(\"HOME\") }", "env::var belongs in config"),
        ("jobs/x.rs", "fn f() { jiff::Timestamp::now() }", "Timestamp::now belongs in clock"),
        ("web/x.rs", "fn f() { TcpStream::connect(x) }", "connect belongs in hooks, mail"),
        ("mail/x.rs", "fn f() { net::UdpSocket::bind(x) }", "bind belongs in nowhere"),
        ("domain/x.rs", "async fn f() {}", "synchronous"),
        ("domain/x.rs", "use super::super::web;", "super::super"),
        ("web/x.rs", &"// filler\n".repeat(LONGEST_FILE), "lines"),
    ];
    for (path, body, expected) in planted {
        let found = violations(Path::new(path), &format!("//! What it is for.\n{body}"));
        assert!(
            found.len() == 1 && found[0].contains(expected),
            "{path}: {body}: expected one violation with {expected:?}, found {found:?}"
        );
    }
    let undocumented = violations(Path::new("web/x.rs"), "fn f() {}");
    assert!(undocumented[0].contains("what it is for"), "{undocumented:?}");
}

#[test]
fn allowed_code_is_left_alone() {
    let allowed: &[(&str, &str)] = &[
        ("domain/x.rs", "/// SELECT id FROM tickets, and crate::web.\nfn f() {}"),
        (
            "domain/x.rs",
            "#[cfg(test)]\nmod tests { use crate::web::ctx; fn f() { env::var(\"X\") } }",
        ),
        ("store/x.rs", "use crate::domain::tickets::{Status, Priority};"),
        ("store/x.rs", "const SQL: &str = \"SELECT id FROM tickets\";"),
        ("web/x.rs", "fn f() { say(\"Select a ticket to update\") }"),
        ("web/x.rs", "fn f() { g(env!(\"CARGO_PKG_VERSION\")) }"),
    ];
    for (path, body) in allowed {
        let found = violations(Path::new(path), &format!("//! What it is for.\n{body}"));
        assert!(found.is_empty(), "{path}: {body}: {found:?}");
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file of the product, relative to the package. A `…tests.rs` or a folder `tests` is a test
/// module, whose `cfg(test)` stands where it is declared.
fn sources() -> BTreeSet<PathBuf> {
    let mut files = BTreeSet::new();
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for item in std::fs::read_dir(folder).unwrap() {
            let path = item.unwrap().path();
            let is_test =
                path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests"));
            if is_test {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.insert(path.strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    files
}

/// The folder below `src`, or the name of a file that stands there itself.
fn layer(path: &Path) -> String {
    let below = path.strip_prefix("src").unwrap_or(path);
    let first = below.components().next().unwrap().as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// Everything in one file that breaks a rule, each with its line.
fn violations(path: &Path, source: &str) -> Vec<String> {
    let tokens = tokens(path, source);
    let layer = layer(path);
    let mut found = Vec::new();
    let mut report = |line: usize, what: String| {
        found.push(format!("{}:{line}: {what}", path.display()));
    };
    check_file(source, &mut report);
    check_paths(&layer, &tokens, &mut report);
    check_homes(&layer, &tokens, &mut report);
    check_literals(&layer, &tokens, &mut report);
    check_synchronous(&layer, &tokens, &mut report);
    found
}

type Report<'a> = dyn FnMut(usize, String) + 'a;

fn check_file(source: &str, report: &mut Report) {
    if !source.starts_with("//!") {
        report(1, "a module opens by saying what it is for (//!)".into());
    }
    let lines = source.lines().count();
    if lines > LONGEST_FILE {
        report(lines, format!("{lines} lines; no file has more than {LONGEST_FILE}"));
    }
}

/// `crate::params!` is a macro of `db`; macros of a crate live at its root.
fn check_paths(layer: &str, tokens: &[Token], report: &mut Report) {
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == layer) else { return };
    for (at, token) in tokens.iter().enumerate() {
        if token.is("crate") && follows(tokens, at, &["crate", "::"]) {
            for path in expand(tokens, at + 2).0 {
                let wanted = if path[0] == "params" { "db" } else { path[0].as_str() };
                if ![layer, EVERYBODYS].contains(&wanted) && !allowed.contains(&wanted) {
                    report(token.line, format!("{layer} must not name {wanted}"));
                } else if TYPES_ONLY.contains(&(layer, wanted)) && !names_type(&path) {
                    let path = path.join("::");
                    report(
                        token.line,
                        format!("{layer} may use {wanted}'s types, not call it: {path}"),
                    );
                }
            }
        }
        if token.is("super") && follows(tokens, at, &["super", "::", "super"]) {
            report(token.line, "super::super hides an arrow: write crate::".into());
        }
    }
}

fn names_type(path: &[String]) -> bool {
    path.iter().any(|part| part.starts_with(char::is_uppercase))
}

fn check_homes(layer: &str, tokens: &[Token], report: &mut Report) {
    for (at, token) in tokens.iter().enumerate() {
        let starts_path = at == 0 || !tokens[at - 1].is("::");
        for (name, homes) in HOMES {
            let named = starts_path && follows(tokens, at, &[name, "::"]);
            if named && !homes.contains(&layer) {
                report(token.line, format!("{name} belongs in {}", homes.join(", ")));
            }
        }
        for (call, homes) in CALLS {
            if follows(tokens, at, &[call[0], "::", call[1]]) && !homes.contains(&layer) {
                let homes = if homes.is_empty() { "nowhere" } else { &homes.join(", ") };
                report(token.line, format!("{} belongs in {homes}", call.join("::")));
            }
        }
    }
}

fn check_literals(layer: &str, tokens: &[Token], report: &mut Report) {
    if ["store", "db"].contains(&layer) {
        return;
    }
    for token in tokens {
        if token.text.starts_with(['"', 'r']) && is_sql(&token.text) {
            report(token.line, format!("SQL belongs in store: {}", token.text));
        }
    }
}

/// Whether a string literal is a statement, in either case, and not a sentence.
fn is_sql(literal: &str) -> bool {
    let text = literal.trim_start_matches(['r', '#', '"', '\\', 'n', ' ', '\n']).to_lowercase();
    let first = text.split_whitespace().next().unwrap_or_default();
    let then = match first {
        "select" | "delete" => " from ",
        "insert" => " into ",
        "update" => " set ",
        "with" => " as (",
        "create" | "alter" | "drop" => " table ",
        _ => return false,
    };
    text.contains(then)
}

fn check_synchronous(layer: &str, tokens: &[Token], report: &mut Report) {
    if !["domain", "store"].contains(&layer) {
        return;
    }
    for token in tokens {
        if token.is("async") || token.is("await") || token.is("tokio") {
            report(token.line, format!("{layer} is synchronous: {}", token.text));
        }
    }
}

/// A token with its line. Groups are flattened: their brackets are tokens too.
struct Token {
    text: String,
    line: usize,
}

impl Token {
    fn is(&self, text: &str) -> bool {
        self.text == text
    }
}

fn follows(tokens: &[Token], at: usize, wanted: &[&str]) -> bool {
    tokens.len() >= at + wanted.len() && (0..wanted.len()).all(|i| tokens[at + i].is(wanted[i]))
}

/// The paths of a use tree or an expression that begins at `at`, and where it ends.
fn expand(tokens: &[Token], mut at: usize) -> (Vec<Vec<String>>, usize) {
    let mut path = Vec::new();
    loop {
        if tokens[at].is("{") {
            let mut paths = Vec::new();
            at += 1;
            while !tokens[at].is("}") {
                if tokens[at].is(",") {
                    at += 1;
                    continue;
                }
                let (inner, end) = expand(tokens, at);
                paths.extend(inner.into_iter().map(|rest| [path.clone(), rest].concat()));
                at = end;
            }
            return (paths, at + 1);
        }
        path.push(tokens[at].text.clone());
        at += 1;
        if !tokens.get(at).is_some_and(|token| token.is("::")) {
            if tokens.get(at).is_some_and(|token| token.is("as")) {
                at += 2;
            }
            return (vec![path], at);
        }
        at += 1;
    }
}

fn tokens(path: &Path, source: &str) -> Vec<Token> {
    let stream: TokenStream =
        source.parse().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut tokens = Vec::new();
    flatten(stream, &mut tokens);
    tokens
}

/// Flattens a stream, without documentation and without what is compiled for tests only.
fn flatten(stream: TokenStream, out: &mut Vec<Token>) {
    let mut trees = stream.into_iter().peekable();
    let mut skipping = false;
    while let Some(tree) = trees.next() {
        let line = tree.span().start().line;
        match tree {
            TokenTree::Punct(punct) if punct.as_char() == '#' => {
                if let Some(TokenTree::Punct(_)) = trees.peek() {
                    trees.next();
                }
                if let Some(TokenTree::Group(attribute)) = trees.next() {
                    skipping |= attribute.stream().to_string().replace(' ', "") == "cfg(test)";
                }
            }
            TokenTree::Group(group) => {
                let braces = group.delimiter() == Delimiter::Brace;
                if !skipping {
                    let (open, close) = brackets(group.delimiter());
                    out.push(Token { text: open.into(), line });
                    flatten(group.stream(), out);
                    out.push(Token { text: close.into(), line: group.span_close().start().line });
                }
                // A test module or function ends with its braces.
                skipping &= !braces;
            }
            TokenTree::Punct(punct) if punct.as_char() == ';' && skipping => skipping = false,
            _ if skipping => {}
            TokenTree::Punct(punct) if punct.as_char() == ':' && joins(&punct, trees.peek()) => {
                trees.next();
                out.push(Token { text: "::".into(), line });
            }
            other => out.push(Token { text: other.to_string(), line }),
        }
    }
}

/// Whether a colon and the token after it are one `::`.
fn joins(first: &proc_macro2::Punct, next: Option<&TokenTree>) -> bool {
    let joint = first.spacing() == proc_macro2::Spacing::Joint;
    joint && matches!(next, Some(TokenTree::Punct(next)) if next.as_char() == ':')
}

fn brackets(delimiter: Delimiter) -> (&'static str, &'static str) {
    match delimiter {
        Delimiter::Parenthesis => ("(", ")"),
        Delimiter::Brace => ("{", "}"),
        Delimiter::Bracket => ("[", "]"),
        Delimiter::None => ("", ""),
    }
}
