//! What the operator sees: the first start, an upgrade, the log.

use serde_json::{Value, json};

use crate::program::{Haven, Running};
use crate::support::{self, to_anna, to_desk};
use crate::telling::Story;
use crate::{Cast, PASSWORD, Stage};

/// Makes the supporter's account and starts haven.
pub async fn start(story: &Story, haven: &Haven) -> Running {
    story.step("The operator makes an admin account for the supporter");
    let arguments = "admin create --username olga --email olga@example.com";
    story.sent("operator", &format!("haven {arguments}"));
    let arguments: Vec<&str> = arguments.split(' ').collect();
    let output = haven.run(&arguments, &format!("{PASSWORD}\n")).await;
    story.received("operator", &output);
    assert_eq!(output, "olga is an admin now, with id 1.\n");

    story.step("The operator starts haven");
    let running = haven.start().await;
    greeted(story, &running).await;
    running
}

async fn greeted(story: &Story, running: &Running) {
    for line in running.greeting.lines() {
        story.seen(line);
    }
    let url = format!("http://{}/healthz", running.address);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = client.get(&url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let body = answer.text().await.unwrap();
    story.received("operator", &format!("GET /healthz 200 {body}"));
    assert_eq!(body, "ok");
}

/// Stops haven while everybody is connected, starts it again, and looks what is there.
pub async fn restart(stage: Stage, cast: Cast, open: support::Open, profile: &str) {
    let Stage {
        story,
        haven,
        running,
        mail,
    } = stage;
    let history = cast.tablet.graphql(EVERYTHING, json!({})).await;

    story.step("The operator stops haven with SIGTERM: every socket is closed with 1001, in order");
    running.terminate();
    open.tablet.closes_with(1001).await;
    open.newer.closes_with(1001).await;
    open.desk.closes_with(1001).await;
    let status = running.ended().await;
    story.received("operator", &format!("haven ended, {status}"));
    assert!(status.success());

    story.step("The operator starts haven again, on the same data");
    let running = haven.start().await;
    greeted(&story, &running).await;
    let (tablet, desk) = (
        cast.tablet.moved(running.address),
        cast.desk.moved(running.address),
    );

    story.step("Everything is still there, and Anna is still logged in");
    let answer = tablet.get("/api/v1/user/me/").await;
    answer.assert_is(200, profile);
    let after = tablet.graphql(EVERYTHING, json!({})).await;
    assert_eq!(after, history);
    let me = &after["me"];
    let count = |list: &Value| list.as_array().unwrap().len();
    assert_eq!(count(&me["emergencyContacts"]), 2);
    assert_eq!(me["therapist"]["name"], "Петр Петров");
    assert_eq!(count(&me["alarms"]["nodes"]), 1);
    assert_eq!(count(&me["alarms"]["nodes"][0]["notifications"]), 6);
    assert_eq!(
        count(&me["assistantChats"]["nodes"][0]["messages"]["nodes"]),
        2
    );
    assert_eq!(count(&me["supportChat"]["messages"]["nodes"]), 6);

    story.step("The talk goes on, and nothing is told twice");
    let mut admin = desk.socket_at("/ws/chat/admin/").await;
    let mut anna = tablet.socket_at("/ws/chat/me/").await;
    admin.hears(&to_desk("user_connected", "")).await;
    anna.say(r#"{"message": "Я снова здесь"}"#).await;
    admin.hears(&to_desk("chat_message", "Я снова здесь")).await;
    admin.say(r#"{"message": "Хорошо!", "user_id": "2"}"#).await;
    anna.hears(&to_anna("Хорошо!", true)).await;
    anna.close().await;
    admin.hears(&to_desk("user_disconnected", "")).await;
    admin.close().await;
    assert_eq!(mail.mails().len(), 6);

    story.step("The log names nobody and gives nothing away");
    running.terminate();
    assert!(running.ended().await.success());
    let log = std::fs::read_to_string(haven.log()).unwrap();
    let mut secrets = story.secrets();
    let personal = [
        "anna",
        "olga",
        "@example.com",
        "Иван",
        "Петр",
        "Тверь",
        "+7900",
        "Спасибо",
    ];
    secrets.extend(personal.map(str::to_owned));
    for secret in secrets {
        assert!(!log.contains(&secret), "{secret} is in the log");
    }
    assert!(log.contains("stopping"), "nothing is logged:\n{log}");
    let lines = log.lines().count();
    story.seen(&format!(
        "{lines} lines, without a name, an address, a token or a message."
    ));
}

const EVERYTHING: &str = "{ me { id username email
    emergencyContacts { name relationship phone email } therapist { name phone email }
    alarms { nodes { scenarioName timestamp result { location completed musicPlayed } notifications { purpose recipientName status attempts } } }
    assistantChats { nodes { messages { nodes { sender message timestamp } } } }
    supportChat { messages { nodes { id sender fromAdmin message timestamp } } } } }";
