//! A customer's page that was made before is shown again only while it would say the same, whatever
//! changes and whichever process changes it. Every test of the suite asks so of every page that it
//! opens ([`crate::support::client::Client`]); here are the changes, one after the other.

use doorkey::domain::entries::Visibility;
use doorkey::domain::staff::Role;
use doorkey::domain::tickets::{Status, Ticket};

use crate::support::TestApp;
use crate::support::client::{Answer, Client};
use crate::support::desk::to;

const ANA: &str = "ana@cafe-lumen.example";

/// Ana's list, its rows for programs, and a ticket.
struct Pages {
    ana: Client,
    addresses: [String; 3],
    shown: [String; 3],
}

impl Pages {
    async fn open(ana: &Client, ticket: &Ticket) -> Self {
        let addresses = [
            "/portal".to_owned(),
            "/api/v1/portal/tickets".to_owned(),
            format!("/portal/tickets/{}", ticket.reference),
        ];
        let mut pages = Self { ana: ana.clone(), addresses, shown: Default::default() };
        pages.look().await;
        pages
    }

    /// Opens all twice: what is made first is kept and shown then. Answers which say something else now.
    async fn look(&mut self) -> [bool; 3] {
        let mut differ = [false; 3];
        for (index, address) in self.addresses.iter().enumerate() {
            let made = self.ana.get(address).await.expect(200);
            let kept = self.ana.get(address).await.expect(200);
            assert_eq!(made.text(), kept.text(), "{address}");
            assert_eq!(headers(&made), headers(&kept), "{address}");
            differ[index] = made.text() != self.shown[index];
            self.shown[index] = made.text();
        }
        differ
    }
}

fn headers(answer: &Answer) -> Vec<String> {
    let all = answer.headers.iter().filter(|(name, _)| *name != "x-request-id");
    let mut all: Vec<String> = all.map(|(name, value)| format!("{name}: {value:?}")).collect();
    all.sort();
    all
}

#[tokio::test]
async fn everything_that_a_page_says_is_said_anew_when_it_changes() {
    let app = TestApp::start().await;
    let (ticket, other) = (app.ticket(ANA, "Alarm beeps").await, app.ticket(ANA, "Camera").await);
    let ana = app.customer(ANA).await;
    let dana = app.staff("dana@rfs.example", "Dana Reyes", Role::Technician).await;
    let mut pages = Pages::open(&ana, &ticket).await;
    assert_eq!(pages.look().await, [false; 3], "nothing happened");

    app.sleep(60);
    app.reply(&ana, &ticket.reference, "It still does.").await.unwrap();
    assert_eq!(pages.look().await, [true; 3], "a reply");
    app.sleep(60);
    app.note(&ticket.reference, "We look at it.", Visibility::Public).await.unwrap();
    assert_eq!(pages.look().await, [true; 3], "a note");
    app.write_uses().await;
    assert_eq!(pages.look().await, [true, true, false], "it was read");
    app.note(&ticket.reference, "An old model.", Visibility::Internal).await.unwrap();
    assert_eq!(pages.look().await, [false; 3], "a note for colleagues");
    app.change(&ticket.reference, to(Status::InProgress)).await.unwrap();
    assert_eq!(pages.look().await, [true; 3], "another status");
    app.sql(format!("UPDATE tickets SET assignee_id = {} WHERE id = {}", dana.id, ticket.id)).await;
    assert_eq!(pages.look().await, [true; 3], "it is Dana's");
    app.sql(format!("UPDATE staff SET name = 'Dana Ruiz' WHERE id = {}", dana.id)).await;
    assert_eq!(pages.look().await, [true; 3], "Dana married");
    app.sql("UPDATE customers SET name = 'Ana Lima'").await;
    assert_eq!(pages.look().await, [true, false, true], "so did Ana");
    app.resolve(&ticket.reference, "A new battery.").await.unwrap();
    assert_eq!(pages.look().await, [true; 3], "resolved");
    app.note(&other.reference, "Which camera is it?", Visibility::Public).await.unwrap();
    assert_eq!(pages.look().await, [true, true, false], "another ticket");
    app.ticket(ANA, "The gate").await;
    assert_eq!(pages.look().await, [true, true, false], "one more ticket");
    app.ticket("ben@example.com", "Something else").await;
    assert_eq!(pages.look().await, [false; 3], "another customer's");
}

#[tokio::test]
async fn another_process_changes_what_this_one_shows() {
    let app = TestApp::start().await;
    let ticket = app.ticket(ANA, "Alarm beeps").await;
    let ana = app.customer(ANA).await;
    let mut pages = Pages::open(&ana, &ticket).await;
    let beside = app.beside().await;
    let subject = "UPDATE tickets SET subject = 'Alarm is silent'";
    let done = beside.db.write(move |tx| tx.run(subject, &[])).await;
    assert_eq!(done.unwrap(), 1);
    assert_eq!(pages.look().await, [true; 3]);
    assert!(pages.shown.iter().all(|page| page.contains("Alarm is silent")), "{:?}", pages.shown);
    beside.db.clone().close().await;
}

#[tokio::test]
async fn a_kept_page_lets_nobody_in() {
    let app = TestApp::start().await;
    let ticket = app.ticket(ANA, "Alarm beeps").await;
    let (ana, ben) = (app.customer(ANA).await, app.customer("ben@example.com").await);
    let pages = Pages::open(&ana, &ticket).await;
    ben.get(&pages.addresses[2]).await.expect(404);
    app.sql("UPDATE links SET revoked_at = 1").await;
    for address in &pages.addresses {
        ana.get(address).await.expect(401);
    }
}
