//! Batched reads, fresh for each execution: what many rows of a list ask for one by one
//! arrives at the database as one statement.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use ::dataloader::BatchFn;
use ::dataloader::cached::Loader;
use entity::{
    alarm, alarm_reaction, alarm_result, alarm_scenario, alarm_scenario_step, chat_message,
    chat_session, emergency_contact, music_track, notification, profile, therapist, user,
};
use sea_orm::{
    ColumnTrait, Condition, DbErr, EntityTrait, Iterable, PrimaryKeyToColumn, QueryFilter,
    QueryOrder,
};

pub use contacts::Deliveries;
pub use lists::Paged;

use crate::app::App;
use crate::db::{Db, in_time};
use crate::domain::alarms::Kinds;
use crate::domain::page::Direction;
use crate::domain::support;
use crate::error::{Error, Result, is_out_of_reach};

mod contacts;
mod lists;

/// Rows of one key, oldest first. Shared, because a loader hands out clones.
type Rows<M> = Result<Arc<Vec<M>>, Arc<DbErr>>;

/// The error of a batch, which all its keys share.
fn failed(error: &DbErr) -> Error {
    if is_out_of_reach(error) {
        Error::Unavailable
    } else {
        Error::Internal(anyhow::anyhow!("a batch failed: {error}"))
    }
}

/// Loads rows of one entity by the value of one column.
#[derive(Clone)]
pub struct ByColumn<E: EntityTrait> {
    db: Db,
    column: E::Column,
    key: fn(&E::Model) -> i64,
}

impl<E: EntityTrait> BatchFn<i64, Rows<E::Model>> for ByColumn<E>
where
    E::Model: Send + Sync,
{
    async fn load(&mut self, keys: &[i64]) -> HashMap<i64, Rows<E::Model>> {
        let mut select = E::find().filter(self.column.is_in(keys.iter().copied()));
        for part in E::PrimaryKey::iter() {
            select = select.order_by_asc(part.into_column());
        }
        let rows = match in_time(select.all(self.db.read())).await {
            Ok(rows) => rows,
            Err(error) => {
                let error = Arc::new(error);
                return keys.iter().map(|key| (*key, Err(error.clone()))).collect();
            }
        };
        let mut found: HashMap<i64, Vec<E::Model>> =
            keys.iter().map(|key| (*key, Vec::new())).collect();
        for row in rows {
            found.entry((self.key)(&row)).or_default().push(row);
        }
        found
            .into_iter()
            .map(|(key, rows)| (key, Ok(Arc::new(rows))))
            .collect()
    }
}

/// A loader of rows of one entity by one column.
pub struct Batched<E: EntityTrait>
where
    E::Model: Send + Sync,
{
    source: ByColumn<E>,
    /// Made when first asked: most executions need few loaders.
    loader: OnceLock<Loader<i64, Rows<E::Model>, ByColumn<E>>>,
}

impl<E: EntityTrait> Batched<E>
where
    E::Model: Clone + Send + Sync,
{
    fn new(db: &Db, column: E::Column, key: fn(&E::Model) -> i64) -> Self {
        Self {
            source: ByColumn {
                db: db.clone(),
                column,
                key,
            },
            loader: OnceLock::new(),
        }
    }

    fn loader(&self) -> &Loader<i64, Rows<E::Model>, ByColumn<E>> {
        self.loader.get_or_init(|| Loader::new(self.source.clone()))
    }

    /// Every row with this key, oldest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn all(&self, key: i64) -> Result<Arc<Vec<E::Model>>> {
        self.loader()
            .try_load(key)
            .await
            .map_err(|error| Error::Internal(error.into()))?
            .map_err(|error| failed(&error))
    }

    /// The row with this key, where the column is unique.
    ///
    /// # Errors
    /// The database's.
    pub async fn one(&self, key: i64) -> Result<Option<E::Model>> {
        Ok(self.all(key).await?.first().cloned())
    }

    /// Keeps a row that is known already from being read again.
    pub async fn prime(&self, key: i64, row: E::Model) {
        self.loader().prime(key, Ok(Arc::new(vec![row]))).await;
    }

    /// Has a key read again: a mutation changed it, and another may follow in the same document.
    pub async fn forget(&self, key: i64) {
        self.loader().clear(key).await;
    }
}

/// The support session of a user, as the domain chooses it.
type ChatOf = Result<Option<Arc<chat_session::Model>>, Arc<Error>>;

/// Loads the support sessions of users.
struct CurrentChat {
    db: Db,
}

impl BatchFn<i64, ChatOf> for CurrentChat {
    async fn load(&mut self, keys: &[i64]) -> HashMap<i64, ChatOf> {
        match support::current(&self.db, keys).await {
            Ok(mut found) => keys
                .iter()
                .map(|key| (*key, Ok(found.remove(key).map(Arc::new))))
                .collect(),
            Err(error) => {
                let error = Arc::new(error);
                keys.iter().map(|key| (*key, Err(error.clone()))).collect()
            }
        }
    }
}

/// A loader of the support sessions of users.
pub struct SupportChats {
    loader: Loader<i64, ChatOf, CurrentChat>,
}

impl SupportChats {
    /// The open support session of a user, else the last one.
    ///
    /// # Errors
    /// The database's.
    pub async fn of(&self, user_id: i64) -> Result<Option<chat_session::Model>> {
        self.loader
            .try_load(user_id)
            .await
            .map_err(|error| Error::Internal(error.into()))?
            .map(|found| found.map(|chat| chat_session::Model::clone(&chat)))
            .map_err(|error| match &*error {
                Error::Unavailable => Error::Unavailable,
                other => Error::Internal(anyhow::anyhow!("a batch failed: {other}")),
            })
    }
}

/// The loaders of one execution.
pub struct Loaders {
    db: Db,
    /// Users by id.
    pub users: Batched<user::Entity>,
    /// Profiles by user.
    pub profiles: Batched<profile::Entity>,
    /// Emergency contacts by user.
    pub contacts_of_user: Batched<emergency_contact::Entity>,
    /// Emergency contacts by id.
    pub contacts: Batched<emergency_contact::Entity>,
    /// Therapists by user.
    pub therapist_of_user: Batched<therapist::Entity>,
    /// Therapists by id.
    pub therapists: Batched<therapist::Entity>,
    /// Tracks by id.
    pub tracks: Batched<music_track::Entity>,
    /// Scenarios by id.
    pub scenarios: Batched<alarm_scenario::Entity>,
    /// Steps by scenario.
    pub steps: Batched<alarm_scenario_step::Entity>,
    /// Alarms by id.
    pub alarms: Batched<alarm::Entity>,
    /// Pages of alarms by user.
    pub alarms_of_user: Paged<alarm::Entity, Kinds>,
    /// The last messages to contacts.
    pub deliveries: Deliveries,
    /// Results by alarm.
    pub results: Batched<alarm_result::Entity>,
    /// Reactions by alarm.
    pub reactions: Batched<alarm_reaction::Entity>,
    /// Notifications by alarm.
    pub notifications: Batched<notification::Entity>,
    /// Chat sessions by id.
    pub chats: Batched<chat_session::Entity>,
    /// Pages of messages by chat session, oldest first.
    pub messages_of_chat: Paged<chat_message::Entity>,
    /// The support session of a user.
    pub support_chats: SupportChats,
}

impl Loaders {
    /// Empty loaders over the application's database.
    #[must_use]
    pub fn new(app: &App) -> Self {
        let db = &app.db.apart();
        Self {
            db: db.clone(),
            users: Batched::new(db, user::Column::Id, |row: &user::Model| row.id),
            profiles: Batched::new(db, profile::Column::UserId, |row: &profile::Model| {
                row.user_id
            }),
            contacts_of_user: Batched::new(
                db,
                emergency_contact::Column::UserId,
                |row: &emergency_contact::Model| row.user_id,
            ),
            contacts: Batched::new(
                db,
                emergency_contact::Column::Id,
                |row: &emergency_contact::Model| row.id,
            ),
            therapist_of_user: Batched::new(
                db,
                therapist::Column::UserId,
                |row: &therapist::Model| row.user_id,
            ),
            therapists: Batched::new(db, therapist::Column::Id, |row: &therapist::Model| row.id),
            tracks: Batched::new(db, music_track::Column::Id, |row: &music_track::Model| {
                row.id
            }),
            scenarios: Batched::new(
                db,
                alarm_scenario::Column::Id,
                |row: &alarm_scenario::Model| row.id,
            ),
            steps: Batched::new(
                db,
                alarm_scenario_step::Column::ScenarioId,
                |row: &alarm_scenario_step::Model| row.scenario_id,
            ),
            alarms: Batched::new(db, alarm::Column::Id, |row: &alarm::Model| row.id),
            alarms_of_user: Paged::new(
                db,
                alarm::Column::UserId,
                |row: &alarm::Model| row.user_id,
                alarm::Column::Id,
                Direction::Descending,
                Kinds::condition,
            ),
            deliveries: Deliveries::new(db),
            results: Batched::new(
                db,
                alarm_result::Column::AlarmId,
                |row: &alarm_result::Model| row.alarm_id,
            ),
            reactions: Batched::new(
                db,
                alarm_reaction::Column::AlarmId,
                |row: &alarm_reaction::Model| row.alarm_id,
            ),
            notifications: Batched::new(
                db,
                notification::Column::AlarmId,
                |row: &notification::Model| row.alarm_id,
            ),
            chats: Batched::new(db, chat_session::Column::Id, |row: &chat_session::Model| {
                row.id
            }),
            messages_of_chat: Paged::new(
                db,
                chat_message::Column::SessionId,
                |row: &chat_message::Model| row.session_id,
                chat_message::Column::Id,
                Direction::Ascending,
                |()| Condition::all(),
            ),
            support_chats: SupportChats {
                loader: Loader::new(CurrentChat { db: db.clone() }),
            },
        }
    }

    /// From now on this execution reads on the connections kept for alarms: it answers one.
    pub fn hurry(&self) {
        self.db.hurry();
    }
}
