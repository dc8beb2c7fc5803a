//! Contacts that can't be reached, and what the person is told about their contacts.

use entity::notification::{self, Channel, Purpose, RecipientKind, Status};
use entity::{emergency_contact, user};
use sea_orm::sea_query::LockType;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseTransaction, DbErr, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};

use super::recipient::{self, NO_ALARM};
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
    user_id: i64,
    row: &notification::Model,
    (status, failure): (Status, Option<Failure>),
) -> Result<Option<notification::ActiveModel>, DbErr> {
    use emergency_contact::Column;
    let (RecipientKind::Contact, Some(contact_id)) = (row.recipient_kind, row.contact_id) else {
        return Ok(None);
    };
    let failed = match status {
        Status::Sent => false,
        Status::Failed if failure.is_some_and(Failure::is_of_address) => true,
        _ => return Ok(None),
    };
    let failed_at = match row.channel {
        Channel::Email => Column::EmailFailedAt,
        Channel::Sms => Column::PhoneFailedAt,
    };
    let contact = emergency_contact::Entity::find_by_id(contact_id)
        .filter(if failed {
            failed_at.is_null()
        } else {
            failed_at.is_not_null()
        })
        .lock(LockType::NoKeyUpdate)
        .one(tx)
        .await?;
    let Some(contact) = contact.filter(|contact| {
        app.delivery
            .still_reaches(row, &contact.email, &contact.phone)
    }) else {
        return Ok(None);
    };
    if !failed && row.channel == Channel::Email && came_back_before(tx, contact_id, row).await? {
        return Ok(None);
    }
    let at = Set(failed.then(|| app.clock.now()));
    let mut change = contact.into_active_model();
    match row.channel {
        Channel::Email => change.email_failed_at = at,
        Channel::Sms => change.phone_failed_at = at,
    }
    change.update(tx).await?;
    if !failed {
        return Ok(None);
    }
    let person = user::Entity::find_by_id(user_id).one(tx).await?;
    Ok(person.map(|person| {
        to_person(
            app,
            Purpose::ContactFailed,
            row.alarm_id,
            &person,
            (contact_id, &row.recipient_name),
        )
    }))
}

/// Whether the mail before this one, to the same contact and address, was taken and came back.
/// That another one is taken then says nothing for the address: it may come back as well. Only
/// once the next is taken too, and this one did not come back, it works.
async fn came_back_before(
    tx: &DatabaseTransaction,
    contact_id: i64,
    row: &notification::Model,
) -> Result<bool, DbErr> {
    use notification::Column;
    let came_back = |row: &notification::Model| {
        let failure = row.failure.as_deref().and_then(Failure::from_code);
        row.sent_at.is_some() && failure.is_some_and(Failure::is_of_address)
    };
    // An earlier try of its own, after which it was sent again.
    if came_back(row) {
        return Ok(true);
    }
    let before = notification::Entity::find()
        .filter(Column::ContactId.eq(contact_id))
        .filter(Column::RecipientKind.eq(RecipientKind::Contact))
        .filter(Column::Channel.eq(Channel::Email))
        .filter(Column::Id.lt(row.id))
        .filter(Column::Status.is_in([Status::Sent, Status::Failed]))
        .order_by_desc(Column::Id)
        .one(tx)
        .await?;
    Ok(before.is_some_and(|before| came_back(&before) && before.address == row.address))
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
    let person = Recipient {
        kind: RecipientKind::Person,
        id: person.id,
        name: person.username.clone(),
        relationship: contact_name.to_owned(),
        channel: Channel::Email,
        address: person.email.clone(),
        opted_out: false,
    };
    notification::ActiveModel {
        contact_id: Set(Some(contact_id)),
        ..recipient::new(app, alarm_id, purpose, NO_ALARM, person)
    }
}
