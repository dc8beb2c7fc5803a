//! The schema: decodes arguments, calls the domain, wraps what comes back. Decides nothing.

pub mod context;
pub mod errors;
pub mod loaders;
