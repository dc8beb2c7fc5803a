//! The time, as something that is handed in, so that a test can hold it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// Tells the time. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Microseconds added to the system's time.
    offset: Arc<AtomicI64>,
}

impl Clock {
    /// The present moment, cut to microseconds because PostgreSQL keeps no more.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        let offset = TimeDelta::microseconds(self.offset.load(Ordering::Relaxed));
        Utc::now().trunc_subsecs(6) + offset
    }

    /// Moves this clock on, for tests of what happens after hours or days.
    pub fn advance(&self, by: TimeDelta) {
        self.offset.fetch_add(
            by.num_microseconds().unwrap_or(i64::MAX / 4),
            Ordering::Relaxed,
        );
    }
}
