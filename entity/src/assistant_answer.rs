//! An answer of the assistant: a job of its own, from the question to the stored message.

use sea_orm::entity::prelude::*;

/// How far an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(8))")]
pub enum AnswerState {
    /// Somebody writes it.
    #[sea_orm(string_value = "writing")]
    Writing,
    /// It is stored as a chat message.
    #[sea_orm(string_value = "done")]
    Done,
}

/// One per question.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "assistant_answers")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Who asked.
    pub user_id: i64,
    /// The conversation.
    pub session_id: i64,
    /// The message that asks; unique.
    #[sea_orm(unique)]
    pub question_id: i64,
    /// The stored answer, once done.
    pub message_id: Option<i64>,
    pub state: AnswerState,
    /// The question spoke of danger to somebody.
    pub crisis: bool,
    /// Whether the model is asked, and so counts for the bounds.
    pub by_model: bool,
    /// Rises when text that may have been shown is replaced.
    pub revision: i32,
    /// What may be shown so far, while it is written; empty once the message has it.
    #[sea_orm(column_type = "Text")]
    pub text: String,
    pub created_at: DateTimeUtc,
    /// When whoever writes it must have finished; after that anybody finishes it.
    pub due_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
