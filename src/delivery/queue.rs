//! The notifications in the database: finding what is due, claiming it, recording what came of it.
//!
//! Rows are locked in one order everywhere, here and in `domain`: the user, the result of the
//! alarm, contacts and therapists, its notifications. Deleting a contact locks it and then, by
//! its foreign key, the notifications to it; so whoever holds a notification asks for no contact
//! that it does not hold already.

use chrono::{DateTime, TimeDelta, Utc};
use entity::notification::{Channel, Purpose, Receipt, Status};
use entity::{alarm_result, emergency_contact, notification};
use rand::RngExt;
use sea_orm::sea_query::{
    Expr, LockBehavior, LockType, Query, SelectStatement, SubQueryStatement, UnionType,
};
use sea_orm::{
    ActiveEnum, ActiveModelTrait, ActiveValue::NotSet, ActiveValue::Set, ColumnTrait,
    DatabaseTransaction, DbBackend, DbErr, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter,
    QuerySelect, QueryTrait, Select,
};

use super::lease::LEASE;
use super::recipient::{self, ALARM, ONE_OF_MANY};
use super::smtp::Refusal;
use super::world::{self, Job, Standing};
use super::{Failure, bounce, follow, steps};
use crate::app::App;
use crate::events::{Event, Topic};

/// How long a notification is tried.
const TRIED_FOR: TimeDelta = TimeDelta::hours(24);
/// The pauses after the first tries, in seconds; after these, the last one again and again.
const PAUSES: [i64; 5] = [1, 5, 15, 60, 300];

/// Each lane has its own index and its own places at the server, so that nothing in one of them,
/// however much it is, delays the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// A real alarm's message, never tried yet.
    First,
    /// A real alarm's message that was tried before, or whose worker died.
    Again,
    /// A message of one alarm of many of the same person, tried or not.
    Many,
    /// What is no alarm.
    Later,
}

impl Lane {
    /// Every lane, in the order in which they are served.
    pub const ALL: [Self; 4] = [Self::First, Self::Again, Self::Many, Self::Later];

    /// How many messages of the lane are sent at the same time over each channel. A server that
    /// takes 2 s for each still takes 128 first tries a second, and one that hangs is waited for
    /// by so many at once. A place costs a connection and some tens of kB.
    #[must_use]
    pub const fn places(self) -> usize {
        match self {
            Self::First => 256,
            Self::Again => 64,
            Self::Many => 16,
            Self::Later => 24,
        }
    }

    /// The rows of the lane, in the words of its partial index: SQLite uses one only where
    /// the statement has no parameters in its place.
    fn open(self) -> Expr {
        Expr::cust(match self {
            Self::First => "status = 'pending' AND attempts = 0 AND priority = 0",
            Self::Again => "status IN ('pending', 'sending') AND attempts > 0 AND priority = 0",
            Self::Many => "status IN ('pending', 'sending') AND priority = 1",
            Self::Later => "status IN ('pending', 'sending') AND priority > 1",
        })
    }

    /// The lane's name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Again => "again",
            Self::Many => "many",
            Self::Later => "later",
        }
    }

    /// The lane a claimed row came from.
    #[must_use]
    pub const fn of(row: &notification::Model) -> Self {
        match row.priority {
            ALARM if row.attempts <= 1 => Self::First,
            ALARM => Self::Again,
            ONE_OF_MANY => Self::Many,
            _ => Self::Later,
        }
    }
}

/// A lane over one channel.
pub struct Way {
    /// The lane.
    pub lane: Lane,
    /// The channel.
    pub channel: Channel,
    /// What is left out: rows of it that this process holds already.
    pub except: Vec<i64>,
}

impl Way {
    /// Every lane over every channel, in the order in which they are served, leaving out nothing.
    pub fn all() -> impl Iterator<Item = Self> {
        Lane::ALL.into_iter().flat_map(|lane| {
            [Channel::Email, Channel::Sms].map(|channel| Self {
                lane,
                channel,
                except: Vec::new(),
            })
        })
    }
}

/// When the next row of each of these ways is due, in the order of the ways; those without any are
/// left out. One statement, however many they are: the worker asks after every message.
///
/// # Errors
/// The database's.
pub async fn next_due<'a>(
    app: &App,
    ways: &'a [Way],
) -> Result<Vec<(&'a Way, DateTime<Utc>)>, DbErr> {
    let Some(look) = earliest(ways) else {
        return Ok(Vec::new());
    };
    let mut found = look
        .into_tuple::<(i64, Option<DateTime<Utc>>)>()
        .all(app.db.outbox())
        .await?;
    found.sort_unstable_by_key(|(way, _)| *way);
    Ok(found
        .into_iter()
        .filter_map(|(way, due)| Some((ways.get(usize::try_from(way).ok()?)?, due?)))
        .collect())
}

/// The statement behind [`next_due`]; `None` without ways.
pub(super) fn earliest(ways: &[Way]) -> Option<Select<notification::Entity>> {
    use notification::Column;
    let looks = (0_i64..).zip(ways).map(|(number, way)| {
        let look = notification::Entity::find()
            .select_only()
            .expr_as(Expr::value(number), "way")
            .column_as(Column::NextAttemptAt.min(), "due")
            .filter(way.lane.open())
            .filter(Column::Channel.eq(way.channel));
        match way.except.as_slice() {
            [] => look,
            ids => look.filter(Column::Id.is_not_in(ids.iter().copied())),
        }
    });
    looks.reduce(|mut all, look| {
        QueryTrait::query(&mut all).union(UnionType::All, look.into_query());
        all
    })
}

/// How many rows of the lane are not final yet.
///
/// # Errors
/// The database's.
pub async fn waiting(app: &App, lane: Lane) -> Result<u64, DbErr> {
    notification::Entity::find()
        .filter(lane.open())
        .count(app.db.outbox())
        .await
}

/// Claims at most `most` due rows of this way.
///
/// # Errors
/// The database's; nothing is claimed then.
pub async fn claim(app: &App, way: &Way, most: usize) -> Result<Vec<Job>, DbErr> {
    use notification::Column;
    // One transaction: a row whose world can't be read is not claimed. It may be long in coming, and
    // the lease begins when it is there.
    let tx = app.db.write_outbox().await?;
    let now = app.clock.now();
    let mut due = due(way, now, most);
    let chosen = match app.db.outbox().get_database_backend() {
        DbBackend::Postgres => {
            // As an array, so that the planner can't run the locking subquery more than once.
            due.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
            let due = Expr::SubQuery(None, Box::new(SubQueryStatement::SelectStatement(due)));
            Expr::cust_with_expr("id = ANY(ARRAY $1)", due)
        }
        // One writer at a time anyway.
        _ => Column::Id.in_subquery(due),
    };
    let until = now + LEASE;
    let mut claimed = notification::Entity::update_many()
        .col_expr(Column::Status, Expr::value(Status::Sending.to_value()))
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .col_expr(Column::LeaseUntil, Expr::value(until))
        .col_expr(Column::NextAttemptAt, Expr::value(until))
        // Whoever held it before has died, nobody knows when.
        .col_expr(
            Column::PerhapsSent,
            Expr::cust("perhaps_sent OR status = 'sending'"),
        )
        // What its try before came to says nothing of one that killed its worker.
        .col_expr(
            Column::Failure,
            Expr::cust("CASE WHEN status = 'sending' THEN NULL ELSE failure END"),
        )
        .filter(chosen)
        .exec_with_returning(&tx)
        .await?;
    claimed.sort_unstable_by_key(|row| row.id);
    let jobs = world::read(app, &tx, claimed).await?;
    tx.commit().await?;
    Ok(jobs)
}

pub(super) fn due(way: &Way, now: DateTime<Utc>, most: usize) -> SelectStatement {
    use notification::Column;
    let mut due = Query::select();
    due.column(Column::Id)
        .from(notification::Entity)
        .and_where(way.lane.open())
        .and_where(Column::Channel.eq(way.channel))
        .and_where(Column::NextAttemptAt.lte(now))
        .order_by(Column::NextAttemptAt, sea_orm::Order::Asc)
        .limit(u64::try_from(most).unwrap_or(u64::MAX));
    if !way.except.is_empty() {
        due.and_where(Column::Id.is_not_in(way.except.iter().copied()));
    }
    due
}

/// What came of a claimed notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The provider took it.
    Sent {
        /// The provider's own id of it, where it gives one.
        provider_id: Option<String>,
    },
    /// It was not taken.
    Refused(Refusal),
    /// It is no longer needed.
    Skipped(Failure),
    /// The claim was over before the try began: whoever claims it next reads the world anew.
    NotTried,
}

/// Records an outcome and, in the same transaction, what follows from it: the flags of the result,
/// the all-clear for somebody who was told, or may have been, while the alarm was being ended, that
/// the other channel of somebody who can't be reached by this one is tried at once, and the message
/// to the new address of somebody who has another one by now.
/// Tells subscribers after the commit.
///
/// # Errors
/// The database's; nothing is recorded then.
pub async fn record(app: &App, job: &Job, outcome: &Outcome) -> Result<(), DbErr> {
    use notification::Column;
    let now = app.clock.now();
    let row = &job.notification;
    let tx = app.db.write_outbox().await?;
    let Some(result) = alarm_result::Entity::find()
        .filter(alarm_result::Column::AlarmId.eq(row.alarm_id))
        .lock_exclusive()
        .one(&tx)
        .await?
    else {
        tx.rollback().await?;
        return Ok(());
    };
    let told_of_alarm = row.purpose == Purpose::Alarm;
    let over = told_of_alarm && result.completed;
    let answered = row.step > 0 && result.answered_at.is_some();
    let until = match row.tried_since {
        Some(anew) => anew + TRIED_FOR,
        // A later step begins up to a day after the press, which is when its row was made.
        None if row.step > 0 => row.created_at + TRIED_FOR * 2,
        None => row.created_at + TRIED_FOR,
    };
    let again = match outcome {
        Outcome::Skipped(_) | Outcome::NotTried => now,
        Outcome::Sent { .. } | Outcome::Refused(_) => now + pause(row.attempts),
    };
    let perhaps = row.perhaps_sent || matches!(outcome, Outcome::Refused(Refusal::Unknown(_)));
    let unsent = match (result.closed_by_itself, perhaps) {
        // As for what waited at that moment: nobody said that it is no longer needed.
        (true, false) => (Status::Failed, Some(Failure::Expired)),
        (true, true) => (Status::Failed, Some(Failure::OutcomeUnknown)),
        (false, false) => (Status::Skipped, Some(Failure::AlarmCompleted)),
        (false, true) => (Status::Skipped, Some(Failure::OutcomeUnknown)),
    };
    let (status, failure) = match *outcome {
        Outcome::Sent { .. } => (Status::Sent, None),
        Outcome::Skipped(Failure::AlarmCompleted) => unsent,
        Outcome::NotTried if over => unsent,
        Outcome::NotTried => (Status::Pending, None),
        // Nobody is on the way any more since it was claimed.
        Outcome::Skipped(Failure::Answered) if !answered && !over => (Status::Pending, None),
        Outcome::Skipped(failure) => (Status::Skipped, Some(failure)),
        Outcome::Refused(Refusal::Permanent(failure)) => (Status::Failed, Some(failure)),
        Outcome::Refused(_) if over => unsent,
        Outcome::Refused(_) if answered => (Status::Skipped, Some(Failure::Answered)),
        Outcome::Refused(_) if opted_out(&tx, row).await? => {
            (Status::Skipped, Some(Failure::OptedOut))
        }
        Outcome::Refused(_) if again > until => {
            let unknown = perhaps.then_some(Failure::OutcomeUnknown);
            (Status::Failed, unknown.or(Some(Failure::Expired)))
        }
        Outcome::Refused(Refusal::Temporary(failure) | Refusal::Unknown(failure)) => {
            (Status::Pending, Some(failure))
        }
    };
    // Nobody can have got it at an address that takes nothing.
    let perhaps = perhaps && !failure.is_some_and(Failure::is_of_address);
    // Before the notification itself is locked: see the order above.
    let letter = match (row.channel, status) {
        // A gateway takes what it can't deliver: only a receipt says that a number works.
        (Channel::Sms, Status::Sent) => None,
        _ => bounce::follow(app, &tx, job.alarm.user_id, row, (status, failure)).await?,
    };
    // As far as is known now, told.
    let told = status == Status::Sent || (perhaps && status != Status::Pending);
    let moved = match &job.standing {
        Standing::Moved(to) if !over => Some(to),
        _ => None,
    };
    let kept = if told && over && result.all_clear {
        // Of several alarms, the next to be recorded finds this one's all-clear.
        follow::keep_recipient(&tx, row, LockType::NoKeyUpdate).await?
    } else if moved.is_some() {
        follow::keep_recipient(&tx, row, LockType::KeyShare).await?
    } else {
        row.clone()
    };
    let provider_id = match outcome {
        Outcome::Sent { provider_id } => provider_id.as_ref(),
        _ => None,
    };
    let change = notification::ActiveModel {
        status: Set(status),
        failure: Set(failure.map(|failure| failure.code().to_owned())),
        lease_until: Set(None),
        perhaps_sent: Set(perhaps),
        next_attempt_at: if status == Status::Pending {
            Set(again)
        } else {
            NotSet
        },
        sent_at: if status == Status::Sent {
            Set(Some(now))
        } else {
            NotSet
        },
        provider_id: provider_id.map_or(NotSet, |id| Set(Some(id.clone()))),
        // That of an earlier try says nothing of this one.
        receipt: provider_id.map_or(NotSet, |_| Set(None)),
        ..Default::default()
    };
    let mut update = notification::Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(row.id));
    update = if status == Status::Sent {
        // It did go out, whatever became of the lease. Only a receipt knows better, which may
        // have come before this.
        let unrefuted = match row.channel {
            // A mail's only one is that it came back.
            Channel::Email => Column::Receipt.is_null(),
            Channel::Sms => {
                let refuted = Column::ProviderId
                    .eq(provider_id.cloned().unwrap_or_default())
                    .and(Column::Receipt.eq(Receipt::Undelivered));
                Column::ProviderId
                    .is_null()
                    .or(Column::Receipt.is_null())
                    .or(refuted.not())
            }
        };
        update
            .filter(Column::Status.ne(Status::Sent))
            .filter(unrefuted)
    } else {
        update
            .filter(Column::Status.eq(Status::Sending))
            .filter(Column::Attempts.eq(row.attempts))
    };
    if update.exec(&tx).await?.rows_affected == 0 {
        tx.rollback().await?;
        return Ok(());
    }
    match status {
        Status::Sent => follow::took(&tx, &job.alarm, &result, &kept).await?,
        Status::Failed => follow::hurry(app, &tx, row).await?,
        _ => {}
    }
    if told {
        follow::clear(app, &tx, &job.alarm, &result, &kept).await?;
    }
    if let Some(to) = moved.filter(|_| kept.contact_id.or(kept.therapist_id).is_some()) {
        let row = notification::ActiveModel {
            step: Set(row.step),
            priority: Set(row.priority),
            ..recipient::first(app, row.alarm_id, to.clone())
        };
        row.insert(&tx).await?;
    }
    if let Some(letter) = letter {
        letter.insert(&tx).await?;
    }
    let hastened = told_of_alarm
        && matches!(status, Status::Failed | Status::Skipped)
        && steps::hasten(&tx, &result, now).await?;
    tx.commit().await?;
    app.metrics.tried(
        row.purpose.to_value(),
        row.channel.to_value(),
        status.to_value(),
    );
    if hastened || moved.is_some() || status == Status::Failed || again == now {
        app.delivery.wake();
    }
    app.events
        .publish(Topic::Alarms(job.alarm.user_id), Event::Alarm(row.alarm_id));
    Ok(())
}

/// Whether the contact of an alarm's row asked not to be told any more since it was claimed.
async fn opted_out(tx: &DatabaseTransaction, row: &notification::Model) -> Result<bool, DbErr> {
    let Some(id) = row.contact_id.filter(|_| row.purpose == Purpose::Alarm) else {
        return Ok(false);
    };
    let contact = emergency_contact::Entity::find_by_id(id).one(tx).await?;
    Ok(contact.is_some_and(|contact| contact.opted_out_at.is_some()))
}

/// The pause after the given number of tries, a fifth more or less, so that what failed together
/// does not come back together.
fn pause(attempts: i32) -> TimeDelta {
    let step = usize::try_from(attempts.saturating_sub(1)).unwrap_or(0);
    let seconds = PAUSES.get(step).or(PAUSES.last()).copied().unwrap_or(300);
    TimeDelta::milliseconds(seconds * rand::rng().random_range(800..=1200))
}
