//! Alarm scenarios.

use async_graphql::{Context, Enum, ID, InputObject, MaybeUndefined, Object};
use entity::{alarm_scenario as scenario, alarm_scenario_step as step};

use crate::domain::scenarios::{self, ScenarioInput, StepInput, StepRecipient};
use crate::error::{Error, Noun, Result};
use crate::graphql::context::ContextExt;
use crate::graphql::scalars::{self, keep};

/// A scenario, or a link to one whose row is read when something besides `id` is asked for.
pub struct AlarmScenario {
    id: i64,
    row: Option<scenario::Model>,
}

impl AlarmScenario {
    /// A link: answers `id` without reading anything.
    #[must_use]
    pub const fn by_id(id: i64) -> Self {
        Self { id, row: None }
    }

    async fn row(&self, ctx: &Context<'_>) -> Result<scenario::Model> {
        if let Some(row) = &self.row {
            return Ok(row.clone());
        }
        ctx.loaders()?
            .scenarios
            .one(self.id)
            .await?
            .ok_or(Error::NotFound(Noun::AlarmScenario))
    }
}

impl From<scenario::Model> for AlarmScenario {
    fn from(row: scenario::Model) -> Self {
        Self {
            id: row.id,
            row: Some(row),
        }
    }
}

/// What pressing the alarm does.
#[Object]
impl AlarmScenario {
    /// The scenario's id.
    async fn id(&self) -> ID {
        self.id.into()
    }

    /// Its name.
    async fn name(&self, ctx: &Context<'_>) -> Result<String> {
        Ok(self.row(ctx).await?.name)
    }

    /// The app plays the user's track.
    async fn play_music(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(self.row(ctx).await?.play_music)
    }

    /// Every emergency contact is told.
    async fn notify_contact(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(self.row(ctx).await?.notify_contact)
    }

    /// The therapist that the profile links to is told.
    async fn notify_therapist(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(self.row(ctx).await?.notify_therapist)
    }

    /// Newly registered users follow it. At most one scenario is the default.
    async fn is_default(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(self.row(ctx).await?.is_default)
    }

    /// Whom it tells when, the first step first. Empty: everybody at once.
    async fn steps(&self, ctx: &Context<'_>) -> Result<Vec<AlarmStep>> {
        let rows = ctx.loaders()?.steps.all(self.id).await?;
        let mut steps: Vec<_> = rows.iter().cloned().map(AlarmStep).collect();
        steps.sort_unstable_by_key(|step| step.0.position);
        Ok(steps)
    }
}

/// Whom a step of a scenario tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "StepRecipient")]
pub enum AlarmStepRecipient {
    /// The user's first emergency contact, by id.
    FirstContact,
    /// All other emergency contacts.
    OtherContacts,
    /// The therapist that the profile links to.
    Therapist,
}

/// A step as stored.
pub struct AlarmStep(step::Model);

/// A step of a scenario. It begins some minutes after the step before it, unless somebody who was
/// told said to be on the way or to have called; at once where everybody told before can't help
/// or can't be told.
#[Object]
impl AlarmStep {
    /// The step's id. Replacing the steps of a scenario makes new ones.
    async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// Whom it tells. Whom no step names is told in the first.
    async fn recipients(&self) -> Vec<AlarmStepRecipient> {
        [
            (self.0.first_contact, AlarmStepRecipient::FirstContact),
            (self.0.other_contacts, AlarmStepRecipient::OtherContacts),
            (self.0.therapist, AlarmStepRecipient::Therapist),
        ]
        .into_iter()
        .filter_map(|(told, recipient)| told.then_some(recipient))
        .collect()
    }

    /// Minutes after the step before it; 0 in the first.
    async fn after_minutes(&self) -> i32 {
        self.0.after_minutes
    }
}

/// A step of a scenario.
#[derive(InputObject)]
pub struct AlarmStepInput {
    /// Whom it tells: at least one, each in one step only. Whom no step names is told in the
    /// first.
    recipients: Vec<AlarmStepRecipient>,
    /// Minutes after the step before it, 0 to 1440; 0 in the first step. In all steps together no
    /// more than 1440, and less than the time after which this server closes an alarm that nobody
    /// ends, 24 h where it is set to nothing else.
    after_minutes: i32,
}

impl From<AlarmStepInput> for StepInput {
    fn from(input: AlarmStepInput) -> Self {
        Self {
            recipients: input.recipients.into_iter().map(Into::into).collect(),
            after_minutes: input.after_minutes,
        }
    }
}

fn steps(inputs: Vec<AlarmStepInput>) -> Vec<StepInput> {
    inputs.into_iter().map(Into::into).collect()
}

/// A new scenario.
#[derive(InputObject)]
pub struct AlarmScenarioInput {
    /// At most 255 characters.
    name: String,
    /// The app plays the user's track.
    play_music: bool,
    /// Every emergency contact is told.
    notify_contact: bool,
    /// The therapist that the profile links to is told.
    notify_therapist: bool,
    /// Newly registered users follow it, in place of the default so far.
    #[graphql(default = false)]
    is_default: bool,
    /// Whom to tell when, at most 10 steps; empty or left out: everybody at once.
    steps: Option<Vec<AlarmStepInput>>,
}

/// A change of a scenario. What is left out stays; null is refused.
#[derive(InputObject)]
pub struct AlarmScenarioPatch {
    /// At most 255 characters.
    name: MaybeUndefined<String>,
    /// The app plays the user's track.
    play_music: MaybeUndefined<bool>,
    /// Every emergency contact is told.
    notify_contact: MaybeUndefined<bool>,
    /// The therapist that the profile links to is told.
    notify_therapist: MaybeUndefined<bool>,
    /// Newly registered users follow it, in place of the default so far.
    is_default: MaybeUndefined<bool>,
    /// Whom to tell when, in place of the steps so far, at most 10; empty: everybody at once.
    steps: MaybeUndefined<Vec<AlarmStepInput>>,
}

/// Queries about scenarios.
#[derive(Default)]
pub struct ScenarioQueries;

#[Object]
impl ScenarioQueries {
    /// Every alarm scenario, by id. Needs a login.
    async fn alarm_scenarios(&self, ctx: &Context<'_>) -> Result<Vec<AlarmScenario>> {
        let rows = scenarios::list(ctx.app()?, &ctx.viewer()).await?;
        Ok(rows.into_iter().map(AlarmScenario::from).collect())
    }
}

/// Changes of scenarios, by admins.
#[derive(Default)]
pub struct ScenarioMutations;

#[Object]
impl ScenarioMutations {
    /// Adds a scenario. For admins.
    async fn create_alarm_scenario(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The scenario.")] input: AlarmScenarioInput,
    ) -> Result<AlarmScenario> {
        let input = ScenarioInput {
            name: Some(input.name),
            play_music: Some(input.play_music),
            notify_contact: Some(input.notify_contact),
            notify_therapist: Some(input.notify_therapist),
            is_default: Some(input.is_default),
            steps: input.steps.map(steps),
        };
        let row = scenarios::create(ctx.app()?, &ctx.viewer(), input).await?;
        Ok(row.into())
    }

    /// Changes a scenario. For admins. Alarms of the past keep what they did. `NOT_FOUND` where
    /// there is none of that id.
    async fn update_alarm_scenario(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The scenario's id.")] id: ID,
        #[graphql(desc = "What to change.")] input: AlarmScenarioPatch,
    ) -> Result<AlarmScenario> {
        let viewer = ctx.viewer();
        viewer.admin()?;
        let mut check = ctx.check();
        let input = ScenarioInput {
            name: keep(&mut check, "name", input.name),
            play_music: keep(&mut check, "playMusic", input.play_music),
            notify_contact: keep(&mut check, "notifyContact", input.notify_contact),
            notify_therapist: keep(&mut check, "notifyTherapist", input.notify_therapist),
            is_default: keep(&mut check, "isDefault", input.is_default),
            steps: keep(&mut check, "steps", input.steps).map(steps),
        };
        check.finish()?;
        let id = scalars::id(&id, Noun::AlarmScenario)?;
        let row = scenarios::update(ctx.app()?, &viewer, id, input).await?;
        ctx.loaders()?.steps.forget(row.id).await;
        Ok(row.into())
    }

    /// Deletes a scenario. For admins. Profiles that followed it follow none then, so that their
    /// alarms can't be triggered. `NOT_FOUND` where there is none of that id.
    async fn delete_alarm_scenario(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The scenario's id.")] id: ID,
    ) -> Result<bool> {
        let viewer = ctx.viewer();
        viewer.admin()?;
        let id = scalars::id(&id, Noun::AlarmScenario)?;
        scenarios::delete(ctx.app()?, &viewer, id).await?;
        Ok(true)
    }
}
