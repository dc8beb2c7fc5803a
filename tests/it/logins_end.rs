//! GraphQL's sockets and event streams end with the login session behind them.

use haven::auth::UserRef;
use haven::domain::users::{self, Switch};
use serde_json::{Value, json};

use crate::on_both;
use crate::support::haven::{Haven, PASSWORD, Person};
use crate::support::socket::Subscription;

const ALARMS: &str = "subscription { alarmUpdates(userId: \"me\") { id } }";
const CHAT: &str = "subscription { supportMessages(userId: \"me\") { id } }";

/// An event stream of alarms that has begun.
async fn stream(haven: &Haven, person: &Person) -> reqwest::Response {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client
        .post(format!("http://{}/graphql/sse", haven.address))
        .header("accept", "text/event-stream")
        .header("authorization", format!("Token {}", person.token))
        .json(&json!({"query": ALARMS}))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    answer
}

/// Follows over every way, has `end` end the login session, and sees all of them end.
async fn all_end(haven: &Haven, person: &Person, end: impl Future<Output = ()>) {
    let mut alarms = Subscription::start(haven, person, ALARMS, Value::Null).await;
    let mut chat = Subscription::start(haven, person, CHAT, Value::Null).await;
    let events = stream(haven, person).await;
    end.await;
    assert_eq!(alarms.close_code().await, 4403);
    assert_eq!(chat.close_code().await, 4403);
    let patience = std::time::Duration::from_secs(20);
    let rest = tokio::time::timeout(patience, events.text()).await;
    let rest = rest.expect("the stream went on").unwrap();
    assert!(rest.contains("UNAUTHENTICATED"), "{rest}");
    assert!(rest.ends_with("event: complete\ndata: \n\n"), "{rest}");
}

on_both! {
    async fn logging_out_ends_what_the_login_follows_and_nothing_else(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let again = haven.log_in("anna").await;
        let mut other = Subscription::start(&haven, &again, CHAT, Value::Null).await;
        all_end(&haven, &anna, async {
            haven.data(&anna, "mutation { logout }", json!({})).await;
        }).await;
        let say = "mutation { sendSupportMessage(userId: \"me\", message: \"hello\") { id } }";
        haven.data(&again, say, json!({})).await;
        other.next().await;
    }

    async fn a_new_password_ends_what_is_followed(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let change = "mutation($old: String!) { changePassword(input: {currentPassword: $old, newPassword: \"another1password\"}) { token } }";
        all_end(&haven, &anna, async {
            haven.data(&anna, change, json!({"old": PASSWORD})).await;
        }).await;
    }

    async fn deactivation_ends_what_is_followed(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let boss = haven.admin("boss").await;
        let viewer = haven.viewer(&boss).await;
        all_end(&haven, &anna, async {
            users::set(&haven.app, &viewer, UserRef::Id(anna.id), Switch::Active(false)).await.unwrap();
        }).await;
    }
}
