//! Emergency contacts.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{emergency_contact as contact, notification};

use crate::delivery::Failure;
use crate::domain::contacts::{self, ContactInput, ContactPatch};
use crate::error::{Error, Noun, Result};
use crate::graphql::alarms::AlarmKind;
use crate::graphql::context::ContextExt;
use crate::graphql::notifications::{Channel, NotificationStatus};
use crate::graphql::scalars::{self, keep, patch, user_ref};
use crate::graphql::users::User;

/// A contact as stored.
#[derive(Clone)]
pub struct EmergencyContact(pub contact::Model);

/// Somebody who is told when the user presses the alarm.
#[Object]
impl EmergencyContact {
    /// The contact's id.
    async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// Whose contact.
    async fn user(&self) -> User {
        User::by_id(self.0.user_id)
    }

    /// The contact's name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What the contact is to the user, as in "brother".
    async fn relationship(&self) -> &str {
        &self.0.relationship
    }

    /// The phone number, as typed.
    async fn phone(&self) -> &str {
        &self.0.phone
    }

    /// The mail address at which an alarm reaches the contact; null when not known.
    async fn email(&self) -> Option<&str> {
        Some(self.0.email.as_str()).filter(|email| !email.is_empty())
    }

    /// When the contact asked, by the link in a message, not to be told any more; null while it
    /// is told. Forgotten once both phone and email are others, which is another person then.
    async fn opted_out_at(&self) -> Option<DateTime<Utc>> {
        self.0.opted_out_at
    }

    /// Since when messages to `email` fail for good, so that an alarm would not arrive; null while
    /// they arrive, and for an address that was never tried.
    async fn email_failed_at(&self) -> Option<DateTime<Utc>> {
        self.0.email_failed_at
    }

    /// The same of `phone`.
    async fn phone_failed_at(&self) -> Option<DateTime<Utc>> {
        self.0.phone_failed_at
    }

    /// The last message to the contact over each channel, whatever it was about; none over a
    /// channel that was never tried.
    async fn deliveries(&self, ctx: &Context<'_>) -> Result<Vec<ContactDelivery>> {
        let rows = ctx.loaders()?.deliveries.of(self.0.id).await?;
        Ok(rows.iter().cloned().map(ContactDelivery).collect())
    }
}

/// The last message to a contact over a channel.
pub struct ContactDelivery(notification::Model);

/// The last message to an emergency contact over one channel, and what came of it.
#[Object]
impl ContactDelivery {
    /// How it was sent.
    async fn channel(&self) -> Channel {
        self.0.channel.into()
    }

    /// Where it stands; never `SKIPPED`.
    async fn status(&self) -> NotificationStatus {
        self.0.status.into()
    }

    /// Why it failed, or has to be tried again, as in `Notification.failure`.
    async fn failure(&self) -> Option<&'static str> {
        Failure::of(&self.0).map(Failure::code)
    }

    /// When it was taken; else when it was decided on.
    async fn at(&self) -> DateTime<Utc> {
        self.0.sent_at.unwrap_or(self.0.created_at)
    }

    /// Whether it was about a real alarm.
    async fn kind(&self, ctx: &Context<'_>) -> Result<AlarmKind> {
        let alarm = ctx.loaders()?.alarms.one(self.0.alarm_id).await?;
        alarm
            .map(|alarm| alarm.kind.into())
            .ok_or(Error::NotFound(Noun::Alarm))
    }
}

/// A new emergency contact.
#[derive(InputObject)]
pub struct EmergencyContactInput {
    /// At most 255 characters.
    name: String,
    /// What the contact is to the user; at most 255 characters.
    relationship: String,
    /// 5–20 digits, and otherwise only `+ ( ) - .` and spaces; at most 32 characters. An alarm
    /// reaches it by SMS, where the server has a gateway.
    phone: String,
    /// The mail address at which an alarm reaches the contact: at most 254 characters. Null or empty:
    /// none, so that an alarm reaches the contact by SMS or not at all.
    email: Option<String>,
}

/// A contact to create or to update, found by `id`, or else by phone digits, email or name.
#[derive(InputObject)]
pub struct SaveEmergencyContactInput {
    /// The contact to update. Without it, haven looks for the one that is meant.
    id: Option<ID>,
    /// Required; at most 255 characters.
    name: Option<String>,
    /// Required: what the contact is to the user; at most 255 characters.
    relationship: Option<String>,
    /// Required: 5–20 digits, and otherwise only `+ ( ) - .` and spaces; at most 32 characters.
    phone: Option<String>,
    /// The mail address, at most 254 characters. Left out: stays; null or empty: none.
    email: MaybeUndefined<String>,
}

/// A change of a contact. What is left out stays; null is refused, save in `email`.
#[derive(InputObject)]
pub struct EmergencyContactPatch {
    /// At most 255 characters.
    name: MaybeUndefined<String>,
    /// What the contact is to the user; at most 255 characters.
    relationship: MaybeUndefined<String>,
    /// 5–20 digits, and otherwise only `+ ( ) - .` and spaces; at most 32 characters.
    phone: MaybeUndefined<String>,
    /// Null or empty clears it.
    email: MaybeUndefined<String>,
}

/// A contact that was saved.
#[derive(SimpleObject)]
pub struct SaveEmergencyContactPayload {
    /// Whether it is new, rather than one that was changed.
    created: bool,
    /// The contact as it is now.
    emergency_contact: EmergencyContact,
}

/// Changes of emergency contacts.
#[derive(Default)]
pub struct ContactMutations;

#[Object]
impl ContactMutations {
    /// Adds an emergency contact, whoever is there already. `CONFLICT` from the 51st on.
    async fn create_emergency_contact(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user's id, or `me`.")] user_id: ID,
        #[graphql(desc = "The contact.")] input: EmergencyContactInput,
    ) -> Result<EmergencyContact> {
        let input = ContactInput {
            name: Some(input.name),
            phone: Some(input.phone),
            relationship: Some(input.relationship),
            email: Some(input.email),
        };
        contacts::create(ctx.app()?, &ctx.viewer(), user_ref(&user_id), input)
            .await
            .map(EmergencyContact)
    }

    /// Creates or updates an emergency contact. The one with the given `id` is meant, or
    /// without one the user's contact with the same phone digits, else the same email, else
    /// the same name; none of them is a new one.
    async fn save_emergency_contact(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user's id, or `me`.")] user_id: ID,
        #[graphql(desc = "The contact.")] input: SaveEmergencyContactInput,
    ) -> Result<SaveEmergencyContactPayload> {
        let id = input.id;
        let input = ContactInput {
            name: input.name,
            phone: input.phone,
            relationship: input.relationship,
            email: patch(input.email),
        };
        let saved = contacts::save(
            ctx.app()?,
            &ctx.viewer(),
            user_ref(&user_id),
            ctx.check(),
            id.as_deref().map(String::as_str),
            input,
        )
        .await?;
        Ok(SaveEmergencyContactPayload {
            created: saved.created,
            emergency_contact: EmergencyContact(saved.contact),
        })
    }

    /// Changes an emergency contact. `NOT_FOUND` where it does not exist or is not the
    /// caller's.
    async fn update_emergency_contact(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The contact's id.")] id: ID,
        #[graphql(desc = "What to change.")] input: EmergencyContactPatch,
    ) -> Result<EmergencyContact> {
        let viewer = ctx.viewer();
        viewer.person()?;
        let id = scalars::id(&id, Noun::EmergencyContact)?;
        let mut check = ctx.check();
        let change = ContactPatch {
            name: keep(&mut check, "name", input.name),
            phone: keep(&mut check, "phone", input.phone),
            relationship: keep(&mut check, "relationship", input.relationship),
            email: patch(input.email),
        };
        contacts::update(ctx.app()?, &viewer, id, check, change)
            .await
            .map(EmergencyContact)
    }

    /// Deletes an emergency contact. Of open alarms, nothing more is sent to it (`removed`); what is
    /// under way at this moment may still arrive.
    /// `NOT_FOUND` where it does not exist or is not the caller's.
    async fn delete_emergency_contact(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The contact's id.")] id: ID,
    ) -> Result<bool> {
        let viewer = ctx.viewer();
        viewer.person()?;
        let id = scalars::id(&id, Noun::EmergencyContact)?;
        contacts::delete(ctx.app()?, &viewer, id).await?;
        Ok(true)
    }
}
