//! Small conversions between GraphQL's types and the domain's.

use async_graphql::connection::CursorType;
use async_graphql::{Enum, ID, MaybeUndefined, ScalarType};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};

use crate::auth::{UserRef, parse_id};
use crate::domain::input::Check;
use crate::domain::page::Page;
use crate::error::{Error, Noun, Problem, Result};
use crate::language;

/// Whether a JSON value can be a value of a scalar.
pub type Accepts = fn(&serde_json::Value) -> bool;

/// Every custom scalar of the schema, for whoever coerces variables before anything runs.
pub const CHECKS: &[(&str, Accepts)] = &[("DateTime", accepts::<DateTime<Utc>>)];

/// Whether the resolvers would take this value for a `T`.
fn accepts<T: ScalarType>(value: &serde_json::Value) -> bool {
    async_graphql::Value::from_json(value.clone()).is_ok_and(|value| T::parse(value).is_ok())
}

/// A language of what haven writes to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "language::Language")]
pub enum Language {
    /// Russian.
    Ru,
    /// English.
    En,
}

/// Reads an id argument. What is no id at all names nothing.
///
/// # Errors
/// `NOT_FOUND` with the noun.
pub fn id(id: &ID, noun: Noun) -> Result<i64> {
    parse_id(id).ok_or(Error::NotFound(noun))
}

/// Reads a user argument: an id, or `me`.
#[must_use]
pub fn user_ref(id: &ID) -> UserRef {
    UserRef::parse(id)
}

/// Reads an optional id of a partial update, to be checked by the domain.
#[must_use]
pub fn link(id: MaybeUndefined<ID>) -> Option<Option<String>> {
    patch(id).map(|id| id.map(|id| id.0))
}

/// Left out: `None`; null: `Some(None)`.
#[must_use]
pub fn patch<T>(value: MaybeUndefined<T>) -> Option<Option<T>> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}

/// A field of a partial update that can be left out but not be null.
pub fn keep<T>(check: &mut Check, field: &'static str, value: MaybeUndefined<T>) -> Option<T> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => {
            check.refuse(field, Problem::Null);
            None
        }
        MaybeUndefined::Value(value) => Some(value),
    }
}

/// The place of a row in its list. Opaque to clients, so that its make can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(pub i64);

impl CursorType for Cursor {
    type Error = &'static str;

    fn decode_cursor(text: &str) -> Result<Self, Self::Error> {
        URL_SAFE_NO_PAD
            .decode(text)
            .ok()
            .and_then(|bytes| <[u8; 8]>::try_from(bytes).ok())
            .map(|bytes| Self(i64::from_be_bytes(bytes)))
            .ok_or("not a cursor of this list")
    }

    fn encode_cursor(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.to_be_bytes())
    }
}

/// Reads Relay's four arguments.
///
/// # Errors
/// `BAD_USER_INPUT` naming the argument.
pub fn page(
    first: Option<i32>,
    after: Option<&str>,
    last: Option<i32>,
    before: Option<&str>,
) -> Result<Page> {
    let decode = |field, text: Option<&str>| {
        text.map(Cursor::decode_cursor)
            .transpose()
            .map(|cursor| cursor.map(|cursor| cursor.0))
            .map_err(|problem| Error::field(field, Problem::Other(problem)))
    };
    Page::new(
        first,
        decode("after", after)?,
        last,
        decode("before", before)?,
    )
}

/// What the resolver of a nullable field gives: a failure is null with an error at the field's
/// path, and leaves what stands beside the field alone. A resolver that gives
/// `Result<Option<T>>` takes its parent with it when it fails.
pub type Nullable<T> = Option<async_graphql::Result<T>>;

/// Wraps what the resolver of a nullable field found.
#[must_use]
pub fn nullable<T>(found: Result<Option<T>>) -> Nullable<T> {
    found.map_err(async_graphql::Error::from).transpose()
}
