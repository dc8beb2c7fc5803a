//! Therapists: at most one per user, told of an alarm where the profile links to it.

use entity::notification::RecipientKind;
use entity::{profile, therapist, user};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter,
    QuerySelect,
    sea_query::{Expr, LockType},
};

use crate::app::App;
use crate::auth::{UserRef, Viewer};
use crate::domain::alarms::Leaving;
use crate::domain::input::{Check, NAME_LENGTH};
use crate::domain::users::reach;
use crate::error::{Error, Noun, Result};

/// A therapist as typed; what is left out stays, where something is there to stay.
#[derive(Clone, Debug, Default)]
pub struct TherapistInput {
    /// Not blank.
    pub name: Option<String>,
    /// Not blank.
    pub phone: Option<String>,
    /// Not blank: the alarm reaches the therapist there.
    pub email: Option<String>,
}

/// A therapist that was saved, and whether it is new.
pub struct Saved {
    /// As stored now.
    pub therapist: therapist::Model,
    /// New rather than replaced.
    pub created: bool,
}

/// Makes the user's therapist, or replaces it in place, and links the profile to it.
///
/// # Errors
/// `FORBIDDEN`; `BAD_USER_INPUT`, where anything is missing too.
pub async fn save(
    app: &App,
    viewer: &Viewer,
    subject: UserRef,
    mut check: Check,
    input: TherapistInput,
) -> Result<Saved> {
    let user_id = reach(app, viewer, subject).await?;
    let name = check.required("name", input.name.as_deref(), NAME_LENGTH);
    let phone = check.phone("phone", input.phone.as_deref());
    let email = check.email("email", input.email.as_deref());
    check.finish()?;
    let tx = app.db.write().await?;
    // Of two requests at once, the second finds what the first made. Weaker than an exclusive
    // lock, which would hold up whatever links to the user.
    user::Entity::find_by_id(user_id)
        .lock(LockType::NoKeyUpdate)
        .one(&tx)
        .await?
        .ok_or(Error::NotFound(Noun::User))?;
    let changing = changing(&tx, user_id).await?;
    let found = of_user(&tx, user_id).await?;
    let created = found.is_none();
    let mut change = match found {
        Some(row) => row.into_active_model(),
        None => therapist::ActiveModel {
            user_id: Set(user_id),
            ..Default::default()
        },
    };
    change.name = Set(name);
    change.phone = Set(phone);
    change.email = Set(email);
    let therapist = if created {
        change.insert(&tx).await?
    } else {
        change.update(&tx).await?
    };
    profile::Entity::update_many()
        .col_expr(profile::Column::TherapistId, Expr::value(therapist.id))
        .filter(profile::Column::UserId.eq(user_id))
        .exec(&tx)
        .await?;
    if let Some(changing) = &changing {
        changing.go_on(app, &tx).await?;
    }
    tx.commit().await?;
    if let Some(changing) = changing {
        changing.publish(app);
    }
    Ok(Saved { therapist, created })
}

/// Changes the user's therapist; fields left out stay.
///
/// # Errors
/// `FORBIDDEN`; `BAD_USER_INPUT`; `NOT_FOUND` where the user has none.
pub async fn update(
    app: &App,
    viewer: &Viewer,
    subject: UserRef,
    mut check: Check,
    input: TherapistInput,
) -> Result<therapist::Model> {
    let user_id = reach(app, viewer, subject).await?;
    let name = input
        .name
        .map(|name| check.required("name", Some(&name), NAME_LENGTH));
    let phone = input.phone.map(|phone| check.phone("phone", Some(&phone)));
    let email = input.email.map(|email| check.email("email", Some(&email)));
    check.finish()?;
    let tx = app.db.write().await?;
    let changing = changing(&tx, user_id).await?;
    let row = of_user(&tx, user_id)
        .await?
        .ok_or(Error::NotFound(Noun::Therapist))?;
    let mut change = row.into_active_model();
    if let Some(name) = name {
        change.name = Set(name);
    }
    if let Some(phone) = phone {
        change.phone = Set(phone);
    }
    if let Some(email) = email {
        change.email = Set(email);
    }
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

/// The open alarms of which the user's therapist was told, who may be somebody else from now on. To
/// be called before the therapist is locked.
async fn changing(tx: &DatabaseTransaction, user_id: i64) -> Result<Option<Leaving>> {
    let found = therapist::Entity::find()
        .filter(therapist::Column::UserId.eq(user_id))
        .one(tx)
        .await?;
    match found {
        Some(row) => Leaving::begin(tx, user_id, RecipientKind::Therapist, row.id)
            .await
            .map(Some),
        None => Ok(None),
    }
}

/// Deletes the user's therapist, and the profile's link with it; in open alarms, nothing more is
/// sent to the therapist, and nobody waits for them.
///
/// # Errors
/// `FORBIDDEN`; `NOT_FOUND` where the user has none.
pub async fn delete(app: &App, viewer: &Viewer, subject: UserRef) -> Result<()> {
    let user_id = reach(app, viewer, subject).await?;
    let tx = app.db.write().await?;
    let found = therapist::Entity::find()
        .filter(therapist::Column::UserId.eq(user_id))
        .one(&tx)
        .await?
        .ok_or(Error::NotFound(Noun::Therapist))?;
    let leaving = Leaving::begin(&tx, user_id, RecipientKind::Therapist, found.id).await?;
    // Another deletion may have been first.
    let row = of_user(&tx, user_id)
        .await?
        .ok_or(Error::NotFound(Noun::Therapist))?;
    leaving.stop(&tx).await?;
    therapist::Entity::delete_by_id(row.id).exec(&tx).await?;
    leaving.go_on(app, &tx).await?;
    tx.commit().await?;
    leaving.publish(app);
    Ok(())
}

async fn of_user(tx: &impl ConnectionTrait, user_id: i64) -> Result<Option<therapist::Model>> {
    Ok(therapist::Entity::find()
        .filter(therapist::Column::UserId.eq(user_id))
        .lock_exclusive()
        .one(tx)
        .await?)
}
