//! The notifications in the database: finding what is due, claiming it, recording what came of it.
//!
//! Rows are locked in one order everywhere, here and in `domain`: the user, the result of the
//! alarm, contacts and therapists, its notifications. Deleting a contact locks it and then, by
//! its foreign key, the notifications to it; so whoever holds a notification asks for no contact.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use entity::notification::{Channel, Purpose, Receipt, Status};
use entity::{alarm, alarm_result, emergency_contact, notification, profile, user};
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
use super::recipient::ALARM;
use super::smtp::Refusal;
use super::{Failure, bounce, follow, letter::Story, steps};
use crate::app::App;
use crate::assistant::crisis;
use crate::events::{Event, Topic};
use crate::language::Language;

/// How long a notification is tried.
const TRIED_FOR: TimeDelta = TimeDelta::hours(24);
/// The pauses after the first tries, in seconds; after these, the last one again and again.
const PAUSES: [i64; 5] = [1, 5, 15, 60, 300];

/// First tries of alarms have connections of their own, so that no backlog of other
/// messages delays them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// A real alarm's message, never tried yet.
    First,
    /// Tried before, or its worker died, or of another purpose.
    Later,
}

impl Lane {
    /// Each lane over each channel, in the order in which they are served.
    pub const WAYS: [(Self, Channel); 4] = [
        (Self::First, Channel::Email),
        (Self::First, Channel::Sms),
        (Self::Later, Channel::Email),
        (Self::Later, Channel::Sms),
    ];

    /// The rows of the lane, in the words of its partial index: SQLite uses one only where
    /// the statement has no parameters in its place.
    fn open(self) -> Expr {
        Expr::cust(match self {
            Self::First => "status = 'pending' AND attempts = 0 AND priority = 0",
            Self::Later => "status IN ('pending', 'sending') AND (attempts > 0 OR priority > 0)",
        })
    }

    /// The lane's name in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Later => "later",
        }
    }

    /// The lane a claimed row came from.
    #[must_use]
    pub const fn of(row: &notification::Model) -> Self {
        if row.attempts <= 1 && row.priority == ALARM {
            Self::First
        } else {
            Self::Later
        }
    }
}

/// A claimed notification, and the world it is about as it was right after.
pub struct Job {
    /// The row as claimed.
    pub notification: notification::Model,
    /// The alarm it belongs to.
    pub alarm: alarm::Model,
    /// The result of that.
    pub result: alarm_result::Model,
    /// The person who pressed.
    pub user: user::Model,
    /// Where the person usually is; empty when unknown.
    pub usual_location: String,
}

impl Job {
    /// The mail's story at the moment `now`, with the links that go with it, in a deployment for
    /// this country.
    #[must_use]
    pub fn story(
        &self,
        now: DateTime<Utc>,
        country: Option<&str>,
        link: Option<String>,
        opt_out: Option<String>,
    ) -> Story<'_> {
        Story {
            notification: &self.notification,
            alarm: &self.alarm,
            result: &self.result,
            user: &self.user,
            usual_location: &self.usual_location,
            link,
            opt_out,
            emergency: crisis::emergency_number(
                crisis::country(&self.usual_location, country),
                Language::from_code(&self.user.language),
            ),
            now,
        }
    }
}

/// When the next row of each of these ways is due, in the order of the ways; those without any are
/// left out. One statement, however many they are: the worker asks after every message.
///
/// # Errors
/// The database's.
pub async fn next_due(
    app: &App,
    ways: &[(Lane, Channel)],
    except: &[i64],
) -> Result<Vec<((Lane, Channel), DateTime<Utc>)>, DbErr> {
    let Some(look) = earliest(ways, except) else {
        return Ok(Vec::new());
    };
    let mut found = look
        .into_tuple::<(i64, Option<DateTime<Utc>>)>()
        .all(app.db.outbox())
        .await?;
    found.sort_unstable_by_key(|(way, _)| *way);
    Ok(found
        .into_iter()
        .filter_map(|(way, due)| Some((*ways.get(usize::try_from(way).ok()?)?, due?)))
        .collect())
}

/// The statement behind [`next_due`]; `None` without ways.
pub(super) fn earliest(
    ways: &[(Lane, Channel)],
    except: &[i64],
) -> Option<Select<notification::Entity>> {
    use notification::Column;
    let looks = (0_i64..).zip(ways).map(|(way, &(lane, channel))| {
        let look = notification::Entity::find()
            .select_only()
            .expr_as(Expr::value(way), "way")
            .column_as(Column::NextAttemptAt.min(), "due")
            .filter(lane.open())
            .filter(Column::Channel.eq(channel));
        match except {
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

/// Claims at most `most` due rows of the lane over this channel, leaving out those this process holds already.
///
/// # Errors
/// The database's; nothing is claimed then.
pub async fn claim(
    app: &App,
    lane: Lane,
    channel: Channel,
    most: usize,
    except: &[i64],
) -> Result<Vec<Job>, DbErr> {
    use notification::Column;
    let now = app.clock.now();
    let mut due = due(lane, channel, now, most, except);
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
    // One transaction: a row whose world can't be read is not claimed.
    let tx = app.db.write_outbox().await?;
    let mut claimed = notification::Entity::update_many()
        .col_expr(Column::Status, Expr::value(Status::Sending.to_value()))
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .col_expr(Column::LeaseUntil, Expr::value(until))
        .col_expr(Column::NextAttemptAt, Expr::value(until))
        .filter(chosen)
        .exec_with_returning(&tx)
        .await?;
    claimed.sort_unstable_by_key(|row| row.id);
    let jobs = world(&tx, claimed).await?;
    tx.commit().await?;
    Ok(jobs)
}

pub(super) fn due(
    lane: Lane,
    channel: Channel,
    now: DateTime<Utc>,
    most: usize,
    except: &[i64],
) -> SelectStatement {
    use notification::Column;
    let mut due = Query::select();
    due.column(Column::Id)
        .from(notification::Entity)
        .and_where(lane.open())
        .and_where(Column::Channel.eq(channel))
        .and_where(Column::NextAttemptAt.lte(now))
        .order_by(Column::NextAttemptAt, sea_orm::Order::Asc)
        .limit(u64::try_from(most).unwrap_or(u64::MAX));
    if !except.is_empty() {
        due.and_where(Column::Id.is_not_in(except.iter().copied()));
    }
    due
}

/// Reads what the claimed rows are about, in four statements however many they are.
async fn world(
    db: &DatabaseTransaction,
    claimed: Vec<notification::Model>,
) -> Result<Vec<Job>, DbErr> {
    if claimed.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = claimed.iter().map(|row| row.alarm_id).collect();
    let alarms: HashMap<i64, alarm::Model> = alarm::Entity::find()
        .filter(alarm::Column::Id.is_in(ids.iter().copied()))
        .all(db)
        .await?
        .into_iter()
        .map(|alarm| (alarm.id, alarm))
        .collect();
    let results: HashMap<i64, alarm_result::Model> = alarm_result::Entity::find()
        .filter(alarm_result::Column::AlarmId.is_in(ids))
        .all(db)
        .await?
        .into_iter()
        .map(|result| (result.alarm_id, result))
        .collect();
    let people: Vec<i64> = alarms.values().map(|alarm| alarm.user_id).collect();
    let users: HashMap<i64, user::Model> = user::Entity::find()
        .filter(user::Column::Id.is_in(people.iter().copied()))
        .all(db)
        .await?
        .into_iter()
        .map(|user| (user.id, user))
        .collect();
    let mut places: HashMap<i64, String> = profile::Entity::find()
        .filter(profile::Column::UserId.is_in(people))
        .all(db)
        .await?
        .into_iter()
        .map(|profile| (profile.user_id, profile.location))
        .collect();
    Ok(claimed
        .into_iter()
        .filter_map(|notification| {
            // Where one of them is gone, the notification went with it.
            let alarm = alarms.get(&notification.alarm_id)?.clone();
            let result = results.get(&notification.alarm_id)?.clone();
            let user = users.get(&alarm.user_id)?.clone();
            let usual_location = places.entry(user.id).or_default().clone();
            Some(Job {
                notification,
                alarm,
                result,
                user,
                usual_location,
            })
        })
        .collect())
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
}

/// Records an outcome and, in the same transaction, what follows from it: the flags of the result,
/// the all-clear for somebody who was told while the alarm was being ended, and that the other
/// channel of somebody who can't be reached by this one is tried at once.
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
    // A later step begins up to a day after the press, which is when its row was made.
    let tried_for = if row.step > 0 {
        TRIED_FOR * 2
    } else {
        TRIED_FOR
    };
    let again = now + pause(row.attempts);
    let unsent = if result.closed_by_itself {
        // As for what waited at that moment: nobody said that it is no longer needed.
        (Status::Failed, Some(Failure::Expired))
    } else {
        (Status::Skipped, Some(Failure::AlarmCompleted))
    };
    let (status, failure) = match *outcome {
        Outcome::Sent { .. } => (Status::Sent, None),
        Outcome::Skipped(Failure::AlarmCompleted) => unsent,
        Outcome::Skipped(failure) => (Status::Skipped, Some(failure)),
        Outcome::Refused(Refusal::Permanent(failure)) => (Status::Failed, Some(failure)),
        Outcome::Refused(_) if over => unsent,
        Outcome::Refused(_) if answered => (Status::Skipped, Some(Failure::Answered)),
        Outcome::Refused(Refusal::Temporary(_)) if opted_out(&tx, row).await? => {
            (Status::Skipped, Some(Failure::OptedOut))
        }
        Outcome::Refused(_) if again > row.created_at + tried_for => {
            (Status::Failed, Some(Failure::Expired))
        }
        Outcome::Refused(Refusal::Temporary(failure)) => (Status::Pending, Some(failure)),
    };
    // Before the notification itself is locked: see the order above.
    let letter = match (row.channel, status) {
        // A gateway takes what it can't deliver: only a receipt says that a number works.
        (Channel::Sms, Status::Sent) => None,
        _ => bounce::follow(app, &tx, job.alarm.user_id, row, (status, failure)).await?,
    };
    let kept = match status {
        Status::Sent if told_of_alarm && result.completed && result.all_clear => {
            follow::keep_recipient(&tx, row).await?
        }
        _ => row.clone(),
    };
    let provider_id = match outcome {
        Outcome::Sent { provider_id } => provider_id.as_ref(),
        _ => None,
    };
    let change = notification::ActiveModel {
        status: Set(status),
        failure: Set(failure.map(|failure| failure.code().to_owned())),
        lease_until: Set(None),
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
        Status::Sent => follow::took(app, &tx, job.alarm.kind, &result, &kept).await?,
        Status::Failed => follow::hurry(app, &tx, row).await?,
        _ => {}
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
    if hastened || status == Status::Failed {
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
