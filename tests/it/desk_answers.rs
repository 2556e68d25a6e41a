//! Saved answers at the desk: kept for everybody, put into what is written on a ticket.

use doorkey::domain::answers;
use doorkey::domain::staff::Role;

use crate::support::client::Client;
use crate::support::desk::somebody;
use crate::support::{TestApp, dump};

const ANA: &str = "ana@cafe-lumen.example";

/// The desk with Dana signed in, and a saved answer's path.
async fn set_up() -> (TestApp, Client, String) {
    let app = TestApp::start().await;
    let dana = app.at_the_desk("dana@rfs.example", Role::Technician).await;
    let text = "Hello {customer},\nabout {reference} ({subject}): {company}\n{technician}";
    let fields = [("name", "Power cut"), ("body", text)];
    let saved = dana.form("/admin/answers", &fields).await.expect(303);
    assert_eq!(saved.header("location"), Some("/admin/answers"));
    let id = app.number("SELECT id FROM answers").await;
    (app, dana, format!("/admin/answers/{id}"))
}

/// What stands in a text area of the page.
fn written(page: &str, name: &str) -> String {
    let area = page.split(&format!("name=\"{name}\"")).nth(1).unwrap();
    let text = area.split_once('>').unwrap().1.split("</textarea>").next().unwrap();
    text.replace("&#38;", "&").replace("&#60;", "<").replace("&#62;", ">")
}

#[tokio::test]
async fn an_answer_is_kept_changed_and_removed() {
    let (app, dana, path) = set_up().await;
    let list = dana.get("/admin/answers").await.expect(200).text();
    assert!(list.contains("Power cut") && list.contains("Hello {customer}"), "{list}");
    let page = dana.get(&path).await.expect(200).text();
    assert!(written(&page, "body").starts_with("Hello {customer},\nabout"), "{page}");
    let fields = [("name", "After a power cut"), ("body", "Press 1.")];
    dana.form(&path, &fields).await.expect(303);
    let list = dana.get("/admin/answers").await.expect(200).text();
    assert!(list.contains("After a power cut") && !list.contains("Hello"), "{list}");
    dana.form(&format!("{path}/remove"), &[]).await.expect(303);
    let list = dana.get("/admin/answers").await.expect(200).text();
    assert!(list.contains("There are none yet"), "{list}");
    for address in [path.clone(), format!("{path}/remove")] {
        dana.form(&address, &fields[..0]).await.expect(if address == path { 422 } else { 404 });
    }
    dana.get(&path).await.expect(404);
    let boss = app.at_the_desk("boss@rfs.example", Role::Admin).await;
    let log = boss.get("/admin/audit.csv?who=staff").await.expect(200).text();
    for line in ["added", "edited", "removed"] {
        assert_eq!(log.matches(&format!(",answer.{line},")).count(), 1, "{log}");
    }
    assert!(log.contains("name: “Power cut” became “After a power cut”; text: "), "{log}");
}

#[tokio::test]
async fn what_is_wrong_with_an_answer_is_said_at_its_field_and_what_was_typed_stays() {
    let (app, dana, path) = set_up().await;
    let long = "x".repeat(5_001);
    let before = app.dump_of("answers").await;
    for (name, body, words) in [
        ("POWER CUT", "Other words", "Another saved answer has this name."),
        ("", "Other words", "This field is required."),
        ("Other", "", "This field is required."),
        ("Other", "Hi {custommer}", "There is no placeholder {custommer}."),
        ("Other", &*long, "At most 5000 characters fit here; these are 5001."),
        ("Oth\u{7}er", "Other words", "control character U+0007"),
    ] {
        let fields = [("name", name), ("body", body)];
        let page = dana.form("/admin/answers", &fields).await.expect(422).text();
        assert!(page.contains(words), "{words}: {page}");
        assert!(written(&page, "body") == body, "{page}");
    }
    let other = [("name", "Other"), ("body", "Other words")];
    dana.form("/admin/answers", &other).await.expect(303);
    let taken = [("name", "other"), ("body", "My words")];
    let page = dana.form(&path, &taken).await.expect(422).text();
    assert!(page.contains("Another saved answer has this name."), "{page}");
    assert_eq!(written(&page, "body"), "My words");
    let after = app.dump_of("answers").await;
    assert!(before.iter().all(|row| after.contains(row)), "nothing was changed: {after:?}");
}

#[tokio::test]
async fn there_are_at_most_as_many_as_a_list_can_show() {
    let (app, dana, _) = set_up().await;
    for number in 1..answers::MOST {
        app.act(move |tx, _, now| {
            answers::add(tx, &somebody(), (&format!("Answer {number}"), "Text"), now)
        })
        .await
        .unwrap();
    }
    let fields = [("name", "One more"), ("body", "Text")];
    let page = dana.form("/admin/answers", &fields).await.expect(422).text();
    assert!(page.contains("There are 200 saved answers already."), "{page}");
}

#[tokio::test]
async fn an_answer_goes_below_what_was_written_with_its_placeholders_filled() {
    let (app, dana, path) = set_up().await;
    let ticket = app.ticket(ANA, "Alarm <beeps>").await;
    let at = format!("/admin/tickets/{}", ticket.reference);
    let id = path.rsplit('/').next().unwrap();
    let wanted = format!("Hello {ANA},\nabout {} (Alarm <beeps>): \nDana Reyes", ticket.reference);
    let plain = dana.get(&format!("{at}/answers/{id}")).await.expect(200);
    assert_eq!(plain.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(plain.text(), wanted);
    dana.get(&format!("{at}/answers/7")).await.expect(422);
    dana.get(&format!("/admin/tickets/TKT-000000/answers/{id}")).await.expect(404);

    let before = app.dump().await;
    let insert = format!("{at}/answers");
    let chosen =
        [("seen", "1.1"), ("visibility", "public"), ("body", ""), ("answer", id), ("into", "note")];
    let page = dana.form(&insert, &chosen).await.expect(200).text();
    assert_eq!(written(&page, "body"), wanted);
    assert!(page.contains("value=\"public\" checked"), "what was chosen stays chosen: {page}");
    let mut again = chosen;
    again[2].1 = "I was there.\n";
    let page = dana.form(&insert, &again).await.expect(200).text();
    assert_eq!(written(&page, "body"), format!("I was there.\n\n{wanted}"));
    let resolution = [("text", "Done."), ("answer", id), ("into", "resolution")];
    let page = dana.form(&insert, &resolution).await.expect(200).text();
    assert_eq!(written(&page, "text"), format!("Done.\n\n{wanted}"));
    let none = [("body", "As it is."), ("answer", ""), ("into", "note")];
    let page = dana.form(&insert, &none).await.expect(200).text();
    assert_eq!(written(&page, "body"), "As it is.");
    for gone in ["7", "x"] {
        let none = [("body", "As it is."), ("answer", gone), ("into", "note")];
        dana.form(&insert, &none).await.expect(422);
    }
    assert_eq!(dump::difference(&before, &app.dump().await), "", "nothing is saved");
}
