//! The binary as the operating system meets it: started, stopped, killed.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;

use super::doorkey::Doorkey;

/// Running requests get 10 s to finish. A second more is the machine's.
const STOPS_WITHIN: Duration = Duration::from_secs(11);
/// From starting the process to its first answer, on an existing database.
const STARTS_WITHIN: Duration = Duration::from_millis(150);

#[test]
fn it_stops_in_time_whatever_clients_do() {
    let mut doorkey = Doorkey::start(&[]);
    // Says nothing; stops in the head; stops in the body; reads no answer.
    let beginnings = [
        "",
        "GET /portal HTTP/1.1\r\nHost: loc",
        "POST /api/v1/portal/links HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 30\r\n\r\n{\"em",
        "GET /portal HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ];
    let clients: Vec<TcpStream> = beginnings
        .iter()
        .map(|beginning| {
            let mut stream = TcpStream::connect(("127.0.0.1", doorkey.port())).unwrap();
            stream.write_all(beginning.as_bytes()).unwrap();
            stream
        })
        .collect();
    std::thread::sleep(Duration::from_millis(200));
    let asked = Instant::now();
    let status = doorkey.terminate();
    assert!(asked.elapsed() < STOPS_WITHIN, "stopped after {:?}", asked.elapsed());
    assert!(status.success(), "{status}\n{}", doorkey.last_words());
    drop(clients);
}

#[test]
fn it_stops_at_once_when_nobody_waits() {
    let mut doorkey = Doorkey::start(&[]);
    let asked = Instant::now();
    assert!(doorkey.terminate().success());
    assert!(asked.elapsed() < Duration::from_secs(2), "stopped after {:?}", asked.elapsed());
}

#[test]
fn it_answers_soon_after_it_was_started() {
    let mut doorkey = Doorkey::start(&[]);
    // The best of five: what else the machine does is not what is measured.
    let fastest = (0..5)
        .map(|_| {
            doorkey.kill();
            let begun = Instant::now();
            doorkey.run_without_waiting();
            first_answer(&doorkey, begun)
        })
        .min()
        .unwrap();
    let bound = if cfg!(debug_assertions) && std::env::var_os("DOORKEY_TEST_BIN").is_none() {
        STARTS_WITHIN * 10
    } else {
        STARTS_WITHIN
    };
    assert!(fastest <= bound, "the first answer came after {fastest:?}");
}

fn first_answer(doorkey: &Doorkey, begun: Instant) -> Duration {
    loop {
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", doorkey.port())) {
            let asked = stream
                .write_all(b"GET /portal HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            let mut answer = String::new();
            if asked.and_then(|()| stream.read_to_string(&mut answer)).is_ok() {
                assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
                return begun.elapsed();
            }
        }
        assert!(begun.elapsed() < super::PATIENCE, "no answer\n{}", doorkey.last_words());
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_a_kill() {
    let mut doorkey = Doorkey::start(&[]);
    let program = doorkey.program("technician");
    let reference = program.open_ticket("ana@cafe-lumen.example", "Alarm", "It beeps.").await;
    for round in 0..3 {
        let path = format!("/tickets/{reference}/notes");
        let write = |writer: usize| {
            let (program, path) = (&program, &path);
            async move {
                let mut acknowledged = Vec::new();
                loop {
                    let number = acknowledged.len();
                    let text = format!("round {round}, writer {writer}, note {number}");
                    let note = json!({ "body": text, "visibility": "internal" });
                    if !program.try_post(path, &note).await {
                        return acknowledged;
                    }
                    acknowledged.push(text);
                }
            }
        };
        let kill = async {
            tokio::time::sleep(Duration::from_millis(400)).await;
            doorkey.kill();
        };
        let (a, b, c, ()) = tokio::join!(write(1), write(2), write(3), kill);
        doorkey.restart();
        let acknowledged = [a, b, c].concat();
        assert!(acknowledged.len() > 3, "the writers wrote something: {acknowledged:?}");
        let stored = all_notes(&program, &reference).await;
        for text in &acknowledged {
            let times = stored.iter().filter(|stored| *stored == text).count();
            assert_eq!(times, 1, "{text} was acknowledged");
        }
    }
}

async fn all_notes(program: &super::doorkey::Program, reference: &str) -> Vec<String> {
    let mut notes = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/tickets/{reference}/timeline?limit=100{cursor}");
        let page = program.ask(Method::GET, &path, None, 200).await;
        for entry in page["items"].as_array().unwrap() {
            notes.extend(entry["body"].as_str().map(str::to_owned));
        }
        let Some(next) = page["next_cursor"].as_str() else { return notes };
        cursor = format!("&cursor={next}");
    }
}
