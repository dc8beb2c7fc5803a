//! Alarms: pressing the button, following what comes of it, ending it.
//!
//! Rows are locked in one order, here and in the delivery's queue: the user, the result of the
//! alarm, contacts and therapists, its notifications.

use entity::alarm::Kind;
use entity::notification::{self, RecipientKind};
use entity::{alarm, alarm_result};
use sea_orm::{
    ColumnTrait, Condition, DatabaseConnection, DatabaseTransaction, EntityTrait, QueryFilter,
    QuerySelect,
};

use crate::auth::Viewer;
use crate::domain::input::{Check, NAME_LENGTH};
use crate::error::{Error, Noun, Problem, Result};

mod changes;
mod drill;
mod keeping;
mod keys;
mod leaving;
mod look;
mod operate;
mod plan;
mod reactions;
mod trigger;
mod watch;
mod words;

pub use changes::{Ended, Report, complete, report};
pub use drill::{drill, test_contact};
pub use keeping::{Kept, keep, keep_house};
pub use leaving::Leaving;
pub use look::Looks;
pub use operate::{Operator, Wanted, cancel, notifications, retry};
pub use reactions::{State, Told, react, told};
pub use trigger::{Press, Triggered, trigger};
pub use watch::{Update, watch};
pub use words::{messages, nobody_reachable};

/// Degrees north at most.
const NORTH: f64 = 90.0;
/// Degrees east at most.
const EAST: f64 = 180.0;

/// An alarm, where it exists and is the viewer's, or the viewer is an admin. To everybody else
/// it looks as if it did not exist.
///
/// # Errors
/// `UNAUTHENTICATED`.
pub async fn find(
    db: &DatabaseConnection,
    viewer: &Viewer,
    id: i64,
) -> Result<Option<alarm::Model>> {
    let caller = viewer.person()?;
    Ok(alarm::Entity::find_by_id(id)
        .one(db)
        .await?
        .filter(|alarm| caller.user.is_admin || alarm.user_id == caller.user.id))
}

/// Which kinds of alarm are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kinds {
    real: bool,
    drill: bool,
    test: bool,
}

impl Kinds {
    /// These; all of them where none is named.
    #[must_use]
    pub fn of(kinds: &[Kind]) -> Self {
        let has = |kind| kinds.is_empty() || kinds.contains(&kind);
        Self {
            real: has(Kind::Real),
            drill: has(Kind::Drill),
            test: has(Kind::Test),
        }
    }

    /// Whether this kind is among them.
    #[must_use]
    pub const fn contains(self, kind: Kind) -> bool {
        match kind {
            Kind::Real => self.real,
            Kind::Drill => self.drill,
            Kind::Test => self.test,
        }
    }

    /// The same of an alarm's row.
    #[must_use]
    pub fn condition(self) -> Condition {
        let kinds = [Kind::Real, Kind::Drill, Kind::Test];
        let meant = kinds.into_iter().filter(|kind| self.contains(*kind));
        Condition::all().add(alarm::Column::Kind.is_in(meant))
    }
}

/// Of an alarm's notifications, those to contacts and therapist: what the person is told about
/// them is no part of the alarm's course.
pub fn to_others(
    notifications: &[notification::Model],
) -> impl Iterator<Item = &notification::Model> {
    notifications
        .iter()
        .filter(|row| row.recipient_kind != RecipientKind::Person)
}

/// Where the person is, as the phone says: `None` leaves, `Some(None)` clears.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// In words, at most 255 characters.
    pub location: Option<Option<String>>,
    /// Degrees north, WGS 84, −90 to 90.
    pub latitude: Option<Option<f64>>,
    /// Degrees east, WGS 84, −180 to 180.
    pub longitude: Option<Option<f64>>,
}

impl Place {
    /// Checks it; the coordinates come together or not at all.
    fn check(self, check: &mut Check) -> Self {
        let location = self
            .location
            .map(|text| text.map(|text| check.text("location", &text, NAME_LENGTH)));
        for (field, value, most) in [
            ("latitude", self.latitude, NORTH),
            ("longitude", self.longitude, EAST),
        ] {
            // Not a number is in no range.
            if let Some(value) = value.flatten()
                && !(-most..=most).contains(&value)
            {
                #[expect(clippy::cast_possible_truncation, reason = "whole numbers")]
                check.refuse(
                    field,
                    if value < 0.0 {
                        Problem::AtLeast(-most as i64)
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
        Self { location, ..self }
    }

    fn is_given(&self) -> bool {
        self.location.is_some() || self.latitude.is_some()
    }

    /// Writes what is given into a change of an alarm's result.
    fn apply(self, change: &mut alarm_result::ActiveModel) {
        use sea_orm::ActiveValue::Set;
        if let Some(location) = self.location {
            change.location = Set(location.unwrap_or_default());
        }
        if let Some(latitude) = self.latitude {
            change.latitude = Set(latitude);
        }
        if let Some(longitude) = self.longitude {
            change.longitude = Set(longitude);
        }
    }
}

/// Reads the result of an alarm and keeps it from being changed until the transaction ends.
async fn lock_result(tx: &DatabaseTransaction, alarm_id: i64) -> Result<alarm_result::Model> {
    alarm_result::Entity::find()
        .filter(alarm_result::Column::AlarmId.eq(alarm_id))
        .lock_exclusive()
        .one(tx)
        .await?
        .ok_or(Error::NotFound(Noun::Alarm))
}
