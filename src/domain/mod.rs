//! The rules of haven, one file per noun. Permission first, then one transaction.
//! Knows neither HTTP nor GraphQL.

pub mod page;
