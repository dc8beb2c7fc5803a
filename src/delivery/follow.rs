//! What follows from a notification's end, in the transaction that records it: the flags of the
//! result, the all-clear, the other channels of the same recipient, and the next step.

use entity::notification::{Purpose, RecipientKind, Status};
use entity::{alarm, alarm_result, emergency_contact, notification, therapist};
use sea_orm::sea_query::{Expr, LockType, Query};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, DatabaseTransaction, DbErr,
    EntityTrait, PaginatorTrait, QueryFilter, QuerySelect,
};

use super::{recipient, steps};
use crate::app::App;

/// A notification that nobody else changes until the transaction ends, and what it is about.
pub struct Held {
    /// The row as it is now.
    pub row: notification::Model,
    /// The alarm it belongs to.
    pub alarm: alarm::Model,
    /// The result of that.
    pub result: alarm_result::Model,
}

/// Locks a notification that was found before, with all that has to be locked before it; `None`
/// where it is gone.
///
/// # Errors
/// The database's.
pub async fn hold(
    tx: &DatabaseTransaction,
    found: &notification::Model,
) -> Result<Option<Held>, DbErr> {
    // The order of locks: the result, the recipient, then the notifications.
    let result = alarm_result::Entity::find()
        .filter(alarm_result::Column::AlarmId.eq(found.alarm_id))
        .lock_exclusive()
        .one(tx)
        .await?;
    // Two receipts at one instant, of two alarms, may each have the same recipient told that it is
    // over.
    keep_recipient(tx, found, LockType::NoKeyUpdate).await?;
    let row = notification::Entity::find_by_id(found.id)
        .lock_exclusive()
        .one(tx)
        .await?;
    let alarm = alarm::Entity::find_by_id(found.alarm_id).one(tx).await?;
    Ok(match (row, alarm, result) {
        (Some(row), Some(alarm), Some(result)) => Some(Held { row, alarm, result }),
        _ => None,
    })
}

/// The notification, without whom it was for where that one was deleted meanwhile; who is still
/// there stays until the transaction ends. To be called before a notification is locked. The lock
/// is `KeyShare`, or `NoKeyUpdate` where nothing else may be decided about them at the same time.
///
/// # Errors
/// The database's.
pub async fn keep_recipient(
    tx: &DatabaseTransaction,
    row: &notification::Model,
    lock: LockType,
) -> Result<notification::Model, DbErr> {
    let mut row = row.clone();
    if let Some(id) = row.contact_id {
        row.contact_id = emergency_contact::Entity::find_by_id(id)
            .lock(lock)
            .one(tx)
            .await?
            .map(|contact| contact.id);
    }
    if let Some(id) = row.therapist_id {
        row.therapist_id = therapist::Entity::find_by_id(id)
            .lock(lock)
            .one(tx)
            .await?
            .map(|therapist| therapist.id);
    }
    Ok(row)
}

/// What follows once the provider took a message of an alarm: only a real one sets flags.
///
/// # Errors
/// The database's.
pub async fn took(
    tx: &DatabaseTransaction,
    alarm: &alarm::Model,
    result: &alarm_result::Model,
    row: &notification::Model,
) -> Result<(), DbErr> {
    if row.purpose == Purpose::Alarm && alarm.kind == alarm::Kind::Real {
        flag(tx, result, row.recipient_kind, true).await?;
    }
    Ok(())
}

/// Has somebody who was told of an alarm, or may have been, told that it is over, where everybody
/// told is: whoever was told when it was ended was so then. Once: not where an all-clear went the
/// same way since the end, of this alarm or of another that ended with it or later. Whom `row`
/// names is kept, as by [`keep_recipient`].
///
/// # Errors
/// The database's.
pub async fn clear(
    app: &App,
    tx: &DatabaseTransaction,
    alarm: &alarm::Model,
    result: &alarm_result::Model,
    row: &notification::Model,
) -> Result<(), DbErr> {
    let over = result.completed && result.all_clear;
    if row.purpose == Purpose::Alarm && over && !cleared(tx, alarm, result, row).await? {
        recipient::all_clear(app, row).insert(tx).await?;
    }
    Ok(())
}

/// The messages to the recipient of `row` that are about the same, of the same alarm.
fn to_same(row: &notification::Model) -> Condition {
    use notification::Column;
    let alike = Condition::all()
        .add(Column::AlarmId.eq(row.alarm_id))
        .add(Column::Purpose.eq(row.purpose))
        .add(Column::RecipientKind.eq(row.recipient_kind));
    match (row.contact_id, row.therapist_id) {
        (Some(id), _) => alike.add(Column::ContactId.eq(id)),
        (None, Some(id)) => alike.add(Column::TherapistId.eq(id)),
        // Of who was deleted, the name is left.
        (None, None) => alike
            .add(Column::ContactId.is_null())
            .add(Column::TherapistId.is_null())
            .add(Column::RecipientName.eq(row.recipient_name.as_str())),
    }
}

/// Whether an all-clear went the way of this message since its alarm was over.
async fn cleared(
    tx: &DatabaseTransaction,
    alarm: &alarm::Model,
    result: &alarm_result::Model,
    row: &notification::Model,
) -> Result<bool, DbErr> {
    use notification::Column;
    let mut alike = Query::select();
    alike
        .column(alarm::Column::Id)
        .from(alarm::Entity)
        .and_where(alarm::Column::UserId.eq(alarm.user_id))
        .and_where(alarm::Column::Kind.eq(alarm.kind));
    let mut select = notification::Entity::find()
        .filter(Column::Purpose.eq(Purpose::AllClear))
        .filter(Column::AlarmId.in_subquery(alike))
        .filter(Column::RecipientKind.eq(row.recipient_kind))
        .filter(Column::Channel.eq(row.channel));
    select = match (row.contact_id, row.therapist_id) {
        (Some(id), _) => select.filter(Column::ContactId.eq(id)),
        (None, Some(id)) => select.filter(Column::TherapistId.eq(id)),
        // Of who was deleted, the name is left.
        (None, None) => select
            .filter(Column::ContactId.is_null())
            .filter(Column::TherapistId.is_null())
            .filter(Column::RecipientName.eq(row.recipient_name.as_str())),
    };
    if let Some(over) = result.completed_at {
        select = select.filter(Column::CreatedAt.gte(over));
    }
    let address = row.address.to_lowercase();
    let given = select.all(tx).await?;
    Ok(given
        .iter()
        .any(|given| given.address.to_lowercase() == address))
}

/// Sets what the result says of whether recipients of this kind were told.
///
/// # Errors
/// The database's.
pub async fn flag(
    tx: &DatabaseTransaction,
    result: &alarm_result::Model,
    kind: RecipientKind,
    told: bool,
) -> Result<(), DbErr> {
    let flags = match kind {
        RecipientKind::Contact => alarm_result::ActiveModel {
            message_sent_to_contacts: Set(told),
            ..Default::default()
        },
        RecipientKind::Therapist => alarm_result::ActiveModel {
            therapist_notified: Set(told),
            ..Default::default()
        },
        RecipientKind::Person => return Ok(()),
    };
    alarm_result::Entity::update_many()
        .set(flags)
        .filter(alarm_result::Column::Id.eq(result.id))
        .exec(tx)
        .await?;
    Ok(())
}

/// Has what waits for its next try on the other channels of a recipient tried at once: this one
/// failed for good. The worker is to be woken after the commit.
///
/// # Errors
/// The database's.
pub async fn hurry(
    app: &App,
    tx: &DatabaseTransaction,
    failed: &notification::Model,
) -> Result<(), DbErr> {
    use notification::Column;
    let now = app.clock.now();
    notification::Entity::update_many()
        .col_expr(Column::NextAttemptAt, Expr::value(now))
        .filter(to_same(failed))
        .filter(Column::Step.eq(failed.step))
        .filter(Column::Channel.ne(failed.channel))
        .filter(Column::Status.eq(Status::Pending))
        .filter(Column::NextAttemptAt.gt(now))
        .exec(tx)
        .await?;
    Ok(())
}

/// What follows once a message that was taken is known not to have arrived, and is recorded as
/// failed: the recipient's other channels and, where nobody is left to be hoped for, the next step
/// are tried at once, and the result of a real alarm claims no more than what is still true. The
/// worker is to be woken after the commit.
///
/// # Errors
/// The database's.
pub async fn lost(app: &App, tx: &DatabaseTransaction, held: &Held) -> Result<(), DbErr> {
    use notification::Column;
    let row = &held.row;
    hurry(app, tx, row).await?;
    if row.purpose != Purpose::Alarm {
        return Ok(());
    }
    steps::hasten(tx, &held.result, app.clock.now()).await?;
    if held.alarm.kind == alarm::Kind::Real {
        // True only while there is another message of this kind that was taken.
        let told = notification::Entity::find()
            .filter(Column::AlarmId.eq(row.alarm_id))
            .filter(Column::Purpose.eq(Purpose::Alarm))
            .filter(Column::RecipientKind.eq(row.recipient_kind))
            .filter(Column::Status.eq(Status::Sent))
            .count(tx)
            .await?;
        flag(tx, &held.result, row.recipient_kind, told > 0).await?;
    }
    Ok(())
}
