//! Notifications: the messages of alarms.

use async_graphql::{Context, Enum, ID, Object, Union};
use chrono::{DateTime, Utc};
use entity::notification::{self, RecipientKind, Status};

use crate::delivery::Failure;
use crate::domain::alarms::{self, Operator, Wanted};
use crate::error::{Noun, Result};
use crate::graphql::alarms::{Alarm, AlarmKind};
use crate::graphql::connections::{Connection, connection};
use crate::graphql::contacts::EmergencyContact;
use crate::graphql::context::ContextExt;
use crate::graphql::scalars::{self, Nullable, nullable};
use crate::graphql::therapists::Therapist;

/// How a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "notification::Channel")]
pub enum Channel {
    /// By mail.
    Email,
    /// By SMS, where the server has a gateway for it.
    Sms,
}

/// What the provider said of a message after taking it. It never goes back: what comes late
/// changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "notification::Receipt")]
pub enum NotificationReceipt {
    /// It waits at the provider.
    Queued,
    /// It left the provider.
    Sent,
    /// It did not arrive.
    Undelivered,
    /// It arrived.
    Delivered,
}

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "notification::Purpose")]
pub enum NotificationPurpose {
    /// The button was pressed.
    Alarm,
    /// The alarm is over.
    AllClear,
    /// To the person: messages to a contact fail for good.
    ContactFailed,
    /// To the person: a contact asked not to be told any more.
    OptedOut,
}

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "notification::Status")]
pub enum NotificationStatus {
    /// It waits for its first or next try.
    Pending,
    /// It is being sent.
    Sending,
    /// The mail server or the SMS gateway took it.
    Sent,
    /// It was given up; `failure` says why.
    Failed,
    /// It was never tried, or is no longer needed; `failure` says why.
    Skipped,
}

/// Who is told.
#[derive(Union)]
pub enum NotificationRecipient {
    /// An emergency contact.
    EmergencyContact(EmergencyContact),
    /// The therapist.
    Therapist(Therapist),
}

/// A notification as stored.
#[derive(Clone)]
pub struct Notification(pub notification::Model);

/// One message of an alarm, to one recipient over one channel.
#[Object]
impl Notification {
    /// The notification's id.
    async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// The alarm it belongs to.
    async fn alarm(&self) -> Alarm {
        Alarm::by_id(self.0.alarm_id)
    }

    /// What it is about.
    async fn purpose(&self) -> NotificationPurpose {
        self.0.purpose.into()
    }

    /// Who is told; null once that contact or therapist is deleted, and where the person whose
    /// alarm it is is told.
    async fn recipient(&self, ctx: &Context<'_>) -> Nullable<NotificationRecipient> {
        let found =
            async {
                Ok(match self.0.recipient_kind {
                    RecipientKind::Contact => match self.0.contact_id {
                        Some(id) => ctx.loaders()?.contacts.one(id).await?.map(|row| {
                            NotificationRecipient::EmergencyContact(EmergencyContact(row))
                        }),
                        None => None,
                    },
                    RecipientKind::Therapist => self
                        .0
                        .therapist_id
                        .map(|id| NotificationRecipient::Therapist(Therapist::by_id(id))),
                    RecipientKind::Person => None,
                })
            };
        nullable(found.await)
    }

    /// The recipient's name at that moment.
    async fn recipient_name(&self) -> &str {
        &self.0.recipient_name
    }

    /// How it is sent.
    async fn channel(&self) -> Channel {
        self.0.channel.into()
    }

    /// Where it stands.
    async fn status(&self) -> NotificationStatus {
        self.0.status.into()
    }

    /// Tries so far, the running one included.
    async fn attempts(&self) -> i32 {
        self.0.attempts
    }

    /// When it was decided on: with the press, for most.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When the mail server or the SMS gateway took it.
    async fn sent_at(&self) -> Option<DateTime<Utc>> {
        self.0.sent_at
    }

    /// What the provider said of it last, after taking it; null where it said nothing. A mail has
    /// none but `UNDELIVERED`: it came back.
    async fn receipt(&self) -> Option<NotificationReceipt> {
        self.0.receipt.map(Into::into)
    }

    /// When it arrived, as far as the provider said so.
    async fn delivered_at(&self) -> Option<DateTime<Utc>> {
        self.0.delivered_at
    }

    /// When it is tried next, while it is pending.
    async fn next_attempt_at(&self) -> Option<DateTime<Utc>> {
        (self.0.status == Status::Pending).then_some(self.0.next_attempt_at)
    }

    /// Why it failed, was skipped, or has to be tried again: `no_address`, `invalid_address`,
    /// `address_rejected`, `no_number`, `invalid_number` (none, or it can't be told of which
    /// country), `number_rejected`, `unsubscribed`, `not_delivered` (taken, and then said not to
    /// have arrived), `message_rejected`, `server_refused`, `server_unreachable`, `timeout`,
    /// `not_written`, `expired`, `outcome_unknown` (given up or no longer needed, but a try ended
    /// without anybody knowing whether it was taken: it may have arrived), `alarm_completed`,
    /// `answered` (somebody told earlier is on the way or has called), `opted_out`, `removed` (the
    /// person deleted or unlinked the recipient) or `cancelled`; more may come.
    async fn failure(&self) -> Option<&'static str> {
        Failure::of(&self.0).map(Failure::code)
    }
}

/// Queries about notifications.
#[derive(Default)]
pub struct NotificationQueries;

#[Object]
impl NotificationQueries {
    /// The notifications of all alarms, latest first, for admins.
    #[expect(
        clippy::too_many_arguments,
        reason = "arguments of the schema are parameters here"
    )]
    async fn notifications(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only of these states, where any are named.")] status: Option<
            Vec<NotificationStatus>,
        >,
        #[graphql(desc = "Only about these, where any are named.")] purpose: Option<
            Vec<NotificationPurpose>,
        >,
        #[graphql(desc = "Only over these, where any are named.")] channel: Option<Vec<Channel>>,
        #[graphql(desc = "Only of alarms of these kinds, where any are named.")] kind: Option<
            Vec<AlarmKind>,
        >,
        #[graphql(desc = "Only what was decided on then or later.")] since: Option<DateTime<Utc>>,
        #[graphql(desc = "Only what was decided on before then.")] older_than: Option<
            DateTime<Utc>,
        >,
        #[graphql(
            desc = "Only what has been due for 120 s without being sent, given up or tried again.",
            default
        )]
        stuck: bool,
        #[graphql(desc = "How many from the beginning; 50 where nothing is said, 100 at most.")]
        first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 100 at most.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Notification>> {
        let page = scalars::page(first, after.as_deref(), last, before.as_deref())?;
        let wanted = Wanted {
            states: named(status),
            purposes: named(purpose),
            channels: named(channel),
            kinds: named(kind),
            since,
            older_than,
            stuck,
        };
        let viewer = ctx.viewer();
        let operator = Operator::Admin(&viewer);
        let slice = alarms::notifications(ctx.app()?, operator, wanted, page).await?;
        Ok(connection(slice, |row| (row.id, Notification(row))))
    }
}

/// What a list argument names, each once however often it does.
fn named<G, T: From<G> + PartialEq>(list: Option<Vec<G>>) -> Vec<T> {
    let mut named = Vec::new();
    for value in list.into_iter().flatten().map(T::from) {
        if !named.contains(&value) {
            named.push(value);
        }
    }
    named
}

/// Changes of notifications, by admins.
#[derive(Default)]
pub struct NotificationMutations;

#[Object]
impl NotificationMutations {
    /// Has a failed notification, or one that waits for its next try, tried at once. For admins.
    /// `CONFLICT` where it was sent or skipped, where its alarm is over, or where the contact asked
    /// not to be told any more.
    async fn retry_notification(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The notification's id.")] id: ID,
    ) -> Result<Notification> {
        let viewer = ctx.viewer();
        viewer.admin()?;
        let id = scalars::id(&id, Noun::Notification)?;
        let row = alarms::retry(ctx.app()?, Operator::Admin(&viewer), id).await?;
        ctx.loaders()?.notifications.forget(row.alarm_id).await;
        Ok(Notification(row))
    }

    /// Stops a notification that waits for its first or next try: it becomes `SKIPPED`. For
    /// admins. `CONFLICT` where it does not wait.
    async fn cancel_notification(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The notification's id.")] id: ID,
    ) -> Result<Notification> {
        let viewer = ctx.viewer();
        viewer.admin()?;
        let id = scalars::id(&id, Noun::Notification)?;
        let row = alarms::cancel(ctx.app()?, Operator::Admin(&viewer), id).await?;
        ctx.loaders()?.notifications.forget(row.alarm_id).await;
        Ok(Notification(row))
    }
}
