//! Answers of the assistant while they are written.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::*;

#[derive(DeriveMigrationName)]
pub struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create()
            .table("assistant_answers")
            .col(big_pk_auto("id"))
            .col(big_integer("user_id"))
            .col(big_integer("session_id"))
            .col(big_integer("question_id").unique_key())
            .col(big_integer_null("message_id"))
            .col(string_len("state", 8))
            .col(boolean("crisis").default(false))
            .col(boolean("by_model").default(false))
            .col(integer("revision").default(0))
            .col(text("text"))
            .col(timestamp_with_time_zone("created_at"))
            .col(timestamp_with_time_zone("due_at"))
            .to_owned();
        for (column, target, on_delete) in [
            ("user_id", "users", ForeignKeyAction::Cascade),
            ("session_id", "chat_sessions", ForeignKeyAction::Cascade),
            ("question_id", "chat_messages", ForeignKeyAction::Cascade),
            ("message_id", "chat_messages", ForeignKeyAction::SetNull),
        ] {
            table.foreign_key(
                ForeignKey::create()
                    .from("assistant_answers", column)
                    .to(target, "id")
                    .on_delete(on_delete),
            );
        }
        manager.create_table(table).await?;
        let db = manager.get_connection();
        for sql in [
            "CREATE INDEX assistant_answers_user_id \
             ON assistant_answers (user_id, created_at)",
            // Whether danger was spoken of in a conversation.
            "CREATE INDEX assistant_answers_crisis ON assistant_answers (session_id) \
             WHERE crisis",
            "CREATE INDEX assistant_answers_session_id ON assistant_answers (session_id)",
            "CREATE INDEX assistant_answers_message_id ON assistant_answers (message_id)",
            // What nobody finished; small however long the history is.
            "CREATE INDEX assistant_answers_writing ON assistant_answers (due_at) \
             WHERE state = 'writing'",
        ] {
            db.execute_unprepared(sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table("assistant_answers").to_owned())
            .await
    }
}
