//! Which notifications this process holds, and keeping them its own.
//!
//! A claim is good for [`LEASE`] and renewed every [`RENEWED`], by a task of its own, so that
//! neither a slow send nor a slow claim delays it. A process that dies stops renewing, and its
//! rows are anybody's within [`LEASE`].
//!
//! Where a renewal fails, because the database is away, the sends under way go on: breaking one
//! off could not call back a mail whose last byte is out. If the database is away for longer
//! than what was left of the lease, another node may claim the row once it is back and send it
//! again before this one has recorded that it went out. The same comes of a process that was
//! frozen. Both mails carry the same message id, and whoever comes to record "sent" first,
//! records it; that is the price of never losing one, and it is paid only then.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use entity::notification::{self, Status};
use sea_orm::sea_query::{Expr, LockType, Order, Query};
use sea_orm::{ColumnTrait, Condition, DbBackend, DbErr, EntityTrait, ExprTrait, QueryFilter};
use tokio::time::{sleep, timeout};

use crate::app::App;

/// How long a claimed notification belongs to its worker: one renewal may fail, however long that
/// takes.
pub(super) const LEASE: TimeDelta = TimeDelta::seconds(15);
/// How often the worker renews its claims.
const RENEWED: Duration = Duration::from_secs(5);

/// Leases renewed by one statement: SQLite takes no condition of a thousand parts.
const TOGETHER: usize = 200;

/// The notifications that this process holds, and the number of the try that it holds them for.
#[derive(Default)]
pub(super) struct Leases(Mutex<HashMap<i64, i32>>);

impl Leases {
    fn held(&self) -> MutexGuard<'_, HashMap<i64, i32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on it is renewed.
    pub fn hold(&self, claimed: &notification::Model) {
        self.held().insert(claimed.id, claimed.attempts);
    }

    /// It is renewed no more.
    pub fn release(&self, id: i64) {
        self.held().remove(&id);
    }

    fn all(&self) -> Vec<(i64, i32)> {
        self.held().iter().map(|(id, try_)| (*id, *try_)).collect()
    }
}

/// Renews the leases of what this process holds, for ever.
pub(super) async fn keep(app: &App) {
    let leases = &app.delivery.leases;
    loop {
        sleep(RENEWED).await;
        let held = leases.all();
        if held.is_empty() {
            continue;
        }
        // Not longer than until the next one is due.
        match timeout(RENEWED, renew_all(app, &held)).await {
            Ok(Ok(renewed)) => {
                // What was recorded meanwhile is not lost: it is no longer held.
                let still = leases.all();
                for claim in held.iter().filter(|claim| still.contains(claim)) {
                    if !renewed.contains(&claim.0) {
                        // If it goes out all the same, that is recorded (see `queue::record`).
                        tracing::warn!(notification = claim.0, "the lease was lost");
                    }
                }
            }
            Ok(Err(error)) => tracing::error!(%error, "the leases can't be renewed"),
            Err(_) => tracing::error!("the leases can't be renewed in time"),
        }
    }
}

/// Renews the leases of the tries with these ids and numbers; the ids of those that were still
/// held.
///
/// # Errors
/// The database's; some may be renewed then.
async fn renew_all(app: &App, held: &[(i64, i32)]) -> Result<Vec<i64>, DbErr> {
    let mut renewed = Vec::new();
    for some in held.chunks(TOGETHER) {
        renewed.extend(renew(app, some).await?);
    }
    Ok(renewed)
}

/// Renews some leases in one statement; the ids of those that were still held.
///
/// # Errors
/// The database's; nothing is renewed then.
async fn renew(app: &App, held: &[(i64, i32)]) -> Result<Vec<i64>, DbErr> {
    use notification::Column;
    let until = app.clock.now() + LEASE;
    // Whoever takes a row over counts its tries up.
    let own = held.iter().fold(Condition::any(), |own, (id, attempt)| {
        own.add(Column::Id.eq(*id).and(Column::Attempts.eq(*attempt)))
    });
    let mut still = Query::select();
    still
        .column(Column::Id)
        .from(notification::Entity)
        .and_where(Column::Status.eq(Status::Sending))
        .cond_where(own)
        .order_by(Column::Id, Order::Asc);
    if app.db.outbox().get_database_backend() == DbBackend::Postgres {
        // In the order in which a press locks the messages of its alarm.
        still.lock(LockType::Update);
    }
    let renewed = notification::Entity::update_many()
        .col_expr(Column::LeaseUntil, Expr::value(until))
        .col_expr(Column::NextAttemptAt, Expr::value(until))
        .filter(Column::Id.in_subquery(still))
        .exec_with_returning(app.db.outbox())
        .await?;
    Ok(renewed.into_iter().map(|row| row.id).collect())
}
