//! The tables of haven as sea-orm models, one file per table.
//!
//! Knows neither GraphQL nor HTTP. The tables themselves are made by the `migration` crate.

pub mod alarm;
pub mod alarm_reaction;
pub mod alarm_result;
pub mod alarm_scenario;
pub mod alarm_scenario_step;
pub mod assistant_answer;
pub mod chat_message;
pub mod chat_session;
pub mod emergency_contact;
pub mod music_track;
pub mod notification;
pub mod profile;
pub mod server_key;
pub mod session;
pub mod therapist;
pub mod ticket;
pub mod user;
pub mod write_probe;
