//! The talk with the assistant, both sides of it stored.

use std::sync::Arc;

use entity::chat_message::{self as message, Sender};
use entity::chat_session::{self as session, SessionType};
use entity::user;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect, sea_query::Expr,
};

use crate::app::App;
use crate::assistant::{Source, Speaker, Turn};
use crate::auth::{UserRef, Viewer};
use crate::domain::input::Check;
use crate::domain::users;
use crate::error::{Error, Noun, Result};
use crate::language::Language;

/// The longest question, in characters.
const QUESTION_LENGTH: usize = 4000;
/// Earlier messages given to the model at most.
const CONTEXT: u64 = 20;

/// An answer of the assistant, stored.
pub struct Answer {
    /// What answered.
    pub source: Source,
    /// The stored message.
    pub message: message::Model,
}

/// Asks the assistant, for the caller alone. Question and answer are stored, the answer even
/// if the caller hangs up meanwhile.
///
/// # Errors
/// `FORBIDDEN` for anybody else, admins included; `NOT_FOUND` for an admin's unknown id;
/// `BAD_USER_INPUT` for a blank or too long text.
pub async fn ask(
    app: &Arc<App>,
    viewer: &Viewer,
    subject: UserRef,
    mut check: Check,
    text: &str,
) -> Result<Answer> {
    let user_id = users::own(app, viewer, subject).await?;
    let text = check.required("text", Some(text), QUESTION_LENGTH);
    check.finish()?;
    let language = Language::from_code(&viewer.person()?.user.language);

    let tx = app.db.write().await?;
    let session_id = open(app, &tx, user_id).await?;
    let mut history = message::Entity::find()
        .filter(message::Column::SessionId.eq(session_id))
        .order_by_desc(message::Column::Id)
        .limit(CONTEXT)
        .all(&tx)
        .await?;
    history.reverse();
    store(
        app,
        &tx,
        session_id,
        Sender::User,
        Some(user_id),
        text.clone(),
    )
    .await?;
    tx.commit().await?;

    let app = app.clone();
    // On its own, so that it is finished and stored when the phone goes to sleep.
    tokio::spawn(async move {
        let history: Vec<Turn> = history
            .into_iter()
            .map(|message| Turn {
                speaker: match message.sender {
                    Sender::User => Speaker::User,
                    Sender::Gpt | Sender::System => Speaker::Assistant,
                },
                text: message.message,
            })
            .collect();
        let reply = app.assistant.reply(&history, &text, language).await;
        let sender = match reply.source {
            Source::Model => Sender::Gpt,
            Source::Guide => Sender::System,
        };
        let tx = app.db.write().await?;
        let message = store(&app, &tx, session_id, sender, None, reply.text).await?;
        tx.commit().await?;
        Ok(Answer {
            source: reply.source,
            message,
        })
    })
    .await
    .map_err(|error| Error::Internal(anyhow::anyhow!("an answer was not finished: {error}")))?
}

/// The open session with the assistant, made where there is none. The user's row is locked, so
/// that two questions at once don't open two.
async fn open(app: &App, tx: &impl ConnectionTrait, user_id: i64) -> Result<i64> {
    user::Entity::find_by_id(user_id)
        .lock_exclusive()
        .one(tx)
        .await?
        .ok_or(Error::NotFound(Noun::User))?;
    let found = session::Entity::find()
        .filter(session::Column::UserId.eq(user_id))
        .filter(session::Column::SessionType.eq(SessionType::Gpt))
        .filter(session::Column::EndedAt.is_null())
        .one(tx)
        .await?;
    if let Some(found) = found {
        return Ok(found.id);
    }
    let made = session::ActiveModel {
        user_id: Set(user_id),
        session_type: Set(SessionType::Gpt),
        started_at: Set(app.clock.now()),
        last_message_id: Set(0),
        ..Default::default()
    }
    .insert(tx)
    .await?;
    Ok(made.id)
}

async fn store(
    app: &App,
    tx: &impl ConnectionTrait,
    session_id: i64,
    sender: Sender,
    author_id: Option<i64>,
    text: String,
) -> Result<message::Model> {
    let now = app.clock.now();
    let stored = message::ActiveModel {
        session_id: Set(session_id),
        sender: Set(sender),
        from_admin: Set(false),
        author_id: Set(author_id),
        message: Set(text),
        timestamp: Set(now),
        // Nobody waits for it on a socket.
        delivered_at: Set(Some(now)),
        ..Default::default()
    }
    .insert(tx)
    .await?;
    session::Entity::update_many()
        .col_expr(session::Column::LastMessageId, Expr::value(stored.id))
        .filter(session::Column::Id.eq(session_id))
        .exec(tx)
        .await?;
    Ok(stored)
}
