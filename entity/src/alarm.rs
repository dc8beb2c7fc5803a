//! One press of the alarm button.

use sea_orm::entity::prelude::*;

/// How serious it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))")]
pub enum Kind {
    /// Somebody needs help.
    #[sea_orm(string_value = "real")]
    Real,
    /// The whole alarm, rehearsed: every message says so.
    #[sea_orm(string_value = "drill")]
    Drill,
    /// One message to one contact, to see that it arrives: it says so.
    #[sea_orm(string_value = "test")]
    Test,
}

/// The scenario is copied in, so that later changes to it don't rewrite what happened.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "alarms")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Real, drill or test. Nothing but a real one sets flags, joins a press or escalates into
    /// the front lane.
    pub kind: Kind,
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
    /// SHA-256 of what came with the key, lower-case hexadecimal: the same key with other input
    /// is refused.
    pub idempotency_input: Option<String>,
    /// When the button was pressed.
    pub timestamp: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
