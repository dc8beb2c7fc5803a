//! Profiles: what a person says about themselves, and the links to track, therapist, scenario.

use entity::notification::RecipientKind;
use entity::{alarm_scenario, music_track, profile, therapist};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction,
    EntityTrait, IntoActiveModel, QueryFilter, QuerySelect, sea_query::LockType,
};

use crate::app::App;
use crate::auth::{UserRef, Viewer, parse_id};
use crate::domain::alarms::Leaving;
use crate::domain::input::{Check, NAME_LENGTH};
use crate::domain::users::reach;
use crate::error::{Error, Noun, Problem, Result};

/// A change of a profile: `None` leaves a field, `Some(None)` clears it.
#[derive(Debug, Default)]
pub struct ProfilePatch {
    /// Years.
    pub age: Option<Option<i32>>,
    /// The usual place.
    pub location: Option<Option<String>>,
    /// Military rather than civilian.
    pub military_status: Option<Option<bool>>,
    /// 1–5.
    pub ptsd_level: Option<Option<i32>>,
    /// The id of a track, as the client wrote it.
    pub music: Option<Option<String>>,
    /// The id of the user's therapist, as the client wrote it.
    pub therapist_contact: Option<Option<String>>,
    /// The id of a scenario, as the client wrote it.
    pub scenario: Option<Option<String>>,
}

/// Changes a profile; one wrong field changes nothing.
///
/// # Errors
/// `FORBIDDEN`; `BAD_USER_INPUT` with every wrong field, or else with every link that leads
/// nowhere; `NOT_FOUND` where the user has no profile.
pub async fn update(
    app: &App,
    viewer: &Viewer,
    subject: UserRef,
    mut check: Check,
    patch: ProfilePatch,
) -> Result<profile::Model> {
    let user_id = reach(app, viewer, subject).await?;
    if let Some(Some(age)) = patch.age {
        check.within("age", age, 0, 150);
    }
    if let Some(Some(level)) = patch.ptsd_level {
        check.within("ptsdLevel", level, 1, 5);
    }
    let location = patch
        .location
        .map(|text| check.text("location", &text.unwrap_or_default(), NAME_LENGTH));
    let mut link = |field, link: &Option<Option<String>>| {
        link.as_ref().map(|link| {
            link.as_ref().map(|text| {
                let id = parse_id(text.trim());
                // Digits are an integer, even one too large to be anybody's id.
                if id.is_none() && !is_integer(text.trim()) {
                    check.refuse(field, Problem::NotInteger);
                }
                id.unwrap_or(0)
            })
        })
    };
    let music = link("musicId", &patch.music);
    let therapist_contact = link("therapistContactId", &patch.therapist_contact);
    let scenario = link("scenarioId", &patch.scenario);
    check.finish()?;

    let tx = app.db.write().await?;
    let leaving = match &therapist_contact {
        Some(link) => unlinked(&tx, user_id, *link).await?,
        None => None,
    };
    // What is linked to is locked, so that it can't be deleted before it is linked; and before
    // the profile, as deleting it does, so that neither waits for the other.
    let mut check = Check::default();
    if let Some(Some(id)) = scenario
        && alarm_scenario::Entity::find_by_id(id)
            .lock(LockType::KeyShare)
            .one(&tx)
            .await?
            .is_none()
    {
        check.refuse("scenarioId", Problem::Unknown(Noun::AlarmScenario));
    }
    if let Some(Some(id)) = therapist_contact
        && therapist::Entity::find_by_id(id)
            .filter(therapist::Column::UserId.eq(user_id))
            .lock(LockType::KeyShare)
            .one(&tx)
            .await?
            .is_none()
    {
        check.refuse("therapistContactId", Problem::Unknown(Noun::Therapist));
    }
    if let Some(Some(id)) = music
        && music_track::Entity::find_by_id(id)
            .lock(LockType::KeyShare)
            .one(&tx)
            .await?
            .is_none()
    {
        check.refuse("musicId", Problem::Unknown(Noun::MusicTrack));
    }
    check.finish()?;
    let mut change = of_user(&tx, user_id).await?.into_active_model();
    set(&mut change.age, patch.age);
    set(&mut change.location, location);
    set(
        &mut change.military_status,
        patch.military_status.map(Option::unwrap_or_default),
    );
    set(&mut change.ptsd_level, patch.ptsd_level);
    set(&mut change.music_id, music);
    set(&mut change.therapist_id, therapist_contact);
    set(&mut change.scenario_id, scenario);
    let row = change.update(&tx).await?;
    if let Some(leaving) = &leaving {
        leaving.stop(&tx).await?;
        leaving.go_on(app, &tx).await?;
    }
    tx.commit().await?;
    if let Some(leaving) = leaving {
        leaving.publish(app);
    }
    Ok(row)
}

/// What open alarms lose by another link to a therapist, or none. To be called before anything but
/// the user is locked.
async fn unlinked(
    tx: &DatabaseTransaction,
    user_id: i64,
    link: Option<i64>,
) -> Result<Option<Leaving>> {
    let before = profile::Entity::find()
        .filter(profile::Column::UserId.eq(user_id))
        .one(tx)
        .await?
        .and_then(|profile| profile.therapist_id);
    match before {
        Some(id) if link != Some(id) => {
            let leaving = Leaving::begin(tx, user_id, RecipientKind::Therapist, id).await?;
            Ok(Some(leaving))
        }
        _ => Ok(None),
    }
}

fn set<T: Into<sea_orm::Value>>(column: &mut sea_orm::ActiveValue<T>, value: Option<T>) {
    if let Some(value) = value {
        *column = Set(value);
    }
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Chooses the track that the app plays in an alarm, or none.
///
/// # Errors
/// `FORBIDDEN`; `NOT_FOUND` for what is no track's id, or where the user has no profile.
pub async fn select_music(
    app: &App,
    viewer: &Viewer,
    subject: UserRef,
    check: Check,
    track: Option<&str>,
) -> Result<profile::Model> {
    let user_id = reach(app, viewer, subject).await?;
    check.finish()?;
    let tx = app.db.write().await?;
    let track = match track {
        None => None,
        Some(text) => {
            let id = parse_id(text.trim()).unwrap_or(0);
            Some(
                music_track::Entity::find_by_id(id)
                    .lock(LockType::KeyShare)
                    .one(&tx)
                    .await?
                    .ok_or(Error::NotFound(Noun::MusicTrack))?
                    .id,
            )
        }
    };
    let mut change = of_user(&tx, user_id).await?.into_active_model();
    change.music_id = Set(track);
    let row = change.update(&tx).await?;
    tx.commit().await?;
    Ok(row)
}

/// The profile of a user, locked for the rest of the transaction.
async fn of_user(tx: &impl ConnectionTrait, user_id: i64) -> Result<profile::Model> {
    profile::Entity::find()
        .filter(profile::Column::UserId.eq(user_id))
        .lock_exclusive()
        .one(tx)
        .await?
        .ok_or(Error::NotFound(Noun::Profile))
}
