//! What alarms need beside mail: drills and tests, steps, SMS and its receipts, reactions of those
//! who were told, contacts that opted out or can't be reached, and the key that signs links.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

/// New columns, a statement each, because SQLite adds one at a time.
fn columns() -> Vec<(&'static str, ColumnDef)> {
    vec![
        ("alarms", string_len("kind", 16).default("real").to_owned()),
        ("alarms", string_len_null("idempotency_input", 64)),
        (
            "alarm_results",
            timestamp_with_time_zone_null("answered_at"),
        ),
        (
            "alarm_results",
            timestamp_with_time_zone_null("completed_at"),
        ),
        (
            "alarm_results",
            boolean("closed_by_itself").default(false).to_owned(),
        ),
        ("notifications", integer("step").default(0).to_owned()),
        ("notifications", integer("priority").default(0).to_owned()),
        ("notifications", string_len_null("provider_id", 64)),
        ("notifications", string_len_null("receipt", 16)),
        (
            "notifications",
            timestamp_with_time_zone_null("delivered_at"),
        ),
        (
            "emergency_contacts",
            timestamp_with_time_zone_null("opted_out_at"),
        ),
        (
            "emergency_contacts",
            timestamp_with_time_zone_null("email_failed_at"),
        ),
        (
            "emergency_contacts",
            timestamp_with_time_zone_null("phone_failed_at"),
        ),
    ]
}

/// Indexes by hand: partial ones, whose size follows the work that is left and not the years of
/// alarms behind it.
const INDEXES: [(&str, &str); 5] = [
    // The first tries of real alarms, apart from all else, and each channel apart, so that no
    // backlog is read through to find them.
    (
        "notifications_first",
        "CREATE INDEX notifications_first ON notifications (channel, next_attempt_at) \
         WHERE status = 'pending' AND attempts = 0 AND priority = 0",
    ),
    (
        "notifications_later",
        "CREATE INDEX notifications_later ON notifications (channel, next_attempt_at) \
         WHERE status IN ('pending', 'sending') AND (attempts > 0 OR priority > 0)",
    ),
    // A receipt names its message by the provider's id.
    (
        "notifications_provider_id",
        "CREATE INDEX notifications_provider_id ON notifications (provider_id) \
         WHERE provider_id IS NOT NULL",
    ),
    // Keys to forget.
    (
        "alarms_keyed",
        "CREATE INDEX alarms_keyed ON alarms (timestamp) WHERE idempotency_key IS NOT NULL",
    ),
    // What is still open, to close it in time.
    (
        "alarm_results_open",
        "CREATE INDEX alarm_results_open ON alarm_results (timestamp) WHERE NOT completed",
    ),
];

/// What `notifications_first` and `notifications_later` take the place of.
const BEFORE: [(&str, &str); 2] = [
    (
        "notifications_first",
        "CREATE INDEX notifications_first ON notifications (next_attempt_at) \
         WHERE status = 'pending' AND attempts = 0",
    ),
    (
        "notifications_again",
        "CREATE INDEX notifications_again ON notifications (next_attempt_at) \
         WHERE status IN ('pending', 'sending') AND attempts > 0",
    ),
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, column) in columns() {
            manager
                .alter_table(Table::alter().table(table).add_column(column).to_owned())
                .await?;
        }
        // Messages of other purposes than the alarm itself are no first tries of the front lane.
        for statement in [
            "UPDATE notifications SET priority = 1 WHERE purpose <> 'alarm'",
            "DROP INDEX notifications_first",
            "DROP INDEX notifications_again",
        ]
        .into_iter()
        .chain(INDEXES.map(|(_, create)| create))
        {
            manager
                .get_connection()
                .execute_unprepared(statement)
                .await?;
        }
        manager
            .create_table(
                Table::create()
                    .table("alarm_reactions")
                    .col(big_pk_auto("id"))
                    .col(big_integer("alarm_id"))
                    .col(string_len("recipient_kind", 16))
                    .col(big_integer_null("contact_id"))
                    .col(big_integer_null("therapist_id"))
                    .col(string_len("recipient_name", 255))
                    .col(string_len("relationship", 255))
                    .col(string_len("reaction", 16))
                    .col(timestamp_with_time_zone("reacted_at"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("alarm_reactions", "alarm_id")
                            .to("alarms", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .foreign_key(
                        ForeignKey::create()
                            .from("alarm_reactions", "contact_id")
                            .to("emergency_contacts", "id")
                            .on_delete(ForeignKeyAction::SetNull),
                    )
                    .foreign_key(
                        ForeignKey::create()
                            .from("alarm_reactions", "therapist_id")
                            .to("therapists", "id")
                            .on_delete(ForeignKeyAction::SetNull),
                    )
                    .to_owned(),
            )
            .await?;
        // One reaction of each recipient; where a contact is deleted, its reaction stays.
        for column in ["contact_id", "therapist_id"] {
            manager
                .create_index(
                    Index::create()
                        .name(format!("alarm_reactions_alarm_id_{column}"))
                        .table("alarm_reactions")
                        .col("alarm_id")
                        .col(column)
                        .unique()
                        .to_owned(),
                )
                .await?;
            // Deleting a contact or therapist looks for its reactions.
            manager
                .create_index(
                    Index::create()
                        .name(format!("alarm_reactions_{column}"))
                        .table("alarm_reactions")
                        .col(column)
                        .to_owned(),
                )
                .await?;
        }
        manager
            .create_table(
                Table::create()
                    .table("alarm_scenario_steps")
                    .col(big_pk_auto("id"))
                    .col(big_integer("scenario_id"))
                    .col(integer("position"))
                    .col(integer("after_minutes"))
                    .col(boolean("first_contact"))
                    .col(boolean("other_contacts"))
                    .col(boolean("therapist"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("alarm_scenario_steps", "scenario_id")
                            .to("alarm_scenarios", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                Index::create()
                    .name("alarm_scenario_steps_scenario_id_position")
                    .table("alarm_scenario_steps")
                    .col("scenario_id")
                    .col("position")
                    .unique()
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("server_keys")
                    .col(string_len("name", 32).primary_key())
                    .col(string_len("value", 64))
                    .to_owned(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["server_keys", "alarm_scenario_steps", "alarm_reactions"] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        for statement in INDEXES
            .map(|(name, _)| format!("DROP INDEX {name}"))
            .into_iter()
            // What an older haven has no word for: it could not read these rows.
            .chain(["DELETE FROM notifications WHERE channel <> 'email' \
                     OR purpose NOT IN ('alarm', 'all_clear') OR recipient_kind = 'person'"
                .to_owned()])
            // An older haven would take a drill for an alarm.
            .chain(["DELETE FROM alarms WHERE kind <> 'real'".to_owned()])
            .chain(BEFORE.map(|(_, create)| create.to_owned()))
        {
            manager
                .get_connection()
                .execute_unprepared(&statement)
                .await?;
        }
        for (table, column) in columns().into_iter().rev() {
            manager
                .alter_table(
                    Table::alter()
                        .table(table)
                        .drop_column(column.get_column_name())
                        .to_owned(),
                )
                .await?;
        }
        Ok(())
    }
}
