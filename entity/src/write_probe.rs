//! What the auditor writes to see that the database takes writes.

use sea_orm::entity::prelude::*;

/// One row, whose id is 1.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "write_probes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    /// When it was written last.
    pub written_at: DateTimeUtc,
}

impl ActiveModelBehavior for ActiveModel {}
