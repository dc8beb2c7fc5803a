//! Accounts: registration, login, logout, passwords, login sessions.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use entity::{alarm_scenario, profile, session, user};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseConnection,
    EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, SqlErr,
};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization;

use crate::app::App;
use crate::auth::{self, Identity, UserRef, Viewer};
use crate::db::in_time;
use crate::domain::input::Check;
use crate::domain::users::{by_username, fold, username_taken};
use crate::error::{Error, Noun, Problem, Result, Unauthenticated};
use crate::events::{Event, Topic};
use crate::language::Language;

/// The longest username, as in the old server.
const USERNAME_LENGTH: usize = 150;
/// The shortest password, in characters.
const PASSWORD_LEAST: usize = 8;
/// The longest password, in bytes.
const PASSWORD_MOST: usize = 1024;
/// Names that mean something else in paths or to people.
const RESERVED: [&str; 3] = ["admin", "me", "system"];
/// How exactly the last use of a token is kept: a write per request would be waste.
const LAST_USE_STEP: TimeDelta = TimeDelta::hours(1);
/// How often a connection that stays open looks, without having been told, whether its login
/// session still is: another node may have ended it.
pub const RECHECK: Duration = Duration::from_secs(30);
/// Last uses that a process writes down at one time.
const LAST_USES: usize = 2;

/// The places of those that are written down at one time.
#[derive(Clone)]
pub struct LastUses(Arc<Semaphore>);

impl Default for LastUses {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LAST_USES)))
    }
}

/// What somebody types to register.
pub struct Registration {
    /// The name to log in with.
    pub username: String,
    /// Where haven writes to.
    pub email: String,
    /// The password, spaces kept.
    pub password: String,
    /// The language of what haven writes.
    pub language: Language,
}

/// Makes an account with an empty profile, which follows the default alarm scenario.
///
/// # Errors
/// `BAD_USER_INPUT` with every wrong field.
pub async fn register(app: &App, check: Check, input: Registration) -> Result<user::Model> {
    create(app, check, input, false).await
}

/// Makes an account, an admin's where `admin` is set; the command line calls it so.
///
/// # Errors
/// As [`register`].
pub async fn create(
    app: &App,
    mut check: Check,
    input: Registration,
    admin: bool,
) -> Result<user::Model> {
    let username: String = input.username.nfkc().collect();
    let username = check.required("username", Some(&username), USERNAME_LENGTH);
    if !check.refused("username") {
        if !username
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '@' | '.' | '+' | '-' | '_'))
        {
            check.refuse(
                "username",
                Problem::Other(
                    "Enter a valid username. This value may contain only letters, numbers, \
                     and @/./+/-/_ characters.",
                ),
            );
        } else if (!admin && RESERVED.contains(&fold(&username).as_str()))
            || by_username_fold_exists(app, &username).await?
        {
            check.refuse("username", username_taken().problem);
        }
    }
    let email = check.email("email", Some(&input.email));
    check_password(
        app,
        &mut check,
        "password",
        &input.password,
        &username,
        &email,
    );
    check.finish()?;

    let password_hash = app.passwords.hash(input.password).await?;
    let tx = app.db.write().await?;
    let inserted = user::ActiveModel {
        username_fold: Set(fold(&username)),
        username: Set(username),
        email: Set(email),
        password_hash: Set(password_hash),
        is_admin: Set(admin),
        is_active: Set(true),
        language: Set(input.language.code().to_owned()),
        joined_at: Set(app.clock.now()),
        ..Default::default()
    }
    .insert(&tx)
    .await;
    let user = match inserted {
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
            return Err(Error::Invalid(vec![username_taken()]));
        }
        other => other?,
    };
    let scenario = alarm_scenario::Entity::find()
        .filter(alarm_scenario::Column::IsDefault.eq(true))
        .one(&tx)
        .await?;
    profile::ActiveModel {
        user_id: Set(user.id),
        location: Set(String::new()),
        military_status: Set(false),
        scenario_id: Set(scenario.map(|scenario| scenario.id)),
        ..Default::default()
    }
    .insert(&tx)
    .await?;
    tx.commit().await?;
    Ok(user)
}

async fn by_username_fold_exists(app: &App, username: &str) -> Result<bool> {
    Ok(user::Entity::find()
        .filter(user::Column::UsernameFold.eq(fold(username)))
        .one(app.db.read())
        .await?
        .is_some())
}

fn check_password(
    app: &App,
    check: &mut Check,
    field: &'static str,
    password: &str,
    username: &str,
    email: &str,
) {
    let problem = if password.is_empty() {
        Problem::Blank
    } else if password.contains('\0') {
        Problem::NullCharacter
    } else if password.chars().count() < PASSWORD_LEAST {
        Problem::Other("This password is too short. It must contain at least 8 characters.")
    } else if password.len() > PASSWORD_MOST {
        Problem::Other("This password is too long. It must contain at most 1024 bytes.")
    } else if fold(password) == fold(username) {
        Problem::Other("The password is too similar to the username.")
    } else if fold(password) == fold(email) {
        Problem::Other("The password is too similar to the email.")
    } else if app.passwords.refused(password) {
        Problem::Other("This password is too common.")
    } else {
        return;
    };
    check.refuse(field, problem);
}

/// A new login: the token, shown this once, and whose it is.
pub struct Login {
    /// 40 hexadecimal characters.
    pub token: String,
    /// Who logged in.
    pub user: user::Model,
}

/// Logs in by username and password, with a token of its own for each login.
///
/// # Errors
/// `BAD_USER_INPUT` where one is blank; `UNAUTHENTICATED` alike and in the same time for an
/// unknown user, a wrong password and a deactivated account.
pub async fn login(app: &App, mut check: Check, username: &str, password: String) -> Result<Login> {
    for (field, value) in [("username", username), ("password", password.as_str())] {
        if value.is_empty() || (field == "username" && value.trim().is_empty()) {
            check.refuse(field, Problem::Blank);
        } else if value.contains('\0') {
            check.refuse(field, Problem::NullCharacter);
        }
    }
    check.finish()?;
    let username: String = username.trim().nfkc().collect();
    let user = if username.chars().count() <= USERNAME_LENGTH {
        by_username(app, &username).await?
    } else {
        None
    };
    // Too long to be anybody's, and not worth hashing at length.
    let (password, user) = if password.len() > PASSWORD_MOST {
        (String::new(), None)
    } else {
        (password, user)
    };
    let stored = user.as_ref().map(|user| user.password_hash.clone());
    let right = app.passwords.verify(password, stored).await?;
    let user = user
        .filter(|user| right && user.is_active)
        .ok_or(Error::Unauthenticated(Unauthenticated::WrongCredentials))?;
    let tx = app.db.write().await?;
    // Checking took its time: a password that was changed meanwhile opens nothing any more. The
    // lock makes a change that begins now wait, and end this session too.
    let user = user::Entity::find_by_id(user.id)
        .lock_shared()
        .one(&tx)
        .await?
        .filter(|now| now.is_active && now.password_hash == user.password_hash)
        .ok_or(Error::Unauthenticated(Unauthenticated::WrongCredentials))?;
    session::Entity::delete_many()
        .filter(session::Column::UserId.eq(user.id))
        .filter(session::Column::LastUsedAt.lt(oldest_use(app)))
        .exec(&tx)
        .await?;
    let token = open_session(app, &tx, user.id).await?;
    tx.commit().await?;
    Ok(Login { token, user })
}

async fn open_session(app: &App, db: &impl ConnectionTrait, user_id: i64) -> Result<String> {
    let token = auth::new_secret()?;
    let now = app.clock.now();
    session::ActiveModel {
        user_id: Set(user_id),
        token_hash: Set(auth::fingerprint(&token)),
        created_at: Set(now),
        last_used_at: Set(now),
        ..Default::default()
    }
    .insert(db)
    .await?;
    Ok(token)
}

/// A token last used before then is worth nothing.
fn oldest_use(app: &App) -> DateTime<Utc> {
    app.clock.now() - TimeDelta::days(app.config.session_days)
}

/// Who holds this token. One statement, and at most about once an hour a second one beside the
/// request.
///
/// # Errors
/// Only the database's; a bad token is nobody, with the reason.
pub async fn authenticate(app: &App, token: &str) -> Result<Viewer> {
    holder(app, app.db.read(), token).await
}

/// As [`authenticate`], on the connections kept for alarms: for a request that belongs to one,
/// which may not wait behind others.
///
/// # Errors
/// As [`authenticate`].
pub async fn authenticate_alarm(app: &App, token: &str) -> Result<Viewer> {
    holder(app, app.db.alarms(), token).await
}

async fn holder(app: &App, db: &DatabaseConnection, token: &str) -> Result<Viewer> {
    let found = session::Entity::find()
        .find_also_related(user::Entity)
        .filter(session::Column::TokenHash.eq(auth::fingerprint(token)))
        .one(db);
    let Some((session, Some(user))) = in_time(found).await? else {
        return Ok(Viewer::Nobody(Unauthenticated::InvalidToken));
    };
    Ok(admit(app, &session, user))
}

/// Whether a login session is still good, for connections that outlive a request.
///
/// # Errors
/// Only the database's.
pub async fn still(app: &App, viewer: &Viewer) -> Result<Viewer> {
    match viewer.person() {
        Ok(identity) => resume(app, identity.session_id).await,
        Err(_) => Ok(viewer.clone()),
    }
}

/// Who holds this login session.
///
/// # Errors
/// Only the database's; a session that ended is nobody's.
pub async fn resume(app: &App, session_id: i64) -> Result<Viewer> {
    let found = session::Entity::find_by_id(session_id)
        .find_also_related(user::Entity)
        .one(app.db.read());
    let Some((session, Some(user))) = in_time(found).await? else {
        return Ok(Viewer::Nobody(Unauthenticated::InvalidToken));
    };
    Ok(admit(app, &session, user))
}

fn admit(app: &App, session: &session::Model, user: user::Model) -> Viewer {
    if session.last_used_at < oldest_use(app) {
        return Viewer::Nobody(Unauthenticated::InvalidToken);
    }
    if !user.is_active {
        return Viewer::Nobody(Unauthenticated::Inactive);
    }
    if app.clock.now() - session.last_used_at > LAST_USE_STEP {
        write_last_use(app, session);
    }
    Viewer::Person(Arc::new(Identity {
        user,
        session_id: session.id,
    }))
}

/// Writes down that a login session is used, beside the request, which may be an alarm and waits
/// for no write of ours. Where too much of that is going on already, the next request does it.
fn write_last_use(app: &App, session: &session::Model) {
    let Ok(place) = app.last_uses.0.clone().try_acquire_owned() else {
        return;
    };
    let used = session::Entity::update_many()
        .set(session::ActiveModel {
            last_used_at: Set(app.clock.now()),
            ..Default::default()
        })
        .filter(session::Column::Id.eq(session.id))
        // What another request has written down meanwhile is as good.
        .filter(session::Column::LastUsedAt.eq(session.last_used_at));
    let db = app.db.read().clone();
    tokio::spawn(async move {
        let _place = place;
        if let Err(error) = used.exec(&db).await {
            tracing::warn!(%error, "the last use of a login session could not be written down");
        }
    });
}

/// Ends the caller's login session, or all of them.
///
/// # Errors
/// `UNAUTHENTICATED`.
pub async fn logout(app: &App, viewer: &Viewer, everywhere: bool) -> Result<()> {
    let caller = viewer.person()?;
    let mut delete =
        session::Entity::delete_many().filter(session::Column::UserId.eq(caller.user.id));
    if !everywhere {
        delete = delete.filter(session::Column::Id.eq(caller.session_id));
    }
    delete.exec(app.db.read()).await?;
    ended(app, caller.user.id);
    Ok(())
}

/// Ends one of the caller's login sessions.
///
/// # Errors
/// `NOT_FOUND` where the caller has no such session.
pub async fn revoke_session(app: &App, viewer: &Viewer, id: i64) -> Result<()> {
    let caller = viewer.person()?;
    let deleted = session::Entity::delete_many()
        .filter(session::Column::UserId.eq(caller.user.id))
        .filter(session::Column::Id.eq(id))
        .exec(app.db.read())
        .await?;
    if deleted.rows_affected == 0 {
        return Err(Error::NotFound(Noun::Session));
    }
    ended(app, caller.user.id);
    Ok(())
}

/// The caller's own login sessions, oldest first.
///
/// # Errors
/// `FORBIDDEN` for anybody else's, admins included.
pub async fn sessions(app: &App, viewer: &Viewer, user_id: i64) -> Result<Vec<session::Model>> {
    viewer.owner(UserRef::Id(user_id))?;
    Ok(session::Entity::find()
        .filter(session::Column::UserId.eq(user_id))
        .filter(session::Column::LastUsedAt.gte(oldest_use(app)))
        .order_by_asc(session::Column::Id)
        .all(app.db.read())
        .await?)
}

/// Changes the caller's password. Every login session ends; the answer holds a new one.
///
/// # Errors
/// `BAD_USER_INPUT` where the current password is wrong or the new one is not acceptable.
pub async fn change_password(
    app: &App,
    viewer: &Viewer,
    current: String,
    new: String,
) -> Result<Login> {
    let caller = viewer.person()?;
    let mut check = Check::default();
    check_password(
        app,
        &mut check,
        "newPassword",
        &new,
        &caller.user.username,
        &caller.user.email,
    );
    let right = current.len() <= PASSWORD_MOST
        && app
            .passwords
            .verify(current, Some(caller.user.password_hash.clone()))
            .await?;
    if !right {
        check.refuse("currentPassword", Problem::Other("The password is wrong."));
    }
    check.finish()?;
    let password_hash = app.passwords.hash(new).await?;
    let tx = app.db.write().await?;
    let mut change = caller.user.clone().into_active_model();
    change.password_hash = Set(password_hash);
    let user = change.update(&tx).await?;
    session::Entity::delete_many()
        .filter(session::Column::UserId.eq(user.id))
        .exec(&tx)
        .await?;
    let token = open_session(app, &tx, user.id).await?;
    tx.commit().await?;
    ended(app, user.id);
    Ok(Login { token, user })
}

fn ended(app: &App, user_id: i64) {
    app.events
        .publish(Topic::Sessions(user_id), Event::SessionsEnded);
}
