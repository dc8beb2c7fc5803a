//! What has come of an alarm.

use async_graphql::Object;
use chrono::{DateTime, Utc};
use entity::alarm_result;

/// A result as stored.
pub struct AlarmResult(pub(super) alarm_result::Model);

/// What has come of an alarm. A flag is true only once the thing has happened, and never for a
/// drill or a test.
#[Object]
impl AlarmResult {
    /// Where the person is, in words; empty when not known.
    async fn location(&self) -> &str {
        &self.0.location
    }

    /// Degrees north, WGS 84; null when not known.
    async fn latitude(&self) -> Option<f64> {
        self.0.latitude
    }

    /// Degrees east, WGS 84; null when not known.
    async fn longitude(&self) -> Option<f64> {
        self.0.longitude
    }

    /// The radius around them, in metres, within which the phone took the person to be; null where
    /// it said none.
    async fn accuracy(&self) -> Option<f64> {
        self.0.accuracy
    }

    /// Since when these coordinates are known; null where they are not.
    async fn located_at(&self) -> Option<DateTime<Utc>> {
        self.0.located_at
    }

    /// When the alarm began to have a result.
    async fn timestamp(&self) -> DateTime<Utc> {
        self.0.timestamp
    }

    /// The phone said that it played the music.
    async fn music_played(&self) -> bool {
        self.0.music_played
    }

    /// A mail server or the SMS gateway took the message for at least one contact, and has not said
    /// since that it did not arrive.
    async fn message_sent_to_contacts(&self) -> bool {
        self.0.message_sent_to_contacts
    }

    /// The phone said that it played the voice message.
    async fn voice_message_played(&self) -> bool {
        self.0.voice_message_played
    }

    /// A mail server or the SMS gateway took the message for the therapist, and has not said since
    /// that it did not arrive.
    async fn therapist_notified(&self) -> bool {
        self.0.therapist_notified
    }

    /// Since when one of those who were told is on the way or has called, as they say; null while
    /// nobody does. Whoever was deleted since does not count. Later steps of the scenario are not
    /// begun then.
    async fn answered_at(&self) -> Option<DateTime<Utc>> {
        self.0.answered_at
    }

    /// The alarm is over.
    async fn completed(&self) -> bool {
        self.0.completed
    }

    /// When the alarm was over.
    async fn completed_at(&self) -> Option<DateTime<Utc>> {
        self.0.completed_at
    }

    /// Nobody ended the alarm: it was left open too long. What was not sent by then failed, as
    /// `expired` or `outcome_unknown`.
    async fn closed_by_itself(&self) -> bool {
        self.0.closed_by_itself
    }
}
