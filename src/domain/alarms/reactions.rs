//! What those who were told do about an alarm: the rules behind the links in their messages.
//!
//! The link is the permission: a [`Holder`] is who was told by one notification.

use chrono::{DateTime, TimeDelta, Utc};
use entity::alarm::Kind;
use entity::alarm_reaction::{self as reaction, Reaction};
use entity::notification::{self, Purpose, RecipientKind};
use entity::{alarm, alarm_result, emergency_contact, profile, therapist, user};
use sea_orm::sea_query::LockType;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction,
    EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};

use super::changes::newer_is_open;
use super::lock_result;
use crate::app::App;
use crate::delivery::steps;
use crate::error::Result;
use crate::events::{Event, Topic};
use crate::links::Holder;

/// How long after the press a link shows the place and takes an answer.
const OPEN_FOR: TimeDelta = TimeDelta::hours(24);

/// What somebody who was told may know now.
pub struct Told {
    /// The message that the link came with.
    pub notification: notification::Model,
    /// The alarm.
    pub alarm: alarm::Model,
    /// Its result, with the newest place.
    pub result: alarm_result::Model,
    /// Who pressed.
    pub person: user::Model,
    /// Where the person usually is; empty when unknown.
    pub usual_location: String,
    /// What everybody told said, in the order of their first answers.
    pub reactions: Vec<reaction::Model>,
    /// Whether there is anything left to do.
    pub state: State,
    /// The alarm is over, but the person has pressed again since, and that alarm goes on.
    pub again: bool,
}

/// Whether the alarm still wants an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Help is wanted.
    Open,
    /// The person ended the alarm.
    Over,
    /// Nobody ended the alarm: it was closed by itself, or the button was pressed a day ago or more.
    Old,
}

impl Told {
    /// What the holder of the link said last.
    #[must_use]
    pub fn own_reaction(&self) -> Option<Reaction> {
        self.reactions
            .iter()
            .find(|row| is_of(row, &self.notification))
            .map(|row| row.reaction)
    }
}

/// Whether a reaction is that of the recipient of this message, who still exists.
fn is_of(row: &reaction::Model, message: &notification::Model) -> bool {
    row.recipient_kind == message.recipient_kind
        && match message.recipient_kind {
            RecipientKind::Contact => row.contact_id == message.contact_id,
            RecipientKind::Therapist => row.therapist_id == message.therapist_id,
            // Who pressed is asked nothing.
            RecipientKind::Person => false,
        }
}

fn state(app: &App, alarm: &alarm::Model, result: &alarm_result::Model) -> State {
    // The all-clear may still be given for one that was closed by itself.
    if result.completed && (!result.closed_by_itself || result.all_clear) {
        State::Over
    } else if result.completed || app.clock.now() - alarm.timestamp >= OPEN_FOR {
        State::Old
    } else {
        State::Open
    }
}

/// What the holder of a link may see; `None` where the alarm is gone, or the person has deleted
/// this contact or therapist since, unlinked the therapist, or changed the address that the message
/// went to: the place is
/// none of theirs any more. Changes nothing.
///
/// # Errors
/// The database's.
pub async fn told(app: &App, holder: Holder) -> Result<Option<Told>> {
    let db = app.db.alarms();
    let Some((notification, alarm)) = message(app, holder).await? else {
        return Ok(None);
    };
    if !is_there(app, db, &notification, None).await? {
        return Ok(None);
    }
    let result = alarm_result::Entity::find()
        .filter(alarm_result::Column::AlarmId.eq(alarm.id))
        .one(db)
        .await?;
    let person = user::Entity::find_by_id(alarm.user_id).one(db).await?;
    let (Some(result), Some(person)) = (result, person) else {
        return Ok(None);
    };
    let usual_location = profile::Entity::find()
        .filter(profile::Column::UserId.eq(alarm.user_id))
        .one(db)
        .await?
        .map(|profile| profile.location)
        .unwrap_or_default();
    let reactions = reaction::Entity::find()
        .filter(reaction::Column::AlarmId.eq(alarm.id))
        .order_by_asc(reaction::Column::Id)
        .all(db)
        .await?;
    let state = state(app, &alarm, &result);
    Ok(Some(Told {
        again: state == State::Over && newer_is_open(db, &alarm).await?,
        state,
        notification,
        alarm,
        result,
        person,
        usual_location,
        reactions,
    }))
}

/// The message of a link and its alarm.
async fn message(app: &App, holder: Holder) -> Result<Option<(notification::Model, alarm::Model)>> {
    let db = app.db.alarms();
    let found = notification::Entity::find_by_id(holder.notification_id())
        .one(db)
        .await?;
    let Some(notification) = found else {
        return Ok(None);
    };
    let alarm = alarm::Entity::find_by_id(notification.alarm_id)
        .one(db)
        .await?;
    Ok(alarm.map(|alarm| (notification, alarm)))
}

/// Records what the holder of a link does; the last answer counts, and the same again changes
/// nothing. The first "on my way" or "called" of an alarm stops its later steps, until nobody says
/// so any more; "I can't" from everybody told so far begins the next. Gives whether the alarm
/// still took an answer.
///
/// # Errors
/// The database's.
pub async fn react(app: &App, holder: Holder, answer: Reaction) -> Result<bool> {
    let Some((message, alarm)) = message(app, holder).await? else {
        return Ok(false);
    };
    let now = app.clock.now();
    let tx = app.db.write_alarm().await?;
    let result = lock_result(&tx, alarm.id).await?;
    if state(app, &alarm, &result) != State::Open
        || !is_there(app, &tx, &message, Some(LockType::KeyShare)).await?
    {
        return Ok(false);
    }
    let (own, others): (Vec<_>, Vec<_>) = reaction::Entity::find()
        .filter(reaction::Column::AlarmId.eq(alarm.id))
        .all(&tx)
        .await?
        .into_iter()
        .partition(|row| is_of(row, &message));
    let before = own.into_iter().next();
    if before.as_ref().is_some_and(|row| row.reaction == answer) {
        return Ok(true);
    }
    match before {
        Some(row) => {
            let mut change = row.into_active_model();
            change.reaction = Set(answer);
            change.reacted_at = Set(now);
            change.update(&tx).await?;
        }
        None => {
            let row = reaction::ActiveModel {
                alarm_id: Set(alarm.id),
                recipient_kind: Set(message.recipient_kind),
                contact_id: Set(message.contact_id),
                therapist_id: Set(message.therapist_id),
                recipient_name: Set(message.recipient_name.clone()),
                relationship: Set(message.relationship.clone()),
                reaction: Set(answer),
                reacted_at: Set(now),
                ..Default::default()
            };
            reaction::Entity::insert(row)
                .exec_without_returning(&tx)
                .await?;
        }
    }
    let helps = answer != Reaction::Cannot || anybody_helps(app, &tx, &others).await?;
    turn(&tx, result, helps, now).await?;
    tx.commit().await?;
    app.delivery.wake();
    let kind = match alarm.kind {
        Kind::Real => "real",
        Kind::Drill => "drill",
        Kind::Test => "test",
    };
    tracing::info!(alarm = alarm.id, kind, "somebody who was told answered");
    app.events
        .publish(Topic::Alarms(alarm.user_id), Event::Alarm(alarm.id));
    Ok(true)
}

/// Whether one of those who answered is on the way or has called, as they say, and is still one of
/// those whom the person wants to be told, at an address at which they were told: nobody else can
/// take it back.
async fn anybody_helps(
    app: &App,
    tx: &DatabaseTransaction,
    reactions: &[reaction::Model],
) -> Result<bool> {
    let positive = |row: &&reaction::Model| row.reaction != Reaction::Cannot;
    for row in reactions.iter().filter(positive) {
        let own = match (row.contact_id, row.therapist_id) {
            (Some(id), _) => notification::Column::ContactId.eq(id),
            (None, Some(id)) => notification::Column::TherapistId.eq(id),
            (None, None) => continue,
        };
        let messages = notification::Entity::find()
            .filter(notification::Column::AlarmId.eq(row.alarm_id))
            .filter(notification::Column::Purpose.eq(Purpose::Alarm))
            .filter(own)
            .all(tx)
            .await?;
        for message in &messages {
            if is_there(app, tx, message, None).await? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Records in an alarm whose result is locked whether anybody helps, and has its steps follow
/// that. The delivery is to be woken after the commit.
async fn turn(
    tx: &DatabaseTransaction,
    result: alarm_result::Model,
    helps: bool,
    now: DateTime<Utc>,
) -> Result<()> {
    let alarm_id = result.alarm_id;
    let helped = result.answered_at.is_some();
    let result = if helped == helps {
        result
    } else {
        let mut change = result.into_active_model();
        change.answered_at = Set(helps.then_some(now));
        change.update(tx).await?
    };
    match (helped, helps) {
        (false, true) => steps::stop(tx, alarm_id).await?,
        (true, false) => steps::resume(tx, alarm_id).await?,
        _ => {}
    }
    if !helps {
        steps::hasten(tx, &result, now).await?;
    }
    Ok(())
}

/// Counts anew who helps in an alarm whose result is locked, after somebody was deleted, unlinked or
/// replaced.
pub(super) async fn recount(
    app: &App,
    tx: &DatabaseTransaction,
    result: alarm_result::Model,
) -> Result<()> {
    let reactions = reaction::Entity::find()
        .filter(reaction::Column::AlarmId.eq(result.alarm_id))
        .all(tx)
        .await?;
    let helped = anybody_helps(app, tx, &reactions).await?;
    turn(tx, result, helped, app.clock.now()).await
}

/// Whether the recipient of this message is still there, at the address that it went to, and, where
/// it is a therapist, linked by the profile; with a lock, until the transaction ends.
async fn is_there(
    app: &App,
    db: &impl ConnectionTrait,
    message: &notification::Model,
    lock: Option<LockType>,
) -> Result<bool> {
    let addresses = match (message.contact_id, message.therapist_id) {
        (Some(id), _) => emergency_contact::Entity::find_by_id(id)
            .apply_if(lock, QuerySelect::lock)
            .one(db)
            .await?
            .map(|row| (row.email, row.phone)),
        (None, Some(id)) => {
            let linked = profile::Entity::find()
                .filter(profile::Column::TherapistId.eq(id))
                .one(db);
            let there = therapist::Entity::find_by_id(id)
                .apply_if(lock, QuerySelect::lock)
                .one(db)
                .await?;
            match there {
                Some(row) if linked.await?.is_some() => Some((row.email, row.phone)),
                _ => None,
            }
        }
        (None, None) => None,
    };
    Ok(addresses.is_some_and(|(email, phone)| app.delivery.still_reaches(message, &email, &phone)))
}
