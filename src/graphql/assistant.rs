//! The assistant.

use async_graphql::{Context, Enum, ID, Object};

use crate::assistant::Source;
use crate::domain::assistant::{self, Answer};
use crate::error::Result;
use crate::graphql::context::ContextExt;
use crate::graphql::scalars::user_ref;
use crate::graphql::support::ChatMessage;

/// What wrote an answer of the assistant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum AssistantSource {
    /// The language model that the deployment configured.
    Model,
    /// The self-help guide built into the server: where no model is configured, or it failed.
    Guide,
}

/// An answer of the assistant.
pub struct AssistantReply {
    answer: Answer,
    user_id: i64,
}

/// An answer of the assistant. It is stored, like the question.
#[Object]
impl AssistantReply {
    /// The answer.
    async fn text(&self) -> &str {
        &self.answer.message.message
    }

    /// What wrote it.
    async fn source(&self) -> AssistantSource {
        match self.answer.source {
            Source::Model => AssistantSource::Model,
            Source::Guide => AssistantSource::Guide,
        }
    }

    /// The stored answer.
    async fn message(&self) -> ChatMessage {
        ChatMessage::new(self.answer.message.clone(), self.user_id)
    }
}

/// Talking to the assistant.
#[derive(Default)]
pub struct AssistantMutations;

#[Object]
impl AssistantMutations {
    /// Asks the assistant. For the user alone: admins get `FORBIDDEN` too. It always answers:
    /// where no model is configured or it fails, the built-in guide does.
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
