//! The world that a claimed notification is about, read again before every try: the alarm, the
//! person, and whether the recipient is still to be told, and where.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entity::notification::{Purpose, RecipientKind};
use entity::{alarm, alarm_result, emergency_contact, notification, profile, therapist, user};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait, QueryFilter,
};

use super::letter::Story;
use super::{Failure, Recipient};
use crate::app::App;
use crate::assistant::crisis;
use crate::language::Language;

/// A claimed notification, and the world it is about as it was right after.
pub struct Job {
    /// The row as claimed.
    pub notification: notification::Model,
    /// The alarm it belongs to.
    pub alarm: alarm::Model,
    /// The result of that.
    pub result: alarm_result::Model,
    /// The person who pressed.
    pub user: user::Model,
    /// Where the person usually is; empty when unknown.
    pub usual_location: String,
    /// Whether the recipient is still to be told.
    pub standing: Standing,
}

/// How a recipient stands to the person by now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// To be told, at the address of the notification.
    Wanted,
    /// Not to be told any more.
    Unwanted(Failure),
    /// To be told elsewhere: a new notification goes there. This one may have arrived, and the
    /// link in it must not open again for whoever reads the old address.
    Moved(Recipient),
}

impl Job {
    /// The mail's story at the moment `now`, with the links that go with it, in a deployment for
    /// this country.
    #[must_use]
    pub fn story(
        &self,
        now: DateTime<Utc>,
        country: Option<&str>,
        link: Option<String>,
        opt_out: Option<String>,
    ) -> Story<'_> {
        Story {
            notification: &self.notification,
            alarm: &self.alarm,
            result: &self.result,
            user: &self.user,
            usual_location: &self.usual_location,
            link,
            opt_out,
            emergency: crisis::emergency_number(
                crisis::country(&self.usual_location, country),
                Language::from_code(&self.user.language),
            ),
            now,
        }
    }
}

/// Reads what the claimed rows are about, in a statement for each table however many they are; and
/// has what is to be sent go to where its recipient is reached now.
///
/// # Errors
/// The database's.
pub async fn read(
    app: &App,
    tx: &DatabaseTransaction,
    claimed: Vec<notification::Model>,
) -> Result<Vec<Job>, DbErr> {
    if claimed.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = claimed.iter().map(|row| row.alarm_id).collect();
    let alarms: HashMap<i64, alarm::Model> = alarm::Entity::find()
        .filter(alarm::Column::Id.is_in(ids.iter().copied()))
        .all(tx)
        .await?
        .into_iter()
        .map(|alarm| (alarm.id, alarm))
        .collect();
    let results: HashMap<i64, alarm_result::Model> = alarm_result::Entity::find()
        .filter(alarm_result::Column::AlarmId.is_in(ids))
        .all(tx)
        .await?
        .into_iter()
        .map(|result| (result.alarm_id, result))
        .collect();
    let people: Vec<i64> = alarms.values().map(|alarm| alarm.user_id).collect();
    let users: HashMap<i64, user::Model> = user::Entity::find()
        .filter(user::Column::Id.is_in(people.iter().copied()))
        .all(tx)
        .await?
        .into_iter()
        .map(|user| (user.id, user))
        .collect();
    let profiles: HashMap<i64, profile::Model> = profile::Entity::find()
        .filter(profile::Column::UserId.is_in(people))
        .all(tx)
        .await?
        .into_iter()
        .map(|profile| (profile.user_id, profile))
        .collect();
    let recipients = Recipients::read(tx, &claimed).await?;
    let mut jobs = Vec::new();
    for mut notification in claimed {
        // Where one of them is gone, the notification went with it.
        let Some(alarm) = alarms.get(&notification.alarm_id) else {
            continue;
        };
        let (Some(result), Some(user)) = (
            results.get(&notification.alarm_id),
            users.get(&alarm.user_id),
        ) else {
            continue;
        };
        let profile = profiles.get(&user.id);
        let mut standing = recipients.standing(app, &notification, profile);
        if let Standing::Moved(to) = &standing
            && !notification.perhaps_sent
        {
            readdress(tx, &mut notification, to).await?;
            standing = Standing::Wanted;
        }
        jobs.push(Job {
            notification,
            alarm: alarm.clone(),
            result: result.clone(),
            user: user.clone(),
            usual_location: profile.map_or_else(String::new, |profile| profile.location.clone()),
            standing,
        });
    }
    Ok(jobs)
}

/// Has a notification that nobody can have got go to another address.
async fn readdress(
    tx: &DatabaseTransaction,
    row: &mut notification::Model,
    to: &Recipient,
) -> Result<(), DbErr> {
    notification::Entity::update_many()
        .set(notification::ActiveModel {
            address: Set(to.address.clone()),
            ..Default::default()
        })
        .filter(notification::Column::Id.eq(row.id))
        .exec(tx)
        .await?;
    row.address.clone_from(&to.address);
    Ok(())
}

/// The contacts and therapists that alarms tell, as they are now. They are not locked: whoever
/// holds a notification waits for no contact.
struct Recipients {
    contacts: HashMap<i64, emergency_contact::Model>,
    therapists: HashMap<i64, therapist::Model>,
}

impl Recipients {
    async fn read(tx: &DatabaseTransaction, rows: &[notification::Model]) -> Result<Self, DbErr> {
        let alarms = || rows.iter().filter(|row| row.purpose == Purpose::Alarm);
        let contacts: Vec<i64> = alarms().filter_map(|row| row.contact_id).collect();
        let therapists: Vec<i64> = alarms().filter_map(|row| row.therapist_id).collect();
        let contacts = match contacts.as_slice() {
            [] => Vec::new(),
            ids => {
                emergency_contact::Entity::find()
                    .filter(emergency_contact::Column::Id.is_in(ids.iter().copied()))
                    .all(tx)
                    .await?
            }
        };
        let therapists = match therapists.as_slice() {
            [] => Vec::new(),
            ids => {
                therapist::Entity::find()
                    .filter(therapist::Column::Id.is_in(ids.iter().copied()))
                    .all(tx)
                    .await?
            }
        };
        Ok(Self {
            contacts: contacts.into_iter().map(|row| (row.id, row)).collect(),
            therapists: therapists.into_iter().map(|row| (row.id, row)).collect(),
        })
    }

    /// How the recipient of this row stands; of a person with this profile. Only an alarm is kept
    /// from anybody: whoever was told of one is told of its end.
    fn standing(
        &self,
        app: &App,
        row: &notification::Model,
        profile: Option<&profile::Model>,
    ) -> Standing {
        if row.purpose != Purpose::Alarm {
            return Standing::Wanted;
        }
        let now = match row.recipient_kind {
            RecipientKind::Contact => row
                .contact_id
                .and_then(|id| self.contacts.get(&id))
                .map(|contact| Recipient::contact(app, contact, row.channel)),
            RecipientKind::Therapist => row
                .therapist_id
                .filter(|id| profile.is_some_and(|profile| profile.therapist_id == Some(*id)))
                .and_then(|id| self.therapists.get(&id))
                .map(|therapist| Recipient::therapist(app, therapist, row.channel)),
            // No alarm tells its own person.
            RecipientKind::Person => return Standing::Wanted,
        };
        let Some(now) = now else {
            return Standing::Unwanted(Failure::Removed);
        };
        match now.failure() {
            Some(Failure::OptedOut) => Standing::Unwanted(Failure::OptedOut),
            _ if now.address.to_lowercase() == row.address.to_lowercase() => Standing::Wanted,
            Some(failure) => Standing::Unwanted(failure),
            None => Standing::Moved(now),
        }
    }
}
