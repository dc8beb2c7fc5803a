//! Profiles, emergency contacts and therapists.

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
                    .table("emergency_contacts")
                    .col(big_pk_auto("id"))
                    .col(big_integer("user_id"))
                    .col(string_len("name", 255))
                    .col(string_len("relationship", 255))
                    .col(string_len("phone", 32))
                    .col(string_len("phone_digits", 32))
                    .col(string_len("email", 254).default(""))
                    .foreign_key(
                        ForeignKey::create()
                            .from("emergency_contacts", "user_id")
                            .to("users", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("emergency_contacts_user_id")
                    .table("emergency_contacts")
                    .col("user_id")
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("therapists")
                    .col(big_pk_auto("id"))
                    .col(big_integer_uniq("user_id"))
                    .col(string_len("name", 255))
                    .col(string_len("phone", 32))
                    .col(string_len("email", 254))
                    .foreign_key(
                        ForeignKey::create()
                            .from("therapists", "user_id")
                            .to("users", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("profiles")
                    .col(big_pk_auto("id"))
                    .col(big_integer_uniq("user_id"))
                    .col(integer_null("age"))
                    .col(string_len("location", 255).default(""))
                    .col(boolean("military_status").default(false))
                    .col(integer_null("ptsd_level"))
                    .col(big_integer_null("music_id"))
                    .col(big_integer_null("therapist_id"))
                    .col(big_integer_null("scenario_id"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("profiles", "user_id")
                            .to("users", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .foreign_key(
                        ForeignKey::create()
                            .from("profiles", "music_id")
                            .to("music_tracks", "id")
                            .on_delete(ForeignKeyAction::SetNull),
                    )
                    .foreign_key(
                        ForeignKey::create()
                            .from("profiles", "therapist_id")
                            .to("therapists", "id")
                            .on_delete(ForeignKeyAction::SetNull),
                    )
                    .foreign_key(
                        ForeignKey::create()
                            .from("profiles", "scenario_id")
                            .to("alarm_scenarios", "id")
                            .on_delete(ForeignKeyAction::SetNull),
                    )
                    .to_owned(),
            )
            .await?;
        // Deleting a track, therapist or scenario looks for the profiles that link to it.
        for column in ["music_id", "therapist_id", "scenario_id"] {
            manager
                .create_index(
                    Index::create()
                        .name(format!("profiles_{column}"))
                        .table("profiles")
                        .col(column)
                        .to_owned(),
                )
                .await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["profiles", "therapists", "emergency_contacts"] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}
