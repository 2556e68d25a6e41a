//! The API as the customer: what each answer holds, and what a page of it is built on.

use std::collections::BTreeSet;

use doorkey::domain::entries::Visibility;
use doorkey::domain::staff::Role;
use doorkey::domain::tickets::{Change, Priority, Status};
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::desk::{email, to};

const ALICE: &str = "alice@example.com";
const TICKETS: &str = "/api/v1/portal/tickets";

fn names(value: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn a_session_says_who_and_until_when() {
    let app = TestApp::start().await;
    let alice = app.customer(ALICE).await;
    let session = alice.get("/api/v1/portal/session").await.expect(200).json();
    let wanted = json!({
        "customer": { "email": ALICE, "name": "alice" },
        "expires_at": "2026-11-19T09:14:00.000Z",
    });
    assert_eq!(session, wanted);
}

#[tokio::test]
async fn a_list_has_summaries_and_nothing_more() {
    let app = TestApp::start().await;
    let alice = app.customer(ALICE).await;
    assert_eq!(
        alice.get(TICKETS).await.expect(200).json(),
        json!({ "items": [], "next_cursor": null })
    );
    app.staff("dana@rfs.example", "Dana Reyes", Role::Technician).await;
    let ticket = app.ticket(ALICE, "A broken camera").await.reference;
    app.sleep(60);
    let assign = Change { assignee: Some(Some(email("dana@rfs.example"))), ..Change::default() };
    app.change(&ticket, assign).await.unwrap();
    app.note(&ticket, "We come on Monday.", Visibility::Public).await.unwrap();
    let list = alice.get(TICKETS).await.expect(200);
    assert_eq!(list.header("cache-control"), Some("no-store"));
    let wanted = json!({
        "reference": ticket.as_str(),
        "subject": "A broken camera",
        "status": "open",
        "assigned_to": "Dana Reyes",
        "created_at": "2026-11-12T09:14:00.000Z",
        "updated_at": "2026-11-12T09:15:00.000Z",
        "note_count": 1,
        "unread": true,
    });
    assert_eq!(list.json(), json!({ "items": [wanted], "next_cursor": null }));
}

#[tokio::test]
async fn pages_of_a_list_hold_every_ticket_once_newest_first() {
    let app = TestApp::start().await;
    let alice = app.customer(ALICE).await;
    for number in 0..45 {
        app.ticket(ALICE, &format!("Camera {number}")).await;
        // Many share one millisecond: the id decides.
        if number % 10 == 0 {
            app.sleep(1);
        }
    }
    for (limit, wanted) in
        [("", vec![20, 20, 5]), ("&limit=45", vec![45]), ("&limit=44", vec![44, 1])]
    {
        let (mut cursor, mut sizes, mut seen) = (String::new(), Vec::new(), Vec::new());
        loop {
            let page = alice.get(&format!("{TICKETS}?{cursor}{limit}")).await.expect(200).json();
            let items = page["items"].as_array().unwrap().clone();
            sizes.push(items.len());
            seen.extend(items);
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("cursor={next}"),
                None => break,
            }
        }
        assert_eq!(sizes, wanted);
        let unique: BTreeSet<&str> =
            seen.iter().map(|it| it["reference"].as_str().unwrap()).collect();
        assert_eq!(unique.len(), 45);
        assert!(seen.is_sorted_by(|a, b| a["updated_at"].as_str() >= b["updated_at"].as_str()));
    }
}

#[tokio::test]
async fn a_ticket_that_moves_between_two_pages_is_not_lost_and_not_doubled_below() {
    let app = TestApp::start().await;
    let alice = app.customer(ALICE).await;
    let mut references = Vec::new();
    for number in 0..6 {
        references.push(app.ticket(ALICE, &format!("Camera {number}")).await.reference);
        app.sleep(1);
    }
    let first = alice.get(&format!("{TICKETS}?limit=3")).await.expect(200).json();
    app.note(&references[0], "Moved up.", Visibility::Public).await.unwrap();
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = alice.get(&format!("{TICKETS}?limit=3&cursor={cursor}")).await.expect(200).json();
    let subjects: Vec<&str> = second["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["subject"].as_str().unwrap())
        .collect();
    assert_eq!(subjects, ["Camera 2", "Camera 1"]);
}

#[tokio::test]
async fn a_search_reads_what_the_customer_can_read() {
    let app = TestApp::start().await;
    let alice = app.customer(ALICE).await;
    let ticket = app.ticket(ALICE, "Straße KAMERA ＮＶＲ 50%_off").await.reference;
    app.ticket(ALICE, "A lock").await;
    app.note(&ticket, "The battery is flat.", Visibility::Public).await.unwrap();
    app.reply(&alice, &ticket, "Café au lait 😀").await.unwrap();
    app.resolve(&ticket, "A new transformer.").await.unwrap();
    let finds = async |query: &str| {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let list = alice.get(&format!("{TICKETS}?q={encoded}")).await.expect(200).json();
        list["items"].as_array().unwrap().len()
    };
    let reference = ticket.to_string();
    for query in [
        "kamera",
        "KAMERA",
        "nvr",
        "straße",
        "50%_off",
        "%_",
        "battery",
        "CAFÉ",
        "cafe\u{301}",
        "😀",
        "transformer",
        "kamera battery",
        "said at length",
        &reference,
        &reference.to_lowercase(),
        &reference[4..],
        &reference.replace('0', "o"),
    ] {
        assert!(finds(query).await >= 1, "{query}");
    }
    for query in ["kamera lock", "zzzzzzz", "__%", "\\", "dana", "open'", "%%%%%%"] {
        assert_eq!(finds(query).await, 0, "{query}");
    }
    assert_eq!(finds(" ").await, 2, "nothing asked, everything shown");
    // A subject that was changed is found by its new words alone.
    let renamed = Change { subject: Some("A gate".into()), ..Change::default() };
    app.change(&ticket, renamed).await.unwrap();
    assert_eq!((finds("kamera nvr").await, finds("gate").await), (1, 1), "the description stays");
}

#[tokio::test]
async fn tabs_hold_their_status() {
    let app = TestApp::start().await;
    let alice = app.customer(ALICE).await;
    for status in [Status::InProgress, Status::Closed] {
        let ticket = app.ticket(ALICE, status.label()).await;
        app.change(&ticket.reference, to(status)).await.unwrap();
    }
    app.ticket(ALICE, "Open").await;
    let ticket = app.ticket(ALICE, "Resolved").await;
    app.resolve(&ticket.reference, "Done.").await.unwrap();
    for status in Status::ALL {
        let list =
            alice.get(&format!("{TICKETS}?status={}", status.as_str())).await.expect(200).json();
        let items = list["items"].as_array().unwrap();
        assert_eq!(items.len(), 1, "{status:?}");
        assert_eq!(items[0]["subject"], status.label());
        assert_eq!(items[0]["status"], status.as_str());
    }
}

#[tokio::test]
async fn a_detail_holds_the_whole_story() {
    let app = TestApp::start().await;
    let alice = app.customer(ALICE).await;
    let ticket = app.ticket(ALICE, "A broken camera").await.reference;
    let urgent = Change {
        priority: Some(Priority::Urgent),
        category: Some(Some("CCTV".into())),
        ..to(Status::InProgress)
    };
    app.change(&ticket, urgent).await.unwrap();
    app.note(&ticket, "We come on Monday.\nOr on Tuesday.", Visibility::Public).await.unwrap();
    app.note(&ticket, "Hidden.", Visibility::Internal).await.unwrap();
    app.reply(&alice, &ticket, "Good.").await.unwrap();
    app.resolve(&ticket, "A new cable.").await.unwrap();
    let path = format!("{TICKETS}/{}", ticket.as_str().to_lowercase().replace('0', "o"));
    let detail = alice.get(&path).await.expect(200).json();
    let wanted = [
        "assigned_to",
        "can_reply",
        "category",
        "created_at",
        "description",
        "earlier",
        "note_count",
        "priority",
        "reference",
        "resolution",
        "status",
        "subject",
        "timeline",
        "unread",
        "updated_at",
    ];
    assert_eq!(names(&detail), wanted);
    assert_eq!(
        (&detail["priority"], &detail["category"], &detail["resolution"], &detail["can_reply"]),
        (&json!("urgent"), &json!("CCTV"), &json!("A new cable."), &json!(true))
    );
    let timeline = detail["timeline"].as_array().unwrap();
    for entry in timeline {
        assert_eq!(names(entry), ["at", "author", "body", "from", "id", "kind", "to"]);
    }
    let told: Vec<(&str, Option<&str>, Option<&str>)> = timeline
        .iter()
        .map(|it| (it["kind"].as_str().unwrap(), it["author"].as_str(), it["body"].as_str()))
        .collect();
    let dana = Some("Dana Reyes");
    let wanted = [
        ("created", dana, None),
        ("status_changed", dana, None),
        ("note", dana, Some("We come on Monday.\nOr on Tuesday.")),
        ("reply", Some("alice"), Some("Good.")),
        ("resolution", dana, Some("A new cable.")),
    ];
    assert_eq!(told, wanted);
    assert_eq!((&timeline[1]["from"], &timeline[1]["to"]), (&json!("open"), &json!("in_progress")));
}

#[tokio::test]
async fn a_long_timeline_comes_in_pieces_from_its_end() {
    let app = TestApp::start().await;
    let alice = app.customer(ALICE).await;
    let ticket = app.ticket(ALICE, "A broken camera").await.reference;
    for number in 0..230 {
        let visibility = if number % 10 == 5 { Visibility::Internal } else { Visibility::Public };
        app.note(&ticket, &format!("note {number}"), visibility).await.unwrap();
    }
    let (mut query, mut pieces, mut whole) = (String::new(), Vec::new(), Vec::new());
    loop {
        let detail = alice.get(&format!("{TICKETS}/{ticket}{query}")).await.expect(200).json();
        let piece = detail["timeline"].as_array().unwrap().clone();
        pieces.push(piece.len());
        whole.splice(0..0, piece);
        match detail["earlier"].as_str() {
            Some(earlier) => query = format!("?before={earlier}"),
            None => break,
        }
    }
    assert_eq!(pieces, [100, 100, 8]);
    let bodies: Vec<&str> = whole.iter().filter_map(|entry| entry["body"].as_str()).collect();
    let wanted: Vec<String> =
        (0..230).filter(|it| it % 10 != 5).map(|it| format!("note {it}")).collect();
    assert_eq!(bodies, wanted);
}

#[tokio::test]
async fn a_reply_is_stored_once_whatever_comes_how_often() {
    let app = TestApp::start().await;
    let alice = app.customer(ALICE).await;
    let bob = app.customer("bob@example.com").await;
    let ticket = app.ticket(ALICE, "A broken camera").await.reference;
    let other = app.ticket(ALICE, "A lock").await.reference;
    let bobs = app.ticket("bob@example.com", "A gate").await.reference;
    let path = |reference: &doorkey::ids::Reference| format!("{TICKETS}/{reference}/replies");
    let body = json!({ "body": "Any news?\r\n" });
    let keyed = alice.key("a-key");
    let first = keyed.post(&path(&ticket), &body).await.expect(201).json();
    assert_eq!(first["body"], "Any news?");
    app.sleep(60);
    assert_eq!(keyed.post(&path(&ticket), &body).await.expect(201).json(), first);
    for (reference, body) in [(&ticket, json!({ "body": "Other." })), (&other, body.clone())] {
        let answer = keyed.post(&path(reference), &body).await;
        assert_eq!(answer.problem(), "422 idempotency_mismatch");
    }
    bob.key("a-key").post(&path(&bobs), &body).await.expect(201);
    // Another link of the same person is the same person.
    let elsewhere = app.customer(ALICE).await.key("a-key");
    assert_eq!(elsewhere.post(&path(&ticket), &body).await.expect(201).json(), first);
    // Closed meanwhile: what was stored before is still answered so.
    app.change(&ticket, to(Status::Closed)).await.unwrap();
    assert_eq!(keyed.post(&path(&ticket), &body).await.expect(201).json(), first);
    assert_eq!(alice.post(&path(&ticket), &body).await.problem(), "409 ticket_closed");
    assert_eq!(app.see(&ticket).await.note_count, 1);
    assert!(
        !alice.get(&format!("{TICKETS}/{ticket}")).await.expect(200).json()["can_reply"]
            .as_bool()
            .unwrap()
    );
}

#[tokio::test]
async fn the_same_reply_at_the_same_moment_is_stored_once() {
    let app = TestApp::start().await;
    let alice = app.customer(ALICE).await;
    let ticket = app.ticket(ALICE, "A broken camera").await.reference;
    let path = format!("{TICKETS}/{ticket}/replies");
    let mut tries = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (alice, path) = (alice.key("once"), path.clone());
        tries.spawn(async move {
            alice.post(&path, &json!({ "body": "Hello?" })).await.expect(201).text()
        });
    }
    let answers: BTreeSet<String> = tries.join_all().await.into_iter().collect();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(app.see(&ticket).await.note_count, 1);
}

#[tokio::test]
async fn opening_a_ticket_takes_its_mark_away() {
    let app = TestApp::start().await;
    let alice = app.customer(ALICE).await;
    let ticket = app.ticket(ALICE, "A broken camera").await.reference;
    let unread = async || {
        app.write_uses().await;
        alice.get(TICKETS).await.expect(200).json()["items"][0]["unread"].as_bool().unwrap()
    };
    app.note(&ticket, "News.", Visibility::Public).await.unwrap();
    assert!(unread().await);
    app.sleep(1);
    alice.get(&format!("{TICKETS}/{ticket}")).await.expect(200);
    assert!(!unread().await);
    app.sleep(1);
    app.note(&ticket, "More news.", Visibility::Public).await.unwrap();
    app.sleep(1);
    assert!(unread().await);
    alice.get(&format!("/portal/tickets/{ticket}")).await.expect(200);
    assert!(!unread().await);
}
