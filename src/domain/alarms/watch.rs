//! Following an alarm.

use std::collections::VecDeque;
use std::sync::Arc;

use entity::alarm::Kind;
use entity::{alarm, alarm_result};
use futures_util::stream::{self, Stream};
use sea_orm::{ColumnTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, Select};

use super::Kinds;
use crate::app::App;
use crate::auth::{UserRef, Viewer};
use crate::domain::users;
use crate::error::Result;
use crate::events::{Event, Heard, Subscription, Topic};

/// How many open alarms a reading gives, and how many of those given before are kept in mind.
const MOST: usize = 20;

/// The user's alarms of these kinds as they change: first the open ones, oldest first, then each
/// alarm whenever it, its result or one of its notifications has changed. Of more than 20 open
/// ones the first are the newest, real ones before others. Nothing that happens after the first is
/// missed: after a gap come the open ones again, with the latest and those given before.
///
/// # Errors
/// `FORBIDDEN` unless they are the viewer's own or the viewer is an admin; `NOT_FOUND` for an
/// admin's unknown user. In the stream, the database's.
pub async fn watch(
    app: &Arc<App>,
    viewer: &Viewer,
    subject: UserRef,
    kinds: Kinds,
) -> Result<impl Stream<Item = Result<alarm::Model>> + use<>> {
    let user_id = users::reach(app, viewer, subject).await?;
    let state = State {
        // Before the first reading: what changes between the two is read again.
        changes: app.events.subscribe(Topic::Alarms(user_id)),
        app: app.clone(),
        user_id,
        kinds,
        begun: false,
        ready: VecDeque::new(),
        given: VecDeque::new(),
    };
    Ok(stream::unfold(state, |mut state| async {
        let item = state.next().await?;
        Some((item, state))
    }))
}

struct State {
    app: Arc<App>,
    user_id: i64,
    kinds: Kinds,
    changes: Subscription,
    begun: bool,
    /// Read, and to be given next.
    ready: VecDeque<alarm::Model>,
    /// Those given last, by id: after a gap, their end may have been missed.
    given: VecDeque<i64>,
}

impl State {
    async fn next(&mut self) -> Option<Result<alarm::Model>> {
        loop {
            if let Some(alarm) = self.ready.pop_front() {
                self.given.retain(|id| *id != alarm.id);
                self.given.push_back(alarm.id);
                if self.given.len() > MOST {
                    self.given.pop_front();
                }
                return Some(Ok(alarm));
            }
            let read = if self.begun {
                match self.changes.next().await? {
                    Heard::Event(Event::Alarm(id)) => self.one(id).await,
                    Heard::Event(_) => continue,
                    Heard::Missed => self.standing().await,
                }
            } else {
                self.begun = true;
                self.open().await
            };
            match read {
                Ok(alarms) => self.ready.extend(alarms),
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// The user's alarms of the kinds that are asked for.
    fn all(&self) -> Select<alarm::Entity> {
        alarm::Entity::find()
            .filter(alarm::Column::UserId.eq(self.user_id))
            .filter(self.kinds.condition())
    }

    async fn one(&self, id: i64) -> Result<Vec<alarm::Model>> {
        let alarm = self.all().filter(alarm::Column::Id.eq(id));
        Ok(alarm.all(self.app.db.read()).await?)
    }

    /// The open ones, oldest first.
    async fn open(&self) -> Result<Vec<alarm::Model>> {
        let result = alarm_result::Entity::belongs_to(alarm::Entity)
            .from(alarm_result::Column::AlarmId)
            .to(alarm::Column::Id)
            .into();
        let mut open = self
            .all()
            .join_rev(JoinType::InnerJoin, result)
            .filter(alarm_result::Column::Completed.eq(false))
            .order_by_desc(alarm::Column::Kind.eq(Kind::Real))
            .order_by_desc(alarm::Column::Id)
            .limit(MOST as u64)
            .all(self.app.db.read())
            .await?;
        open.sort_unstable_by_key(|alarm| alarm.id);
        Ok(open)
    }

    /// Where things stand after a gap: the open ones, those given before, and the latest.
    async fn standing(&self) -> Result<Vec<alarm::Model>> {
        let db = self.app.db.read();
        let mut standing = self.open().await?;
        let before = self
            .all()
            .filter(alarm::Column::Id.is_in(self.given.clone()));
        standing.extend(before.all(db).await?);
        standing.extend(self.all().order_by_desc(alarm::Column::Id).one(db).await?);
        standing.sort_unstable_by_key(|alarm| alarm.id);
        standing.dedup_by_key(|alarm| alarm.id);
        Ok(standing)
    }
}
