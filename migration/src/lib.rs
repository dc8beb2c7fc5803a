//! The schema of the database, one reversible change per file, the same on SQLite and PostgreSQL.

use sea_orm_migration::prelude::*;
pub use sea_orm_migration::prelude::{MigratorTrait, SchemaManager};

mod columns;
mod m0001_accounts;
mod m0002_catalogue;
mod m0003_people;
mod m0004_alarms;
mod m0005_chat;
mod m0006_assistant_answers;
mod m0007_alerting;
mod m0008_past_messages;
mod m0009_lanes;
mod m0010_unknown_outcomes;
mod m0011_open_notifications;
mod m0012_places_and_ends;
mod m0013_opted_out;
mod m0014_write_probes;

/// Every migration, oldest first.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m0001_accounts::Migration),
            Box::new(m0002_catalogue::Migration),
            Box::new(m0003_people::Migration),
            Box::new(m0004_alarms::Migration),
            Box::new(m0005_chat::Migration),
            Box::new(m0006_assistant_answers::Migration),
            Box::new(m0007_alerting::Migration),
            Box::new(m0008_past_messages::Migration),
            Box::new(m0009_lanes::Migration),
            Box::new(m0010_unknown_outcomes::Migration),
            Box::new(m0011_open_notifications::Migration),
            Box::new(m0012_places_and_ends::Migration),
            Box::new(m0013_opted_out::Migration),
            Box::new(m0014_write_probes::Migration),
        ]
    }
}
