//! What the tests start and talk to.

pub mod attacks;
pub mod client;
pub mod databases;
pub mod dsn;
pub mod haven;
pub mod monitor;
pub mod pages;
pub mod scene;
pub mod sms;
pub mod smtp;
pub mod socket;

/// Writes a test once and runs it on SQLite and on PostgreSQL.
#[macro_export]
macro_rules! on_both {
    ($(async fn $name:ident($database:ident) $body:block)+) => {
        $(
            mod $name {
                use super::*;

                async fn body($database: $crate::support::databases::Database) $body

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_sqlite() {
                    body($crate::support::databases::Database::Sqlite).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn on_postgres() {
                    body($crate::support::databases::Database::Postgres).await;
                }
            }
        )+
    };
}
