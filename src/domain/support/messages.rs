//! Sending.

use std::sync::Arc;

use entity::chat_message::{self as message, Sender};
use entity::chat_session::{self as session, SessionType};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QuerySelect,
    SqlErr,
    sea_query::{Expr, OnConflict},
};
use uuid::Uuid;

use crate::app::App;
use crate::auth::{UserRef, Viewer};
use crate::domain::input::Check;
use crate::domain::users;
use crate::error::{Error, Problem, Result};
use crate::events::{Event, Topic};

/// The longest message, in characters.
const MESSAGE_LENGTH: usize = 4000;
/// The longest key that a client gives a message, in characters.
const CLIENT_ID_LENGTH: usize = 64;

/// A message, and whose conversation it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The stored message.
    pub row: message::Model,
    /// The person whose conversation it is.
    pub user_id: i64,
}

impl Message {
    /// Whether the person wrote it, and supporters are to get it. Everything else in a support
    /// conversation is for the person.
    pub(super) fn is_by_user(&self) -> bool {
        self.row.sender == Sender::User && !self.row.from_admin
    }
}

/// A message on its way into the database.
struct Draft {
    user_id: i64,
    author_id: i64,
    from_admin: bool,
    text: String,
    client_id: Option<String>,
    origin: Option<Uuid>,
}

/// Says something in a user's room: the user itself as the user, an admin in another's room as
/// a supporter. The text is kept as typed, and stored before anybody is told, even if the
/// caller hangs up meanwhile. Sent again with the same `client_id` by the same author, it is the
/// same message. `origin` names the connection it came over.
///
/// # Errors
/// `FORBIDDEN` for a user who names anybody else; `NOT_FOUND` for an admin's unknown user;
/// `BAD_USER_INPUT` for a `message` that is blank or longer than 4000 characters and for a
/// `clientId` that is blank or longer than 64; `CONFLICT` for a `clientId` used in another room.
pub async fn send(
    app: &Arc<App>,
    viewer: &Viewer,
    subject: UserRef,
    text: String,
    client_id: Option<String>,
    origin: Option<Uuid>,
) -> Result<Message> {
    let user_id = users::reach(app, viewer, subject).await?;
    let author_id = viewer.person()?.user.id;
    let mut check = Check::default();
    check_text(&mut check, "message", &text, MESSAGE_LENGTH);
    if let Some(client_id) = &client_id {
        check_text(&mut check, "clientId", client_id, CLIENT_ID_LENGTH);
    }
    check.finish()?;
    let draft = Draft {
        user_id,
        author_id,
        from_admin: author_id != user_id,
        text,
        client_id,
        origin,
    };
    let app = app.clone();
    // On its own, so that nothing comes between storing the message and telling of it.
    tokio::spawn(async move { store(&app, draft).await })
        .await
        .map_err(|error| Error::Internal(anyhow::anyhow!("a message was not finished: {error}")))?
}

fn check_text(check: &mut Check, field: &'static str, value: &str, max: usize) {
    if value.trim().is_empty() {
        check.refuse(field, Problem::Blank);
    } else if value.contains('\0') {
        check.refuse(field, Problem::NullCharacter);
    } else if value.chars().count() > max {
        check.refuse(field, Problem::TooLong(max));
    }
}

async fn store(app: &App, draft: Draft) -> Result<Message> {
    let user_id = draft.user_id;
    let _turn = app.rooms.turn(user_id).await;
    let tx = app.db.write().await?;
    // Ids are drawn while the row is locked, and so come in the order of the commits.
    let session_id = open_session(app, &tx, user_id).await?;
    if let Some(stored) = resent(&tx, &draft).await? {
        return Ok(stored);
    }
    let now = app.clock.now();
    let inserted = message::ActiveModel {
        session_id: Set(session_id),
        sender: Set(Sender::User),
        from_admin: Set(draft.from_admin),
        author_id: Set(Some(draft.author_id)),
        message: Set(draft.text),
        client_id: Set(draft.client_id),
        timestamp: Set(now),
        ..Default::default()
    }
    .insert(&tx)
    .await;
    let row = match inserted {
        // Only a message of the same author in another room, stored in this very moment.
        Err(error) if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) => {
            return Err(elsewhere());
        }
        other => other?,
    };
    let mut change = session::Entity::update_many()
        .col_expr(session::Column::LastMessageId, Expr::value(row.id))
        .filter(session::Column::Id.eq(session_id));
    if draft.from_admin {
        change = change.col_expr(session::Column::ReceiverId, Expr::value(draft.author_id));
    }
    change.exec(&tx).await?;
    let id = row.id;
    app.rooms.note_sent(draft.origin, id);
    if let Err(error) = tx.commit().await {
        app.rooms.forget_sent(draft.origin, id);
        return Err(error.into());
    }
    let event = Event::Message { id, user_id };
    app.events.publish(Topic::Support(user_id), event);
    app.events.publish(Topic::SupportDesk, event);
    Ok(Message { row, user_id })
}

/// The open session of a room, made where there is none, and locked.
async fn open_session(app: &App, tx: &DatabaseTransaction, user_id: i64) -> Result<i64> {
    if let Some(id) = lock_open(tx, user_id).await? {
        return Ok(id);
    }
    let opened = session::ActiveModel {
        user_id: Set(user_id),
        session_type: Set(SessionType::User),
        started_at: Set(app.clock.now()),
        last_message_id: Set(0),
        ..Default::default()
    };
    // Another node may be opening one, too; the index lets one of them.
    session::Entity::insert(opened)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    lock_open(tx, user_id)
        .await?
        .ok_or_else(|| Error::Internal(anyhow::anyhow!("a chat session did not open")))
}

async fn lock_open(tx: &impl ConnectionTrait, user_id: i64) -> Result<Option<i64>> {
    Ok(session::Entity::find()
        .filter(session::Column::UserId.eq(user_id))
        .filter(session::Column::SessionType.eq(SessionType::User))
        .filter(session::Column::EndedAt.is_null())
        .lock_exclusive()
        .one(tx)
        .await?
        .map(|session| session.id))
}

/// The message that this one is a resend of.
async fn resent(tx: &impl ConnectionTrait, draft: &Draft) -> Result<Option<Message>> {
    let Some(client_id) = &draft.client_id else {
        return Ok(None);
    };
    let Some(row) = message::Entity::find()
        .filter(message::Column::AuthorId.eq(draft.author_id))
        .filter(message::Column::ClientId.eq(client_id))
        .one(tx)
        .await?
    else {
        return Ok(None);
    };
    let session = session::Entity::find_by_id(row.session_id).one(tx).await?;
    match session {
        Some(session)
            if session.user_id == draft.user_id && session.session_type == SessionType::User =>
        {
            Ok(Some(Message {
                row,
                user_id: session.user_id,
            }))
        }
        _ => Err(elsewhere()),
    }
}

const fn elsewhere() -> Error {
    Error::Conflict("This clientId was used in another conversation.")
}
