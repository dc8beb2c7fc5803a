//! The GraphQL transport over real connections, with a small schema behind it.

mod client;
mod http;
mod limits;
mod npm;
mod server;
mod sse;
mod subscriptions;
mod ws;
