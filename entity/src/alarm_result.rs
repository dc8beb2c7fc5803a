//! What came of an alarm.

use sea_orm::entity::prelude::*;

/// One per alarm. A flag is true only once the thing has happened.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "alarm_results")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Unique.
    #[sea_orm(unique)]
    pub alarm_id: i64,
    /// Where the person was, in words; empty when unknown.
    pub location: String,
    /// Degrees north, WGS 84.
    pub latitude: Option<f64>,
    /// Degrees east, WGS 84.
    pub longitude: Option<f64>,
    /// The radius around them, in metres, within which the phone took the person to be.
    pub accuracy: Option<f64>,
    /// When the coordinates became known.
    pub located_at: Option<DateTimeUtc>,
    /// When this row was made.
    pub timestamp: DateTimeUtc,
    /// The phone said so.
    pub music_played: bool,
    /// A mail server or the SMS gateway took a message for at least one contact.
    pub message_sent_to_contacts: bool,
    /// The phone said so.
    pub voice_message_played: bool,
    /// A mail server or the SMS gateway took a message for the therapist.
    pub therapist_notified: bool,
    /// The alarm is over.
    pub completed: bool,
    /// Those who were told of the alarm are told of its end.
    pub all_clear: bool,
    /// They are to be, once a newer alarm of the person is over too.
    pub all_clear_held: bool,
    /// Since when one of those who were told says to be on the way or to have called; later
    /// steps are not begun then.
    pub answered_at: Option<DateTimeUtc>,
    /// When the alarm was over.
    pub completed_at: Option<DateTimeUtc>,
    /// Nobody ended it: it was left open too long.
    pub closed_by_itself: bool,
}

impl ActiveModelBehavior for ActiveModel {}
