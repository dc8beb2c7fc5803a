//! Which messages may have arrived without anybody knowing, and since when one is tried that an
//! admin or another press had tried anew.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

use crate::columns;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// New columns.
fn columns() -> [ColumnDef; 2] {
    [
        boolean("perhaps_sent").default(false).to_owned(),
        timestamp_with_time_zone_null("tried_since"),
    ]
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        columns::add(manager, "notifications", columns()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        columns::drop(manager, "notifications", columns()).await
    }
}
