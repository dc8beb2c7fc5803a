//! Following alarms.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use entity::alarm;
use entity::alarm::Kind;
use futures_util::stream::{self, Stream};
use tokio::sync::watch;

use super::Kinds;
use super::look::{EVERY, List, Looks, MOST, Seen, look};
use crate::app::App;
use crate::auth::{UserRef, Viewer};
use crate::db::in_time;
use crate::domain::users;
use crate::error::Result;
use crate::events::{Subscription, Topic};

/// An alarm that is new to the follower or has changed.
pub struct Update {
    /// The alarm.
    pub alarm: alarm::Model,
    /// Set by whoever could not read what hangs on the alarm: it is given again then.
    pub unread: Arc<AtomicBool>,
}

/// The user's alarms of these kinds as they change, on whatever node: first the open ones, oldest
/// first, then each alarm whenever it, its result, one of its notifications or a reaction has
/// changed, for as long as anything is to be expected of it. Of more than 20 open ones the first
/// are the newest, real ones before others; of more than 20 of one kind, the newest are followed,
/// open ones before others. Nothing that happens to these is missed, but quick changes come as
/// one; an outage of the database delays them.
///
/// # Errors
/// `FORBIDDEN` unless they are the viewer's own or the viewer is an admin; `NOT_FOUND` for an
/// admin's unknown user; the database's.
pub async fn watch(
    app: &Arc<App>,
    viewer: &Viewer,
    subject: UserRef,
    kinds: Kinds,
) -> Result<impl Stream<Item = Update> + use<>> {
    let user_id = users::reach(app, viewer, subject).await?;
    // Before the first reading: what changes between the two is found again.
    let hints = app.events.subscribe(Topic::Alarms(user_id));
    let list = Looks::follow(app, user_id);
    let mut follower = Follower {
        app: app.clone(),
        user_id,
        kinds,
        hints,
        list,
        given: HashMap::new(),
        ready: VecDeque::new(),
        last: None,
    };
    let now = in_time(look(app, app.db.read(), &[user_id])).await?;
    let mut open: Vec<_> = now.iter().filter(|seen| seen.open).cloned().collect();
    follower.take(&now);
    open.retain(|seen| kinds.contains(seen.alarm.kind));
    open.sort_unstable_by_key(|seen| (seen.alarm.kind != Kind::Real, -seen.alarm.id));
    open.truncate(usize::try_from(MOST).unwrap_or(usize::MAX));
    open.sort_unstable_by_key(|seen| seen.alarm.id);
    follower.ready = open.into_iter().map(|seen| seen.alarm).collect();
    Ok(stream::unfold(follower, |mut follower| async {
        let update = follower.next().await?;
        Some((update, follower))
    }))
}

struct Follower {
    app: Arc<App>,
    user_id: i64,
    kinds: Kinds,
    hints: Subscription,
    list: watch::Receiver<List>,
    /// The marks of the alarms that were given, by id.
    given: HashMap<i64, u64>,
    /// To be given next.
    ready: VecDeque<alarm::Model>,
    /// What was given last, and whether it could not be read.
    last: Option<(i64, Arc<AtomicBool>)>,
}

impl Follower {
    async fn next(&mut self) -> Option<Update> {
        if let Some((id, unread)) = self.last.take()
            && unread.load(Ordering::Relaxed)
        {
            self.given.remove(&id);
            self.again().await;
        }
        loop {
            if let Some(alarm) = self.ready.pop_front() {
                let unread = Arc::new(AtomicBool::new(false));
                self.last = Some((alarm.id, unread.clone()));
                return Some(Update { alarm, unread });
            }
            tokio::select! {
                found = self.list.changed() => {
                    found.ok()?;
                    let list = self.list.borrow_and_update().clone();
                    self.take(&list);
                }
                heard = self.hints.next() => {
                    heard?;
                    self.app.looks.hint(self.user_id);
                }
            }
        }
    }

    /// Takes what is new to the follower.
    fn take(&mut self, list: &[Seen]) {
        let before = std::mem::take(&mut self.given);
        for Seen { alarm, mark, .. } in list {
            if !self.kinds.contains(alarm.kind) {
                continue;
            }
            self.given.insert(alarm.id, *mark);
            if before.get(&alarm.id) != Some(mark)
                && self.ready.iter().all(|one| one.id != alarm.id)
            {
                self.ready.push_back(alarm.clone());
            }
        }
    }

    /// Looks until the database answers again.
    async fn again(&mut self) {
        loop {
            tokio::time::sleep(EVERY).await;
            if let Ok(now) = in_time(look(&self.app, self.app.db.read(), &[self.user_id])).await {
                self.take(&now);
                return;
            }
        }
    }
}
