//! An import: lines of JSON. Each is read as it is written, each is taken or named, and none counts twice.
#![no_main]

use std::io::Cursor;

use doorkey::cli::import_lines::{Lines, last_line};
use doorkey::domain::transfer::{Assembler, Line, is_end};
use libfuzzer_sys::fuzz_target;

const HEADER: &str = r#"{"type":"doorkey","version":1}"#;

fuzz_target!(|bytes: &[u8]| {
    let mut file = Cursor::new(bytes);
    let is_whole = is_end(&last_line(&mut file).expect("bytes"));
    assert_eq!(file.position(), 0);
    let mut lines = Lines::new(file);
    let (mut assembler, mut count, mut good) = (None, 0, 0);
    while let Some((number, read)) = lines.next_line().expect("bytes") {
        count += 1;
        assert_eq!(number, count);
        let text = match read {
            Ok(text) => text,
            Err(error) => {
                assert_eq!(error.line, number);
                if let Some(assembler) = &mut assembler {
                    Assembler::refuse(assembler, error);
                }
                continue;
            }
        };
        if let Ok(line) = serde_json::from_str::<Line>(text) {
            let written = serde_json::to_string(&line).expect("a line");
            assert_eq!(serde_json::from_str::<Line>(&written).ok().as_ref(), Some(&line));
            good += 1;
        }
        if assembler.is_none() {
            assembler = Assembler::new(number, text, None).ok();
            if assembler.is_some() {
                continue;
            }
        }
        // Without a header nothing is read: that of another file stands in for it.
        let stand_in = || Assembler::new(1, HEADER, Some("fuzz")).expect("a header");
        assembler.get_or_insert_with(stand_in).read(number, text);
    }
    let Some(mut assembler) = assembler else { return };
    assembler.finish();
    let (ready, bad) = (assembler.take_ready(), assembler.take_bad());
    assert!(ready.len() <= good && ready.iter().map(|it| it.weight()).sum::<usize>() <= good);
    assert!(bad.iter().all(|it| (1..=count).contains(&it.line) && !it.error.message.is_empty()));
    assert!(assembler.totals().all() <= count);
    assert!(assembler.is_whole() || !is_whole, "its last line was read");
    assert!((1..=200).contains(&assembler.source().chars().count()));
    assert!(assembler.take_ready().is_empty() && assembler.take_bad().is_empty());
});
