//! Who is told of an alarm, in which step, and when.

use chrono::{DateTime, TimeDelta, Utc};
use entity::notification::RecipientKind;
use entity::{alarm, alarm_scenario_step as step, emergency_contact, profile, therapist};
use sea_orm::sea_query::LockType;
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};

use crate::app::App;
use crate::delivery::Recipient;
use crate::error::Result;

/// The steps of a scenario, applied to the people an alarm tells.
pub struct Plan {
    steps: Vec<step::Model>,
    first_contact: Option<i64>,
}

impl Plan {
    /// Reads the steps of the alarm's scenario as they are now; `recipients` are everybody it
    /// tells, contacts by id.
    ///
    /// # Errors
    /// The database's.
    pub async fn of(
        tx: &DatabaseTransaction,
        alarm: &alarm::Model,
        recipients: &[Recipient],
    ) -> Result<Self> {
        let steps = match alarm.scenario_id {
            Some(id) if !recipients.is_empty() => {
                step::Entity::find()
                    .filter(step::Column::ScenarioId.eq(id))
                    .order_by_asc(step::Column::Position)
                    .all(tx)
                    .await?
            }
            _ => Vec::new(),
        };
        let first = recipients
            .iter()
            .find(|recipient| recipient.kind == RecipientKind::Contact);
        Ok(Self {
            steps,
            first_contact: first.map(|recipient| recipient.id),
        })
    }

    /// Whether anybody may be told later than at once.
    #[must_use]
    pub const fn has_later(&self) -> bool {
        self.steps.len() > 1
    }

    /// The step in which somebody is told, and when it is due. Whom no step names is told in the
    /// first.
    #[must_use]
    pub fn turn(&self, alarm: &alarm::Model, recipient: &Recipient) -> (i32, DateTime<Utc>) {
        let mut due = alarm.timestamp;
        for step in &self.steps {
            due += TimeDelta::minutes(step.after_minutes.into());
            let named = match recipient.kind {
                RecipientKind::Contact if Some(recipient.id) == self.first_contact => {
                    step.first_contact
                }
                RecipientKind::Contact => step.other_contacts,
                RecipientKind::Therapist => step.therapist,
                // No alarm tells its own person.
                RecipientKind::Person => false,
            };
            if named {
                return (step.position, due);
            }
        }
        (0, alarm.timestamp)
    }
}

/// Whom the alarm tells as things stand: contacts by id, then the linked therapist, each over
/// every channel that the deployment has. They can't be deleted before the transaction ends.
pub(super) async fn recipients(
    app: &App,
    tx: &DatabaseTransaction,
    alarm: &alarm::Model,
    profile: Option<&profile::Model>,
) -> Result<Vec<Recipient>> {
    let channels = app.delivery.channels();
    let mut recipients = Vec::new();
    if alarm.notify_contact {
        let contacts = emergency_contact::Entity::find()
            .filter(emergency_contact::Column::UserId.eq(alarm.user_id))
            .order_by_asc(emergency_contact::Column::Id)
            .lock(LockType::KeyShare)
            .all(tx)
            .await?;
        for contact in contacts {
            let over = |&channel| Recipient::contact(app, &contact, channel);
            recipients.extend(channels.iter().map(over));
        }
    }
    let linked = profile.and_then(|profile| profile.therapist_id);
    if let Some(id) = linked.filter(|_| alarm.notify_therapist) {
        let therapist = therapist::Entity::find_by_id(id)
            .lock(LockType::KeyShare)
            .one(tx)
            .await?;
        if let Some(therapist) = therapist {
            let over = |&channel| Recipient::therapist(app, &therapist, channel);
            recipients.extend(channels.iter().map(over));
        }
    }
    Ok(recipients)
}
