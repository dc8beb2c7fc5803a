//! Several open alarms of one person: following them, and ending them together.

use futures_util::{Stream, StreamExt};
use haven::auth::UserRef;
use haven::domain::alarms::{self, Kinds, Update};
use haven::events::{Event, Topic};
use serde_json::{Value, json};

use crate::on_both;
use crate::support::scene::{Scene, recipients, states};
use crate::support::smtp::Behaviour;

const DRILL: &str = "mutation { drillAlarm(userId: \"me\") { id } }";
const PURPOSES: &str = "query($id: ID!) { alarm(id: $id) {
    notifications { purpose recipientName } } }";

/// Presses with this key; the alarm's id.
async fn press(scene: &Scene, key: &str) -> Value {
    let payload = scene.press(json!({"idempotencyKey": key})).await;
    assert_eq!(payload["joined"], false);
    payload["alarm"]["id"].clone()
}

async fn drill(scene: &Scene) -> Value {
    scene.haven.data(&scene.anna, DRILL, json!({})).await["drillAlarm"]["id"].clone()
}

async fn ended(scene: &Scene, id: &Value) -> bool {
    scene.alarm(id).await["result"]["completed"] == true
}

/// Whom the all-clears of an alarm name.
async fn all_clears(scene: &Scene, id: &Value) -> Vec<String> {
    let data = scene
        .haven
        .data(&scene.anna, PURPOSES, json!({"id": id}))
        .await;
    let rows = data["alarm"]["notifications"].as_array().unwrap();
    rows.iter()
        .filter(|row| row["purpose"] == "ALL_CLEAR")
        .map(|row| row["recipientName"].as_str().unwrap().to_owned())
        .collect()
}

/// The ids of the next alarms that a subscription gives.
async fn next(updates: &mut (impl Stream<Item = Update> + Unpin), count: usize) -> Vec<Value> {
    let reading = updates
        .take(count)
        .map(|update| json!(update.alarm.id.to_string()));
    let reading = reading.collect::<Vec<_>>();
    let patience = std::time::Duration::from_secs(10);
    tokio::time::timeout(patience, reading)
        .await
        .expect("too few alarms")
}

on_both! {
    async fn ending_an_alarm_ends_the_older_ones_that_are_still_shouting(database) {
        let scene = Scene::new(database, Behaviour::DeferRecipients).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let rehearsed = drill(&scene).await;
        let first = press(&scene, "a").await;
        let second = press(&scene, "b").await;
        let third = press(&scene, "c").await;
        let mut changes = scene.haven.app.events.subscribe(Topic::Alarms(scene.anna.id));
        scene.complete(&second, true).await;
        assert!(ended(&scene, &first).await && ended(&scene, &second).await);
        let first_id: i64 = first.as_str().unwrap().parse().unwrap();
        let told = async {
            while changes.next().await != Some(haven::events::Heard::Event(Event::Alarm(first_id))) {}
        };
        tokio::time::timeout(std::time::Duration::from_secs(10), told).await.expect("no event of the older alarm");
        // What was pressed later is another cry for help, and a drill none.
        assert!(!ended(&scene, &third).await && !ended(&scene, &rehearsed).await);
        assert_eq!(scene.alarm(&first).await["notifications"][0]["failure"], "alarm_completed");
        scene.complete(&third, true).await;
        assert!(!ended(&scene, &rehearsed).await);
        scene.mail.set_behaviour(Behaviour::Accept);
        scene.wait(600);
        scene.until(&rehearsed, "the drill", |alarm| states(alarm) == ["SENT"]).await;
        let mails = scene.mail.mails();
        assert!(mails.iter().all(|mail| mail.subject().starts_with("УЧЕБНАЯ")), "{mails:?}");
        // Nor does the end of a drill end anything else.
        let last = press(&scene, "d").await;
        scene.complete(&drill(&scene).await, true).await;
        assert!(!ended(&scene, &last).await && !ended(&scene, &rehearsed).await);
    }

    async fn an_older_one_can_still_be_ended_alone_and_one_that_is_over_ends_what_is_left(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let first = press(&scene, "a").await;
        let second = press(&scene, "b").await;
        scene.complete(&first, false).await;
        assert!(!ended(&scene, &second).await);
        let third = press(&scene, "c").await;
        scene.complete(&third, false).await;
        assert!(ended(&scene, &second).await);
        // As they are after a newer one was ended by an older haven.
        scene.sql(&format!("UPDATE alarm_results SET completed = false, completed_at = NULL WHERE alarm_id = {}", second.as_str().unwrap())).await;
        scene.complete(&third, false).await;
        assert!(ended(&scene, &second).await);
        assert_eq!(scene.mail.mails().len(), 3);
    }

    async fn whoever_was_told_of_several_is_given_one_all_clear(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        scene.contact("Мария", "Мама", Some("maria@example.com")).await;
        scene.therapist("Петр", "petr@example.com").await;
        let first = press(&scene, "a").await;
        scene.mail.set_behaviour(Behaviour::RefuseRecipientsContaining("maria".into()));
        let second = press(&scene, "b").await;
        // Maria was told of the first alone, and the person of her address.
        assert_eq!(states(&scene.alarm(&second).await), ["SENT", "FAILED", "SENT"]);
        scene.mail.wait_for(6).await;
        scene.mail.set_behaviour(Behaviour::Accept);
        scene.complete(&second, true).await;
        scene.complete(&first, true).await;
        scene.complete(&second, true).await;
        assert_eq!(all_clears(&scene, &second).await, ["Иван", "Петр"]);
        assert_eq!(all_clears(&scene, &first).await, ["Мария"]);
        let mails = scene.mail.wait_for(9).await;
        assert_eq!(recipients(&mails[6..]), ["ivan@example.com", "maria@example.com", "petr@example.com"]);
        assert!(mails[6..].iter().all(|mail| mail.subject() == "Отбой тревоги: anna"));
        assert_eq!(scene.mail.mails().len(), 9);
    }

    async fn an_all_clear_waits_for_the_end_of_a_newer_alarm(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let ivan = scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let first = press(&scene, "a").await;
        let link = scene.link("ivan@example.com", "/a/").await;
        scene.haven.data(&scene.anna, "mutation($id: ID!) { deleteEmergencyContact(id: $id) }", json!({"id": ivan})).await;
        scene.contact("Мария", "Мама", Some("maria@example.com")).await;
        scene.haven.data(&scene.anna, "mutation { saveEmergencyContact(userId: \"me\", input: {name: \"Олег\", relationship: \"Друг\", phone: \"+79005550000\", email: \"oleg@example.com\"}) { created } }", json!({})).await;
        let second = press(&scene, "b").await;
        let seen = scene.link("maria@example.com", "/a/").await;
        let third = press(&scene, "c").await;
        for again in 0..2 {
            scene.complete(&second, true).await;
            assert!(ended(&scene, &first).await && ended(&scene, &second).await);
            assert!(all_clears(&scene, &second).await.is_empty(), "{again}");
        }
        scene.open(&link).await.assert_status(404);
        let page = scene.open(&seen).await.body;
        assert!(page.contains("снова нажал(а) кнопку") && !page.contains("Срочно делать ничего не нужно"), "{page}");
        assert_eq!(scene.mail.mails().len(), 5);
        scene.complete(&third, true).await;
        // Who was told of the first alone, too.
        assert_eq!(all_clears(&scene, &third).await, ["Мария", "Олег"]);
        assert_eq!(all_clears(&scene, &first).await, ["Иван"]);
        scene.complete(&first, true).await;
        scene.mail.wait_for(8).await;
        let page = scene.open(&seen).await.body;
        assert!(page.contains("Срочно делать ничего не нужно"), "{page}");
        assert_eq!(scene.mail.mails().len(), 8);
    }

    async fn an_all_clear_asked_for_later_reaches_those_told_of_the_older_ones(database) {
        let scene = Scene::new(database, Behaviour::RefuseRecipientsContaining("maria".into())).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let first = press(&scene, "a").await;
        scene.wait(60);
        scene.mail.set_behaviour(Behaviour::RefuseRecipients);
        let second = press(&scene, "b").await;
        scene.until(&second, "its end", |alarm| states(alarm) == ["FAILED"]).await;
        scene.complete(&second, false).await;
        scene.mail.set_behaviour(Behaviour::Accept);
        let before = scene.mail.mails().len();
        scene.wait(60);
        scene.complete(&second, true).await;
        assert_eq!(all_clears(&scene, &first).await, ["Иван"]);
        let done = scene.until(&first, "the all-clear", |alarm| states(alarm) == ["SENT", "SENT"]).await;
        assert_eq!(done["result"]["completed"], true);
        scene.mail.wait_for(before + 1).await;
        scene.complete(&second, true).await;
        assert_eq!(all_clears(&scene, &first).await.len(), 1);
    }

    async fn what_was_under_way_to_somebody_is_followed_by_an_all_clear(database) {
        let scene = Scene::new(database, Behaviour::HangAfterData).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let first = press(&scene, "a").await;
        let second = press(&scene, "b").await;
        scene.complete(&second, true).await;
        scene.mail.set_behaviour(Behaviour::Accept);
        for id in [&first, &second] {
            scene.until(id, "every mail", |alarm| states(alarm).iter().all(|state| *state == "SENT")).await;
        }
        // Of both, once.
        assert_eq!(recipients(&scene.mail.wait_for(3).await), ["ivan@example.com"; 3]);
        let given = [all_clears(&scene, &first).await, all_clears(&scene, &second).await].concat();
        assert_eq!(given, ["Иван"]);
    }

    async fn updates_begin_with_every_open_alarm_and_a_slow_reader_misses_no_end(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let closed = press(&scene, "a").await;
        scene.complete(&closed, false).await;
        let first = press(&scene, "b").await;
        let second = press(&scene, "c").await;
        let rehearsed = drill(&scene).await;
        let app = &scene.haven.app;
        let viewer = scene.haven.viewer(&scene.anna).await;
        let both = Kinds::of(&[entity::alarm::Kind::Real, entity::alarm::Kind::Drill]);
        let follow = async |kinds| Box::pin(alarms::watch(app, &viewer, UserRef::Me, kinds).await.unwrap());
        let mut all = follow(both).await;
        let mut real = follow(Kinds::of(&[entity::alarm::Kind::Real])).await;
        assert_eq!(next(&mut all, 3).await, [first.clone(), second.clone(), rehearsed]);
        assert_eq!(next(&mut real, 2).await, [first.clone(), second.clone()]);
        // More happens than a slow subscriber is kept in mind for; among it the end of an alarm.
        scene.complete(&first, false).await;
        for _ in 0..300 {
            app.events.publish(Topic::Alarms(scene.anna.id), Event::Contact(0));
        }
        assert_eq!(next(&mut all, 1).await, std::slice::from_ref(&first));
        assert_eq!(next(&mut real, 1).await, [first]);
        scene.complete(&second, false).await;
        assert_eq!(next(&mut all, 1).await, std::slice::from_ref(&second));
        assert_eq!(next(&mut real, 1).await, [second]);
    }

    async fn the_first_updates_are_bounded_and_hold_the_real_alarms(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let real = press(&scene, "a").await;
        let mut drills = Vec::new();
        for _ in 0..5 {
            drills.push(drill(&scene).await);
        }
        // As many as nobody has.
        for number in 0..30 {
            let id = 1000 + number;
            scene.sql(&format!("INSERT INTO alarms (id, kind, user_id, scenario_name, play_music, notify_contact, notify_therapist, timestamp)
                SELECT {id}, kind, user_id, scenario_name, play_music, notify_contact, notify_therapist, timestamp FROM alarms WHERE id = {}", drills[0].as_str().unwrap())).await;
            scene.sql(&format!("INSERT INTO alarm_results (alarm_id, location, timestamp, music_played, message_sent_to_contacts, voice_message_played, therapist_notified, completed, all_clear)
                VALUES ({id}, '', '2026-11-24 00:00:00+00:00', false, false, false, false, false, false)")).await;
        }
        let viewer = scene.haven.viewer(&scene.anna).await;
        let mut all = Box::pin(alarms::watch(&scene.haven.app, &viewer, UserRef::Me, Kinds::of(&[])).await.unwrap());
        let seen = next(&mut all, 20).await;
        assert_eq!(seen[0], real);
        assert_eq!((&seen[1], &seen[19]), (&json!("1011"), &json!("1029")));
        // Nothing more comes until something happens.
        scene.complete(&real, false).await;
        assert_eq!(next(&mut all, 1).await, [real]);
    }
}
