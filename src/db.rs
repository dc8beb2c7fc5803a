//! The database: opening it, beginning transactions that write, counting statements.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use migration::{Migrator, MigratorTrait};
use sea_orm::sqlx;
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend,
    DbErr, RuntimeErr, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

/// How long a statement waits for another writer (SQLite) or for a free connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// PostgreSQL's advisory lock under which one node at a time migrates; the number is haven's own.
const MIGRATION_LOCK: i64 = 0x6861_7665_6e00;

/// An open pool. Cloning shares it.
#[derive(Clone)]
pub struct Db {
    pool: DatabaseConnection,
    statements: Arc<AtomicU64>,
}

impl Db {
    /// Opens the database at `url` (`sqlite://PATH`, made if missing, or `postgres://…`).
    ///
    /// # Errors
    /// If the URL is neither, or the database can't be reached.
    pub async fn open(url: &str, max_connections: u32) -> anyhow::Result<Self> {
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(max_connections)
            .acquire_timeout(PATIENCE)
            .connect_timeout(PATIENCE)
            // Statements carry personal data in their parameters.
            .sqlx_logging(false);
        if let Some(path) = url.strip_prefix("sqlite://") {
            let file = path.split('?').next().unwrap_or(path);
            // Each connection of the pool would have a database of its own.
            anyhow::ensure!(
                !file.is_empty() && file != ":memory:",
                "the database URL must name a file, as in sqlite://data/haven.sqlite3"
            );
            if let Some(folder) = Path::new(file).parent() {
                std::fs::create_dir_all(folder)
                    .with_context(|| format!("cannot create {}", folder.display()))?;
            }
            // The ping before each use would double the cost of a point query, and a file
            // does not hang up.
            options.test_before_acquire(false);
            options.map_sqlx_sqlite_opts(|options| {
                options
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    // An alarm that was answered must survive a power cut.
                    .synchronous(SqliteSynchronous::Full)
                    .busy_timeout(PATIENCE)
                    .foreign_keys(true)
            });
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            // Only a connection that sat idle may have died; a busy one needs no ping.
            options.test_before_acquire_if_idle_for(Duration::from_secs(5));
        } else {
            anyhow::bail!("the database URL must begin with sqlite:// or postgres://");
        }
        let mut pool = Database::connect(options)
            .await
            .map_err(|error| anyhow::anyhow!("cannot open the database: {}", plain(&error)))?;
        let statements = Arc::new(AtomicU64::new(0));
        let counter = statements.clone();
        pool.set_metric_callback(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        Ok(Self { pool, statements })
    }

    /// Brings the tables up to date, wholly or not at all: a migration that fails, or whose
    /// process dies half-way, leaves nothing behind. Several nodes may call it at once.
    ///
    /// # Errors
    /// If a migration fails.
    pub async fn migrate(&self) -> Result<(), DbErr> {
        let migrating = self.write().await?;
        if self.pool.get_database_backend() == DbBackend::Postgres {
            // SQLite has one writer at a time anyway. The lock goes with the transaction.
            migrating
                .execute_unprepared(&format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
                .await?;
        }
        Migrator::up(&migrating, None).await?;
        migrating.commit().await
    }

    /// Begins a transaction that writes. On SQLite it takes the write lock at once, so that
    /// two of them can't both read first and then fail to write.
    ///
    /// # Errors
    /// If no connection is to be had in time.
    pub async fn write(&self) -> Result<DatabaseTransaction, DbErr> {
        self.pool
            .begin_with_options(TransactionOptions {
                sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                ..TransactionOptions::default()
            })
            .await
    }

    /// The pool, for reading and for single statements.
    #[must_use]
    pub fn read(&self) -> &DatabaseConnection {
        &self.pool
    }

    /// SQL statements run since the start, `BEGIN` and `COMMIT` not counted.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// Closes every connection, waiting for those in use.
    ///
    /// # Errors
    /// If the driver reports one.
    pub async fn close(self) -> Result<(), DbErr> {
        self.pool.close().await
    }
}

/// A database error as far as an operator may see it: drivers put the URL's password in some.
fn plain(error: &DbErr) -> String {
    let DbErr::Conn(RuntimeErr::SqlxError(cause)) = error else {
        return match error {
            DbErr::Conn(_) => "the connection was refused or failed".to_owned(),
            other => other.to_string(),
        };
    };
    match &**cause {
        sqlx::Error::Io(error) => error.to_string(),
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::PoolTimedOut => "no answer in time".to_owned(),
        _ => "the connection was refused or failed".to_owned(),
    }
}
