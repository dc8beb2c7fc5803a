//! The legacy REST API: a client of the schema that lives in the same process.
//!
//! Each row of [`endpoints::ENDPOINTS`] names an operation document. A request becomes the
//! variables of that document, the one schema executes it, and the data or the error becomes
//! the documented bytes. No rule is decided here.

pub mod body;
pub mod endpoints;
pub mod errors;
mod execute;
pub mod operation;
pub mod shape;
pub mod socket;
pub mod variables;

pub use endpoints::belongs_to_alarm;
pub use execute::router;
