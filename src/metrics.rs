//! What an operator can count and time, in Prometheus' text form. No label holds an id, a name, an
//! address or a path with parameters filled in.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::delivery::Finding;

/// Bounds for answers, in seconds. 2.8 and 3 are there because an alarm is answered by then.
const ANSWERS: [f64; 11] = [
    0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 3.0, 10.0,
];
/// Bounds for storing an alarm, in seconds.
const STORED: [f64; 16] = [
    0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    10.0,
];
/// Bounds for sending one notification, in seconds. A mail ends within 30, and any try within 60.
const SENDS: [f64; 10] = [0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Tried {
    purpose: String,
    channel: String,
    outcome: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Sent {
    channel: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Waiting {
    lane: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: &'static str,
    route: String,
    status: &'static str,
}

/// Every figure of one haven.
pub struct Metrics {
    registry: Registry,
    tries: Family<Tried, Counter>,
    sends: Family<Sent, Histogram, fn() -> Histogram>,
    alarms: Counter,
    stored: Histogram,
    waiting: Family<Waiting, Gauge>,
    oldest_due: Gauge<f64, AtomicU64>,
    oldest_due_alarm: Gauge<f64, AtomicU64>,
    content: Gauge,
    answers: Family<Answered, Histogram, fn() -> Histogram>,
    connections: Gauge,
}

impl Metrics {
    /// All at zero; `statements` is counted elsewhere.
    #[must_use]
    pub fn new(statements: Counter) -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("haven"),
            tries: Family::default(),
            sends: Family::new_with_constructor(|| Histogram::new(SENDS)),
            alarms: Counter::default(),
            stored: Histogram::new(STORED),
            waiting: Family::default(),
            oldest_due: Gauge::default(),
            oldest_due_alarm: Gauge::default(),
            content: Gauge::default(),
            answers: Family::new_with_constructor(|| Histogram::new(ANSWERS)),
            connections: Gauge::default(),
        };
        let registry = &mut metrics.registry;
        registry.register(
            "notification_tries",
            "Recorded tries to send a notification, by what it became: sent, pending (to be tried \
             again), failed or skipped",
            metrics.tries.clone(),
        );
        registry.register(
            "notification_send_seconds",
            "How long a try to send a notification took",
            metrics.sends.clone(),
        );
        registry.register(
            "alarms_triggered",
            "Alarms stored; presses that joined one are not counted",
            metrics.alarms.clone(),
        );
        registry.register(
            "alarm_stored_seconds",
            "Time from a press to its being stored, repeated presses included; the answer waits \
             longer, for the outcomes",
            metrics.stored.clone(),
        );
        registry.register(
            "notifications_waiting",
            "Notifications not final yet on all nodes, as the auditor last saw: first tries of \
             real alarms, further ones, those of somebody with many alarms, and what is no alarm; \
             absent where nobody knows",
            metrics.waiting.clone(),
        );
        registry.register(
            "notification_oldest_due_seconds",
            "How long the oldest notification that is due waits for being tried, as the auditor \
             last saw; 0 where none is, NaN where nobody knows",
            metrics.oldest_due.clone(),
        );
        registry.register(
            "alarm_oldest_due_seconds",
            "How long the oldest message of a real alarm that is due waits for being tried, as the \
             auditor last saw; 0 where none is, NaN where nobody knows",
            metrics.oldest_due_alarm.clone(),
        );
        registry.register(
            "auditor_content",
            "1 while notifications go out in time, else 0",
            metrics.content.clone(),
        );
        registry.register(
            "http_answer_seconds",
            "Time to the head of an HTTP answer",
            metrics.answers.clone(),
        );
        registry.register(
            "http_connections",
            "Open connections of clients, sockets included",
            metrics.connections.clone(),
        );
        registry.register(
            "database_statements",
            "SQL statements, BEGIN and COMMIT not counted",
            statements,
        );
        metrics
    }

    /// A try to send was recorded; the words are those stored.
    pub fn tried(&self, purpose: String, channel: String, outcome: String) {
        let labels = Tried {
            purpose,
            channel,
            outcome,
        };
        self.tries.get_or_create(&labels).inc();
    }

    /// A try to send took this long.
    pub fn send_took(&self, channel: String, time: Duration) {
        self.sends
            .get_or_create(&Sent { channel })
            .observe(time.as_secs_f64());
    }

    /// An alarm was stored.
    pub fn alarm(&self) {
        self.alarms.inc();
    }

    /// A press was stored this long after it arrived.
    pub fn alarm_stored(&self, time: Duration) {
        self.stored.observe(time.as_secs_f64());
    }

    /// What the auditor knows now: what it does not is absent, or not a number.
    pub fn audited(&self, finding: &Finding) {
        let seconds = |age: Option<Duration>| age.map_or(f64::NAN, |age| age.as_secs_f64());
        self.content.set(i64::from(finding.discontent.is_none()));
        self.oldest_due.set(seconds(finding.oldest_due));
        self.oldest_due_alarm.set(seconds(finding.oldest_due_alarm));
        match &finding.waiting {
            Some(waiting) => {
                for (lane, count) in waiting {
                    self.waiting
                        .get_or_create(&Waiting { lane })
                        .set(i64::try_from(*count).unwrap_or(i64::MAX));
                }
            }
            None => self.waiting.clear(),
        }
    }

    /// A request was answered. Without a route, nothing is known of its path.
    pub fn answered(&self, method: &str, route: Option<String>, status: u16, time: Duration) {
        // A client can make methods up.
        let method = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"]
            .into_iter()
            .find(|known| *known == method)
            .unwrap_or("other");
        let status = match status / 100 {
            1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            _ => "5xx",
        };
        let labels = Answered {
            method,
            route: route.unwrap_or_else(|| "none".to_owned()),
            status,
        };
        self.answers
            .get_or_create(&labels)
            .observe(time.as_secs_f64());
    }

    /// Counts a connection until the value returned is dropped.
    #[must_use]
    pub fn connection(&self) -> OpenConnection {
        self.connections.inc();
        OpenConnection(self.connections.clone())
    }

    /// All of it, as OpenMetrics 1.0 text.
    ///
    /// # Errors
    /// If it can't be written down.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// A connection that is open as long as this lives.
pub struct OpenConnection(Gauge);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}
