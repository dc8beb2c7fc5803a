//! What pressing the alarm does.

use sea_orm::entity::prelude::*;

/// Kept by admins; a user chooses one.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "alarm_scenarios")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub name: String,
    /// The app plays the user's track.
    pub play_music: bool,
    /// Every emergency contact is told.
    pub notify_contact: bool,
    /// The linked therapist is told.
    pub notify_therapist: bool,
    /// Given to newly registered users; at most one row has it.
    pub is_default: bool,
}

impl ActiveModelBehavior for ActiveModel {}
