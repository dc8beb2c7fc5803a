//! Emergency contacts: whom an alarm tells.

use std::collections::HashMap;

use entity::notification::{RecipientKind, Status};
use entity::{emergency_contact as contact, notification, user};
use sea_orm::sea_query::Query;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction,
    EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};

use crate::app::App;
use crate::auth::{UserRef, Viewer, parse_id};
use crate::db::Db;
use crate::domain::alarms::Leaving;
use crate::domain::input::{Check, NAME_LENGTH, digits};
use crate::domain::users::reach;
use crate::error::{Error, Noun, Result};

mod opt_out;

pub use opt_out::{Choice, choice, choose};

/// Contacts a user may have: each is a mail in every alarm.
const MOST: usize = 50;

/// A whole contact, as typed.
#[derive(Clone, Debug, Default)]
pub struct ContactInput {
    /// Required.
    pub name: Option<String>,
    /// Required.
    pub phone: Option<String>,
    /// Required.
    pub relationship: Option<String>,
    /// Left out: kept; null or empty: none.
    pub email: Option<Option<String>>,
}

/// A contact after checking; `email` as in [`ContactInput`].
struct Checked {
    name: String,
    phone: String,
    relationship: String,
    email: Option<String>,
}

impl ContactInput {
    fn check(self, mut check: Check) -> Result<Checked> {
        let checked = Checked {
            name: check.required("name", self.name.as_deref(), NAME_LENGTH),
            phone: check.phone("phone", self.phone.as_deref()),
            relationship: check.required("relationship", self.relationship.as_deref(), NAME_LENGTH),
            email: self
                .email
                .map(|email| check.optional_email("email", &email.unwrap_or_default())),
        };
        check.finish()?;
        Ok(checked)
    }
}

/// A contact that was saved, and whether it is new.
pub struct Saved {
    /// As stored now.
    pub contact: contact::Model,
    /// New rather than changed.
    pub created: bool,
}

/// Creates or updates, as the legacy app does: the contact meant is the one with this `id`, or
/// without one the user's contact with the same phone digits, else the same email, else the
/// same name. None of them is a new contact.
///
/// # Errors
/// `FORBIDDEN`; `BAD_USER_INPUT`; `NOT_FOUND` for an `id` that is no contact of the user;
/// `CONFLICT` where the user has too many contacts.
pub async fn save(
    app: &App,
    viewer: &Viewer,
    subject: UserRef,
    check: Check,
    id: Option<&str>,
    input: ContactInput,
) -> Result<Saved> {
    let user_id = reach(app, viewer, subject).await?;
    let input = input.check(check)?;
    let tx = app.db.write().await?;
    let contacts = lock_all(&tx, user_id).await?;
    let same = |test: &dyn Fn(&contact::Model) -> bool| contacts.iter().find(|row| test(row));
    let found = match id {
        Some(id) => {
            let id = parse_id(id.trim()).unwrap_or(0);
            Some(same(&|row| row.id == id).ok_or(Error::NotFound(Noun::EmergencyContact))?)
        }
        None => {
            let phone = digits(&input.phone);
            let email = input.email.as_deref().unwrap_or_default().to_lowercase();
            let name = input.name.to_lowercase();
            same(&|row| row.phone_digits == phone)
                .or_else(|| same(&|row| !email.is_empty() && row.email.to_lowercase() == email))
                .or_else(|| same(&|row| row.name.to_lowercase() == name))
        }
    };
    let mut changing = None;
    let saved = match found {
        Some(row) => {
            changing = Some(Leaving::begin(&tx, user_id, RecipientKind::Contact, row.id).await?);
            let mut change = row.clone().into_active_model();
            change.name = Set(input.name);
            change.phone_digits = Set(digits(&input.phone));
            change.phone = Set(input.phone);
            change.relationship = Set(input.relationship);
            if let Some(email) = input.email {
                change.email = Set(email);
            }
            opt_out::forget_if_moved(row, &mut change);
            forget_failures(row, &mut change);
            Saved {
                contact: change.update(&tx).await?,
                created: false,
            }
        }
        None => Saved {
            contact: insert(&tx, user_id, contacts.len(), input).await?,
            created: true,
        },
    };
    if let Some(changing) = &changing {
        changing.go_on(app, &tx).await?;
    }
    tx.commit().await?;
    if let Some(changing) = changing {
        changing.publish(app);
    }
    Ok(saved)
}

/// Adds a contact, whoever is there already.
///
/// # Errors
/// `FORBIDDEN`; `BAD_USER_INPUT`; `CONFLICT` where the user has too many contacts.
pub async fn create(
    app: &App,
    viewer: &Viewer,
    subject: UserRef,
    input: ContactInput,
) -> Result<contact::Model> {
    let user_id = reach(app, viewer, subject).await?;
    let input = input.check(Check::default())?;
    let tx = app.db.write().await?;
    let contacts = lock_all(&tx, user_id).await?;
    let row = insert(&tx, user_id, contacts.len(), input).await?;
    tx.commit().await?;
    Ok(row)
}

/// The user's contacts, by id. The user's row is locked, so that two requests at once don't
/// both find that a contact is new.
async fn lock_all(tx: &DatabaseTransaction, user_id: i64) -> Result<Vec<contact::Model>> {
    user::Entity::find_by_id(user_id)
        .lock_exclusive()
        .one(tx)
        .await?
        .ok_or(Error::NotFound(Noun::User))?;
    Ok(contact::Entity::find()
        .filter(contact::Column::UserId.eq(user_id))
        .order_by_asc(contact::Column::Id)
        .all(tx)
        .await?)
}

async fn insert(
    tx: &impl ConnectionTrait,
    user_id: i64,
    count: usize,
    input: Checked,
) -> Result<contact::Model> {
    if count >= MOST {
        return Err(Error::Conflict(
            "A user can have at most 50 emergency contacts.",
        ));
    }
    Ok(contact::ActiveModel {
        user_id: Set(user_id),
        name: Set(input.name),
        relationship: Set(input.relationship),
        phone_digits: Set(digits(&input.phone)),
        phone: Set(input.phone),
        email: Set(input.email.unwrap_or_default()),
        ..Default::default()
    }
    .insert(tx)
    .await?)
}

/// A change of a contact: `None` leaves a field.
#[derive(Clone, Debug, Default)]
pub struct ContactPatch {
    /// Not blank.
    pub name: Option<String>,
    /// Not blank.
    pub phone: Option<String>,
    /// Not blank.
    pub relationship: Option<String>,
    /// Null or empty clears it.
    pub email: Option<Option<String>>,
}

/// Changes a contact.
///
/// # Errors
/// `NOT_FOUND` where it does not exist or is not the viewer's to change; `BAD_USER_INPUT`.
pub async fn update(
    app: &App,
    viewer: &Viewer,
    id: i64,
    mut check: Check,
    patch: ContactPatch,
) -> Result<contact::Model> {
    viewer.person()?;
    let tx = app.db.write().await?;
    let found = contact::Entity::find_by_id(id).one(&tx).await?;
    let found = own(viewer, found)?;
    let changing = if patch.phone.is_some() || patch.email.is_some() {
        Some(Leaving::begin(&tx, found.user_id, RecipientKind::Contact, id).await?)
    } else {
        None
    };
    let row = reachable(&tx, viewer, id).await?;
    let mut change = row.clone().into_active_model();
    if let Some(name) = &patch.name {
        change.name = Set(check.required("name", Some(name), NAME_LENGTH));
    }
    if let Some(phone) = &patch.phone {
        let phone = check.phone("phone", Some(phone));
        change.phone_digits = Set(digits(&phone));
        change.phone = Set(phone);
    }
    if let Some(relationship) = &patch.relationship {
        change.relationship = Set(check.required("relationship", Some(relationship), NAME_LENGTH));
    }
    if let Some(email) = patch.email {
        change.email = Set(check.optional_email("email", &email.unwrap_or_default()));
    }
    check.finish()?;
    opt_out::forget_if_moved(&row, &mut change);
    forget_failures(&row, &mut change);
    let row = change.update(&tx).await?;
    if let Some(changing) = &changing {
        changing.go_on(app, &tx).await?;
    }
    tx.commit().await?;
    if let Some(changing) = changing {
        changing.publish(app);
    }
    Ok(row)
}

/// The last message to each of these contacts over each channel, of those that were tried or wait
/// for it, by channel. One statement, however many contacts.
///
/// # Errors
/// The database's.
pub async fn last_deliveries(
    db: &Db,
    contacts: &[i64],
) -> Result<HashMap<i64, Vec<notification::Model>>> {
    use notification::Column;
    let mut last = Query::select();
    last.expr(Column::Id.max())
        .from(notification::Entity)
        .and_where(Column::ContactId.is_in(contacts.iter().copied()))
        .and_where(Column::RecipientKind.eq(RecipientKind::Contact))
        .and_where(Column::Status.ne(Status::Skipped))
        .group_by_columns([Column::ContactId, Column::Channel]);
    let rows = notification::Entity::find()
        .filter(Column::Id.in_subquery(last))
        .order_by_asc(Column::Channel)
        .all(db.read())
        .await?;
    let mut found: HashMap<i64, Vec<notification::Model>> = HashMap::new();
    for row in rows {
        if let Some(contact_id) = row.contact_id {
            found.entry(contact_id).or_default().push(row);
        }
    }
    Ok(found)
}

/// What is known of an address does not hold for another one.
fn forget_failures(before: &contact::Model, change: &mut contact::ActiveModel) {
    if change.email.try_as_ref() != Some(&before.email) {
        change.email_failed_at = Set(None);
    }
    if change.phone_digits.try_as_ref() != Some(&before.phone_digits) {
        change.phone_failed_at = Set(None);
    }
}

/// Deletes a contact. What is being sent to it at this moment may still arrive, and nothing after
/// that; in open alarms, nobody waits for it any more.
///
/// # Errors
/// `NOT_FOUND` where it does not exist or is not the viewer's to delete.
pub async fn delete(app: &App, viewer: &Viewer, id: i64) -> Result<()> {
    viewer.person()?;
    let tx = app.db.write().await?;
    let found = contact::Entity::find_by_id(id).one(&tx).await?;
    let found = own(viewer, found)?;
    let leaving = Leaving::begin(&tx, found.user_id, RecipientKind::Contact, found.id).await?;
    // Another deletion may have been first.
    let row = reachable(&tx, viewer, id).await?;
    leaving.stop(&tx).await?;
    contact::Entity::delete_by_id(row.id).exec(&tx).await?;
    leaving.go_on(app, &tx).await?;
    tx.commit().await?;
    leaving.publish(app);
    Ok(())
}

async fn reachable(tx: &impl ConnectionTrait, viewer: &Viewer, id: i64) -> Result<contact::Model> {
    let found = contact::Entity::find_by_id(id)
        .lock_exclusive()
        .one(tx)
        .await?;
    own(viewer, found)
}

/// The contact, where it was found and is the viewer's to change.
fn own(viewer: &Viewer, found: Option<contact::Model>) -> Result<contact::Model> {
    let caller = viewer.person()?;
    found
        .filter(|row| caller.user.is_admin || row.user_id == caller.user.id)
        .ok_or(Error::NotFound(Noun::EmergencyContact))
}
