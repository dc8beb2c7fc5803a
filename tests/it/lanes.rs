//! What goes first, and how much at once.

use serde_json::{Value, json};

use crate::on_both;
use crate::support::databases::Database;
use crate::support::scene::{Scene, states};
use crate::support::smtp::Behaviour;

/// Has so many messages that are no alarm wait for longer than any alarm.
async fn backlog(scene: &Scene, database: Database, count: usize) {
    let series = match database {
        Database::Postgres => format!("generate_series(1, {count}) AS n (n)"),
        Database::Sqlite => format!(
            "(WITH RECURSIVE n (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM n WHERE n < {count}) SELECT n FROM n)"
        ),
    };
    let long_ago = "'2025-01-01 00:00:00+00:00'";
    scene.sql(&format!(
        "INSERT INTO notifications (alarm_id, purpose, recipient_kind, recipient_name, relationship, channel, \
        address, status, attempts, priority, next_attempt_at, message_id, created_at) \
        SELECT (SELECT min(id) FROM alarms), 'opted_out', 'person', 'x', 'x', 'email', 'anna@example.com', 'pending', n % 2, 2, \
        {long_ago}, 'waiting' || n || '@haven.example', {long_ago} FROM {series}"
    )).await;
}

on_both! {
    async fn no_backlog_delays_an_alarm_that_is_tried_again(database) {
        let scene = Scene::new(database, Behaviour::DeferRecipients).await;
        for (name, address) in [("Иван", "ivan@example.com"), ("Мария", "maria@example.com"), ("Олег", "oleg@example.com")] {
            scene.contact(name, "Друг", Some(address)).await;
        }
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        scene.haven.app.clock.hold();
        scene.until(&id, "a try", |alarm| states(alarm) == ["PENDING"; 3]).await;
        // Maria's worker has died since, and Oleg's is one of too many alarms.
        scene.sql("UPDATE notifications SET status = 'sending', lease_until = next_attempt_at WHERE recipient_name = 'Мария'").await;
        scene.sql("UPDATE notifications SET priority = 1 WHERE recipient_name = 'Олег'").await;
        backlog(&scene, database, 600).await;
        scene.mail.set_behaviour(Behaviour::Accept);
        scene.wait(60);
        for address in ["ivan@example.com", "maria@example.com", "oleg@example.com"] {
            let ledger = scene.mail.until(address, |ledger| ledger.mails.iter().any(|mail| mail.to == [address])).await;
            let place = ledger.mails.iter().position(|mail| mail.to == [address]).unwrap();
            assert!(place < 100, "{address}: {place}");
        }
    }

    async fn everybody_is_tried_at_once_however_slow_the_server(database) {
        let scene = Scene::new(database, Behaviour::HangAfterData).await;
        for number in 0..50 {
            scene.contact("Контакт", "Друг", Some(&format!("c{number}@example.com"))).await;
        }
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        scene.mail.until("fifty mails under way", |ledger| ledger.bodies == 50 && ledger.open == 50).await;
        scene.mail.set_behaviour(Behaviour::Accept);
        scene.until(&id, "the mails", |alarm| states(alarm) == ["SENT"; 50]).await;
    }

    async fn a_server_that_takes_few_connections_gets_one_mail_after_the_other(database) {
        let scene = Scene::new(database, Behaviour::TakeConnections(2)).await;
        for number in 0..12 {
            scene.contact("Контакт", "Друг", Some(&format!("c{number}@example.com"))).await;
        }
        let id = scene.press(json!({})).await["alarm"]["id"].clone();
        let alarm = scene.until(&id, "the mails", |alarm| states(alarm) == ["SENT"; 12]).await;
        let rows = alarm["notifications"].as_array().unwrap();
        assert!(rows.iter().all(|row| row["attempts"] == 1), "{rows:#?}");
    }
}
