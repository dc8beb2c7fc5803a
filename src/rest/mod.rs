//! The legacy API: a client of the schema that lives in the same process. Decides nothing.

pub mod socket;
