//! Alarm scenarios: what pressing the alarm does. Kept by admins, chosen by users.

use entity::alarm_scenario as scenario;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder, QuerySelect, SqlErr, sea_query::Expr,
};

use crate::app::App;
use crate::auth::Viewer;
use crate::domain::input::{Check, NAME_LENGTH};
use crate::domain::tracks::MOST;
use crate::error::{Error, Noun, Result};

/// A scenario as typed; `None` leaves what is there, and is `false` in a new one.
#[derive(Clone, Debug, Default)]
pub struct ScenarioInput {
    /// Not blank.
    pub name: Option<String>,
    /// The app plays the user's track.
    pub play_music: Option<bool>,
    /// Every emergency contact is told.
    pub notify_contact: Option<bool>,
    /// The linked therapist is told.
    pub notify_therapist: Option<bool>,
    /// Given to newly registered users, in place of the one that was.
    pub is_default: Option<bool>,
}

/// All scenarios, by id.
///
/// # Errors
/// `UNAUTHENTICATED`.
pub async fn list(app: &App, viewer: &Viewer) -> Result<Vec<scenario::Model>> {
    viewer.person()?;
    Ok(scenario::Entity::find()
        .order_by_asc(scenario::Column::Id)
        .limit(MOST)
        .all(app.db.read())
        .await?)
}

/// Adds a scenario.
///
/// # Errors
/// `FORBIDDEN` for all but admins; `BAD_USER_INPUT`.
pub async fn create(
    app: &App,
    viewer: &Viewer,
    mut input: ScenarioInput,
) -> Result<scenario::Model> {
    viewer.admin()?;
    input.name.get_or_insert_default();
    let blank = scenario::ActiveModel {
        play_music: Set(false),
        notify_contact: Set(false),
        notify_therapist: Set(false),
        is_default: Set(false),
        ..Default::default()
    };
    let becomes_default = input.is_default == Some(true);
    let change = checked(blank, input)?;
    let tx = app.db.write().await?;
    if becomes_default {
        clear_default(&tx).await?;
    }
    let row = change.insert(&tx).await.map_err(two_defaults)?;
    tx.commit().await?;
    Ok(row)
}

/// Changes a scenario. Alarms of the past keep what they did.
///
/// # Errors
/// `FORBIDDEN` for all but admins; `BAD_USER_INPUT`; `NOT_FOUND`.
pub async fn update(
    app: &App,
    viewer: &Viewer,
    id: i64,
    input: ScenarioInput,
) -> Result<scenario::Model> {
    viewer.admin()?;
    let tx = app.db.write().await?;
    let row = scenario::Entity::find_by_id(id)
        .lock_exclusive()
        .one(&tx)
        .await?
        .ok_or(Error::NotFound(Noun::AlarmScenario))?;
    let becomes_default = input.is_default == Some(true);
    let change = checked(row.into_active_model(), input)?;
    if becomes_default {
        clear_default(&tx).await?;
    }
    let row = change.update(&tx).await.map_err(two_defaults)?;
    tx.commit().await?;
    Ok(row)
}

fn two_defaults(error: sea_orm::DbErr) -> Error {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => {
            Error::Conflict("Another scenario became the default at the same time.")
        }
        _ => Error::Database(error),
    }
}

async fn clear_default(tx: &impl ConnectionTrait) -> Result<()> {
    scenario::Entity::update_many()
        .col_expr(scenario::Column::IsDefault, Expr::value(false))
        .filter(scenario::Column::IsDefault.eq(true))
        .exec(tx)
        .await?;
    Ok(())
}

fn checked(
    mut change: scenario::ActiveModel,
    input: ScenarioInput,
) -> Result<scenario::ActiveModel> {
    let mut check = Check::default();
    if let Some(name) = input.name {
        change.name = Set(check.required("name", Some(&name), NAME_LENGTH));
    }
    check.finish()?;
    for (column, value) in [
        (&mut change.play_music, input.play_music),
        (&mut change.notify_contact, input.notify_contact),
        (&mut change.notify_therapist, input.notify_therapist),
        (&mut change.is_default, input.is_default),
    ] {
        if let Some(value) = value {
            *column = Set(value);
        }
    }
    Ok(change)
}

/// Deletes a scenario; profiles that followed it follow none then.
///
/// # Errors
/// `FORBIDDEN` for all but admins; `NOT_FOUND`.
pub async fn delete(app: &App, viewer: &Viewer, id: i64) -> Result<()> {
    viewer.admin()?;
    let deleted = scenario::Entity::delete_by_id(id)
        .exec(app.db.read())
        .await?;
    if deleted.rows_affected == 0 {
        return Err(Error::NotFound(Noun::AlarmScenario));
    }
    Ok(())
}
