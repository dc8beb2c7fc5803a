//! The end of alarms: by the person, or by itself where nobody ends them.

use std::sync::Arc;

use chrono::TimeDelta;
use entity::{alarm, alarm_result};
use haven::app::App;
use haven::domain::alarms::{self, Kept};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder};
use serde_json::{Value, json};

use crate::on_both;
use crate::support::databases::Database;
use crate::support::haven::Haven;
use crate::support::scene::{Scene, join, states};
use crate::support::smtp::{Behaviour, SmtpServer};

const END: &str =
    "query($id: ID!) { alarm(id: $id) { result { completed completedAt closedByItself } } }";

/// A haven that closes alarms after an hour.
async fn hourly(database: Database, behaviour: Behaviour) -> Scene {
    let mail = SmtpServer::start(behaviour).await;
    let url = mail.url();
    let haven = Haven::with(database, |config| {
        config.smtp_url = Some(url.into());
        config.alarm_hours = 1;
    })
    .await;
    let anna = join(&haven, "anna").await;
    Scene { haven, mail, anna }
}

async fn end(scene: &Scene, id: &Value) -> Value {
    let data = scene.haven.data(&scene.anna, END, json!({"id": id})).await;
    data["alarm"]["result"].clone()
}

/// Another node on the same database.
async fn node(scene: &Scene) -> Arc<App> {
    let app = &scene.haven.app;
    App::new(app.config.clone(), app.clock.clone())
        .await
        .unwrap()
}

on_both! {
    async fn the_end_says_when_it_was(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        let open = json!({"completed": false, "completedAt": null, "closedByItself": false});
        assert_eq!(end(&scene, &id).await, open);
        let before = scene.haven.app.clock.now();
        scene.complete(&id, false).await;
        let ended = end(&scene, &id).await;
        let at: chrono::DateTime<chrono::Utc> = serde_json::from_value(ended["completedAt"].clone()).unwrap();
        assert!((before..=scene.haven.app.clock.now()).contains(&at));
        assert_eq!(ended["closedByItself"], false);
        // An all-clear asked for later does not move the end.
        scene.wait(60);
        scene.complete(&id, true).await;
        assert_eq!(end(&scene, &id).await, ended);
    }

    async fn an_alarm_left_open_is_closed_without_an_all_clear(database) {
        let scene = hourly(database, Behaviour::RefuseRecipientsContaining("maria".into())).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        let app = scene.haven.app.clone();
        scene.wait(3500);
        assert_eq!(alarms::keep_house(&app).await.unwrap(), Kept::default());
        assert_eq!(end(&scene, &id).await["completed"], false);
        scene.wait(100);
        let mut changes = app.events.subscribe(haven::events::Topic::Alarms(scene.anna.id));
        assert_eq!(alarms::keep_house(&app).await.unwrap(), Kept { closed: 1, forgotten: 0 });
        assert!(changes.next().await.is_some());
        let closed = end(&scene, &id).await;
        assert_eq!((&closed["completed"], &closed["closedByItself"]), (&json!(true), &json!(true)));
        assert_ne!(closed["completedAt"], Value::Null);
        assert_eq!(states(&scene.alarm(&id).await), ["SENT"]);
        assert_eq!(alarms::keep_house(&app).await.unwrap(), Kept::default());
        // The person may still send the all-clear.
        scene.complete(&id, true).await;
        scene.until(&id, "the all-clear", |alarm| states(alarm) == ["SENT", "SENT"]).await;
        assert_eq!(end(&scene, &id).await, closed);
    }

    async fn what_was_not_sent_by_then_is_not_sent_any_more(database) {
        let scene = hourly(database, Behaviour::DeferRecipients).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        scene.wait(3601);
        alarms::keep_house(&scene.haven.app).await.unwrap();
        let alarm = scene.until(&id, "the end", |alarm| states(alarm) == ["FAILED"]).await;
        assert_eq!(alarm["notifications"][0]["failure"], "expired");
    }

    async fn the_server_looks_for_open_alarms_by_itself(database) {
        let scene = hourly(database, Behaviour::Accept).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        scene.haven.app.clock.advance(TimeDelta::hours(2));
        let Scene { haven, mail, anna } = scene;
        let scene = Scene { haven: haven.restart().await, mail, anna };
        scene.until(&id, "the end", |alarm| alarm["result"]["completed"] == true).await;
        assert_eq!(end(&scene, &id).await["closedByItself"], true);
    }

    async fn several_nodes_close_many_alarms_once(database) {
        const MANY: i64 = 450;
        let scene = hourly(database, Behaviour::Accept).await;
        let app = scene.haven.app.clone();
        let then = app.clock.now() - TimeDelta::hours(30);
        let db = app.db.read();
        let rows = (0..MANY).map(|number| alarm::ActiveModel {
            kind: Set(alarm::Kind::Real), user_id: Set(scene.anna.id), scenario_name: Set(String::new()),
            play_music: Set(false), notify_contact: Set(true), notify_therapist: Set(true),
            idempotency_key: Set(Some(format!("key{number}"))), timestamp: Set(then), ..Default::default()
        });
        alarm::Entity::insert_many(rows).exec_without_returning(db).await.unwrap();
        let ids: Vec<i64> = alarm::Entity::find().all(db).await.unwrap().iter().map(|row| row.id).collect();
        let rows = ids.iter().map(|id| alarm_result::ActiveModel {
            alarm_id: Set(*id), timestamp: Set(then), location: Set(String::new()), music_played: Set(false),
            message_sent_to_contacts: Set(false), voice_message_played: Set(false), therapist_notified: Set(false),
            completed: Set(false), all_clear: Set(false), closed_by_itself: Set(false), ..Default::default()
        });
        alarm_result::Entity::insert_many(rows).exec_without_returning(db).await.unwrap();
        let other = node(&scene).await;
        let (one, two) = tokio::join!(alarms::keep_house(&app), alarms::keep_house(&other));
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_eq!(one.closed + two.closed, MANY as u64);
        // A batch that the other node held is left for the next round.
        let rest = alarms::keep_house(&app).await.unwrap();
        assert_eq!(one.forgotten + two.forgotten + rest.forgotten, MANY as u64);
        let open = alarm_result::Entity::find().filter(alarm_result::Column::Completed.eq(false));
        assert!(open.one(db).await.unwrap().is_none());
        let keyed = alarm::Entity::find().filter(alarm::Column::IdempotencyKey.is_not_null());
        assert!(keyed.one(db).await.unwrap().is_none());
    }

    async fn keys_are_forgotten_after_a_day(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.press(json!({"idempotencyKey": "old"})).await;
        scene.wait(23 * 3600);
        scene.press(json!({"idempotencyKey": "new"})).await;
        scene.wait(3600);
        let kept = alarms::keep_house(&scene.haven.app).await.unwrap();
        assert_eq!(kept.forgotten, 1);
        let rows = alarm::Entity::find().order_by_asc(alarm::Column::Id).all(scene.haven.app.db.read()).await.unwrap();
        let keys: Vec<_> = rows.iter().map(|row| (row.idempotency_key.as_deref(), row.idempotency_input.is_some())).collect();
        assert_eq!(keys, [(None, false), (Some("new"), true)]);
    }

    async fn an_alarm_ends_while_its_contacts_are_deleted(database) {
        const DELETE: &str = "mutation($id: ID!) { deleteEmergencyContact(id: $id) }";
        const COMPLETE: &str = "mutation($id: ID!) { completeAlarm(alarmId: $id) { id } }";
        let scene = Scene::new(database, Behaviour::Accept).await;
        for round in 0..40 {
            let mut contacts = Vec::new();
            for number in 0..3 {
                let address = format!("c{round}x{number}@example.com");
                contacts.push(scene.contact("Контакт", "Друг", Some(&address)).await);
            }
            let id = scene.press(json!({"idempotencyKey": format!("{round}")})).await["alarm"]["id"].clone();
            let call = |query: &'static str, id: Value| scene.haven.graphql(Some(&scene.anna), query, json!({"id": id}));
            let (ended, a, b, c) = tokio::join!(
                call(COMPLETE, id.clone()), call(DELETE, json!(contacts[0])),
                call(DELETE, json!(contacts[1])), call(DELETE, json!(contacts[2])),
            );
            for answer in [ended, a, b, c] {
                assert_eq!(answer.get("errors"), None, "round {round}: {answer:#}");
            }
            // All that were told learn of the end, whether or not they are contacts by then.
            let done = scene.until(&id, "three all-clears", |alarm| states(alarm) == ["SENT"; 6]).await;
            assert_eq!(done["result"]["completed"], true);
        }
    }

    async fn a_contact_is_deleted_while_its_mail_is_under_way(database) {
        const DELETE: &str = "mutation($id: ID!) { deleteEmergencyContact(id: $id) }";
        let scene = Scene::new(database, Behaviour::HangAfterData).await;
        let contact = scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        scene.complete(&id, true).await;
        scene.haven.data(&scene.anna, DELETE, json!({"id": contact})).await;
        scene.mail.set_behaviour(Behaviour::Accept);
        scene.until(&id, "the all-clear", |alarm| states(alarm) == ["SENT", "SENT"]).await;
        assert_eq!(scene.mail.mails().len(), 2);
    }
}
