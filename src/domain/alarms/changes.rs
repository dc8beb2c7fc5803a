//! What happens to an alarm after the press: the phone reports, the person ends it.

use entity::alarm::Kind;
use entity::notification::{Purpose, Status};
use entity::{alarm, alarm_result, emergency_contact, notification, therapist};
use sea_orm::sea_query::LockType;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};

use super::{Place, find, lock_result};
use crate::app::App;
use crate::auth::Viewer;
use crate::delivery::{self, Failure};
use crate::domain::input::Check;
use crate::error::{Error, Noun, Result};
use crate::events::{Event, Topic};

/// What the phone did in an alarm; `None` leaves a field.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// It played the music.
    pub music_played: Option<bool>,
    /// It played the voice message.
    pub voice_message_played: Option<bool>,
    /// Where the person is.
    pub place: Place,
}

/// Records what the phone did. Mails that are still to be sent tell the new place.
///
/// # Errors
/// `NOT_FOUND` where the alarm does not exist or is not the viewer's; `BAD_USER_INPUT`; `CONFLICT`
/// for a drill or a test.
pub async fn report(
    app: &App,
    viewer: &Viewer,
    alarm_id: i64,
    report: Report,
) -> Result<alarm::Model> {
    let alarm = reachable(app, viewer, alarm_id).await?;
    let mut check = Check::default();
    let place = report.place.check(&mut check);
    check.finish()?;
    if alarm.kind != Kind::Real {
        return Err(Error::Conflict(
            "A drill or a test records nothing of what the phone does.",
        ));
    }
    let mut change = alarm_result::ActiveModel {
        ..Default::default()
    };
    if let Some(played) = report.music_played {
        change.music_played = Set(played);
    }
    if let Some(played) = report.voice_message_played {
        change.voice_message_played = Set(played);
    }
    place.apply(&mut change);
    if change.is_changed() {
        alarm_result::Entity::update_many()
            .set(change)
            .filter(alarm_result::Column::AlarmId.eq(alarm.id))
            .exec(app.db.read())
            .await?;
        changed(app, &alarm);
    }
    Ok(alarm)
}

/// Ends an alarm. What was not sent yet is not sent any more; with `all_clear`, exactly those
/// who were told of the alarm are told of its end, once, however often this is called. Somebody
/// whose mail is under way at this moment is told as soon as it is known to have arrived.
///
/// # Errors
/// `NOT_FOUND` where the alarm does not exist or is not the viewer's.
pub async fn complete(
    app: &App,
    viewer: &Viewer,
    alarm_id: i64,
    all_clear: bool,
) -> Result<alarm::Model> {
    let alarm = reachable(app, viewer, alarm_id).await?;
    let tx = app.db.write().await?;
    let result = lock_result(&tx, alarm.id).await?;
    let clear = all_clear || result.all_clear;
    if result.completed && result.all_clear == clear {
        tx.rollback().await?;
        return Ok(alarm);
    }
    let first_clear = clear && !result.all_clear;
    if first_clear {
        keep_recipients(&tx, alarm.user_id).await?;
    }
    let mut change = result.clone().into_active_model();
    change.all_clear = Set(clear);
    end(app, &tx, result, change).await?;
    if first_clear {
        tell_the_end(app, &tx, alarm.id).await?;
    }
    tx.commit().await?;
    app.delivery.wake();
    changed(app, &alarm);
    Ok(alarm)
}

/// Ends an alarm whose result is locked, with the change of it that goes with that: what was not
/// sent yet is not sent any more.
pub(super) async fn end(
    app: &App,
    tx: &DatabaseTransaction,
    result: alarm_result::Model,
    mut change: alarm_result::ActiveModel,
) -> Result<()> {
    use notification::Column;
    if !result.completed {
        change.completed = Set(true);
        change.completed_at = Set(Some(app.clock.now()));
    }
    change.update(tx).await?;
    let unsent = notification::ActiveModel {
        status: Set(Status::Skipped),
        failure: Set(Some(Failure::AlarmCompleted.code().to_owned())),
        ..Default::default()
    };
    notification::Entity::update_many()
        .set(unsent)
        .filter(Column::AlarmId.eq(result.alarm_id))
        .filter(Column::Purpose.eq(Purpose::Alarm))
        .filter(Column::Status.eq(Status::Pending))
        .exec(tx)
        .await?;
    Ok(())
}

/// Keeps the user's contacts and therapists from being deleted until the transaction ends: the
/// all-clear names them. Before any notification is locked, because deleting one locks those
/// to it.
async fn keep_recipients(tx: &DatabaseTransaction, user_id: i64) -> Result<()> {
    emergency_contact::Entity::find()
        .select_only()
        .column(emergency_contact::Column::Id)
        .filter(emergency_contact::Column::UserId.eq(user_id))
        .order_by_asc(emergency_contact::Column::Id)
        .lock(LockType::KeyShare)
        .into_tuple::<i64>()
        .all(tx)
        .await?;
    therapist::Entity::find()
        .select_only()
        .column(therapist::Column::Id)
        .filter(therapist::Column::UserId.eq(user_id))
        .order_by_asc(therapist::Column::Id)
        .lock(LockType::KeyShare)
        .into_tuple::<i64>()
        .all(tx)
        .await?;
    Ok(())
}

/// Adds the all-clear for everybody who was told of the alarm.
async fn tell_the_end(app: &App, tx: &DatabaseTransaction, alarm_id: i64) -> Result<()> {
    use notification::Column;
    let told: Vec<_> = notification::Entity::find()
        .filter(Column::AlarmId.eq(alarm_id))
        .filter(Column::Purpose.eq(Purpose::Alarm))
        .filter(Column::Status.eq(Status::Sent))
        .order_by_asc(Column::Id)
        .all(tx)
        .await?
        .iter()
        .map(|row| delivery::all_clear(app, row))
        .collect();
    if !told.is_empty() {
        notification::Entity::insert_many(told)
            .exec_without_returning(tx)
            .await?;
    }
    Ok(())
}

async fn reachable(app: &App, viewer: &Viewer, alarm_id: i64) -> Result<alarm::Model> {
    find(app, viewer, alarm_id)
        .await?
        .ok_or(Error::NotFound(Noun::Alarm))
}

/// Tells whoever follows the user's alarms that this one changed.
pub(super) fn changed(app: &App, alarm: &alarm::Model) {
    app.events
        .publish(Topic::Alarms(alarm.user_id), Event::Alarm(alarm.id));
}
