//! Following an answer while it is written.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use entity::assistant_answer as answer;
use entity::chat_message as message;
use futures_util::{Stream, stream};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use super::answers::{self, source_of};
use super::{Begun, begin};
use crate::app::App;
use crate::assistant::Source;
use crate::auth::{UserRef, Viewer};
use crate::domain::accounts;
use crate::domain::input::Check;
use crate::error::{Error, Noun, Problem, Result};
use crate::events::{Event, Heard, Subscription, Topic};

/// How often to look where nothing is heard: another node may be writing.
const LOOK: Duration = Duration::from_secs(1);

/// How far a follower has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    revision: i32,
    /// In characters.
    position: usize,
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.revision, self.position)
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = text.split_once('.').and_then(|(revision, position)| {
            Some(Self {
                revision: revision.parse().ok()?,
                position: position.parse().ok()?,
            })
        });
        parts.ok_or_else(|| Error::field("after", Problem::Other("Not a cursor of an answer.")))
    }
}

/// What an answer has more than the follower had.
pub struct Chunk {
    /// The answer.
    pub answer_id: i64,
    /// Whose answer it is.
    pub user_id: i64,
    /// `text` takes the place of everything before it.
    pub restart: bool,
    /// What comes next.
    pub text: String,
    /// How far that is.
    pub cursor: Cursor,
    /// The question spoke of danger.
    pub crisis: bool,
    /// The stored answer, in the last chunk.
    pub message: Option<(Source, message::Model)>,
}

/// Asks the assistant, for the caller alone, and follows the answer from its beginning. Asked
/// again with the same `client_id`, it is the same question, and its answer is followed.
///
/// # Errors
/// As [`super::ask`]; also `BAD_USER_INPUT` for a `clientId` that is blank, longer than 64
/// characters or names a message that is no question.
pub async fn reply(
    app: &Arc<App>,
    viewer: &Viewer,
    subject: UserRef,
    check: Check,
    text: &str,
    client_id: Option<&str>,
) -> Result<impl Stream<Item = Result<Chunk>> + Send + use<>> {
    let id = match begin(app, viewer, subject, check, text, client_id).await? {
        Begun::Before(job) => job.id,
        Begun::New(job, question) => {
            let id = job.id;
            // Nobody waits for it: whoever follows reads what is stored.
            drop(answers::start(app, job, question));
            id
        }
    };
    follow(app, viewer, id, None).await
}

/// Follows one of the caller's own answers: what came after the cursor, then what comes. Ends
/// with the chunk that holds the stored message, or with an error when the login session ends.
///
/// # Errors
/// `NOT_FOUND` alike where there is none and where it is somebody else's.
pub async fn follow(
    app: &Arc<App>,
    viewer: &Viewer,
    id: i64,
    after: Option<Cursor>,
) -> Result<impl Stream<Item = Result<Chunk>> + Send + use<>> {
    let user_id = viewer.person()?.user.id;
    // Listening comes before looking, so that nothing falls between.
    let follower = Follower {
        app: app.clone(),
        viewer: viewer.clone(),
        id,
        user_id,
        news: app.events.subscribe(Topic::Assistant(user_id)),
        ends: app.events.subscribe(Topic::Sessions(user_id)),
        read: after,
        first: true,
    };
    follower.row().await?;
    Ok(stream::unfold(Some(follower), |follower| async {
        let mut follower = follower?;
        match follower.next().await {
            Ok(chunk) if chunk.message.is_some() => Some((Ok(chunk), None)),
            Ok(chunk) => Some((Ok(chunk), Some(follower))),
            Err(error) => Some((Err(error), None)),
        }
    }))
}

struct Follower {
    app: Arc<App>,
    viewer: Viewer,
    id: i64,
    user_id: i64,
    news: Subscription,
    ends: Subscription,
    read: Option<Cursor>,
    first: bool,
}

impl Follower {
    async fn row(&self) -> Result<(answer::Model, Option<message::Model>)> {
        let job = answer::Entity::find_by_id(self.id)
            .filter(answer::Column::UserId.eq(self.user_id))
            .one(self.app.db.read())
            .await?
            .ok_or(Error::NotFound(Noun::AssistantAnswer))?;
        let stored = match job.message_id {
            None => None,
            Some(id) => {
                message::Entity::find_by_id(id)
                    .one(self.app.db.read())
                    .await?
            }
        };
        Ok((job, stored))
    }

    async fn next(&mut self) -> Result<Chunk> {
        loop {
            let (job, stored) = self.row().await?;
            if let Some(chunk) = self.chunk(&job, stored) {
                return Ok(chunk);
            }
            self.wait().await?;
        }
    }

    /// What is new to the follower.
    fn chunk(&mut self, job: &answer::Model, stored: Option<message::Model>) -> Option<Chunk> {
        let text = stored
            .as_ref()
            .map_or(&job.text, |message| &message.message);
        let length = text.chars().count();
        let known = self
            .read
            .filter(|read| read.revision == job.revision && read.position <= length);
        let from = known.map_or(0, |read| read.position);
        if !self.first && known.is_some() && from == length && stored.is_none() {
            return None;
        }
        self.first = false;
        let cursor = Cursor {
            revision: job.revision,
            position: length,
        };
        self.read = Some(cursor);
        Some(Chunk {
            answer_id: job.id,
            user_id: job.user_id,
            restart: known.is_none(),
            text: text.chars().skip(from).collect(),
            cursor,
            crisis: job.crisis,
            message: stored.map(|message| (source_of(&message), message)),
        })
    }

    /// Waits until there may be something new.
    async fn wait(&mut self) -> Result<()> {
        let look = tokio::time::sleep(LOOK);
        tokio::pin!(look);
        loop {
            tokio::select! {
                heard = self.ends.next() => {
                    if heard.is_some() {
                        accounts::still(&self.app, &self.viewer).await?.person()?;
                    }
                }
                heard = self.news.next() => match heard {
                    Some(Heard::Event(Event::Answer(id))) if id != self.id => {}
                    _ => return Ok(()),
                },
                () = &mut look => return Ok(()),
            }
        }
    }
}
