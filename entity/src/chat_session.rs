//! A conversation, with the assistant or with support.

use sea_orm::entity::prelude::*;

/// Whom the person talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(8))")]
pub enum SessionType {
    /// The assistant.
    #[sea_orm(string_value = "gpt")]
    Gpt,
    /// Human supporters.
    #[sea_orm(string_value = "user")]
    User,
}

/// At most one open session per user and type.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chat_sessions")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The person whose conversation it is.
    pub user_id: i64,
    pub session_type: SessionType,
    /// The supporter who answered last.
    pub receiver_id: Option<i64>,
    pub started_at: DateTimeUtc,
    pub ended_at: Option<DateTimeUtc>,
    /// The newest message, 0 for none: the order of the inbox.
    pub last_message_id: i64,
}

impl ActiveModelBehavior for ActiveModel {}
