//! What is not final yet, whatever lane it is in: the auditor looks for it by an index that the
//! sender does not use, whose size follows the work that is left.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .get_connection()
            .execute_unprepared(
                "CREATE INDEX notifications_open ON notifications (status) \
                 WHERE status IN ('pending', 'sending')",
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .get_connection()
            .execute_unprepared("DROP INDEX notifications_open")
            .await?;
        Ok(())
    }
}
