//! Looking at what changed of the alarms that somebody follows, whichever node or program changed
//! it: what is in the database is compared with what was there before.
//!
//! A process looks once a second at the alarms of everybody who is followed there, and at once at
//! those of whom it was told something. While nobody is followed, it doesn't look at all.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use entity::notification::{self, Receipt, RecipientKind, Status};
use entity::{alarm, alarm_reaction, alarm_result};
use sea_orm::prelude::DateTimeUtc;
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{
    ColumnTrait, DatabaseConnection, DbErr, EntityTrait, ExprTrait, JoinType, QueryFilter,
    QueryOrder, QuerySelect,
};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::app::App;
use crate::db::in_time;

/// How often to look without having been told: another node may be the one that sends.
pub(super) const EVERY: Duration = Duration::from_secs(1);
/// How many alarms of one person and kind are followed: open ones before others, the newest first.
pub(super) const MOST: u64 = 20;
/// For how long alarms are followed after the time in which they end at the latest: until the last
/// bounce has come.
const AFTERWARDS: TimeDelta = TimeDelta::days(7);
/// How long what is too old stays known.
const OLD_FOR: TimeDelta = TimeDelta::hours(1);
/// How many people a statement asks for.
const PEOPLE: usize = 1_000;
/// How many alarms a statement asks for.
const ALARMS: usize = 10_000;

/// An alarm as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) alarm: alarm::Model,
    pub(super) open: bool,
    /// Another one once anything has changed that can be seen of the alarm.
    pub(super) mark: u64,
}

/// Somebody's alarms as they were found last, by id.
pub(super) type List = Arc<Vec<Seen>>;

/// Who is followed in this process, and what was found.
#[derive(Default)]
pub struct Looks {
    followed: Mutex<Followed>,
    hints: Arc<Notify>,
    /// Alarms up to this id are too old, as was found then.
    old: Mutex<Option<(DateTime<Utc>, i64)>>,
}

#[derive(Default)]
struct Followed {
    lists: HashMap<i64, watch::Sender<List>>,
    hinted: HashSet<i64>,
    looking: Option<JoinHandle<()>>,
}

impl Looks {
    /// Somebody's alarms from now on, for as long as the receiver is kept.
    pub(super) fn follow(app: &Arc<App>, user_id: i64) -> watch::Receiver<List> {
        let mut followed = app.looks.followed();
        let list = followed
            .lists
            .entry(user_id)
            .or_insert_with(|| watch::channel(List::default()).0)
            .subscribe();
        let looking = followed.looking.as_ref();
        if looking.is_none_or(JoinHandle::is_finished) {
            let looking = run(Arc::downgrade(app), app.looks.hints.clone());
            followed.looking = Some(tokio::spawn(looking));
        }
        list
    }

    /// Has somebody's alarms looked at now.
    pub(super) fn hint(&self, user_id: i64) {
        self.followed().hinted.insert(user_id);
        self.hints.notify_one();
    }

    fn followed(&self) -> MutexGuard<'_, Followed> {
        self.followed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whose alarms to look at: everybody's, or those of whom something was told. `None` once
    /// nobody is followed.
    fn due(&self, everybody: bool) -> Option<Vec<i64>> {
        let mut followed = self.followed();
        followed.lists.retain(|_, list| list.receiver_count() > 0);
        let hinted = std::mem::take(&mut followed.hinted);
        if followed.lists.is_empty() {
            followed.looking = None;
            return None;
        }
        let people = followed.lists.keys().copied();
        Some(
            people
                .filter(|id| everybody || hinted.contains(id))
                .collect(),
        )
    }

    fn found(&self, people: &[i64], seen: Vec<Seen>) {
        let mut of: HashMap<i64, Vec<Seen>> = HashMap::new();
        for seen in seen {
            of.entry(seen.alarm.user_id).or_default().push(seen);
        }
        let followed = self.followed();
        for id in people {
            let Some(list) = followed.lists.get(id) else {
                continue;
            };
            let now = of.remove(id).unwrap_or_default();
            list.send_if_modified(|before| {
                let changed = **before != now;
                if changed {
                    *before = Arc::new(now);
                }
                changed
            });
        }
    }

    /// The id up to which alarms are too old to be followed.
    async fn old(&self, app: &App, db: &DatabaseConnection) -> Result<i64, DbErr> {
        let now = app.clock.now();
        let known = *self.old.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, id)) = known
            && now - at < OLD_FOR
        {
            return Ok(id);
        }
        let age = TimeDelta::hours(app.config.alarm_hours) + AFTERWARDS;
        // Ids follow the time closely enough, and have an index together with the person.
        let id = alarm::Entity::find()
            .select_only()
            .column(alarm::Column::Id)
            .filter(alarm::Column::Timestamp.lt(now - age))
            .order_by_desc(alarm::Column::Id)
            .limit(1)
            .into_tuple::<i64>()
            .one(db)
            .await?
            .unwrap_or(0);
        *self.old.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, id));
        Ok(id)
    }
}

/// Looks until nobody is followed.
async fn run(app: Weak<App>, hints: Arc<Notify>) {
    let mut rounds = tokio::time::interval(EVERY);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        // However many hints there are, everybody's turn comes.
        let everybody = tokio::select! {
            biased;
            _ = rounds.tick() => true,
            () = hints.notified() => false,
        };
        let Some(app) = app.upgrade() else {
            return;
        };
        let Some(people) = app.looks.due(everybody) else {
            return;
        };
        for people in people.chunks(PEOPLE) {
            match in_time(look(&app, app.db.outbox(), people)).await {
                Ok(seen) => {
                    failing = false;
                    app.looks.found(people, seen);
                }
                // The next round finds what this one did not.
                Err(error) if !failing => {
                    failing = true;
                    tracing::warn!(%error, "the alarms that somebody follows could not be looked at");
                }
                Err(_) => {}
            }
        }
    }
}

/// The alarms of these people that are followed, by id. One statement, and two more where there
/// are any. The round of all looks on the sender's connections, so that a crowd of requests hides no
/// change; who begins to follow, on those of requests, so that a crowd of them delays no sending.
pub(super) async fn look(
    app: &App,
    db: &DatabaseConnection,
    people: &[i64],
) -> Result<Vec<Seen>, DbErr> {
    let mut ranked = Query::select();
    ranked
        .column((alarm::Entity, alarm::Column::Id))
        .expr_as(
            Expr::cust(
                r#"ROW_NUMBER() OVER (PARTITION BY "alarms"."user_id", "alarms"."kind"
                ORDER BY "alarm_results"."completed", "alarms"."id" DESC)"#,
            ),
            "place",
        )
        .from(alarm::Entity)
        .inner_join(
            alarm_result::Entity,
            Expr::col((alarm_result::Entity, alarm_result::Column::AlarmId))
                .equals((alarm::Entity, alarm::Column::Id)),
        )
        .and_where(alarm::Column::UserId.is_in(people.iter().copied()))
        .and_where(alarm::Column::Id.gt(app.looks.old(app, db).await?));
    let mut followed = Query::select();
    followed
        .column("id")
        .from_subquery(ranked, "ranked")
        .and_where(Expr::col("place").lte(MOST));
    let result = alarm_result::Entity::belongs_to(alarm::Entity)
        .from(alarm_result::Column::AlarmId)
        .to(alarm::Column::Id)
        .into();
    let found = alarm::Entity::find()
        .join_rev(JoinType::InnerJoin, result)
        .select_also(alarm_result::Entity)
        .filter(alarm::Column::Id.in_subquery(followed))
        .order_by_asc(alarm::Column::Id)
        .all(db)
        .await?;
    let ids: Vec<i64> = found.iter().map(|(alarm, _)| alarm.id).collect();
    let mut marks: HashMap<i64, DefaultHasher> = HashMap::new();
    for ids in ids.chunks(ALARMS) {
        hash_notifications(db, ids, &mut marks).await?;
        hash_reactions(db, ids, &mut marks).await?;
    }
    Ok(found
        .into_iter()
        .filter_map(|(alarm, result)| {
            let result = result?;
            let mut mark = marks.remove(&alarm.id).unwrap_or_default();
            alarm.scenario_id.hash(&mut mark);
            // Its numbers have no hash of their own.
            format!("{result:?}").hash(&mut mark);
            Some(Seen {
                open: !result.completed,
                mark: mark.finish(),
                alarm,
            })
        })
        .collect())
}

/// What of a notification changes and can be seen.
type Course = (
    i64,
    i64,
    Status,
    i32,
    Option<String>,
    DateTimeUtc,
    Option<DateTimeUtc>,
    Option<Receipt>,
    Option<DateTimeUtc>,
    Option<i64>,
    Option<i64>,
);

async fn hash_notifications(
    db: &DatabaseConnection,
    alarms: &[i64],
    marks: &mut HashMap<i64, DefaultHasher>,
) -> Result<(), DbErr> {
    use notification::Column;
    let rows = notification::Entity::find()
        .select_only()
        .columns([
            Column::AlarmId,
            Column::Id,
            Column::Status,
            Column::Attempts,
            Column::Failure,
            Column::NextAttemptAt,
            Column::SentAt,
            Column::Receipt,
            Column::DeliveredAt,
            Column::ContactId,
            Column::TherapistId,
        ])
        .filter(Column::AlarmId.is_in(alarms.iter().copied()))
        .filter(Column::RecipientKind.ne(RecipientKind::Person))
        .order_by_asc(Column::Id)
        .into_tuple::<Course>()
        .all(db)
        .await?;
    for mut row in rows {
        if row.2 == Status::Sending {
            // The lease, which is renewed and nobody's business.
            row.5 = DateTimeUtc::default();
        }
        row.hash(marks.entry(row.0).or_default());
    }
    Ok(())
}

async fn hash_reactions(
    db: &DatabaseConnection,
    alarms: &[i64],
    marks: &mut HashMap<i64, DefaultHasher>,
) -> Result<(), DbErr> {
    use alarm_reaction::Column;
    let rows = alarm_reaction::Entity::find()
        .filter(Column::AlarmId.is_in(alarms.iter().copied()))
        .order_by_asc(Column::Id)
        .all(db)
        .await?;
    for row in rows {
        let mark = marks.entry(row.alarm_id).or_default();
        (row.id, row.reaction, row.reacted_at).hash(mark);
        (row.contact_id, row.therapist_id).hash(mark);
    }
    Ok(())
}
