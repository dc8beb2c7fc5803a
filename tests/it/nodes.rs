//! Following alarms at a node that is not the one where things happen, and through outages.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::Response;
use futures_util::{Stream, StreamExt};
use haven::app::App;
use haven::auth::UserRef;
use haven::domain::alarms::{self, Kinds};
use serde_json::{Value, json};

use crate::on_both;
use crate::support::haven::Person;
use crate::support::scene::{Scene, states};
use crate::support::smtp::Behaviour;
use crate::support::socket::Subscription;

const PATIENCE: Duration = Duration::from_secs(20);
const UPDATES: &str = "subscription { alarmUpdates(userId: \"me\") { id
    result { completed location messageSentToContacts } notifications { status } reactions { reaction } } }";
const COUNT: usize = 1000;

/// Another node on the same database, which sends nothing and serves nobody else.
async fn node(scene: &Scene) -> Arc<App> {
    let app = &scene.haven.app;
    App::new(app.config.clone(), app.clock.clone())
        .await
        .unwrap()
}

/// Somebody's alarms, followed at a node.
async fn follow(node: &Arc<App>, person: &Person) -> impl Stream<Item = Response> + Unpin {
    let viewer = haven::domain::accounts::authenticate(node, &person.token)
        .await
        .unwrap();
    let request = async_graphql::Request::new(UPDATES).data(viewer);
    haven::graphql::schema(node.clone())
        .execute_stream(request)
        .boxed()
}

/// The first update that is as wanted.
async fn until(
    updates: &mut (impl Stream<Item = Response> + Unpin),
    what: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Value {
    let coming = async {
        loop {
            let response = updates.next().await.unwrap();
            assert!(response.errors.is_empty(), "{:?}", response.errors);
            let alarm = response.data.into_json().unwrap()["alarmUpdates"].clone();
            if wanted(&alarm) {
                return alarm;
            }
        }
    };
    let waiting = tokio::time::timeout(PATIENCE, coming);
    waiting
        .await
        .unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

on_both! {
    async fn what_happens_at_another_node_is_seen_live(database) {
        let scene = Scene::new(database, Behaviour::HangAfterData).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let node = node(&scene).await;
        let mut updates = follow(&node, &scene.anna).await;
        let pressed = scene.press(Value::Null);
        let seen = until(&mut updates, "the press", |alarm| states(alarm) == ["SENDING"]);
        let (payload, seen) = tokio::join!(pressed, seen);
        let id = &payload["alarm"]["id"];
        assert_eq!(&seen["id"], id);
        scene.mail.set_behaviour(Behaviour::Accept);
        let sent = until(&mut updates, "the mail", |alarm| states(alarm) == ["SENT"]).await;
        assert_eq!(sent["result"]["messageSentToContacts"], true);
        let link = scene.link("ivan@example.com", "/a/").await;
        for reaction in ["on_my_way", "called"] {
            scene.react(&link, reaction).await;
            let shown = json!([{"reaction": reaction.to_uppercase()}]);
            until(&mut updates, reaction, |alarm| alarm["reactions"] == shown).await;
        }
        let report = "mutation($id: ID!) { reportAlarm(alarmId: $id, input: {location: \"Парк\"}) { id } }";
        scene.haven.data(&scene.anna, report, json!({"id": id})).await;
        until(&mut updates, "the place", |alarm| alarm["result"]["location"] == "Парк").await;
        scene.complete(id, true).await;
        until(&mut updates, "the end", |alarm| alarm["result"]["completed"] == true && states(alarm) == ["SENT", "SENT"]).await;
    }

    async fn what_a_retry_at_another_node_leads_to_is_seen(database) {
        let scene = Scene::new(database, Behaviour::DeferRecipients).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        scene.press(Value::Null).await;
        let node = node(&scene).await;
        let mut updates = follow(&node, &scene.anna).await;
        until(&mut updates, "the open alarm", |alarm| states(alarm) == ["PENDING"]).await;
        scene.mail.set_behaviour(Behaviour::Accept);
        scene.wait(600);
        until(&mut updates, "the mail", |alarm| states(alarm) == ["SENT"]).await;
    }

    async fn what_happens_while_the_database_fails_is_told_afterwards(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        let mut updates = Subscription::start(&scene.haven, &scene.anna, UPDATES, json!({})).await;
        assert_eq!(updates.next().await["alarmUpdates"]["id"], id);
        // Neither a look nor an answer can be had, and yet the alarm can be ended.
        scene.sql("ALTER TABLE alarm_reactions RENAME TO gone").await;
        let end = "mutation($id: ID!) { completeAlarm(alarmId: $id, allClear: false) { id } }";
        scene.haven.data(&scene.anna, end, json!({"id": id})).await;
        scene.sql("ALTER TABLE gone RENAME TO alarm_reactions").await;
        while updates.next().await["alarmUpdates"]["result"]["completed"] != true {}
    }

    async fn an_update_that_could_not_be_read_comes_again(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", None).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        let query = "subscription { alarmUpdates(userId: \"me\") { messages result { completed } } }";
        let mut updates = Subscription::start(&scene.haven, &scene.anna, query, json!({})).await;
        assert_eq!(updates.next().await["alarmUpdates"]["result"]["completed"], false);
        // Where nobody can be reached, the messages have a number by where the person is.
        scene.sql("ALTER TABLE profiles RENAME TO gone").await;
        let end = "mutation($id: ID!) { completeAlarm(alarmId: $id, allClear: false) { id } }";
        scene.haven.data(&scene.anna, end, json!({"id": id})).await;
        assert_eq!(updates.code().await, "INTERNAL");
        scene.sql("ALTER TABLE gone RENAME TO profiles").await;
        loop {
            let message = updates.payload().await;
            if message["errors"].is_null() {
                assert_eq!(message["data"]["alarmUpdates"]["result"]["completed"], true);
                break;
            }
        }
    }

    async fn following_costs_as_little_for_many_as_for_one(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let node = node(&scene).await;
        let rows = |row: &str| {
            let rows: Vec<String> = (0..COUNT).map(|number| row.replace('#', &(10_000 + number).to_string())).collect();
            rows.join(", ")
        };
        for (table, columns, row) in [
            ("users", "id, username, username_fold, email, password_hash, is_admin, is_active, language, joined_at",
                "(#, 'u#', 'u#', 'u@example.com', '', false, true, 'ru', '2026-11-24 00:00:00+00:00')"),
            ("alarms", "id, kind, user_id, scenario_name, play_music, notify_contact, notify_therapist, timestamp",
                "(#, 'real', #, '', false, false, false, '2999-11-24 00:00:00+00:00')"),
            ("alarm_results", "alarm_id, location, timestamp, music_played, message_sent_to_contacts, voice_message_played, therapist_notified, completed, all_clear",
                "(#, '', '2026-11-24 00:00:00+00:00', false, false, false, false, false, false)"),
        ] {
            scene.sql(&format!("INSERT INTO {table} ({columns}) VALUES {}", rows(row))).await;
        }
        haven::domain::users::promote(&scene.haven.app, "anna").await.unwrap();
        let viewer = scene.haven.viewer(&scene.anna).await;
        let mut followed = Vec::new();
        for number in 0..COUNT {
            let id = i64::try_from(10_000 + number).unwrap();
            let subject = UserRef::Id(id);
            let mut alarms = Box::pin(alarms::watch(&node, &viewer, subject, Kinds::of(&[])).await.unwrap());
            assert_eq!(alarms.next().await.unwrap().alarm.id, id);
            followed.push(alarms);
        }
        let before = node.db.statements();
        for number in [0, 500, 999] {
            let id = 10_000 + number;
            scene.sql(&format!("UPDATE alarm_results SET location = 'x' WHERE alarm_id = {id}")).await;
            let update = tokio::time::timeout(PATIENCE, followed[number].next()).await;
            assert_eq!(update.unwrap().unwrap().alarm.id, i64::try_from(id).unwrap());
        }
        let cost = node.db.statements() - before;
        println!("{cost} statements while 3 changes were waited for");
        assert!(cost < 100, "{cost}");
    }
}
