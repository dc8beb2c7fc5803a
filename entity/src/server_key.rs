//! Secrets that the nodes of one database share.

use sea_orm::entity::prelude::*;

/// Made by whichever node needs it first.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "server_keys")]
pub struct Model {
    /// What it is for.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// The key, base64. Never to be logged.
    pub value: String,
}

impl ActiveModelBehavior for ActiveModel {}
