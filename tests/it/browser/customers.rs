//! Customers at the desk as staff meet them: every page legible, and an import from the file to its
//! result in a browser that runs no script.

use serde_json::json;
use thirtyfour::By;

use super::looks::look_at;
use super::{ANA, BEN, SUBJECT};
use crate::real::browser::Browser;
use crate::real::doorkey::Doorkey;

const MIXED: &[u8] = b"email,name,company\n\
    zoe@example.com,Zo\xC3\xAB,\"M\xC3\xBCller; S\xC3\xB6hne\"\n\
    nobody,Nobody,\n\
    jose@example.com,Jos\xE9,\n\
    ana@cafe-lumen.example,Ana,\n";

/// Chooses a file in the one field for it.
async fn choose_file(browser: &Browser, path: &std::path::Path) {
    let field = browser.driver().find(By::Css("input[type=file]")).await.unwrap();
    field.send_keys(path.display().to_string()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_customers_pages_are_accessible() {
    let Some(browser) = &Browser::start().await else { return };
    let doorkey = Doorkey::start(&[]);
    let program = doorkey.program("admin");
    super::desk::sign_in(browser, &doorkey).await;
    let list = doorkey.url("/admin/customers");
    browser.open(&list).await;
    browser.see("No customers yet").await;
    look_at(browser, "desk-customers-empty").await;
    browser.open(&format!("{list}/new")).await;
    browser.fill("E-mail", "ana").await;
    browser.fill("Name", "Dr. Ana-Maximiliane Überlängenfeld von und zu Hohenschwarzwald").await;
    browser.press("Add Customer").await;
    browser.see("does not look like an e-mail address").await;
    look_at(browser, "desk-customer-new-problem").await;
    browser.fill("E-mail", ANA).await;
    browser.press("Add Customer").await;
    browser.see("The customer was added.").await;
    look_at(browser, "desk-customer-new").await;

    let reference = program.open_ticket(ANA, SUBJECT, "Since Monday.").await;
    program.open_ticket(ANA, &"Überlänge".repeat(22), "x").await;
    program.open_ticket(BEN, "باب المكتب لا يغلق", "منذ صباح اليوم 🚪").await;
    program.note(&reference, "We come on Thursday.").await;
    browser.open(&list).await;
    browser.see(BEN).await;
    look_at(browser, "desk-customers").await;
    browser.open(&format!("{list}?q=nobody+at+all&show=active")).await;
    browser.see("Nobody found").await;
    look_at(browser, "desk-customers-nobody").await;
    browser.open(&list).await;
    browser.follow("Dr. Ana-Maximiliane Überlängenfeld von und zu Hohenschwarzwald").await;
    browser.press("Make a Link to Copy").await;
    browser.see("shown only now").await;
    look_at(browser, "desk-customer").await;
    browser.press("Deactivate").await;
    browser.see("no link of theirs works").await;
    look_at(browser, "desk-customer-inactive").await;
    browser.press("Activate").await;
    browser.follow("Erase Everything…").await;
    browser.follow("Keep Them").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn moving_and_erasing_are_explained_and_accessible() {
    let Some(browser) = &Browser::start().await else { return };
    let doorkey = Doorkey::start(&[]);
    let program = doorkey.program("admin");
    super::desk::sign_in(browser, &doorkey).await;
    let reference = program.open_ticket(ANA, SUBJECT, "Since Monday.").await;
    program.open_ticket(BEN, "Camera 2 is dark", "Since the storm.").await;
    browser.open(&doorkey.url(&format!("/admin/tickets/{reference}"))).await;
    browser.follow("It is somebody else’s ticket…").await;
    browser.fill("E-mail of the right customer", "ben").await;
    browser.press("Find").await;
    browser.see("Who is it?").await;
    look_at(browser, "desk-ticket-customer-found").await;
    browser.fill("E-mail of the right customer", "somebody@example.com").await;
    browser.press("Next").await;
    browser.see("No customer has this address.").await;
    look_at(browser, "desk-ticket-customer-problem").await;
    browser.fill("E-mail of the right customer", BEN).await;
    browser.press("Next").await;
    browser.see("Move this ticket?").await;
    look_at(browser, "desk-ticket-customer").await;
    browser.press("Move Ticket").await;
    browser.see("The ticket was moved to this customer.").await;
    browser.see("Moved from").await;
    look_at(browser, "desk-ticket-moved").await;

    browser.open(&doorkey.url("/admin/customers?q=ben")).await;
    browser.follow("Ana Costa").await;
    browser.follow("Erase Everything…").await;
    browser.see("What stays").await;
    browser.fill("To confirm…", "ben").await;
    browser.press("Erase for Good").await;
    browser.see("does not look like an e-mail address").await;
    look_at(browser, "desk-customer-erase").await;
    browser.fill("To confirm…", BEN).await;
    browser.press("Erase for Good").await;
    browser.see("Everything that told who this was is gone").await;
    look_at(browser, "desk-customer-erased").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_goes_from_the_file_to_its_result_without_javascript() {
    let Some(browser) = &Browser::start().await else { return };
    let doorkey = Doorkey::start(&[]);
    doorkey.program("admin").open_ticket(ANA, SUBJECT, "Since Monday.").await;
    super::desk::sign_in(browser, &doorkey).await;
    let off = json!({ "value": true });
    browser.devtools("Emulation.setScriptExecutionDisabled", off).await;
    let folder = tempfile::tempdir().unwrap();
    let (mixed, fax) = (folder.path().join("people.csv"), folder.path().join("fax.csv"));
    std::fs::write(&mixed, MIXED).unwrap();
    std::fs::write(&fax, "Name;Fax\n").unwrap();
    let open = async || {
        browser.open(&doorkey.url("/admin/customers/import")).await;
        browser.see("What the file looks like").await;
    };
    open().await;
    choose_file(browser, &fax).await;
    browser.press("Look Through It").await;
    browser.see("This file cannot be read as customers.").await;
    open().await;
    choose_file(browser, &mixed).await;
    browser.press("Look Through It").await;
    for words in ["Import these customers?", "Line 3, email", "is not UTF-8", "Would be added"] {
        browser.see(words).await;
    }
    browser.press("Import the Good Lines").await;
    browser.see("The customers are imported").await;
    browser.follow("Show Customers").await;
    browser.see("Müller; Söhne").await;
    browser.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": false })).await;
    browser.open(&doorkey.url("/admin/customers/import")).await;
    look_at(browser, "desk-import").await;
    choose_file(browser, &fax).await;
    browser.press("Look Through It").await;
    browser.see("This file cannot be read as customers.").await;
    look_at(browser, "desk-import-problem").await;
    choose_file(browser, &mixed).await;
    browser.press("Look Through It").await;
    browser.see("Import these customers?").await;
    look_at(browser, "desk-import-preview").await;
    browser.press("Import the Good Lines").await;
    browser.see("The customers are imported").await;
    look_at(browser, "desk-import-done").await;
}
