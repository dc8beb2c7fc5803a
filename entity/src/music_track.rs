//! A calming track the app can play.

use sea_orm::entity::prelude::*;

/// Kept by admins, the same for everybody.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "music_tracks")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub name: String,
    /// Where the app loads it from.
    pub url: String,
}

impl ActiveModelBehavior for ActiveModel {}
