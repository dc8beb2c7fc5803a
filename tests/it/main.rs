//! Black-box tests: real router, real migrations, real databases, over HTTP and sockets.
//!
//! Every test of stored behaviour runs on SQLite and on PostgreSQL, by [`on_both!`].

mod support;
