//! Streams of events: what open pages of the desk and of the portal are told, byte by byte; what
//! ends them; and who is at the same ticket, over several processes.

use std::sync::Arc;
use std::time::Duration;

use doorkey::app::App;
use doorkey::domain::entries::Visibility;
use doorkey::domain::staff::{self, Role};
use doorkey::domain::tickets::{Change, Priority, Status, Ticket};
use doorkey::domain::{links, sessions};
use doorkey::jobs;
use doorkey::live::{About, LONGEST, Listener, Pass, Person, Stream};

use crate::support::client::{Client, Listening};
use crate::support::desk::{email, somebody, to};
use crate::support::{TestApp, trace};

const ANA: &str = "ana@cafe-lumen.example";
const BEN: &str = "ben@harbour-lofts.example";
const DANA: &str = "dana@rfs.example";
const EVE: &str = "eve@rfs.example";

/// The desk with a ticket of Ana's, and Dana signed in.
async fn set_up() -> (TestApp, Client, Ticket) {
    let app = TestApp::start().await;
    let ticket = app.ticket(ANA, "Alarm beeps").await;
    let dana = app.at_the_desk(DANA, Role::Technician).await;
    while jobs::events::number(&app).await.unwrap() {}
    (app, dana, ticket)
}

/// What the jobs of a process do within a second.
async fn pass(app: &TestApp) {
    while jobs::events::number(app).await.unwrap() {}
    while jobs::live::tell(app).await.unwrap() {}
    jobs::live::tend(app).await.unwrap();
}

/// The number of the last event that a page of the desk shows, as it says itself.
async fn shown(client: &Client, path: &str) -> i64 {
    let page = client.get(path).await.expect(200).text();
    let after = page.split("data-after=\"").nth(1).expect("a page that listens");
    after.split('"').next().unwrap().parse().unwrap()
}

async fn listen(client: &Client, path: &str) -> Listening {
    let mut listening = client.listen(path).await;
    assert_eq!(listening.heard(), "retry: 2000\n\n");
    listening
}

/// The numbers and kinds that a stream of the desk told.
fn told(text: &str) -> Vec<(i64, String)> {
    let events = text.split("\n\n").filter(|event| event.contains("event: ticket"));
    events
        .map(|event| {
            let line = |name: &str| {
                event.lines().find_map(|line| line.strip_prefix(name)).expect(name).to_owned()
            };
            let data: serde_json::Value = serde_json::from_str(&line("data: ")).unwrap();
            (line("id: ").parse().unwrap(), data["kind"].as_str().unwrap().to_owned())
        })
        .collect()
}

async fn note(app: &TestApp, ticket: &Ticket, visibility: Visibility) {
    app.note(&ticket.reference, "Words.", visibility).await.unwrap();
}

#[tokio::test]
async fn staff_are_told_which_ticket_changed_and_how_and_nothing_else() {
    let (app, dana, ticket) = set_up().await;
    let after = shown(&dana, "/admin").await;
    let mut all = listen(&dana, &format!("/admin/live?after={after}")).await;
    assert_eq!(all.headers["content-type"], "text/event-stream");
    assert_eq!(all.headers["cache-control"], "no-store");
    assert_eq!(all.headers["x-accel-buffering"], "no");
    let one = format!("/admin/live?after={after}&ticket={}", ticket.reference);
    let mut one = listen(&dana, &one).await;
    note(&app, &ticket, Visibility::Internal).await;
    let other = app.ticket(BEN, "A secret subject").await;
    let ana = app.customer(ANA).await;
    app.reply(&ana, &ticket.reference, "Secret words.").await.unwrap();
    pass(&app).await;
    let heard = all.heard();
    let kinds: Vec<String> = told(&heard).into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(kinds, ["ticket.note_added", "ticket.created", "ticket.replied"]);
    assert!(heard.contains(other.reference.as_str()), "{heard}");
    assert!(!heard.to_lowercase().contains("secret"), "{heard}");
    let kinds: Vec<String> = told(&one.heard()).into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(kinds, ["ticket.note_added", "ticket.replied"]);
    pass(&app).await;
    assert_eq!(all.heard(), "", "nothing is told twice");
}

#[tokio::test]
async fn a_page_that_comes_back_is_told_what_it_missed_and_nothing_twice() {
    let (app, dana, ticket) = set_up().await;
    let after = shown(&dana, "/admin/tickets").await;
    for _ in 0..3 {
        note(&app, &ticket, Visibility::Internal).await;
    }
    while jobs::events::number(&app).await.unwrap() {}
    let path = format!("/admin/live?after={after}");
    let mut first = listen_and_hear(&dana, &path).await;
    let numbers: Vec<i64> = told(&first.1).into_iter().map(|(number, _)| number).collect();
    assert_eq!(numbers, [after + 1, after + 2, after + 3]);
    // The browser says in a header where it was; that counts before the address.
    let back = dana.header("Last-Event-ID", &numbers[1].to_string());
    let mut second = listen_and_hear(&back, &path).await;
    let again: Vec<i64> = told(&second.1).into_iter().map(|(number, _)| number).collect();
    assert_eq!(again, numbers[2..]);
    note(&app, &ticket, Visibility::Public).await;
    pass(&app).await;
    for listening in [&mut first.0, &mut second.0] {
        let heard: Vec<i64> = told(&listening.heard()).into_iter().map(|it| it.0).collect();
        assert_eq!(heard, [after + 4]);
    }
}

async fn listen_and_hear(client: &Client, path: &str) -> (Listening, String) {
    let mut listening = client.listen(path).await;
    let heard = listening.heard();
    (listening, heard)
}

#[tokio::test]
async fn who_missed_too_much_or_comes_from_another_database_loads_the_page_again() {
    let (app, dana, ticket) = set_up().await;
    let after = shown(&dana, "/admin").await;
    for _ in 0..201 {
        note(&app, &ticket, Visibility::Internal).await;
    }
    while jobs::events::number(&app).await.unwrap() {}
    let last = app.number("SELECT last FROM event_numbers").await;
    let reload = format!("id: {last}\nevent: reload\ndata: all\n\n");
    for from in [after, last + 1] {
        let (_, heard) = listen_and_hear(&dana, &format!("/admin/live?after={from}")).await;
        assert!(heard.ends_with(&reload), "{heard}");
        assert!(told(&heard).is_empty());
    }
}

#[tokio::test]
async fn a_stream_names_where_it_begins_and_a_ticket_that_is_there() {
    let (_app, dana, _) = set_up().await;
    let program = dana.header("Accept", "application/json");
    for query in ["", "?after=x", "?after=-1", "?after=1&more=1"] {
        let answer = program.get(&format!("/admin/live{query}")).await;
        assert_eq!(answer.problem(), "422 invalid", "{query}");
    }
    for ticket in ["TKT-000000", "nonsense"] {
        let answer = program.get(&format!("/admin/live?after=0&ticket={ticket}")).await;
        assert_eq!(answer.problem(), "404 not_found", "{ticket}");
    }
}

async fn portal(app: &TestApp, ticket: &Ticket) -> (Client, Listening) {
    let ana = app.customer(ANA).await;
    let version = app.see(&ticket.reference).await.version;
    let at = ana.header("Last-Event-ID", &version.to_string());
    let listening = listen(&at, &live_path(ticket)).await;
    (ana, listening)
}

fn live_path(ticket: &Ticket) -> String {
    format!("/portal/tickets/{}/live", ticket.reference)
}

#[tokio::test]
async fn a_customer_hears_no_byte_of_what_they_may_not_see() {
    let (app, dana, ticket) = set_up().await;
    let (_, mut ana) = portal(&app, &ticket).await;
    let others = app.ticket(BEN, "Another's").await;
    let own = app.ticket(ANA, "Another of her own").await;
    let after = shown(&dana, "/admin").await;
    let _there =
        listen(&dana, &format!("/admin/live?after={after}&ticket={}", ticket.reference)).await;
    note(&app, &ticket, Visibility::Internal).await;
    note(&app, &others, Visibility::Public).await;
    note(&app, &own, Visibility::Public).await;
    let customer = ticket.customer.id;
    app.act(move |tx, _, now| {
        let notes = Some("Pays late.".to_owned());
        let change = doorkey::domain::customers::CustomerChange { notes, ..Default::default() };
        doorkey::domain::customers::change(tx, &somebody(), customer, change, now)
    })
    .await
    .unwrap();
    let path = format!("/admin/tickets/{}/writing", ticket.reference);
    dana.form(&path, &[]).await.expect(204);
    for _ in 0..3 {
        pass(&app).await;
        app.sleep(1);
    }
    assert_eq!(ana.heard(), "");
    assert!(!ana.is_over());
}

#[tokio::test]
async fn a_customer_is_told_of_everything_that_changes_on_their_page() {
    let (app, _, ticket) = set_up().await;
    app.staff(EVE, "Eve", Role::Technician).await;
    let (ana, mut listening) = portal(&app, &ticket).await;
    let mut version = app.see(&ticket.reference).await.version;
    let mut step = async |what: &str| {
        pass(&app).await;
        version += 1;
        assert_eq!(listening.heard(), format!("id: {version}\ndata: changed\n\n"), "{what}");
    };
    note(&app, &ticket, Visibility::Public).await;
    step("a note").await;
    app.reply(&ana, &ticket.reference, "Thank you.").await.unwrap();
    step("a reply").await;
    app.change(&ticket.reference, to(Status::InProgress)).await.unwrap();
    step("a status").await;
    let assignee = Some(Some(email(EVE)));
    app.change(&ticket.reference, Change { assignee, ..Change::default() }).await.unwrap();
    step("who looks after it").await;
    let priority = Some(Priority::High);
    app.change(&ticket.reference, Change { priority, ..Change::default() }).await.unwrap();
    step("a priority").await;
    app.resolve(&ticket.reference, "Done.").await.unwrap();
    step("a resolution").await;
    // Two changes at once are one look at the page.
    note(&app, &ticket, Visibility::Public).await;
    note(&app, &ticket, Visibility::Internal).await;
    note(&app, &ticket, Visibility::Public).await;
    pass(&app).await;
    assert_eq!(listening.heard(), format!("id: {}\ndata: changed\n\n", version + 2));
}

#[tokio::test]
async fn a_customers_page_that_comes_back_is_told_if_it_is_behind() {
    let (app, _, ticket) = set_up().await;
    let ana = app.customer(ANA).await;
    let page = ana.get(&format!("/portal/tickets/{}", ticket.reference)).await.expect(200).text();
    let version = app.see(&ticket.reference).await.version;
    assert!(page.contains(&format!("data-version=\"{version}\"")), "{page}");
    note(&app, &ticket, Visibility::Public).await;
    while jobs::events::number(&app).await.unwrap() {}
    let news = format!("retry: 2000\n\nid: {}\ndata: changed\n\n", version + 1);
    let behind = ana.header("Last-Event-ID", &version.to_string());
    for client in [&behind, &ana, &ana.header("Last-Event-ID", "x")] {
        let (mut listening, heard) = listen_and_hear(client, &live_path(&ticket)).await;
        assert_eq!(heard, news);
        pass(&app).await;
        assert_eq!(listening.heard(), "", "it was told");
    }
}

#[tokio::test]
async fn a_ticket_of_somebody_else_has_no_stream() {
    let (app, _, ticket) = set_up().await;
    let ben = app.customer(BEN).await;
    let missing = ben.get("/portal/tickets/TKT-000000/live").await;
    let foreign = ben.get(&live_path(&ticket)).await;
    assert_eq!((missing.status, foreign.status), (404, 404));
    assert_eq!(missing.without_request_id(), foreign.without_request_id());
    assert_eq!(app.anon().get(&live_path(&ticket)).await.status, 401);
    assert!(app.live.is_idle());
}

#[tokio::test]
async fn a_link_that_ends_ends_its_streams() {
    let (app, _, ticket) = set_up().await;
    let customer = ticket.customer.id;
    let (first, mut revoked) = portal(&app, &ticket).await;
    let (_, mut other) = portal(&app, &ticket).await;
    let link = app.viewer(&first).await.link_id;
    app.act(move |tx, _, now| links::revoke(tx, &somebody(), customer, link, now)).await.unwrap();
    pass(&app).await;
    assert!(revoked.is_over());
    assert!(!other.is_over(), "another link goes on");
    app.set_active(customer, false).await;
    pass(&app).await;
    assert!(other.is_over(), "nothing is told to who may not come in");
    app.set_active(customer, true).await;

    let app = TestApp::with(|config| config.portal.link_ttl = Duration::from_secs(60)).await;
    let ticket = app.ticket(ANA, "Alarm beeps").await;
    let (_, mut expiring) = portal(&app, &ticket).await;
    app.sleep(59);
    pass(&app).await;
    assert!(!expiring.is_over());
    app.sleep(1);
    pass(&app).await;
    assert!(expiring.is_over());
    assert!(app.live.is_idle() || !expiring.heard().contains("id"));
}

#[tokio::test]
async fn a_session_that_ends_ends_its_streams() {
    let (app, dana, _) = set_up().await;
    let other = app.at_the_desk(DANA, Role::Technician).await;
    let eve = app.at_the_desk(EVE, Role::Technician).await;
    let path = format!("/admin/live?after={}", shown(&dana, "/admin").await);
    let mut streams =
        [listen(&dana, &path).await, listen(&other, &path).await, listen(&eve, &path).await];
    dana.form("/admin/sign-out", &[]).await.expect(303);
    pass(&app).await;
    assert_eq!(streams.each_mut().map(Listening::is_over), [true, false, false]);
    app.act(|tx, _, now| staff::set_active(tx, &somebody(), &email(EVE), false, now))
        .await
        .unwrap();
    pass(&app).await;
    assert_eq!(streams.each_mut().map(Listening::is_over), [true, false, true]);
    let row = app.act(|tx, _, _| staff::find_by_email(tx, &email(DANA))).await.unwrap();
    app.act(move |tx, _, now| sessions::revoke_all(tx, &somebody(), &row, now)).await.unwrap();
    pass(&app).await;
    assert!(streams[1].is_over());
    let refused = other.header("Accept", "application/json").get("/admin/live").await;
    assert_eq!(refused.status, 401, "{}", refused.text());
}

#[tokio::test]
async fn every_stream_ends_after_a_while_and_says_that_it_lives_until_then() {
    let (app, dana, _) = set_up().await;
    let path = format!("/admin/live?after={}", shown(&dana, "/admin").await);
    let mut listening = listen(&dana, &path).await;
    app.sleep(20);
    pass(&app).await;
    assert_eq!(listening.heard(), ":\n\n");
    app.sleep(LONGEST.as_secs() - 20);
    pass(&app).await;
    assert!(listening.is_over());
}

#[tokio::test]
async fn a_page_that_is_only_open_does_not_keep_its_session() {
    let (app, dana, ticket) = set_up().await;
    let used = "SELECT max(last_used_at) FROM sessions";
    app.write_uses().await;
    let before = app.number(used).await;
    let path = format!("/admin/live?after={}", shown(&dana, "/admin").await);
    app.write_uses().await;
    app.sleep(3600);
    drop(listen(&dana, &path).await);
    let by_itself = dana.header("Doorkey-Live", "1");
    by_itself.get(&format!("/admin/tickets/{}", ticket.reference)).await.expect(200);
    app.write_uses().await;
    assert_eq!(app.number(used).await, before);
    dana.get("/admin").await.expect(200);
    app.write_uses().await;
    assert_eq!(app.number(used).await, app.now().0);
    // Nor does a stream outlast a session that nobody uses.
    let mut listening = listen(&dana, &path).await;
    app.sleep(sessions::IDLE.as_secs());
    pass(&app).await;
    assert!(listening.is_over());
}

#[tokio::test]
async fn nobody_takes_all_streams() {
    let (app, dana, ticket) = set_up().await;
    let path = format!("/admin/live?after={}", shown(&dana, "/admin").await);
    let mut streams = Vec::new();
    for _ in 0..24 {
        streams.push(listen(&dana, &path).await);
    }
    let refused = dana.header("Accept", "application/json").get(&path).await;
    assert_eq!(refused.problem(), "429 rate_limited");
    assert_eq!(refused.header("retry-after"), Some("60"));
    portal(&app, &ticket).await;
    streams.pop();
    listen(&dana, &path).await;
    app.live.close();
    assert!(streams.iter_mut().all(Listening::is_over));
    let refused = dana.header("Accept", "application/json").get(&path).await;
    assert_eq!(refused.problem(), "503 unavailable");
}

#[tokio::test]
async fn while_nobody_listens_nothing_is_read() {
    let (app, dana, ticket) = set_up().await;
    let path = format!("/admin/live?after={}", shown(&dana, "/admin").await);
    trace::record();
    for _ in 0..3 {
        note(&app, &ticket, Visibility::Public).await;
        pass(&app).await;
    }
    let read = || trace::said().into_iter().any(|(_, sql)| sql.contains("revoked_at >="));
    assert!(!read());
    let _listening = dana.listen(&path).await;
    pass(&app).await;
    assert!(read(), "this test looks for the right words");
}

/// The page's line about colleagues, without its tags.
async fn others(client: &Client, ticket: &Ticket) -> String {
    let page = client.get(&format!("/admin/tickets/{}", ticket.reference)).await.expect(200).text();
    let line = page.split("id=\"others\"").nth(1).unwrap().split("</div>").next().unwrap();
    let line = line.split_once('>').unwrap().1;
    words(line)
}

/// Text without its tags.
fn words(html: &str) -> String {
    let pieces = html.split('<').map(|piece| piece.split_once('>').map_or(piece, |it| it.1));
    pieces.collect()
}

async fn at(client: &Client, ticket: &Ticket) -> Listening {
    let after = shown(client, "/admin").await;
    client.listen(&format!("/admin/live?after={after}&ticket={}", ticket.reference)).await
}

#[tokio::test]
async fn colleagues_see_who_is_at_the_same_ticket_and_who_writes() {
    let (app, dana, ticket) = set_up().await;
    app.staff(EVE, "Eve <b>Adams</b>", Role::Technician).await;
    let eve = app.at_the_desk(EVE, Role::Technician).await;
    let mut danas = at(&dana, &ticket).await;
    pass(&app).await;
    assert_eq!(others(&dana, &ticket).await, "", "not oneself");
    assert_eq!(others(&eve, &ticket).await, "Dana Reyes is looking at this ticket, too.");
    let eves = at(&eve, &ticket).await;
    danas.heard();
    pass(&app).await;
    let heard = danas.heard();
    let line = heard.strip_prefix("event: present\ndata: ").expect("who is there");
    assert_eq!(
        words(line.trim()),
        "Eve &#60;b&#62;Adams&#60;/b&#62; is looking at this ticket, too."
    );
    let path = format!("/admin/tickets/{}/writing", ticket.reference);
    eve.form(&path, &[]).await.expect(204);
    pass(&app).await;
    assert!(words(&danas.heard()).contains("Eve &#60;b&#62;Adams&#60;/b&#62; is writing here."));
    pass(&app).await;
    assert_eq!(danas.heard(), "", "nothing changed");
    app.sleep(15);
    pass(&app).await;
    assert!(words(&danas.heard()).contains("is looking at this ticket, too."), "she stopped");
    drop(eves);
    pass(&app).await;
    assert_eq!(danas.heard(), "", "she may have loaded the page again");
    app.sleep(4);
    pass(&app).await;
    assert_eq!(danas.heard(), "event: present\ndata: \n\n", "she closed the page");
    assert_eq!(others(&dana, &ticket).await, "");
}

/// Somebody who has a ticket open at another process.
fn beside(other: &Arc<App>, staff_id: i64, ticket: &Ticket) -> Stream {
    let now = other.clock.now();
    let listener = Listener {
        person: Person::Staff(staff_id),
        pass: Pass::Session(0),
        about: About::Ticket(ticket.id),
        until: now.plus(Duration::from_secs(3600)),
    };
    other.live.open(listener, now).unwrap()
}

#[tokio::test]
async fn who_is_at_a_ticket_is_known_in_every_process_and_lapses_with_one_that_is_killed() {
    let (app, dana, ticket) = set_up().await;
    let eve = app.staff(EVE, "Eve", Role::Technician).await;
    let process = app.beside().await;
    let here = beside(&process, eve.id, &ticket);
    let mut danas = at(&dana, &ticket).await;
    danas.heard();
    jobs::live::tend(&process).await.unwrap();
    pass(&app).await;
    assert!(words(&danas.heard()).contains("Eve is looking at this ticket, too."));
    // A tab with either process: one person, and there until the last is closed.
    let too = beside(&app.shared(), eve.id, &ticket);
    pass(&app).await;
    assert_eq!(app.number("SELECT count(*) FROM presences").await, 3);
    assert_eq!(others(&dana, &ticket).await, "Eve is looking at this ticket, too.");
    drop(too);
    for _ in 0..2 {
        pass(&app).await;
        app.sleep(5);
    }
    jobs::live::tend(&process).await.unwrap();
    assert_eq!(app.number("SELECT count(*) FROM presences").await, 2);
    assert_eq!(danas.heard(), "");
    // Killed: nobody says that she went.
    std::mem::forget(here);
    app.sleep(34);
    pass(&app).await;
    assert_eq!(others(&dana, &ticket).await, "Eve is looking at this ticket, too.");
    app.sleep(1);
    pass(&app).await;
    assert_eq!(others(&dana, &ticket).await, "");
    jobs::tidy::forget(&app).await.unwrap();
    assert_eq!(app.number("SELECT count(*) FROM presences").await, 1, "Dana is there");
}

#[tokio::test]
async fn what_another_process_does_is_told_here() {
    let (app, dana, ticket) = set_up().await;
    let (_, mut ana) = portal(&app, &ticket).await;
    let mut danas = at(&dana, &ticket).await;
    let process = app.beside().await;
    let (reference, now) = (ticket.reference.clone(), app.now());
    let done = process.decide(move |tx, rules| {
        let change = to(Status::InProgress);
        doorkey::domain::tickets::change(tx, rules, &somebody(), &reference, &change, now)
    });
    done.await.unwrap();
    while jobs::events::number(&process).await.unwrap() {}
    pass(&app).await;
    assert!(danas.heard().contains("ticket.status_changed"));
    assert!(ana.heard().contains("changed"));
}

#[tokio::test]
async fn presence_is_written_when_it_changes_and_each_quarter_of_a_minute() {
    let (app, dana, ticket) = set_up().await;
    let _danas = at(&dana, &ticket).await;
    let until = "SELECT max(expires_at) FROM presences";
    pass(&app).await;
    let first = app.number(until).await;
    for _ in 0..14 {
        app.sleep(1);
        pass(&app).await;
        assert_eq!(app.number(until).await, first);
    }
    app.sleep(1);
    pass(&app).await;
    assert_eq!(app.number(until).await, first + 15_000);
}

#[tokio::test]
async fn a_page_knows_the_address_to_ask_for_itself() {
    let (_app, dana, ticket) = set_up().await;
    let own = |page: String| {
        let address = page.split("data-page=\"").nth(1).expect("a page that listens");
        address.split('"').next().unwrap().to_owned()
    };
    let path = format!("/admin/tickets/{}", ticket.reference);
    for address in ["/admin", "/admin/tickets", "/admin/tickets?status=open", &path] {
        let page = dana.get(address).await.expect(200).text();
        assert_eq!(own(page), address);
    }
    // The answer to a form stands at another address.
    let reference = ticket.reference.as_str();
    let several = [("ticket", reference), ("priority", "high"), ("list", "status=open")];
    let page = dana.form("/admin/tickets/several", &several).await.expect(200).text();
    assert_eq!(own(page), "/admin/tickets?status=open");
}
