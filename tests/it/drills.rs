//! Drills of the whole alarm and tests of one contact: they say what they are, and claim nothing.

use futures_util::StreamExt;
use haven::domain::users;
use sea_orm::EntityTrait;
use serde_json::{Value, json};

use crate::on_both;
use crate::support::scene::{Scene, join, recipients, states};
use crate::support::smtp::{Behaviour, ReceivedMail};

const DRILL: &str = "mutation { drillAlarm(userId: \"me\") { ...T } }";
const TEST: &str = "mutation($id: ID!) { testEmergencyContact(id: $id) { ...T } }";
const TRIED: &str =
    "fragment T on Alarm { id kind scenarioName messages english: messages(language: EN)
    notifications { status recipientName channel purpose }
    result { messageSentToContacts therapistNotified musicPlayed completed location latitude } }";

async fn drill(scene: &Scene) -> Value {
    let query = format!("{DRILL} {TRIED}");
    scene.haven.data(&scene.anna, &query, json!({})).await["drillAlarm"].clone()
}

async fn test(scene: &Scene, id: &str) -> Value {
    let query = format!("{TEST} {TRIED}");
    scene
        .haven
        .data(&scene.anna, &query, json!({"id": id}))
        .await["testEmergencyContact"]
        .clone()
}

async fn ids(scene: &Scene, argument: &str) -> Vec<String> {
    let query = format!("{{ me {{ alarms{argument} {{ nodes {{ id }} }} }} }}");
    let data = scene.haven.data(&scene.anna, &query, json!({})).await;
    let nodes = data["me"]["alarms"]["nodes"].as_array().unwrap();
    nodes
        .iter()
        .map(|node| node["id"].as_str().unwrap().to_owned())
        .collect()
}

/// Fails unless the subject, the text and the page begin with the word.
fn assert_marked(mail: &ReceivedMail, word: &str) {
    assert!(
        mail.subject().starts_with(&format!("{word}. ")),
        "{}",
        mail.subject()
    );
    let text = mail.text.as_deref().unwrap();
    assert!(text.starts_with(word), "{text}");
    let html = mail.html.as_deref().unwrap();
    let body = html
        .split_once("<body")
        .unwrap()
        .1
        .split_once('>')
        .unwrap()
        .1;
    let first = body
        .split('<')
        .map(|part| part.split_once('>').map_or(part, |(_, text)| text).trim());
    let first = first.into_iter().find(|text| !text.is_empty()).unwrap();
    assert!(first.starts_with(word), "{html}");
    assert_eq!(
        (mail.header("x-priority"), mail.header("importance")),
        (None, None)
    );
}

on_both! {
    async fn a_drill_tells_everybody_says_so_and_sets_no_flag(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        scene.contact("Мария", "Мама", None).await;
        scene.therapist("Петр", "petr@example.com").await;
        scene.haven.data(&scene.anna, "mutation { updateProfile(userId: \"me\", input: {location: \"Тверь\"}) { id } }", json!({})).await;
        let alarm = drill(&scene).await;
        assert_eq!((&alarm["kind"], &alarm["scenarioName"]), (&json!("DRILL"), &json!("Стандартный сценарий")));
        assert_eq!(states(&alarm), ["SENT", "SKIPPED", "SENT"]);
        assert_eq!(alarm["result"], json!({"messageSentToContacts": false, "therapistNotified": false,
            "musicPlayed": false, "completed": false, "location": "", "latitude": null}));
        assert_eq!(alarm["messages"][0], "УЧЕБНАЯ ТРЕВОГА: Ваш/ваша Брат (Иван) получил(а) уведомление по email.");
        assert_eq!(alarm["english"][2], "DRILL: Your therapist (Петр) was notified.");
        let mails = scene.mail.mails();
        assert_eq!(recipients(&mails), ["ivan@example.com", "petr@example.com"]);
        for mail in &mails {
            assert_marked(mail, "УЧЕБНАЯ ТРЕВОГА");
            // Where the person usually is, is told to nobody for an exercise.
            assert!(!mail.text.as_deref().unwrap().contains("Тверь"));
        }
        let rows = entity::notification::Entity::find().all(scene.haven.app.db.read()).await.unwrap();
        assert!(rows.iter().all(|row| row.priority == 2), "behind real alarms");
        // Its end is part of it.
        scene.complete(&alarm["id"], true).await;
        scene.until(&alarm["id"], "the all-clear", |alarm| states(alarm) == ["SENT", "SKIPPED", "SENT", "SENT", "SENT"]).await;
        for mail in &scene.mail.mails()[2..] {
            assert_marked(mail, "УЧЕБНАЯ ТРЕВОГА");
            assert!(mail.subject().contains("Отбой"));
        }
        assert_eq!(scene.alarm(&alarm["id"]).await["result"]["messageSentToContacts"], false);
    }

    async fn in_english_too(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let english = sea_orm::sea_query::Expr::value("en");
        entity::user::Entity::update_many().col_expr(entity::user::Column::Language, english)
            .exec(scene.haven.app.db.read()).await.unwrap();
        let ivan = scene.contact("Ivan", "brother", Some("ivan@example.com")).await;
        drill(&scene).await;
        test(&scene, &ivan).await;
        let mails = scene.mail.mails();
        assert_marked(&mails[0], "DRILL");
        assert_marked(&mails[1], "TEST");
    }

    async fn a_test_goes_to_one_contact_and_says_so(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let ivan = scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let maria = scene.contact("Мария", "Мама", Some("maria@example.com")).await;
        scene.therapist("Петр", "petr@example.com").await;
        let alarm = test(&scene, &ivan).await;
        assert_eq!((&alarm["kind"], &alarm["scenarioName"]), (&json!("TEST"), &json!("")));
        assert_eq!(states(&alarm), ["SENT"]);
        assert_eq!(alarm["messages"], json!(["ПРОВЕРКА: Ваш/ваша Брат (Иван) получил(а) уведомление по email."]));
        assert_eq!(alarm["result"]["messageSentToContacts"], false);
        let mails = scene.mail.mails();
        assert_eq!(recipients(&mails), ["ivan@example.com"]);
        assert_marked(&mails[0], "ПРОВЕРКА");
        // One a minute to each contact.
        assert_eq!(scene.haven.code(Some(&scene.anna), &format!("{TEST} {TRIED}"), json!({"id": ivan})).await, "RATE_LIMITED");
        assert_eq!(states(&test(&scene, &maria).await), ["SENT"]);
        scene.wait(61);
        assert_eq!(states(&test(&scene, &ivan).await), ["SENT"]);
        // A contact nobody can reach is told so.
        let olga = scene.contact("Ольга", "Тётя", None).await;
        assert_eq!(states(&test(&scene, &olga).await), ["SKIPPED"]);
        assert_eq!(scene.mail.mails().len(), 3);
    }

    async fn only_the_person_tries_their_alarm(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let ivan = scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let bob = join(&scene.haven, "bob").await;
        let test = "mutation($id: ID!) { testEmergencyContact(id: $id) { id } }";
        let drill = "mutation($id: ID!) { drillAlarm(userId: $id) { id } }";
        for (query, id, code) in [
            (test, json!(ivan), "NOT_FOUND"), (test, json!("4711"), "NOT_FOUND"), (test, json!("x"), "NOT_FOUND"),
            (drill, json!(scene.anna.id), "FORBIDDEN"), (drill, json!(4711), "FORBIDDEN"),
        ] {
            assert_eq!(scene.haven.code(Some(&bob), query, json!({"id": id})).await, code);
            assert_eq!(scene.haven.code(None, query, json!({"id": id})).await, "UNAUTHENTICATED");
        }
        users::promote(&scene.haven.app, "bob").await.unwrap();
        for (query, id, code) in [
            (test, json!(ivan), "FORBIDDEN"), (test, json!("4711"), "NOT_FOUND"),
            (drill, json!(scene.anna.id), "FORBIDDEN"), (drill, json!(4711), "NOT_FOUND"),
        ] {
            assert_eq!(scene.haven.code(Some(&bob), query, json!({"id": id})).await, code);
        }
        assert_eq!(scene.mail.mails().len(), 0);
    }

    async fn whoever_opted_out_is_not_tested(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let ivan = scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let now = sea_orm::sea_query::Expr::value(scene.haven.app.clock.now());
        entity::emergency_contact::Entity::update_many()
            .col_expr(entity::emergency_contact::Column::OptedOutAt, now)
            .exec(scene.haven.app.db.read()).await.unwrap();
        assert_eq!(scene.haven.code(Some(&scene.anna), &format!("{TEST} {TRIED}"), json!({"id": ivan})).await, "CONFLICT");
    }

    async fn five_drills_a_day_are_enough(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        for _ in 0..5 {
            drill(&scene).await;
        }
        assert_eq!(scene.haven.code(Some(&scene.anna), &format!("{DRILL} {TRIED}"), json!({})).await, "RATE_LIMITED");
        // A real alarm is never one too many.
        assert_eq!(scene.press(Value::Null).await["joined"], false);
        scene.wait(24 * 3600 + 1);
        drill(&scene).await;
    }

    async fn twenty_tests_a_day_are_enough_for_whomever_is_added(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let delete = "mutation($id: ID!) { deleteEmergencyContact(id: $id) }";
        for _ in 0..20 {
            let ivan = scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
            assert_eq!(states(&test(&scene, &ivan).await), ["SENT"]);
            scene.haven.data(&scene.anna, delete, json!({"id": ivan})).await;
        }
        let ivan = scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        assert_eq!(scene.haven.code(Some(&scene.anna), &format!("{TEST} {TRIED}"), json!({"id": ivan})).await, "RATE_LIMITED");
        // Drills and real alarms are counted apart.
        drill(&scene).await;
        assert_eq!(scene.press(Value::Null).await["joined"], false);
        scene.wait(24 * 3600 + 1);
        assert_eq!(states(&test(&scene, &ivan).await), ["SENT"]);
    }

    async fn drills_and_presses_know_nothing_of_each_other(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let ivan = scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let drilled = drill(&scene).await["id"].clone();
        let first = scene.press(Value::Null).await;
        assert_eq!(first["joined"], false);
        let tested = test(&scene, &ivan).await["id"].clone();
        let again = scene.press(Value::Null).await;
        assert_eq!((&again["joined"], &again["alarm"]["id"]), (&json!(true), &first["alarm"]["id"]));
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let (drilled, real, tested) = (text(&drilled), text(&first["alarm"]["id"]), text(&tested));
        assert_eq!(ids(&scene, "").await, std::slice::from_ref(&real));
        assert_eq!(ids(&scene, "(kind: [DRILL])").await, std::slice::from_ref(&drilled));
        assert_eq!(ids(&scene, "(kind: [TEST, DRILL])").await, [tested.clone(), drilled.clone()]);
        assert_eq!(ids(&scene, "(kind: [])").await, [tested, real, drilled.clone()]);
        let report = "mutation($id: ID!) { reportAlarm(alarmId: $id, input: {musicPlayed: true}) { id } }";
        assert_eq!(scene.haven.code(Some(&scene.anna), report, json!({"id": drilled})).await, "CONFLICT");
    }

    async fn updates_carry_drills_where_they_are_asked_for(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let schema = haven::graphql::schema(scene.haven.app.clone());
        let viewer = scene.haven.viewer(&scene.anna).await;
        let follow = |argument: &str| {
            let query = format!("subscription {{ alarmUpdates(userId: \"me\"{argument}) {{ id kind notifications {{ status }} }} }}");
            schema.execute_stream(async_graphql::Request::new(query).data(viewer.clone()))
        };
        let (mut real, mut drills) = (follow(""), follow(", kind: [DRILL]"));
        let reading = async {
            let mut seen = Vec::new();
            while let Some(response) = drills.next().await {
                let alarm = response.data.into_json().unwrap()["alarmUpdates"].clone();
                assert_eq!(alarm["kind"], "DRILL");
                seen.push(alarm["id"].clone());
                if alarm["notifications"][0]["status"] == "SENT" {
                    break;
                }
            }
            seen
        };
        let first = async { real.next().await.unwrap().data.into_json().unwrap()["alarmUpdates"].clone() };
        let acting = async {
            // Both listen once they are polled; the open alarm of each comes first in any case.
            let drilled = drill(&scene).await;
            let pressed = scene.press(Value::Null).await;
            (drilled["id"].clone(), pressed["alarm"]["id"].clone())
        };
        let (seen, first, (drilled, pressed)) = tokio::time::timeout(
            std::time::Duration::from_secs(20), async { tokio::join!(reading, first, acting) }).await.unwrap();
        assert!(seen.iter().all(|id| *id == drilled), "{seen:?}");
        assert_eq!((&first["id"], &first["kind"]), (&pressed, &json!("REAL")));
    }
}
