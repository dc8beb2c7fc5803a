//! The rules of haven, one file per noun. Permission first, then one transaction.
//! Knows neither HTTP nor GraphQL.

pub mod accounts;
pub mod alarms;
pub mod assistant;
pub mod catalogue;
pub mod contacts;
pub mod input;
pub mod page;
pub mod profiles;
pub mod scenarios;
pub mod support;
pub mod therapists;
pub mod tracks;
pub mod users;
