//! Where the person is: what the phone says of it, and what of that is kept.

use chrono::{DateTime, TimeDelta, Utc};
use entity::alarm_result;
use sea_orm::ActiveValue::Set;

use crate::domain::input::{Check, NAME_LENGTH};
use crate::error::Problem;

/// Degrees north at most.
const NORTH: f64 = 90.0;
/// Degrees east at most.
const EAST: f64 = 180.0;
/// The widest accuracy, in metres: half of the way around the earth.
const ANYWHERE: f64 = 20_000_000.0;

/// For how long coordinates stand against much coarser ones. Within two minutes nobody gets far,
/// and a phone that lost its satellites names the nearest mast; after that the person may have
/// moved on. The same time as in Android's guide to choosing between two places.
const FRESH: TimeDelta = TimeDelta::minutes(2);
/// How many times as wide an accuracy makes coordinates much coarser.
const COARSER: f64 = 2.0;

/// Where the person is, as the phone says: `None` leaves, `Some(None)` clears.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// In words, at most 255 characters.
    pub location: Option<Option<String>>,
    /// Degrees north, WGS 84, −90 to 90.
    pub latitude: Option<Option<f64>>,
    /// Degrees east, WGS 84, −180 to 180.
    pub longitude: Option<Option<f64>>,
    /// The radius around the coordinates, in metres, within which the person is.
    pub accuracy: Option<f64>,
}

impl Place {
    /// Checks it; the coordinates come together or not at all, and the accuracy with them.
    pub(super) fn check(self, check: &mut Check) -> Self {
        let location = self
            .location
            .map(|text| text.map(|text| check.text("location", &text, NAME_LENGTH)));
        for (field, value, least, most) in [
            ("latitude", self.latitude.flatten(), -NORTH, NORTH),
            ("longitude", self.longitude.flatten(), -EAST, EAST),
            ("accuracy", self.accuracy, 0.0, ANYWHERE),
        ] {
            // Not a number is in no range.
            if let Some(value) = value
                && !(least..=most).contains(&value)
            {
                #[expect(clippy::cast_possible_truncation, reason = "whole numbers")]
                check.refuse(
                    field,
                    if value < least {
                        Problem::AtLeast(least as i64)
                    } else {
                        Problem::AtMost(most as i64)
                    },
                );
            }
        }
        let given = |value: Option<Option<f64>>| value.map(|value| value.is_some());
        if given(self.latitude) != given(self.longitude) {
            let lacking = if self.latitude.flatten().is_none() {
                "latitude"
            } else {
                "longitude"
            };
            check.refuse(
                lacking,
                Problem::Other("Latitude and longitude have to be given together."),
            );
        } else if self.accuracy.is_some() && self.latitude.flatten().is_none() {
            check.refuse(
                "accuracy",
                Problem::Other("An accuracy has to come with latitude and longitude."),
            );
        }
        Self { location, ..self }
    }

    pub(super) fn is_given(&self) -> bool {
        self.location.is_some() || self.latitude.is_some()
    }

    /// Writes what is given into the result of a new alarm.
    pub(super) fn begin(self, now: DateTime<Utc>, result: &mut alarm_result::ActiveModel) {
        if let Some(location) = self.location {
            result.location = Set(location.unwrap_or_default());
        }
        if let Some(latitude) = self.latitude {
            result.latitude = Set(latitude);
            result.located_at = Set(latitude.map(|_| now));
            result.accuracy = Set(self.accuracy);
        }
        if let Some(longitude) = self.longitude {
            result.longitude = Set(longitude);
        }
    }

    /// Writes what is given into a change of the result of an alarm. Nothing of it where the alarm
    /// is over, because where the person is then is nobody's business, nor where better
    /// coordinates are known.
    pub(super) fn replace(
        self,
        stored: &alarm_result::Model,
        now: DateTime<Utc>,
        change: &mut alarm_result::ActiveModel,
    ) {
        if !stored.completed && !self.is_much_coarser(stored, now) {
            self.begin(now, change);
        }
    }

    fn is_much_coarser(&self, stored: &alarm_result::Model, now: DateTime<Utc>) -> bool {
        let fresh = stored.located_at.is_some_and(|at| now - at < FRESH);
        match (self.accuracy, stored.accuracy) {
            (Some(accuracy), Some(before)) => fresh && accuracy > COARSER * before,
            _ => false,
        }
    }
}
