//! What happens to an alarm after the press: the phone reports, the person ends it, an admin has
//! a failed notification tried again.

use entity::notification::{Purpose, Status};
use entity::{alarm, alarm_result, notification};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect,
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
/// `NOT_FOUND` where the alarm does not exist or is not the viewer's; `BAD_USER_INPUT`.
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
    use notification::Column;
    let alarm = reachable(app, viewer, alarm_id).await?;
    let tx = app.db.write().await?;
    let result = lock_result(&tx, alarm.id).await?;
    let clear = all_clear || result.all_clear;
    if result.completed && result.all_clear == clear {
        tx.rollback().await?;
        return Ok(alarm);
    }
    let first_clear = clear && !result.all_clear;
    let mut change = result.into_active_model();
    change.completed = Set(true);
    change.all_clear = Set(clear);
    change.update(&tx).await?;
    let unsent = notification::ActiveModel {
        status: Set(Status::Skipped),
        failure: Set(Some(Failure::AlarmCompleted.code().to_owned())),
        ..Default::default()
    };
    notification::Entity::update_many()
        .set(unsent)
        .filter(Column::AlarmId.eq(alarm.id))
        .filter(Column::Purpose.eq(Purpose::Alarm))
        .filter(Column::Status.eq(Status::Pending))
        .exec(&tx)
        .await?;
    if first_clear {
        let told: Vec<_> = notification::Entity::find()
            .filter(Column::AlarmId.eq(alarm.id))
            .filter(Column::Purpose.eq(Purpose::Alarm))
            .filter(Column::Status.eq(Status::Sent))
            .order_by_asc(Column::Id)
            .all(&tx)
            .await?
            .iter()
            .map(|row| delivery::all_clear(app, row))
            .collect();
        if !told.is_empty() {
            notification::Entity::insert_many(told)
                .exec_without_returning(&tx)
                .await?;
        }
    }
    tx.commit().await?;
    app.delivery.wake();
    changed(app, &alarm);
    Ok(alarm)
}

/// Has a notification that failed, or that waits for its next try, tried at once. For admins.
///
/// # Errors
/// `FORBIDDEN` for everybody else; `NOT_FOUND`; `CONFLICT` where there is nothing to try: it was
/// sent or skipped, or the alarm it tells of is over.
pub async fn retry(app: &App, viewer: &Viewer, id: i64) -> Result<notification::Model> {
    viewer.admin()?;
    let missing = Error::NotFound(Noun::Notification);
    let Some(found) = notification::Entity::find_by_id(id)
        .one(app.db.read())
        .await?
    else {
        return Err(missing);
    };
    let Some(alarm) = alarm::Entity::find_by_id(found.alarm_id)
        .one(app.db.read())
        .await?
    else {
        return Err(missing);
    };
    let tx = app.db.write().await?;
    let result = lock_result(&tx, alarm.id).await?;
    let Some(row) = notification::Entity::find_by_id(id)
        .lock_exclusive()
        .one(&tx)
        .await?
    else {
        return Err(missing);
    };
    let row = match row.status {
        Status::Sending => row,
        Status::Sent | Status::Skipped => {
            return Err(Error::Conflict(
                "Only a failed notification can be tried again.",
            ));
        }
        Status::Pending | Status::Failed => {
            if result.completed && row.purpose == Purpose::Alarm {
                return Err(Error::Conflict("The alarm is over."));
            }
            let mut change = row.into_active_model();
            change.status = Set(Status::Pending);
            change.next_attempt_at = Set(app.clock.now());
            // A new message, of which no receipt says anything yet.
            change.provider_id = Set(None);
            change.receipt = Set(None);
            change.update(&tx).await?
        }
    };
    tx.commit().await?;
    app.delivery.wake();
    changed(app, &alarm);
    Ok(row)
}

async fn reachable(app: &App, viewer: &Viewer, alarm_id: i64) -> Result<alarm::Model> {
    find(app, viewer, alarm_id)
        .await?
        .ok_or(Error::NotFound(Noun::Alarm))
}

fn changed(app: &App, alarm: &alarm::Model) {
    app.events
        .publish(Topic::Alarms(alarm.user_id), Event::Alarm(alarm.id));
}
