//! The alarm: pressed, told, repeated, reported, ended.

use serde_json::{Value, json};

use crate::{Cast, Stage, show};

const FOLLOW: &str = "subscription { alarmUpdates(userId: \"me\") { id
    result { location musicPlayed messageSentToContacts therapistNotified completed }
    notifications { purpose recipientName status attempts } } }";

const PATH: &str = "/api/v1/event/trigger/me/";
const KEY: [(&str, &str); 1] = [("Idempotency-Key", "7b0b6a9e-press-1")];
const ANSWER: &str = r#"{"scenario":"Стандартный сценарий","play_music":true,"messages":["Ваш/ваша Брат (Иван Иванов) получил(а) уведомление по email.","Ваш/ваша Мама (Мария Иванова) получил(а) уведомление по email.","Ваш психотерапевт (Петр Петров) был уведомлён."]}"#;

/// Whom the alarm tells, in the order of the envelope addresses.
const RECIPIENTS: [&str; 3] = ["ivan@example.com", "maria@example.com", "petr@example.com"];

/// Anna presses, is helped, and gives the all-clear.
pub async fn press(stage: &Stage, cast: &Cast) {
    let Stage { story, mail, .. } = stage;
    let Cast {
        phone,
        tablet,
        desk,
    } = cast;

    story.step("The newer app follows Anna's alarms by a GraphQL subscription");
    let mut updates = tablet.follow(FOLLOW, json!({})).await;

    story.step("Anna presses the alarm");
    phone
        .rest("GET", PATH, &KEY, "")
        .await
        .assert_is(200, ANSWER);

    story.step("Her contacts and her therapist have real mail");
    check_mails(
        stage,
        0,
        "Тревога: anna просит о помощи",
        "anna нажал(а) кнопку тревоги",
    )
    .await;

    story.step("The subscription sees every message become SENT");
    let update = updates
        .until(|data| {
            let result = &data["alarmUpdates"]["result"];
            states(data) == ["ALARM SENT"; 3]
                && result["messageSentToContacts"] == true
                && result["therapistNotified"] == true
        })
        .await;
    let id = update["alarmUpdates"]["id"].clone();

    story.step("The phone repeats the press with the same Idempotency-Key: nobody is told again");
    phone
        .rest("GET", PATH, &KEY, "")
        .await
        .assert_is(200, ANSWER);
    let again = tablet
        .graphql(
            "query($id: ID!) { alarm(id: $id) { notifications { status attempts } } me { alarms { nodes { id } } } }",
            json!({"id": id}),
        )
        .await;
    let once = json!({"status": "SENT", "attempts": 1});
    assert_eq!(again["alarm"]["notifications"], json!([once, once, once]));
    assert_eq!(again["me"]["alarms"]["nodes"], json!([{"id": id}]));
    assert_eq!(mail.mails().len(), 3);
    story.seen("Still one alarm, three messages, one attempt each.");

    story.step("Nobody else presses for her, not even the supporter");
    let answer = desk.get("/api/v1/event/trigger/2/").await;
    answer.assert_is(
        403,
        r#"{"error":"You are not authorized to trigger an alarm for this user."}"#,
    );

    story.step("The newer app reports that the music played, and where Anna is");
    let input = json!({"musicPlayed": true, "location": "Парк Победы", "latitude": 56.8587, "longitude": 35.9176});
    let report = tablet
        .graphql(
            "mutation($id: ID!, $input: ReportAlarmInput!) { reportAlarm(alarmId: $id, input: $input) { result { musicPlayed location latitude longitude } } }",
            json!({"id": id, "input": input}),
        )
        .await;
    assert_eq!(report["reportAlarm"]["result"], input);
    updates
        .until(|data| {
            let result = &data["alarmUpdates"]["result"];
            result["musicPlayed"] == true && result["location"] == "Парк Победы"
        })
        .await;

    story.step("It is over: Anna ends the alarm and has the all-clear sent");
    let ended = tablet
        .graphql(
            "mutation($id: ID!) { completeAlarm(alarmId: $id, allClear: true) { result { completed } } }",
            json!({"id": id}),
        )
        .await;
    assert_eq!(ended["completeAlarm"]["result"]["completed"], true);
    check_mails(
        stage,
        3,
        "Отбой тревоги: anna",
        "тревога, которую поднял(а) anna, завершена",
    )
    .await;
    updates
        .until(|data| {
            let mut all = ["ALARM SENT"; 6];
            all[3..].fill("ALL_CLEAR SENT");
            states(data) == all && data["alarmUpdates"]["result"]["completed"] == true
        })
        .await;
    story.seen("Each was told once of the alarm and once that it is over.");

    story.step("Anna asks the assistant; with no model configured, the built-in guide answers");
    let question = r#"{"text": "Как справиться с тревогой?"}"#;
    let answer = phone.rest("POST", "/api/v1/chat/me/", &[], question).await;
    answer.assert_status(200);
    let answer = answer.json();
    let response = answer["response"].as_str().unwrap();
    for part in ["Дыхание: вдох на 4 счёта", "нажмите кнопку тревоги", "112"]
    {
        assert!(response.contains(part), "{part} is not in:\n{response}");
    }
    let chats = "{ me { assistantChats { nodes { messages { nodes { sender message } } } } } }";
    let chats = tablet.graphql(chats, json!({})).await;
    let stored = &chats["me"]["assistantChats"]["nodes"][0]["messages"]["nodes"];
    assert_eq!(
        *stored,
        json!([
            {"sender": "USER", "message": "Как справиться с тревогой?"},
            {"sender": "SYSTEM", "message": response},
        ])
    );
    story.seen("Both sides of the talk are stored.");
}

/// The mails after the first so many: one for each recipient.
async fn check_mails(stage: &Stage, before: usize, subject: &str, text: &str) {
    let mut mails = stage.mail.wait_for(before + 3).await.split_off(before);
    mails.sort_by(|one, other| one.to.cmp(&other.to));
    for mail in &mails {
        show(&stage.story, mail);
    }
    let to: Vec<&str> = mails.iter().map(|mail| mail.to[0].as_str()).collect();
    assert_eq!(to, RECIPIENTS);
    for mail in &mails {
        assert_eq!(mail.from, "alarm@haven.example");
        assert!(mail.subject().starts_with(subject), "{}", mail.subject());
        for body in [&mail.text, &mail.html] {
            assert!(body.as_deref().unwrap().contains(text), "{body:?}");
        }
    }
}

/// The notifications of an update, in their order.
fn states(data: &Value) -> Vec<String> {
    let rows = data["alarmUpdates"]["notifications"].as_array().unwrap();
    let text = |row: &Value, field| row[field].as_str().unwrap().to_owned();
    rows.iter()
        .map(|row| format!("{} {}", text(row, "purpose"), text(row, "status")))
        .collect()
}
