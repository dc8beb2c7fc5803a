//! The schema: decodes arguments, calls the domain, wraps what comes back. Decides nothing.

use std::sync::Arc;

use async_graphql::{MergedObject, MergedSubscription, Schema, SchemaBuilder};

use crate::app::App;
use crate::config::Introspection;
use introspection::AdminsIntrospect;

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

/// Everything that can be asked.
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

/// Everything that can be followed.
#[derive(MergedSubscription, Default)]
#[graphql(name = "Subscription")]
pub struct SubscriptionRoot(
    alarms::AlarmSubscriptions,
    assistant::AssistantSubscriptions,
    support::SupportSubscriptions,
);

/// The one schema behind GraphQL, REST and sockets.
pub type HavenSchema = Schema<QueryRoot, MutationRoot, SubscriptionRoot>;

fn builder() -> SchemaBuilder<QueryRoot, MutationRoot, SubscriptionRoot> {
    Schema::build(
        QueryRoot::default(),
        MutationRoot::default(),
        SubscriptionRoot::default(),
    )
    .extension(errors::Envelope)
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
