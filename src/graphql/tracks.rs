//! Music tracks.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object};
use entity::music_track as track;

use crate::domain::tracks::{self, TrackInput};
use crate::error::{Error, Noun, Result};
use crate::graphql::context::ContextExt;
use crate::graphql::scalars::{self, keep};

/// A track, or a link to one whose row is read when something besides `id` is asked for.
pub struct MusicTrack {
    id: i64,
    row: Option<track::Model>,
}

impl MusicTrack {
    /// A link: answers `id` without reading anything.
    #[must_use]
    pub const fn by_id(id: i64) -> Self {
        Self { id, row: None }
    }

    async fn row(&self, ctx: &Context<'_>) -> Result<track::Model> {
        if let Some(row) = &self.row {
            return Ok(row.clone());
        }
        ctx.loaders()?
            .tracks
            .one(self.id)
            .await?
            .ok_or(Error::NotFound(Noun::MusicTrack))
    }
}

impl From<track::Model> for MusicTrack {
    fn from(row: track::Model) -> Self {
        Self {
            id: row.id,
            row: Some(row),
        }
    }
}

/// A calming track that the app can play. Everybody's: users choose one for their profile.
#[Object]
impl MusicTrack {
    /// The track's id.
    async fn id(&self) -> ID {
        self.id.into()
    }

    /// Its title.
    async fn name(&self, ctx: &Context<'_>) -> Result<String> {
        Ok(self.row(ctx).await?.name)
    }

    /// Where the app loads it from: an http or https URL.
    async fn url(&self, ctx: &Context<'_>) -> Result<String> {
        Ok(self.row(ctx).await?.url)
    }
}

/// A new track.
#[derive(InputObject)]
pub struct MusicTrackInput {
    /// At most 255 characters.
    name: String,
    /// An http or https URL, at most 2000 characters.
    url: String,
}

/// A change of a track. What is left out stays; null is refused.
#[derive(InputObject)]
pub struct MusicTrackPatch {
    /// At most 255 characters.
    name: MaybeUndefined<String>,
    /// An http or https URL, at most 2000 characters.
    url: MaybeUndefined<String>,
}

/// Queries about tracks.
#[derive(Default)]
pub struct TrackQueries;

#[Object]
impl TrackQueries {
    /// Every track, by id. Needs a login.
    async fn music_tracks(&self, ctx: &Context<'_>) -> Result<Vec<MusicTrack>> {
        let rows = tracks::list(ctx.app()?, &ctx.viewer()).await?;
        Ok(rows.into_iter().map(MusicTrack::from).collect())
    }
}

/// Changes of tracks, by admins.
#[derive(Default)]
pub struct TrackMutations;

#[Object]
impl TrackMutations {
    /// Adds a track. For admins. `BAD_USER_INPUT` lists every wrong field.
    async fn create_music_track(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The track.")] input: MusicTrackInput,
    ) -> Result<MusicTrack> {
        let input = TrackInput {
            name: Some(input.name),
            url: Some(input.url),
        };
        let row = tracks::create(ctx.app()?, &ctx.viewer(), input).await?;
        Ok(row.into())
    }

    /// Changes a track. For admins. `NOT_FOUND` where there is none of that id.
    async fn update_music_track(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The track's id.")] id: ID,
        #[graphql(desc = "What to change.")] input: MusicTrackPatch,
    ) -> Result<MusicTrack> {
        let viewer = ctx.viewer();
        viewer.admin()?;
        let mut check = ctx.check();
        let input = TrackInput {
            name: keep(&mut check, "name", input.name),
            url: keep(&mut check, "url", input.url),
        };
        check.finish()?;
        let id = scalars::id(&id, Noun::MusicTrack)?;
        let row = tracks::update(ctx.app()?, &viewer, id, input).await?;
        Ok(row.into())
    }

    /// Deletes a track. For admins. Profiles that chose it have none then. `NOT_FOUND` where there
    /// is none of that id.
    async fn delete_music_track(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The track's id.")] id: ID,
    ) -> Result<bool> {
        let viewer = ctx.viewer();
        viewer.admin()?;
        tracks::delete(ctx.app()?, &viewer, scalars::id(&id, Noun::MusicTrack)?).await?;
        Ok(true)
    }
}
