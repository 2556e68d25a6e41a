//! Customers at the desk: the list, adding and changing one, and the page of one with their
//! tickets, links and mails. Everything here is done with plain pages and forms.

use doorkey::domain::Actor;
use doorkey::domain::customer_desk::{self, CustomerQuery};
use doorkey::domain::customers::{self, CustomerChange, NewCustomer};
use doorkey::domain::staff::Role;
use doorkey::error::Error;

use crate::support::TestApp;
use crate::support::client::Client;
use crate::support::desk::email;

const ANA: &str = "ana@cafe-lumen.example";
const LIST: &str = "/admin/customers";

async fn set_up() -> (TestApp, Client, Client) {
    let app = TestApp::start().await;
    let dana = app.at_the_desk("dana@rfs.example", Role::Technician).await;
    let boss = app.at_the_desk("boss@rfs.example", Role::Admin).await;
    (app, dana, boss)
}

async fn add(app: &TestApp, address: &str, name: &str, phone: &str) -> i64 {
    let new = NewCustomer {
        name: name.to_owned(),
        phone: phone.to_owned(),
        company: "Café Lumen".into(),
        ..NewCustomer::with_email(email(address))
    };
    app.act(move |tx, _, now| customers::add(tx, &Actor::System, &new, now)).await.unwrap().id
}

fn seen(page: &str) -> String {
    page.split("name=\"seen\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_customer_is_found_by_all_that_one_knows_of_them() {
    let (app, dana, _) = set_up().await;
    assert!(dana.get(LIST).await.expect(200).text().contains("No customers yet"));
    let ana = add(&app, ANA, "Ana Costa", "613 555 0142").await;
    add(&app, "ben@example.com", "Ben Ito", "").await;
    let page = dana.get(LIST).await.expect(200).text();
    assert!(page.find("Ben Ito").unwrap() < page.find("Ana Costa").unwrap(), "the newest first");
    assert!(page.contains("href=\"/admin/customers\" aria-current=\"page\""), "in the navigation");
    for typed in ["ana", "COSTA", "lumen%20costa", "555%200142", "ANA%40cafe-lumen.example"] {
        let page = dana.get(&format!("{LIST}?q={typed}")).await.expect(200).text();
        assert!(page.contains(&format!("/admin/customers/{ana}\"")), "{typed}: {page}");
        assert!(!page.contains("Ben Ito"), "{typed}");
    }
    let nobody = dana.get(&format!("{LIST}?q=%3Cb%3Enobody")).await.expect(200).text();
    assert!(nobody.contains("Nobody found") && nobody.contains("&#60;b&#62;nobody"), "{nobody}");
    app.set_active(ana, false).await;
    let of = async |query: &str| dana.get(&format!("{LIST}?{query}")).await.expect(200).text();
    assert!(!of("show=active").await.contains("Ana Costa"));
    let inactive = of("show=inactive&q=costa").await;
    assert!(inactive.contains("Ana Costa") && inactive.contains("Inactive"), "{inactive}");
    assert!(of("show=inactive&q=ito").await.contains("Nobody found"));
    dana.get(&format!("{LIST}?show=some")).await.expect(422);
    let cut_off = dana.get(&format!("{LIST}?cursor=AAAA")).await.expect(200).text();
    assert!(cut_off.contains("Ana Costa"), "an address that was cut off shows the first page");
}

#[tokio::test]
async fn the_list_goes_on_page_by_page() {
    let (app, dana, _) = set_up().await;
    for number in 0..65 {
        add(&app, &format!("c{number}@b.example"), &format!("Number {number}."), "").await;
    }
    let mut path = format!("{LIST}?q=number");
    let mut found = Vec::new();
    for length in [30, 30, 5] {
        let page = dana.get(&path).await.expect(200).text();
        let names: Vec<String> = page
            .split("<bdi>Number ")
            .skip(1)
            .map(|rest| rest.split('.').next().unwrap().to_owned())
            .collect();
        assert_eq!(names.len(), length, "{page}");
        found.extend(names);
        let next = page.split("rel=\"next\" href=\"").nth(1);
        assert_eq!(next.is_some(), length == 30);
        path = next
            .map_or_else(String::new, |rest| rest.split('"').next().unwrap().replace("&#38;", "&"));
    }
    let expected: Vec<String> = (0..65).rev().map(|number| number.to_string()).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_whole_address_is_found_however_many_came_after() {
    let (app, ..) = set_up().await;
    let ana = add(&app, ANA, "Ana Costa", "").await;
    add(&app, "anna@example.com", "about ana@cafe-lumen.example", "").await;
    for (active, wanted) in [(None, 2), (Some(true), 2), (Some(false), 0)] {
        let query = CustomerQuery { active, query: ANA.to_uppercase(), cursor: None, limit: 5 };
        let found = app.db.scan(move |tx| customer_desk::list(tx, &query)).await;
        let found = found.map_err(|error: Error| error).unwrap();
        assert_eq!(found.items.len(), wanted, "{active:?}");
        assert!(found.items.first().is_none_or(|first| first.id == ana));
    }
}

#[tokio::test]
async fn adding_a_customer_keeps_what_was_typed_when_it_is_refused() {
    let (app, dana, _) = set_up().await;
    let new = format!("{LIST}/new");
    let long = "1".repeat(51);
    let typed = [("email", "ana at home"), ("name", "Ana <b>"), ("phone", &long), ("notes", "VIP")];
    let page = dana.form(&new, &typed).await.expect(422).text();
    for words in ["does not look like an e-mail", "At most 50 characters", "Ana &#60;b&#62;", "VIP"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    let typed =
        [("email", ANA), ("name", "Ana Costa"), ("company", "Café Lumen"), ("notes", "VIP")];
    let done = dana.form(&new, &typed).await.expect(303);
    let row = app.customer_row(ANA).await;
    let path = format!("{LIST}/{}", row.id);
    assert_eq!(done.header("location"), Some(&*format!("{path}?said=added")));
    assert_eq!((&*row.name, &*row.company, &*row.notes), ("Ana Costa", "Café Lumen", "VIP"));
    let page = dana.get(&format!("{path}?said=added")).await.expect(200).text();
    assert!(page.contains("The customer was added.") && page.contains("VIP"), "{page}");
    let twice = dana.form(&new, &[("email", "ANA@cafe-lumen.example"), ("name", "Other")]).await;
    let page = twice.expect(422).text();
    assert!(page.contains(&path) && page.contains("exists already") && page.contains("Other"));
    dana.form(&new, &[("email", "x@b.example"), ("active", "false")]).await.expect(422);
}

#[tokio::test]
async fn details_are_changed_and_nobody_overwrites_anybody() {
    let (app, dana, boss) = set_up().await;
    let id = add(&app, ANA, "Ana Costa", "").await;
    let path = format!("{LIST}/{id}");
    let details = format!("{path}/details");
    let of_dana = seen(&dana.get(&path).await.expect(200).text());
    let of_boss = seen(&boss.get(&path).await.expect(200).text());
    let wrong = [("seen", &*of_dana), ("name", "a\tb"), ("notes", "kept as typed")];
    let page = dana.form(&details, &wrong).await.expect(422).text();
    assert!(page.contains("single line") && page.contains("kept as typed"), "{page}");
    let first = [("seen", &*of_dana), ("name", "Ana da Costa"), ("phone", "1"), ("notes", "Dog")];
    dana.form(&details, &first).await.expect(303);
    let row = app.customer_row(ANA).await;
    assert_eq!((&*row.name, &*row.company, &*row.notes), ("Ana da Costa", "", "Dog"));
    let second = [("seen", &*of_boss), ("name", "Ana C."), ("phone", "2")];
    let page = boss.form(&details, &second).await.expect(409).text();
    for words in ["changed this customer meanwhile", "Ana da Costa", "Ana C.", "Dog"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert_eq!(app.customer_row(ANA).await, row, "nothing was saved");
    boss.form(&details, &[("seen", &seen(&page)), ("name", "Ana C.")]).await.expect(303);
    // Sent again by a reload it is no conflict: it is so already.
    boss.form(&details, &[("seen", &seen(&page)), ("name", "Ana C.")]).await.expect(303);
    let changed = app.number("SELECT count(*) FROM event_inbox WHERE kind = 'customer.changed'");
    assert_eq!(changed.await, 2);
    let email = [("seen", &*of_dana), ("email", "other@example.com")];
    dana.form(&details, &email).await.expect(422);
    dana.get(&format!("{LIST}/12345")).await.expect(404);
    dana.get(&format!("{LIST}/ana")).await.expect(404);
}

#[tokio::test]
async fn only_an_admin_keeps_a_customer_out_and_their_links_stop_at_once() {
    let (app, dana, boss) = set_up().await;
    let ana = app.customer(ANA).await;
    let path = format!("{LIST}/{}", app.customer_row(ANA).await.id);
    let page = dana.get(&path).await.expect(200).text();
    assert!(!page.contains("Deactivate"), "{page}");
    dana.form(&format!("{path}/active"), &[("active", "false")]).await.expect(403);
    ana.get("/api/v1/portal/session").await.expect(200);
    assert!(boss.get(&path).await.expect(200).text().contains("Deactivate"));
    boss.form(&format!("{path}/active"), &[]).await.expect(422);
    boss.form(&format!("{path}/active"), &[("active", "false")]).await.expect(303);
    ana.get("/api/v1/portal/session").await.expect(401);
    let page = boss.get(&path).await.expect(200).text();
    assert!(page.contains("Inactive") && page.contains("Activate") && page.contains("Revoked"));
    assert!(!page.contains("Make a Link to Copy"), "{page}");
    let refused = dana.form(&format!("{path}/links"), &[("do", "copy")]).await.expect(409).text();
    assert!(refused.contains("This customer is inactive and gets no link."), "{refused}");
    boss.form(&format!("{path}/active"), &[("active", "true")]).await.expect(303);
    ana.get("/api/v1/portal/session").await.expect(401);
}

#[tokio::test]
async fn links_are_made_mailed_shown_and_revoked() {
    let (app, dana, _) = set_up().await;
    let id = add(&app, ANA, "Ana Costa", "").await;
    let path = format!("{LIST}/{id}");
    let links = format!("{path}/links");
    let page = dana.form(&links, &[("do", "copy")]).await.expect(200).text();
    let link = page.split("id=\"link\"").nth(1).unwrap().split("value=\"").nth(1).unwrap();
    let ana = app.anon().open(&link.split('"').next().unwrap().replace("&#38;", "&"));
    ana.get("/api/v1/portal/session").await.expect(200);
    let viewer = app.viewer(&ana).await;
    app.uses.portal_opened(&viewer, app.now());
    app.write_uses().await;
    let page = dana.get(&path).await.expect(200).text();
    assert!(page.contains("Made by Dana Reyes") && !page.contains("Never used"), "{page}");
    assert!(!page.contains(ana.secret()), "a token is shown once");
    dana.form(&links, &[("do", "send")]).await.expect(303);
    app.deliver().await;
    let mailed = app.anon().open(&app.mailbox(ANA).link());
    mailed.get("/api/v1/portal/session").await.expect(200);
    let page = dana.get(&path).await.expect(200).text();
    assert!(page.contains("Mailed by staff") && page.contains("Never used"), "{page}");
    assert!(page.contains("<h3>Portal link") && page.contains("sent <time"), "{page}");
    let one = format!("{path}/links/{}/revoke", viewer.link_id);
    let other = add(&app, "ben@example.com", "Ben", "").await;
    dana.form(&format!("{LIST}/{other}/links/{}/revoke", viewer.link_id), &[]).await.expect(404);
    dana.form(&one, &[]).await.expect(303);
    ana.get("/api/v1/portal/session").await.expect(401);
    mailed.get("/api/v1/portal/session").await.expect(200);
    let page = dana.get(&path).await.expect(200).text();
    assert!(page.contains("by <bdi>Dana Reyes</bdi>"), "{page}");
    dana.form(&format!("{links}/revoke"), &[]).await.expect(303);
    mailed.get("/api/v1/portal/session").await.expect(401);
    app.sleep_days(8);
    app.customer(ANA).await;
    let page = dana_again(&app).await.get(&path).await.expect(200).text();
    assert!(page.contains("Made by the program the shop"), "{page}");
}

async fn dana_again(app: &TestApp) -> Client {
    app.at_the_desk("dana@rfs.example", Role::Technician).await
}

#[tokio::test]
async fn the_page_shows_tickets_links_and_mails_a_page_of_each() {
    let (app, dana, _) = set_up().await;
    let id = app.customer_row(ANA).await.id;
    for number in 0..12 {
        app.sleep(1);
        let mut new = app.new_ticket(ANA, &format!("Camera {number}."));
        new.notify = number != 3;
        app.create(new).await.unwrap();
        app.link_for(id).await;
    }
    app.ticket("ben@example.com", "Not hers").await;
    app.deliver().await;
    let path = format!("{LIST}/{id}");
    let page = dana.get(&path).await.expect(200).text();
    assert!(page.contains("All 12 in the list") && !page.contains("Not hers"), "{page}");
    let count = |page: &str, what: &str| page.matches(what).count();
    assert_eq!(count(&page, "<bdi dir=\"auto\">Camera"), 10);
    assert_eq!(count(&page, "<h3>Ticket created"), 10);
    let way = |page: &str, label: &str| {
        let before = page.split(&format!("\">{label}</a>")).next().unwrap();
        let href = before.rsplit("href=\"").next().unwrap().replace("&#38;", "&");
        href.split('#').next().unwrap().to_owned()
    };
    let next = dana.get(&way(&page, "More tickets")).await.expect(200).text();
    assert_eq!(count(&next, "<bdi dir=\"auto\">Camera"), 2);
    assert_eq!(count(&next, "<h3>Ticket created"), 10, "the other lists stay");
    let both = dana.get(&way(&next, "Earlier mails")).await.expect(200).text();
    assert_eq!(count(&both, "<bdi dir=\"auto\">Camera"), 2);
    assert_eq!(count(&both, "<h3>Ticket created"), 1);
    let back = dana.get(&way(&both, "Newest tickets")).await.expect(200).text();
    assert_eq!(
        (count(&back, "<bdi dir=\"auto\">Camera"), count(&back, "<h3>Ticket created")),
        (10, 1)
    );
    let links = dana.get(&way(&page, "Earlier links")).await.expect(200).text();
    assert!(links.contains("In a mail") || links.contains("Made by the program"), "{links}");
    dana.get(&format!("{path}?tickets=x&links=x&mails=x")).await.expect(200);
    let new = page.split("New Ticket for This Customer").next().unwrap();
    let new = new.rsplit("href=\"").next().unwrap().split('"').next().unwrap().to_owned();
    let new = dana.get(&new).await.expect(200).text();
    assert!(new.contains(&format!("value=\"{ANA}\"")), "{new}");
}

#[tokio::test]
async fn a_ticket_leads_to_its_customer_and_a_failed_mail_is_told() {
    let (app, dana, _) = set_up().await;
    let ticket = app.create(app.new_ticket(ANA, "Alarm beeps")).await.unwrap();
    let path = format!("{LIST}/{}", ticket.customer.id);
    let page = dana.get(&format!("/admin/tickets/{}", ticket.reference)).await.expect(200).text();
    assert!(page.contains(&format!("<a href=\"{path}\"")), "{page}");
    app.sql(
        "UPDATE outbox SET state = 'failed', error = 'no such <mailbox>', settled_at = created_at",
    )
    .await;
    let page = dana.get(&path).await.expect(200).text();
    assert!(
        page.contains("class=\"failed\"") && page.contains("no such &#60;mailbox&#62;"),
        "{page}"
    );
    let note =
        CustomerChange { notes: Some("Key is next door".into()), ..CustomerChange::default() };
    let id = ticket.customer.id;
    app.act(move |tx, _, now| customers::change(tx, &Actor::System, id, note.clone(), now))
        .await
        .unwrap();
    assert!(dana.get(&path).await.expect(200).text().contains("Key is next door"));
}
