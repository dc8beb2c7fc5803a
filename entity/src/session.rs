//! A login session: one per login, several per user.

use sea_orm::entity::prelude::*;

/// A token in use. The token itself is never stored.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Whose session.
    pub user_id: i64,
    /// SHA-256 of the token, lower-case hexadecimal; unique.
    #[sea_orm(unique)]
    pub token_hash: String,
    /// When the login happened.
    pub created_at: DateTimeUtc,
    /// When the token was last seen, to within an hour.
    pub last_used_at: DateTimeUtc,
    #[sea_orm(belongs_to, from = "user_id", to = "id")]
    pub user: BelongsTo<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
