//! Alarm scenarios: what pressing the alarm does. Kept by admins, chosen by users.

use entity::{alarm_scenario as scenario, alarm_scenario_step as step};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder, QuerySelect, SqlErr, sea_query::Expr,
};

use crate::app::App;
use crate::auth::Viewer;
use crate::delivery::steps::LAST_STEP;
use crate::domain::input::{Check, NAME_LENGTH};
use crate::domain::tracks::MOST;
use crate::error::{Error, Noun, Problem, Result};

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
    /// Whom to tell when, in place of the steps that were; none: everybody at once.
    pub steps: Option<Vec<StepInput>>,
}

/// Steps a scenario may have.
const MOST_STEPS: usize = 10;
/// Whom a step tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepRecipient {
    /// The user's first contact, by id.
    FirstContact,
    /// All other contacts.
    OtherContacts,
    /// The linked therapist.
    Therapist,
}

/// A step as typed.
#[derive(Clone, Debug)]
pub struct StepInput {
    /// Whom it tells: somebody, and nobody whom another step tells.
    pub recipients: Vec<StepRecipient>,
    /// Minutes after the step before, 0 in the first.
    pub after_minutes: i32,
}

/// Checks the steps of a scenario, where alarms that nobody ends are closed after so many hours.
fn check_steps(check: &mut Check, steps: &[StepInput], alarm_hours: i64) {
    if steps.len() > MOST_STEPS {
        check.refuse(
            "steps",
            Problem::Other("A scenario can have at most 10 steps."),
        );
    }
    let mut named = Vec::new();
    let mut begins = 0_i32;
    for (position, step) in steps.iter().enumerate() {
        check.within("afterMinutes", step.after_minutes, 0, LAST_STEP);
        if position == 0 && step.after_minutes != 0 {
            check.refuse(
                "afterMinutes",
                Problem::Other("The first step begins at once: 0 minutes."),
            );
        }
        begins = begins.saturating_add(step.after_minutes.max(0));
        if step.recipients.is_empty() {
            check.refuse("recipients", Problem::Other("A step has to tell somebody."));
        }
        for recipient in &step.recipients {
            if named.contains(recipient) {
                check.refuse(
                    "recipients",
                    Problem::Other("Each recipient can be named once in all steps."),
                );
            }
            named.push(*recipient);
        }
    }
    if begins > LAST_STEP {
        check.refuse(
            "afterMinutes",
            Problem::Other("The last step has to begin within 24 hours of the press."),
        );
    } else if i64::from(begins) >= alarm_hours * 60 {
        check.refuse(
            "afterMinutes",
            Problem::Other(
                "The last step has to begin before an alarm that nobody ends is closed \
                 (HAVEN_ALARM_HOURS).",
            ),
        );
    }
}

/// Puts steps in place of those a scenario has.
async fn store_steps(
    tx: &impl ConnectionTrait,
    scenario_id: i64,
    steps: &[StepInput],
) -> Result<()> {
    step::Entity::delete_many()
        .filter(step::Column::ScenarioId.eq(scenario_id))
        .exec(tx)
        .await?;
    let rows: Vec<_> = (0..)
        .zip(steps)
        .map(|(position, input)| step::ActiveModel {
            scenario_id: Set(scenario_id),
            position: Set(position),
            after_minutes: Set(input.after_minutes),
            first_contact: Set(input.recipients.contains(&StepRecipient::FirstContact)),
            other_contacts: Set(input.recipients.contains(&StepRecipient::OtherContacts)),
            therapist: Set(input.recipients.contains(&StepRecipient::Therapist)),
            ..Default::default()
        })
        .collect();
    if !rows.is_empty() {
        step::Entity::insert_many(rows)
            .exec_without_returning(tx)
            .await?;
    }
    Ok(())
}

/// The scenarios that hold a step which no alarm lives to see, by id: the setting was another one
/// when they were written.
///
/// # Errors
/// The database's.
pub async fn with_late_steps(app: &App) -> Result<Vec<i64>> {
    use sea_orm::ExprTrait as _;
    Ok(step::Entity::find()
        .select_only()
        .column(step::Column::ScenarioId)
        .group_by(step::Column::ScenarioId)
        .having(
            step::Column::AfterMinutes
                .sum()
                .gte(app.config.alarm_hours * 60),
        )
        .order_by_asc(step::Column::ScenarioId)
        .limit(MOST)
        .into_tuple()
        .all(app.db.read())
        .await?)
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
    let steps = input.steps.take();
    let change = checked(app, blank, input, steps.as_deref())?;
    let tx = app.db.write().await?;
    if becomes_default {
        clear_default(&tx).await?;
    }
    let row = change.insert(&tx).await.map_err(two_defaults)?;
    if let Some(steps) = steps {
        store_steps(&tx, row.id, &steps).await?;
    }
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
    mut input: ScenarioInput,
) -> Result<scenario::Model> {
    viewer.admin()?;
    let tx = app.db.write().await?;
    let row = scenario::Entity::find_by_id(id)
        .lock_exclusive()
        .one(&tx)
        .await?
        .ok_or(Error::NotFound(Noun::AlarmScenario))?;
    let becomes_default = input.is_default == Some(true);
    let steps = input.steps.take();
    let change = checked(app, row.into_active_model(), input, steps.as_deref())?;
    if becomes_default {
        clear_default(&tx).await?;
    }
    let row = change.update(&tx).await.map_err(two_defaults)?;
    if let Some(steps) = steps {
        store_steps(&tx, row.id, &steps).await?;
    }
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
    app: &App,
    mut change: scenario::ActiveModel,
    input: ScenarioInput,
    steps: Option<&[StepInput]>,
) -> Result<scenario::ActiveModel> {
    let mut check = Check::default();
    if let Some(name) = input.name {
        change.name = Set(check.required("name", Some(&name), NAME_LENGTH));
    }
    check_steps(
        &mut check,
        steps.unwrap_or_default(),
        app.config.alarm_hours,
    );
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
