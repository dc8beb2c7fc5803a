//! The assistant.

use async_graphql::{Context, Enum, ID, Object, Subscription};
use futures_util::{Stream, StreamExt};

use crate::assistant::Source;
use crate::domain::assistant::{self, Answer, Chunk};
use crate::error::{Noun, Result};
use crate::graphql::context::ContextExt;
use crate::graphql::scalars::{self, user_ref};
use crate::graphql::support::ChatMessage;

/// What wrote an answer of the assistant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum AssistantSource {
    /// The language model that the deployment configured.
    Model,
    /// The self-help guide built into the server: where no model is configured, where it failed
    /// or broke off, and where what it wrote must not be said.
    Guide,
}

impl From<Source> for AssistantSource {
    fn from(source: Source) -> Self {
        match source {
            Source::Model => Self::Model,
            Source::Guide => Self::Guide,
        }
    }
}

/// An answer of the assistant.
pub struct AssistantReply {
    answer: Answer,
    user_id: i64,
}

/// An answer of the assistant. It is stored, like the question.
#[Object]
impl AssistantReply {
    /// The answer: plain text, lines parted by line feeds.
    async fn text(&self) -> &str {
        &self.answer.message.message
    }

    /// What wrote it.
    async fn source(&self) -> AssistantSource {
        self.answer.source.into()
    }

    /// The stored answer.
    async fn message(&self) -> ChatMessage {
        ChatMessage::new(self.answer.message.clone(), self.user_id)
    }
}

/// A step of an answer of the assistant.
pub struct AssistantChunk(Chunk);

/// A piece of an answer of the assistant that is being written. A client shows what it has, with
/// `text` added to it, or, where `restart` is true, `text` alone. It keeps `answerId` and
/// `cursor`, and goes on with `assistantAnswer` when its connection broke.
#[Object]
impl AssistantChunk {
    /// The answer this is a piece of.
    async fn answer_id(&self) -> ID {
        self.0.answer_id.into()
    }

    /// Whether `text` takes the place of everything before it: in the first piece, and where
    /// something that was shown has to be taken back.
    async fn restart(&self) -> bool {
        self.0.restart
    }

    /// What comes next. It may be empty, in the first piece, which comes at once, and in the last.
    async fn text(&self) -> &str {
        &self.0.text
    }

    /// How far the answer goes with this piece: the `after` of `assistantAnswer`.
    async fn cursor(&self) -> String {
        self.0.cursor.to_string()
    }

    /// Whether the question spoke of danger to somebody's life or safety. The answer then begins
    /// with emergency numbers, and an app does well to show the alarm button with it.
    async fn crisis(&self) -> bool {
        self.0.crisis
    }

    /// Whether this is the last piece.
    async fn done(&self) -> bool {
        self.0.message.is_some()
    }

    /// What wrote the answer; null before the last piece.
    async fn source(&self) -> Option<AssistantSource> {
        self.0.message.as_ref().map(|(source, _)| (*source).into())
    }

    /// The stored answer; null before the last piece.
    async fn message(&self) -> Option<ChatMessage> {
        let (_, message) = self.0.message.as_ref()?;
        Some(ChatMessage::new(message.clone(), self.0.user_id))
    }
}

/// Talking to the assistant.
#[derive(Default)]
pub struct AssistantMutations;

#[Object]
impl AssistantMutations {
    /// Asks the assistant. For the user alone: admins get `FORBIDDEN` too. It always answers:
    /// where no model is configured, it fails or its bounds are reached, the built-in guide does.
    /// `BAD_USER_INPUT` for a blank question, or one too long. `assistantReply` shows the answer
    /// while it is written.
    async fn ask_assistant(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user's id, or `me`.")] user_id: ID,
        #[graphql(desc = "The question, at most 4000 characters.")] text: String,
    ) -> Result<AssistantReply> {
        let viewer = ctx.viewer();
        let answer =
            assistant::ask(ctx.app()?, &viewer, user_ref(&user_id), ctx.check(), &text).await?;
        Ok(AssistantReply {
            answer,
            user_id: viewer.person()?.user.id,
        })
    }
}

/// Following the answers of the assistant.
#[derive(Default)]
pub struct AssistantSubscriptions;

#[Subscription]
impl AssistantSubscriptions {
    /// Asks the assistant, and follows its answer while it is written, sentence by sentence. For
    /// the user alone: admins get `FORBIDDEN` too. Where the question speaks of danger, emergency
    /// numbers come at once, before the model is asked. It always answers: where no model is
    /// configured or it fails, the built-in guide does, and where the model breaks off, the guide
    /// goes on and says so.
    ///
    /// The answer doesn't depend on the connection: it is written to its end and stored when the
    /// client is gone, which then goes on with `assistantAnswer`. The subscription completes after
    /// the piece whose `done` is true.
    ///
    /// `BAD_USER_INPUT` for a blank question, or one too long.
    async fn assistant_reply(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user's id, or `me`.")] user_id: ID,
        #[graphql(desc = "The question, at most 4000 characters.")] text: String,
        #[graphql(
            desc = "A key of the client's own, at most 64 characters, as a UUID. Asked again with \
                    the same key, it is the same question, and its answer is followed from the \
                    beginning; a client that subscribes again by itself needs one."
        )]
        client_id: Option<String>,
    ) -> Result<impl Stream<Item = async_graphql::Result<AssistantChunk>> + use<>> {
        let (app, subject) = (ctx.app()?, user_ref(&user_id));
        let key = client_id.as_deref();
        let chunks = assistant::reply(app, &ctx.viewer(), subject, ctx.check(), &text, key).await?;
        ctx.listening();
        Ok(chunks.map(|chunk| Ok(AssistantChunk(chunk?))))
    }

    /// Goes on following an answer: first what came after the cursor, in one piece, then what
    /// comes. Of a finished answer the rest comes at once. It completes as `assistantReply` does.
    /// `NOT_FOUND` for answers of others, for admins too; `BAD_USER_INPUT` for what is no cursor.
    async fn assistant_answer(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The answer's id, as in `answerId`.")] id: ID,
        #[graphql(
            desc = "The `cursor` of the last piece the client has; null: from the beginning."
        )]
        after: Option<String>,
    ) -> Result<impl Stream<Item = async_graphql::Result<AssistantChunk>> + use<>> {
        let after = after.map(|after| after.parse()).transpose()?;
        let id = scalars::id(&id, Noun::AssistantAnswer)?;
        let chunks = assistant::follow(ctx.app()?, &ctx.viewer(), id, after).await?;
        ctx.listening();
        Ok(chunks.map(|chunk| Ok(AssistantChunk(chunk?))))
    }
}
