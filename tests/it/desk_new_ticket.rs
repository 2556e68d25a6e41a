//! A ticket is written down at the desk: for a customer who is known, looked for or new; with a mail or
//! none; once.

use doorkey::domain::Actor;
use doorkey::domain::customers::{self, NewCustomer};
use doorkey::domain::staff::Role;
use doorkey::domain::tickets::{Priority, Ticket};
use doorkey::ids::Reference;
use serde_json::json;

use crate::support::client::{Answer, Client};
use crate::support::desk::email;
use crate::support::{TestApp, dump};

const DANA: &str = "dana@rfs.example";
const ANA: &str = "ana@cafe-lumen.example";
const NEW: &str = "/admin/tickets/new";

async fn desk() -> (TestApp, Client) {
    let app = TestApp::start().await;
    let dana = app.at_the_desk(DANA, Role::Technician).await;
    let ana = NewCustomer {
        name: "Ana Lima".into(),
        phone: "613 555 0123".into(),
        company: "Café Lumen".into(),
        ..NewCustomer::with_email(email(ANA))
    };
    app.act(move |tx, _, now| customers::add(tx, &Actor::System, &ana, now)).await.unwrap();
    (app, dana)
}

/// The key that a page with the form carries.
fn key(page: &str) -> String {
    let after = page.split("name=\"key\" value=\"").nth(1).expect("a key");
    after.split('"').next().unwrap().to_owned()
}

type Form = Vec<(&'static str, String)>;

/// The form as it is opened, filled for Ana.
async fn filled(dana: &Client) -> Form {
    let page = dana.get(NEW).await.expect(200).text();
    vec![
        ("key", key(&page)),
        ("customer", ANA.into()),
        ("subject", "Door does not lock".into()),
        ("description", "Since Monday.".into()),
        ("priority", "high".into()),
        ("category", "Access Control".into()),
        ("assignee", DANA.into()),
        ("notify", "true".into()),
    ]
}

fn with(mut form: Form, changes: &[(&'static str, &str)]) -> Form {
    for (name, value) in changes {
        form.retain(|(field, _)| field != name);
        form.push((name, (*value).to_owned()));
    }
    form
}

async fn send(dana: &Client, form: &Form) -> Answer {
    let fields: Vec<(&str, &str)> = form.iter().map(|(name, it)| (*name, it.as_str())).collect();
    dana.form(NEW, &fields).await
}

/// The ticket that an answer leads to.
async fn created(app: &TestApp, answer: Answer) -> Ticket {
    let answer = answer.expect(303);
    let path = answer.header("location").unwrap();
    app.see(&Reference::parse(path.strip_prefix("/admin/tickets/").unwrap()).unwrap()).await
}

#[tokio::test]
async fn a_mail_that_is_not_sent_to_an_inactive_customer_is_told() {
    let (app, dana) = desk().await;
    let customer = app.customer_row(ANA).await.id;
    app.set_active(customer, false).await;
    let answer = send(&dana, &filled(&dana).await).await.expect(303);
    let then = answer.header("location").unwrap().to_owned();
    let page = dana.get(&then).await.expect(200).text();
    assert!(page.contains("No mail was sent: this customer is inactive."), "{page}");
    app.deliver().await;
    assert_eq!(app.mailbox(ANA).len(), 0);
}

#[tokio::test]
async fn a_ticket_is_created_for_who_called() {
    let (app, dana) = desk().await;
    let form = filled(&dana).await;
    let ticket = created(&app, send(&dana, &form).await).await;
    assert_eq!((ticket.subject.as_str(), ticket.priority), ("Door does not lock", Priority::High));
    assert_eq!(ticket.customer.name, "Ana Lima");
    assert_eq!(ticket.category.as_deref(), Some("Access Control"));
    assert_eq!(ticket.assignee.unwrap().email, email(DANA));
    app.deliver().await;
    assert_eq!(app.mailbox(ANA).kinds(), ["ticket_created"]);
    assert_eq!(app.mailbox(DANA).kinds(), [""; 0], "who assigns themselves knows it");
}

#[tokio::test]
async fn without_the_tick_nobody_is_mailed() {
    let (app, dana) = desk().await;
    let mut form = filled(&dana).await;
    form.retain(|(name, _)| *name != "notify");
    created(&app, send(&dana, &form).await).await;
    app.deliver().await;
    assert_eq!(app.mails().len(), 0);
}

#[tokio::test]
async fn an_unknown_address_becomes_a_customer_and_a_known_one_stays_as_it_is() {
    let (app, dana) = desk().await;
    let told = [("name", "Ben"), ("phone", "613 555 0199"), ("company", "Harbour Lofts")];
    let form = with(filled(&dana).await, &[("customer", "Ben@harbour.example")]);
    let ticket = created(&app, send(&dana, &with(form, &told)).await).await;
    let ben = app.customer_row("ben@harbour.example").await;
    assert_eq!(ticket.customer.id, ben.id);
    assert_eq!((&*ben.name, &*ben.phone, &*ben.company), ("Ben", "613 555 0199", "Harbour Lofts"));
    let form = with(filled(&dana).await, &told);
    created(&app, send(&dana, &form).await).await;
    assert_eq!(app.customer_row(ANA).await.name, "Ana Lima");
}

#[tokio::test]
async fn a_customer_is_found_by_name_company_or_telephone_and_picked_without_a_script() {
    let (_app, dana) = desk().await;
    for words in ["lima", "CAFE\u{301} lum", "0123", "ana@cafe"] {
        let form = with(filled(&dana).await, &[("customer", words), ("step", "find")]);
        let page = send(&dana, &form).await.expect(200).text();
        assert!(page.contains(&format!("name=\"pick\" value=\"{ANA}\"")), "{words}: {page}");
        assert!(page.contains("value=\"Door does not lock\""), "what was typed stays");
        let form = with(form, &[("pick", ANA)]);
        let page = send(&dana, &form).await.expect(200).text();
        assert!(page.contains(&format!("value=\"{ANA}\"")), "{page}");
        assert!(page.contains("data-part=\"known\"") && page.contains("Café Lumen"), "{page}");
        assert!(page.contains("Since Monday.</textarea>"), "{page}");
    }
    let form = with(filled(&dana).await, &[("customer", "nobody<b>"), ("step", "find")]);
    let page = send(&dana, &form).await.expect(200).text();
    assert!(
        page.contains("No customer is found by") && page.contains("nobody&#60;b&#62;"),
        "{page}"
    );
    // Whoever presses Create Ticket with a name instead of an address is helped, too.
    let form = with(filled(&dana).await, &[("customer", "lima")]);
    let page = send(&dana, &form).await.expect(422).text();
    assert!(page.contains("Choose a customer by their e-mail address"), "{page}");
    assert!(page.contains(&format!("name=\"pick\" value=\"{ANA}\"")), "{page}");
    let page = dana.get(&format!("{NEW}?customer={ANA}")).await.expect(200).text();
    assert!(page.contains("data-part=\"known\""), "{page}");
}

#[tokio::test]
async fn customers_are_suggested_to_the_script() {
    let (app, dana) = desk().await;
    let found = dana.get("/admin/tickets/new/customers?q=lim").await.expect(200).json();
    assert_eq!(found, json!([{ "email": ANA, "name": "Ana Lima", "company": "Café Lumen" }]));
    for nothing in ["", "?q=", "?q=%20", "?q=zebra"] {
        let path = format!("/admin/tickets/new/customers{nothing}");
        assert_eq!(dana.get(&path).await.expect(200).json(), json!([]));
    }
    let long = format!("/admin/tickets/new/customers?q={}", "x".repeat(201));
    dana.get(&long).await.expect(422);
    let program = app.anon().header("Accept", "application/json");
    program.get("/admin/tickets/new/customers?q=lim").await.expect(401);
}

#[tokio::test]
async fn every_field_tells_what_is_wrong_and_keeps_what_was_typed() {
    let (app, dana) = desk().await;
    let before = app.dump().await;
    let long = "x".repeat(201);
    for (name, value, said) in [
        ("customer", "", "This field is required."),
        ("customer", "ana@", "does not look like an e-mail address"),
        ("subject", "", "This field is required."),
        ("subject", &*long, "At most 200 characters fit here; these are 201."),
        ("description", "", "This field is required."),
        ("description", "a\u{0}b", "control character"),
        ("priority", "most", "This must be one of: low, medium, high, urgent."),
        ("category", "Plumbing", "This category is not one of"),
        ("assignee", "no@rfs.example", "Nobody active on the staff has this e-mail address."),
        ("phone", &*"5".repeat(51), "At most 50 characters"),
    ] {
        let form = with(filled(&dana).await, &[(name, value)]);
        let page = send(&dana, &form).await.expect(422).text();
        assert!(page.contains(said), "{name}: {page}");
        let kept = if name == "description" { "Door does not lock" } else { "Since Monday." };
        assert!(page.contains(kept), "{name}: {page}");
    }
    let all = send(&dana, &vec![("subject", String::new())]).await.expect(422).text();
    assert!(all.matches("This field is required.").count() >= 3, "{all}");
    assert_eq!(dump::difference(&before, &app.dump().await), "");
}

#[tokio::test]
async fn a_form_that_is_sent_twice_creates_one_ticket() {
    let (app, dana) = desk().await;
    let form = filled(&dana).await;
    let (first, second) = tokio::join!(send(&dana, &form), send(&dana, &form));
    let (first, second) = (created(&app, first).await, created(&app, second).await);
    assert_eq!(first.reference, second.reference);
    assert_eq!(app.number("SELECT count(*) FROM tickets").await, 1);
    // Back, another subject, and again: told, with a form that can be sent.
    let other = with(form, &[("subject", "Another door")]);
    let page = send(&dana, &other).await.expect(422).text();
    assert!(page.contains("A ticket was created from this page already."), "{page}");
    let again = with(other, &[("key", &key(&page))]);
    let third = created(&app, send(&dana, &again).await).await;
    assert_eq!(third.subject, "Another door");
    assert_eq!(app.number("SELECT count(*) FROM tickets").await, 2);
}
