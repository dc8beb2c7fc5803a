//! What this process keeps in memory about rooms: whose turn it is to write, which connection
//! sent what, and which deliveries are not written down yet.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{MutexGuard, OwnedMutexGuard};
use uuid::Uuid;

/// Rooms remembered at most before those in which nobody writes are forgotten.
const TURNS: usize = 256;
/// Messages of its own that a connection is remembered to have sent. A reader lags less.
const SENT: usize = 1024;

/// The memory of this process about rooms. Cloning shares it.
#[derive(Clone, Default)]
pub struct Rooms {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    turns: Mutex<HashMap<i64, Arc<tokio::sync::Mutex<()>>>>,
    sent: Mutex<HashMap<Uuid, Sent>>,
    received: Mutex<HashSet<i64>>,
    /// Held while deliveries are written down, taken back or about to be read.
    settling: tokio::sync::Mutex<()>,
}

/// What one connection sent, for as long as it follows something without echo.
#[derive(Default)]
struct Sent {
    followers: usize,
    ids: VecDeque<i64>,
}

impl Rooms {
    /// Waits for the turn to write into a user's room. Held until the event is published, so
    /// that events of a room come in the order of its messages.
    pub(super) async fn turn(&self, user_id: i64) -> OwnedMutexGuard<()> {
        let turn = {
            let mut turns = self
                .inner
                .turns
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if turns.len() >= TURNS {
                turns.retain(|_, turn| Arc::strong_count(turn) > 1);
            }
            turns.entry(user_id).or_default().clone()
        };
        turn.lock_owned().await
    }

    /// Remembers what a connection sends from now on, until the guard is dropped.
    pub(super) fn without_echo(&self, origin: Uuid) -> WithoutEcho {
        self.sent().entry(origin).or_default().followers += 1;
        WithoutEcho {
            rooms: self.clone(),
            origin,
        }
    }

    /// Notes that a connection sent a message. Before the commit, so that nobody reads the
    /// message sooner.
    pub(super) fn note_sent(&self, origin: Option<Uuid>, id: i64) {
        let mut sent = self.sent();
        let Some(sent) = origin.and_then(|origin| sent.get_mut(&origin)) else {
            return;
        };
        if sent.ids.len() == SENT {
            sent.ids.pop_front();
        }
        sent.ids.push_back(id);
    }

    /// Takes the note back where the commit failed: the id may go to another message.
    pub(super) fn forget_sent(&self, origin: Option<Uuid>, id: i64) {
        let mut sent = self.sent();
        if let Some(sent) = origin.and_then(|origin| sent.get_mut(&origin)) {
            sent.ids.retain(|noted| *noted != id);
        }
    }

    fn sent(&self) -> std::sync::MutexGuard<'_, HashMap<Uuid, Sent>> {
        self.inner
            .sent
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Deliveries that are not written down yet.
    pub(super) fn received(&self) -> std::sync::MutexGuard<'_, HashSet<i64>> {
        self.inner
            .received
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until nobody else writes deliveries down.
    pub(super) async fn settling(&self) -> MutexGuard<'_, ()> {
        self.inner.settling.lock().await
    }
}

/// A follower that does not want to hear its own connection.
pub(super) struct WithoutEcho {
    rooms: Rooms,
    origin: Uuid,
}

impl WithoutEcho {
    /// Whether the message came from this very connection.
    pub(super) fn sent(&self, id: i64) -> bool {
        self.rooms
            .sent()
            .get(&self.origin)
            .is_some_and(|sent| sent.ids.contains(&id))
    }
}

impl Drop for WithoutEcho {
    fn drop(&mut self) {
        let mut sent = self.rooms.sent();
        if let Some(entry) = sent.get_mut(&self.origin) {
            entry.followers -= 1;
            if entry.followers == 0 {
                sent.remove(&self.origin);
            }
        }
    }
}
