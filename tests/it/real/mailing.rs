//! Doorkey and a mail server that is away, full, or not what it says it is.

use std::time::Duration;

use super::doorkey::Doorkey;
use super::smtp::Smtp;
use super::wait_for;

const ANA: &str = "ana@cafe-lumen.example";
const BEN: &str = "ben@harbour-lofts.example";

#[tokio::test(flavor = "multi_thread")]
async fn mail_waits_for_a_server_that_is_away_and_keeps_its_order() {
    let Some(mut smtp) = Smtp::start() else { return };
    let doorkey = Doorkey::start_with_mail(&smtp, &[]);
    let program = doorkey.program("technician");
    smtp.stop();
    let reference = program.open_ticket(ANA, "Alarm", "It beeps.").await;
    program.note(&reference, "First note").await;
    program.note(&reference, "Second note").await;
    smtp.restart();
    smtp.wait_for(ANA, 3);
    let mails = smtp.mails_to(ANA);
    assert!(mails[0].text.contains("It beeps.") || mails[0].subject().contains("Alarm"));
    assert!(mails[1].text.contains("First note"));
    assert!(mails[2].text.contains("Second note"));
    let first_id = mails[0].header("Message-ID").expect("an id").to_owned();
    for later in &mails[1..] {
        assert_ne!(later.header("Message-ID"), Some(first_id.as_str()));
        let thread = later.header("References").expect("a thread");
        assert_eq!(Some(thread), mails[1].header("References"), "one thread a ticket");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_that_is_full_holds_nobody_else_up() {
    let Some(smtp) = Smtp::start() else { return };
    let doorkey = Doorkey::start_with_mail(&smtp, &[]);
    let program = doorkey.program("technician");
    smtp.refuse(ANA, "452 4.2.2 The mailbox is full");
    program.open_ticket(ANA, "Alarm", "It beeps.").await;
    program.open_ticket(BEN, "Gate", "It opens.").await;
    smtp.wait_for(BEN, 1);
    assert!(smtp.mails_to(ANA).is_empty());
    smtp.accept();
    smtp.wait_for(ANA, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_does_not_exist_is_given_up() {
    let Some(smtp) = Smtp::start() else { return };
    let doorkey = Doorkey::start_with_mail(&smtp, &[]);
    let program = doorkey.program("technician");
    smtp.refuse(ANA, "550 5.1.1 No such person here");
    program.open_ticket(ANA, "Alarm", "It beeps.").await;
    program.open_ticket(BEN, "Gate", "It opens.").await;
    smtp.wait_for(BEN, 1);
    smtp.accept();
    // The first retry of a mail that is tried again comes after 5 s.
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert!(smtp.mails_to(ANA).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_a_certificate_of_nobody_we_trust_gets_nothing() {
    let Some(smtp) = Smtp::start() else { return };
    let Some(stranger) = Smtp::start() else { return };
    let url = stranger.url();
    let doorkey = Doorkey::start_with_mail(&smtp, &[("DOORKEY_SMTP_URL", &url)]);
    doorkey.program("technician").open_ticket(ANA, "Alarm", "It beeps.").await;
    wait_for("the queue to pause", || doorkey.readiness().contains("paused").then_some(()));
    assert!(stranger.mails().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_pauses_the_queue_and_is_not_logged() {
    let Some(smtp) = Smtp::start() else { return };
    let url = smtp.url().replace("s3cret", "wr0ng");
    let doorkey = Doorkey::start_with_mail(&smtp, &[("DOORKEY_SMTP_URL", &url)]);
    doorkey.program("technician").open_ticket(ANA, "Alarm", "It beeps.").await;
    wait_for("the queue to pause", || doorkey.readiness().contains("paused").then_some(()));
    assert!(smtp.mails().is_empty());
    assert!(!doorkey.log().contains("wr0ng"), "a password in the log");
}
