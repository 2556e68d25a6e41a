//! `/.well-known/security.txt`: whom to tell of a weakness of the site.

use crate::support::TestApp;

const PLACE: &str = "/.well-known/security.txt";

#[tokio::test]
async fn it_says_whom_to_write_to_and_until_when_that_holds() {
    let app = TestApp::with(|config| {
        config.server.security_contact = Some("mailto:security@example.com".into());
    })
    .await;
    let answer = app.anon().header("Host", "evil.example").get(PLACE).await.expect(200);
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(
        answer.text(),
        "Contact: mailto:security@example.com\nExpires: 2027-05-11T09:14:00.000Z\n\
         Canonical: http://localhost:8080/.well-known/security.txt\n"
    );
}

#[tokio::test]
async fn it_is_not_there_unless_somebody_is_named() {
    let app = TestApp::start().await;
    app.anon().get(PLACE).await.expect(404);
}
