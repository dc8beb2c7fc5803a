//! Contacts that can't be reached, and what the person is told about their contacts.

use entity::notification::{self, Channel, Purpose, RecipientKind, Status};
use entity::{emergency_contact, user};
use sea_orm::{
    ActiveValue::NotSet, ActiveValue::Set, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait,
    QueryFilter,
};

use super::queue::{BEHIND_ALARMS, Job};
use super::{Failure, Recipient};
use crate::app::App;

/// Keeps in a contact whether its address works, as a message to it showed, and gives what the
/// person has to be told: once for each address that fails. Says nothing where the contact has
/// another address by now.
///
/// # Errors
/// The database's.
pub async fn follow(
    app: &App,
    tx: &DatabaseTransaction,
    job: &Job,
    status: Status,
    failure: Option<Failure>,
) -> Result<Option<notification::ActiveModel>, DbErr> {
    use emergency_contact::Column;
    let row = &job.notification;
    let (RecipientKind::Contact, Some(contact_id)) = (row.recipient_kind, row.contact_id) else {
        return Ok(None);
    };
    let failed = match status {
        Status::Sent => false,
        Status::Failed if failure.is_some_and(Failure::is_of_address) => true,
        _ => return Ok(None),
    };
    let at = Set(failed.then(|| app.clock.now()));
    let (change, address, failed_at) = match row.channel {
        Channel::Email => (
            emergency_contact::ActiveModel {
                email_failed_at: at,
                ..Default::default()
            },
            Column::Email.eq(&row.address),
            Column::EmailFailedAt,
        ),
    };
    let changed = emergency_contact::Entity::update_many()
        .set(change)
        .filter(Column::Id.eq(contact_id))
        .filter(address)
        .filter(if failed {
            failed_at.is_null()
        } else {
            failed_at.is_not_null()
        })
        .exec(tx)
        .await?
        .rows_affected;
    let news = failed && changed > 0;
    Ok(news.then(|| {
        to_person(
            app,
            Purpose::ContactFailed,
            row.alarm_id,
            &job.user,
            (contact_id, &row.recipient_name),
        )
    }))
}

/// A mail to the person themselves about one of their contacts, given by id and name; it belongs
/// to the alarm that brought it up. Skipped where the person has no address that works.
#[must_use]
pub fn to_person(
    app: &App,
    purpose: Purpose,
    alarm_id: i64,
    person: &user::Model,
    (contact_id, contact_name): (i64, &str),
) -> notification::ActiveModel {
    let now = app.clock.now();
    let failure = Recipient {
        kind: RecipientKind::Person,
        id: person.id,
        name: person.username.clone(),
        relationship: String::new(),
        address: person.email.clone(),
    }
    .failure();
    notification::ActiveModel {
        id: NotSet,
        alarm_id: Set(alarm_id),
        purpose: Set(purpose),
        recipient_kind: Set(RecipientKind::Person),
        contact_id: Set(Some(contact_id)),
        therapist_id: Set(None),
        recipient_name: Set(person.username.clone()),
        relationship: Set(contact_name.to_owned()),
        channel: Set(Channel::Email),
        address: Set(person.email.clone()),
        status: Set(if failure.is_none() {
            Status::Pending
        } else {
            Status::Skipped
        }),
        attempts: Set(0),
        next_attempt_at: Set(now),
        lease_until: Set(None),
        failure: Set(failure.map(|failure| failure.code().to_owned())),
        message_id: Set(app.delivery.new_message_id()),
        created_at: Set(now),
        sent_at: Set(None),
        step: Set(0),
        priority: Set(BEHIND_ALARMS),
        provider_id: Set(None),
        receipt: Set(None),
        delivered_at: Set(None),
    }
}
