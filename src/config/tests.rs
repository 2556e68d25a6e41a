use std::time::Duration;

use super::*;

fn with(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let environment = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(Flags::new(), environment)
}

fn complaint(pairs: &[(&str, &str)]) -> String {
    with(pairs).expect_err("settings that cannot be used").to_string()
}

fn file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("doorkey.toml");
    std::fs::write(&path, text).expect("a file");
    (folder, path.to_str().expect("a path").to_owned())
}

#[test]
fn without_a_word_the_documented_defaults_hold() {
    let config = with(&[]).expect("defaults");
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.server.public_url.as_str(), "http://localhost:8080");
    assert_eq!(config.database.url.reveal(), "sqlite:data/doorkey.db");
    assert_eq!(config.mail.from, "Support <support@localhost>");
    assert_eq!(config.brand.name, "RFS");
    assert_eq!(config.portal.link_ttl, Duration::from_secs(604_800));
    assert_eq!((config.tickets.reopen_on_reply, config.tickets.auto_close_days), (true, 14));
    assert!(config.limits && config.mail.smtp_url.is_none());
}

#[test]
fn a_unix_socket_is_a_place_to_listen() {
    let config = with(&[("DOORKEY_LISTEN", "unix:/run/doorkey.sock")]).expect("settings");
    assert_eq!(config.server.listen.to_string(), "unix:/run/doorkey.sock");
    assert!(config.server.is_local());
    assert!(!with(&[("DOORKEY_LISTEN", "0.0.0.0:80")]).expect("settings").server.is_local());
    assert!(complaint(&[("DOORKEY_LISTEN", "unix:")]).contains("unix:/run"));
}

#[test]
fn a_flag_beats_the_environment_and_that_beats_the_file() {
    let (_folder, path) = file("[brand]\nname = 'file'\nphone = '1'\nhours = 'file'\n");
    let environment = [("DOORKEY_BRAND_NAME", "env"), ("DOORKEY_BRAND_PHONE", "2")];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let flags = vec![("config", path), ("brand.name", "flag".to_owned())];
    let config = Config::load(flags, environment).expect("settings");
    assert_eq!(config.brand.name, "flag");
    assert_eq!(config.brand.phone.as_deref(), Some("2"));
    assert_eq!(config.brand.hours.as_deref(), Some("file"));
}

#[test]
fn the_fallback_counts_only_where_no_file_is_named() {
    let (_first, named) = file("[brand]\nname = 'named'\n");
    let (_second, fallback) = file("[brand]\nname = 'fallback'\nphone = '1'\n");
    let load = |flags: &[(&'static str, &str)]| {
        let flags = flags.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Config::load(flags, []).expect("settings").brand
    };
    let both = load(&[("config", &named), ("config.fallback", &fallback)]);
    assert_eq!((both.name.as_str(), both.phone), ("named", None));
    let alone = load(&[("config.fallback", &fallback)]);
    assert_eq!(alone.name, "fallback");
    assert_eq!(load(&[("config.fallback", "/nowhere/doorkey.toml")]).name, "RFS");
}

#[test]
fn the_settings_in_the_readme_can_be_used() {
    let readme = include_str!("../../README.md");
    let block = readme.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
    let (_folder, path) = file(block.expect("settings"));
    let config = Config::load(vec![("config", path)], []).expect("settings");
    assert!(config.acme.enabled && config.mail.smtp_url.is_some());
    assert_eq!(config.server.public_url.as_str(), "https://support.example.com");
}

/// What an operator changes in /etc/doorkey/doorkey.toml: the lines marked (1) to (5).
#[test]
fn five_lines_of_the_packages_file_are_all_that_is_needed() {
    let text = include_str!("../../packaging/debian/doorkey.toml");
    let names = ["public_url", "listen", "enabled", "smtp_url", "from"];
    let mut edited = 0;
    let lines: Vec<&str> = text
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(setting) if names.iter().any(|name| setting.starts_with(&format!("{name} ="))) => {
                edited += 1;
                setting
            }
            _ => line,
        })
        .collect();
    assert_eq!(edited, 5);
    let (_folder, path) = file(&lines.join("\n"));
    let config = Config::load(vec![("config", path)], []).expect("settings");
    assert_eq!(config.server.public_url.as_str(), "https://support.example.com");
    assert_eq!(config.server.listen.to_string(), "0.0.0.0:443");
    assert_eq!(config.data_dir, PathBuf::from("/var/lib/doorkey"));
    assert!(config.acme.enabled && config.mail.smtp_url.is_some());
    // Every other line that is commented out is a setting too.
    let all = text.lines().map(|line| line.strip_prefix('#').filter(is_setting).unwrap_or(line));
    let (_folder, path) = file(&all.collect::<Vec<_>>().join("\n"));
    Config::load(vec![("config", path)], []).expect("settings");
}

fn is_setting(line: &&str) -> bool {
    line.split_once(" = ")
        .is_some_and(|(name, _)| name.bytes().all(|b| b == b'_' || b.is_ascii_lowercase()))
}

#[test]
fn the_file_holds_lists_numbers_and_cards() {
    let (_folder, path) = file(
        "trusted_proxies = ['10.0.0.0/8', '::1']\n\
         [tickets]\nauto_close_days = 3\nreopen_on_reply = false\ncategories = ['A', 'B, C']\n\
         [[brand.cards]]\ntitle = 'Shop'\ntext = 'Parts'\nurl = 'https://shop.example'\n",
    );
    let config = with(&[("DOORKEY_CONFIG", &path)]).expect("settings");
    assert_eq!(config.server.trusted_proxies.len(), 2);
    assert_eq!(config.tickets.auto_close_days, 3);
    assert!(!config.tickets.reopen_on_reply);
    assert_eq!(config.tickets.categories, ["A", "B, C"]);
    assert_eq!(config.brand.cards[0].title, "Shop");
}

#[test]
fn unknown_names_are_refused_with_the_nearest_known_one() {
    let text = complaint(&[("DOORKEY_PUBLIC_ULR", "https://x.example")]);
    assert!(text.contains("DOORKEY_PUBLIC_ULR") && text.contains("DOORKEY_PUBLIC_URL"), "{text}");
    let (_folder, path) = file("[portal]\nlink_tll = '7d'\n[colour]\nx = 1\n");
    let text = complaint(&[("DOORKEY_CONFIG", &path)]);
    assert!(text.contains("portal.link_tll") && text.contains("portal.link_ttl"), "{text}");
    assert!(text.contains(": [colour] is not a part of the settings; there are ["), "{text}");
    assert!(text.contains("[brand], "), "{text}");
    assert!(with(&[("DOORKEY_TEST_DATABASE_URL", "x"), ("PATH", "y")]).is_ok());
}

#[test]
fn every_mistake_is_told_at_once() {
    let text = complaint(&[
        ("DOORKEY_LISTEN", "8080"),
        ("DOORKEY_PORTAL_LINK_TTL", "a week"),
        ("DOORKEY_TRUSTED_PROXIES", "10.0.0.1, proxy"),
        ("DOORKEY_LOG_FORMAT", "xml"),
        ("DOORKEY_BRAND_COLOUR", "blue"),
    ]);
    assert_eq!(text.lines().count(), 5, "{text}");
}

#[test]
fn weaknesses_are_reported_to_an_address_or_a_page() {
    let contact = |text: &str| {
        let flags = vec![("security_contact", text.to_owned())];
        Config::load(flags, []).map(|config| config.server.security_contact)
    };
    for good in ["mailto:security@example.com", "https://example.com/security?a=b"] {
        assert_eq!(contact(good).expect("taken").as_deref(), Some(good));
    }
    for bad in [
        "security@example.com",
        "mailto:",
        "mailto:security",
        "mailto:a@example.com,b@example.com",
        "http://example.com/",
        "https://",
        "tel:112",
        "javascript:alert(1)",
    ] {
        assert!(contact(bad).is_err(), "{bad}");
    }
    // Nothing of it becomes a line of its own.
    let broken = contact("https://example.com/\nContact: mailto:eve@evil.example");
    assert!(!broken.expect("a URL").expect("one").contains('\n'));
}

#[test]
fn a_public_url_is_https_unless_it_leads_here() {
    for good in
        ["https://a.example", "http://localhost:1", "http://127.0.0.1:8080/", "http://[::1]"]
    {
        assert!(PublicUrl::parse(good).is_ok(), "{good}");
    }
    for bad in [
        "http://a.example",
        "a.example",
        "ftp://localhost",
        "https://a.example/support",
        "https://u:p@a.example",
        "https://a.example/?x",
        "http://localhost.a.example",
    ] {
        assert!(PublicUrl::parse(bad).is_err(), "{bad}");
    }
    assert_eq!(
        PublicUrl::parse("https://A.example:443/").expect("a URL").as_str(),
        "https://a.example"
    );
}

#[test]
fn limits_can_be_off_only_on_a_loopback_address() {
    assert!(!with(&[("DOORKEY_LIMITS", "off")]).expect("settings").limits);
    let public = ("DOORKEY_PUBLIC_URL", "https://a.example");
    assert!(complaint(&[("DOORKEY_LIMITS", "off"), public]).contains("DOORKEY_LIMITS"));
}

#[test]
fn passkeys_can_be_required_only_where_browsers_know_them() {
    let required = ("DOORKEY_STAFF_REQUIRE_PASSKEY", "on");
    assert!(with(&[required]).expect("settings").rules().require_passkey);
    assert!(!with(&[]).expect("settings").rules().require_passkey);
    let bare = ("DOORKEY_PUBLIC_URL", "https://192.0.2.1");
    assert!(complaint(&[required, bare]).contains("DOORKEY_STAFF_REQUIRE_PASSKEY"));
}

#[test]
fn a_provider_is_set_whole_or_not_at_all() {
    let issuer = ("DOORKEY_OIDC_ISSUER", "https://login.example/staff");
    let id = ("DOORKEY_OIDC_CLIENT_ID", "doorkey");
    let secret = ("DOORKEY_OIDC_CLIENT_SECRET", "hunter2");
    let name = ("DOORKEY_OIDC_NAME", "Example Login");
    assert!(with(&[]).expect("settings").oidc.is_none());
    let whole = with(&[issuer, id, secret]).expect("settings").oidc.expect("a provider");
    assert_eq!((&*whole.issuer, &*whole.name), ("https://login.example/staff", "Single Sign-On"));
    let named = with(&[issuer, id, secret, name]).expect("settings");
    assert_eq!(named.oidc.as_ref().expect("a provider").name, "Example Login");
    assert!(!format!("{named:?}").contains("hunter2"));
    for (half, missing) in [
        (&[issuer][..], "CLIENT_ID) and oidc.client_secret (DOORKEY_OIDC_CLIENT_SECRET)"),
        (&[id, secret], "needs oidc.issuer (DOORKEY_OIDC_ISSUER);"),
        (&[issuer, secret], "needs oidc.client_id (DOORKEY_OIDC_CLIENT_ID);"),
        (&[issuer, id], "needs oidc.client_secret (DOORKEY_OIDC_CLIENT_SECRET);"),
        (&[issuer, id, ("DOORKEY_OIDC_CLIENT_SECRET", " ")], "needs oidc.client_secret"),
        (&[name], "needs oidc.issuer (DOORKEY_OIDC_ISSUER) and oidc.client_id"),
    ] {
        let said = complaint(half);
        assert!(said.contains(missing) && !said.contains("hunter2"), "{said}");
    }
    let plain = ("DOORKEY_OIDC_ISSUER", "http://login.example");
    assert!(complaint(&[plain, id, secret]).starts_with("DOORKEY_OIDC_ISSUER: the issuer must be"));
}

#[test]
fn the_providers_secret_may_come_from_a_file_and_is_not_shown() {
    let (_folder, path) = file("abc:hunter2\n");
    let issuer = ("DOORKEY_OIDC_ISSUER", "https://login.example/staff");
    let id = ("DOORKEY_OIDC_CLIENT_ID", "doorkey");
    let config = with(&[issuer, id, ("DOORKEY_OIDC_CLIENT_SECRET_FILE", &path)]).expect("settings");
    assert_eq!(config.oidc.expect("a provider").client_secret.reveal(), "abc:hunter2");
    let shown = config.effective.iter().find(|it| it.name == "oidc.client_secret");
    assert_eq!(shown.expect("the setting").value, "***");
}

#[test]
fn smtp_needs_a_sender_and_encryption() {
    let from = ("DOORKEY_MAIL_FROM", "Help <help@example.com>");
    assert!(
        complaint(&[("DOORKEY_SMTP_URL", "smtp://mail.example")]).contains("DOORKEY_MAIL_FROM")
    );
    assert!(with(&[("DOORKEY_SMTP_URL", "smtps://u:p@mail.example:465"), from]).is_ok());
    assert!(with(&[("DOORKEY_SMTP_URL", "smtp://127.0.0.1:2525?tls=none"), from]).is_ok());
    assert!(
        complaint(&[("DOORKEY_SMTP_URL", "smtp://mail.example?tls=none"), from])
            .contains("tls=none")
    );
    assert!(complaint(&[("DOORKEY_SMTP_URL", "https://mail.example"), from]).contains("smtp://"));
}

#[test]
fn secrets_come_from_files_and_are_never_shown() {
    let (_folder, path) = file("smtp://u:hunter2@mail.example:587\n");
    let from = ("DOORKEY_MAIL_FROM", "help@example.com");
    let config = with(&[("DOORKEY_SMTP_URL_FILE", &path), from]).expect("settings");
    let login = config.mail.smtp_url.clone().and_then(|url| url.login).expect("a login");
    assert_eq!(login.password, "hunter2");
    assert!(!format!("{config:?}").contains("hunter2"));
    let both = [("DOORKEY_SMTP_URL_FILE", path.as_str()), ("DOORKEY_SMTP_URL", "smtp://x"), from];
    assert!(complaint(&both).contains("both set"));
    let text = complaint(&[("DOORKEY_SMTP_URL", "smpt://u:hunter2@mail.example"), from]);
    assert!(!text.contains("hunter2"), "{text}");
    let (_folder, path) = file("[mail]\nsmtp_url = 'smtp://u:hunter2@mail.example\n");
    let text = complaint(&[("DOORKEY_CONFIG", &path)]);
    assert!(text.contains("line 2") && !text.contains("hunter2"), "{text}");
}

#[test]
fn slow_is_a_time_or_never() {
    let slow = |text: &str| with(&[("DOORKEY_LOG_SLOW", text)]).map(|config| config.log.slow);
    assert_eq!(with(&[]).expect("defaults").log.slow, Some(Duration::from_millis(200)));
    assert_eq!(slow("35ms"), Ok(Some(Duration::from_millis(35))));
    assert_eq!(slow("2s"), Ok(Some(Duration::from_secs(2))));
    assert_eq!(slow("off"), Ok(None));
    for bad in ["0ms", "ms", "-1ms", "1.5ms", "200", "99999999999999999999ms", "3600001ms"] {
        assert!(slow(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_part_of_the_file_that_is_not_known_is_told_with_the_nearest() {
    for (text, hint) in [
        (
            "[mial]\nfrom = 'a@b.example'\n",
            "[mial] is not a part of the settings; did you mean [mail]?",
        ),
        ("[tikets]\n", "did you mean [tickets]?"),
        (
            "[mail.smtp]\nurl = 'x'\n",
            "[mail.smtp] is not a part of the settings; did you mean [mail]?",
        ),
        ("smtp_url = 'x'\n", "smtp_url is not a setting; did you mean mail.smtp_url?"),
        ("[mail]\nform = 'x'\n", "mail.form is not a setting; did you mean mail.from?"),
    ] {
        let (_folder, path) = file(text);
        let said = complaint(&[("DOORKEY_CONFIG", &path)]);
        assert!(said.contains(hint), "{said}");
    }
}

#[test]
fn two_listeners_cannot_have_one_place() {
    let url = ("DOORKEY_PUBLIC_URL", "https://a.example");
    for (listen, other, variable) in [
        ("127.0.0.1:8080", "127.0.0.1:8080", "DOORKEY_METRICS_LISTEN"),
        ("0.0.0.0:9090", "127.0.0.1:9090", "DOORKEY_METRICS_LISTEN"),
        ("127.0.0.1:9090", "[::]:9090", "DOORKEY_METRICS_LISTEN"),
        ("unix:/run/a", "unix:/run/a", "DOORKEY_METRICS_LISTEN"),
        ("0.0.0.0:80", "0.0.0.0:80", "DOORKEY_TLS_REDIRECT_LISTEN"),
    ] {
        let said = complaint(&[("DOORKEY_LISTEN", listen), (variable, other), url]);
        assert!(said.contains(&format!("({variable}) are both {other}")), "{said}");
        assert!(said.contains("listen (DOORKEY_LISTEN)"), "{said}");
    }
    for (listen, other) in [
        ("127.0.0.1:8080", "127.0.0.1:9090"),
        ("127.0.0.1:8080", "192.0.2.1:8080"),
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("unix:/run/a", "127.0.0.1:8080"),
    ] {
        assert!(with(&[("DOORKEY_LISTEN", listen), ("DOORKEY_METRICS_LISTEN", other)]).is_ok());
    }
    let said = complaint(&[("DOORKEY_METRICS_LISTEN", "127.0.0.1:8080")]);
    assert!(said.contains("both 127.0.0.1:8080; give each a port of its own"), "{said}");
}

#[test]
fn durations_have_a_number_and_a_unit() {
    let seconds = |text: &str| values::duration(text).map(|duration| duration.as_secs());
    assert_eq!(seconds("2s"), Ok(2));
    assert_eq!(seconds("15m"), Ok(900));
    assert_eq!(seconds("12h"), Ok(43_200));
    assert_eq!(seconds("7d"), Ok(604_800));
    for bad in
        ["", "7", "d", "7 d", "0s", "-1d", "1.5h", "7w", "٧d", "99999999999999999999d", "9999d"]
    {
        assert!(values::duration(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_level_that_does_not_exist_is_refused_and_not_taken_for_silence() {
    for good in ["info", "WARN", "off", "info,doorkey::db=trace", "doorkey=debug"] {
        assert!(Config::load(vec![("log", good.to_owned())], []).is_ok(), "{good}");
    }
    for bad in ["inof", "zzz", "info,inof", "verbose"] {
        let error = Config::load(vec![("log", bad.to_owned())], []).err();
        let error = error.map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("log") && error.contains("write error"), "{bad}: {error}");
    }
}
