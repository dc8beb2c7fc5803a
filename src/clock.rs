//! The time, as something that is handed in, so that a test can hold it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};

/// Tells the time. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Microseconds added to the system's time.
    offset: Arc<AtomicI64>,
    /// The system's time at which it was stopped, in microseconds since 1970; 0 while it runs.
    held: Arc<AtomicI64>,
}

impl Clock {
    /// The present moment, cut to microseconds because PostgreSQL keeps no more.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        let offset = TimeDelta::microseconds(self.offset.load(Ordering::Relaxed));
        let system = match self.held.load(Ordering::Relaxed) {
            0 => None,
            held => DateTime::from_timestamp_micros(held),
        };
        system.unwrap_or_else(|| Utc::now().trunc_subsecs(6)) + offset
    }

    /// Stops this clock but for [`Clock::advance`], for tests in which nothing may become due by
    /// itself.
    pub fn hold(&self) {
        let now = Utc::now().timestamp_micros();
        self.held.store(now, Ordering::Relaxed);
    }

    /// Moves this clock on, for tests of what happens after hours or days.
    pub fn advance(&self, by: TimeDelta) {
        self.offset.fetch_add(
            by.num_microseconds().unwrap_or(i64::MAX / 4),
            Ordering::Relaxed,
        );
    }
}
