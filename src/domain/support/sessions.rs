//! Chat sessions: reading and ending them.

use std::collections::HashMap;

use entity::chat_session::{self as session, SessionType};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, EntityTrait, IntoActiveModel,
    QueryFilter, QuerySelect, QueryTrait,
};

use crate::app::App;
use crate::auth::{UserRef, Viewer};
use crate::db::Db;
use crate::domain::page::{self, Direction, Page, Slice};
use crate::error::{Error, Noun, Result};

/// Every support conversation in which something was said, latest activity first, for admins.
///
/// # Errors
/// `FORBIDDEN` for everybody else.
pub async fn inbox(app: &App, viewer: &Viewer, page: Page) -> Result<Slice<session::Model>> {
    viewer.admin()?;
    let select = session::Entity::find()
        .filter(session::Column::SessionType.eq(SessionType::User))
        .filter(session::Column::LastMessageId.gt(0));
    page::read(
        app.db.read(),
        select,
        session::Column::LastMessageId,
        Direction::Descending,
        page,
    )
    .await
}

/// The support session of each of these users: the open one, else the last. Users who never
/// talked are missing. One statement for all; the callers' permission was checked where they
/// reached the users.
///
/// # Errors
/// Only the database's.
pub async fn current(db: &Db, user_ids: &[i64]) -> Result<HashMap<i64, session::Model>> {
    // The open one is the newest, because nobody can open another beside it.
    let newest = session::Entity::find()
        .select_only()
        .column_as(session::Column::Id.max(), "newest")
        .filter(session::Column::SessionType.eq(SessionType::User))
        .filter(session::Column::UserId.is_in(user_ids.iter().copied()))
        .group_by(session::Column::UserId)
        .into_query();
    Ok(session::Entity::find()
        .filter(session::Column::Id.in_subquery(newest))
        .all(db.read())
        .await?
        .into_iter()
        .map(|session| (session.user_id, session))
        .collect())
}

/// The caller's own sessions with the assistant, latest first.
///
/// # Errors
/// `FORBIDDEN` for anybody else's, admins included.
pub async fn assistant_chats(
    app: &App,
    viewer: &Viewer,
    user_id: i64,
    page: Page,
) -> Result<Slice<session::Model>> {
    viewer.owner(UserRef::Id(user_id))?;
    let select = session::Entity::find()
        .filter(session::Column::UserId.eq(user_id))
        .filter(session::Column::SessionType.eq(SessionType::Gpt));
    page::read(
        app.db.read(),
        select,
        session::Column::Id,
        Direction::Descending,
        page,
    )
    .await
}

/// Ends a chat session; what is said next begins another. The owner may, and an admin where it
/// is a support session. Ending an ended one changes nothing.
///
/// # Errors
/// `NOT_FOUND` alike where it does not exist and where the viewer may not see it.
pub async fn end(app: &App, viewer: &Viewer, id: i64) -> Result<session::Model> {
    let caller = &viewer.person()?.user;
    let mut mine = Condition::any().add(session::Column::UserId.eq(caller.id));
    if caller.is_admin {
        mine = mine.add(session::Column::SessionType.eq(SessionType::User));
    }
    let tx = app.db.write().await?;
    let session = session::Entity::find_by_id(id)
        .filter(mine)
        .lock_exclusive()
        .one(&tx)
        .await?
        .ok_or(Error::NotFound(Noun::ChatSession))?;
    if session.ended_at.is_some() {
        return Ok(session);
    }
    let mut change = session.into_active_model();
    change.ended_at = Set(Some(app.clock.now()));
    let session = change.update(&tx).await?;
    tx.commit().await?;
    Ok(session)
}
