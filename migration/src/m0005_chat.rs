//! Chat sessions and messages.

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
                    .table("chat_sessions")
                    .col(big_pk_auto("id"))
                    .col(big_integer("user_id"))
                    .col(string_len("session_type", 8))
                    .col(big_integer_null("receiver_id"))
                    .col(timestamp_with_time_zone("started_at"))
                    .col(timestamp_with_time_zone_null("ended_at"))
                    .col(big_integer("last_message_id").default(0))
                    .foreign_key(
                        ForeignKey::create()
                            .from("chat_sessions", "user_id")
                            .to("users", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .foreign_key(
                        ForeignKey::create()
                            .from("chat_sessions", "receiver_id")
                            .to("users", "id")
                            .on_delete(ForeignKeyAction::SetNull),
                    )
                    .to_owned(),
            )
            .await?;
        manager
            .create_table(
                Table::create()
                    .table("chat_messages")
                    .col(big_pk_auto("id"))
                    .col(big_integer("session_id"))
                    .col(string_len("sender", 8))
                    .col(boolean("from_admin").default(false))
                    .col(big_integer_null("author_id"))
                    .col(text("message"))
                    .col(string_len_null("client_id", 64))
                    .col(timestamp_with_time_zone("timestamp"))
                    .col(timestamp_with_time_zone_null("delivered_at"))
                    .foreign_key(
                        ForeignKey::create()
                            .from("chat_messages", "session_id")
                            .to("chat_sessions", "id")
                            .on_delete(ForeignKeyAction::Cascade),
                    )
                    .foreign_key(
                        ForeignKey::create()
                            .from("chat_messages", "author_id")
                            .to("users", "id")
                            .on_delete(ForeignKeyAction::SetNull),
                    )
                    .to_owned(),
            )
            .await?;
        let db = manager.get_connection();
        for sql in [
            "CREATE INDEX chat_sessions_user_id ON chat_sessions (user_id, session_type, id)",
            // Two devices that open a conversation at the same instant get the same one.
            "CREATE UNIQUE INDEX chat_sessions_one_open ON chat_sessions (user_id, session_type) \
             WHERE ended_at IS NULL",
            "CREATE INDEX chat_sessions_inbox ON chat_sessions (session_type, last_message_id)",
            "CREATE INDEX chat_sessions_receiver_id ON chat_sessions (receiver_id)",
            "CREATE INDEX chat_messages_session_id ON chat_messages (session_id, id)",
            "CREATE UNIQUE INDEX chat_messages_author_id_client_id \
             ON chat_messages (author_id, client_id)",
            // What was said while the other side was away; small however long the history is.
            "CREATE INDEX chat_messages_undelivered ON chat_messages (session_id, id) \
             WHERE delivered_at IS NULL",
        ] {
            db.execute_unprepared(sql).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["chat_messages", "chat_sessions"] {
            manager
                .drop_table(Table::drop().table(table).to_owned())
                .await?;
        }
        Ok(())
    }
}
