//! One message of a conversation.

use sea_orm::entity::prelude::*;

/// What wrote the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(8))")]
pub enum Sender {
    /// A person: the user, or a supporter where `from_admin` is set.
    #[sea_orm(string_value = "user")]
    User,
    /// The language model.
    #[sea_orm(string_value = "gpt")]
    Gpt,
    /// haven itself, as with the built-in guide.
    #[sea_orm(string_value = "system")]
    System,
}

/// Ids rise in the order in which the messages of a conversation were stored.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "chat_messages")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub session_id: i64,
    pub sender: Sender,
    /// A supporter wrote it.
    pub from_admin: bool,
    /// The person who wrote it, while the account exists.
    pub author_id: Option<i64>,
    #[sea_orm(column_type = "Text")]
    pub message: String,
    /// The author's own key for it; unique per author.
    pub client_id: Option<String>,
    pub timestamp: DateTimeUtc,
    /// When the other side of a support conversation first got it.
    pub delivered_at: Option<DateTimeUtc>,
}

impl ActiveModelBehavior for ActiveModel {}
