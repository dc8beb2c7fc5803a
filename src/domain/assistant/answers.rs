//! Writing answers, and finishing what others left behind.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use entity::assistant_answer::{self as answer, AnswerState};
use entity::chat_message::{self as message, Sender};
use entity::user;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DbBackend, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder, QuerySelect,
};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Answer, known, store};
use crate::app::App;
use crate::assistant::{Progress, Question, Source, left_behind};
use crate::error::{Error, Noun, Result};
use crate::events::{Event, Topic};
use crate::language::Language;

/// How often answers that nobody finished are looked for.
const LOOK_AROUND: Duration = Duration::from_secs(2);
/// How many of them are read at once.
const BATCH: u64 = 100;

/// The answers that this process writes.
pub struct Answers {
    running: watch::Sender<usize>,
    closing: watch::Sender<bool>,
}

impl Default for Answers {
    fn default() -> Self {
        Self {
            running: watch::Sender::new(0),
            closing: watch::Sender::new(false),
        }
    }
}

impl Answers {
    /// From now on the guide finishes what is under way, at once.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Waits until this process writes none.
    pub async fn finished(&self) {
        let _ = self.running.subscribe().wait_for(|count| *count == 0).await;
    }
}

/// Counts an answer for as long as it is under way.
struct Running(Arc<App>);

impl Running {
    fn new(app: &Arc<App>) -> Self {
        app.answers.running.send_modify(|count| *count += 1);
        Self(app.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0
            .answers
            .running
            .send_modify(|count| *count = count.saturating_sub(1));
    }
}

/// Writes the answer, on its own, so that it is finished and stored when the phone goes to sleep.
pub(super) fn start(
    app: &Arc<App>,
    job: answer::Model,
    question: Question,
) -> JoinHandle<Result<Answer>> {
    let running = Running::new(app);
    let app = app.clone();
    tokio::spawn(async move {
        let _running = running;
        let written = write(&app, &job, &question).await;
        if let Err(error) = &written {
            // It is due some time, and then somebody else finishes it.
            tracing::error!(answer = job.id, %error, "an answer could not be finished");
        }
        written
    })
}

async fn write(app: &Arc<App>, job: &answer::Model, question: &Question) -> Result<Answer> {
    let mut draft = app.assistant.draft(question);
    let mut closing = app.answers.closing.subscribe();
    let last = loop {
        let next = tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => None,
            next = draft.next() => next,
        };
        let progress = next.unwrap_or_else(|| draft.hand_over());
        if let Some(source) = progress.source {
            break (progress, source);
        }
        if let Err(error) = note(app, job, &progress).await {
            // Whoever follows sees less on the way; the end is stored all the same.
            tracing::warn!(answer = job.id, %error, "an answer's progress could not be stored");
        }
    };
    let (progress, source) = last;
    finish(app, job.id, progress, source).await
}

/// Stores what may be shown so far, and tells whoever follows.
async fn note(app: &App, job: &answer::Model, progress: &Progress) -> Result<()> {
    answer::Entity::update_many()
        .col_expr(answer::Column::Text, Expr::value(progress.text.clone()))
        .col_expr(answer::Column::Revision, Expr::value(progress.revision))
        .col_expr(
            answer::Column::Crisis,
            Expr::value(job.crisis || progress.danger),
        )
        .filter(answer::Column::Id.eq(job.id))
        .filter(answer::Column::State.eq(AnswerState::Writing))
        .exec(app.db.read())
        .await?;
    app.events
        .publish(Topic::Assistant(job.user_id), Event::Answer(job.id));
    Ok(())
}

/// Stores the answer as a message, unless somebody has: then theirs is it.
async fn finish(app: &App, id: i64, progress: Progress, source: Source) -> Result<Answer> {
    let tx = app.db.write().await?;
    let job = answer::Entity::find_by_id(id)
        .lock_exclusive()
        .one(&tx)
        .await?
        .ok_or(Error::NotFound(Noun::ChatMessage))?;
    if let Some(message_id) = job.message_id {
        let message = message::Entity::find_by_id(message_id)
            .one(&tx)
            .await?
            .ok_or(Error::NotFound(Noun::ChatMessage))?;
        return Ok(Answer {
            source: source_of(&message),
            message,
        });
    }
    let sender = match source {
        Source::Model => Sender::Gpt,
        Source::Guide => Sender::System,
    };
    let user_id = job.user_id;
    let message = store(
        app,
        &tx,
        job.session_id,
        (sender, None),
        progress.text,
        None,
    )
    .await?;
    let crisis = job.crisis || progress.danger;
    let mut job = job.into_active_model();
    job.crisis = Set(crisis);
    job.message_id = Set(Some(message.id));
    job.state = Set(AnswerState::Done);
    job.revision = Set(progress.revision);
    job.text = Set(String::new());
    job.update(&tx).await?;
    tx.commit().await?;
    app.events
        .publish(Topic::Assistant(user_id), Event::Answer(id));
    Ok(Answer { source, message })
}

/// Who wrote a stored answer.
pub(super) const fn source_of(message: &message::Model) -> Source {
    match message.sender {
        Sender::Gpt => Source::Model,
        Sender::System | Sender::User => Source::Guide,
    }
}

/// Finishes by the guide, for ever, what nobody finished in time: whoever wrote it is gone. To be
/// called before this process answers anybody: on SQLite, which one process serves, whatever is
/// unfinished then was left behind, and is finished at once.
pub fn mend(app: Arc<App>) -> impl Future<Output = ()> + Send {
    let started = app.clock.now();
    async move {
        if app.db.read().get_database_backend() == DbBackend::Sqlite
            && let Err(error) = due(&app, started).await
        {
            tracing::warn!(%error, "answers left behind have to wait until they are due");
        }
        loop {
            if let Err(error) = finish_overdue(&app).await {
                tracing::warn!(%error, "overdue answers could not be finished");
            }
            tokio::time::sleep(LOOK_AROUND).await;
        }
    }
}

/// Makes due what was begun before, and not finished.
async fn due(app: &App, before: DateTime<Utc>) -> Result<()> {
    answer::Entity::update_many()
        .col_expr(answer::Column::DueAt, Expr::value(before))
        .filter(answer::Column::State.eq(AnswerState::Writing))
        .filter(answer::Column::CreatedAt.lt(before))
        .exec(app.db.read())
        .await?;
    Ok(())
}

/// Finishes what is overdue now; how many there were.
///
/// # Errors
/// Only the database's.
pub async fn finish_overdue(app: &App) -> Result<usize> {
    let overdue = answer::Entity::find()
        .filter(answer::Column::State.eq(AnswerState::Writing))
        .filter(answer::Column::DueAt.lte(app.clock.now()))
        .order_by_asc(answer::Column::Id)
        .limit(BATCH)
        .all(app.db.read())
        .await?;
    let count = overdue.len();
    for job in overdue {
        let question = question_of(app, &job).await?;
        let text = left_behind(&job.text, &question);
        tracing::warn!(
            answer = job.id,
            "an answer was left behind, the guide finishes it"
        );
        // The beginning stays what it was.
        let revision = if text.starts_with(&job.text) {
            job.revision
        } else {
            job.revision + 1
        };
        let progress = Progress {
            text,
            revision,
            source: Some(Source::Guide),
            danger: false,
        };
        finish(app, job.id, progress, Source::Guide).await?;
    }
    Ok(count)
}

/// What was asked, as far as the guide needs it.
async fn question_of(app: &App, job: &answer::Model) -> Result<Question> {
    let asked = message::Entity::find_by_id(job.question_id)
        .one(app.db.read())
        .await?
        .ok_or(Error::NotFound(Noun::ChatMessage))?;
    let user = user::Entity::find_by_id(job.user_id)
        .one(app.db.read())
        .await?
        .ok_or(Error::NotFound(Noun::User))?;
    let known = known::of(app, &user).await?;
    let before = answer::Entity::find()
        .filter(answer::Column::SessionId.eq(job.session_id))
        .filter(answer::Column::Crisis.eq(true))
        .filter(answer::Column::Id.lt(job.id));
    Ok(Question {
        history: Vec::new(),
        text: asked.message,
        language: Language::from_code(&user.language),
        country: known.country,
        private: known.private,
        in_crisis: before.one(app.db.read()).await?.is_some(),
        ask_model: false,
    })
}
