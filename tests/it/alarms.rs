//! Pressing the alarm: who may, what is answered, what repeats do, how it ends.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::scene::{Scene, fields, join, recipients, states};
use crate::support::smtp::Behaviour;

const PRESS: &str = "mutation($id: ID!, $input: TriggerAlarmInput) {
    triggerAlarm(userId: $id, input: $input) { joined alarm { id } } }";

/// SQL statements of a query.
async fn cost(scene: &Scene, query: &str) -> u64 {
    let read = async || scene.haven.data(&scene.anna, query, json!({})).await;
    scene.haven.fewest_statements(read).await.0
}

on_both! {
    async fn everybody_is_told_and_the_answer_says_so_in_the_documented_words(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("Иван Иванов", "Брат", Some("ivan@example.com")).await;
        scene.contact("Мария", "Мама", None).await;
        scene.therapist("Петр Петров", "petr@example.com").await;
        let payload = scene.press(json!({"location": "Парк", "latitude": 55.75, "longitude": 37.61})).await;
        assert_eq!(payload["joined"], false);
        let alarm = &payload["alarm"];
        assert_eq!(alarm["scenarioName"], "Стандартный сценарий");
        assert_eq!(alarm["messages"], json!([
            "Ваш/ваша Брат (Иван Иванов) получил(а) уведомление по email.",
            "Ошибка отправки уведомления для Мама (Мария): не указан email.",
            "Ваш психотерапевт (Петр Петров) был уведомлён.",
        ]));
        assert_eq!(states(alarm), ["SENT", "SKIPPED", "SENT"]);
        assert_eq!(alarm["notifications"][1]["failure"], "no_address");
        assert_eq!(alarm["result"], json!({
            "location": "Парк", "latitude": 55.75, "longitude": 37.61,
            "messageSentToContacts": true, "therapistNotified": true, "completed": false,
        }));
        assert_eq!(recipients(&scene.mail.mails()), ["ivan@example.com", "petr@example.com"]);
    }

    async fn nobody_to_tell_is_said(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let alarm = &scene.press(Value::Null).await["alarm"];
        assert_eq!(alarm["messages"], json!([
            "Экстренные контакты не были уведомлены.",
            "Психотерапевт не был уведомлён.",
        ]));
        assert_eq!(alarm["result"]["messageSentToContacts"], false);
        assert_eq!(alarm["result"]["therapistNotified"], false);
    }

    async fn only_the_person_presses(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let bob = join(&scene.haven, "bob").await;
        for id in [json!(scene.anna.id), json!(4711), json!("rubbish")] {
            let code = scene.haven.code(Some(&bob), PRESS, json!({"id": id})).await;
            assert_eq!(code, "FORBIDDEN");
            assert_eq!(scene.haven.code(None, PRESS, json!({"id": id})).await, "UNAUTHENTICATED");
        }
        haven::domain::users::promote(&scene.haven.app, "bob").await.unwrap();
        assert_eq!(scene.haven.code(Some(&bob), PRESS, json!({"id": scene.anna.id})).await, "FORBIDDEN");
        assert_eq!(scene.haven.code(Some(&bob), PRESS, json!({"id": 4711})).await, "NOT_FOUND");
    }

    async fn wrong_input_is_refused_all_at_once(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        for (input, wrong) in [
            (json!({"idempotencyKey": ""}), vec!["idempotencyKey"]),
            (json!({"idempotencyKey": "a\u{0}b", "location": "x".repeat(256)}), vec!["idempotencyKey", "location"]),
            (json!({"location": "a\u{0}"}), vec!["location"]),
            (json!({"latitude": 90.5, "longitude": -180.5}), vec!["latitude", "longitude"]),
            (json!({"latitude": 1.0}), vec!["longitude"]),
            (json!({"longitude": 1.0, "latitude": null}), vec!["latitude"]),
        ] {
            let answer = scene.haven.graphql(Some(&scene.anna), PRESS, json!({"id": "me", "input": input})).await;
            assert_eq!(answer["errors"][0]["extensions"]["code"], "BAD_USER_INPUT", "{input}");
            assert_eq!(fields(&answer), wrong, "{input}");
        }
    }

    async fn the_same_key_is_the_same_press_for_a_day(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let key = json!({"idempotencyKey": "press-1"});
        let first = scene.press(key.clone()).await;
        scene.wait(23 * 3600);
        let again = scene.press(key.clone()).await;
        assert_eq!((&again["joined"], &again["alarm"]), (&json!(true), &first["alarm"]));
        assert_eq!(scene.mail.mails().len(), 1);
        scene.wait(2 * 3600);
        let next = scene.press(key).await;
        assert_eq!(next["joined"], false);
        assert_ne!(next["alarm"]["id"], first["alarm"]["id"]);
        assert_eq!(scene.mail.mails().len(), 2);
    }

    async fn equal_presses_at_one_instant_make_one_alarm(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        for input in [json!({"idempotencyKey": "k"}), Value::Null] {
            scene.wait(60);
            let before = scene.mail.mails().len();
            let (a, b, c) = tokio::join!(
                scene.press(input.clone()), scene.press(input.clone()), scene.press(input.clone())
            );
            assert_eq!(a["alarm"]["id"], b["alarm"]["id"]);
            assert_eq!(a["alarm"]["id"], c["alarm"]["id"]);
            let new = [&a, &b, &c].iter().filter(|payload| payload["joined"] == false).count();
            assert_eq!(new, 1);
            assert_eq!(scene.mail.mails().len(), before + 1);
        }
    }

    async fn a_repeat_joins_and_tells_only_who_was_added(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let first = scene.press(Value::Null).await;
        scene.contact("Мария", "Мама", Some("maria@example.com")).await;
        let again = scene.press(json!({"location": "Дом"})).await;
        assert_eq!((&again["joined"], &again["alarm"]["id"]), (&json!(true), &first["alarm"]["id"]));
        assert_eq!(again["alarm"]["result"]["location"], "Дом");
        assert_eq!(recipients(&scene.mail.mails()), ["ivan@example.com", "maria@example.com"]);
        scene.wait(11);
        let later = scene.press(Value::Null).await;
        assert_eq!(later["joined"], false);
    }

    async fn a_repeat_after_the_end_is_a_new_alarm(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let first = scene.press(Value::Null).await;
        scene.complete(&first["alarm"]["id"], false).await;
        let next = scene.press(Value::Null).await;
        assert_eq!(next["joined"], false);
    }

    async fn the_all_clear_goes_once_to_those_who_were_told(database) {
        let scene = Scene::new(database, Behaviour::RefuseRecipientsContaining("maria".into())).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        scene.contact("Мария", "Мама", Some("maria@example.com")).await;
        scene.therapist("Петр", "petr@example.com").await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        scene.mail.set_behaviour(Behaviour::Accept);
        scene.complete(&id, true).await;
        let alarm = scene.until(&id, "two all-clears", |alarm| states(alarm).len() == 5 && !states(alarm).contains(&"PENDING") && !states(alarm).contains(&"SENDING")).await;
        assert_eq!(states(&alarm), ["SENT", "FAILED", "SENT", "SENT", "SENT"]);
        assert_eq!(alarm["result"]["completed"], true);
        scene.complete(&id, true).await;
        // What the person is told of the refused address goes its own way.
        let mut mails = scene.mail.mails();
        mails.retain(|mail| mail.to != ["anna@example.com"]);
        assert_eq!(recipients(&mails[2..]), ["ivan@example.com", "petr@example.com"]);
        assert_eq!(mails.len(), 4);
        assert_eq!(mails[3].subject(), "Отбой тревоги: anna");
    }

    async fn another_persons_alarm_does_not_exist(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let bob = join(&scene.haven, "bob").await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        let read = "query($id: ID!) { alarm(id: $id) { id } }";
        for id in [&id, &json!("4711"), &json!("x")] {
            let data = scene.haven.data(&bob, read, json!({"id": id})).await;
            assert_eq!(data["alarm"], Value::Null);
            for change in [
                "mutation($id: ID!) { completeAlarm(alarmId: $id) { id } }",
                "mutation($id: ID!) { reportAlarm(alarmId: $id, input: {musicPlayed: true}) { id } }",
            ] {
                assert_eq!(scene.haven.code(Some(&bob), change, json!({"id": id})).await, "NOT_FOUND");
            }
        }
        assert_eq!(scene.alarm(&id).await["result"]["completed"], false);
    }

    async fn the_phone_reports_and_what_it_leaves_out_stays(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let id = scene.press(json!({"location": "Парк", "latitude": 1.0, "longitude": 2.0})).await["alarm"]["id"].clone();
        let report = "mutation($id: ID!, $input: ReportAlarmInput!) { reportAlarm(alarmId: $id, input: $input) {
            result { location latitude longitude musicPlayed voiceMessagePlayed } } }";
        let data = scene.haven.data(&scene.anna, report, json!({"id": id, "input": {"musicPlayed": true}})).await;
        assert_eq!(data["reportAlarm"]["result"], json!({"location": "Парк", "latitude": 1.0, "longitude": 2.0,
            "musicPlayed": true, "voiceMessagePlayed": false}));
        let data = scene.haven.data(&scene.anna, report, json!({"id": id, "input": {
            "voiceMessagePlayed": true, "location": null, "latitude": null, "longitude": null}})).await;
        assert_eq!(data["reportAlarm"]["result"], json!({"location": "", "latitude": null, "longitude": null,
            "musicPlayed": true, "voiceMessagePlayed": true}));
        for (input, wrong) in [
            (json!({"musicPlayed": null}), "musicPlayed"),
            (json!({"latitude": 1.0}), "longitude"),
            (json!({"latitude": 1.0, "longitude": null}), "longitude"),
        ] {
            let answer = scene.haven.graphql(Some(&scene.anna), report, json!({"id": id, "input": input})).await;
            assert_eq!(fields(&answer), [wrong]);
        }
    }

    async fn a_page_of_users_with_alarms_costs_what_one_user_costs(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.press(Value::Null).await;
        haven::domain::users::promote(&scene.haven.app, "anna").await.unwrap();
        let query = "{ users(first: 50) { nodes { alarms(first: 2) { nodes { id messages result { completed } } } } } }";
        let one = cost(&scene, query).await;
        let data = scene.haven.data(&scene.anna, query, json!({})).await;
        assert_eq!(data["users"]["nodes"][0]["alarms"]["nodes"].as_array().unwrap().len(), 1);
        for number in 0..5 {
            join(&scene.haven, &format!("user{number}")).await;
        }
        assert_eq!(cost(&scene, query).await, one);
    }
}
