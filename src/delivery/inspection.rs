//! What the auditor reads of the queue, by statements that share nothing with the sender's but the
//! table: a row that those overlook is seen here.

use chrono::{DateTime, TimeDelta, Utc};
use entity::notification::{self, Column};
use entity::write_probe;
use sea_orm::sea_query::{Expr, Func};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, DbErr, EntityTrait, QueryFilter, QuerySelect, Select,
};

use super::steps;
use crate::app::App;

/// What is not final, in the words of the auditor's index (see its migration).
const OPEN: &str = "upper(status) IN ('PENDING', 'SENDING')";
/// Of these, what a worker holds. SQLite uses the index only where its words are there as well.
const HELD: &str = "upper(status) IN ('PENDING', 'SENDING') AND upper(status) = 'SENDING'";
/// The messages of real alarms, but for those of somebody with many of them, which wait behind all
/// others.
const OF_ALARMS: &str = "purpose = 'alarm' AND priority = 0 AND EXISTS (SELECT 1 FROM alarms \
     WHERE alarms.id = notifications.alarm_id AND alarms.kind = 'real')";

/// How far ahead of this node's clock another's may be: a first try is due when it is stored.
const SKEW: TimeDelta = TimeDelta::seconds(30);
/// How far ahead a next try may be: the longest pause there is, and half of it more.
const NEXT_TRY: TimeDelta = TimeDelta::minutes(10);
/// How far ahead the last step of a scenario may be.
const LAST_STEP: TimeDelta = TimeDelta::minutes(steps::LAST_STEP as i64);

/// One try to send one notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Try {
    /// The notification.
    pub notification: i64,
    /// Which try of it. Those before the first of which an end was recorded are one: a worker that
    /// dies again and again at the same message gets no further, however often it begins.
    number: i32,
}

/// How the queue stands.
#[derive(Debug)]
pub(super) struct Standing {
    /// When the first message of a real alarm is due, or was.
    pub alarms: Option<DateTime<Utc>>,
    /// When the first of all other messages is.
    pub others: Option<DateTime<Utc>>,
    /// A notification that is to be tried at a time that no rule gives.
    pub astray: Option<i64>,
    /// What is being tried, as those who try it say.
    pub under_way: Vec<Try>,
}

/// Reads how the queue stands at this moment.
///
/// # Errors
/// The database's.
pub(super) async fn standing(app: &App, now: DateTime<Utc>) -> Result<Standing, DbErr> {
    let db = app.db.outbox();
    let (alarms, others, astray) = outstanding(now)
        .into_tuple::<(Option<DateTime<Utc>>, Option<DateTime<Utc>>, Option<i64>)>()
        .one(db)
        .await?
        .unwrap_or_default();
    let under_way = held()
        .into_tuple::<(i64, i32, Option<String>)>()
        .all(db)
        .await?
        .into_iter()
        .map(|(notification, attempts, failure)| Try {
            notification,
            number: failure.map_or(0, |_| attempts),
        })
        .collect();
    Ok(Standing {
        alarms,
        others,
        astray,
        under_way,
    })
}

/// The statement that finds what is due first, and what is astray.
pub(super) fn outstanding(now: DateTime<Utc>) -> Select<notification::Entity> {
    let least =
        |of: Condition, column: Column| Expr::from(Func::min(Expr::case(of, Expr::col(column))));
    let of_alarms = Condition::all().add(Expr::cust(OF_ALARMS));
    notification::Entity::find()
        .select_only()
        .expr_as(least(of_alarms.clone(), Column::NextAttemptAt), "alarms")
        .expr_as(least(of_alarms.not(), Column::NextAttemptAt), "others")
        .expr_as(least(astray(now), Column::Id), "astray")
        .filter(Expr::cust(OPEN))
}

/// What no rule puts so far ahead.
fn astray(now: DateTime<Utc>) -> Condition {
    let first = Condition::all()
        .add(Column::Attempts.eq(0))
        .add(Column::Step.eq(0))
        .add(Column::NextAttemptAt.gt(now + SKEW));
    let later = Condition::all()
        .add(Column::Attempts.eq(0))
        .add(Column::Step.gt(0))
        .add(Column::NextAttemptAt.gt(now + LAST_STEP + SKEW));
    let next = Condition::all()
        .add(Column::Attempts.gt(0))
        .add(Column::NextAttemptAt.gt(now + NEXT_TRY));
    Condition::any()
        .add(Column::CreatedAt.gt(now + SKEW))
        .add(first)
        .add(later)
        .add(next)
}

/// Writes a row on the connections kept for alarms, as storing one does: a full disk and a server
/// that only reads answer every other question of the auditor's.
///
/// # Errors
/// The database's: it takes no writes.
pub(super) async fn write(app: &App) -> Result<(), DbErr> {
    write_probe::Entity::update_many()
        .set(write_probe::ActiveModel {
            written_at: Set(app.clock.now()),
            ..Default::default()
        })
        .filter(write_probe::Column::Id.eq(1))
        .exec(app.db.alarms())
        .await?;
    Ok(())
}

/// The statement that finds what is under way.
pub(super) fn held() -> Select<notification::Entity> {
    notification::Entity::find()
        .select_only()
        .columns([Column::Id, Column::Attempts, Column::Failure])
        .filter(Expr::cust(HELD))
}
