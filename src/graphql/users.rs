//! Users: the person asking, other people for admins.

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};
use entity::user;

use crate::domain;
use crate::domain::users::Switch;
use crate::error::{Error, Noun, Result};
use crate::graphql::accounts::Session;
use crate::graphql::alarms::{Alarm, AlarmKind, kinds};
use crate::graphql::connections::{Connection, connection};
use crate::graphql::contacts::EmergencyContact;
use crate::graphql::context::ContextExt;
use crate::graphql::profiles::Profile;
use crate::graphql::scalars::{self, Language, Nullable, nullable, user_ref};
use crate::graphql::support::ChatSession;
use crate::graphql::therapists::Therapist;
use crate::language;

/// A user, or a link to one whose row is read when something besides `id` is asked for.
pub struct User {
    id: i64,
    row: Option<user::Model>,
}

impl User {
    /// A link: answers `id` without reading anything.
    #[must_use]
    pub const fn by_id(id: i64) -> Self {
        Self { id, row: None }
    }

    /// Whoever got the row was let through to it; a link leads on from somewhere else, as from
    /// a message to its author, and what is personal behind it is guarded again.
    fn guard(&self, ctx: &Context<'_>) -> Result<()> {
        match self.row {
            Some(_) => Ok(()),
            None => domain::users::may_see(&ctx.viewer(), self.id),
        }
    }

    pub(crate) async fn row(&self, ctx: &Context<'_>) -> Result<user::Model> {
        if let Some(row) = &self.row {
            return Ok(row.clone());
        }
        if let Ok(caller) = ctx.viewer().person()
            && caller.user.id == self.id
        {
            return Ok(caller.user.clone());
        }
        ctx.loaders()?
            .users
            .one(self.id)
            .await?
            .ok_or(Error::NotFound(Noun::User))
    }
}

impl From<user::Model> for User {
    fn from(row: user::Model) -> Self {
        Self {
            id: row.id,
            row: Some(row),
        }
    }
}

/// A person with an account. What is personal, all but `id`, `username` and `isAdmin`, is seen by
/// the person and by admins only; anybody else gets `FORBIDDEN`.
#[Object]
impl User {
    /// The user's id. Every argument that names a user takes it, or `me` for the caller.
    async fn id(&self) -> ID {
        self.id.into()
    }

    /// The name the user logs in with; unique without regard to case.
    async fn username(&self, ctx: &Context<'_>) -> Result<String> {
        Ok(self.row(ctx).await?.username)
    }

    /// Where haven writes to. Not unique.
    async fn email(&self, ctx: &Context<'_>) -> Result<String> {
        self.guard(ctx)?;
        Ok(self.row(ctx).await?.email)
    }

    /// Whether the user is an admin: gives support, and reaches what is anybody's save the
    /// conversations with the assistant and the login sessions.
    async fn is_admin(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(self.row(ctx).await?.is_admin)
    }

    /// Whether the user can log in. False once an admin has deactivated the account.
    async fn is_active(&self, ctx: &Context<'_>) -> Result<bool> {
        self.guard(ctx)?;
        Ok(self.row(ctx).await?.is_active)
    }

    /// The language of what haven writes to the user and to the user's contacts.
    async fn language(&self, ctx: &Context<'_>) -> Result<Language> {
        self.guard(ctx)?;
        Ok(language::Language::from_code(&self.row(ctx).await?.language).into())
    }

    /// When the account was made.
    async fn joined_at(&self, ctx: &Context<'_>) -> Result<DateTime<Utc>> {
        self.guard(ctx)?;
        Ok(self.row(ctx).await?.joined_at)
    }

    /// What the user says about themselves. Null only for accounts of an older server that
    /// never had a profile.
    async fn profile(&self, ctx: &Context<'_>) -> Nullable<Profile> {
        let found = async {
            self.guard(ctx)?;
            let row = ctx.loaders()?.profiles.one(self.id).await?;
            Ok(row.map(Profile))
        };
        nullable(found.await)
    }

    /// Whom an alarm tells, where its scenario says so; by id, 50 at most.
    async fn emergency_contacts(&self, ctx: &Context<'_>) -> Result<Vec<EmergencyContact>> {
        self.guard(ctx)?;
        let rows = ctx.loaders()?.contacts_of_user.all(self.id).await?;
        Ok(rows.iter().cloned().map(EmergencyContact).collect())
    }

    /// The user's therapist; null where there is none. An alarm tells it only where the profile
    /// links to it.
    async fn therapist(&self, ctx: &Context<'_>) -> Nullable<Therapist> {
        let found = async {
            self.guard(ctx)?;
            let row = ctx.loaders()?.therapist_of_user.one(self.id).await?;
            Ok(row.map(Therapist::from))
        };
        nullable(found.await)
    }

    /// The user's alarms, latest first. For the user and for admins.
    async fn alarms(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Only alarms of these kinds; of any, where none is named. Real ones, where \
                    nothing is said.",
            default_with = "vec![AlarmKind::Real]"
        )]
        kind: Vec<AlarmKind>,
        #[graphql(desc = "How many from the beginning; 50 where nothing is said, 100 at most.")]
        first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 100 at most.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<Alarm>> {
        self.guard(ctx)?;
        let page = scalars::page(first, after.as_deref(), last, before.as_deref())?;
        let alarms = &ctx.loaders()?.alarms_of_user;
        let slice = alarms.page_of(self.id, page, kinds(&kind)).await?;
        Ok(connection(slice, |row| (row.id, row.into())))
    }

    /// The user's conversation with support: the open session, else the last. Null where the
    /// two never talked.
    async fn support_chat(&self, ctx: &Context<'_>) -> Nullable<ChatSession> {
        let found = async {
            self.guard(ctx)?;
            let row = ctx.loaders()?.support_chats.of(self.id).await?;
            Ok(row.map(ChatSession::from))
        };
        nullable(found.await)
    }

    /// The user's conversations with the assistant, latest first. For the user alone: anybody
    /// else, admins included, gets `FORBIDDEN`.
    async fn assistant_chats(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the beginning; 50 where nothing is said, 100 at most.")]
        first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 100 at most.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<Connection<ChatSession>> {
        self.guard(ctx)?;
        let page = scalars::page(first, after.as_deref(), last, before.as_deref())?;
        let viewer = ctx.viewer();
        let slice = domain::support::assistant_chats(ctx.app()?, &viewer, self.id, page).await?;
        Ok(connection(slice, |row| (row.id, row.into())))
    }

    /// Whether the user is connected to support just now: by a socket, or by a subscription to
    /// `supportMessages` of their own.
    async fn is_online(&self, ctx: &Context<'_>) -> Result<bool> {
        self.guard(ctx)?;
        Ok(ctx.app()?.presence.is_online(self.id))
    }

    /// The user's login sessions, oldest first. For the user alone: anybody else, admins
    /// included, gets `FORBIDDEN`.
    async fn sessions(&self, ctx: &Context<'_>) -> Result<Vec<Session>> {
        let viewer = ctx.viewer();
        let rows = domain::accounts::sessions(ctx.app()?, &viewer, self.id).await?;
        let current = viewer.person()?.session_id;
        Ok(rows
            .into_iter()
            .map(|row| Session {
                current: row.id == current,
                row,
            })
            .collect())
    }
}

/// Queries about users.
#[derive(Default)]
pub struct UserQueries;

#[Object]
impl UserQueries {
    /// The person asking; null for nobody, and for a token that is no good.
    async fn me(&self, ctx: &Context<'_>) -> Option<User> {
        let viewer = ctx.viewer();
        let identity = viewer.person().ok()?;
        Some(identity.user.clone().into())
    }

    /// A user: the caller itself, or, for an admin, anybody. `FORBIDDEN` for all others,
    /// whether or not they exist; null for an admin's unknown id.
    async fn user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user's id, or `me`.")] id: ID,
    ) -> Nullable<User> {
        let found = async {
            match domain::users::find(ctx.app()?, &ctx.viewer(), user_ref(&id)).await {
                Ok(row) => Ok(Some(row.into())),
                Err(Error::NotFound(_)) => Ok(None),
                Err(error) => Err(error),
            }
        };
        nullable(found.await)
    }

    /// All users by id. For admins; `FORBIDDEN` for all others.
    async fn users(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the beginning; 50 where nothing is said, 100 at most.")]
        first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 100 at most.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
        #[graphql(
            desc = "The beginning of a username or an email address; case is ignored. Null or blank: \
                    everybody."
        )]
        search: Option<String>,
    ) -> Result<Connection<User>> {
        let page = scalars::page(first, after.as_deref(), last, before.as_deref())?;
        let slice = domain::users::list(ctx.app()?, &ctx.viewer(), search.as_deref(), page).await?;
        Ok(connection(slice, |row| (row.id, row.into())))
    }
}

/// Changes of users by admins.
#[derive(Default)]
pub struct UserMutations;

#[Object]
impl UserMutations {
    /// Lets a user log in, or not. For admins. A deactivated user's tokens stop working and
    /// open sockets close; nothing is deleted. `NOT_FOUND` where nobody has the id; `CONFLICT`
    /// where no active admin would be left.
    async fn set_user_active(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user's id.")] user_id: ID,
        #[graphql(desc = "Whether the user can log in.")] active: bool,
    ) -> Result<User> {
        let switch = Switch::Active(active);
        let row = domain::users::set(ctx.app()?, &ctx.viewer(), user_ref(&user_id), switch).await?;
        Ok(row.into())
    }

    /// Makes a user an admin, or no longer one. For admins. `NOT_FOUND` where nobody has the id;
    /// `CONFLICT` where no active admin would be left.
    async fn set_user_admin(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user's id.")] user_id: ID,
        #[graphql(desc = "Whether the user is an admin.")] admin: bool,
    ) -> Result<User> {
        let switch = Switch::Admin(admin);
        let row = domain::users::set(ctx.app()?, &ctx.viewer(), user_ref(&user_id), switch).await?;
        Ok(row.into())
    }
}
