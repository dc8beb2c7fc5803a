//! An account.

use sea_orm::entity::prelude::*;

/// A person who can log in: a user of the app, or an admin.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    /// Never reused, kept over a take-over.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// As typed at registration, NFKC, 1–150 characters.
    pub username: String,
    /// Lower case of `username`; unique.
    #[sea_orm(unique)]
    pub username_fold: String,
    /// Need not be unique.
    pub email: String,
    /// A PHC string.
    pub password_hash: String,
    /// Admins see and answer everybody's support chat.
    pub is_admin: bool,
    /// A deactivated user can't log in, and its tokens stop working.
    pub is_active: bool,
    /// The language code of what haven writes to and about this person.
    pub language: String,
    /// When the account was made.
    pub joined_at: DateTimeUtc,
    #[sea_orm(has_one)]
    pub profile: HasOne<super::profile::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
