//! Therapists.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, SimpleObject};
use entity::therapist;

use crate::domain::therapists::{self, TherapistInput};
use crate::error::{Error, Noun, Result};
use crate::graphql::context::ContextExt;
use crate::graphql::scalars::{keep, user_ref};
use crate::graphql::users::User;

/// A therapist, or a link to one whose row is read when something besides `id` is asked for.
pub struct Therapist {
    id: i64,
    row: Option<therapist::Model>,
}

impl Therapist {
    /// A link: answers `id` without reading anything.
    #[must_use]
    pub const fn by_id(id: i64) -> Self {
        Self { id, row: None }
    }

    async fn row(&self, ctx: &Context<'_>) -> Result<therapist::Model> {
        if let Some(row) = &self.row {
            return Ok(row.clone());
        }
        ctx.loaders()?
            .therapists
            .one(self.id)
            .await?
            .ok_or(Error::NotFound(Noun::Therapist))
    }
}

impl From<therapist::Model> for Therapist {
    fn from(row: therapist::Model) -> Self {
        Self {
            id: row.id,
            row: Some(row),
        }
    }
}

/// A user's therapist; a user has one at most. Told of an alarm where the profile links to it and
/// the scenario says so.
#[Object]
impl Therapist {
    /// The therapist's id.
    async fn id(&self) -> ID {
        self.id.into()
    }

    /// Whose therapist.
    async fn user(&self, ctx: &Context<'_>) -> Result<User> {
        Ok(User::by_id(self.row(ctx).await?.user_id))
    }

    /// The therapist's name.
    async fn name(&self, ctx: &Context<'_>) -> Result<String> {
        Ok(self.row(ctx).await?.name)
    }

    /// The phone number, as typed.
    async fn phone(&self, ctx: &Context<'_>) -> Result<String> {
        Ok(self.row(ctx).await?.phone)
    }

    /// The mail address at which an alarm reaches the therapist.
    async fn email(&self, ctx: &Context<'_>) -> Result<String> {
        Ok(self.row(ctx).await?.email)
    }
}

/// The user's therapist, all of it. What is required and left out, null or blank is named by
/// `BAD_USER_INPUT`.
#[derive(InputObject)]
pub struct SaveTherapistInput {
    /// Required; at most 255 characters.
    name: Option<String>,
    /// Required: 5–20 digits, and otherwise only `+ ( ) - .` and spaces; at most 32 characters.
    phone: Option<String>,
    /// Required: a valid email address.
    email: Option<String>,
}

/// A change of a therapist. What is left out stays; null is refused.
#[derive(InputObject)]
pub struct TherapistPatch {
    /// At most 255 characters.
    name: MaybeUndefined<String>,
    /// 5–20 digits, and otherwise only `+ ( ) - .` and spaces; at most 32 characters.
    phone: MaybeUndefined<String>,
    /// A valid email address.
    email: MaybeUndefined<String>,
}

/// A therapist that was saved.
#[derive(SimpleObject)]
pub struct SaveTherapistPayload {
    /// Whether it is new, rather than one that was replaced.
    created: bool,
    /// The therapist as it is now.
    therapist: Therapist,
}

/// Changes of therapists.
#[derive(Default)]
pub struct TherapistMutations;

#[Object]
impl TherapistMutations {
    /// Makes the user's therapist, or replaces it in place, and links the profile to it. For the
    /// user and for admins. `BAD_USER_INPUT` lists every wrong field.
    async fn save_therapist(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user's id, or `me`.")] user_id: ID,
        #[graphql(desc = "The therapist.")] input: SaveTherapistInput,
    ) -> Result<SaveTherapistPayload> {
        let input = TherapistInput {
            name: input.name,
            phone: input.phone,
            email: input.email,
        };
        let saved = therapists::save(
            ctx.app()?,
            &ctx.viewer(),
            user_ref(&user_id),
            ctx.check(),
            input,
        )
        .await?;
        Ok(SaveTherapistPayload {
            created: saved.created,
            therapist: saved.therapist.into(),
        })
    }

    /// Changes the user's therapist. For the user and for admins. `NOT_FOUND` where there is
    /// none; `BAD_USER_INPUT` lists every wrong field.
    async fn update_therapist(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user's id, or `me`.")] user_id: ID,
        #[graphql(desc = "What to change.")] input: TherapistPatch,
    ) -> Result<Therapist> {
        let mut check = ctx.check();
        let input = TherapistInput {
            name: keep(&mut check, "name", input.name),
            phone: keep(&mut check, "phone", input.phone),
            email: keep(&mut check, "email", input.email),
        };
        therapists::update(ctx.app()?, &ctx.viewer(), user_ref(&user_id), check, input)
            .await
            .map(Therapist::from)
    }

    /// Deletes the user's therapist, and the profile's link with it. For the user and for admins.
    /// `NOT_FOUND` where there is none.
    async fn delete_therapist(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user's id, or `me`.")] user_id: ID,
    ) -> Result<bool> {
        therapists::delete(ctx.app()?, &ctx.viewer(), user_ref(&user_id)).await?;
        Ok(true)
    }
}
