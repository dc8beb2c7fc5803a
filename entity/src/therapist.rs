//! A user's therapist.

use sea_orm::entity::prelude::*;

/// At most one per user.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "therapists")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Whose therapist; unique.
    #[sea_orm(unique)]
    pub user_id: i64,
    pub name: String,
    /// As typed.
    pub phone: String,
    pub email: String,
}

impl ActiveModelBehavior for ActiveModel {}
