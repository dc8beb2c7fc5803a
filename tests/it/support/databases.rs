//! A database for each test, copied from a migrated template.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use haven::db::Db;
use sea_orm::ConnectionTrait;
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// Names the cluster that `make test` starts.
const CLUSTER: &str = "HAVEN_TEST_POSTGRES_URL";

/// Which kind of database a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Database {
    Sqlite,
    Postgres,
}

/// A database of one test's own.
pub struct Scratch {
    pub url: String,
    /// Also the data folder of the server.
    pub folder: TempDir,
    name: Option<String>,
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Some(name) = self.name.take() {
            FINISHED.lock().unwrap().push(name);
        }
    }
}

/// PostgreSQL databases that nobody needs any more; the next test drops them.
static FINISHED: Mutex<Vec<String>> = Mutex::new(Vec::new());
static NUMBER: AtomicU32 = AtomicU32::new(0);

impl Database {
    /// A migrated database without rows.
    pub async fn scratch(self) -> Scratch {
        let folder = tempfile::tempdir().unwrap();
        match self {
            Self::Sqlite => {
                let file = folder.path().join("haven.sqlite3");
                std::fs::copy(sqlite_template().await, &file).unwrap();
                Scratch {
                    url: format!("sqlite://{}", file.display()),
                    folder,
                    name: None,
                }
            }
            Self::Postgres => {
                let template = postgres_template().await;
                let number = NUMBER.fetch_add(1, Ordering::Relaxed);
                let name = format!("haven_{}_{number}", std::process::id());
                let cluster = Db::open(&cluster(), 1).await.unwrap();
                let finished = std::mem::take(&mut *FINISHED.lock().unwrap());
                for old in finished {
                    run(&cluster, &format!("DROP DATABASE {old} WITH (FORCE)")).await;
                }
                run(
                    &cluster,
                    &format!("CREATE DATABASE {name} TEMPLATE {template}"),
                )
                .await;
                cluster.close().await.unwrap();
                Scratch {
                    url: named(&name),
                    folder,
                    name: Some(name),
                }
            }
        }
    }

    /// A database without tables.
    pub async fn empty(self) -> Scratch {
        let folder = tempfile::tempdir().unwrap();
        match self {
            Self::Sqlite => Scratch {
                url: format!("sqlite://{}", folder.path().join("empty.sqlite3").display()),
                folder,
                name: None,
            },
            Self::Postgres => {
                let number = NUMBER.fetch_add(1, Ordering::Relaxed);
                let name = format!("haven_{}_{number}", std::process::id());
                let cluster = Db::open(&cluster(), 1).await.unwrap();
                run(&cluster, &format!("CREATE DATABASE {name}")).await;
                cluster.close().await.unwrap();
                Scratch {
                    url: named(&name),
                    folder,
                    name: Some(name),
                }
            }
        }
    }
}

async fn run(db: &Db, sql: &str) {
    db.read().execute_unprepared(sql).await.unwrap();
}

fn cluster() -> String {
    std::env::var(CLUSTER)
        .unwrap_or_else(|_| panic!("{CLUSTER} is not set: run the tests by `make test`"))
}

fn named(database: &str) -> String {
    let mut url = url::Url::parse(&cluster()).unwrap();
    url.set_path(database);
    url.to_string()
}

async fn sqlite_template() -> PathBuf {
    static TEMPLATE: OnceCell<(TempDir, PathBuf)> = OnceCell::const_new();
    let (_, file) = TEMPLATE
        .get_or_init(|| async {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("template.sqlite3");
            let db = Db::open(&format!("sqlite://{}", file.display()), 1)
                .await
                .unwrap();
            db.migrate().await.unwrap();
            // Into the file itself, because only the file is copied.
            run(&db, "PRAGMA wal_checkpoint(TRUNCATE)").await;
            db.close().await.unwrap();
            (folder, file)
        })
        .await;
    file.clone()
}

async fn postgres_template() -> &'static str {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    TEMPLATE
        .get_or_init(|| async {
            let name = format!("haven_template_{}", std::process::id());
            let cluster = Db::open(&cluster(), 1).await.unwrap();
            run(&cluster, &format!("CREATE DATABASE {name}")).await;
            cluster.close().await.unwrap();
            let db = Db::open(&named(&name), 1).await.unwrap();
            db.migrate().await.unwrap();
            db.close().await.unwrap();
            name
        })
        .await
}
