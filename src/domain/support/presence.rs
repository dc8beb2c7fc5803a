//! Who is connected.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::events::{Event, Events, Topic};

/// Which users have a connection of their own open: a socket of the legacy app, or a GraphQL
/// subscription to their own room. An admin in somebody's room is not that somebody.
///
/// Counts the connections of this process; several nodes don't know of each other's yet.
/// Cloning shares it.
#[derive(Clone)]
pub struct Presence {
    connections: Arc<Mutex<HashMap<i64, usize>>>,
    events: Events,
}

impl Presence {
    /// Nobody is connected.
    #[must_use]
    pub fn new(events: Events) -> Self {
        Self {
            connections: Arc::default(),
            events,
        }
    }

    /// Notes one more connection of a user; dropping what it returns closes it. Admins are told
    /// of the first.
    #[must_use]
    pub fn open(&self, user_id: i64) -> Connection {
        let mut connections = self
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let count = connections.entry(user_id).or_default();
        *count += 1;
        if *count == 1 {
            // Under the lock, so that comings and goings are told in their order.
            self.events
                .publish(Topic::SupportDesk, Event::Connected(user_id));
        }
        Connection {
            presence: self.clone(),
            user_id,
        }
    }

    /// Whether the user is connected.
    #[must_use]
    pub fn is_online(&self, user_id: i64) -> bool {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains_key(&user_id)
    }

    /// Everybody who is connected, by id.
    #[must_use]
    pub fn online(&self) -> Vec<i64> {
        let mut ids: Vec<i64> = self
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .keys()
            .copied()
            .collect();
        ids.sort_unstable();
        ids
    }
}

/// A connection of a user; closed by dropping it. Admins are told of the last.
pub struct Connection {
    presence: Presence,
    user_id: i64,
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut connections = self
            .presence
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(count) = connections.get_mut(&self.user_id) else {
            return;
        };
        *count -= 1;
        if *count == 0 {
            connections.remove(&self.user_id);
            self.presence
                .events
                .publish(Topic::SupportDesk, Event::Disconnected(self.user_id));
        }
    }
}
