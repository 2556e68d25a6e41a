//! The desk's first page and its list of tickets, as staff meet them: figures and where they lead, tabs,
//! filters, search, pages, the table to take away, and views that are kept.

use doorkey::domain::entries::Visibility;
use doorkey::domain::staff::Role;
use doorkey::domain::tickets::{Change, NewTicket, Priority, Status, Ticket};

use crate::support::client::Client;
use crate::support::desk::{email, to};
use crate::support::{TestApp, dump};

const DANA: &str = "dana@rfs.example";
const HOSTILE: &str = "<script>alert(1)</script> & \"quoted\"";

async fn desk() -> (TestApp, Client) {
    let app = TestApp::start().await;
    let dana = app.at_the_desk(DANA, Role::Technician).await;
    (app, dana)
}

/// A ticket of this customer, assigned to Dana or nobody.
async fn ticket(app: &TestApp, customer: &str, subject: &str, mine: bool) -> Ticket {
    app.sleep(60);
    let assignee = mine.then(|| email(DANA));
    let new = NewTicket { assignee, notify: false, ..app.new_ticket(customer, subject) };
    app.create(new).await.unwrap()
}

/// What a page shows: tags become spaces, white space one space.
fn words(html: &str) -> String {
    let (mut text, mut in_tag) = (String::new(), false);
    for letter in html.chars() {
        match letter {
            '<' => in_tag = true,
            '>' => (in_tag, _) = (false, text.push(' ')),
            _ if !in_tag => text.push(letter),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The tickets of a list, in its order, by the last word of their subjects.
async fn listed(dana: &Client, path: &str) -> Vec<String> {
    let page = dana.get(path).await.expect(200).text();
    subjects(&page)
}

fn subjects(page: &str) -> Vec<String> {
    let rows = page.split("class=\"about\"").skip(1);
    let links = rows.map(|row| row.split("</a>").next().unwrap());
    links.map(|it| words(it).split(' ').next_back().unwrap().to_owned()).collect()
}

/// Every address that a page links to, as a browser reads it.
fn links(page: &str) -> Vec<String> {
    let found = page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
    found.map(|it| it.replace("&#38;", "&").replace("&amp;", "&")).collect()
}

#[tokio::test]
async fn each_figure_of_the_dashboard_leads_to_what_it_counts() {
    let (app, dana) = desk().await;
    let alice = app.customer("alice@example.com").await;
    let answered = ticket(&app, "alice@example.com", "Answered", true).await.reference;
    app.note(&answered, "We come.", Visibility::Public).await.unwrap();
    ticket(&app, "alice@example.com", "Waits", true).await;
    ticket(&app, "bob@example.com", "Free", false).await;
    let done = ticket(&app, "bob@example.com", "Done", true).await.reference;
    app.resolve(&done, "Fixed.").await.unwrap();
    app.reply(&alice, &answered, "And then?").await.unwrap();
    let page = dana.get("/admin").await.expect(200).text();
    let said = words(&page);
    for part in [
        "Hello, Dana",
        "2 tickets wait for your answer.",
        "2 Waiting for me of 2 that are mine",
        "1 Unassigned",
        "3 Customer wrote last of 3 that are unfinished",
        "1 Resolved this week since Monday",
        "0 Mails that failed",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let lists: Vec<String> =
        links(&page).into_iter().filter(|it| it.starts_with("/admin/tickets?")).collect();
    let mut counted = Vec::new();
    for list in &lists[..4] {
        counted.push(listed(&dana, list).await.len());
    }
    assert_eq!(counted, [2, 1, 3, 1], "{lists:?}");
    let first = said.split("Waiting for me").nth(2).unwrap();
    assert!(first.contains("Answered") && first.contains("Waits"), "{first}");
    assert!(first.find("Answered") < first.find("Waits"), "the latest word comes first: {first}");
    assert!(!first.contains("Free"), "{first}");
}

#[tokio::test]
async fn with_nothing_to_do_the_dashboard_says_so_and_leads_to_what_is_free() {
    let (app, dana) = desk().await;
    let said = words(&dana.get("/admin").await.expect(200).text());
    assert!(said.contains("Nothing waits for you"), "{said}");
    assert!(!said.contains("See the unassigned"), "{said}");
    ticket(&app, "bob@example.com", "Free", false).await;
    let said = words(&dana.get("/admin").await.expect(200).text());
    assert!(said.contains("See the unassigned ticket"), "{said}");
}

#[tokio::test]
async fn failed_mails_are_counted_and_say_where_they_are_named() {
    let (app, dana) = desk().await;
    app.create(app.new_ticket("alice@example.com", "A camera")).await.unwrap();
    app.sql("UPDATE outbox SET state = 'failed', settled_at = due_at").await;
    let said = words(&dana.get("/admin").await.expect(200).text());
    assert!(
        said.contains("1 Mails that failed") && said.contains("an admin can look at them"),
        "{said}"
    );
}

#[tokio::test]
async fn tabs_carry_counts_and_filters_narrow_them() {
    let (app, dana) = desk().await;
    for (subject, mine) in [("One", true), ("Two", false), ("Three", false)] {
        ticket(&app, "alice@example.com", subject, mine).await;
    }
    let busy = ticket(&app, "bob@example.com", "Four", true).await.reference;
    app.change(&busy, to(Status::InProgress)).await.unwrap();
    let urgent = Change { priority: Some(Priority::Urgent), ..Change::default() };
    app.change(&busy, urgent).await.unwrap();
    let done = ticket(&app, "bob@example.com", "Five", false).await.reference;
    app.resolve(&done, "Done.").await.unwrap();
    let said = words(&dana.get("/admin/tickets").await.expect(200).text());
    assert!(said.contains("All 5 Open 3 In Progress 1 Resolved 1 Closed 0"), "{said}");
    let said = words(&dana.get("/admin/tickets?assignee=me").await.expect(200).text());
    assert!(said.contains("All 2 Open 1 In Progress 1 Resolved 0 Closed 0"), "{said}");
    // Counts that are not kept are not made up.
    let said = words(&dana.get("/admin/tickets?priority=urgent").await.expect(200).text());
    assert!(said.contains("All Open In Progress Resolved Closed"), "{said}");
    for (query, wanted) in [
        ("", vec!["Five", "Four", "Three", "Two", "One"]),
        ("status=open", vec!["Three", "Two", "One"]),
        ("status=unfinished", vec!["Four", "Three", "Two", "One"]),
        ("assignee=me", vec!["Four", "One"]),
        ("assignee=nobody", vec!["Five", "Three", "Two"]),
        ("assignee=dana%40rfs.example&status=open", vec!["One"]),
        ("priority=urgent", vec!["Four"]),
        ("customer=bob@example.com", vec!["Five", "Four"]),
        ("last=customer", vec!["Four", "Three", "Two", "One"]),
        ("resolved=week", vec!["Five"]),
        ("sort=priority&status=unfinished", vec!["Four", "Three", "Two", "One"]),
        ("category=CCTV", vec![]),
        ("customer=bob@example.com&assignee=me&priority=urgent&sort=created", vec!["Four"]),
        ("utm_source=mail&status=resolved", vec!["Five"]),
    ] {
        assert_eq!(listed(&dana, &format!("/admin/tickets?{query}")).await, wanted, "{query}");
    }
    // Tabs keep the filter, and the filter's form keeps the tab.
    let page = dana.get("/admin/tickets?assignee=me&status=open").await.expect(200).text();
    assert!(links(&page).contains(&"/admin/tickets?status=closed&assignee=me".to_owned()));
    assert!(page.contains("<input type=\"hidden\" name=\"status\" value=\"open\">"), "{page}");
}

#[tokio::test]
async fn a_row_names_everything_and_what_people_wrote_is_text() {
    let (app, dana) = desk().await;
    let new = NewTicket {
        category: Some("CCTV".into()),
        priority: Priority::High,
        assignee: Some(email(DANA)),
        ..app.new_ticket("alice@example.com", HOSTILE)
    };
    let ticket = app.create(new).await.unwrap();
    app.sql("UPDATE customers SET name = '<i>Al</i>'").await;
    for path in ["/admin", "/admin/tickets", "/admin/tickets?q=alert"] {
        let page = dana.get(path).await.expect(200).text();
        assert!(!page.contains("<script>alert") && !page.contains("<i>Al"), "{path}: {page}");
        assert!(page.contains("&#60;script&#62;"), "{path}: {page}");
    }
    let page = dana.get("/admin/tickets").await.expect(200).text();
    let row = words(page.split("<tbody").nth(1).unwrap().split("</tbody>").next().unwrap());
    for part in [
        ticket.reference.as_str(),
        "&#60;i&#62;Al&#60;/i&#62;",
        "Dana Reyes",
        "High",
        "Status: Open",
        "Customer wrote last",
        "CCTV",
    ] {
        assert!(row.contains(part), "{part}: {row}");
    }
    assert_eq!(row.matches("12 Nov 2026, 09:14 UTC").count(), 2, "updated and created: {row}");
    assert!(page.contains(&format!("href=\"/admin/tickets/{}\"", ticket.reference)));
    app.note(&ticket.reference, "We come.", Visibility::Public).await.unwrap();
    let page = dana.get("/admin/tickets").await.expect(200).text();
    assert!(!page.split("<tbody").nth(1).unwrap().contains("Customer wrote last"));
}

#[tokio::test]
async fn a_search_marks_what_it_found_and_puts_exact_names_first() {
    let (app, dana) = desk().await;
    app.customer_row("alice@example.com").await;
    let old = ticket(&app, "alice@example.com", "First", false).await;
    let note = ticket(&app, "bob@example.com", "Second", false).await.reference;
    app.note(&note, "The battery of alice is flat.", Visibility::Internal).await.unwrap();
    ticket(&app, "bob@example.com", "Battery", false).await;
    let page = dana.get("/admin/tickets?q=BATTERY").await.expect(200).text();
    assert_eq!(subjects(&page), ["Battery", "Second"], "newest first");
    assert!(page.contains("<mark>Battery</mark></bdi></a>"), "{page}");
    assert!(page.contains("The <mark>battery</mark> of alice is flat."), "{page}");
    assert!(words(&page).contains("Internal note: The battery"), "{page}");
    // Whoever has that name or address comes first, then who is only named.
    assert_eq!(listed(&dana, "/admin/tickets?q=alice").await, ["First", "Second"]);
    assert_eq!(listed(&dana, "/admin/tickets?q=alice@example.com").await[0], "First");
    let loose = old.reference.as_str().to_lowercase();
    assert_eq!(listed(&dana, &format!("/admin/tickets?q={loose}")).await, ["First"]);
    let nothing = dana.get("/admin/tickets?q=zebra%3Cb%3E").await.expect(200).text();
    assert!(words(&nothing).contains("Nothing found"), "{nothing}");
    assert!(nothing.contains("zebra&#60;b&#62;"), "{nothing}");
}

#[tokio::test]
async fn pages_follow_each_other_until_the_end() {
    let (app, dana) = desk().await;
    for number in 0..60 {
        ticket(&app, "alice@example.com", &format!("Camera {number}"), false).await;
    }
    for query in ["", "?sort=created", "?sort=priority", "?q=camera", "?assignee=nobody"] {
        let (mut path, mut seen, mut pages) = (format!("/admin/tickets{query}"), Vec::new(), 0);
        loop {
            let page = dana.get(&path).await.expect(200).text();
            seen.extend(subjects(&page));
            pages += 1;
            let next = page.split("rel=\"next\" href=\"").nth(1);
            let Some(next) = next else { break };
            path = next.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&");
            assert!(pages < 9, "{query} ends");
        }
        let wanted: Vec<String> = (0..60).rev().map(|number| number.to_string()).collect();
        assert_eq!((seen, pages), (wanted, 3), "{query}");
    }
    // A place in another order is no place here.
    let page = dana.get("/admin/tickets?sort=priority").await.expect(200).text();
    let cursor = page.split("cursor=").nth(1).unwrap().split('"').next().unwrap().to_owned();
    for odd in [cursor.as_str(), "x", "AAAA"] {
        let path = format!("/admin/tickets?cursor={odd}");
        assert_eq!(listed(&dana, &path).await[0], "59", "{odd}");
    }
}

#[tokio::test]
async fn a_filter_that_cannot_be_is_told_beside_its_field_with_what_was_typed() {
    let (app, dana) = desk().await;
    ticket(&app, "alice@example.com", "Secret", false).await;
    for (query, said) in [
        ("priority=most", "This must be one of: low, medium, high, urgent."),
        ("status=solved", "This must be one of: unfinished, open,"),
        ("sort=colour", "This must be one of: updated, created, priority."),
        ("last=us", "This must be one of: customer."),
        ("resolved=never", "This must be one of: week."),
        ("assignee=me%20too", "Choose somebody from the list."),
        ("assignee=no%40rfs.example", "Nobody with this e-mail address is known."),
        ("customer=alice", "does not look like an e-mail address"),
        ("customer=no@example.com", "Nobody with this e-mail address is known."),
        ("q=%00", "control character"),
        ("q=%FF", "This is not UTF-8."),
        ("q=a&q=b", "This may be given only once."),
    ] {
        for path in ["/admin/tickets", "/admin/tickets.csv"] {
            let answer = dana.get(&format!("{path}?{query}")).await.expect(422);
            assert!(answer.header("content-type").unwrap().starts_with("text/html"));
            assert!(answer.text().contains(said), "{query}: {}", words(&answer.text()));
            assert_eq!(subjects(&answer.text()), [""; 0], "{query}");
        }
    }
    let long = "x".repeat(201);
    let answer = dana.get(&format!("/admin/tickets?q={long}")).await.expect(422).text();
    assert!(answer.contains(&format!("value=\"{long}\"")), "what was typed stays");
    let answer = dana.get("/admin/tickets?customer=%22%3E%3Cb%3E").await.expect(422).text();
    assert!(answer.contains("value=\"&#34;&#62;&#60;b&#62;\""), "{answer}");
}

#[tokio::test]
async fn lists_without_tickets_say_why_in_friendly_words() {
    let (app, dana) = desk().await;
    for (query, said) in [
        ("", "No tickets yet"),
        ("?status=unfinished&assignee=me&last=customer", "Nothing waits for you"),
        ("?status=closed", "No tickets here"),
    ] {
        let page = words(&dana.get(&format!("/admin/tickets{query}")).await.expect(200).text());
        assert!(page.contains(said), "{query}: {page}");
    }
    let before = app.dump().await;
    dana.get("/admin/tickets?q=x").await.expect(200);
    assert_eq!(dump::difference(&before, &app.dump().await), "", "looking changes nothing");
}

#[tokio::test]
async fn the_list_is_taken_away_whole_and_harmless() {
    let (app, dana) = desk().await;
    for number in 0..230 {
        ticket(&app, "alice@example.com", &format!("Camera {number}"), false).await;
    }
    ticket(&app, "bob@example.com", "=HYPERLINK(\"http://evil.example\")", true).await;
    let page = dana.get("/admin/tickets?status=open&assignee=nobody").await.expect(200).text();
    let link = links(&page).into_iter().find(|it| it.starts_with("/admin/tickets.csv")).unwrap();
    assert_eq!(link, "/admin/tickets.csv?status=open&assignee=nobody");
    let table = dana.get(&link).await.expect(200);
    assert_eq!(table.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    let name = "attachment; filename=\"tickets-2026-11-12.csv\"";
    assert_eq!(table.header("content-disposition"), Some(name));
    assert_eq!(table.header("cache-control"), Some("no-store"));
    assert_eq!(table.text().lines().count(), 231, "a head and every page of the list");
    assert!(!table.text().contains("bob@example.com"));
    let mine = dana.get("/admin/tickets.csv?assignee=me").await.expect(200).text();
    let line = mine.lines().nth(1).unwrap();
    assert!(line.contains(",\"'=HYPERLINK(\"\"http://evil.example\"\")\","), "{line}");
    let all = dana.get("/admin/tickets.csv?cursor=AAAA&sort=created").await.expect(200).text();
    assert_eq!(all.lines().count(), 232);
}

#[tokio::test]
async fn a_table_waits_for_its_reader_and_ends_with_them() {
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;
    let (app, dana) = desk().await;
    for number in 0..1_500 {
        app.ticket("alice@example.com", &format!("Camera {number}")).await;
    }
    let cookie = format!("doorkey={}", dana.cookie("doorkey").unwrap());
    let ask = || {
        let request = axum::http::Request::get("/admin/tickets.csv").header("Cookie", &cookie);
        request.body(axum::body::Body::empty()).unwrap()
    };
    let mut open = Vec::new();
    for _ in 0..4 {
        let mut body = app.router().oneshot(ask()).await.unwrap().into_body();
        let head = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert!(head.starts_with(b"reference,subject,"), "{head:?}");
        open.push(body);
    }
    // Each holds a moment of the database: there is room for four.
    let refused = app.router().oneshot(ask()).await.unwrap();
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    let whole = open.pop().unwrap().collect().await.unwrap().to_bytes();
    assert_eq!(whole.iter().filter(|byte| **byte == b'\n').count(), 1_500, "all after the head");
    drop(open);
    for _ in 0..200 {
        let answer = app.router().oneshot(ask()).await.unwrap();
        if answer.status() == 200 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("tables of readers who went are never over");
}

#[tokio::test]
async fn a_list_is_kept_under_a_name_and_removed() {
    let (app, dana) = desk().await;
    let keep = async |name: &str, query: &str| {
        dana.form("/admin/tickets/views", &[("name", name), ("query", query)]).await
    };
    let page = dana.get("/admin/tickets?assignee=me&priority=high").await.expect(200).text();
    assert!(page.contains("Keep this list as a view"), "{page}");
    assert!(!dana.get("/admin/tickets").await.text().contains("Keep this list as a view"));
    // Only what the list knows is kept, in its own order, whatever was sent.
    let answer = keep("<b>Hot</b>", "x=1&priority=high&cursor=AA&assignee=me&status=%22").await;
    let list = "/admin/tickets?status=%22&assignee=me&priority=high";
    assert_eq!(answer.expect(303).header("location"), Some(list));
    keep("<b>Hot</b>", "priority=high&assignee=me").await.expect(303);
    let list = "/admin/tickets?assignee=me&priority=high";
    let page = dana.get(list).await.expect(200).text();
    assert!(links(&page).contains(&list.to_owned()), "{page}");
    assert!(!page.contains("<b>Hot") && page.contains("&#60;b&#62;Hot"), "{page}");
    assert!(words(&page).contains("You keep this list as"), "{page}");
    let eli = app.at_the_desk("eli@rfs.example", Role::Admin).await;
    assert!(!eli.get("/admin/tickets").await.text().contains("Hot"), "views are one's own");
    for (name, said) in [("", "required"), (&*"x".repeat(201), "At most 200 characters")] {
        let answer = keep(name, "assignee=me&priority=low").await.expect(422).text();
        assert!(answer.contains(said), "{answer}");
    }
    for number in 1..50 {
        keep(&format!("View {number}"), "status=open").await.expect(303);
    }
    let answer = keep("More", "status=closed").await.expect(422).text();
    assert!(answer.contains("You keep 50 lists already") && answer.contains("value=\"More\""));
    let gone = dana.form("/admin/tickets/views/remove", &[("name", "<B>HOT</B>")]).await;
    assert_eq!(gone.expect(303).header("location"), Some("/admin/tickets"));
    assert!(!dana.get("/admin/tickets").await.text().contains("Hot"));
    dana.form("/admin/tickets/views/remove", &[("name", "Hot")]).await.expect(404);
}
