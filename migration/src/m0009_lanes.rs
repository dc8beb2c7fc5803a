//! Lanes of their own for alarms that are tried again, and for those of somebody who has many
//! waiting, so that neither is behind what is no alarm.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// A row of the priority that one lane leaves to the next: 1 was all that can wait, and is now the
/// messages of real alarms that let those of others pass.
const NO_ALARM: &str = "priority = 1 AND (purpose <> 'alarm' \
    OR alarm_id IN (SELECT id FROM alarms WHERE kind <> 'real'))";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for statement in [
            "DROP INDEX notifications_later",
            &format!("UPDATE notifications SET priority = 2 WHERE {NO_ALARM}"),
            // Partial, and an index for each lane and channel, so that what is due is found at
            // once, however much waits in the other lanes.
            "CREATE INDEX notifications_again ON notifications (channel, next_attempt_at) \
             WHERE status IN ('pending', 'sending') AND attempts > 0 AND priority = 0",
            "CREATE INDEX notifications_many ON notifications (channel, next_attempt_at) \
             WHERE status IN ('pending', 'sending') AND priority = 1",
            "CREATE INDEX notifications_later ON notifications (channel, next_attempt_at) \
             WHERE status IN ('pending', 'sending') AND priority > 1",
        ] {
            manager
                .get_connection()
                .execute_unprepared(statement)
                .await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for statement in [
            "DROP INDEX notifications_again",
            "DROP INDEX notifications_many",
            "DROP INDEX notifications_later",
            "UPDATE notifications SET priority = 1 WHERE priority > 1",
            "CREATE INDEX notifications_later ON notifications (channel, next_attempt_at) \
             WHERE status IN ('pending', 'sending') AND (attempts > 0 OR priority > 0)",
        ] {
            manager
                .get_connection()
                .execute_unprepared(statement)
                .await?;
        }
        Ok(())
    }
}
