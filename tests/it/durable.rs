//! The database as it lies on the disk: what was answered survives a power cut, and nobody else reads
//! it.

use haven::db::Db;
use sea_orm::{ConnectionTrait, DatabaseConnection, Statement};

use crate::on_both;
use crate::support::databases::Database;

async fn setting(connection: &DatabaseConnection, query: &str) -> String {
    let statement = Statement::from_string(connection.get_database_backend(), query);
    let row = connection.query_one_raw(statement).await.unwrap().unwrap();
    row.try_get_by_index::<String>(0)
        .or_else(|_| {
            row.try_get_by_index::<i32>(0)
                .map(|number| number.to_string())
        })
        .unwrap()
}

on_both! {
    // Whatever the server is set to: the tests' own PostgreSQL has `synchronous_commit = off`.
    async fn every_connection_commits_to_the_disk(database) {
        let scratch = database.scratch().await;
        let db = Db::open(&scratch.url, 2).await.unwrap();
        // 2 is FULL: https://sqlite.org/pragma.html#pragma_synchronous
        let wanted = match database {
            Database::Sqlite => [("PRAGMA synchronous", "2"), ("PRAGMA journal_mode", "wal")].as_slice(),
            Database::Postgres => [("SHOW synchronous_commit", "on")].as_slice(),
        };
        for connection in [db.read(), db.alarms(), db.outbox()] {
            for (query, value) in wanted {
                assert_eq!(setting(connection, query).await, *value, "{query}");
            }
        }
        db.close().await.unwrap();
    }

    // The tests' own PostgreSQL is careless with the disk.
    async fn what_haven_cannot_turn_on_is_found(database) {
        let scratch = database.scratch().await;
        let db = Db::open(&scratch.url, 2).await.unwrap();
        let off = match database {
            Database::Sqlite => [].as_slice(),
            Database::Postgres => ["fsync", "full_page_writes"].as_slice(),
        };
        assert_eq!(db.unsafe_settings().await.unwrap(), off);
        db.close().await.unwrap();
    }
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_on_the_machine_may_read_the_database() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let url = format!("sqlite://{}", data.join("haven.sqlite3").display());
    let db = Db::open(&url, 1).await.unwrap();
    db.migrate().await.unwrap();
    let mut paths = vec![data.clone()];
    let files = std::fs::read_dir(&data).unwrap();
    paths.extend(files.map(|file| file.unwrap().path()));
    // The folder, the database, its write-ahead log, and the index of that.
    assert_eq!(paths.len(), 4, "{paths:?}");
    for path in paths {
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} has {mode:o}", path.display());
    }
    db.close().await.unwrap();
}

/// What an operator set to be surer than that is left.
#[tokio::test]
async fn a_stronger_promise_is_kept() {
    let scratch = Database::Postgres.scratch().await;
    let db = Db::open(&scratch.url, 1).await.unwrap();
    let (_, name) = scratch.url.rsplit_once('/').unwrap();
    let set = format!("ALTER DATABASE \"{name}\" SET synchronous_commit = 'remote_apply'");
    db.read().execute_unprepared(&set).await.unwrap();
    db.close().await.unwrap();
    let db = Db::open(&scratch.url, 1).await.unwrap();
    assert_eq!(
        setting(db.read(), "SHOW synchronous_commit").await,
        "remote_apply"
    );
    db.close().await.unwrap();
}
