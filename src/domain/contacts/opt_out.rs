//! Contacts that don't want to be told any more, by the link in a message to them.

use entity::notification::{self, Purpose, Status};
use entity::{alarm_result, emergency_contact as contact, user};
use sea_orm::sea_query::{LockType, Query};
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
    let results = open_results(&tx, contact.id).await?;
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
    let said_for = row.clone();
    let mut change = row.into_active_model();
    change.opted_out_at = Set(out.then(|| app.clock.now()));
    change.opted_out_phone = Set(out.then_some(said_for.phone_digits));
    change.opted_out_email = Set(out.then_some(said_for.email));
    let row = change.update(&tx).await?;
    if out {
        let letter = delivery::to_person(
            app,
            Purpose::OptedOut,
            message.alarm_id,
            &person,
            (row.id, &row.name),
        );
        letter.insert(&tx).await?;
        stop(app, &tx, &row, &results).await?;
    }
    tx.commit().await?;
    app.delivery.wake();
    let topic = Topic::Alarms(person.id);
    for result in results.iter().filter(|_| out) {
        app.events.publish(topic, Event::Alarm(result.alarm_id));
    }
    tracing::info!(contact = row.id, out, "a contact chose whether to be told");
    app.events.publish(topic, Event::Contact(row.id));
    Ok(true)
}

/// Locks the results of the open alarms in which something is still to be sent to a contact. Before
/// the contact is locked: the order of all. The user is locked, so that there are no further ones.
async fn open_results(
    tx: &DatabaseTransaction,
    contact_id: i64,
) -> Result<Vec<alarm_result::Model>> {
    let mut alarms = Query::select();
    alarms
        .column(notification::Column::AlarmId)
        .from(notification::Entity)
        .and_where(notification::Column::ContactId.eq(contact_id))
        .cond_where(steps::unsent());
    Ok(alarm_result::Entity::find()
        .filter(alarm_result::Column::Completed.eq(false))
        .filter(alarm_result::Column::AlarmId.in_subquery(alarms))
        .order_by_asc(alarm_result::Column::AlarmId)
        .lock_exclusive()
        .all(tx)
        .await?)
}

/// Skips what is still to be sent to a contact in these alarms, and goes on without it.
async fn stop(
    app: &App,
    tx: &DatabaseTransaction,
    row: &contact::Model,
    results: &[alarm_result::Model],
) -> Result<()> {
    use notification::Column;
    notification::Entity::update_many()
        .set(notification::ActiveModel {
            status: Set(Status::Skipped),
            failure: Set(Some(Failure::OptedOut.code().to_owned())),
            ..Default::default()
        })
        .filter(Column::ContactId.eq(row.id))
        .filter(Column::AlarmId.is_in(results.iter().map(|result| result.alarm_id)))
        .filter(steps::unsent())
        .exec(tx)
        .await?;
    for result in results {
        steps::hasten(tx, result, app.clock.now()).await?;
    }
    Ok(())
}

/// Forgets that a contact opted out once nothing is left of the addresses for which it did:
/// what is there now may well be another person. A new name alone, or one address of two, is no
/// new person.
pub fn forget_if_moved(before: &contact::Model, change: &mut contact::ActiveModel) {
    let digits = change.phone_digits.try_as_ref();
    let digits = digits.unwrap_or(&before.phone_digits);
    let same_phone = before.opted_out_phone.as_ref() == Some(digits);
    let email = change.email.try_as_ref().unwrap_or(&before.email);
    let same_email = !email.is_empty()
        && before
            .opted_out_email
            .as_ref()
            .is_some_and(|said| said.to_lowercase() == email.to_lowercase());
    if before.opted_out_at.is_some() && !same_phone && !same_email {
        change.opted_out_at = Set(None);
        change.opted_out_phone = Set(None);
        change.opted_out_email = Set(None);
    }
}
