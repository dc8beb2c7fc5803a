//! Profiles.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object};
use entity::profile;

use crate::domain::profiles::{self, ProfilePatch};
use crate::error::Result;
use crate::graphql::context::ContextExt;
use crate::graphql::scalars::{link, patch, user_ref};
use crate::graphql::scenarios::AlarmScenario;
use crate::graphql::therapists::Therapist;
use crate::graphql::tracks::MusicTrack;
use crate::graphql::users::User;

/// A profile as stored.
pub struct Profile(pub profile::Model);

/// What a user says about themselves, and what an alarm of theirs does.
#[Object]
impl Profile {
    /// The profile's own id; not the user's.
    async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// Whose profile.
    async fn user(&self) -> User {
        User::by_id(self.0.user_id)
    }

    /// The user's username, as in `user`.
    async fn username(&self, ctx: &Context<'_>) -> Result<String> {
        Ok(User::by_id(self.0.user_id).row(ctx).await?.username)
    }

    /// Years, 0–150; null when not said.
    async fn age(&self) -> Option<i32> {
        self.0.age
    }

    /// Where the user usually is; empty when not said.
    async fn location(&self) -> &str {
        &self.0.location
    }

    /// Military rather than civilian; false when not said.
    async fn military_status(&self) -> bool {
        self.0.military_status
    }

    /// The level of the user's PTSD, 1–5; null when not said.
    async fn ptsd_level(&self) -> Option<i32> {
        self.0.ptsd_level
    }

    /// The track the app plays in an alarm; null where none is chosen.
    async fn music(&self) -> Option<MusicTrack> {
        self.0.music_id.map(MusicTrack::by_id)
    }

    /// The therapist an alarm tells, where the scenario says so; null where none is linked.
    async fn therapist_contact(&self) -> Option<Therapist> {
        self.0.therapist_id.map(Therapist::by_id)
    }

    /// What an alarm does. Null: no alarm can be triggered.
    async fn scenario(&self) -> Option<AlarmScenario> {
        self.0.scenario_id.map(AlarmScenario::by_id)
    }
}

/// A change of a profile. What is left out stays; null clears.
#[derive(InputObject)]
pub struct UpdateProfileInput {
    /// Years, 0–150. Null: not said.
    age: MaybeUndefined<i32>,
    /// Where the user usually is, at most 255 characters. Null empties it.
    location: MaybeUndefined<String>,
    /// Military rather than civilian. Null is false.
    military_status: MaybeUndefined<bool>,
    /// The level of the user's PTSD, 1–5. Null: not said.
    ptsd_level: MaybeUndefined<i32>,
    /// The id of a track, as in `musicTracks`. Null: none.
    music_id: MaybeUndefined<ID>,
    /// The id of the user's own therapist. Null: an alarm tells no therapist.
    therapist_contact_id: MaybeUndefined<ID>,
    /// The id of an alarm scenario, as in `alarmScenarios`. Null: no alarm can be triggered.
    scenario_id: MaybeUndefined<ID>,
}

/// Changes of profiles.
#[derive(Default)]
pub struct ProfileMutations;

#[Object]
impl ProfileMutations {
    /// Changes a profile: the caller's own, or, for an admin, anybody's. One wrong field
    /// changes nothing; `BAD_USER_INPUT` lists every one, ids that name nothing among them.
    /// `NOT_FOUND` where the user has no profile.
    async fn update_profile(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user's id, or `me`.")] user_id: ID,
        #[graphql(desc = "What to change.")] input: UpdateProfileInput,
    ) -> Result<Profile> {
        let change = ProfilePatch {
            age: patch(input.age),
            location: patch(input.location),
            military_status: patch(input.military_status),
            ptsd_level: patch(input.ptsd_level),
            music: link(input.music_id),
            therapist_contact: link(input.therapist_contact_id),
            scenario: link(input.scenario_id),
        };
        profiles::update(
            ctx.app()?,
            &ctx.viewer(),
            user_ref(&user_id),
            ctx.check(),
            change,
        )
        .await
        .map(Profile)
    }

    /// Chooses the track the app plays in an alarm, in the caller's profile or, for an admin,
    /// anybody's. `NOT_FOUND` for what is no track's id, and where the user has no profile.
    async fn select_music(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user's id, or `me`.")] user_id: ID,
        #[graphql(desc = "The track's id; null for none.")] track_id: Option<ID>,
    ) -> Result<Profile> {
        let track = track_id.as_deref().map(String::as_str);
        profiles::select_music(
            ctx.app()?,
            &ctx.viewer(),
            user_ref(&user_id),
            ctx.check(),
            track,
        )
        .await
        .map(Profile)
    }
}
