//! Notifications in the hands of admins, over GraphQL and at the command line.

use std::process::{Command, Output};

use chrono::{DateTime, TimeDelta, Utc};
use entity::notification::{self, Status};
use haven::domain::users;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait, IntoActiveModel, QueryOrder};
use serde_json::{Value, json};

use crate::on_both;
use crate::support::haven::Person;
use crate::support::scene::{Scene, join, states};
use crate::support::smtp::Behaviour;

const CANCEL: &str = "mutation($id: ID!) { cancelNotification(id: $id) { status failure } }";

/// An alarm and a drill that were sent to Иван and refused by Мария, and an admin.
async fn scene(database: crate::support::databases::Database) -> (Scene, Person) {
    let scene = Scene::new(
        database,
        Behaviour::RefuseRecipientsContaining("maria".into()),
    )
    .await;
    scene
        .contact("Иван", "Брат", Some("ivan@example.com"))
        .await;
    scene
        .contact("Мария", "Мама", Some("maria@example.com"))
        .await;
    scene.press(Value::Null).await;
    scene.wait(3600);
    scene
        .haven
        .data(
            &scene.anna,
            "mutation { drillAlarm(userId: \"me\") { id } }",
            json!({}),
        )
        .await;
    scene.mail.wait_for(3).await;
    let admin = join(&scene.haven, "boss").await;
    users::promote(&scene.haven.app, "boss").await.unwrap();
    (scene, admin)
}

/// Puts the first notification into a state in which the worker leaves it alone.
async fn put(scene: &Scene, status: Status, due: TimeDelta) -> i64 {
    let db = scene.haven.app.db.read();
    let row = notification::Entity::find()
        .order_by_asc(notification::Column::Id)
        .one(db)
        .await
        .unwrap()
        .unwrap();
    let id = row.id;
    let mut change = row.into_active_model();
    change.status = Set(status);
    change.next_attempt_at = Set(scene.haven.app.clock.now() + due);
    change.update(db).await.unwrap();
    id
}

/// The listed notifications, as `PURPOSE STATUS name`.
async fn list(scene: &Scene, admin: &Person, arguments: &str) -> Vec<String> {
    let query = format!(
        "{{ notifications({arguments}) {{ nodes {{ purpose status recipientName alarm {{ kind }} recipient {{ __typename }} }} }} }}"
    );
    let data = scene.haven.data(admin, &query, json!({})).await;
    let nodes = data["notifications"]["nodes"].as_array().unwrap();
    let text = |node: &Value, field: &str| node[field].as_str().unwrap().to_owned();
    nodes
        .iter()
        .map(|node| {
            let person = node["purpose"] == "CONTACT_FAILED";
            assert_eq!(node["recipient"].is_null(), person, "{node}");
            let kind = node["alarm"]["kind"].as_str().unwrap();
            [
                kind,
                &text(node, "purpose"),
                &text(node, "status"),
                &text(node, "recipientName"),
            ]
            .join(" ")
        })
        .collect()
}

/// The program's command on the database of the scene.
fn haven(scene: &Scene, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_haven"))
        .env_clear()
        .current_dir(&scene.haven.app.config.data_dir)
        .env("HAVEN_DATABASE_URL", scene.haven.app.config.database_url())
        .env("HAVEN_DATA_DIR", &scene.haven.app.config.data_dir)
        .arg("notifications")
        .args(arguments)
        .output()
        .unwrap()
}

fn printed(output: &Output) -> Vec<Vec<String>> {
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines()
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect()
}

on_both! {
    async fn admins_find_what_they_look_for(database) {
        let (scene, admin) = scene(database).await;
        let all = [
            "DRILL ALARM FAILED Мария", "DRILL ALARM SENT Иван", "REAL CONTACT_FAILED SENT anna",
            "REAL ALARM FAILED Мария", "REAL ALARM SENT Иван",
        ];
        assert_eq!(list(&scene, &admin, "first: 10").await, all);
        assert_eq!(list(&scene, &admin, "status: [FAILED, FAILED]").await, [all[0], all[3]]);
        assert_eq!(list(&scene, &admin, "status: [FAILED], kind: [REAL]").await, [all[3]]);
        assert_eq!(list(&scene, &admin, "kind: [DRILL, TEST]").await, [all[0], all[1]]);
        assert_eq!(list(&scene, &admin, "purpose: [CONTACT_FAILED]").await, [all[2]]);
        assert_eq!(list(&scene, &admin, "purpose: [ALL_CLEAR, OPTED_OUT]").await, [""; 0]);
        assert_eq!(list(&scene, &admin, "channel: [EMAIL], first: 2").await, [all[0], all[1]]);
        let half: DateTime<Utc> = scene.haven.app.clock.now() - TimeDelta::minutes(30);
        let half = half.to_rfc3339();
        assert_eq!(list(&scene, &admin, &format!("since: \"{half}\"")).await, [all[0], all[1]]);
        assert_eq!(list(&scene, &admin, &format!("olderThan: \"{half}\"")).await, [all[2], all[3], all[4]]);
        assert_eq!(list(&scene, &admin, "stuck: true").await, [""; 0]);
        put(&scene, Status::Sending, TimeDelta::seconds(-100)).await;
        assert_eq!(list(&scene, &admin, "stuck: true").await, [""; 0]);
        put(&scene, Status::Sending, TimeDelta::seconds(-130)).await;
        assert_eq!(list(&scene, &admin, "stuck: true").await, ["REAL ALARM SENDING Иван"]);
        let query = "{ notifications { nodes { id } } }";
        assert_eq!(scene.haven.code(Some(&scene.anna), query, json!({})).await, "FORBIDDEN");
    }

    async fn a_waiting_notification_is_cancelled_once(database) {
        let (scene, admin) = scene(database).await;
        let id = put(&scene, Status::Pending, TimeDelta::hours(1)).await;
        assert_eq!(scene.haven.code(Some(&scene.anna), CANCEL, json!({"id": id})).await, "FORBIDDEN");
        assert_eq!(scene.haven.code(None, CANCEL, json!({"id": id})).await, "UNAUTHENTICATED");
        let data = scene.haven.data(&admin, CANCEL, json!({"id": id})).await;
        assert_eq!(data["cancelNotification"], json!({"status": "SKIPPED", "failure": "cancelled"}));
        for state in [Status::Skipped, Status::Sent, Status::Failed, Status::Sending] {
            put(&scene, state, TimeDelta::hours(1)).await;
            assert_eq!(scene.haven.code(Some(&admin), CANCEL, json!({"id": id})).await, "CONFLICT");
        }
        for id in ["4711", "x"] {
            assert_eq!(scene.haven.code(Some(&admin), CANCEL, json!({"id": id})).await, "NOT_FOUND");
        }
    }

    async fn the_reason_is_told_to_the_person(database) {
        let (scene, admin) = scene(database).await;
        let id = put(&scene, Status::Pending, TimeDelta::hours(1)).await;
        scene.haven.data(&admin, CANCEL, json!({"id": id})).await;
        let data = scene.haven.data(&scene.anna, "{ me { alarms { nodes { messages } } } }", json!({})).await;
        assert_eq!(data["me"]["alarms"]["nodes"][0]["messages"][0],
            "Ошибка отправки уведомления для Брат (Иван): отправка отменена администратором.");
    }

    async fn the_command_line_does_the_same(database) {
        let (scene, _) = scene(database).await;
        let table = printed(&haven(&scene, &[]));
        assert_eq!(table[0], ["id", "alarm", "purpose", "to", "channel", "status", "tries", "created", "next", "sent", "failure"]);
        let column = |table: &[Vec<String>], number: usize| table[1..].iter().map(|row| row[number].clone()).collect::<Vec<_>>();
        assert_eq!(column(&table, 5), ["failed", "sent", "sent", "failed", "sent"]);
        assert_eq!(column(&table, 10), ["address_rejected", "-", "-", "address_rejected", "-"]);
        assert_eq!(column(&table, 3), ["contact", "contact", "person", "contact", "contact"]);
        let failed = printed(&haven(&scene, &["--status", "failed", "--status", "pending", "--kind", "real"]));
        assert_eq!(column(&failed, 5), ["failed"]);
        let one = haven(&scene, &["--limit", "1"]);
        assert_eq!(printed(&one).len(), 2);
        assert_eq!(String::from_utf8(one.stderr).unwrap(), "There are more.\n");
        assert_eq!(printed(&haven(&scene, &["--stuck"])).len(), 1);
        // The program's clock is the real one, an hour behind the scene's.
        let id = put(&scene, Status::Sending, TimeDelta::seconds(-3600 - 130)).await.to_string();
        assert_eq!(column(&printed(&haven(&scene, &["--stuck"])), 0), std::slice::from_ref(&id));
        // Being sent, it can't be cancelled; waiting, it can.
        let refused = haven(&scene, &["cancel", &id]);
        assert_eq!(refused.status.code(), Some(1));
        assert!(String::from_utf8(refused.stderr).unwrap().contains("Only a pending notification"));
        put(&scene, Status::Pending, TimeDelta::hours(1)).await;
        printed(&haven(&scene, &["cancel", &id]));
        assert_eq!(printed(&haven(&scene, &["--status", "skipped"]))[1][10], "cancelled");
        assert_eq!(haven(&scene, &["retry", &id]).status.code(), Some(1));
        // A failed one is tried again, by the server that runs.
        let retried = column(&failed, 0)[0].clone();
        scene.mail.set_behaviour(Behaviour::Accept);
        printed(&haven(&scene, &["retry", &retried]));
        scene.haven.app.delivery.wake();
        let alarm = json!(failed[1][1]);
        scene.until(&alarm, "the retry", |alarm| states(alarm) == ["SKIPPED", "SENT"]).await;
        for wrong in [&["--status", "lost"][..], &["--limit", "0"], &["retry", "x"], &["retry"], &["cancel", "4711"], &["--since", "now"]] {
            assert!(!haven(&scene, wrong).status.success(), "{wrong:?}");
        }
        for output in [haven(&scene, &[]), haven(&scene, &["cancel", "4711"])] {
            let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            for secret in ["Иван", "Мария", "anna", "example.com"] {
                assert!(!text.contains(secret), "{text}");
            }
        }
    }
}
