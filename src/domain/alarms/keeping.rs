//! What is done about alarms without anybody asking: those left open are closed, keys that
//! are no longer needed are forgotten.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use entity::notification::Status;
use entity::{alarm, alarm_result};
use sea_orm::sea_query::{Expr, LockBehavior, LockType};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::changes::{changed, end};
use super::{keys, lock_result};
use crate::app::App;
use crate::db::in_time;
use crate::delivery::Failure;
use crate::error::{Error, Result};

/// How often the house is kept.
const EVERY: Duration = Duration::from_secs(60);
/// Rows taken at one time.
const BATCH: u64 = 200;

/// What one round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Alarms that were closed.
    pub closed: u64,
    /// Keys that were forgotten.
    pub forgotten: u64,
}

/// Keeps the house, for ever, at once and then every minute. Several nodes may.
pub async fn keep(app: Arc<App>) {
    loop {
        match keep_house(&app).await {
            Ok(kept) if kept == Kept::default() => {}
            Ok(Kept { closed, forgotten }) => {
                tracing::info!(closed, forgotten, "alarms left open were closed");
            }
            Err(error) => tracing::warn!(%error, "alarms left open could not be looked after"),
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// One round: closes what has been open for `alarm_hours`, without an all-clear, with what was not
/// sent by then given up; and forgets keys that are a day old. An alarm that can't be closed keeps
/// nothing else from being done.
///
/// # Errors
/// The database's first; what could be done is done.
pub async fn keep_house(app: &App) -> Result<Kept> {
    let closed = close_overdue(app).await;
    let forgotten = forget_expired(app).await;
    Ok(Kept {
        closed: closed?,
        forgotten: forgotten?,
    })
}

/// Closes what is overdue, each alarm on its own; how many.
async fn close_overdue(app: &App) -> Result<u64> {
    let overdue = app.clock.now() - TimeDelta::hours(app.config.alarm_hours);
    let (mut closed, mut looked_at, mut failed) = (0, 0, None);
    loop {
        let open = alarm_result::Entity::find()
            .select_only()
            .column(alarm_result::Column::AlarmId)
            // In the words of the partial index.
            .filter(Expr::cust("NOT completed"))
            .filter(alarm_result::Column::Timestamp.lte(overdue))
            // Past those that could not be closed.
            .filter(alarm_result::Column::AlarmId.gt(looked_at))
            .order_by_asc(alarm_result::Column::AlarmId)
            .limit(BATCH)
            .into_tuple::<i64>()
            .all(app.db.read());
        let open = in_time(open).await?;
        let Some(last) = open.last() else {
            return failed.map_or(Ok(closed), Err);
        };
        looked_at = *last;
        for alarm in open {
            match in_time(close(app, alarm)).await {
                Ok(done) => closed += u64::from(done),
                // The same would come of every other.
                Err(Error::Unavailable) => return Err(Error::Unavailable),
                Err(error) => {
                    let why = error.source().unwrap_or(&error);
                    tracing::error!(alarm, %why, "an alarm left open can't be closed");
                    failed.get_or_insert(error);
                }
            }
        }
    }
}

/// Forgets the keys of a day ago; how many.
async fn forget_expired(app: &App) -> Result<u64> {
    let expired = app.clock.now() - keys::KEPT;
    let mut all = 0;
    loop {
        let forgotten = in_time(forget(app, expired)).await?;
        all += forgotten;
        if forgotten < BATCH {
            return Ok(all);
        }
    }
}

/// Closes an alarm; false where somebody ended it meanwhile.
async fn close(app: &App, alarm_id: i64) -> Result<bool> {
    let tx = app.db.write().await?;
    let result = lock_result(&tx, alarm_id).await?;
    if result.completed {
        tx.rollback().await?;
        return Ok(false);
    }
    let change = alarm_result::ActiveModel {
        closed_by_itself: Set(true),
        ..Default::default()
    };
    // Nobody said that it is no longer needed: it failed, and is to be found among what did.
    let given_up = (Status::Failed, Failure::Expired);
    let untold = end(app, &tx, &[result], change, given_up).await?;
    let alarm = alarm::Entity::find_by_id(alarm_id).one(&tx).await?;
    tx.commit().await?;
    if untold > 0 {
        tracing::warn!(
            alarm = alarm_id,
            untold,
            "closed with messages that never went out"
        );
    }
    if let Some(alarm) = alarm {
        changed(app, &alarm);
    }
    Ok(true)
}

/// Forgets a batch of the keys of presses until `expired`; how many.
async fn forget(app: &App, expired: DateTime<Utc>) -> Result<u64> {
    use alarm::Column;
    let tx = app.db.write().await?;
    // What another node is at, or an alarm that is just being told, is left for the next round.
    let ids: Vec<i64> = alarm::Entity::find()
        .select_only()
        .column(Column::Id)
        // In the words of the partial index.
        .filter(Expr::cust("idempotency_key IS NOT NULL"))
        .filter(Column::Timestamp.lte(expired))
        .order_by_asc(Column::Timestamp)
        .limit(BATCH)
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .into_tuple()
        .all(&tx)
        .await?;
    if ids.is_empty() {
        tx.rollback().await?;
        return Ok(0);
    }
    let blank = alarm::ActiveModel {
        idempotency_key: Set(None),
        idempotency_input: Set(None),
        ..Default::default()
    };
    let forgotten = alarm::Entity::update_many()
        .set(blank)
        .filter(Column::Id.is_in(ids))
        .exec(&tx)
        .await?
        .rows_affected;
    tx.commit().await?;
    Ok(forgotten)
}
