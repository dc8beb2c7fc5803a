//! Alarms, their results, and the notifications that go out for them.

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
                    .table("alarms")
                    .col(big_pk_auto("id"))
                    .col(big_integer("user_id"))
                    .col(big_integer_null("scenario_id"))
                    .col(string_len("scenario_name", 255))
                    .col(boolean("play_music"))
                    .col(boolean("notify_contact"))
                    .col(boolean("notify_therapist"))
                    .col(string_len_null("idempotency_key", 255))
                    .col(timestamp_with_time_zone("timestamp"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("alarms", "user_id")
                            .to("users", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .foreign_key(
                        ForeignKey::create()
                            .from("alarms", "scenario_id")
                            .to("alarm_scenarios", "id")
                            .on_delete(ForeignKeyAction::SetNull),
                    )
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("alarms_user_id_id")
                    .table("alarms")
                    .col("user_id")
                    .col("id")
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("alarms_user_id_idempotency_key")
                    .table("alarms")
                    .col("user_id")
                    .col("idempotency_key")
                    .unique()
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("alarms_scenario_id")
                    .table("alarms")
                    .col("scenario_id")
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("alarm_results")
                    .col(big_pk_auto("id"))
                    .col(big_integer_uniq("alarm_id"))
                    .col(string_len("location", 255).default(""))
                    .col(double_null("latitude"))
                    .col(double_null("longitude"))
                    .col(timestamp_with_time_zone("timestamp"))
                    .col(boolean("music_played").default(false))
                    .col(boolean("message_sent_to_contacts").default(false))
                    .col(boolean("voice_message_played").default(false))
                    .col(boolean("therapist_notified").default(false))
                    .col(boolean("completed").default(false))
                    .col(boolean("all_clear").default(false))
                    .foreign_key(
                        ForeignKey::create()
                            .from("alarm_results", "alarm_id")
                            .to("alarms", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("notifications")
                    .col(big_pk_auto("id"))
                    .col(big_integer("alarm_id"))
                    .col(string_len("purpose", 16))
                    .col(string_len("recipient_kind", 16))
                    .col(big_integer_null("contact_id"))
                    .col(big_integer_null("therapist_id"))
                    .col(string_len("recipient_name", 255))
                    .col(string_len("relationship", 255))
                    .col(string_len("channel", 16))
                    .col(string_len("address", 254))
                    .col(string_len("status", 16))
                    .col(integer("attempts").default(0))
                    .col(timestamp_with_time_zone("next_attempt_at"))
                    .col(timestamp_with_time_zone_null("lease_until"))
                    .col(string_len_null("failure", 64))
                    .col(string_len_uniq("message_id", 255))
                    .col(timestamp_with_time_zone("created_at"))
                    .col(timestamp_with_time_zone_null("sent_at"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("notifications", "alarm_id")
                            .to("alarms", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .foreign_key(
                        ForeignKey::create()
                            .from("notifications", "contact_id")
                            .to("emergency_contacts", "id")
                            .on_delete(ForeignKeyAction::SetNull),
                    )
                    .foreign_key(
                        ForeignKey::create()
                            .from("notifications", "therapist_id")
                            .to("therapists", "id")
                            .on_delete(ForeignKeyAction::SetNull),
                    )
                    .to_owned(),
            )
            .await?;
        for (name, columns) in [
            ("notifications_alarm_id", vec!["alarm_id"]),
            ("notifications_contact_id", vec!["contact_id"]),
            ("notifications_therapist_id", vec!["therapist_id"]),
        ] {
            let mut index = Index::create();
            index.name(name).table("notifications");
            for column in columns {
                index.col(column);
            }
            manager.create_index(index).await?;
        }
        // What the sender looks for, first tries apart from repeated ones, so that a backlog is
        // not read through to find a new alarm. Partial, so that their size follows the work
        // that is left and not the years of alarms behind it.
        for statement in [
            "CREATE INDEX notifications_first ON notifications (next_attempt_at) \
             WHERE status = 'pending' AND attempts = 0",
            "CREATE INDEX notifications_again ON notifications (next_attempt_at) \
             WHERE status IN ('pending', 'sending') AND attempts > 0",
        ] {
            manager
                .get_connection()
                .execute_unprepared(statement)
                .await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["notifications", "alarm_results", "alarms"] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}
