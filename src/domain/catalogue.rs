//! What a new installation starts with, so that a registered person's alarm works at once.

use entity::{alarm_scenario as scenario, music_track as track};
use sea_orm::{ActiveValue::Set, EntityTrait, PaginatorTrait, QuerySelect};

use crate::app::App;
use crate::error::Result;

/// Fills an empty catalogue of scenarios and tracks. Returns whether it did: a database with
/// users, or with an entry of either kind, is somebody's and stays as it is.
///
/// # Errors
/// The database's.
pub async fn start(app: &App) -> Result<bool> {
    let tx = app.db.write().await?;
    let used = scenario::Entity::find().limit(1).count(&tx).await?
        + track::Entity::find().limit(1).count(&tx).await?
        + entity::user::Entity::find().limit(1).count(&tx).await?;
    if used > 0 {
        return Ok(false);
    }
    scenario::Entity::insert_many(
        [
            ("Стандартный сценарий", true, true, true, true),
            ("Тихая тревога", false, true, true, false),
            ("Только музыка", true, false, false, false),
        ]
        .map(
            |(name, play_music, notify_contact, notify_therapist, is_default)| {
                scenario::ActiveModel {
                    name: Set(name.to_owned()),
                    play_music: Set(play_music),
                    notify_contact: Set(notify_contact),
                    notify_therapist: Set(notify_therapist),
                    is_default: Set(is_default),
                    ..Default::default()
                }
            },
        ),
    )
    .exec(&tx)
    .await?;
    track::Entity::insert_many(
        [
            ("Спокойный океан", "https://example.com/music/ocean.mp3"),
            ("Лесные звуки", "https://example.com/music/forest.mp3"),
        ]
        .map(|(name, url)| track::ActiveModel {
            name: Set(name.to_owned()),
            url: Set(url.to_owned()),
            ..Default::default()
        }),
    )
    .exec(&tx)
    .await?;
    tx.commit().await?;
    Ok(true)
}
