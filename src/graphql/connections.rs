//! Pages of lists, by Relay's specification of connections.

use std::borrow::Cow;

use async_graphql::connection::{CursorType, PageInfo};
use async_graphql::{Object, OutputType, TypeName};

use crate::domain::page::Slice;
use crate::graphql::scalars::Cursor;

/// A page; its description in the schema is that of the resolvers below.
pub struct Connection<T> {
    has_previous: bool,
    has_next: bool,
    edges: Vec<Edge<T>>,
}

/// An entry of a page.
pub struct Edge<T> {
    cursor: String,
    node: T,
}

impl<T: OutputType> TypeName for Connection<T> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", T::type_name()).into()
    }
}

impl<T: OutputType> TypeName for Edge<T> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Edge", T::type_name()).into()
    }
}

/// A page of a list, by Relay's specification of connections: `first` and `after` lead forwards,
/// `last` and `before` backwards. `BAD_USER_INPUT` for `first` together with `last`, for more than
/// 100, and for what is no cursor.
#[Object(name_type)]
impl<T: OutputType> Connection<T> {
    /// Where the page stands in its list, and how to go on from it.
    async fn page_info(&self) -> PageInfo {
        let cursor = |edge: &Edge<T>| edge.cursor.clone();
        PageInfo {
            has_previous_page: self.has_previous,
            has_next_page: self.has_next,
            start_cursor: self.edges.first().map(cursor),
            end_cursor: self.edges.last().map(cursor),
        }
    }

    /// What is on the page, each with its cursor.
    async fn edges(&self) -> &[Edge<T>] {
        &self.edges
    }

    /// What is on the page, for those who need no cursors.
    async fn nodes(&self) -> Vec<&T> {
        self.edges.iter().map(|edge| &edge.node).collect()
    }
}

/// An entry of a page.
#[Object(name_type)]
impl<T: OutputType> Edge<T> {
    /// What stands there.
    async fn node(&self) -> &T {
        &self.node
    }

    /// The entry's place in the list, for `after` and `before`.
    async fn cursor(&self) -> &str {
        &self.cursor
    }
}

/// Wraps a page of rows; `wrap` gives the place of a row and its object.
#[must_use]
pub fn connection<R, T: OutputType>(
    slice: Slice<R>,
    wrap: impl Fn(R) -> (i64, T),
) -> Connection<T> {
    let edges = slice.rows.into_iter().map(|row| {
        let (key, node) = wrap(row);
        Edge {
            cursor: Cursor(key).encode_cursor(),
            node,
        }
    });
    Connection {
        has_previous: slice.has_previous,
        has_next: slice.has_next,
        edges: edges.collect(),
    }
}
