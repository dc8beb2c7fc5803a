//! The talk with the assistant, both sides of it stored.
//!
//! An answer is a job of its own, a row from the question on: it goes on when the phone sleeps,
//! is stored as a message exactly once, and whoever comes back goes on where they were.

mod answers;
mod follow;
mod known;

use std::sync::Arc;

use entity::assistant_answer::{self as answer, AnswerState};
use entity::chat_message::{self as message, Sender};
use entity::chat_session::{self as session, SessionType};
use entity::user;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, sea_query::Expr,
};

use crate::app::App;
use crate::assistant::{Question, Source, Speaker, Turn};
use crate::auth::{UserRef, Viewer};
use crate::domain::input::Check;
use crate::domain::users;
use crate::error::{Error, Noun, Problem, Result};
use crate::language::Language;

pub use answers::{Answers, finish_overdue, mend};
pub use follow::{Chunk, Cursor, follow, reply};

/// The longest question, in characters.
const QUESTION_LENGTH: usize = 4000;
/// The longest key that a client gives a question, in characters.
const CLIENT_ID_LENGTH: usize = 64;
/// Earlier messages given to the model at most.
const CONTEXT: u64 = 20;
/// Answers that the model writes for one user at one time; beyond them the guide answers.
const AT_ONCE: u64 = 2;
/// How much longer than the model may take an answer may be under way, in seconds, before
/// others finish it: the time to store it, and clocks that differ.
const GRACE: i64 = 5;

/// An answer of the assistant, stored.
pub struct Answer {
    /// What answered.
    pub source: Source,
    /// The stored message.
    pub message: message::Model,
}

/// Asks the assistant, for the caller alone, and waits for the answer. Question and answer are
/// stored, the answer even if the caller hangs up meanwhile.
///
/// # Errors
/// `FORBIDDEN` for anybody else, admins included; `NOT_FOUND` for an admin's unknown id;
/// `BAD_USER_INPUT` for a blank or too long text.
pub async fn ask(
    app: &Arc<App>,
    viewer: &Viewer,
    subject: UserRef,
    check: Check,
    text: &str,
) -> Result<Answer> {
    match begin(app, viewer, subject, check, text, None).await? {
        Begun::New(job, question) => answers::start(app, job, question).await.map_err(|error| {
            Error::Internal(anyhow::anyhow!("an answer was not finished: {error}"))
        })?,
        Begun::Before(_) => Err(Error::Internal(anyhow::anyhow!(
            "a question without a key was taken for another"
        ))),
    }
}

/// A question that was stored.
enum Begun {
    /// Its answer has to be written.
    New(answer::Model, Question),
    /// It was stored before, under the same key.
    Before(answer::Model),
}

/// Stores the question, and what its answer begins with.
async fn begin(
    app: &Arc<App>,
    viewer: &Viewer,
    subject: UserRef,
    mut check: Check,
    text: &str,
    client_id: Option<&str>,
) -> Result<Begun> {
    let user_id = users::own(app, viewer, subject).await?;
    let text = check.required("text", Some(text), QUESTION_LENGTH);
    if let Some(client_id) = client_id {
        check.required("clientId", Some(client_id), CLIENT_ID_LENGTH);
    }
    check.finish()?;
    let user = &viewer.person()?.user;
    let known = known::of(app, user).await?;
    let now = app.clock.now();

    let tx = app.db.write().await?;
    let session_id = open(app, &tx, user_id).await?;
    if let Some(client_id) = client_id
        && let Some(before) = asked_before(&tx, user_id, client_id).await?
    {
        return Ok(Begun::Before(before));
    }
    let mut history = message::Entity::find()
        .filter(message::Column::SessionId.eq(session_id))
        .order_by_desc(message::Column::Id)
        .limit(CONTEXT)
        .all(&tx)
        .await?;
    history.reverse();
    let crises = answer::Entity::find()
        .filter(answer::Column::SessionId.eq(session_id))
        .filter(answer::Column::Crisis.eq(true));
    let question = Question {
        history: history
            .into_iter()
            .map(|message| Turn {
                speaker: match message.sender {
                    Sender::User => Speaker::User,
                    Sender::Gpt | Sender::System => Speaker::Assistant,
                },
                text: message.message,
            })
            .collect(),
        text,
        language: Language::from_code(&user.language),
        country: known.country,
        private: known.private,
        in_crisis: crises.one(&tx).await?.is_some(),
        ask_model: app.assistant.has_model() && within_bounds(app, &tx, user_id).await?,
    };
    let asked = store(
        app,
        &tx,
        session_id,
        (Sender::User, Some(user_id)),
        question.text.clone(),
        client_id.map(|key| key.trim().to_owned()),
    )
    .await?;
    let patience = i64::try_from(app.config.assistant_timeout).unwrap_or(600) + GRACE;
    let job = answer::ActiveModel {
        user_id: Set(user_id),
        session_id: Set(session_id),
        question_id: Set(asked.id),
        state: Set(AnswerState::Writing),
        crisis: Set(question.is_crisis()),
        by_model: Set(question.ask_model),
        revision: Set(0),
        text: Set(question.opening()),
        created_at: Set(now),
        due_at: Set(now + chrono::TimeDelta::seconds(patience)),
        ..Default::default()
    }
    .insert(&tx)
    .await?;
    tx.commit().await?;
    Ok(Begun::New(job, question))
}

/// The answer to what this user asked under this key.
async fn asked_before(
    tx: &impl ConnectionTrait,
    user_id: i64,
    client_id: &str,
) -> Result<Option<answer::Model>> {
    let asked = message::Entity::find()
        .filter(message::Column::AuthorId.eq(user_id))
        .filter(message::Column::ClientId.eq(client_id.trim()))
        .one(tx)
        .await?;
    let Some(asked) = asked else {
        return Ok(None);
    };
    answer::Entity::find()
        .filter(answer::Column::QuestionId.eq(asked.id))
        .one(tx)
        .await?
        .map(Some)
        .ok_or_else(|| Error::field("clientId", Problem::Other("It names another message.")))
}

/// Whether the model may write one more answer for this user. Read while the user's row is
/// locked, so that two questions at once count each other.
async fn within_bounds(app: &App, tx: &impl ConnectionTrait, user_id: i64) -> Result<bool> {
    let now = app.clock.now();
    let recent = answer::Entity::find()
        .filter(answer::Column::UserId.eq(user_id))
        .filter(answer::Column::ByModel.eq(true));
    let this_hour = recent
        .clone()
        .filter(answer::Column::CreatedAt.gt(now - chrono::TimeDelta::hours(1)))
        .count(tx)
        .await?;
    if this_hour >= u64::from(app.config.assistant_per_user) {
        return Ok(false);
    }
    let under_way = recent
        .filter(answer::Column::State.eq(AnswerState::Writing))
        .filter(answer::Column::DueAt.gt(now))
        .count(tx)
        .await?;
    Ok(under_way < AT_ONCE)
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
    (sender, author_id): (Sender, Option<i64>),
    text: String,
    client_id: Option<String>,
) -> Result<message::Model> {
    let now = app.clock.now();
    let stored = message::ActiveModel {
        session_id: Set(session_id),
        sender: Set(sender),
        from_admin: Set(false),
        author_id: Set(author_id),
        message: Set(text),
        client_id: Set(client_id),
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
