//! The settings: a file, then after a NUL the environment, one variable a line. No password that stands
//! there is repeated, and what an admin sets at the desk is read as it is written.
#![no_main]

use std::cell::LazyCell;
use std::fs;

use doorkey::config::{AT_THE_DESK, Config};
use libfuzzer_sys::fuzz_target;
use tempfile::NamedTempFile;

const SECRET: &str = "K3nnw0rt";

thread_local! {
    static FILE: LazyCell<NamedTempFile> = LazyCell::new(|| {
        let memory = std::path::Path::new("/dev/shm");
        let file = if memory.is_dir() { NamedTempFile::new_in(memory) } else { NamedTempFile::new() };
        file.expect("a file")
    });
}

fuzz_target!(|input: &str| {
    let (file, environment) = input.split_once('\0').unwrap_or((input, ""));
    let pairs = environment.lines().filter_map(|line| line.split_once('='));
    // Other files are not read: one of them could have no end.
    let pairs = pairs.filter(|(name, _)| !name.ends_with("_FILE"));
    let mut pairs: Vec<(String, String)> =
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let url = format!("postgres://doorkey:{SECRET}@localhost/doorkey");
    pairs.push(("DOORKEY_DATABASE_URL".to_owned(), url));
    let path = FILE.with(|it| it.path().display().to_string());
    fs::write(&path, file).expect("a file");
    match Config::load(vec![("config", path)], pairs) {
        Ok(mut config) => {
            let told = format!("{config:?} {:?}", config.effective);
            assert!(!told.contains(SECRET), "{told}");
            assert!(config.rules().link_ttl.as_secs() > 0);
            at_the_desk(&mut config, input);
        }
        Err(error) => {
            assert!(!error.0.is_empty() && error.0.iter().all(|line| !line.trim().is_empty()));
            assert!(!error.to_string().contains(SECRET), "{error}");
        }
    }
    at_the_desk(&mut Config::default(), input);
});

/// What `set` takes, `text_of` gives, and `set` takes that again.
fn at_the_desk(config: &mut Config, text: &str) {
    for name in AT_THE_DESK {
        let before = config.text_of(name);
        if config.set(name, text).is_err() {
            assert_eq!(config.text_of(name), before, "{name}");
            continue;
        }
        let kept = config.text_of(name);
        config.set(name, &kept).unwrap_or_else(|error| panic!("{name}: {kept:?}: {error}"));
        assert_eq!(config.text_of(name), kept, "{name}");
    }
}
