//! Users as others see them: reaching one, listing them, and the switches admins hold.

use std::sync::Arc;

use entity::user;
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, Condition, EntityTrait, ExprTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QuerySelect,
    sea_query::{Expr, Func, LikeExpr},
};

use crate::app::App;
use crate::auth::{UserRef, Viewer};
use crate::domain::page::{self, Direction, Page, Slice};
use crate::error::{Error, FieldError, Noun, Problem, Result};
use crate::events::{Event, Topic};

/// The id of a user whose things the viewer may read and change: the viewer itself, or, for
/// an admin, anybody who exists.
///
/// # Errors
/// `FORBIDDEN` for everybody else, whether or not the user exists; `NOT_FOUND` for an admin's
/// unknown id.
pub async fn reach(app: &App, viewer: &Viewer, subject: UserRef) -> Result<i64> {
    let caller = viewer.person()?;
    let id = subject.id(caller);
    if id != caller.user.id {
        find(app, viewer, subject).await?;
    }
    Ok(id)
}

/// The caller's id, where `subject` names the caller: for what even admins may do only for
/// themselves.
///
/// # Errors
/// `FORBIDDEN` for anybody else's id; `NOT_FOUND` where an admin names an id nobody has.
pub async fn own(app: &App, viewer: &Viewer, subject: UserRef) -> Result<i64> {
    match viewer.owner(subject) {
        Ok(caller) => Ok(caller.user.id),
        Err(Error::Forbidden) => {
            find(app, viewer, subject).await?;
            Err(Error::Forbidden)
        }
        Err(error) => Err(error),
    }
}

/// Whether the viewer may see what is personal of this user: the user itself and admins may.
/// Asks the database nothing.
///
/// # Errors
/// `UNAUTHENTICATED`; `FORBIDDEN` for everybody else.
pub fn may_see(viewer: &Viewer, user_id: i64) -> Result<()> {
    let caller = viewer.person()?;
    if caller.user.is_admin || caller.user.id == user_id {
        Ok(())
    } else {
        Err(Error::Forbidden)
    }
}

/// The user itself, where the viewer may reach it.
///
/// # Errors
/// As [`reach`].
pub async fn find(app: &App, viewer: &Viewer, subject: UserRef) -> Result<user::Model> {
    let caller = viewer.person()?;
    let id = subject.id(caller);
    if id == caller.user.id {
        return Ok(caller.user.clone());
    }
    if !caller.user.is_admin {
        return Err(Error::Forbidden);
    }
    user::Entity::find_by_id(id)
        .one(app.db.read())
        .await?
        .ok_or(Error::NotFound(Noun::User))
}

/// All users by id, for admins; `search` is the beginning of a username or an email address.
///
/// # Errors
/// `FORBIDDEN` for everybody else.
pub async fn list(
    app: &App,
    viewer: &Viewer,
    search: Option<&str>,
    page: Page,
) -> Result<Slice<user::Model>> {
    viewer.admin()?;
    let mut select = user::Entity::find();
    if let Some(search) = search.map(str::trim).filter(|text| !text.is_empty()) {
        if search.contains('\0') {
            return Err(Error::field("search", Problem::NullCharacter));
        }
        let pattern: String = search
            .to_lowercase()
            .chars()
            .flat_map(|c| {
                let escape = matches!(c, '%' | '_' | '\\').then_some('\\');
                escape.into_iter().chain([c])
            })
            .chain(['%'])
            .collect();
        let like = LikeExpr::new(pattern).escape('\\');
        select = select.filter(
            Condition::any()
                .add(user::Column::UsernameFold.like(like.clone()))
                .add(Expr::expr(Func::lower(Expr::col(user::Column::Email))).like(like)),
        );
    }
    page::read(
        app.db.read(),
        select,
        user::Column::Id,
        Direction::Ascending,
        page,
    )
    .await
}

/// Switches of an account that only admins may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    /// Whether the user can log in.
    Active(bool),
    /// Whether the user is an admin.
    Admin(bool),
}

/// Sets a switch of an account. What is taken away ends open sockets at once.
///
/// # Errors
/// `FORBIDDEN` for all but admins; `NOT_FOUND`; `CONFLICT` where no active admin would be left.
pub async fn set(
    app: &Arc<App>,
    viewer: &Viewer,
    subject: UserRef,
    switch: Switch,
) -> Result<user::Model> {
    let caller = viewer.admin()?;
    let id = subject.id(caller);
    let tx = app.db.write().await?;
    // Every admin's row is locked, so that two admins can't remove each other at once.
    let admins = user::Entity::find()
        .filter(user::Column::IsAdmin.eq(true))
        .filter(user::Column::IsActive.eq(true))
        .lock_exclusive()
        .all(&tx)
        .await?;
    let user = user::Entity::find_by_id(id)
        .one(&tx)
        .await?
        .ok_or(Error::NotFound(Noun::User))?;
    let takes_away = matches!(switch, Switch::Active(false) | Switch::Admin(false));
    if takes_away && admins.iter().all(|admin| admin.id == id) {
        return Err(Error::Conflict("At least one active admin has to be left."));
    }
    let mut change = user.into_active_model();
    match switch {
        Switch::Active(active) => change.is_active = Set(active),
        Switch::Admin(admin) => change.is_admin = Set(admin),
    }
    let user = change.update(&tx).await?;
    tx.commit().await?;
    if takes_away {
        app.events
            .publish(Topic::Sessions(id), Event::SessionsEnded);
    }
    Ok(user)
}

/// The user with this name: exactly, or without regard to case where that is one user.
///
/// # Errors
/// The database's.
pub async fn by_username(app: &App, username: &str) -> Result<Option<user::Model>> {
    let mut users = user::Entity::find()
        .filter(user::Column::UsernameFold.eq(fold(username)))
        .all(app.db.read())
        .await?;
    if let Some(exact) = users.iter().position(|user| user.username == username) {
        return Ok(Some(users.swap_remove(exact)));
    }
    Ok(users.pop().filter(|_| users.is_empty()))
}

/// What two spellings of a username have in common.
#[must_use]
pub fn fold(username: &str) -> String {
    username.to_lowercase()
}

/// Makes an existing user an admin, from the command line.
///
/// # Errors
/// `NOT_FOUND` where nobody has that name.
pub async fn promote(app: &App, username: &str) -> Result<user::Model> {
    let user = by_username(app, username)
        .await?
        .ok_or(Error::NotFound(Noun::User))?;
    let mut change = user.into_active_model();
    change.is_admin = Set(true);
    Ok(change.update(app.db.read()).await?)
}

/// Every admin, from the command line.
///
/// # Errors
/// The database's.
pub async fn admins(app: &App) -> Result<Vec<user::Model>> {
    Ok(user::Entity::find()
        .filter(user::Column::IsAdmin.eq(true))
        .all(app.db.read())
        .await?)
}

/// Whether any account exists yet.
///
/// # Errors
/// The database's.
pub async fn any(app: &App) -> Result<bool> {
    Ok(user::Entity::find().limit(1).count(app.db.read()).await? > 0)
}

/// The error for a username that is taken.
#[must_use]
pub fn username_taken() -> FieldError {
    FieldError {
        field: "username",
        problem: Problem::Other("A user with that username already exists."),
    }
}
