//! What somebody who was told of an alarm does about it.

use sea_orm::entity::prelude::*;

use super::notification::RecipientKind;

/// The answers that the page behind a message's link offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))")]
pub enum Reaction {
    /// "I am on my way."
    #[sea_orm(string_value = "on_my_way")]
    OnMyWay,
    /// "I called."
    #[sea_orm(string_value = "called")]
    Called,
    /// "I can't."
    #[sea_orm(string_value = "cannot")]
    Cannot,
}

/// One per alarm and recipient: the last answer. The recipient is copied in.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "alarm_reactions")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub alarm_id: i64,
    pub recipient_kind: RecipientKind,
    /// The contact, while it exists.
    pub contact_id: Option<i64>,
    /// The therapist, while it exists.
    pub therapist_id: Option<i64>,
    /// Name of the recipient.
    pub recipient_name: String,
    /// What a contact is to the user; empty for a therapist.
    pub relationship: String,
    pub reaction: Reaction,
    pub reacted_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
