//! Whom a notification goes to, and the row that it begins as.

use entity::notification::{self, Channel, Purpose, RecipientKind, Status};
use entity::{emergency_contact, therapist};
use sea_orm::{ActiveValue::NotSet, ActiveValue::Set};

use super::Failure;
use crate::app::App;

/// The priority of a real alarm's messages.
pub(super) const ALARM: i32 = 0;
/// The priority of a real alarm's messages that let those of others pass, because so many of the
/// person's wait already.
pub const ONE_OF_MANY: i32 = 1;
/// The priority of what is no alarm: drills and tests, all-clears, and what the person is told.
pub const NO_ALARM: i32 = 2;

/// Whom an alarm tells, and over which channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// Contact or therapist.
    pub kind: RecipientKind,
    /// The id among its kind.
    pub id: i64,
    /// The name.
    pub name: String,
    /// What a contact is to the user; empty for a therapist.
    pub relationship: String,
    /// How it is told.
    pub channel: Channel,
    /// The address or number; empty when unknown.
    pub address: String,
    /// Asked not to be told.
    pub opted_out: bool,
}

impl Recipient {
    /// A contact over one channel.
    #[must_use]
    pub fn contact(app: &App, contact: &emergency_contact::Model, channel: Channel) -> Self {
        Self {
            kind: RecipientKind::Contact,
            id: contact.id,
            name: contact.name.clone(),
            relationship: contact.relationship.clone(),
            channel,
            opted_out: contact.opted_out_at.is_some(),
            address: app
                .delivery
                .address(channel, &contact.email, &contact.phone),
        }
    }

    /// A therapist over one channel.
    #[must_use]
    pub fn therapist(app: &App, therapist: &therapist::Model, channel: Channel) -> Self {
        Self {
            kind: RecipientKind::Therapist,
            id: therapist.id,
            name: therapist.name.clone(),
            relationship: String::new(),
            channel,
            opted_out: false,
            address: app
                .delivery
                .address(channel, &therapist.email, &therapist.phone),
        }
    }

    /// Why nothing can be sent to it, if that is so.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        if self.opted_out {
            return Some(Failure::OptedOut);
        }
        let blank = self.address.trim().is_empty();
        match self.channel {
            Channel::Email if blank => Some(Failure::NoAddress),
            Channel::Email => super::mail::address(&self.address)
                .is_none()
                .then_some(Failure::InvalidAddress),
            Channel::Sms if blank => Some(Failure::NoNumber),
            Channel::Sms => {
                (!super::phone::is_e164(&self.address)).then_some(Failure::InvalidNumber)
            }
        }
    }
}

/// The first notification of an alarm for one recipient over one channel: pending where there is
/// an address, skipped where there is none.
#[must_use]
pub fn first(app: &App, alarm_id: i64, recipient: Recipient) -> notification::ActiveModel {
    new(app, alarm_id, Purpose::Alarm, ALARM, recipient)
}

/// The all-clear for whoever was told of the alarm by `told`.
#[must_use]
pub fn all_clear(app: &App, told: &notification::Model) -> notification::ActiveModel {
    let now = app.clock.now();
    notification::ActiveModel {
        id: NotSet,
        alarm_id: Set(told.alarm_id),
        purpose: Set(Purpose::AllClear),
        recipient_kind: Set(told.recipient_kind),
        contact_id: Set(told.contact_id),
        therapist_id: Set(told.therapist_id),
        recipient_name: Set(told.recipient_name.clone()),
        relationship: Set(told.relationship.clone()),
        channel: Set(told.channel),
        address: Set(told.address.clone()),
        status: Set(Status::Pending),
        attempts: Set(0),
        next_attempt_at: Set(now),
        lease_until: Set(None),
        failure: Set(None),
        message_id: Set(app.delivery.new_message_id()),
        created_at: Set(now),
        sent_at: Set(None),
        step: Set(0),
        priority: Set(NO_ALARM),
        provider_id: Set(None),
        past_provider_ids: Set(None),
        receipt: Set(None),
        delivered_at: Set(None),
        perhaps_sent: Set(false),
        tried_since: Set(None),
    }
}

/// A notification of an alarm, due at once; skipped where nothing can be sent to the recipient.
pub(super) fn new(
    app: &App,
    alarm_id: i64,
    purpose: Purpose,
    priority: i32,
    recipient: Recipient,
) -> notification::ActiveModel {
    let now = app.clock.now();
    let failure = recipient.failure();
    notification::ActiveModel {
        id: NotSet,
        alarm_id: Set(alarm_id),
        purpose: Set(purpose),
        recipient_kind: Set(recipient.kind),
        contact_id: Set((recipient.kind == RecipientKind::Contact).then_some(recipient.id)),
        therapist_id: Set((recipient.kind == RecipientKind::Therapist).then_some(recipient.id)),
        recipient_name: Set(recipient.name),
        relationship: Set(recipient.relationship),
        channel: Set(recipient.channel),
        address: Set(recipient.address),
        status: Set(if failure.is_none() {
            Status::Pending
        } else {
            Status::Skipped
        }),
        attempts: Set(0),
        next_attempt_at: Set(now),
        lease_until: Set(None),
        failure: Set(failure.map(|failure| failure.code().to_owned())),
        message_id: Set(app.delivery.new_message_id()),
        created_at: Set(now),
        sent_at: Set(None),
        step: Set(0),
        priority: Set(priority),
        provider_id: Set(None),
        past_provider_ids: Set(None),
        receipt: Set(None),
        delivered_at: Set(None),
        perhaps_sent: Set(false),
        tried_since: Set(None),
    }
}
