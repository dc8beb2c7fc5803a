//! Music tracks and alarm scenarios, which admins keep.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                Table::create()
                    .table("music_tracks")
                    .col(big_pk_auto("id"))
                    .col(string_len("name", 255))
                    .col(string_len("url", 2000))
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("alarm_scenarios")
                    .col(big_pk_auto("id"))
                    .col(string_len("name", 255))
                    .col(boolean("play_music"))
                    .col(boolean("notify_contact"))
                    .col(boolean("notify_therapist"))
                    .col(boolean("is_default").default(false))
                    .to_owned(),
            )
            .await?;
        // A partial unique index, so that two admins at once can't make two defaults.
        manager
            .get_connection()
            .execute_unprepared(
                "CREATE UNIQUE INDEX alarm_scenarios_one_default \
                 ON alarm_scenarios (is_default) WHERE is_default",
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["alarm_scenarios", "music_tracks"] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}
