//! Black-box tests: real router, real migrations, real databases, over HTTP and sockets.
//!
//! Every test of stored behaviour runs on SQLite and on PostgreSQL, by [`on_both!`].

mod support;

mod accounts;
mod alarms;
mod assistant_model;
mod assistant_redteam;
mod assistant_screening;
mod assistant_stream;
mod assistant_stub;
mod bad_input;
mod breaker;
mod catalogue;
mod clients;
mod contacts;
mod delivery;
mod documents;
mod graphiql;
mod layers;
mod manifest;
mod migrations;
mod operations;
mod profiles;
mod rest_documented;
mod rest_rulings;
mod schema;
mod smtp_server;
mod socket_limits;
mod sockets;
mod support_chat;
mod therapists;
mod transport;
mod users;
