//! The links in mails, opened as a browser opens them.

use serde_json::{Value, json};
use url::Url;

use super::client::Answer;
use super::scene::Scene;
use super::smtp::ReceivedMail;

const REACTIONS: &str = "query($id: ID!) { alarm(id: $id) { result { answeredAt }
    reactions { id recipientName relationship reaction reactedAt
        recipient { __typename ... on EmergencyContact { id } ... on Therapist { id } } } } }";

/// The path of the link in a mail that begins with this, as in `/a/`.
pub fn path(mail: &ReceivedMail, begin: &str) -> String {
    let text = mail.text.as_deref().unwrap();
    let link = text
        .split_whitespace()
        .find(|word| word.starts_with("http") && word.contains(begin))
        .unwrap_or_else(|| panic!("no link with {begin} in:\n{text}"));
    Url::parse(link).unwrap().path().to_owned()
}

impl Scene {
    /// Waits for the mail to this address, and gives the path of its link.
    pub async fn link(&self, address: &str, begin: &str) -> String {
        let sent = |mails: &[ReceivedMail]| mails.iter().rposition(|mail| mail.to == [address]);
        let ledger = self
            .mail
            .until("a mail to somebody", |ledger| sent(&ledger.mails).is_some())
            .await;
        path(&ledger.mails[sent(&ledger.mails).unwrap()], begin)
    }

    /// Opens a page.
    pub async fn open(&self, path: &str) -> Answer {
        self.haven.call("GET", path).send().await
    }

    /// Presses a button of a page.
    pub async fn submit(&self, path: &str, form: &str) -> Answer {
        self.haven
            .call("POST", path)
            .body("application/x-www-form-urlencoded", form.to_owned())
            .send()
            .await
    }

    /// Presses a button of an alarm's page, which has to be taken.
    pub async fn react(&self, path: &str, reaction: &str) {
        let answer = self.submit(path, &format!("reaction={reaction}")).await;
        answer.assert_status(303);
    }

    /// What those who were told said of an alarm.
    pub async fn reactions(&self, id: &Value) -> Value {
        let data = self.haven.data(&self.anna, REACTIONS, json!({"id": id}));
        data.await["alarm"].clone()
    }

    /// Runs a statement on the database, for what no front door does.
    pub async fn sql(&self, statement: &str) {
        use sea_orm::ConnectionTrait;
        let db = self.haven.app.db.read();
        db.execute_unprepared(statement).await.unwrap();
    }
}
