//! Black-box tests: real router, real migrations, real databases, over HTTP and sockets.
//!
//! Every test of stored behaviour runs on SQLite and on PostgreSQL, by [`on_both!`].

mod support;

mod accounts;
mod alarms;
mod answer_page;
mod assistant_model;
mod assistant_redteam;
mod assistant_screening;
mod assistant_stream;
mod assistant_stub;
mod backoff;
mod bad_input;
mod bounce_mails;
mod bounces;
mod breaker;
mod catalogue;
mod clients;
mod closing;
mod contacts;
mod crash;
mod crowding;
mod delivery;
mod documents;
mod drills;
mod graphiql;
mod idempotency;
mod layers;
mod manifest;
mod migrations;
mod notifications;
mod operations;
mod overdue;
mod pages;
mod profiles;
mod reactions;
mod receipts_again;
mod rest_documented;
mod rest_rulings;
mod schema;
mod several_alarms;
mod sms;
mod smtp_server;
mod socket_limits;
mod sockets;
mod steps;
mod support_chat;
mod therapists;
mod transport;
mod turns;
mod unread;
mod users;
mod watching;
