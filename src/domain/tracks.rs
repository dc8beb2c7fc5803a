//! Music tracks: the same list for everybody, kept by admins.

use entity::music_track as track;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, EntityTrait, IntoActiveModel, QueryOrder, QuerySelect,
};

use crate::app::App;
use crate::auth::Viewer;
use crate::domain::input::{Check, NAME_LENGTH};
use crate::error::{Error, Noun, Result};

/// Tracks the list gives at most; a catalogue is chosen by hand and never near it.
pub const MOST: u64 = 1000;

/// A track as typed; `None` leaves what is there.
#[derive(Clone, Debug, Default)]
pub struct TrackInput {
    /// Not blank.
    pub name: Option<String>,
    /// http or https.
    pub url: Option<String>,
}

/// All tracks, by id.
///
/// # Errors
/// `UNAUTHENTICATED`.
pub async fn list(app: &App, viewer: &Viewer) -> Result<Vec<track::Model>> {
    viewer.person()?;
    Ok(track::Entity::find()
        .order_by_asc(track::Column::Id)
        .limit(MOST)
        .all(app.db.read())
        .await?)
}

/// Adds a track.
///
/// # Errors
/// `FORBIDDEN` for all but admins; `BAD_USER_INPUT`.
pub async fn create(app: &App, viewer: &Viewer, mut input: TrackInput) -> Result<track::Model> {
    viewer.admin()?;
    input.name.get_or_insert_default();
    input.url.get_or_insert_default();
    let change = checked(<track::ActiveModel as Default>::default(), input)?;
    Ok(change.insert(app.db.read()).await?)
}

/// Changes a track.
///
/// # Errors
/// `FORBIDDEN` for all but admins; `BAD_USER_INPUT`; `NOT_FOUND`.
pub async fn update(
    app: &App,
    viewer: &Viewer,
    id: i64,
    input: TrackInput,
) -> Result<track::Model> {
    viewer.admin()?;
    let tx = app.db.write().await?;
    let row = track::Entity::find_by_id(id)
        .lock_exclusive()
        .one(&tx)
        .await?
        .ok_or(Error::NotFound(Noun::MusicTrack))?;
    let row = checked(row.into_active_model(), input)?.update(&tx).await?;
    tx.commit().await?;
    Ok(row)
}

fn checked(mut change: track::ActiveModel, input: TrackInput) -> Result<track::ActiveModel> {
    let mut check = Check::default();
    if let Some(name) = input.name {
        change.name = Set(check.required("name", Some(&name), NAME_LENGTH));
    }
    if let Some(url) = input.url {
        change.url = Set(check.url("url", &url));
    }
    check.finish()?;
    Ok(change)
}

/// Deletes a track; profiles that chose it have none then.
///
/// # Errors
/// `FORBIDDEN` for all but admins; `NOT_FOUND`.
pub async fn delete(app: &App, viewer: &Viewer, id: i64) -> Result<()> {
    viewer.admin()?;
    let deleted = track::Entity::delete_by_id(id).exec(app.db.read()).await?;
    if deleted.rows_affected == 0 {
        return Err(Error::NotFound(Noun::MusicTrack));
    }
    Ok(())
}
