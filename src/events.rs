//! Publish and subscribe between mutations and subscriptions of this process.
//!
//! An event is a hint that carries ids; the database is the truth. It is published after the
//! commit, and a subscriber reads what it may see. Every queue is bounded: a subscriber that
//! falls behind is told that it missed something and reads again from where it was.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::broadcast;

/// How many events a slow subscriber may fall behind before it has to read again.
const BACKLOG: usize = 256;

/// What subscribers listen to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// The support conversation of this user.
    Support(i64),
    /// Every support conversation, and who comes and goes: for admins.
    SupportDesk,
    /// The alarms of this user.
    Alarms(i64),
    /// The answers that the assistant writes for this user.
    Assistant(i64),
    /// The end of login sessions of this user: logout, revocation, deactivation.
    Sessions(i64),
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A support message was stored.
    Message {
        /// The message.
        id: i64,
        /// Whose conversation it belongs to.
        user_id: i64,
    },
    /// A support message did not arrive after all.
    Returned {
        /// The message.
        id: i64,
        /// Whose conversation it belongs to.
        user_id: i64,
    },
    /// A user's first connection opened.
    Connected(i64),
    /// A user's last connection closed.
    Disconnected(i64),
    /// An alarm, its result or one of its notifications changed.
    Alarm(i64),
    /// An emergency contact of the user opted out, or in again.
    Contact(i64),
    /// An answer of the assistant went on, or is finished.
    Answer(i64),
    /// Login sessions of the user ended; each holder checks its own.
    SessionsEnded,
}

type Senders = Mutex<HashMap<Topic, broadcast::Sender<Event>>>;

/// The bus. Cloning shares it.
#[derive(Clone, Default)]
pub struct Events {
    topics: Arc<Senders>,
}

impl Events {
    /// Tells everyone who listens to `topic`. Never waits.
    pub fn publish(&self, topic: Topic, event: Event) {
        let topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = topics.get(&topic) {
            // An error means that nobody listens, which is fine.
            let _ = sender.send(event);
        }
    }

    /// Listens to `topic` from now on.
    #[must_use]
    pub fn subscribe(&self, topic: Topic) -> Subscription {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = topics
            .entry(topic)
            .or_insert_with(|| broadcast::channel(BACKLOG).0);
        Subscription {
            receiver: Some(sender.subscribe()),
            topic,
            topics: self.topics.clone(),
        }
    }
}

/// What a subscriber is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// This happened.
    Event(Event),
    /// Events were missed: read again.
    Missed,
}

/// One listener; dropping it ends it.
pub struct Subscription {
    receiver: Option<broadcast::Receiver<Event>>,
    topic: Topic,
    topics: Arc<Senders>,
}

impl Subscription {
    /// Waits for the next event. `None` once the bus is gone.
    pub async fn next(&mut self) -> Option<Heard> {
        match self.receiver.as_mut()?.recv().await {
            Ok(event) => Some(Heard::Event(event)),
            Err(broadcast::error::RecvError::Lagged(_)) => Some(Heard::Missed),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        self.receiver = None;
        if topics
            .get(&self.topic)
            .is_some_and(|sender| sender.receiver_count() == 0)
        {
            topics.remove(&self.topic);
        }
    }
}
