//! Pages of lists that grow, by keyset: a page costs the same however far down it is.

use std::collections::HashMap;

use sea_orm::sea_query::{Alias, Expr, ExprTrait, Func, Order, Query, WindowStatement};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, Iterable, QueryFilter,
    QueryOrder, QuerySelect, Select,
};

use crate::error::{Error, FieldError, Problem, Result};

/// Rows of a page where the client names no number.
pub const DEFAULT_SIZE: u64 = 50;
/// Rows of a page at most.
pub const MAX_SIZE: u64 = 100;

/// Which page: the first rows after a key, or the last ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Page {
    /// Rows wanted, at most [`MAX_SIZE`].
    pub size: u64,
    /// Whether the page is counted from the end of the list.
    pub from_end: bool,
    /// Only what comes after this key.
    pub after: Option<i64>,
    /// Only what comes before this key.
    pub before: Option<i64>,
}

impl Page {
    /// Checks Relay's four arguments.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` for a negative or too large number, or for `first` and `last` together.
    pub fn new(
        first: Option<i32>,
        after: Option<i64>,
        last: Option<i32>,
        before: Option<i64>,
    ) -> Result<Self> {
        let mut wrong = Vec::new();
        for (field, value) in [("first", first), ("last", last)] {
            let Some(value) = value.map(i64::from) else {
                continue;
            };
            if value < 0 {
                wrong.push(FieldError {
                    field,
                    problem: Problem::AtLeast(0),
                });
            } else if value.unsigned_abs() > MAX_SIZE {
                wrong.push(FieldError {
                    field,
                    problem: Problem::AtMost(MAX_SIZE.cast_signed()),
                });
            }
        }
        if first.is_some() && last.is_some() {
            wrong.push(FieldError {
                field: "last",
                problem: Problem::Other("`first` and `last` can't be used together."),
            });
        }
        if !wrong.is_empty() {
            return Err(Error::Invalid(wrong));
        }
        let size = first
            .or(last)
            .and_then(|size| u64::try_from(size).ok())
            .unwrap_or(DEFAULT_SIZE);
        Ok(Self {
            size,
            from_end: last.is_some(),
            after,
            before,
        })
    }
}

/// The direction of a list along its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Smallest key first.
    Ascending,
    /// Greatest key first.
    Descending,
}

/// One page of rows, in the order of the list.
#[derive(Clone, Debug)]
pub struct Slice<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Whether rows come before them.
    pub has_previous: bool,
    /// Whether rows come after them.
    pub has_next: bool,
}

impl<T> Slice<T> {
    /// Cuts rows that were read from the page's own end, one more than wanted.
    fn cut(mut rows: Vec<T>, page: Page) -> Self {
        let size = usize::try_from(page.size).unwrap_or(usize::MAX);
        let more = rows.len() > size;
        rows.truncate(size);
        if page.from_end {
            rows.reverse();
        }
        Self {
            rows,
            has_previous: if page.from_end {
                more
            } else {
                page.after.is_some()
            },
            has_next: if page.from_end {
                page.before.is_some()
            } else {
                more
            },
        }
    }
}

/// The keys of a page, as a condition.
fn range<C: ColumnTrait>(column: C, direction: Direction, page: Page) -> Condition {
    let (low, high) = match direction {
        Direction::Ascending => (page.after, page.before),
        Direction::Descending => (page.before, page.after),
    };
    Condition::all()
        .add_option(low.map(|key| column.gt(key)))
        .add_option(high.map(|key| column.lt(key)))
}

/// The order in which a page is read: from its own end.
fn order(direction: Direction, page: Page) -> Order {
    match (direction, page.from_end) {
        (Direction::Ascending, false) | (Direction::Descending, true) => Order::Asc,
        _ => Order::Desc,
    }
}

/// Reads one page of `select`, ordered by `column`, whose values are unique in it.
///
/// # Errors
/// Only the database's.
pub async fn read<E: EntityTrait>(
    db: &impl ConnectionTrait,
    select: Select<E>,
    column: E::Column,
    direction: Direction,
    page: Page,
) -> Result<Slice<E::Model>> {
    let rows = select
        .filter(range(column, direction, page))
        .order_by(column, order(direction, page))
        .limit(page.size + 1)
        .all(db)
        .await?;
    Ok(Slice::cut(rows, page))
}

/// Reads the same page of many lists at once, one list per value of `parent`, in a single
/// statement: the rows of each list are numbered by a window and cut there.
///
/// # Errors
/// Only the database's.
#[expect(
    clippy::too_many_arguments,
    reason = "each names a part of the one statement"
)]
pub async fn read_many<E: EntityTrait>(
    db: &impl ConnectionTrait,
    parents: &[i64],
    parent: E::Column,
    parent_of: fn(&E::Model) -> i64,
    column: E::Column,
    direction: Direction,
    filter: Condition,
    page: Page,
) -> Result<HashMap<i64, Slice<E::Model>>> {
    let number = Alias::new("row_of_list");
    let mut window = WindowStatement::partition_by(parent.as_column_ref());
    window.order_by(column.as_column_ref(), order(direction, page));
    let mut numbered = Query::select();
    numbered
        .columns(E::Column::iter().map(|column| column.as_column_ref()))
        .expr_window_as(Func::cust("ROW_NUMBER"), window, number.clone())
        .from(E::default().table_ref())
        .cond_where(parent.is_in(parents.iter().copied()))
        .cond_where(filter)
        .cond_where(range(column, direction, page));
    let mut statement = Query::select();
    statement
        .columns(E::Column::iter())
        .from_subquery(numbered, Alias::new("numbered"))
        .and_where(Expr::col(number.clone()).lte(i64::try_from(page.size + 1).unwrap_or(i64::MAX)))
        .order_by(number, Order::Asc);
    let mut lists: HashMap<i64, Vec<E::Model>> = HashMap::new();
    for row in db.query_all(&statement).await? {
        let model = E::Model::from_query_result(&row, "")?;
        lists.entry(parent_of(&model)).or_default().push(model);
    }
    Ok(parents
        .iter()
        .map(|id| {
            let rows = lists.remove(id).unwrap_or_default();
            (*id, Slice::cut(rows, page))
        })
        .collect())
}
