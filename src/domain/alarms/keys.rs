//! Idempotency keys: by which a press that is sent twice is one press.

use chrono::TimeDelta;
use sha2::{Digest, Sha256};

use super::Place;

/// How long the same key means the same press.
pub const KEPT: TimeDelta = TimeDelta::hours(24);
/// The longest key that is stored as it is, in characters.
const LENGTH: usize = 255;
/// What the stored form of any other key begins with.
const HASHED: &str = "sha256:";

/// A key as stored: itself, or the hash of one that is too long. A key that looks like such a
/// hash is hashed too, so that no two keys are ever stored alike.
#[must_use]
pub fn stored(key: String) -> String {
    if key.chars().count() <= LENGTH && !key.starts_with(HASHED) {
        return key;
    }
    format!("{HASHED}{}", hex_digest(&key))
}

/// SHA-256, lower-case hexadecimal.
fn hex_digest(text: &str) -> String {
    use std::fmt::Write;
    Sha256::digest(text.as_bytes())
        .iter()
        .fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

/// What tells a press's input from another's under the same key, however it was spelt on the way
/// here.
#[must_use]
pub fn fingerprint(place: &Place) -> String {
    let Place {
        location,
        latitude,
        longitude,
        accuracy,
    } = place;
    let text = match accuracy {
        // As before there were accuracies, so that a press repeated across the upgrade is one.
        None => serde_json::json!([location, latitude, longitude]),
        Some(accuracy) => serde_json::json!([location, latitude, longitude, accuracy]),
    };
    hex_digest(&text.to_string())
}
