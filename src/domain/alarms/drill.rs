//! Trying the alarm without raising it: a drill of the whole, a test of one contact.
//!
//! Both are alarms of another kind. Every message of theirs says so at its beginning, none goes
//! before a real alarm's, and no press joins them.

use std::sync::Arc;

use chrono::TimeDelta;
use entity::alarm::{self, Kind};
use entity::notification::{self, RecipientKind};
use entity::{emergency_contact, profile};
use sea_orm::sea_query::{LockType, Query};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait,
    PaginatorTrait, QueryFilter, QuerySelect,
};
use tokio::time::Instant;

use super::Place;
use super::changes::changed;
use super::plan::recipients;
use super::trigger::{Press, begin, one_by_one, settle, tell};
use crate::app::App;
use crate::auth::{UserRef, Viewer};
use crate::domain::users;
use crate::error::{Error, Noun, Result};
use crate::events::Topic;

/// Drills a user may have within [`LATELY`]: those who are told must go on reading.
const DRILLS: u64 = 5;
/// Tests a user may have within [`LATELY`], whomever they go to: a few for each of a handful of
/// contacts, and no more to somebody who is deleted and added again.
const TESTS: u64 = 20;
/// See [`DRILLS`] and [`TESTS`].
const LATELY: TimeDelta = TimeDelta::hours(24);
/// A contact is sent one test message within this time.
const TEST_WITHIN: TimeDelta = TimeDelta::minutes(1);

/// Rehearses the viewer's alarm: everybody whom a real one would tell is sent a message that says
/// it is a drill. Waits, 3 s at most, until it is known who was reached.
///
/// # Errors
/// As [`super::trigger`]; `RATE_LIMITED` from the 6th within 24 h on.
pub async fn drill(app: &Arc<App>, viewer: &Viewer, subject: UserRef) -> Result<alarm::Model> {
    let arrived = Instant::now();
    let user_id = users::own(app, viewer, subject).await?;
    let tx = app.db.write().await?;
    one_by_one(&tx, user_id).await?;
    if lately(app, &tx, user_id, Kind::Drill).await? >= DRILLS {
        return Err(Error::RateLimited);
    }
    let alarm = begin(app, &tx, user_id, Kind::Drill, Press::default()).await?;
    send(app, tx, &alarm, arrived).await?;
    Ok(alarm)
}

/// Sends a contact of the viewer's a message that says it is a test, over every channel. Waits,
/// 3 s at most, until it is known whether it arrived.
///
/// # Errors
/// `NOT_FOUND` where the contact does not exist or is not the viewer's, `FORBIDDEN` for an admin
/// then; `CONFLICT` where the contact asked not to be told any more; `RATE_LIMITED` where it was
/// sent a test within the last minute, and from the viewer's 21st within 24 h on.
pub async fn test_contact(
    app: &Arc<App>,
    viewer: &Viewer,
    contact_id: i64,
) -> Result<alarm::Model> {
    let arrived = Instant::now();
    let caller = viewer.person()?;
    let user_id = caller.user.id;
    let tx = app.db.write().await?;
    one_by_one(&tx, user_id).await?;
    let contact = emergency_contact::Entity::find_by_id(contact_id)
        .lock(LockType::KeyShare)
        .one(&tx)
        .await?
        .filter(|contact| caller.user.is_admin || contact.user_id == user_id)
        .ok_or(Error::NotFound(Noun::EmergencyContact))?;
    if contact.user_id != user_id {
        return Err(Error::Forbidden);
    }
    if contact.opted_out_at.is_some() {
        return Err(Error::Conflict(
            "This contact asked not to be told any more.",
        ));
    }
    if tested_just_now(app, &tx, contact.id).await?
        || lately(app, &tx, user_id, Kind::Test).await? >= TESTS
    {
        return Err(Error::RateLimited);
    }
    let profile = profile::Entity::find()
        .filter(profile::Column::UserId.eq(user_id))
        .one(&tx)
        .await?;
    let alarm = alarm::ActiveModel {
        kind: Set(Kind::Test),
        user_id: Set(user_id),
        scenario_name: Set(String::new()),
        play_music: Set(false),
        notify_contact: Set(true),
        notify_therapist: Set(false),
        timestamp: Set(app.clock.now()),
        ..Default::default()
    }
    .insert(&tx)
    .await?;
    let recipients = recipients(app, &tx, &alarm, profile.as_ref())
        .await?
        .into_iter()
        .filter(|one| one.kind == RecipientKind::Contact && one.id == contact.id)
        .collect();
    tell(app, &tx, &alarm, Place::default(), recipients).await?;
    send(app, tx, &alarm, arrived).await?;
    Ok(alarm)
}

/// How many alarms of this kind the user had lately.
async fn lately(app: &App, tx: &DatabaseTransaction, user_id: i64, kind: Kind) -> Result<u64> {
    Ok(alarm::Entity::find()
        .filter(alarm::Column::UserId.eq(user_id))
        .filter(alarm::Column::Kind.eq(kind))
        .filter(alarm::Column::Timestamp.gt(app.clock.now() - LATELY))
        .count(tx)
        .await?)
}

/// Whether the contact was sent a test just now.
async fn tested_just_now(app: &App, tx: &DatabaseTransaction, contact_id: i64) -> Result<bool> {
    let mut tests = Query::select();
    tests
        .column(alarm::Column::Id)
        .from(alarm::Entity)
        .and_where(alarm::Column::Kind.eq(Kind::Test));
    let sent = notification::Entity::find()
        .filter(notification::Column::ContactId.eq(contact_id))
        .filter(notification::Column::CreatedAt.gt(app.clock.now() - TEST_WITHIN))
        .filter(notification::Column::AlarmId.in_subquery(tests))
        .limit(1)
        .one(tx)
        .await?;
    Ok(sent.is_some())
}

/// Commits, has the messages sent and waits for what comes of them.
async fn send(
    app: &App,
    tx: DatabaseTransaction,
    alarm: &alarm::Model,
    arrived: Instant,
) -> Result<()> {
    let changes = app.events.subscribe(Topic::Alarms(alarm.user_id));
    tx.commit().await?;
    app.delivery.wake();
    changed(app, alarm);
    settle(app, alarm, changes, arrived).await;
    Ok(())
}
