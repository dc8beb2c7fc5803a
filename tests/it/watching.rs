//! Who watches the sender: the auditor, what it tells outside, and the connections that keep
//! alarms apart from everything else.

use std::net::SocketAddr;
use std::time::Duration;

use entity::notification;
use haven::delivery::{self, Discontent};
use sea_orm::sea_query::Expr;
use sea_orm::{ConnectionTrait, EntityTrait, ExprTrait, TransactionTrait};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::on_both;
use crate::support::client::Call;
use crate::support::databases::Database;
use crate::support::haven::Haven;
use crate::support::monitor::monitor;
use crate::support::scene::{Scene, join, states};
use crate::support::smtp::{Behaviour, SmtpServer};
use crate::support::socket::eventually;

const PATIENCE: Duration = Duration::from_secs(20);

async fn with_contact(database: Database, behaviour: Behaviour, heartbeat: &str) -> Scene {
    let mail = SmtpServer::start(behaviour).await;
    let url = mail.url();
    let haven = Haven::with(database, |config| {
        config.smtp_url = Some(url.into());
        config.heartbeat_url = Some(heartbeat.parse().unwrap());
    })
    .await;
    let anna = join(&haven, "anna").await;
    let scene = Scene { haven, mail, anna };
    scene
        .contact("Иван", "Брат", Some("ivan@example.com"))
        .await;
    scene
}

on_both! {
    async fn a_stuck_sender_is_told_and_takes_the_node_out_of_nothing(database) {
        let (url, mut heard) = monitor().await;
        let scene = with_contact(database, Behaviour::DeferRecipients, &url).await;
        let app = &scene.haven.app;
        // While all is well, the monitor hears of it without being asked to.
        timeout(PATIENCE, heard.wait_for(|heard| *heard >= 1)).await.unwrap().unwrap();
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        assert_eq!(states(&scene.alarm(&id).await), ["PENDING"]);

        scene.stick_sender(database).await;
        scene.wait(120);
        assert_eq!(delivery::audit(app).await.discontent, Some(Discontent::Late));
        let before = *heard.borrow();
        assert!(!delivery::beat(app).await);
        let ready = scene.haven.call("GET", "/readyz").send().await;
        ready.assert_status(200);
        let ready = ready.json();
        assert_eq!((&ready["status"], &ready["auditor"]), (&json!("ready"), &json!("not content")));
        assert!(ready["oldest_due_notification_seconds"].as_u64().unwrap() >= 100, "{ready}");
        assert_eq!(*heard.borrow(), before);

        scene.mail.set_behaviour(Behaviour::Accept);
        scene.free_sender(database).await;
        app.delivery.wake();
        scene.mail.next_mail().await;
        scene.until(&id, "the mail", |alarm| states(alarm) == ["SENT"]).await;
        assert_eq!(delivery::audit(app).await.discontent, None);
        assert!(delivery::beat(app).await);
        assert!(*heard.borrow() > before);
        let ready = scene.haven.call("GET", "/readyz").send().await.json();
        assert_eq!(ready, json!({"status": "ready", "database": true, "auditor": "content",
            "reason": null, "oldest_due_notification_seconds": 0, "oldest_due_alarm_seconds": 0, "mail": "smtp"}));
    }

    // As on a full disk, or where a server was left behind as a standby.
    async fn a_database_that_only_reads_is_told_and_takes_the_node_out(database) {
        let (url, _heard) = monitor().await;
        let scene = with_contact(database, Behaviour::Accept, &url).await;
        let app = &scene.haven.app;
        assert_eq!(delivery::audit(app).await.discontent, None);
        scene.refuse_changes_of(database, "write_probes").await;
        assert_eq!(delivery::audit(app).await.discontent, Some(Discontent::Unwritable));
        assert!(!delivery::beat(app).await);
        let ready = scene.haven.call("GET", "/readyz").send().await;
        ready.assert_status(503);
        let ready = ready.json();
        assert_eq!((&ready["status"], &ready["auditor"]), (&json!("no writes"), &json!("not content")));
        scene.allow_changes_of(database, "write_probes").await;
        assert_eq!(delivery::audit(app).await.discontent, None);
        scene.haven.call("GET", "/readyz").send().await.assert_status(200);
    }

    async fn a_crowd_of_requests_delays_no_alarm(database) {
        let mail = SmtpServer::start(Behaviour::Accept).await;
        let url = mail.url();
        let haven = Haven::with(database, |config| {
            config.smtp_url = Some(url.into());
            config.database_connections = 1;
        })
        .await;
        let anna = join(&haven, "anna").await;
        let scene = Scene { haven, mail, anna };
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        // Long enough for the last use of the token to be written down again.
        scene.wait(7200);
        // Somebody holds the only connection that requests have.
        let crowd = scene.haven.app.db.read().begin().await.unwrap();
        crowd.execute_unprepared("SELECT 1").await.unwrap();
        let other = scene.haven.by(&scene.anna, "GET", "/api/v1/user/me/").send();
        let alarms = async {
            let payload = scene.press(json!({"idempotencyKey": "one"})).await;
            assert_eq!(states(&payload["alarm"]), ["SENT"]);
            let id = &payload["alarm"]["id"];
            let link = scene.link("ivan@example.com", "/a/").await;
            scene.react(&link, "on_my_way").await;
            assert!(scene.open(&link).await.body.contains("anna"));
            let report = "mutation($id: ID!) { reportAlarm(alarmId: $id, input: {location: \"Парк\"}) { result { location } } }";
            let reported = scene.haven.data(&scene.anna, report, json!({"id": id})).await;
            assert_eq!(reported["reportAlarm"]["result"]["location"], "Парк");
            let path = format!("/api/v1/event/trigger/{}/", scene.anna.id);
            let rest = scene.haven.by(&scene.anna, "POST", &path).send().await;
            assert!(matches!(rest.status, 200 | 201), "{rest:?}");
            scene.complete(id, false).await;
            scene.haven.call("GET", "/readyz").send().await.assert_status(200);
        };
        let other = tokio::select! {
            biased;
            () = alarms => None,
            other = other => Some(other),
        };
        assert!(other.is_none(), "the connection was not held: {other:?}");
        crowd.rollback().await.unwrap();
    }

    async fn a_token_is_good_while_its_last_use_cannot_be_written_down(database) {
        let haven = Haven::start(database).await;
        let anna = join(&haven, "anna").await;
        haven.app.clock.advance(chrono::TimeDelta::hours(2));
        let held = haven.app.db.write_outbox().await.unwrap();
        if database == Database::Postgres {
            held.execute_unprepared("SELECT id FROM sessions FOR UPDATE").await.unwrap();
        }
        haven.by(&anna, "GET", "/api/v1/user/me/").send().await.assert_status(200);
        // PostgreSQL has not ended it for taking too long.
        held.execute_unprepared("SELECT 1").await.unwrap();
        held.rollback().await.unwrap();
        eventually(async || {
            let data = haven.data(&anna, "{ me { sessions { createdAt lastUsedAt } } }", json!({})).await;
            let session = &data["me"]["sessions"][0];
            session["createdAt"] != session["lastUsedAt"]
        })
        .await;
    }

    async fn a_lease_is_renewed_while_the_mail_server_thinks(database) {
        let scene = Scene::new(database, Behaviour::HangAfterData).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        let db = scene.haven.app.db.read();
        let row = async || notification::Entity::find().one(db).await.unwrap().unwrap();
        let first = row().await.lease_until.unwrap();
        let renewed = async {
            while row().await.lease_until.unwrap() <= first {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        timeout(PATIENCE, renewed).await.expect("the lease was not renewed");
        // Another node has taken it over meanwhile: what went out is recorded all the same.
        notification::Entity::update_many()
            .col_expr(notification::Column::Attempts, Expr::col(notification::Column::Attempts).add(1))
            .exec(db)
            .await
            .unwrap();
        scene.mail.set_behaviour(Behaviour::Accept);
        scene.until(&id, "the outcome", |alarm| states(alarm) == ["SENT"]).await;
        assert_eq!(scene.mail.mails().len(), 1);
    }

    async fn figures_hold_no_personal_data(database) {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address: SocketAddr = free.local_addr().unwrap();
        drop(free);
        let mail = SmtpServer::start(Behaviour::Accept).await;
        let url = mail.url();
        let haven = Haven::with(database, |config| {
            config.smtp_url = Some(url.into());
            config.metrics_listen = Some(address);
        })
        .await;
        let anna = join(&haven, "anna").await;
        let scene = Scene { haven, mail, anna };
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        scene.contact("Мария", "Мама", Some("maria@example.com")).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        scene.until(&id, "the mails", |alarm| states(alarm) == ["SENT", "SENT"]).await;
        let path = format!("/api/v1/user/{}/", scene.anna.id);
        scene.haven.by(&scene.anna, "GET", &path).send().await.assert_status(200);
        scene.haven.call("GET", "/no/such/path/17").send().await.assert_status(404);
        delivery::audit(&scene.haven.app).await;
        scene.haven.call("GET", "/metrics").send().await.assert_status(404);
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = Call::new(client.get(format!("http://{address}/metrics"))).send().await;
        answer.assert_status(200);
        assert!(answer.header("content-type").unwrap().starts_with("application/openmetrics-text"));
        let text = &answer.body;
        for line in [
            "haven_alarms_triggered_total 1\n",
            "haven_notification_tries_total{purpose=\"alarm\",channel=\"email\",outcome=\"sent\"} 2\n",
            "haven_notification_send_seconds_count{channel=\"email\"} 2\n",
            "haven_notifications_waiting{lane=\"first\"} 0\n",
            "haven_notification_oldest_due_seconds 0.0\n",
            "haven_alarm_oldest_due_seconds 0.0\n",
            "haven_auditor_content 1\n",
            "haven_http_answer_seconds_count{method=\"GET\",route=\"/api/v1/user/{user_id}/\",status=\"2xx\"} 1\n",
            "haven_http_answer_seconds_count{method=\"GET\",route=\"none\",status=\"4xx\"} 2\n",
            "haven_http_connections ",
            "haven_database_statements_total ",
        ] {
            assert!(text.contains(line), "{line} is not in:\n{text}");
        }
        for word in ["anna", "Иван", "example.com", &scene.anna.token, "path/17"] {
            assert!(!text.contains(word), "{word}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_finds_sqlite_busy_is_asked_to_try_again() {
    let haven = Haven::with(Database::Sqlite, |config| config.database_connections = 1).await;
    let anna = join(&haven, "anna").await;
    let requests = haven.app.db.read();
    requests
        .execute_unprepared("PRAGMA busy_timeout = 0")
        .await
        .unwrap();
    let held = haven.app.db.write_outbox().await.unwrap();
    let change = "mutation { updateProfile(userId: \"me\", input: {age: 30}) { id } }";
    assert_eq!(
        haven.code(Some(&anna), change, json!({})).await,
        "UNAVAILABLE"
    );
    let body = json!({"age": 30});
    let rest = haven
        .by(&anna, "PATCH", "/api/v1/user/edit/me/")
        .json(&body)
        .send()
        .await;
    rest.assert_status(503);
    held.rollback().await.unwrap();
    haven.data(&anna, change, json!({})).await;
}
