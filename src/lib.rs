pub mod assistant;
pub mod error;
pub mod language;
