pub mod error;
pub mod language;
