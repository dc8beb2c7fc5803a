//! What the databases make of the queue's statements: each is answered from the partial index of
//! its lane, however many notifications are behind it.

use chrono::Utc;
use entity::notification::Channel;
use sea_orm::{ConnectionTrait, DbBackend, QueryTrait, Statement, StatementBuilder};
use url::Url;

use super::inspection::{held, outstanding};
use super::queue::{Lane, Way, due, earliest};
use crate::db::Db;

/// The plan of the claim's and of the look-ahead's select for a lane.
async fn plans(db: &Db, lane: Lane) -> Vec<String> {
    let backend = db.read().get_database_backend();
    let ways = [Channel::Email, Channel::Sms].map(|channel| Way {
        lane,
        channel,
        except: vec![7, 8],
    });
    let claim = StatementBuilder::build(&due(&ways[0], Utc::now(), 24), &backend);
    let ahead = earliest(&ways).unwrap().build(backend);
    explained(db, [claim, ahead]).await
}

/// The plans of these statements.
async fn explained(db: &Db, statements: [Statement; 2]) -> Vec<String> {
    let backend = db.read().get_database_backend();
    let explain = match backend {
        DbBackend::Postgres => "EXPLAIN",
        _ => "EXPLAIN QUERY PLAN",
    };
    let mut plans = Vec::new();
    for Statement { sql, values, .. } in statements {
        let explain = Statement {
            sql: format!("{explain} {sql}"),
            values,
            db_backend: backend,
        };
        let rows = db.read().query_all_raw(explain).await.unwrap();
        let column = match backend {
            DbBackend::Postgres => "QUERY PLAN",
            _ => "detail",
        };
        let lines: Vec<String> = rows
            .iter()
            .map(|row| row.try_get("", column).unwrap())
            .collect();
        plans.push(lines.join("\n"));
    }
    plans
}

/// Fills the table with a long past and a little that is open, and looks at every plan.
async fn check(db: &Db) {
    db.migrate().await.unwrap();
    let (series, now) = match db.read().get_database_backend() {
        DbBackend::Postgres => ("generate_series(1, 20000) AS n (n)", "now()"),
        _ => (
            "(WITH RECURSIVE n (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM n WHERE n < 20000) SELECT n FROM n)",
            "'2026-01-01 00:00:00+00:00'",
        ),
    };
    for statement in [
        format!(
            "INSERT INTO users (username, username_fold, email, password_hash, is_admin, is_active, language, joined_at) \
            VALUES ('anna', 'anna', 'a@example.com', '!', false, true, 'ru', {now})"
        ),
        format!(
            "INSERT INTO alarms (user_id, scenario_name, play_music, notify_contact, notify_therapist, timestamp) \
            VALUES (1, '', false, true, true, {now})"
        ),
        format!(
            "INSERT INTO notifications (alarm_id, purpose, recipient_kind, recipient_name, relationship, channel, \
            address, status, attempts, priority, next_attempt_at, message_id, created_at) \
            SELECT 1, 'alarm', 'contact', 'x', 'x', 'email', 'x@example.com', \
            CASE WHEN n % 1000 < 6 THEN 'pending' ELSE 'sent' END, n % 2, n % 3, {now}, 'm' || n, {now} FROM {series}"
        ),
        "ANALYZE".to_owned(),
    ] {
        db.read().execute_unprepared(&statement).await.unwrap();
    }
    for (lane, index) in [
        (Lane::First, "notifications_first"),
        (Lane::Again, "notifications_again"),
        (Lane::Many, "notifications_many"),
        (Lane::Later, "notifications_later"),
    ] {
        for plan in plans(db, lane).await {
            assert!(plan.contains(index), "{lane:?}:\n{plan}");
            assert!(!plan.contains("Seq Scan"), "{lane:?}:\n{plan}");
        }
    }
    // The auditor's own.
    let backend = db.read().get_database_backend();
    let statements = [outstanding(Utc::now()), held()].map(|select| select.build(backend));
    for plan in explained(db, statements).await {
        assert!(plan.contains("notifications_open"), "{plan}");
        assert!(!plan.contains("Seq Scan on notifications"), "{plan}");
    }
}

#[tokio::test]
async fn the_queue_is_read_by_its_indexes_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plans.sqlite3");
    let db = Db::open(&format!("sqlite://{}", file.display()), 1)
        .await
        .unwrap();
    check(&db).await;
    db.close().await.unwrap();
}

#[tokio::test]
async fn the_queue_is_read_by_its_indexes_on_postgres() {
    let cluster = std::env::var("HAVEN_TEST_POSTGRES_URL").expect("run the tests by `make test`");
    let name = format!("haven_plans_{}", std::process::id());
    let whole = Db::open(&cluster, 1).await.unwrap();
    let run = async |sql: String| whole.read().execute_unprepared(&sql).await.unwrap();
    run(format!("CREATE DATABASE {name}")).await;
    let mut url = Url::parse(&cluster).unwrap();
    url.set_path(&name);
    let db = Db::open(url.as_str(), 1).await.unwrap();
    check(&db).await;
    db.close().await.unwrap();
    run(format!("DROP DATABASE {name}")).await;
}
