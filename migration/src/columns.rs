//! Adding columns to a table, and taking them away again, a statement each, because SQLite alters
//! one at a time.

use sea_orm_migration::prelude::*;

/// Adds these to the table, in this order.
///
/// # Errors
/// The database's.
pub async fn add<const N: usize>(
    manager: &SchemaManager<'_>,
    table: &'static str,
    columns: [ColumnDef; N],
) -> Result<(), DbErr> {
    for column in columns {
        manager
            .alter_table(Table::alter().table(table).add_column(column).to_owned())
            .await?;
    }
    Ok(())
}

/// Takes them away, the last first.
///
/// # Errors
/// The database's.
pub async fn drop<const N: usize>(
    manager: &SchemaManager<'_>,
    table: &'static str,
    columns: [ColumnDef; N],
) -> Result<(), DbErr> {
    for column in columns.into_iter().rev() {
        let drop = Table::alter()
            .table(table)
            .drop_column(column.get_column_name())
            .to_owned();
        manager.alter_table(drop).await?;
    }
    Ok(())
}
