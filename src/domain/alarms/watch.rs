//! Following an alarm.

use std::sync::Arc;

use entity::{alarm, alarm_result};
use futures_util::stream::{self, Stream};
use sea_orm::{ColumnTrait, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect};

use super::Kinds;
use crate::app::App;
use crate::auth::{UserRef, Viewer};
use crate::domain::users;
use crate::error::Result;
use crate::events::{Event, Heard, Subscription, Topic};

/// The user's alarms of these kinds as they change: first the open one, if there is one, then each alarm
/// whenever it, its result or one of its notifications has changed. Nothing that happens after
/// the first is missed.
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
}

impl State {
    async fn next(&mut self) -> Option<Result<alarm::Model>> {
        if !self.begun {
            self.begun = true;
            if let Some(item) = self.last(true).await.transpose() {
                return Some(item);
            }
        }
        loop {
            let read = match self.changes.next().await? {
                Heard::Event(Event::Alarm(id)) => alarm::Entity::find_by_id(id)
                    .filter(self.kinds.condition())
                    .one(self.app.db.read())
                    .await
                    .map_err(Into::into),
                Heard::Event(_) => Ok(None),
                // Whatever was missed, the latest alarm shows where things stand.
                Heard::Missed => self.last(false).await,
            };
            if let Some(item) = read.transpose() {
                return Some(item);
            }
        }
    }

    /// The user's latest alarm; the latest open one, where only open ones count.
    async fn last(&self, open: bool) -> Result<Option<alarm::Model>> {
        let mut select = alarm::Entity::find()
            .filter(alarm::Column::UserId.eq(self.user_id))
            .filter(self.kinds.condition())
            .order_by_desc(alarm::Column::Id)
            .limit(1);
        if open {
            let result = alarm_result::Entity::belongs_to(alarm::Entity)
                .from(alarm_result::Column::AlarmId)
                .to(alarm::Column::Id)
                .into();
            select = select
                .join_rev(JoinType::InnerJoin, result)
                .filter(alarm_result::Column::Completed.eq(false));
        }
        Ok(select.one(self.app.db.read()).await?)
    }
}
