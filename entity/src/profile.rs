//! What a person says about themselves (`UserInfo` in the legacy documentation).

use sea_orm::entity::prelude::*;

/// One row per user.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "profiles")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Whose profile; unique.
    #[sea_orm(unique)]
    pub user_id: i64,
    /// Years, 0–150.
    pub age: Option<i32>,
    /// Where the person usually is; empty when unknown.
    pub location: String,
    /// Military rather than civilian.
    pub military_status: bool,
    /// 1–5.
    pub ptsd_level: Option<i32>,
    /// The track the app plays in an alarm.
    pub music_id: Option<i64>,
    /// The therapist an alarm tells.
    pub therapist_id: Option<i64>,
    /// What an alarm does.
    pub scenario_id: Option<i64>,
    #[sea_orm(belongs_to, from = "user_id", to = "id")]
    pub user: BelongsTo<super::user::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
