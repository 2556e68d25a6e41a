//! Customers from a table that is uploaded at the desk: looked through, confirmed, taken part by part
//! by whichever process is there, and told about. Nothing here takes a script.

use doorkey::domain::audit::Line;
use doorkey::domain::customer_uploads::LARGEST;
use doorkey::domain::staff::Role;
use doorkey::jobs;

use crate::audit::lines;
use crate::support::client::{Answer, Client};
use crate::support::{TestApp, dump};

const IMPORT: &str = "/admin/customers/import";
const MIXED: &[u8] = b"email;name;company\n\
    ana@b.example;Ana Costa;Caf\xC3\xA9 Lumen\n\
    nobody;Nobody;\n\
    jose@b.example;Jos\xE9;\n\
    ben@b.example;Ben <b>;\n\
    BEN@b.example;Ben again;\n";

async fn set_up() -> (TestApp, Client) {
    let app = TestApp::start().await;
    let boss = app.at_the_desk("boss@rfs.example", Role::Admin).await;
    (app, boss)
}

/// Sends a file as a browser does.
async fn upload(client: &Client, file: &[u8]) -> Answer {
    let head = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"people.csv\"\r\n\
        Content-Type: text/csv\r\n\r\n";
    let body = [head.as_bytes(), file, b"\r\n--x--\r\n"].concat();
    let ours = client.header("Sec-Fetch-Site", "same-origin");
    ours.send("POST", IMPORT, body, Some("multipart/form-data; boundary=x")).await
}

/// Where a page of the upload is.
async fn preview(client: &Client, file: &[u8]) -> String {
    upload(client, file).await.expect(303).header("location").unwrap().to_owned()
}

async fn customers(app: &TestApp) -> i64 {
    app.number("SELECT count(*) FROM customers").await
}

#[tokio::test]
async fn every_bad_line_is_named_and_nothing_is_changed_before_it_is_confirmed() {
    let (app, boss) = set_up().await;
    app.customer_row("ana@b.example").await;
    assert!(boss.get(IMPORT).await.expect(200).text().contains("enctype=\"multipart/form-data\""));
    let path = preview(&boss, MIXED).await;
    let page = boss.get(&path).await.expect(200).text();
    for words in [
        "people.csv",
        "<b class=\"number\">1</b><span class=\"what\">Would be added",
        "<b class=\"number\">1</b><span class=\"what\">Would stay as they are",
        "<b class=\"number\">3</b><span class=\"what\">Bad lines",
        "Line 3, email",
        "does not look like an e-mail address",
        "It says “<bdi>nobody</bdi>”.",
        "Line 4",
        "Byte 19 of this line is not UTF-8.",
        "Line 6, email",
        "This address stands on line 5 already.",
        "It says “<bdi>BEN@b.example</bdi>”.",
        "Import the Good Lines",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert_eq!(customers(&app).await, 1);
    assert!(!jobs::customer_uploads::work(&app).await.unwrap(), "nothing is to be done yet");
    boss.form(&path, &[("do", "take")]).await.expect(303);
    let page = boss.get(&path).await.expect(200).text();
    assert!(page.contains("http-equiv=\"refresh\"") && page.contains("<progress"), "{page}");
    while jobs::customer_uploads::work(&app).await.unwrap() {}
    let page = boss.get(&path).await.expect(200).text();
    for words in
        ["The customers are imported", "<b class=\"number\">1</b><span class=\"what\">Added"]
    {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("http-equiv"), "{page}");
    assert_eq!(customers(&app).await, 2);
    assert_eq!(app.customer_row("ben@b.example").await.name, "Ben <b>");
    assert_eq!(app.customer_row("ana@b.example").await.name, "ana", "who is known stays");
    // Confirmed again by a reload it does nothing.
    boss.form(&path, &[("do", "take")]).await.expect(303);
    assert!(!jobs::customer_uploads::work(&app).await.unwrap());
    boss.form(&path, &[("do", "discard")]).await.expect(404);
    let log: Vec<Line> = lines(&app).await;
    let told: Vec<&Line> = log.iter().filter(|it| it.action == "customer.imported").collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].by.name.as_str(), told[0].network.as_str()), ("Dana Reyes", "192.0.2.x"));
    assert!(told[0].cause.is_some(), "it was confirmed in a request");
    assert_eq!(told[0].details.in_words(), ["file: people.csv", "good lines: 2"]);
}

#[tokio::test]
async fn what_is_no_table_of_customers_is_refused_in_words() {
    let (app, boss) = set_up().await;
    app.sleep(1);
    let before = app.dump().await;
    let utf16: Vec<u8> = [0xFF, 0xFE].into_iter().chain(*b"e\0m\0").collect();
    for (file, says) in [
        (&b"name,Fax\nAna,1\n"[..], "The column &#34;Fax&#34; is not known."),
        (b"", "There is no column of this name"),
        (&utf16, "It looks like UTF-16."),
        (b"email,notes\na@b.example,\"never\n", "Would be added"),
    ] {
        let answer = upload(&boss, file).await;
        let page = match answer.status {
            303 => boss.get(answer.header("location").unwrap()).await.expect(200).text(),
            _ => answer.expect(422).text(),
        };
        assert!(page.contains(says), "{says}: {page}");
    }
    let nothing = upload(&boss, &vec![b'x'; LARGEST + 1]).await.expect(422).text();
    assert!(nothing.contains("This file has more than 5 MiB."), "{nothing}");
    let ours = boss.header("Sec-Fetch-Site", "same-origin");
    let empty =
        "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\"\r\n\r\n\r\n--x--\r\n";
    let kind = Some("multipart/form-data; boundary=x");
    let page = ours.send("POST", IMPORT, empty, kind).await.expect(422).text();
    assert!(page.contains("Please choose a file."), "{page}");
    ours.send("POST", IMPORT, "--x\r\nbroken", kind).await.expect(400);
    ours.send("POST", IMPORT, "file=x", None).await.expect(415);
    boss.send("POST", IMPORT, empty, kind).await.expect(403);
    assert_eq!(customers(&app).await, 0);
    let after = app.dump().await;
    let changed = dump::difference(&before, &after);
    assert!(changed.lines().all(|line| line.starts_with("+ customer_upload")), "{changed}");
}

#[tokio::test]
async fn a_file_of_the_largest_size_is_taken_part_by_part_by_any_process() {
    let (app, boss) = set_up().await;
    let mut file = b"email,notes\n".to_vec();
    for number in 0..2_500 {
        file.extend_from_slice(format!("c{number}@b.example,").as_bytes());
        file.resize(file.len() + 1_990, b'n');
        file.push(b'\n');
    }
    file.resize(LARGEST, b'\n');
    let path = preview(&boss, &file).await;
    boss.form(&path, &[("do", "take")]).await.expect(303);
    assert!(jobs::customer_uploads::work(&app).await.unwrap());
    assert_eq!(customers(&app).await, 1_000);
    let page = boss.get(&path).await.expect(200).text();
    assert!(page.contains("1000 of 2,500 customers taken"), "{page}");
    // The process is killed; another one goes on, and several at once take each part once.
    let other = app.beside().await;
    let both =
        tokio::join!(jobs::customer_uploads::work(&other), jobs::customer_uploads::work(&app));
    assert!(both.0.unwrap() | both.1.unwrap());
    while jobs::customer_uploads::work(&other).await.unwrap() {}
    assert_eq!(customers(&app).await, 2_500);
    let told = app.number("SELECT count(*) FROM event_inbox WHERE kind = 'customer.created'");
    assert_eq!(told.await, 2_500);
    assert_eq!(app.number("SELECT count(*) FROM customer_upload_parts").await, 0);
    let imported = "SELECT count(*) FROM audit WHERE action = 'customer.imported'";
    assert_eq!(app.number(imported).await, 1, "once, however many parts");
    other.db.clone().close().await;
}

#[tokio::test]
async fn what_nobody_confirms_is_forgotten_and_only_admins_see_any_of_it() {
    let (app, boss) = set_up().await;
    let path = preview(&boss, MIXED).await;
    let other = preview(&boss, MIXED).await;
    let dana = app.at_the_desk("dana@rfs.example", Role::Technician).await;
    assert!(!dana.get("/admin/customers").await.expect(200).text().contains(IMPORT));
    dana.get(&path).await.expect(403);
    dana.form(&path, &[("do", "take")]).await.expect(403);
    upload(&dana, MIXED).await.expect(403);
    let turned_away = upload(&app.anon().browser(), MIXED).await.expect(303);
    assert_eq!(turned_away.header("location"), Some("/admin/sign-in"));
    boss.form(&other, &[("do", "discard")]).await.expect(303);
    boss.get(&other).await.expect(404);
    app.sleep_days(1);
    let boss = app.at_the_desk("boss@rfs.example", Role::Admin).await;
    boss.get(&path).await.expect(404);
    boss.form(&path, &[("do", "take")]).await.expect(404);
    while jobs::tidy::forget(&app).await.unwrap() {}
    for table in ["customer_uploads", "customer_upload_parts"] {
        assert_eq!(app.number(format!("SELECT count(*) FROM {table}")).await, 0, "{table}");
    }
    assert_eq!(customers(&app).await, 0);
}

#[tokio::test]
async fn what_stands_in_bad_lines_is_shown_as_text_and_only_its_beginning() {
    let (_app, boss) = set_up().await;
    let file = format!("email,name\n<b>x</b>,\"{}\"\nonly@b.example\n", "n".repeat(201));
    let path = preview(&boss, file.as_bytes()).await;
    let page = boss.get(&path).await.expect(200).text();
    assert!(page.contains("It says “<bdi>&#60;b&#62;x&#60;/b&#62;</bdi>”."), "{page}");
    let cut = format!("It says “<bdi>{}…</bdi>”.", "n".repeat(80));
    assert!(page.contains(&cut) && !page.contains(&"n".repeat(81)), "{page}");
    assert!(page.contains("This line has 1 cell where the header has 2."), "{page}");
    assert!(page.contains("It says “<bdi>only@b.example</bdi>”."), "{page}");
}
