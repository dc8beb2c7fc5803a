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
use crate::error::{Error, Noun, Result};

mod changes;
mod drill;
mod keeping;
mod keys;
mod leaving;
mod look;
mod operate;
mod place;
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
pub use place::Place;
pub use reactions::{State, Told, react, told};
pub use trigger::{Press, Triggered, trigger};
pub use watch::{Update, watch};
pub use words::{messages, nobody_reachable};

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

/// Reads the result of an alarm and keeps it from being changed until the transaction ends.
async fn lock_result(tx: &DatabaseTransaction, alarm_id: i64) -> Result<alarm_result::Model> {
    alarm_result::Entity::find()
        .filter(alarm_result::Column::AlarmId.eq(alarm_id))
        .lock_exclusive()
        .one(tx)
        .await?
        .ok_or(Error::NotFound(Noun::Alarm))
}
