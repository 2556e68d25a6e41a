//! What was written where: gathers flags, environment and file into one table of settings.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use toml::{Table, Value};

use super::settings::{Effective, SETTINGS, Setting};
use super::{ConfigError, Flags};

/// Names the settings file; not itself a setting.
const FILE_VARIABLE: &str = "DOORKEY_CONFIG";
/// Read when no other file is named, and only if it is there.
const DEFAULT_FILE: &str = "doorkey.toml";
/// The flag with the file that is read when there is neither; it need not be there.
pub(super) const FALLBACK: &str = "config.fallback";
/// Variables with this prefix belong to the test suite.
const TEST_PREFIX: &str = "DOORKEY_TEST_";

/// A value and the place it stands in.
struct Found {
    place: String,
    value: Value,
}

/// Every value that was found, strongest source first come, and every complaint so far.
#[derive(Default)]
pub(super) struct Sources {
    found: BTreeMap<&'static str, Found>,
    complaints: Vec<String>,
}

impl Sources {
    /// Reads everything. What is wrong is kept for [`Self::finish`].
    pub(super) fn gather(
        flags: Flags,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let mut sources = Self::default();
        let (mut file, mut fallback) = (None, None);
        for (name, value) in flags {
            if name == "config" {
                file = Some(value);
            } else if name == FALLBACK {
                fallback = Some(value);
            } else {
                let flag = format!("--{}", name.replace(['.', '_'], "-"));
                sources.put(name, flag, Value::String(value));
            }
        }
        let environment: BTreeMap<String, String> = environment
            .into_iter()
            .filter(|(name, _)| name.starts_with("DOORKEY_") && !name.starts_with(TEST_PREFIX))
            .collect();
        let file = file.or_else(|| environment.get(FILE_VARIABLE).cloned());
        sources.read_environment(environment);
        let defaults = [Some(DEFAULT_FILE), fallback.as_deref()];
        // A folder that this user cannot look into is no reason to stop: sudo -u keeps the folder of
        // whoever types it. The one that is named by its whole path was put there for the service.
        let is_there = |path: &&str| {
            let path = Path::new(path);
            path.try_exists().unwrap_or_else(|_| path.is_absolute())
        };
        if let Some(file) = file.as_deref().or(defaults.into_iter().flatten().find(is_there)) {
            sources.read_file(file);
        }
        sources
    }

    /// Keeps `value` unless a stronger source has spoken.
    fn put(&mut self, name: &'static str, place: String, value: Value) {
        self.found.entry(name).or_insert(Found { place, value });
    }

    fn read_environment(&mut self, environment: BTreeMap<String, String>) {
        let both = |variable: &str| environment.contains_key(variable);
        for variable in environment.keys().filter_map(|name| name.strip_suffix("_FILE")) {
            if both(variable) {
                self.complain(format!("{variable} and {variable}_FILE are both set; remove one"));
            }
        }
        for (variable, value) in environment {
            if variable != FILE_VARIABLE {
                self.read_variable(variable, value);
            }
        }
    }

    fn read_variable(&mut self, variable: String, value: String) {
        if let Some(key) = SETTINGS.iter().find(|key| key.variable == variable) {
            return self.put(key.name, variable, Value::String(value));
        }
        let base = variable.strip_suffix("_FILE");
        if let Some(key) = SETTINGS.iter().find(|key| key.secret && Some(key.variable) == base) {
            return match fs::read_to_string(&value) {
                Ok(text) => self.put(key.name, variable, Value::String(text.trim_end().to_owned())),
                Err(error) => self.complain(format!("{variable}: cannot read {value}: {error}")),
            };
        }
        let known = SETTINGS.iter().map(|key| key.variable).chain([FILE_VARIABLE]);
        let nearest = nearest(&variable, known);
        self.complain(format!("{variable} is not a setting; did you mean {nearest}?"));
    }

    fn read_file(&mut self, path: &str) {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return self.complain(format!(
                    "{path}: cannot read it: {error}; run the command as root or as the user that \
                     may, for example: sudo -u doorkey doorkey …"
                ));
            }
            Err(error) => return self.complain(format!("{path}: cannot read it: {error}")),
        };
        match text.parse::<Table>() {
            Ok(table) => self.read_table(path, "", table),
            // The parser quotes the line it cannot read, and that line may hold a password.
            Err(error) => {
                let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
                self.complain(format!("{path}, line {line}: {}", error.message()));
            }
        }
    }

    fn read_table(&mut self, path: &str, prefix: &str, table: Table) {
        for (word, value) in table {
            let name = format!("{prefix}{word}");
            let section = format!("{name}.");
            match (SETTINGS.iter().find(|key| key.name == name), value) {
                (Some(key), value) => self.put(key.name, format!("{path}: {name}"), value),
                (None, Value::Table(inner))
                    if SETTINGS.iter().any(|key| key.name.starts_with(&section)) =>
                {
                    self.read_table(path, &section, inner);
                }
                (None, Value::Table(_)) => {
                    let hint = known_section(&name);
                    self.complain(format!(
                        "{path}: [{name}] is not a part of the settings; {hint}"
                    ));
                }
                (None, _) => {
                    let nearest = nearest_setting(&name);
                    self.complain(format!(
                        "{path}: {name} is not a setting; did you mean {nearest}?"
                    ));
                }
            }
        }
    }

    /// What holds for each setting, and where it was said. `data_dir` moves the default of the
    /// database.
    pub(super) fn effective(&self, database_default: &str) -> Vec<Effective> {
        let holds = SETTINGS.iter().map(|setting| {
            let (value, from) = match self.found.get(setting.name) {
                Some(found) => (in_words(&found.value), found.place.clone()),
                None if setting.name == "database.url" => {
                    (database_default.to_owned(), "default".to_owned())
                }
                None => (setting.default.to_owned(), "default".to_owned()),
            };
            let value = setting.shown(&value);
            Effective { name: setting.name, variable: setting.variable, value, from }
        });
        holds.collect()
    }

    /// Whether anybody said anything about `name`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.found.contains_key(name)
    }

    /// Whether anybody gave `name` a value; an empty one is none.
    pub(super) fn says(&self, name: &str) -> bool {
        let found = self.found.get(name);
        found.is_some_and(|it| scalar(&it.value).is_none_or(|text| !text.trim().is_empty()))
    }

    /// Notes a mistake.
    pub(super) fn complain(&mut self, complaint: impl Into<String>) {
        self.complaints.push(complaint.into());
    }

    /// The value of `name` as text; numbers and booleans of the file are written out.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        self.parsed(name, |text| Ok(text.to_owned()))
    }

    /// The value of `name`, read by `parse`, whose error says what to write instead. An empty
    /// value is as good as none.
    pub(super) fn parsed<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let found = self.found.get(name)?;
        let result = match scalar(&found.value) {
            Some(text) if text.trim().is_empty() => return None,
            Some(text) => parse(text.trim()),
            None => Err("write one value, not a list or a table".to_owned()),
        };
        self.settle(name, result)
    }

    /// The values of `name`: a list in the file, or one text with commas.
    pub(super) fn list<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let parts: Option<Vec<String>> = match &self.found.get(name)?.value {
            Value::String(text) => Some(text.split(',').map(str::to_owned).collect()),
            Value::Array(items) => items.iter().map(scalar).collect(),
            _ => None,
        };
        let result = match parts {
            Some(parts) => {
                let parts = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty());
                parts.map(parse).collect()
            }
            None => Err("write a list of texts".to_owned()),
        };
        self.settle(name, result)
    }

    /// The tables of `name`, which only the file can hold.
    pub(super) fn tables<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(Value) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let result = match &self.found.get(name)?.value {
            Value::Array(items) => items.iter().cloned().map(parse).collect(),
            _ => Err(format!("write a list of tables, each headed [[{name}]]")),
        };
        self.settle(name, result)
    }

    fn settle<T>(&mut self, name: &str, result: Result<T, String>) -> Option<T> {
        let place = self.found.get(name).map_or(name, |found| &found.place);
        let complaint = match result {
            Ok(value) => return Some(value),
            Err(complaint) => format!("{place}: {complaint}"),
        };
        self.complain(complaint);
        None
    }

    /// All complaints, if there are any.
    pub(super) fn finish(self) -> Result<(), ConfigError> {
        if self.complaints.is_empty() { Ok(()) } else { Err(ConfigError(self.complaints)) }
    }
}

/// A value on one line; lists with commas.
fn in_words(value: &Value) -> String {
    match value {
        Value::Array(items) => items.iter().map(in_words).collect::<Vec<_>>().join(", "),
        Value::Table(table) => table.values().map(in_words).collect::<Vec<_>>().join(" / "),
        single => scalar(single).unwrap_or_default(),
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(yes) => Some(yes.to_string()),
        Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}

/// The part of the file that a setting stands in: `mail` for `mail.from`.
fn section_of(setting: &Setting) -> Option<&'static str> {
    setting.name.rsplit_once('.').map(|(section, _)| section)
}

/// The part that `unknown` was meant to be or, if it is like none, all that there are.
fn known_section(unknown: &str) -> String {
    let mut sections: Vec<&str> = SETTINGS.iter().filter_map(section_of).collect();
    sections.dedup();
    let nearest = nearest(unknown, sections.iter().copied());
    if unknown.starts_with(nearest)
        || strsim::damerau_levenshtein(unknown, nearest) <= unknown.chars().count() / 2
    {
        return format!("did you mean [{nearest}]?");
    }
    format!("there are [{}]", sections.join("], ["))
}

/// The setting that `unknown` was most likely meant to be: one of the same name in another part of
/// the file, or else the one whose name is most like it.
fn nearest_setting(unknown: &str) -> &'static str {
    let word = |name: &'static str| name.rsplit_once('.').map_or(name, |(_, word)| word);
    let own = unknown.rsplit_once('.').map_or(unknown, |(_, word)| word);
    let mut names = SETTINGS.iter().map(|key| key.name);
    names
        .find(|name| word(name) == own)
        .unwrap_or_else(|| nearest(unknown, SETTINGS.iter().map(|key| key.name)))
}

/// The known word that `unknown` was most likely meant to be.
fn nearest<'a>(unknown: &str, known: impl Iterator<Item = &'a str>) -> &'a str {
    known
        .filter(|word| !word.is_empty())
        .min_by_key(|word| strsim::damerau_levenshtein(unknown, word))
        .unwrap_or("")
}
