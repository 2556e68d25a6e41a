//! One ticket at the desk: what its page shows, what is written there, and what becomes of two who
//! write at the same time. Everything here is done with plain pages and forms.

use doorkey::domain::entries::{Kind, Visibility};
use doorkey::domain::staff::Role;
use doorkey::domain::tickets::{Change, Priority, Status, Ticket};

use crate::support::TestApp;
use crate::support::client::Client;
use crate::support::desk::email;

const ANA: &str = "ana@cafe-lumen.example";

/// The desk with a ticket of Ana's, and Dana signed in.
async fn set_up() -> (TestApp, Client, Ticket) {
    let app = TestApp::start().await;
    let ticket = app.ticket(ANA, "Alarm beeps").await;
    let dana = signed_in(&app, "dana@rfs.example", "Dana Reyes").await;
    (app, dana, ticket)
}

async fn signed_in(app: &TestApp, address: &str, name: &str) -> Client {
    app.staff(address, name, Role::Technician).await;
    let browser = app.anon().browser();
    browser.form("/admin/sign-in", &[("email", address)]).await.expect(303);
    app.deliver().await;
    let link = app.mailbox(address).sign_in_path();
    browser.form(&link, &[]).await.expect(303);
    browser
}

fn path(ticket: &Ticket) -> String {
    format!("/admin/tickets/{}", ticket.reference)
}

/// What the page says it has seen.
fn seen(page: &str) -> String {
    page.split("name=\"seen\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

/// The page, and what it has seen.
async fn look(browser: &Client, ticket: &Ticket) -> (String, String) {
    let page = browser.get(&path(ticket)).await.expect(200).text();
    let seen = seen(&page);
    (page, seen)
}

#[tokio::test]
async fn the_page_shows_everything_and_marks_what_is_internal() {
    let (app, dana, ticket) = set_up().await;
    let internal = "The panel is the old model.";
    app.note(&ticket.reference, internal, Visibility::Internal).await.unwrap();
    app.note(&ticket.reference, "We come on Tuesday.", Visibility::Public).await.unwrap();
    let ana = app.customer(ANA).await;
    app.reply(&ana, &ticket.reference, "Tuesday is fine.").await.unwrap();
    app.deliver().await;
    let (page, _) = look(&dana, &ticket).await;
    for words in ["Alarm beeps", ticket.reference.as_str(), ANA, "Tuesday is fine.", "Open"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let entry = |text: &str| {
        let end = page.find(text).unwrap_or_else(|| panic!("{text}"));
        page[page[..end].rfind("<li id").unwrap()..end].to_owned()
    };
    assert!(entry("The panel is the old").contains("internal, the customer does not see this"));
    assert!(entry("The panel is the old").contains("class=\"internal\""));
    assert!(entry("We come on Tuesday").contains("to the customer"));
    assert!(entry("Tuesday is fine").contains("class=\"mine\""));
    assert!(page.contains("<b>New note</b>"), "mails stand there with their state: {page}");
    assert!(page.contains("sent <time"), "{page}");
    assert!(page.contains("Has not opened this ticket in the portal yet."));
    ana.get(&format!("/api/v1/portal/tickets/{}", ticket.reference)).await.expect(200);
    app.write_uses().await;
    let (page, _) = look(&dana, &ticket).await;
    assert!(page.contains("Has read everything in the portal"), "{page}");
    dana.get("/admin/tickets/TKT-000000").await.expect(404);
    dana.get("/admin/tickets/nonsense").await.expect(404);
}

#[tokio::test]
async fn a_note_is_internal_unless_public_is_chosen() {
    let (app, dana, ticket) = set_up().await;
    app.deliver().await;
    let before = app.mails().len();
    let (_, seen) = look(&dana, &ticket).await;
    let notes = format!("{}/notes", path(&ticket));
    let fields = [("seen", &*seen), ("body", "Only for us."), ("notify", "true")];
    let done = dana.form(&notes, &fields).await.expect(303);
    assert_eq!(done.header("location"), Some(&*format!("{}#write", path(&ticket))));
    let timeline = app.timeline(&ticket.reference).await;
    let note = timeline.last().unwrap();
    assert_eq!((note.kind, note.visibility), (Kind::Note, Visibility::Internal));
    assert_eq!(note.author.as_deref(), Some("Dana Reyes"));
    app.deliver().await;
    assert_eq!(app.mails().len(), before, "nobody is told of an internal note");

    let (_, seen) = look(&dana, &ticket).await;
    let public = [("seen", &*seen), ("body", "We are on it."), ("visibility", "public")];
    dana.form(&notes, &public).await.expect(303);
    app.deliver().await;
    assert_eq!(app.mails().len(), before, "a mail only if the box is ticked");

    let (_, seen) = look(&dana, &ticket).await;
    let mailed =
        [("seen", &*seen), ("body", "On our way."), ("visibility", "public"), ("notify", "true")];
    dana.form(&notes, &mailed).await.expect(303);
    app.deliver().await;
    assert!(app.mailbox(ANA).last().text.contains("On our way."));
    let ana = app.customer(ANA).await;
    let detail = ana.get(&format!("/api/v1/portal/tickets/{}", ticket.reference)).await;
    let told = detail.expect(200).text();
    assert!(told.contains("We are on it.") && told.contains("On our way."), "{told}");
    assert!(!told.contains("Only for us."), "{told}");
}

#[tokio::test]
async fn a_form_that_comes_twice_is_taken_once() {
    let (app, dana, ticket) = set_up().await;
    let (_, seen) = look(&dana, &ticket).await;
    let notes = format!("{}/notes", path(&ticket));
    for _ in 0..3 {
        dana.form(&notes, &[("seen", &seen), ("body", "Called her.")]).await.expect(303);
    }
    let timeline = app.timeline(&ticket.reference).await;
    assert_eq!(timeline.iter().filter(|entry| entry.kind == Kind::Note).count(), 1);
    let (_, seen) = look(&dana, &ticket).await;
    let resolution = format!("{}/resolution", path(&ticket));
    let fields = [("seen", &*seen), ("text", "New battery."), ("step", "resolve")];
    for _ in 0..2 {
        dana.form(&resolution, &fields).await.expect(303);
    }
    assert_eq!(app.see(&ticket.reference).await.status, Status::Resolved);
    let timeline = app.timeline(&ticket.reference).await;
    assert_eq!(timeline.iter().filter(|entry| entry.kind == Kind::Resolution).count(), 1);
}

#[tokio::test]
async fn two_who_write_at_once_overwrite_nothing() {
    let (app, dana, ticket) = set_up().await;
    let omar = signed_in(&app, "omar@rfs.example", "Omar Haddad").await;
    let (_, of_dana) = look(&dana, &ticket).await;
    let (_, of_omar) = look(&omar, &ticket).await;
    let notes = format!("{}/notes", path(&ticket));
    let to_ana = [("seen", &*of_dana), ("body", "Coming at 3."), ("visibility", "public")];
    dana.form(&notes, &to_ana).await.expect(303);
    let forms: [(&str, &[(&str, &str)]); 4] = [
        ("notes", &[("body", "Coming at <5>."), ("visibility", "public"), ("notify", "true")]),
        (
            "details",
            &[("subject", "Other"), ("priority", "urgent"), ("category", ""), ("assignee", "")],
        ),
        ("status", &[("status", "closed")]),
        ("resolution", &[("text", "Battery <changed>."), ("step", "resolve")]),
    ];
    let before = app.dump().await;
    for (form, fields) in forms {
        let fields = [&[("seen", &*of_omar)], fields].concat();
        let answer = omar.form(&format!("{}/{form}", path(&ticket)), &fields).await.expect(409);
        let page = answer.text();
        assert!(page.contains("Somebody changed this ticket meanwhile"), "{form}: {page}");
        assert!(page.contains("Dana Reyes</bdi></a> wrote to the customer"), "{form}: {page}");
        assert_ne!(seen(&page), of_omar, "{form}: the page has seen it now");
    }
    assert_eq!(crate::support::dump::difference(&before, &app.dump().await), "");
    // What was typed stands there again, and can be sent.
    let fields = [("seen", &*of_omar), ("body", "Coming at <5>."), ("visibility", "public")];
    let page = omar.form(&notes, &fields).await.expect(409).text();
    assert!(page.contains(">Coming at &#60;5&#62;.</textarea>"), "{page}");
    assert!(page.contains("value=\"public\" checked"), "{page}");
    let fields = [("seen", &*seen(&page)), ("body", "Coming at <5>."), ("visibility", "public")];
    omar.form(&notes, &fields).await.expect(303);
    assert_eq!(
        app.timeline(&ticket.reference).await.last().unwrap().body.as_deref(),
        Some("Coming at <5>.")
    );
    // A change that leaves no entry is noticed too.
    let (_, of_omar) = look(&omar, &ticket).await;
    let urgent = Change { priority: Some(Priority::Urgent), ..Change::default() };
    app.change(&ticket.reference, urgent).await.unwrap();
    let fields = [("seen", &*of_omar), ("body", "And?")];
    let page = omar.form(&notes, &fields).await.expect(409).text();
    assert!(page.contains("Its subject, priority or category is another now."), "{page}");
}

#[tokio::test]
async fn who_changes_one_detail_leaves_the_others_as_others_made_them() {
    let (app, dana, ticket) = set_up().await;
    let omar = signed_in(&app, "omar@rfs.example", "Omar Haddad").await;
    let details = format!("{}/details", path(&ticket));
    let (page, of_dana) = look(&dana, &ticket).await;
    let (_, of_omar) = look(&omar, &ticket).await;
    let was = [
        ("was_subject", "Alarm beeps"),
        ("was_priority", "medium"),
        ("was_category", ""),
        ("was_assignee", ""),
    ];
    for (name, value) in was {
        assert!(page.contains(&format!("name=\"{name}\" value=\"{value}\"")), "{name}: {page}");
    }
    let of = |seen, subject, priority, category| {
        let asked = [("seen", seen), ("subject", subject), ("priority", priority)];
        [&asked[..], &[("category", category), ("assignee", "")]].concat()
    };
    let omars = [of(&*of_omar, "Alarm beeps", "urgent", "Alarm"), was.to_vec()].concat();
    omar.form(&details, &omars).await.expect(303);
    let danas = [of(&*of_dana, "Alarm beeps at night", "medium", ""), was.to_vec()].concat();
    let page = dana.form(&details, &danas).await.expect(409).text();
    for words in [
        "Priority: now <b><bdi>Urgent</bdi></b>",
        "Category: now <b><bdi>Alarm</bdi></b>",
        "value=\"Alarm beeps at night\"",
        "value=\"urgent\" selected",
        "name=\"was_priority\" value=\"urgent\"",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("Subject: now"), "{page}");
    // Sent again, even as it was typed at first, it changes the subject alone.
    let seen = seen(&page);
    let again = [of(&*seen, "Alarm beeps at night", "medium", ""), was.to_vec()].concat();
    dana.form(&details, &again).await.expect(303);
    let now = app.see(&ticket.reference).await;
    assert_eq!((&*now.subject, now.priority), ("Alarm beeps at night", Priority::Urgent));
    assert_eq!(now.category.as_deref(), Some("Alarm"));
    // Who did what is told.
    let (page, _) = look(&omar, &ticket).await;
    for words in [
        "<bdi>Omar Haddad</bdi>",
        "priority: “medium” became “urgent”",
        "category: nothing became “Alarm”",
        "subject: “Alarm beeps” became “Alarm beeps at night”",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
}

#[tokio::test]
async fn nobody_is_offered_a_mail_that_is_not_sent() {
    let (app, dana, ticket) = set_up().await;
    let (page, _) = look(&dana, &ticket).await;
    assert_eq!(page.matches("name=\"notify\"").count(), 2, "{page}");
    app.set_active(ticket.customer.id, false).await;
    let (page, _) = look(&dana, &ticket).await;
    assert!(!page.contains("name=\"notify\""), "{page}");
    assert_eq!(page.matches("No mail is sent: this customer is inactive.").count(), 2, "{page}");
}

#[tokio::test]
async fn details_are_changed_and_what_is_wrong_stays_as_typed() {
    let (app, dana, ticket) = set_up().await;
    app.staff("omar@rfs.example", "Omar Haddad", Role::Technician).await;
    app.deliver().await;
    let details = format!("{}/details", path(&ticket));
    let (_, seen) = look(&dana, &ticket).await;
    let fields = |subject: &'static str, assignee: &'static str, seen: &str| {
        [
            ("seen", seen.to_owned()),
            ("subject", subject.to_owned()),
            ("priority", "high".to_owned()),
            ("category", "CCTV".to_owned()),
            ("assignee", assignee.to_owned()),
        ]
    };
    let form = |fields: [(&'static str, String); 5]| {
        let (dana, details) = (&dana, &details);
        async move {
            let fields = fields.each_ref().map(|(name, value)| (*name, value.as_str()));
            dana.form(details, &fields).await
        }
    };
    form(fields("Camera is dark", "omar@rfs.example", &seen)).await.expect(303);
    let now = app.see(&ticket.reference).await;
    assert_eq!((&*now.subject, now.priority), ("Camera is dark", Priority::High));
    assert_eq!(now.category.as_deref(), Some("CCTV"));
    assert_eq!(now.assignee.unwrap().email, email("omar@rfs.example"));
    app.deliver().await;
    assert_eq!(app.mailbox("omar@rfs.example").kinds(), ["ticket_assigned"]);

    let (_, seen) = look(&dana, &ticket).await;
    let page = form(fields("  ", "omar@rfs.example", &seen)).await.expect(422).text();
    assert!(page.contains("id=\"subject-problem\">Please write something here."), "{page}");
    let page = form(fields("Camera", "nobody@rfs.example", &seen)).await.expect(422).text();
    assert!(page.contains("id=\"assignee-problem\">"), "{page}");
    assert!(page.contains("value=\"Camera\""), "what was typed stays: {page}");
    assert_eq!(app.see(&ticket.reference).await.subject, "Camera is dark");
    form(fields("Camera is dark", "", &seen)).await.expect(303);
    assert_eq!(app.see(&ticket.reference).await.assignee, None);
}

#[tokio::test]
async fn a_status_moves_as_the_table_says() {
    let (app, dana, ticket) = set_up().await;
    let status = format!("{}/status", path(&ticket));
    for to in ["in_progress", "closed", "open"] {
        let (page, seen) = look(&dana, &ticket).await;
        assert!(page.contains(&format!("name=\"status\" value=\"{to}\"")), "{to}: {page}");
        dana.form(&status, &[("seen", &seen), ("status", to)]).await.expect(303);
        assert_eq!(app.see(&ticket.reference).await.status.as_str(), to);
    }
    app.resolve(&ticket.reference, "Done.").await.unwrap();
    app.change(&ticket.reference, crate::support::desk::to(Status::Closed)).await.unwrap();
    let (page, seen) = look(&dana, &ticket).await;
    assert!(!page.contains("id=\"resolve\""), "a closed ticket is not resolved: {page}");
    let fields = [("seen", &*seen), ("text", "Again."), ("step", "resolve")];
    dana.form(&format!("{}/resolution", path(&ticket)), &fields).await.expect(409);
    let page = dana.form(&status, &[("seen", &seen), ("status", "resolved")]).await.expect(409);
    assert!(page.text().contains("A ticket that is Closed cannot become Resolved."));
}

#[tokio::test]
async fn the_preview_is_what_the_customer_gets() {
    let (app, dana, ticket) = set_up().await;
    app.deliver().await;
    let resolution = format!("{}/resolution", path(&ticket));
    let text = "We changed the battery.\n\nIt lasts <five> years: https://battery.example/?a=1&b=2";
    let (_, seen) = look(&dana, &ticket).await;
    let empty = [("seen", &*seen), ("text", " "), ("step", "preview")];
    let page = dana.form(&resolution, &empty).await.expect(422).text();
    assert!(page.contains("id=\"text-problem\">Please write something here."), "{page}");
    let asked = [("seen", &*seen), ("text", text), ("notify", "true"), ("step", "preview")];
    let before = app.dump().await;
    let page = dana.form(&resolution, &asked).await.expect(200).text();
    assert_eq!(crate::support::dump::difference(&before, &app.dump().await), "");
    let shown = page.split("data-mail>").nth(1).unwrap().split("</div>").next().unwrap();
    let shown = plain(shown);
    let back = [("seen", &*seen), ("text", text), ("notify", "true"), ("step", "edit")];
    let page = dana.form(&resolution, &back).await.expect(200).text();
    assert!(page.contains("It lasts &#60;five&#62; years"), "the text is still there: {page}");
    let send = [("seen", &*seen), ("text", text), ("notify", "true"), ("step", "resolve")];
    dana.form(&resolution, &send).await.expect(303);
    app.deliver().await;
    let mailbox = app.mailbox(ANA);
    assert_eq!(mailbox.kinds().last(), Some(&"ticket_resolved"));
    let (link, mail) = (mailbox.link(), mailbox.last().text.clone());
    let (start, _) = link.split_once('=').unwrap();
    assert_eq!(mail.replace(&link, &format!("{start}=…")), shown, "word for word");
    let ana = app.customer(ANA).await;
    let seen_by_ana = ana.get(&format!("/portal/tickets/{}", ticket.reference)).await.expect(200);
    let answer = |page: &str| {
        page.split("<section class=\"answer\"")
            .nth(1)
            .unwrap()
            .split("</section>")
            .next()
            .unwrap()
            .to_owned()
    };
    let page = dana.form(&resolution, &asked).await;
    assert_eq!(page.status, 200);
    assert_eq!(answer(&page.text()), answer(&seen_by_ana.text()), "the same in the portal");
}

/// What an escaped text reads as.
fn plain(html: &str) -> String {
    let pairs = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
    pairs.iter().fold(html.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[tokio::test]
async fn who_chooses_no_mail_sends_none() {
    let (app, dana, ticket) = set_up().await;
    app.deliver().await;
    let before = app.mails().len();
    let (_, seen) = look(&dana, &ticket).await;
    let resolution = format!("{}/resolution", path(&ticket));
    let asked = [("seen", &*seen), ("text", "Done."), ("step", "preview")];
    let page = dana.form(&resolution, &asked).await.expect(200).text();
    assert!(page.contains("No mail is sent: you chose so."), "{page}");
    let send = [("seen", &*seen), ("text", "Done."), ("step", "resolve")];
    dana.form(&resolution, &send).await.expect(303);
    app.deliver().await;
    assert_eq!(app.mails().len(), before);
}

#[tokio::test]
async fn a_link_is_made_to_copy_or_to_mail() {
    let (app, dana, ticket) = set_up().await;
    app.deliver().await;
    let links = format!("{}/links", path(&ticket));
    let page = dana.form(&links, &[("do", "copy")]).await.expect(200).text();
    let link = page.split("readonly autofocus value=\"").nth(1).unwrap().split('"').next().unwrap();
    let token = link.split("token=").nth(1).unwrap();
    assert!(link.contains(&format!("/portal/tickets/{}#token=", ticket.reference)), "{link}");
    let ana = app.anon().bearer(token);
    let session = ana.get("/api/v1/portal/session").await.expect(200).json();
    assert_eq!(session["customer"]["email"], ANA);
    let (page, _) = look(&dana, &ticket).await;
    assert!(!page.contains(token), "it is shown once");

    let sent = dana.form(&links, &[("do", "send")]).await.expect(303);
    let then = sent.header("location").unwrap().to_owned();
    assert!(dana.get(&then).await.expect(200).text().contains("A new link is on its way"));
    app.deliver().await;
    assert_eq!(app.mailbox(ANA).kinds().last(), Some(&"portal_link"));
    let mailed = app.anon().open(&app.mailbox(ANA).link());
    mailed.get("/api/v1/portal/session").await.expect(200);

    app.set_active(ticket.customer.id, false).await;
    for what in ["copy", "send"] {
        let page = dana.form(&links, &[("do", what)]).await.expect(409).text();
        assert!(page.contains("This customer is inactive and gets no link."), "{page}");
    }
    dana.form(&links, &[("do", "steal")]).await.expect(422);
}
