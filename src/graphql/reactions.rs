//! What those who were told of an alarm do about it.

use async_graphql::{Context, Enum, ID, Object};
use chrono::{DateTime, Utc};
use entity::alarm_reaction as reaction;
use entity::notification::RecipientKind;

use crate::graphql::contacts::EmergencyContact;
use crate::graphql::context::ContextExt;
use crate::graphql::notifications::NotificationRecipient;
use crate::graphql::scalars::{Nullable, nullable};
use crate::graphql::therapists::Therapist;

/// What somebody who was told says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "reaction::Reaction")]
pub enum AlarmReactionKind {
    /// "I am on my way."
    OnMyWay,
    /// "I called."
    Called,
    /// "I can't."
    Cannot,
}

/// A reaction as stored.
pub struct AlarmReaction(pub reaction::Model);

/// The last answer of somebody who was told of an alarm.
#[Object]
impl AlarmReaction {
    /// The reaction's id.
    async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// Who answered; null once that contact or therapist is deleted.
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
                    // Who pressed is asked nothing.
                    RecipientKind::Person => None,
                })
            };
        nullable(found.await)
    }

    /// The name of who answered, at that moment.
    async fn recipient_name(&self) -> &str {
        &self.0.recipient_name
    }

    /// What a contact is to the user; empty for a therapist.
    async fn relationship(&self) -> &str {
        &self.0.relationship
    }

    /// What was said last.
    async fn reaction(&self) -> AlarmReactionKind {
        self.0.reaction.into()
    }

    /// When it was said.
    async fn reacted_at(&self) -> DateTime<Utc> {
        self.0.reacted_at
    }
}
