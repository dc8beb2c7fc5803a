//! One message to one recipient over one channel: the outbox of alarms.

use sea_orm::entity::prelude::*;

/// What the message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))")]
pub enum Purpose {
    /// The person pressed the alarm.
    #[sea_orm(string_value = "alarm")]
    Alarm,
    /// The alarm is over.
    #[sea_orm(string_value = "all_clear")]
    AllClear,
    /// To the person: an address of a contact fails for good.
    #[sea_orm(string_value = "contact_failed")]
    ContactFailed,
    /// To the person: a contact asked not to be told any more.
    #[sea_orm(string_value = "opted_out")]
    OptedOut,
}

/// Who is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))")]
pub enum RecipientKind {
    /// An emergency contact.
    #[sea_orm(string_value = "contact")]
    Contact,
    /// The therapist.
    #[sea_orm(string_value = "therapist")]
    Therapist,
    /// The person whose alarm it is; `contact_id` is then the contact it is about.
    #[sea_orm(string_value = "person")]
    Person,
}

/// How it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))")]
pub enum Channel {
    /// By mail.
    #[sea_orm(string_value = "email")]
    Email,
    /// By SMS.
    #[sea_orm(string_value = "sms")]
    Sms,
}

/// Where a notification stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))")]
pub enum Status {
    /// Waits for `next_attempt_at`.
    #[sea_orm(string_value = "pending")]
    Pending,
    /// A worker holds it until `lease_until`.
    #[sea_orm(string_value = "sending")]
    Sending,
    /// The provider took it.
    #[sea_orm(string_value = "sent")]
    Sent,
    /// Given up; `failure` says why.
    #[sea_orm(string_value = "failed")]
    Failed,
    /// Never tried, or no longer needed; `failure` says why.
    #[sea_orm(string_value = "skipped")]
    Skipped,
}

/// What the provider said of a message after taking it, in the order in which it can come: a
/// later word never gives way to an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))")]
pub enum Receipt {
    /// It waits at the provider.
    #[sea_orm(string_value = "queued")]
    Queued,
    /// It left the provider.
    #[sea_orm(string_value = "sent")]
    Sent,
    /// It did not arrive.
    #[sea_orm(string_value = "undelivered")]
    Undelivered,
    /// It arrived.
    #[sea_orm(string_value = "delivered")]
    Delivered,
}

/// Recipient and address are copied in, so that it is known whom a message went to whatever is edited
/// later. Until it was sent, the address follows the recipient's.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "notifications")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub alarm_id: i64,
    pub purpose: Purpose,
    pub recipient_kind: RecipientKind,
    /// The contact told, while it exists; in a message to the person, the contact it is about.
    pub contact_id: Option<i64>,
    /// The therapist told, while it exists.
    pub therapist_id: Option<i64>,
    /// Name of the recipient.
    pub recipient_name: String,
    /// What a contact is to the user; empty for a therapist; in a message to the person, the
    /// name of the contact it is about.
    pub relationship: String,
    pub channel: Channel,
    /// Where it goes; empty when unknown.
    pub address: String,
    pub status: Status,
    /// Tries so far, the running one included.
    pub attempts: i32,
    /// Not tried before then; while sending, the same as `lease_until`, so that one index finds
    /// all that is due.
    pub next_attempt_at: DateTimeUtc,
    /// While sending: from then on another worker may take it.
    pub lease_until: Option<DateTimeUtc>,
    /// Why it failed, was skipped, or has to be tried again: a word of `delivery::Failure`.
    pub failure: Option<String>,
    /// The same over all tries, so that a duplicate is recognisable.
    pub message_id: String,
    pub created_at: DateTimeUtc,
    /// When the provider took it.
    pub sent_at: Option<DateTimeUtc>,
    /// The step of the scenario it belongs to, from 0; a later step is due later.
    pub step: i32,
    /// 0 for the messages of real alarms, 1 for those of somebody who has many waiting already,
    /// which let the alarms of others pass, and 2 for what is no alarm.
    pub priority: i32,
    /// The provider's own id of the message, by which a receipt names it.
    pub provider_id: Option<String>,
    /// The provider's ids of messages that did not arrive and were sent anew since, separated by
    /// spaces, the latest last: what is said of them says nothing of the one under way.
    pub past_provider_ids: Option<String>,
    /// The last receipt, where the channel has any.
    pub receipt: Option<Receipt>,
    /// When it arrived, as a receipt says.
    pub delivered_at: Option<DateTimeUtc>,
    /// A try ended without anybody knowing whether the provider took it: the recipient may have
    /// it, whatever became of it since.
    pub perhaps_sent: bool,
    /// Since when it is tried, where it was given up before and is to be tried anew.
    pub tried_since: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}
