//! A one-time ticket for opening a support chat socket without a token.

use sea_orm::entity::prelude::*;

/// A ticket not used yet. Using it deletes it.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "tickets")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The session that asked for it; its end ends the ticket.
    pub session_id: i64,
    /// SHA-256 of the ticket, lower-case hexadecimal; unique.
    #[sea_orm(unique)]
    pub ticket_hash: String,
    /// From then on it is worth nothing.
    pub expires_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
