//! SQL statements of each endpoint and of the main operations, `BEGIN` and `COMMIT` not counted,
//! the statement that finds out whose token it is included.

use std::time::Duration;

use haven::config::Config;
use serde_json::{Value, json};

use crate::DATABASES;
use crate::report::table;
use crate::support::databases::Database;
use crate::support::haven::{Haven, PASSWORD, Person};
use crate::support::smtp::{Behaviour, SmtpServer};
use crate::support::socket::{Socket, Subscription};

/// Runs, each with a person of its own; the cheapest counts, because the delivery worker looks
/// for work of its own now and then.
const RUNS: usize = 3;

/// How long nothing may have been asked of the database before something is counted: the worker
/// goes on for a moment after an answer.
const QUIET: Duration = Duration::from_millis(25);

/// People on the longest page.
const PAGE: usize = 50;

/// What was counted, in the order of the first run.
#[derive(Default)]
struct Counts(Vec<(String, u64)>);

impl Counts {
    fn note(&mut self, what: &str, statements: u64) {
        match self.0.iter_mut().find(|(name, _)| name == what) {
            Some((_, least)) => *least = statements.min(*least),
            None => self.0.push((what.to_owned(), statements)),
        }
    }
}

/// The statements of some work, begun when the database has nothing else to do.
async fn cost<T>(haven: &Haven, work: impl Future<Output = T>) -> (u64, T) {
    loop {
        let before = haven.app.db.statements();
        tokio::time::sleep(QUIET).await;
        if haven.app.db.statements() == before {
            return haven.statements(work).await;
        }
    }
}

/// Counts on both databases, prints the tables, and gives the figures.
pub async fn measure() -> Value {
    let mut rest = Vec::new();
    let mut graphql = Vec::new();
    for (database, _) in DATABASES {
        let (of_rest, of_graphql) = count(database).await;
        rest.push(of_rest);
        graphql.push(of_graphql);
    }
    json!({
        "rest": print("SQL statements of each documented endpoint", &rest),
        "graphql": print("SQL statements of GraphQL operations and sockets", &graphql),
    })
}

fn print(title: &str, counts: &[Counts]) -> Value {
    let mut rows = Vec::new();
    let mut figures = Vec::new();
    for (index, (what, _)) in counts[0].0.iter().enumerate() {
        let mut row = vec![what.clone()];
        let mut figure = json!({"what": what});
        for (counts, (_, name)) in counts.iter().zip(DATABASES) {
            let (same, statements) = &counts.0[index];
            assert_eq!(same, what);
            row.push(statements.to_string());
            figure[name] = json!(statements);
        }
        rows.push(row);
        figures.push(figure);
    }
    let mut head = vec![""];
    head.extend(DATABASES.map(|(_, name)| name));
    table(title, &head, &rows);
    json!(figures)
}

async fn count(database: Database) -> (Counts, Counts) {
    let mail = SmtpServer::start(Behaviour::Accept).await;
    let settings = |config: &mut Config| config.smtp_url = Some(mail.url().into());
    let haven = Haven::with(database, settings).await;
    let admin = haven.admin("supporter").await;
    let (mut rest, mut graphql) = (Counts::default(), Counts::default());
    for run in 0..RUNS {
        count_rest(&haven, &mut rest, run).await;
        let person = haven.person(&format!("newer{run}")).await;
        count_own(&haven, &mut graphql, &person).await;
        count_chat(&haven, &mut graphql, &person, &admin).await;
    }
    // Somebody on every row of the longest page.
    for number in 0..PAGE {
        let name = format!("other{number}");
        let body = json!({"username": name, "email": "other@example.com", "password": PASSWORD});
        let path = "/api/v1/user/registration/";
        haven.call("POST", path).json(&body).send().await;
    }
    for _ in 0..RUNS {
        count_lists(&haven, &mut graphql, &admin).await;
    }
    (rest, graphql)
}

/// Every documented endpoint, as the legacy app calls it.
async fn count_rest(haven: &Haven, counts: &mut Counts, run: usize) {
    let name = format!("legacy{run}");
    let account = json!({"username": name, "email": "l@example.com", "password": PASSWORD});
    let contact = |name: &str, phone: &str| json!({"name": name, "phone": phone, "email": format!("{name}@example.com"), "relationship": "Friend"});
    let therapist = json!({"name": "Petr", "phone": "+79005556677", "email": "petr@example.com"});
    let edit = json!({"age": 35, "location": "Tver", "ptsd_level": 2, "military_status": true, "scenario": 1});
    let text = json!({"text": "Как справиться с тревогой?"});
    let rows = [
        ("POST", "user/registration/", "", &account),
        ("POST", "user/login/", "", &account),
        ("GET", "user/me/", "", &Value::Null),
        ("PATCH", "user/edit/me/", "", &edit),
        (
            "PATCH",
            "user/edit/contact/me/",
            "new",
            &contact("ivan", "+79001234567"),
        ),
        (
            "PATCH",
            "user/edit/contact/me/",
            "new",
            &contact("maria", "+79007654321"),
        ),
        (
            "PATCH",
            "user/edit/contact/me/",
            "known",
            &contact("ivan", "+79001234567"),
        ),
        ("PUT", "user/create/therapist/me/", "new", &therapist),
        ("PUT", "user/create/therapist/me/", "known", &therapist),
        ("PATCH", "user/edit/therapist/me/", "", &therapist),
        ("GET", "user/music/", "", &Value::Null),
        ("POST", "user/music/edit/me/", "", &json!({"music": 2})),
        ("GET", "event/trigger/me/", "3 mails sent", &Value::Null),
        ("GET", "event/trigger/me/", "pressed again", &Value::Null),
        ("POST", "chat/me/", "the guide answers", &text),
        ("GET", "chat/user/support/me/", "", &Value::Null),
    ];
    let mut token = String::new();
    for (method, path, note, body) in rows {
        let full = format!("/api/v1/{path}");
        let mut call = haven.call(method, &full);
        if !token.is_empty() {
            call = call.token(&token);
        }
        if !body.is_null() {
            call = call.json(body);
        }
        let (statements, answer) = cost(haven, call.send()).await;
        assert!(answer.status < 300, "{method} {path}: {answer:?}");
        if path == "user/login/" {
            token = answer.json()["token"].as_str().unwrap().to_owned();
        }
        let what = match note {
            "" => format!("{method} {full}"),
            note => format!("{method} {full} ({note})"),
        };
        counts.note(&what.replace("/me/", "/{user_id}/"), statements);
    }
}

/// What a person does with a newer app.
async fn count_own(haven: &Haven, counts: &mut Counts, person: &Person) {
    let mut run = async |what: &str, query: &str, variables: Value| {
        let asking = haven.data(person, query, variables);
        let (statements, data) = cost(haven, asking).await;
        counts.note(what, statements);
        data
    };
    for (name, phone) in [("ivan", "+79001234567"), ("maria", "+79007654321")] {
        let input = json!({"name": name, "relationship": "friend", "phone": phone, "email": format!("{name}@example.com")});
        run(
            "createEmergencyContact",
            "mutation($input: EmergencyContactInput!) { createEmergencyContact(userId: \"me\", input: $input) { id } }",
            json!({"input": input}),
        )
        .await;
    }
    let input = json!({"name": "petr", "phone": "+79005556677", "email": "petr@example.com"});
    run(
        "saveTherapist",
        "mutation($input: SaveTherapistInput!) { saveTherapist(userId: \"me\", input: $input) { created } }",
        json!({"input": input}),
    )
    .await;
    run(
        "updateProfile, four fields and a track",
        "mutation { updateProfile(userId: \"me\", input: {age: 35, location: \"Tver\", militaryStatus: true, ptsdLevel: 2, musicId: 1}) { id } }",
        json!({}),
    )
    .await;
    let pressed = run(
        "triggerAlarm, 3 mails sent, with messages and notifications",
        "mutation { triggerAlarm(userId: \"me\") { alarm { id messages result { completed } notifications { status } } } }",
        json!({}),
    )
    .await;
    let id = json!({"id": pressed["triggerAlarm"]["alarm"]["id"]});
    run(
        "reportAlarm",
        "mutation($id: ID!) { reportAlarm(alarmId: $id, input: {musicPlayed: true, latitude: 56.9, longitude: 35.9}) { id } }",
        id.clone(),
    )
    .await;
    run(
        "completeAlarm with all-clear",
        "mutation($id: ID!) { completeAlarm(alarmId: $id) { id } }",
        id.clone(),
    )
    .await;
    run(
        "askAssistant, the guide answers",
        "mutation { askAssistant(userId: \"me\", text: \"Как справиться с тревогой?\") { text source } }",
        json!({}),
    )
    .await;
    run(
        "me: profile with track, scenario and therapist",
        "{ me { profile { age location music { name url } scenario { name } therapistContact { name phone } } } }",
        json!({}),
    )
    .await;
    run(
        "me: profile, contacts, therapist, alarms with notifications, chats with messages",
        "{ me { profile { age music { name } scenario { name } } emergencyContacts { name } therapist { name }
            alarms { nodes { result { completed } notifications { status } messages } }
            assistantChats { nodes { messages(last: 20) { nodes { message } } } }
            supportChat { messages(last: 20) { nodes { message author { username } } } } } }",
        json!({}),
    )
    .await;
    run(
        "alarm with result, notifications and messages",
        "query($id: ID!) { alarm(id: $id) { result { completed } notifications { status recipient { ... on EmergencyContact { name } ... on Therapist { name } } } messages } }",
        id,
    )
    .await;
}

/// One message each way, from its sender to the other side's socket.
async fn count_chat(haven: &Haven, counts: &mut Counts, person: &Person, admin: &Person) {
    let opening = Socket::open(haven, person, "/ws/chat/me/");
    let (statements, mut phone) = cost(haven, opening).await;
    counts.note("opening /ws/chat/{user_id}/", statements);
    let mut desk = Socket::open(haven, admin, "/ws/chat/admin/").await;
    assert_eq!(desk.frame().await["event"], "user_connected");
    for text in ["first", "second"] {
        let saying = async {
            phone.say(&json!({"message": text})).await;
            assert_eq!(desk.heard().await, text);
        };
        let (statements, ()) = cost(haven, saying).await;
        counts.note(
            "a message by socket, until the supporter's has it",
            statements,
        );
    }
    phone.close().await;
    desk.close().await;

    let query = "subscription { supportMessages(userId: \"me\") { id message } }";
    let mut newer = Subscription::start(haven, person, query, json!({})).await;
    let say = "mutation($id: ID!) { sendSupportMessage(userId: $id, message: \"hello\") { id } }";
    for _ in 0..2 {
        let saying = async {
            haven.data(admin, say, json!({"id": person.id})).await;
            newer.next().await
        };
        let (statements, data) = cost(haven, saying).await;
        assert_eq!(data["supportMessages"]["message"], "hello");
        counts.note(
            "sendSupportMessage, until the subscriber has it",
            statements,
        );
    }
    newer.close().await;
}

/// What a supporter looks through.
async fn count_lists(haven: &Haven, counts: &mut Counts, admin: &Person) {
    let lists = [
        (
            "users with profile, track, scenario, therapist and contacts",
            "users",
            "username profile { age music { name } scenario { name } } therapist { name } emergencyContacts { name phone }",
        ),
        (
            "supportInbox with user and last message",
            "supportInbox",
            "user { username isOnline } receiver { username } messages(last: 1) { nodes { message author { username } } }",
        ),
        (
            "notifications with alarm, user and recipient",
            "notifications",
            "status alarm { timestamp user { username } } recipient { ... on EmergencyContact { name } ... on Therapist { name } }",
        ),
    ];
    let start = "{ users(first: 1) { pageInfo { endCursor } } }";
    let start = haven.data(admin, start, json!({})).await;
    // The first user is the supporter, who has neither track nor therapist.
    let after = &start["users"]["pageInfo"]["endCursor"];
    for (what, list, fields) in lists {
        for first in [1, PAGE] {
            let query = format!(
                "query($first: Int, $after: String) {{ {list}(first: $first, after: $after) {{ nodes {{ {fields} }} }} }}"
            );
            let after = if list == "users" { after } else { &Value::Null };
            let variables = json!({"first": first, "after": after});
            let asking = haven.data(admin, &query, variables);
            let (statements, data) = cost(haven, asking).await;
            let found = data[list]["nodes"].as_array().unwrap().len();
            counts.note(
                &format!("{what}, page of {first}, {found} found"),
                statements,
            );
        }
    }
}
