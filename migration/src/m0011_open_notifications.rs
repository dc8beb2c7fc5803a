//! What is not final yet, whatever lane it is in: the auditor looks for it by an index of its own,
//! whose size follows the work that is left.
//!
//! It is over capitals so that no planner can take it for the sender's statements, which have an
//! order to keep and indexes that have it.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .get_connection()
            .execute_unprepared(
                "CREATE INDEX notifications_open ON notifications (upper(status)) \
                 WHERE upper(status) IN ('PENDING', 'SENDING')",
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
