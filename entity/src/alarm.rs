//! One press of the alarm button.

use sea_orm::entity::prelude::*;

/// The scenario is copied in, so that later changes to it don't rewrite what happened.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "alarms")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Who pressed.
    pub user_id: i64,
    /// The scenario followed, while it exists.
    pub scenario_id: Option<i64>,
    /// Its name at that moment.
    pub scenario_name: String,
    /// Whether the app was to play music.
    pub play_music: bool,
    /// Whether contacts were to be told.
    pub notify_contact: bool,
    /// Whether the therapist was to be told.
    pub notify_therapist: bool,
    /// The client's key for this press; unique per user, cleared after 24 h.
    pub idempotency_key: Option<String>,
    /// When the button was pressed.
    pub timestamp: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
