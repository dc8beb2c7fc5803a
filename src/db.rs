//! The database: opening it, keeping connections for what must not wait, beginning transactions
//! that write, counting statements.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use migration::{Migrator, MigratorTrait};
use prometheus_client::metrics::counter::Counter;
use sea_orm::sqlx::postgres::{PgConnection, PgPoolOptions};
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::sqlx::{self, Connection, Executor};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend,
    DbErr, RuntimeErr, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use tokio::time::timeout;

/// How long a statement waits for another writer (SQLite) or for a free connection.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection may take to show that the server is still behind it. The driver waits for
/// ever for a machine that went without a word, and hands its connections out until the kernel
/// gives them up, a quarter of an hour later.
const ALIVE: Duration = Duration::from_secs(2);
/// How long a connection is taken to be alive after its last use, where a failure costs a request
/// and no alarm.
const USED_LATELY: Duration = Duration::from_secs(5);
/// How long one piece of work at the database may take: two waits for it, of which a lock of SQLite
/// and a free connection may be one each.
pub const ANSWERED: Duration = Duration::from_secs(20);

/// Connections that only alarms use, so that no crowd of other requests delays one: storing the
/// press, answering it, and finding out who presses where that would wait.
pub const FOR_ALARMS: u32 = 4;
/// Connections that only the sender of notifications and its auditor use. Apart from the alarms',
/// because a press can wait for a lock that another node holds.
pub const FOR_SENDER: u32 = 4;

/// What PostgreSQL is told of each session. A node that is frozen or cut off in the middle of a
/// transaction would keep its locks for hours; so the server ends a transaction in which nothing
/// was asked for 10 s (haven waits for nothing else within one), and a connection whose other end
/// is silent after about 25 s.
const SESSION: [(&str, &str); 5] = [
    ("idle_in_transaction_session_timeout", "10s"),
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "25s"),
];

/// An alarm that was answered must survive a crash: where the server would answer a commit before it
/// is on disk, it does not in these sessions. Any other value is the operator's choice of what to
/// wait for besides.
const DURABLE: &str = "SELECT set_config('synchronous_commit', 'on', false) \
                       WHERE current_setting('synchronous_commit') = 'off'";
/// What has to be on for that too, and only the operator can turn on.
const OPERATORS: &str = "SELECT name FROM pg_settings \
                         WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off' \
                         ORDER BY name";

/// PostgreSQL's advisory lock under which one node at a time migrates; the number is haven's own.
const MIGRATION_LOCK: i64 = 0x6861_7665_6e00;

/// The open database. Cloning shares it.
#[derive(Clone)]
pub struct Db {
    requests: DatabaseConnection,
    alarms: DatabaseConnection,
    sender: DatabaseConnection,
    statements: Counter,
    hurried: Arc<AtomicBool>,
}

impl Db {
    /// Opens the database at `url` (`sqlite://PATH`, made if missing, or `postgres://…`), with at
    /// most this many connections for requests. Those for alarms and for the sender come on top,
    /// and are opened when they are first needed.
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
                "HAVEN_DATABASE_URL must name a file, as in sqlite://data/haven.sqlite3"
            );
            if let Some(folder) = Path::new(file).parent() {
                private_folder(folder)
                    .with_context(|| format!("cannot create {}", folder.display()))?;
            }
            private_file(Path::new(file)).with_context(|| format!("cannot create {file}"))?;
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
            options.test_before_acquire(false);
            options.map_sqlx_postgres_opts(|options| options.options(SESSION));
            options.map_sqlx_postgres_pool_opts(|options| careful(options, USED_LATELY));
        } else {
            anyhow::bail!("HAVEN_DATABASE_URL must begin with sqlite:// or postgres://");
        }
        let mut kept = options.clone();
        kept.connect_lazy(true);
        // A press is not what should find out that the server was restarted.
        kept.map_sqlx_postgres_pool_opts(|options| careful(options, Duration::ZERO));
        let alarms = kept.clone().max_connections(FOR_ALARMS).to_owned();
        let sender = kept.max_connections(FOR_SENDER).to_owned();
        let statements = Counter::default();
        let connect = async |options| {
            let mut pool = Database::connect::<ConnectOptions>(options)
                .await
                .map_err(|error| anyhow::anyhow!("cannot open the database: {}", plain(&error)))?;
            let counter = statements.clone();
            pool.set_metric_callback(move |_| {
                counter.inc();
            });
            anyhow::Ok(pool)
        };
        Ok(Self {
            requests: connect(options).await?,
            alarms: connect(alarms).await?,
            sender: connect(sender).await?,
            hurried: Arc::default(),
            statements,
        })
    }

    /// Brings the tables up to date, wholly or not at all: a migration that fails, or whose
    /// process dies half-way, leaves nothing behind. Several nodes may call it at once.
    ///
    /// # Errors
    /// If a migration fails.
    pub async fn migrate(&self) -> Result<(), DbErr> {
        let migrating = self.write().await?;
        if self.requests.get_database_backend() == DbBackend::Postgres {
            // SQLite has one writer at a time anyway. The lock goes with the transaction.
            migrating
                .execute_unprepared(&format!("SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
                .await?;
        }
        Migrator::up(&migrating, None).await?;
        migrating.commit().await
    }

    /// The settings of the database server that are off, without which a power cut may take back
    /// what was answered, and which no session can turn on. SQLite has none.
    ///
    /// # Errors
    /// If they can't be read.
    pub async fn unsafe_settings(&self) -> Result<Vec<String>, DbErr> {
        if self.requests.get_database_backend() != DbBackend::Postgres {
            return Ok(Vec::new());
        }
        let rows = self
            .requests
            .query_all_raw(Statement::from_string(DbBackend::Postgres, OPERATORS))
            .await?;
        rows.iter().map(|row| row.try_get("", "name")).collect()
    }

    /// Begins a transaction that writes. On SQLite it takes the write lock at once, so that
    /// two of them can't both read first and then fail to write.
    ///
    /// # Errors
    /// If no connection is to be had in time.
    pub async fn write(&self) -> Result<DatabaseTransaction, DbErr> {
        begin(&self.requests).await
    }

    /// As [`Db::write`], on the connections kept for alarms.
    ///
    /// # Errors
    /// As [`Db::write`].
    pub async fn write_alarm(&self) -> Result<DatabaseTransaction, DbErr> {
        begin(&self.alarms).await
    }

    /// As [`Db::write`], on the connections kept for the sender of notifications.
    ///
    /// # Errors
    /// As [`Db::write`].
    pub async fn write_outbox(&self) -> Result<DatabaseTransaction, DbErr> {
        begin(&self.sender).await
    }

    /// The pool of requests, for reading and for single statements.
    #[must_use]
    pub fn read(&self) -> &DatabaseConnection {
        if self.hurried.load(Ordering::Relaxed) {
            &self.alarms
        } else {
            &self.requests
        }
    }

    /// The pool kept for alarms.
    #[must_use]
    pub fn alarms(&self) -> &DatabaseConnection {
        &self.alarms
    }

    /// The pool kept for the sender of notifications.
    #[must_use]
    pub fn outbox(&self) -> &DatabaseConnection {
        &self.sender
    }

    /// The same database, for one piece of work that [`Db::hurry`] may hurry alone.
    #[must_use]
    pub fn apart(&self) -> Self {
        Self {
            hurried: Arc::default(),
            ..self.clone()
        }
    }

    /// From now on this one, as [`Db::apart`] made it, reads on the connections kept for alarms.
    pub fn hurry(&self) {
        self.hurried.store(true, Ordering::Relaxed);
    }

    /// SQL statements run since the start on all connections, `BEGIN` and `COMMIT` not counted.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.statements.get()
    }

    /// What counts the statements.
    #[must_use]
    pub fn counter(&self) -> Counter {
        self.statements.clone()
    }

    /// Closes every connection, waiting for those in use.
    ///
    /// # Errors
    /// If the driver reports one.
    pub async fn close(self) -> Result<(), DbErr> {
        self.requests.close().await?;
        self.alarms.close().await?;
        self.sender.close().await
    }
}

/// Makes a folder that nobody else on the machine may look into, where there is none.
fn private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Makes an empty file that nobody else on the machine may read, where there is none. SQLite gives
/// the files beside it the same rights.
fn private_file(file: &Path) -> io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).map(drop)
}

/// A pool whose connections commit to the disk, and that parts with one behind which nobody is any
/// more: before its use, where it was not used within `lately`, and after a use that was broken off.
fn careful(options: PgPoolOptions, lately: Duration) -> PgPoolOptions {
    options
        .after_connect(|connection, _| {
            Box::pin(async {
                connection.execute(DURABLE).await?;
                Ok(())
            })
        })
        .before_acquire(move |connection, last| {
            Box::pin(async move {
                if last.idle_for >= lately {
                    alive(connection).await?;
                }
                Ok(true)
            })
        })
        .after_release(|connection, _| {
            Box::pin(async {
                alive(connection).await?;
                Ok(true)
            })
        })
}

async fn alive(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    timeout(ALIVE, connection.ping())
        .await
        .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
}

/// What the database answers, or that it is out of reach where it does not in time. What was begun
/// and not committed by then is rolled back.
///
/// # Errors
/// As the work itself.
pub async fn in_time<T, E: From<DbErr>>(
    asking: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    timeout(ANSWERED, asking).await.unwrap_or_else(|_| {
        Err(DbErr::Conn(RuntimeErr::Internal("no answer in time".to_owned())).into())
    })
}

async fn begin(pool: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    pool.begin_with_options(TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    })
    .await
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
