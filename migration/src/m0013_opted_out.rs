//! For which addresses a contact asked not to be told any more.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

use crate::columns;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// New columns, as long as those they are copied from.
fn columns() -> [ColumnDef; 2] {
    [
        string_len_null("opted_out_phone", 32),
        string_len_null("opted_out_email", 254),
    ]
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        columns::add(manager, "emergency_contacts", columns()).await?;
        manager
            .get_connection()
            .execute_unprepared(
                "UPDATE emergency_contacts SET opted_out_phone = phone_digits, \
                 opted_out_email = email WHERE opted_out_at IS NOT NULL",
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        columns::drop(manager, "emergency_contacts", columns()).await
    }
}
