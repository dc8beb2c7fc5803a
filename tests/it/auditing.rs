//! What the auditor sees that the sender would not tell it, and what it says where it knows nothing.

use std::net::SocketAddr;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use entity::notification;
use haven::delivery::{self, Discontent};
use sea_orm::sea_query::Expr;
use sea_orm::{ConnectionTrait, EntityTrait};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::on_both;
use crate::support::client::Call;
use crate::support::databases::Database;
use crate::support::scene::{Scene, states};
use crate::support::smtp::Behaviour;

const PATIENCE: Duration = Duration::from_secs(20);

/// Puts off every message, by one way or another that no rule has.
async fn put_off(scene: &Scene, until: DateTime<Utc>, attempts: i32, step: i32) {
    use notification::Column;
    notification::Entity::update_many()
        .col_expr(Column::NextAttemptAt, Expr::value(until))
        .col_expr(Column::Attempts, Expr::value(attempts))
        .col_expr(Column::Step, Expr::value(step))
        .exec(scene.haven.app.db.read())
        .await
        .unwrap();
}

/// Somebody pressed, and the mail server takes no mail of it yet.
async fn waiting(database: Database) -> (Scene, Value) {
    let scene = Scene::new(database, Behaviour::DeferRecipients).await;
    scene
        .contact("Иван", "Брат", Some("ivan@example.com"))
        .await;
    let id = scene.press(Value::Null).await["alarm"]["id"].clone();
    scene
        .until(&id, "the first try", |alarm| states(alarm) == ["PENDING"])
        .await;
    (scene, id)
}

on_both! {
    async fn a_message_put_off_by_a_wrong_clock_is_found(database) {
        let (scene, id) = waiting(database).await;
        let app = &scene.haven.app;
        let now = app.clock.now();
        for (ahead, attempts, step) in [(TimeDelta::days(2), 1, 0), (TimeDelta::days(2), 1, 1), (TimeDelta::minutes(5), 0, 0)] {
            put_off(&scene, now + ahead, attempts, step).await;
            let found = delivery::audit(app).await;
            assert_eq!(found.discontent, Some(Discontent::Astray), "{ahead} {attempts} {step}");
        }
        let ready = scene.haven.call("GET", "/readyz").send().await.json();
        assert!(ready["reason"].as_str().unwrap().contains("clock"), "{ready}");
        // Whoever reads that can do something about it.
        scene.mail.set_behaviour(Behaviour::Accept);
        let admin = scene.haven.admin("boss").await;
        let row = scene.alarm(&id).await["notifications"][0]["id"].clone();
        let retry = "mutation($id: ID!) { retryNotification(id: $id) { id } }";
        scene.haven.data(&admin, retry, json!({"id": row})).await;
        scene.until(&id, "the mail", |alarm| states(alarm) == ["SENT"]).await;
        assert_eq!(delivery::audit(app).await.discontent, None);
    }

    async fn a_later_step_may_wait_for_its_time(database) {
        let (scene, _) = waiting(database).await;
        let app = &scene.haven.app;
        put_off(&scene, app.clock.now() + TimeDelta::hours(5), 0, 1).await;
        assert_eq!(delivery::audit(app).await.discontent, None);
    }

    // However often its lease is renewed.
    async fn a_try_without_an_end_is_found(database) {
        let scene = Scene::new(database, Behaviour::HangAfterData).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        let app = &scene.haven.app;
        scene.until(&id, "the try", |alarm| states(alarm) == ["SENDING"]).await;
        assert_eq!(delivery::audit(app).await.discontent, None);
        app.clock.advance(TimeDelta::seconds(120));
        let renewed = async {
            let lease = async || notification::Entity::find().one(app.db.read()).await.unwrap().unwrap().lease_until;
            while lease().await.unwrap() <= app.clock.now() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(PATIENCE, renewed).await.expect("the lease was not renewed");
        let found = delivery::audit(app).await;
        assert_eq!((found.discontent, found.oldest_due), (Some(Discontent::Hanging), Some(Duration::ZERO)));
        scene.mail.set_behaviour(Behaviour::Accept);
        scene.until(&id, "the mail", |alarm| states(alarm) == ["SENT"]).await;
        assert_eq!(delivery::audit(app).await.discontent, None);
    }

    async fn a_crowd_of_drills_hides_no_alarm(database) {
        let scene = Scene::new(database, Behaviour::DeferRecipients).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let app = &scene.haven.app;
        scene.haven.data(&scene.anna, "mutation { drillAlarm(userId: \"me\") { id } }", json!({})).await;
        let mut tried = scene.mail.follow();
        timeout(PATIENCE, tried.wait_for(|ledger| ledger.refusals > 0)).await.unwrap().unwrap();
        // Nobody sends any more.
        scene.stick_sender(database).await;
        scene.wait(120);
        let found = delivery::audit(app).await;
        assert_eq!((found.discontent, found.oldest_due_alarm), (None, Some(Duration::ZERO)));
        assert!(found.oldest_due.unwrap() > Duration::from_secs(60), "{found:?}");
        let ready = scene.haven.call("GET", "/readyz").send().await.json();
        assert_eq!((&ready["auditor"], &ready["oldest_due_alarm_seconds"]), (&json!("content"), &json!(0)));
        scene.wait(400);
        assert_eq!(delivery::audit(app).await.discontent, Some(Discontent::Behind));
    }

    async fn what_nobody_knows_is_no_zero(database) {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address: SocketAddr = free.local_addr().unwrap();
        drop(free);
        let scene = Scene::with(database, Behaviour::Accept, |config| config.metrics_listen = Some(address)).await;
        let app = &scene.haven.app;
        let figures = async || {
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            Call::new(client.get(format!("http://{address}/metrics"))).send().await.body
        };
        assert_eq!(delivery::audit(app).await.discontent, None);
        let text = figures().await;
        for line in ["haven_alarm_oldest_due_seconds 0.0\n", "haven_notifications_waiting{lane=\"later\"} 0\n"] {
            assert!(text.contains(line), "{line} is not in:\n{text}");
        }
        app.db.clone().close().await.unwrap();
        let found = delivery::audit(app).await;
        assert_eq!((found.discontent, found.oldest_due), (Some(Discontent::Database), None));
        let text = figures().await;
        for line in ["haven_alarm_oldest_due_seconds NaN\n", "haven_notification_oldest_due_seconds NaN\n", "haven_auditor_content 0\n"] {
            assert!(text.contains(line), "{line} is not in:\n{text}");
        }
        assert!(!text.contains("haven_notifications_waiting{"), "{text}");
    }
}

// Only PostgreSQL lets nobody read. The lock is given up by itself after 10 s.
#[tokio::test]
async fn an_alarm_does_not_wait_for_the_key_of_its_links() {
    let scene = Scene::new(Database::Postgres, Behaviour::Accept).await;
    scene.therapist("Петр Петров", "petr@example.com").await;
    let locked = scene.haven.app.db.write().await.unwrap();
    locked
        .execute_unprepared("LOCK TABLE server_keys IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    scene.press(Value::Null).await;
    let mail = scene.mail.next_mail().await;
    assert!(!mail.text.unwrap().contains("/a/"));
    locked.rollback().await.unwrap();
}
