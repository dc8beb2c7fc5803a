//! The schema: decodes arguments, calls the domain, wraps what comes back. Decides nothing.

use std::sync::Arc;

use async_graphql::connection::PageInfo;
use async_graphql::{MergedObject, MergedSubscription, Schema, SchemaBuilder};
use chrono::{DateTime, Utc};

use crate::app::App;
use crate::config::Introspection;
use introspection::AdminsIntrospect;

pub use validation::{DoesNotFit, Validator};

pub mod accounts;
pub mod alarms;
pub mod assistant;
pub mod connections;
pub mod contacts;
pub mod context;
pub mod errors;
pub mod introspection;
pub mod loaders;
pub mod notifications;
pub mod profiles;
pub mod reactions;
pub mod scalars;
pub mod scenarios;
pub mod support;
pub mod therapists;
pub mod tracks;
pub mod users;
mod validation;

/// Everything that can be asked. Nothing here changes anything.
///
/// Ids are decimal numbers, unique within their type, and count as opaque. Whatever names a user
/// takes the user's id, or `me` for the caller. But for `me`, everything needs a login: the header
/// `Authorization: Token <token>`, with the token of `login`. Users reach what is theirs, admins
/// what is anybody's, save where a description says otherwise.
///
/// An error has its code in `extensions.code`; the text beside it is for people and may change.
/// Any field may fail with:
///
/// - `UNAUTHENTICATED`: no token, or one that is no good any more. Log in again.
/// - `FORBIDDEN`: the caller may not do this.
/// - `NOT_FOUND`: it does not exist, or is not the caller's to see.
/// - `BAD_USER_INPUT`: the input is wrong. `extensions.fields` is a list of `{field, message}` with
///   every wrong field, as the input spells it; for a variable of the wrong type,
///   `extensions.variable` names it. Nothing was changed.
/// - `CONFLICT`: the input contradicts what is stored. Nothing was changed.
/// - `RATE_LIMITED`, `UNAVAILABLE`: busy, or a part is out of reach; try again later.
/// - `INTERNAL`: a fault of the server, which finds it by `extensions.requestId`.
///
/// And a request as a whole, before anything ran, with:
///
/// - `LIMIT_EXCEEDED`: too large or too costly in the way `extensions.limit` names;
///   `extensions.max` is the most that is allowed.
/// - `GRAPHQL_PARSE_FAILED`, `GRAPHQL_VALIDATION_FAILED`, `OPERATION_RESOLUTION_FAILURE`: the
///   document is no GraphQL, doesn't fit this schema, or doesn't have the one operation meant.
/// - `PERSISTED_QUERY_NOT_FOUND`, `PERSISTED_QUERY_NOT_SUPPORTED`, `PERSISTED_QUERY_HASH_MISMATCH`:
///   by Apollo's protocol of persisted queries: send the text along; send it without a hash; the
///   hash is not that of the text.
/// - `PERSISTED_QUERY_NOT_IN_LIST`, `QUERY_NOT_IN_SAFELIST`: only the operations of a manifest run
///   here, and the hash, the id or the text is of none of them.
/// - `BAD_REQUEST`, `BATCH_NOT_SUPPORTED`: the body, URL or message isn't that of a GraphQL
///   request, or is a list of them.
/// - `SUBSCRIPTION_NOT_SUPPORTED`: a subscription by plain HTTP, which can't answer more than once.
/// - `METHOD_NOT_ALLOWED`, `NOT_ACCEPTABLE`, `REQUEST_TIMEOUT`, `UNSUPPORTED_MEDIA_TYPE`,
///   `UPGRADE_REQUIRED`: as in HTTP.
#[derive(MergedObject, Default)]
#[graphql(name = "Query")]
pub struct QueryRoot(
    users::UserQueries,
    tracks::TrackQueries,
    scenarios::ScenarioQueries,
    alarms::AlarmQueries,
    notifications::NotificationQueries,
    support::SupportQueries,
);

/// Everything that can be changed.
///
/// A mutation happens as a whole or not at all; the mutations of one operation happen one after
/// another, each for itself. After `UNAVAILABLE`, `INTERNAL` or no answer a client can't know
/// whether it happened; where a mutation takes a key (`idempotencyKey`, `clientId`), trying again
/// with the same one is safe. Error codes and who may are as `Query` says. Those that answer a
/// `Boolean` answer true, or with an error.
#[derive(MergedObject, Default)]
#[graphql(name = "Mutation")]
pub struct MutationRoot(
    accounts::AccountMutations,
    users::UserMutations,
    profiles::ProfileMutations,
    contacts::ContactMutations,
    therapists::TherapistMutations,
    tracks::TrackMutations,
    scenarios::ScenarioMutations,
    alarms::AlarmMutations,
    notifications::NotificationMutations,
    assistant::AssistantMutations,
    support::SupportMutations,
);

/// Everything that can be followed, over the WebSocket or server-sent events; one field per
/// operation.
///
/// Error codes and who may are as `Query` says. A subscription ends when the login session behind
/// it does. A client whose connection broke subscribes again; each field says how nothing is
/// missed.
#[derive(MergedSubscription, Default)]
#[graphql(name = "Subscription")]
pub struct SubscriptionRoot(
    alarms::AlarmSubscriptions,
    assistant::AssistantSubscriptions,
    support::SupportSubscriptions,
);

/// Whether a field of the root belongs to an alarm, and may not wait behind what doesn't.
#[must_use]
pub fn belongs_to_alarm(field: &str) -> bool {
    matches!(field, "triggerAlarm" | "reportAlarm" | "completeAlarm")
}

/// The one schema behind GraphQL, REST and sockets.
pub type HavenSchema = Schema<QueryRoot, MutationRoot, SubscriptionRoot>;

fn builder() -> SchemaBuilder<QueryRoot, MutationRoot, SubscriptionRoot> {
    Schema::build(
        QueryRoot::default(),
        MutationRoot::default(),
        SubscriptionRoot::default(),
    )
    .extension(errors::Envelope)
    .override_output_type_description::<DateTime<Utc>>(
        "A moment, as an RFC 3339 string in UTC, as in `2026-01-31T08:30:00.123456+00:00`. In an \
         argument any offset from UTC is understood.",
    )
    .override_output_type_description::<PageInfo>(
        "Where a page stands in its list, by Relay's specification. A cursor is null where the \
         page is empty.",
    )
}

/// The schema over a running application.
#[must_use]
pub fn schema(app: Arc<App>) -> HavenSchema {
    let mut builder = builder();
    if app.config.introspection == Introspection::Admins {
        // "Did you mean …?" tells the names that introspection would.
        builder = builder.extension(AdminsIntrospect).disable_suggestions();
    }
    builder.data(app).finish()
}

/// The schema as text, which needs no application.
#[must_use]
pub fn sdl() -> String {
    builder().finish().sdl()
}
