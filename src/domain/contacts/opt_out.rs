//! Contacts that don't want to be told any more, by the link in a message to them.

use entity::notification::{self, Purpose, Status};
use entity::{alarm_result, emergency_contact as contact, user};
use sea_orm::sea_query::LockType;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};

use crate::app::App;
use crate::delivery::{self, Failure, steps};
use crate::error::{Error, Noun, Result};
use crate::events::{Event, Topic};
use crate::links::Holder;

/// What the page of an opt-out link shows.
pub struct Choice {
    /// The contact.
    pub contact: contact::Model,
    /// Whose contact.
    pub person: user::Model,
    /// The message that the link came with.
    message: notification::Model,
}

/// The contact that holds a link, and whose it is; `None` once the contact is deleted or has
/// another address than the message went to, or where that was to somebody else than a contact.
/// Changes nothing.
///
/// # Errors
/// The database's.
pub async fn choice(app: &App, holder: Holder) -> Result<Option<Choice>> {
    let db = app.db.read();
    let message = notification::Entity::find_by_id(holder.notification_id())
        .one(db)
        .await?;
    let Some((id, message)) = message.and_then(|row| Some((row.contact_id?, row))) else {
        return Ok(None);
    };
    let Some(contact) = contact::Entity::find_by_id(id)
        .one(db)
        .await?
        .filter(|row| app.delivery.still_reaches(&message, &row.email, &row.phone))
    else {
        return Ok(None);
    };
    let person = user::Entity::find_by_id(contact.user_id).one(db).await?;
    Ok(person.map(|person| Choice {
        contact,
        person,
        message,
    }))
}

/// Has the contact that holds a link told no more, of which the person is told by mail, or told
/// again. Of open alarms, what was not sent to it yet is not sent; what it was told already stays
/// told. The same again changes nothing. Gives whether the contact is still there.
///
/// # Errors
/// The database's.
pub async fn choose(app: &App, holder: Holder, out: bool) -> Result<bool> {
    let Some(Choice {
        contact,
        person,
        message,
    }) = choice(app, holder).await?
    else {
        return Ok(false);
    };
    let tx = app.db.write().await?;
    // After a press that is being stored, and before the next: neither overlooks this.
    user::Entity::find_by_id(person.id)
        .lock(LockType::NoKeyUpdate)
        .one(&tx)
        .await?
        .ok_or(Error::NotFound(Noun::User))?;
    let Some(row) = contact::Entity::find_by_id(contact.id)
        .lock(LockType::NoKeyUpdate)
        .one(&tx)
        .await?
        .filter(|row| app.delivery.still_reaches(&message, &row.email, &row.phone))
    else {
        return Ok(false);
    };
    if row.opted_out_at.is_some() == out {
        return Ok(true);
    }
    let mut change = row.into_active_model();
    change.opted_out_at = Set(out.then(|| app.clock.now()));
    let row = change.update(&tx).await?;
    let stopped = if out {
        let letter = delivery::to_person(
            app,
            Purpose::OptedOut,
            message.alarm_id,
            &person,
            (row.id, &row.name),
        );
        letter.insert(&tx).await?;
        stop(app, &tx, &row).await?
    } else {
        Vec::new()
    };
    tx.commit().await?;
    app.delivery.wake();
    let topic = Topic::Alarms(person.id);
    for alarm_id in stopped {
        app.events.publish(topic, Event::Alarm(alarm_id));
    }
    tracing::info!(contact = row.id, out, "a contact chose whether to be told");
    app.events.publish(topic, Event::Contact(row.id));
    Ok(true)
}

/// Skips what is still to be sent to a contact; gives the alarms in which there was something.
async fn stop(app: &App, tx: &DatabaseTransaction, row: &contact::Model) -> Result<Vec<i64>> {
    use notification::Column;
    let alarms: Vec<i64> = notification::Entity::find()
        .filter(Column::ContactId.eq(row.id))
        .filter(steps::unsent())
        .select_only()
        .column(Column::AlarmId)
        .distinct()
        .order_by_asc(Column::AlarmId)
        .into_tuple()
        .all(tx)
        .await?;
    if alarms.is_empty() {
        return Ok(alarms);
    }
    let results = alarm_result::Entity::find()
        .filter(alarm_result::Column::AlarmId.is_in(alarms.iter().copied()))
        .order_by_asc(alarm_result::Column::AlarmId)
        .lock_exclusive()
        .all(tx)
        .await?;
    notification::Entity::update_many()
        .set(notification::ActiveModel {
            status: Set(Status::Skipped),
            failure: Set(Some(Failure::OptedOut.code().to_owned())),
            ..Default::default()
        })
        .filter(Column::ContactId.eq(row.id))
        .filter(Column::AlarmId.is_in(alarms.iter().copied()))
        .filter(steps::unsent())
        .exec(tx)
        .await?;
    for result in results {
        steps::hasten(tx, &result, app.clock.now()).await?;
    }
    Ok(alarms)
}

/// Forgets that a contact opted out once nothing is left of the addresses under which it did:
/// what is there now may well be another person. A new name alone, or one address of two, is no
/// new person.
pub fn forget_if_moved(before: &contact::Model, change: &mut contact::ActiveModel) {
    let same_phone = change
        .phone_digits
        .try_as_ref()
        .is_none_or(|digits| *digits == before.phone_digits);
    let same_email = !before.email.is_empty()
        && change
            .email
            .try_as_ref()
            .is_none_or(|email| email.to_lowercase() == before.email.to_lowercase());
    if before.opted_out_at.is_some() && !same_phone && !same_email {
        change.opted_out_at = Set(None);
    }
}
