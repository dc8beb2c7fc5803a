//! Whom an alarm scenario tells when.

use sea_orm::entity::prelude::*;

/// A scenario without steps tells everybody at once. Whom no step names is told in the first.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "alarm_scenario_steps")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    pub scenario_id: i64,
    /// From 0, unique within the scenario.
    pub position: i32,
    /// Minutes after the step before it, unless somebody answered; 0 in the first step.
    pub after_minutes: i32,
    /// Tells the user's first contact, by id.
    pub first_contact: bool,
    /// Tells all other contacts.
    pub other_contacts: bool,
    /// Tells the linked therapist.
    pub therapist: bool,
}

impl ActiveModelBehavior for ActiveModel {}
