//! Several tickets of the list change at once: each by its own rules, told one by one, and back again
//! where nothing happened since.

use doorkey::domain::entries::{Kind, Visibility};
use doorkey::domain::staff::Role;
use doorkey::domain::tickets::{Change, Priority, Status};
use doorkey::ids::Reference;

use crate::support::client::{Answer, Client};
use crate::support::desk::somebody;
use crate::support::desk::{email, to};
use crate::support::{TestApp, dump};

const DANA: &str = "dana@rfs.example";
const ELI: &str = "eli@rfs.example";
const SEVERAL: &str = "/admin/tickets/several";

async fn desk(tickets: usize) -> (TestApp, Client, Vec<Reference>) {
    let app = TestApp::start().await;
    let dana = app.at_the_desk(DANA, Role::Technician).await;
    app.staff(ELI, "Eli", Role::Technician).await;
    let mut made = Vec::new();
    for number in 0..tickets {
        app.sleep(60);
        made.push(app.ticket("alice@example.com", &format!("Number {number}")).await.reference);
    }
    // Nobody changes a ticket in the millisecond in which it was created.
    app.sleep(60);
    (app, dana, made)
}

async fn change(dana: &Client, tickets: &[Reference], wanted: &[(&str, &str)]) -> Answer {
    let mut fields: Vec<(&str, &str)> = tickets.iter().map(|it| ("ticket", it.as_str())).collect();
    fields.extend(wanted);
    dana.form(SEVERAL, &fields).await
}

/// The fields of the undo form on a page, as a browser would send them.
fn undo(page: &str) -> Vec<(String, String)> {
    let Some(form) = page.split("/admin/tickets/several/undo\"").nth(1) else { return vec![] };
    let form = form.split("</form>").next().unwrap();
    let fields = form.split("<input type=\"hidden\" name=\"").skip(1);
    let plain = |text: &str| text.replace("&#38;", "&");
    fields
        .map(|it| {
            let (name, rest) = it.split_once("\" value=\"").unwrap();
            (name.to_owned(), plain(rest.split('"').next().unwrap()))
        })
        .collect()
}

async fn press_undo(dana: &Client, page: &str) -> Answer {
    let fields = undo(page);
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    dana.form("/admin/tickets/several/undo", &fields).await
}

#[tokio::test]
async fn what_somebody_else_changed_meanwhile_is_left_to_them() {
    let (app, dana, tickets) = desk(2).await;
    let list = dana.get("/admin/tickets").await.expect(200).text();
    let shown: Vec<String> = list
        .split("name=\"seen\" value=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect();
    assert_eq!(shown.len(), 2, "{list}");
    let to_eli = Change { assignee: Some(Some(email(ELI))), ..Change::default() };
    app.change(&tickets[0], to_eli).await.unwrap();
    let mut wanted = vec![("assignee", DANA)];
    wanted.extend(shown.iter().map(|seen| ("seen", seen.as_str())));
    let page = change(&dana, &tickets, &wanted).await.expect(200).text();
    assert!(page.contains("1 ticket changed, 1 could not be changed."), "{page}");
    assert!(page.contains("Somebody changed it meanwhile."), "{page}");
    assert_eq!(app.see(&tickets[0]).await.assignee.unwrap().email, email(ELI));
    assert_eq!(app.see(&tickets[1]).await.assignee.unwrap().email, email(DANA));
}

#[tokio::test]
async fn chosen_tickets_change_together_and_back() {
    let (app, dana, tickets) = desk(4).await;
    let wanted = [
        ("assignee", ELI),
        ("status", "in_progress"),
        ("priority", "high"),
        ("list", "status=open&q=number"),
    ];
    let page = change(&dana, &tickets[..3], &wanted).await.expect(200).text();
    assert!(page.contains("3 tickets changed."), "{page}");
    assert!(page.contains("name=\"q\"") && page.contains("value=\"number\""), "the list stays");
    for reference in &tickets[..3] {
        let ticket = app.see(reference).await;
        assert_eq!(ticket.assignee.unwrap().email, email(ELI));
        assert_eq!((ticket.status, ticket.priority), (Status::InProgress, Priority::High));
        let entries = app.timeline(reference).await;
        assert!(entries.iter().any(|entry| entry.kind == Kind::StatusChanged), "{entries:?}");
    }
    assert_eq!(app.see(&tickets[3]).await.priority, Priority::Medium);
    app.deliver().await;
    assert_eq!(app.mails().len(), 0, "nobody is mailed unless it is asked for");
    let page = press_undo(&dana, &page).await.expect(200).text();
    assert!(page.contains("3 tickets put back."), "{page}");
    for reference in &tickets[..3] {
        let ticket = app.see(reference).await;
        assert_eq!(ticket.assignee, None);
        assert_eq!((ticket.status, ticket.priority), (Status::Open, Priority::Medium));
    }
    assert!(undo(&page).is_empty(), "what was put back is done with");
    app.deliver().await;
    assert_eq!(app.mails().len(), 0);
}

#[tokio::test]
async fn what_cannot_be_changed_is_named_with_its_reason_and_holds_up_nothing() {
    let (app, dana, tickets) = desk(4).await;
    app.resolve(&tickets[1], "Done.").await.unwrap();
    app.change(&tickets[1], to(Status::Closed)).await.unwrap();
    app.change(&tickets[2], to(Status::InProgress)).await.unwrap();
    let mut chosen = tickets.clone();
    chosen.push(Reference::parse("TKT-ZZZZZZ").unwrap());
    let page = change(&dana, &chosen, &[("status", "in_progress")]).await.expect(200).text();
    assert!(
        page.contains("3 tickets changed, 1 was so already, 1 could not be changed."),
        "{page}"
    );
    assert!(page.contains("There is no such ticket."), "{page}");
    // The one that was closed with a resolution cannot be put back as it was.
    let back = undo(&page);
    assert_eq!(back.iter().filter(|(name, _)| name == "was").count(), 2, "{back:?}");
    assert!(!back.iter().any(|(_, value)| value.starts_with(tickets[1].as_str())));
    let page = change(&dana, &tickets[..1], &[("status", "resolved")]).await.expect(200).text();
    assert!(page.contains("To resolve a ticket takes a text"), "{page}");
    let closed = app.ticket("bob@example.com", "Shut").await.reference;
    app.change(&closed, to(Status::Closed)).await.unwrap();
    let page = change(&dana, &[closed], &[("status", "resolved")]).await.expect(200).text();
    assert!(page.contains("A ticket that is Closed cannot become Resolved."), "{page}");
    app.act(|tx, _, now| {
        doorkey::domain::staff::set_active(tx, &somebody(), &email(ELI), false, now)
    })
    .await
    .unwrap();
    let page = change(&dana, &tickets[..1], &[("assignee", ELI)]).await.expect(200).text();
    assert!(page.contains("Nobody active on the staff has this e-mail address."), "{page}");
}

#[tokio::test]
async fn an_undo_leaves_alone_what_somebody_touched_since() {
    let (app, dana, tickets) = desk(4).await;
    let page = change(&dana, &tickets, &[("priority", "urgent")]).await.expect(200).text();
    app.note(&tickets[0], "Hm.", Visibility::Internal).await.unwrap();
    let low = Change { priority: Some(Priority::Low), ..Change::default() };
    app.change(&tickets[1], low).await.unwrap();
    let page = press_undo(&dana, &page).await.expect(200).text();
    assert!(page.contains("2 tickets put back, 2 could not be put back."), "{page}");
    assert!(page.contains("Something happened to it since"), "{page}");
    let mut now = Vec::new();
    for reference in &tickets {
        now.push(app.see(reference).await.priority);
    }
    assert_eq!(now, [Priority::Urgent, Priority::Low, Priority::Medium, Priority::Medium]);
    // Pressed twice, it does nothing the second time.
    let before = app.dump().await;
    let page = change(&dana, &[], &[("priority", "low")]).await.expect(422).text();
    assert!(page.contains("Choose some tickets first"), "{page}");
    assert_eq!(dump::difference(&before, &app.dump().await), "");
}

#[tokio::test]
async fn those_it_concerns_are_mailed_if_that_is_asked_for() {
    let (app, dana, tickets) = desk(2).await;
    change(&dana, &tickets, &[("assignee", ELI), ("notify", "true")]).await.expect(200);
    app.deliver().await;
    assert_eq!(app.mailbox(ELI).kinds(), ["ticket_assigned", "ticket_assigned"]);
    change(&dana, &tickets, &[("assignee", "nobody")]).await.expect(200);
    assert_eq!(app.see(&tickets[0]).await.assignee, None);
}

#[tokio::test]
async fn what_no_page_sends_changes_nothing() {
    let (app, dana, tickets) = desk(2).await;
    let before = app.dump().await;
    for (wanted, status) in [
        (vec![], 422),
        (vec![("assignee", "")], 422),
        (vec![("status", "solved")], 422),
        (vec![("assignee", "eli")], 422),
        (vec![("colour", "red")], 422),
        (vec![("priority", "low"), ("priority", "high")], 422),
    ] {
        change(&dana, &tickets, &wanted).await.expect(status);
    }
    let many: Vec<Reference> = (0..100).map(Reference::of_number).collect();
    change(&dana, &many, &[("priority", "low")]).await.expect(422);
    let odd = [("ticket", "<b>x"), ("priority", "low")];
    let page = dana.form(SEVERAL, &odd).await.expect(200).text();
    assert!(page.contains("&#60;b&#62;x") && !page.contains("<b>x"), "{page}");
    let undo = "/admin/tickets/several/undo";
    dana.form(undo, &[]).await.expect(400);
    let damaged = dana.form(undo, &[("was", "TKT-000000 1.2 - - x")]).await.expect(400).text();
    assert!(damaged.contains("This form was changed or cut off on its way"), "{damaged}");
    let unknown = format!("{} 1.2 - low -", Reference::of_number(7));
    dana.form(undo, &[("was", &unknown)]).await.expect(200);
    assert_eq!(dump::difference(&before, &app.dump().await), "");
}
