//! Notifications in the hands of those who run haven: listing them, having one tried again,
//! stopping one.

use chrono::{DateTime, Datelike, TimeDelta, Utc};
use entity::notification::{Channel, Purpose, Status};
use entity::{alarm, alarm_result, emergency_contact, notification};
use sea_orm::sea_query::Query;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait,
    IntoActiveModel, QueryFilter, QuerySelect,
};

use super::changes::changed;
use super::{Kinds, lock_result};
use crate::app::App;
use crate::auth::Viewer;
use crate::delivery::{self, Failure, steps};
use crate::domain::input::Check;
use crate::domain::page::{self, Direction, Page, Slice};
use crate::error::{Error, Noun, Problem, Result};

/// A notification that has been due for this long has nobody who sends it: a working sender takes
/// what is due at once, and what a dead one held is due when its lease ends.
const STUCK_AFTER: TimeDelta = TimeDelta::seconds(120);

/// Who runs haven.
#[derive(Clone, Copy)]
pub enum Operator<'a> {
    /// An admin, who has to be one.
    Admin(&'a Viewer),
    /// Somebody at the command line of the server.
    Console,
}

impl Operator<'_> {
    fn check(self) -> Result<()> {
        match self {
            Self::Admin(viewer) => viewer.admin().map(|_| ()),
            Self::Console => Ok(()),
        }
    }

    /// The admin's id, for the log.
    fn id(self) -> Option<i64> {
        match self {
            Self::Admin(viewer) => viewer.person().ok().map(|caller| caller.user.id),
            Self::Console => None,
        }
    }
}

/// Which notifications are listed; of each list any, where it is empty.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Of these states.
    pub states: Vec<Status>,
    /// About these.
    pub purposes: Vec<Purpose>,
    /// Over these.
    pub channels: Vec<Channel>,
    /// Of alarms of these kinds.
    pub kinds: Vec<alarm::Kind>,
    /// Decided on then or later.
    pub since: Option<DateTime<Utc>>,
    /// Decided on before then.
    pub older_than: Option<DateTime<Utc>>,
    /// Only those that have been due for 120 s and that nobody sends.
    pub stuck: bool,
}

/// Notifications of all alarms, latest first.
///
/// # Errors
/// `FORBIDDEN` for everybody but admins; `BAD_USER_INPUT` for a moment of a year that has not four
/// digits: PostgreSQL can't compare with some, and SQLite not with any.
pub async fn notifications(
    app: &App,
    operator: Operator<'_>,
    wanted: Wanted,
    page: Page,
) -> Result<Slice<notification::Model>> {
    use notification::Column;
    operator.check()?;
    let mut check = Check::default();
    for (field, moment) in [("since", wanted.since), ("olderThan", wanted.older_than)] {
        if moment.is_some_and(|moment| !(0..=9999).contains(&moment.year())) {
            check.refuse(field, Problem::Other("Its year must have four digits."));
        }
    }
    check.finish()?;
    let mut select = notification::Entity::find();
    if !wanted.states.is_empty() {
        select = select.filter(Column::Status.is_in(wanted.states));
    }
    if !wanted.purposes.is_empty() {
        select = select.filter(Column::Purpose.is_in(wanted.purposes));
    }
    if !wanted.channels.is_empty() {
        select = select.filter(Column::Channel.is_in(wanted.channels));
    }
    if !wanted.kinds.is_empty() {
        let mut alarms = Query::select();
        alarms
            .column(alarm::Column::Id)
            .from(alarm::Entity)
            .cond_where(Kinds::of(&wanted.kinds).condition());
        select = select.filter(Column::AlarmId.in_subquery(alarms));
    }
    if let Some(since) = wanted.since {
        select = select.filter(Column::CreatedAt.gte(since));
    }
    if let Some(older_than) = wanted.older_than {
        select = select.filter(Column::CreatedAt.lt(older_than));
    }
    if wanted.stuck {
        // While sending, `next_attempt_at` is the end of the lease.
        select = select
            .filter(Column::Status.is_in([Status::Pending, Status::Sending]))
            .filter(Column::NextAttemptAt.lt(app.clock.now() - STUCK_AFTER));
    }
    page::read(
        app.db.read(),
        select,
        Column::Id,
        Direction::Descending,
        page,
    )
    .await
}

/// Has a notification that failed, or that waits for its next try, tried at once, and from now on
/// as long as a new one.
///
/// # Errors
/// `FORBIDDEN` for everybody but admins; `NOT_FOUND`; `CONFLICT` where there is nothing to try: it
/// was sent or skipped, or the alarm it tells of is over.
pub async fn retry(app: &App, operator: Operator<'_>, id: i64) -> Result<notification::Model> {
    operator.check()?;
    let held = hold(app, id).await?;
    let row = match held.row.status {
        Status::Sending => held.row,
        Status::Sent | Status::Skipped => {
            return Err(Error::Conflict(
                "Only a failed or pending notification can be tried again.",
            ));
        }
        Status::Pending | Status::Failed => {
            if held.result.completed && held.row.purpose == Purpose::Alarm {
                return Err(Error::Conflict("The alarm is over."));
            }
            if held.row.purpose == Purpose::Alarm
                && let Some(id) = held.row.contact_id
                && emergency_contact::Entity::find_by_id(id)
                    .one(&held.tx)
                    .await?
                    .is_some_and(|contact| contact.opted_out_at.is_some())
            {
                return Err(Error::Conflict(
                    "The contact asked not to be told any more.",
                ));
            }
            let mut change = held.row.clone().into_active_model();
            change.status = Set(Status::Pending);
            change.next_attempt_at = Set(app.clock.now());
            change.tried_since = Set(Some(app.clock.now()));
            delivery::forget(&held.row, &mut change);
            change.update(&held.tx).await?
        }
    };
    held.tx.commit().await?;
    tracing::info!(
        notification = id,
        admin = operator.id(),
        "to be tried at once"
    );
    app.delivery.wake();
    changed(app, &held.alarm);
    Ok(row)
}

/// Stops a notification that waits for its first or next try. Where nobody told so far can help
/// then, the next step of the alarm begins.
///
/// # Errors
/// `FORBIDDEN` for everybody but admins; `NOT_FOUND`; `CONFLICT` where it does not wait: it was
/// sent, failed or skipped, or is being sent at this moment.
pub async fn cancel(app: &App, operator: Operator<'_>, id: i64) -> Result<notification::Model> {
    operator.check()?;
    let held = hold(app, id).await?;
    if held.row.status != Status::Pending {
        return Err(Error::Conflict(
            "Only a pending notification can be cancelled.",
        ));
    }
    let mut change = held.row.into_active_model();
    change.status = Set(Status::Skipped);
    change.failure = Set(Some(Failure::Cancelled.code().to_owned()));
    let row = change.update(&held.tx).await?;
    // Whoever is left to be told may be of the next step.
    let hastened = row.purpose == Purpose::Alarm
        && steps::hasten(&held.tx, &held.result, app.clock.now()).await?;
    held.tx.commit().await?;
    if hastened {
        app.delivery.wake();
    }
    tracing::info!(notification = id, admin = operator.id(), "cancelled");
    changed(app, &held.alarm);
    Ok(row)
}

/// A notification that nobody else changes until the transaction ends, and what it is about.
struct Held {
    tx: DatabaseTransaction,
    alarm: alarm::Model,
    result: alarm_result::Model,
    row: notification::Model,
}

async fn hold(app: &App, id: i64) -> Result<Held> {
    const MISSING: Error = Error::NotFound(Noun::Notification);
    let found = notification::Entity::find_by_id(id)
        .one(app.db.read())
        .await?
        .ok_or(MISSING)?;
    let alarm = alarm::Entity::find_by_id(found.alarm_id)
        .one(app.db.read())
        .await?
        .ok_or(MISSING)?;
    let tx = app.db.write().await?;
    let result = lock_result(&tx, alarm.id).await?;
    let row = notification::Entity::find_by_id(id)
        .lock_exclusive()
        .one(&tx)
        .await?
        .ok_or(MISSING)?;
    Ok(Held {
        tx,
        alarm,
        result,
        row,
    })
}
