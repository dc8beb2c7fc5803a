//! Pressing the alarm button.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use entity::alarm::Kind;
use entity::notification::{Purpose, RecipientKind, Status};
use entity::{alarm, alarm_result, alarm_scenario, notification, profile, user};
use sea_orm::sea_query::{LockType, Order, Query};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, DatabaseTransaction, EntityTrait,
    IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
};
use tokio::time::{Instant, timeout, timeout_at};

use super::plan::{Plan, recipients};
use super::{Place, keys, lock_result};
use crate::app::App;
use crate::auth::{UserRef, Viewer};
use crate::db::in_time;
use crate::delivery::{self, Failure, Recipient, steps};
use crate::domain::input::Check;
use crate::domain::users;
use crate::error::{Error, Noun, Problem, Result};
use crate::events::{Event, Subscription, Topic};

/// How long the answer may wait for the outcomes of the notifications. It leaves within 3 s of
/// the request, by the contract; the rest is for reading them and writing the answer.
const PATIENCE: Duration = Duration::from_millis(2_800);
/// How often to look without having been told: another node may be the one that sends.
const LOOK: Duration = Duration::from_millis(500);
/// How long a press without a key joins the open alarm before it.
const JOINED: TimeDelta = TimeDelta::seconds(10);
/// Alarms of one person whose messages may wait before those of everybody else at one time. The
/// messages of more go behind them, because a phone gone mad must not delay the alarms of others.
const AHEAD: u64 = 5;
/// How many of the person's latest alarms are looked at for that.
const LATEST: u64 = 50;

/// What the phone sends with a press.
#[derive(Clone, Debug, Default)]
pub struct Press {
    /// Names this press, so that sending it twice is pressing once.
    pub idempotency_key: Option<String>,
    /// Where the person is.
    pub place: Place,
}

/// The alarm that answers a press.
#[derive(Clone, Debug)]
pub struct Triggered {
    /// The alarm.
    pub alarm: alarm::Model,
    /// It was there already.
    pub joined: bool,
}

/// Starts the viewer's alarm, and waits, 3 s at most, until it is known who was reached. Once
/// it returns the alarm is stored, and everybody it names will be told, even if this process
/// dies. It goes on even where the caller stops waiting.
///
/// # Errors
/// `FORBIDDEN` for all but the user itself, except that an admin gets `NOT_FOUND` for an id that
/// does not exist; `BAD_USER_INPUT`; `CONFLICT` where the key came with other input before;
/// `NOT_FOUND` without a profile or a scenario.
pub async fn trigger(
    app: &Arc<App>,
    viewer: &Viewer,
    subject: UserRef,
    press: Press,
) -> Result<Triggered> {
    let arrived = Instant::now();
    let user_id = users::own(app, viewer, subject).await?;
    let press = press.check()?;
    let changes = app.events.subscribe(Topic::Alarms(user_id));
    // A task of its own: a phone that hangs up must not roll its alarm back.
    let storing = tokio::spawn(in_time(store(app.clone(), user_id, press)));
    let triggered = storing
        .await
        .map_err(|error| Error::Internal(anyhow::anyhow!("storing an alarm died: {error}")))??;
    app.metrics.alarm_stored(arrived.elapsed());
    settle(app, &triggered.alarm, changes, arrived).await;
    Ok(triggered)
}

impl Press {
    fn check(self) -> Result<Self> {
        let mut check = Check::default();
        if let Some(key) = &self.idempotency_key {
            // Not trimmed: a key is whatever the client made of it.
            if key.is_empty() {
                check.refuse("idempotencyKey", Problem::Blank);
            } else if key.contains('\0') {
                check.refuse("idempotencyKey", Problem::NullCharacter);
            }
        }
        let place = self.place.check(&mut check);
        check.finish()?;
        Ok(Self {
            place,
            idempotency_key: self.idempotency_key.map(keys::stored),
        })
    }
}

/// Waits, until 2.8 s after `arrived` at the latest, until it is known of everybody whether they
/// were reached. Whether or not it is known by then, the alarm stands.
pub(super) async fn settle(
    app: &App,
    alarm: &alarm::Model,
    changes: Subscription,
    arrived: Instant,
) {
    let _ = timeout_at(arrived + PATIENCE, settled(app, alarm, changes)).await;
}

/// Resolves once it is known of everybody whether they were reached. Later steps are not waited
/// for.
async fn settled(app: &App, alarm: &alarm::Model, mut changes: Subscription) {
    let db = if alarm.kind == Kind::Real {
        app.db.alarms()
    } else {
        app.db.read()
    };
    loop {
        let open = notification::Entity::find()
            .filter(notification::Column::AlarmId.eq(alarm.id))
            .filter(notification::Column::Purpose.eq(Purpose::Alarm))
            .filter(notification::Column::Status.is_in([Status::Pending, Status::Sending]))
            .filter(
                Condition::any()
                    .add(notification::Column::Step.eq(0))
                    .add(notification::Column::Attempts.gt(0))
                    .add(notification::Column::NextAttemptAt.lte(app.clock.now())),
            )
            .count(db)
            .await;
        if matches!(open, Ok(0)) {
            return;
        }
        // An event is a hint only: another node may be the one that sends.
        let _ = timeout(LOOK, changes.next()).await;
    }
}

/// Stores a press: the alarm, its result and its notifications in one transaction, or what a
/// repeated press adds to them. Then has them sent.
async fn store(app: Arc<App>, user_id: i64, press: Press) -> Result<Triggered> {
    let tx = app.db.write_alarm().await?;
    one_by_one(&tx, user_id).await?;
    let triggered = match earlier(&app, &tx, user_id, press.idempotency_key.as_deref()).await? {
        Some(alarm) => {
            // Alarms of an older haven kept no input.
            let before = alarm.idempotency_input.as_ref();
            if press.idempotency_key.is_some()
                && before.is_some_and(|before| *before != keys::fingerprint(&press.place))
            {
                return Err(Error::Conflict(
                    "This idempotencyKey was used before with other input.",
                ));
            }
            if press.idempotency_key.is_none() {
                join(&app, &tx, &alarm, press.place).await?;
            }
            Triggered {
                alarm,
                joined: true,
            }
        }
        None => Triggered {
            alarm: begin(&app, &tx, user_id, Kind::Real, press).await?,
            joined: false,
        },
    };
    tx.commit().await?;
    app.delivery.wake();
    if !triggered.joined {
        app.metrics.alarm();
    }
    app.events
        .publish(Topic::Alarms(user_id), Event::Alarm(triggered.alarm.id));
    Ok(triggered)
}

/// Presses of one person one after the other, until the transaction ends: of two at the same
/// instant, the second finds the first. Weaker than an exclusive lock, which would hold up
/// whatever links to the user.
pub(super) async fn one_by_one(tx: &DatabaseTransaction, user_id: i64) -> Result<()> {
    user::Entity::find_by_id(user_id)
        .lock(LockType::NoKeyUpdate)
        .one(tx)
        .await?
        .ok_or(Error::NotFound(Noun::User))?;
    Ok(())
}

/// The alarm that a press repeats, if it repeats one.
async fn earlier(
    app: &App,
    tx: &DatabaseTransaction,
    user_id: i64,
    key: Option<&str>,
) -> Result<Option<alarm::Model>> {
    use alarm::Column;
    let now = app.clock.now();
    let own = alarm::Entity::find()
        .filter(Column::UserId.eq(user_id))
        .filter(Column::Kind.eq(Kind::Real));
    let Some(key) = key else {
        let last = own.order_by_desc(Column::Id).one(tx).await?;
        let Some(last) = last.filter(|last| now - last.timestamp < JOINED) else {
            return Ok(None);
        };
        let open = !lock_result(tx, last.id).await?.completed;
        return Ok(Some(last).filter(|_| open));
    };
    let named = own.filter(Column::IdempotencyKey.eq(key)).one(tx).await?;
    match named {
        Some(named) if now - named.timestamp >= keys::KEPT => {
            let mut change = named.into_active_model();
            change.idempotency_key = Set(None);
            change.idempotency_input = Set(None);
            change.update(tx).await?;
            Ok(None)
        }
        named => Ok(named),
    }
}

/// Makes a new alarm, as the user's scenario has it.
pub(super) async fn begin(
    app: &App,
    tx: &DatabaseTransaction,
    user_id: i64,
    kind: Kind,
    press: Press,
) -> Result<alarm::Model> {
    let now = app.clock.now();
    let profile = profile_of(tx, user_id).await?;
    let scenario = match profile.scenario_id {
        Some(id) => {
            alarm_scenario::Entity::find_by_id(id)
                .lock(LockType::KeyShare)
                .one(tx)
                .await?
        }
        None => None,
    }
    .ok_or(Error::NotFound(Noun::AlarmScenario))?;
    let alarm = alarm::ActiveModel {
        kind: Set(kind),
        user_id: Set(user_id),
        scenario_id: Set(Some(scenario.id)),
        scenario_name: Set(scenario.name),
        play_music: Set(scenario.play_music),
        notify_contact: Set(scenario.notify_contact),
        notify_therapist: Set(scenario.notify_therapist),
        idempotency_input: Set(press
            .idempotency_key
            .is_some()
            .then(|| keys::fingerprint(&press.place))),
        idempotency_key: Set(press.idempotency_key),
        timestamp: Set(now),
        ..Default::default()
    }
    .insert(tx)
    .await?;
    let recipients = recipients(app, tx, &alarm, Some(&profile)).await?;
    tell(app, tx, &alarm, press.place, recipients).await?;
    Ok(alarm)
}

/// Stores what a new alarm begins with: its result, and a notification for each recipient.
pub(super) async fn tell(
    app: &App,
    tx: &DatabaseTransaction,
    alarm: &alarm::Model,
    place: Place,
    recipients: Vec<Recipient>,
) -> Result<()> {
    let mut result = alarm_result::ActiveModel {
        alarm_id: Set(alarm.id),
        timestamp: Set(alarm.timestamp),
        ..blank_result()
    };
    place.begin(alarm.timestamp, &mut result);
    alarm_result::Entity::insert(result)
        .exec_without_returning(tx)
        .await?;
    let plan = Plan::of(tx, alarm, &recipients).await?;
    let mut rows: Vec<_> = recipients
        .into_iter()
        .map(|recipient| {
            let (step, due) = plan.turn(alarm, &recipient);
            notification::ActiveModel {
                step: Set(step),
                next_attempt_at: Set(due),
                ..delivery::first(app, alarm.id, recipient)
            }
        })
        .collect();
    let priority = match alarm.kind {
        Kind::Real if is_one_of_many(tx, alarm).await? => Some(delivery::ONE_OF_MANY),
        Kind::Real => None,
        Kind::Drill | Kind::Test => Some(delivery::NO_ALARM),
    };
    if let Some(priority) = priority {
        for row in &mut rows {
            row.priority = Set(priority);
        }
    }
    if !rows.is_empty() {
        notification::Entity::insert_many(rows)
            .exec_without_returning(tx)
            .await?;
    }
    if plan.has_later() {
        // Where nobody of the first step can be told at all, the next is the first.
        let result = lock_result(tx, alarm.id).await?;
        steps::hasten(tx, &result, alarm.timestamp).await?;
    }
    Ok(())
}

/// Whether so many of the person's alarms wait to be sent that this one has to let others pass.
async fn is_one_of_many(tx: &DatabaseTransaction, alarm: &alarm::Model) -> Result<bool> {
    use notification::Column;
    let mut own = Query::select();
    own.column(alarm::Column::Id)
        .from(alarm::Entity)
        .and_where(alarm::Column::UserId.eq(alarm.user_id))
        // So that it costs the same however many there are.
        .order_by(alarm::Column::Id, Order::Desc)
        .limit(LATEST);
    let waiting = notification::Entity::find()
        .select_only()
        .column(Column::AlarmId)
        .distinct()
        .filter(Column::AlarmId.in_subquery(own))
        // Whatever has a place, or is to have one as soon as there is one.
        .filter(
            Condition::any()
                .add(Column::Status.eq(Status::Sending))
                .add(
                    Condition::all()
                        .add(Column::Status.eq(Status::Pending))
                        .add(Column::Attempts.eq(0))
                        .add(Column::NextAttemptAt.lte(alarm.timestamp)),
                ),
        )
        .filter(Column::Priority.eq(0))
        .limit(AHEAD)
        .into_tuple::<i64>()
        .all(tx)
        .await?;
    Ok(waiting.len() as u64 >= AHEAD)
}

fn blank_result() -> alarm_result::ActiveModel {
    alarm_result::ActiveModel {
        location: Set(String::new()),
        latitude: Set(None),
        longitude: Set(None),
        music_played: Set(false),
        message_sent_to_contacts: Set(false),
        voice_message_played: Set(false),
        therapist_notified: Set(false),
        completed: Set(false),
        all_clear: Set(false),
        all_clear_held: Set(false),
        closed_by_itself: Set(false),
        ..Default::default()
    }
}

/// Adds to an open alarm what pressing again asks for: failed sends are tried again at once,
/// at the address known now, and who was added since is told. Nobody is told twice, and nobody who
/// is not to be told any more.
async fn join(
    app: &App,
    tx: &DatabaseTransaction,
    alarm: &alarm::Model,
    place: Place,
) -> Result<()> {
    if place.is_given() {
        let stored = lock_result(tx, alarm.id).await?;
        let mut change = stored.clone().into_active_model();
        place.replace(&stored, app.clock.now(), &mut change);
        if change.is_changed() {
            change.update(tx).await?;
        }
    }
    let profile = profile::Entity::find()
        .filter(profile::Column::UserId.eq(alarm.user_id))
        .one(tx)
        .await?;
    let wanted = recipients(app, tx, alarm, profile.as_ref()).await?;
    let plan = Plan::of(tx, alarm, &wanted).await?;
    let answered = plan.has_later() && lock_result(tx, alarm.id).await?.answered_at.is_some();
    let told = notification::Entity::find()
        .filter(notification::Column::AlarmId.eq(alarm.id))
        .filter(notification::Column::Purpose.eq(Purpose::Alarm))
        .order_by_asc(notification::Column::Id)
        .lock_exclusive()
        .all(tx)
        .await?;
    let now = app.clock.now();
    // The last message to each over each channel: those before went to addresses that were left.
    let last = |recipient: &Recipient| told.iter().rfind(|row| is_for(row, recipient));
    for current in &wanted {
        let Some(row) = last(current) else {
            continue;
        };
        // Neither begun by pressing again, nor after somebody has answered.
        if steps::is_to_come(row, now) || (answered && row.step > 0) {
            continue;
        }
        let sendable = match row.status {
            // One that waits follows its recipient when its turn comes.
            Status::Pending => true,
            // It had no address; it may have one now.
            Status::Failed | Status::Skipped => {
                current.failure().is_none() && !may_be_read_elsewhere(row, current)
            }
            Status::Sending | Status::Sent => false,
        };
        if !sendable {
            continue;
        }
        let mut change = row.clone().into_active_model();
        if row.status != Status::Pending {
            change.recipient_name = Set(current.name.clone());
            change.relationship = Set(current.relationship.clone());
            change.address = Set(current.address.clone());
            change.tried_since = Set(Some(now));
        }
        change.status = Set(Status::Pending);
        change.next_attempt_at = Set(if row.attempts == 0 && row.step > 0 {
            // It had no address; its step may be still to come.
            row.next_attempt_at.max(now)
        } else {
            now
        });
        delivery::forget(row, &mut change);
        change.update(tx).await?;
    }
    for recipient in wanted {
        let is_told = last(&recipient).is_some_and(|row| !may_be_read_elsewhere(row, &recipient));
        if !is_told {
            let (step, due) = plan.turn(alarm, &recipient);
            let mut row = notification::ActiveModel {
                step: Set(step),
                next_attempt_at: Set(due.max(now)),
                ..delivery::first(app, alarm.id, recipient)
            };
            if answered && step > 0 && row.status == Set(Status::Pending) {
                // For as long as whoever is on the way stays on it.
                row.status = Set(Status::Skipped);
                row.failure = Set(Some(Failure::Answered.code().to_owned()));
            }
            notification::Entity::insert(row)
                .exec_without_returning(tx)
                .await?;
        }
    }
    Ok(())
}

/// Whether a message that was given up may have arrived at an address that its recipient has left
/// since. It stays what it is, so that its link opens for nobody there.
fn may_be_read_elsewhere(row: &notification::Model, recipient: &Recipient) -> bool {
    row.perhaps_sent
        && matches!(row.status, Status::Failed | Status::Skipped)
        && row.address.to_lowercase() != recipient.address.to_lowercase()
}

/// Whether a notification is for this recipient over this channel.
fn is_for(row: &notification::Model, recipient: &Recipient) -> bool {
    row.recipient_kind == recipient.kind
        && row.channel == recipient.channel
        && match recipient.kind {
            RecipientKind::Contact => row.contact_id == Some(recipient.id),
            RecipientKind::Therapist => row.therapist_id == Some(recipient.id),
            // An alarm tells others only.
            RecipientKind::Person => false,
        }
}

async fn profile_of(tx: &DatabaseTransaction, user_id: i64) -> Result<profile::Model> {
    profile::Entity::find()
        .filter(profile::Column::UserId.eq(user_id))
        .one(tx)
        .await?
        .ok_or(Error::NotFound(Noun::Profile))
}
