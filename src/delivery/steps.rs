//! The later steps of an alarm: rows that wait for their time, or for the steps before to come to
//! nothing.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use entity::alarm_reaction::Reaction;
use entity::notification::{Column, Purpose, RecipientKind, Status};
use entity::{alarm_reaction, alarm_result, notification};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, DatabaseTransaction, DbErr, EntityTrait, QueryFilter,
};

use super::Failure;

/// How long after the press the last step may begin, in minutes: a day, after which the links in
/// messages take no answer.
pub const LAST_STEP: i32 = 24 * 60;

/// Whether this row belongs to a step that has not begun at `now`.
#[must_use]
pub fn is_to_come(row: &notification::Model, now: DateTime<Utc>) -> bool {
    row.step > 0 && row.status == Status::Pending && row.attempts == 0 && row.next_attempt_at > now
}

/// Who is told: the same over all rows of one recipient.
type Who = (RecipientKind, Option<i64>);

const fn who(kind: RecipientKind, contact: Option<i64>, therapist: Option<i64>) -> Who {
    match kind {
        // No step tells the person itself, whose messages are of other purposes.
        RecipientKind::Contact | RecipientKind::Person => (kind, contact),
        RecipientKind::Therapist => (kind, therapist),
    }
}

/// Begins the next step at once where nobody of the steps begun so far is left who could help:
/// each said "I can't", or could not be told and won't be, or was deleted by the person, so that
/// no answer is taken from them. The steps after it move up by as much.
/// Gives whether it did, and the delivery has to be woken after the commit. The caller holds the
/// lock on `result`.
///
/// # Errors
/// The database's.
pub async fn hasten(
    tx: &DatabaseTransaction,
    result: &alarm_result::Model,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    if result.completed || result.answered_at.is_some() {
        return Ok(false);
    }
    let rows = notification::Entity::find()
        .filter(Column::AlarmId.eq(result.alarm_id))
        .filter(Column::Purpose.eq(Purpose::Alarm))
        .all(tx)
        .await?;
    // When each step that is to come is due, the next one first.
    let mut to_come: BTreeMap<i32, DateTime<Utc>> = BTreeMap::new();
    for row in rows.iter().filter(|row| is_to_come(row, now)) {
        let due = to_come.entry(row.step).or_insert(row.next_attempt_at);
        *due = (*due).min(row.next_attempt_at);
    }
    let Some((next, due)) = to_come.first_key_value().map(|(step, due)| (*step, *due)) else {
        return Ok(false);
    };
    // Who of the steps begun can still be hoped for.
    let mut hope: HashMap<Who, bool> = HashMap::new();
    let still_there = |row: &&notification::Model| row.contact_id.or(row.therapist_id).is_some();
    for row in rows
        .iter()
        .filter(|row| row.step < next)
        .filter(still_there)
    {
        let hopeless = matches!(row.status, Status::Failed | Status::Skipped);
        *hope
            .entry(who(row.recipient_kind, row.contact_id, row.therapist_id))
            .or_default() |= !hopeless;
    }
    if hope.values().any(|hope| *hope) {
        let reactions = alarm_reaction::Entity::find()
            .filter(alarm_reaction::Column::AlarmId.eq(result.alarm_id))
            .all(tx)
            .await?;
        for row in reactions {
            if row.reaction == Reaction::Cannot {
                hope.insert(
                    who(row.recipient_kind, row.contact_id, row.therapist_id),
                    false,
                );
            }
        }
    }
    if hope.values().any(|hope| *hope) {
        return Ok(false);
    }
    let sooner = due - now;
    for (step, due) in to_come {
        notification::Entity::update_many()
            .set(notification::ActiveModel {
                next_attempt_at: Set(due - sooner),
                ..Default::default()
            })
            .filter(Column::AlarmId.eq(result.alarm_id))
            .filter(Column::Purpose.eq(Purpose::Alarm))
            .filter(Column::Step.eq(step))
            .filter(Column::Status.eq(Status::Pending))
            .filter(Column::Attempts.eq(0))
            .exec(tx)
            .await?;
    }
    Ok(true)
}

/// What of alarms may still be sent: what waits, and what waits for nobody being on the way any
/// more.
#[must_use]
pub fn unsent() -> Condition {
    let stopped = Condition::all()
        .add(Column::Status.eq(Status::Skipped))
        .add(Column::Failure.eq(Failure::Answered.code()));
    let open = Condition::any()
        .add(Column::Status.eq(Status::Pending))
        .add(stopped);
    Condition::all()
        .add(Column::Purpose.eq(Purpose::Alarm))
        .add(open)
}

/// Stops what later steps have not sent yet: somebody answered. The caller holds the lock on the
/// alarm's result.
///
/// # Errors
/// The database's.
pub async fn stop(tx: &DatabaseTransaction, alarm_id: i64) -> Result<(), DbErr> {
    notification::Entity::update_many()
        .set(notification::ActiveModel {
            status: Set(Status::Skipped),
            failure: Set(Some(Failure::Answered.code().to_owned())),
            ..Default::default()
        })
        .filter(Column::AlarmId.eq(alarm_id))
        .filter(Column::Purpose.eq(Purpose::Alarm))
        .filter(Column::Step.gt(0))
        .filter(Column::Status.eq(Status::Pending))
        .exec(tx)
        .await?;
    Ok(())
}

/// Takes up what [`stop`] stopped: nobody is on the way any more. The caller holds the lock on the
/// alarm's result.
///
/// # Errors
/// The database's.
pub async fn resume(tx: &DatabaseTransaction, alarm_id: i64) -> Result<(), DbErr> {
    notification::Entity::update_many()
        .set(notification::ActiveModel {
            status: Set(Status::Pending),
            failure: Set(None),
            ..Default::default()
        })
        .filter(Column::AlarmId.eq(alarm_id))
        .filter(Column::Purpose.eq(Purpose::Alarm))
        .filter(Column::Step.gt(0))
        .filter(Column::Status.eq(Status::Skipped))
        .filter(Column::Failure.eq(Failure::Answered.code()))
        .exec(tx)
        .await?;
    Ok(())
}
