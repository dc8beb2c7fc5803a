//! Accounts: registering, logging in and out, passwords, login sessions.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::session;

use crate::domain::accounts;
use crate::error::{Noun, Result};
use crate::graphql::context::ContextExt;
use crate::graphql::scalars::{self, Language};
use crate::graphql::users::User;

/// A login session of the caller.
pub struct Session {
    /// The stored session.
    pub row: session::Model,
    /// Whether this very request came with it.
    pub current: bool,
}

/// A login session: one per login, as one per device.
#[Object]
impl Session {
    /// The id by which `revokeSession` ends it.
    async fn id(&self) -> ID {
        self.row.id.into()
    }

    /// When the login happened.
    async fn created_at(&self) -> DateTime<Utc> {
        self.row.created_at
    }

    /// When its token was last used; up to an hour behind.
    async fn last_used_at(&self) -> DateTime<Utc> {
        self.row.last_used_at
    }

    /// Whether this request came with its token.
    async fn current(&self) -> bool {
        self.current
    }
}

/// A new account.
#[derive(InputObject)]
pub struct RegisterInput {
    /// 1–150 characters: letters of any script, digits and `@ . + - _`. Unique without regard
    /// to case; `admin`, `me` and `system` count as taken.
    username: String,
    /// A valid email address, at most 254 characters. It need not be unique.
    email: String,
    /// At least 8 characters and at most 1024 bytes; neither the username nor the email.
    password: String,
    /// The language of what haven writes to the user and to the user's contacts.
    #[graphql(default_with = "Language::Ru")]
    language: Language,
}

/// What to log in with.
#[derive(InputObject)]
pub struct LoginInput {
    /// The username. One that differs in case alone is taken too, where just one user has it.
    username: String,
    /// The password.
    password: String,
}

/// A change of password.
#[derive(InputObject)]
pub struct ChangePasswordInput {
    /// The password so far. `BAD_USER_INPUT` names this field where it is wrong.
    current_password: String,
    /// The one from now on; the rules of registration hold.
    new_password: String,
}

/// A new login.
#[derive(SimpleObject)]
pub struct LoginPayload {
    /// The token for the `Authorization` header: `Token <token>` or `Bearer <token>`. It is
    /// shown this once. It is good until logout, `revokeSession`, a change of password,
    /// deactivation, or 180 days (a setting of the server) without use.
    token: String,
    /// Who logged in.
    user: User,
}

impl From<accounts::Login> for LoginPayload {
    fn from(login: accounts::Login) -> Self {
        Self {
            token: login.token,
            user: login.user.into(),
        }
    }
}

/// Changes of accounts.
#[derive(Default)]
pub struct AccountMutations;

#[Object]
impl AccountMutations {
    /// Makes an account with an empty profile that follows the default alarm scenario, if there
    /// is one. Needs no login, and does not log in. `BAD_USER_INPUT` lists every wrong field, a
    /// username that is taken among them.
    async fn register(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The new account.")] input: RegisterInput,
    ) -> Result<User> {
        let input = accounts::Registration {
            username: input.username,
            email: input.email,
            password: input.password,
            language: input.language.into(),
        };
        Ok(accounts::register(ctx.app()?, ctx.check(), input)
            .await?
            .into())
    }

    /// Logs in. Needs no login. `UNAUTHENTICATED` alike for an unknown user, a wrong password
    /// and a deactivated user; `RATE_LIMITED` while too many log in at once.
    async fn login(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who.")] input: LoginInput,
    ) -> Result<LoginPayload> {
        let login =
            accounts::login(ctx.app()?, ctx.check(), &input.username, input.password).await?;
        Ok(login.into())
    }

    /// Ends the login session this request came with: the token is worth nothing any more, and
    /// its sockets and event streams end.
    async fn logout(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "End every login session of the caller.", default = false)]
        everywhere: bool,
    ) -> Result<bool> {
        accounts::logout(ctx.app()?, &ctx.viewer(), everywhere).await?;
        Ok(true)
    }

    /// Changes the caller's password. Every login session ends, this one too; the answer holds a
    /// new one. `BAD_USER_INPUT` for a wrong password so far, or a new one that won't do.
    async fn change_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The old and the new one.")] input: ChangePasswordInput,
    ) -> Result<LoginPayload> {
        let login = accounts::change_password(
            ctx.app()?,
            &ctx.viewer(),
            input.current_password,
            input.new_password,
        )
        .await?;
        Ok(login.into())
    }

    /// Ends one of the caller's login sessions, as of a lost phone. `NOT_FOUND` where the caller
    /// has no such session.
    async fn revoke_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The session's id.")] id: ID,
    ) -> Result<bool> {
        let id = scalars::id(&id, Noun::Session)?;
        accounts::revoke_session(ctx.app()?, &ctx.viewer(), id).await?;
        Ok(true)
    }
}
