//! How exactly the phone knew where the person is, and since when; and which all-clears wait for the
//! end of a newer alarm.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

use crate::columns;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// New columns.
fn columns() -> [ColumnDef; 3] {
    [
        double_null("accuracy"),
        timestamp_with_time_zone_null("located_at"),
        boolean("all_clear_held").default(false).to_owned(),
    ]
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        columns::add(manager, "alarm_results", columns()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        columns::drop(manager, "alarm_results", columns()).await
    }
}
