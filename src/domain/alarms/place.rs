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

/// For how long coordinates stand against much coarser ones around them: a phone that lost its
/// satellites names the nearest mast. After that the person may have moved on. The time of Android's
/// guide to choosing between two places.
const FRESH: TimeDelta = TimeDelta::minutes(2);
/// How many times as wide an accuracy makes coordinates much coarser.
const COARSER: f64 = 2.0;
/// The radius of the earth, in metres.
const EARTH: f64 = 6_371_000.0;

/// Where the person is, as the phone says: `None` leaves, `Some(None)` clears.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// In words, at most 255 characters.
    pub location: Option<Option<String>>,
    /// Degrees north, WGS 84, −90 to 90.
    pub latitude: Option<Option<f64>>,
    /// Degrees east, WGS 84, −180 to 180.
    pub longitude: Option<Option<f64>>,
    /// The radius around the coordinates, in metres, within which the person is; anything but more
    /// than 0 and at most 20,000 km is none.
    pub accuracy: Option<f64>,
}

impl Place {
    /// Checks it; the coordinates come together or not at all.
    pub(super) fn check(self, check: &mut Check) -> Self {
        let location = self
            .location
            .map(|text| text.map(|text| check.text("location", &text, NAME_LENGTH)));
        for (field, value, least, most) in [
            ("latitude", self.latitude.flatten(), -NORTH, NORTH),
            ("longitude", self.longitude.flatten(), -EAST, EAST),
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
        }
        // Phones say 0 or less where they know none. No press fails for that.
        let accuracy = self
            .accuracy
            .filter(|metres| *metres > 0.0 && *metres <= ANYWHERE);
        Self {
            location,
            accuracy,
            ..self
        }
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
            result.accuracy = Set(latitude.and(self.accuracy));
        }
        if let Some(longitude) = self.longitude {
            result.longitude = Set(longitude);
        }
    }

    /// Writes what is given into a change of the result of an alarm. Nothing of it where the alarm
    /// is over, because where the person is then is nobody's business; where better coordinates
    /// are known, the words alone, and these only where there are none.
    pub(super) fn replace(
        mut self,
        stored: &alarm_result::Model,
        now: DateTime<Utc>,
        change: &mut alarm_result::ActiveModel,
    ) {
        if stored.completed {
            return;
        }
        if self.says_less(stored, now) {
            self = Self {
                location: self.location.filter(|_| stored.location.is_empty()),
                ..Self::default()
            };
        }
        self.begin(now, change);
    }

    /// Whether these are much coarser coordinates than fresh ones that are known, and may mean the
    /// same place.
    fn says_less(&self, stored: &alarm_result::Model, now: DateTime<Utc>) -> bool {
        let fresh = stored.located_at.is_some_and(|at| now - at < FRESH);
        let given = self.latitude.flatten().zip(self.longitude.flatten());
        let known = stored.latitude.zip(stored.longitude);
        match (given.zip(self.accuracy), known.zip(stored.accuracy)) {
            (Some((here, accuracy)), Some((there, before))) => {
                fresh && accuracy > COARSER * before && metres(here, there) <= accuracy + before
            }
            _ => false,
        }
    }
}

/// How far two points, in degrees north and east, are apart.
fn metres(one: (f64, f64), other: (f64, f64)) -> f64 {
    let half = |from: f64, to: f64| ((to - from).to_radians() / 2.0).sin().powi(2);
    let (north, south) = (one.0.to_radians(), other.0.to_radians());
    let chord = half(one.0, other.0) + north.cos() * south.cos() * half(one.1, other.1);
    2.0 * EARTH * chord.sqrt().min(1.0).asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_a_globe() {
        for (one, other, wanted) in [
            ((55.75, 37.61), (55.75, 37.61), 0.0),
            ((0.0, 0.0), (0.0, 180.0), 20_015_087.0),
            // Moscow and Saint Petersburg.
            ((55.7558, 37.6173), (59.9343, 30.3351), 634_000.0),
            // Across the date line.
            ((0.0, 179.9), (0.0, -179.9), 22_239.0),
        ] {
            let found = metres(one, other);
            assert!(
                (found - wanted).abs() <= wanted * 0.01,
                "{one:?} {other:?}: {found}"
            );
        }
    }
}
