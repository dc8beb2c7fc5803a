//! Alarms.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_graphql::{
    Context, Enum, ID, InputObject, MaybeUndefined, Object, SimpleObject, Subscription,
};
use chrono::{DateTime, Utc};
use entity::alarm;
use futures_util::{Stream, StreamExt};

use crate::assistant::crisis::{self, Country};
use crate::db::in_time;
use crate::domain::alarms::{self, Kinds, Place, Press, Report};
use crate::error::{Error, Noun, Result};
use crate::graphql::context::ContextExt;
use crate::graphql::notifications::Notification;
use crate::graphql::reactions::AlarmReaction;
use crate::graphql::scalars::{self, Language, Nullable, keep, nullable, patch, user_ref};
use crate::graphql::scenarios::AlarmScenario;
use crate::graphql::users::User;

pub use result::AlarmResult;

mod result;

/// How serious an alarm is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "alarm::Kind")]
pub enum AlarmKind {
    /// Somebody pressed the button and needs help.
    Real,
    /// The whole alarm, rehearsed: every message says so.
    Drill,
    /// One message to one contact, to see whether it arrives: it says so.
    Test,
}

/// Reads which kinds a list is asked for; all, where none is named.
#[must_use]
pub fn kinds(named: &[AlarmKind]) -> Kinds {
    let named: Vec<alarm::Kind> = named.iter().copied().map(alarm::Kind::from).collect();
    Kinds::of(&named)
}

/// An alarm, or a link to one whose row is read when something besides `id` is asked for.
pub struct Alarm {
    id: i64,
    row: Option<alarm::Model>,
    /// Told where something of it can't be read.
    unread: Option<Arc<AtomicBool>>,
}

impl Alarm {
    /// A link: answers `id` without reading anything.
    #[must_use]
    pub const fn by_id(id: i64) -> Self {
        Self {
            id,
            row: None,
            unread: None,
        }
    }

    async fn row(&self, ctx: &Context<'_>) -> Result<alarm::Model> {
        if let Some(row) = &self.row {
            return Ok(row.clone());
        }
        ctx.loaders()?
            .alarms
            .one(self.id)
            .await?
            .ok_or(Error::NotFound(Noun::Alarm))
    }

    /// Has a follower given the alarm again where this could not be read.
    fn read<T>(&self, read: Result<T>) -> Result<T> {
        if let (Err(_), Some(unread)) = (&read, &self.unread) {
            unread.store(true, Ordering::Relaxed);
        }
        read
    }
}

impl From<alarm::Model> for Alarm {
    fn from(row: alarm::Model) -> Self {
        Self {
            id: row.id,
            row: Some(row),
            unread: None,
        }
    }
}

impl From<alarms::Update> for Alarm {
    fn from(update: alarms::Update) -> Self {
        Self {
            unread: Some(update.unread),
            ..update.alarm.into()
        }
    }
}

/// One press of the alarm button. It keeps what its scenario was at that moment.
#[Object]
impl Alarm {
    /// The alarm's id.
    async fn id(&self) -> ID {
        self.id.into()
    }

    /// Whether somebody needed help, or tried the alarm.
    async fn kind(&self, ctx: &Context<'_>) -> Result<AlarmKind> {
        Ok(self.row(ctx).await?.kind.into())
    }

    /// Who pressed.
    async fn user(&self, ctx: &Context<'_>) -> Result<User> {
        Ok(User::by_id(self.row(ctx).await?.user_id))
    }

    /// The scenario followed; null once it is deleted, and for a test, which follows none.
    async fn scenario(&self, ctx: &Context<'_>) -> Nullable<AlarmScenario> {
        let row = self.row(ctx).await;
        nullable(row.map(|row| row.scenario_id.map(AlarmScenario::by_id)))
    }

    /// The scenario's name at that moment; empty for a test.
    async fn scenario_name(&self, ctx: &Context<'_>) -> Result<String> {
        Ok(self.row(ctx).await?.scenario_name)
    }

    /// Whether the app is to play the user's track.
    async fn play_music(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(self.row(ctx).await?.play_music)
    }

    /// When the button was pressed.
    async fn timestamp(&self, ctx: &Context<'_>) -> Result<DateTime<Utc>> {
        Ok(self.row(ctx).await?.timestamp)
    }

    /// What has come of it so far.
    async fn result(&self, ctx: &Context<'_>) -> Result<AlarmResult> {
        self.read(ctx.loaders()?.results.one(self.id).await)?
            .map(AlarmResult)
            .ok_or(Error::NotFound(Noun::Alarm))
    }

    /// Every message that goes out for it to contacts and therapist, in the order in which they
    /// were decided on. What the person is told about their contacts is not among them.
    async fn notifications(&self, ctx: &Context<'_>) -> Result<Vec<Notification>> {
        let rows = self.read(ctx.loaders()?.notifications.all(self.id).await)?;
        Ok(alarms::to_others(&rows)
            .cloned()
            .map(Notification)
            .collect())
    }

    /// What those who were told say, by the link in their message, in the order of their first
    /// answers.
    async fn reactions(&self, ctx: &Context<'_>) -> Result<Vec<AlarmReaction>> {
        let rows = self.read(ctx.loaders()?.reactions.all(self.id).await)?;
        Ok(rows.iter().cloned().map(AlarmReaction).collect())
    }

    /// What was done, in sentences for the person: a line about the music where none is played,
    /// one for each contact by id, one for the therapist, and a last one with the emergency number
    /// where there are people to tell and none of them can be reached in any way. A line says that
    /// somebody was notified only once the mail server or the SMS gateway has taken the message. In a
    /// drill or a test each line begins with that word.
    async fn messages(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The language of the sentences.", default_with = "Language::Ru")]
        language: Language,
    ) -> Result<Vec<String>> {
        let row = self.row(ctx).await?;
        let notifications = self.read(ctx.loaders()?.notifications.all(self.id).await)?;
        let country = if alarms::nobody_reachable(&notifications) {
            self.country(ctx, row.user_id).await?
        } else {
            None
        };
        Ok(alarms::messages(
            &row,
            &notifications,
            language.into(),
            country,
        ))
    }

    /// The emergency number where the person is, as far as their profile or the server's settings
    /// tell; null where they don't. For the app to show wherever nobody was told, or nobody
    /// answers: where the person has named nobody to tell, `messages` has no line with it.
    async fn emergency_number(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The language, for where there are several numbers.",
            default_with = "Language::Ru"
        )]
        language: Language,
    ) -> Result<Option<&'static str>> {
        let row = self.row(ctx).await?;
        let country = self.country(ctx, row.user_id).await?;
        Ok(crisis::emergency_number(country, language.into()))
    }
}

impl Alarm {
    /// Where the person is, as far as it is known.
    async fn country(&self, ctx: &Context<'_>, user_id: i64) -> Result<Option<Country>> {
        let profile = self.read(ctx.loaders()?.profiles.one(user_id).await)?;
        let place = profile.map(|profile| profile.location).unwrap_or_default();
        Ok(crisis::country(
            &place,
            ctx.app()?.config.country.as_deref(),
        ))
    }
}

/// What the phone sends with a press.
#[derive(InputObject, Default)]
pub struct TriggerAlarmInput {
    /// Names this press, at least 1 character: the same key within 24 h answers with the alarm of
    /// the first press and notifies nobody again. With another place than the first time it is
    /// refused with `CONFLICT`.
    idempotency_key: Option<String>,
    /// Where the person is, in words; at most 255 characters.
    location: Option<String>,
    /// Degrees north, WGS 84, −90 to 90; together with `longitude`.
    latitude: Option<f64>,
    /// Degrees east, WGS 84, −180 to 180; together with `latitude`.
    longitude: Option<f64>,
    /// The radius around the coordinates, in metres, within which the person is. 0, less, and more
    /// than 20,000,000 count as not known.
    accuracy: Option<f64>,
}

/// What the phone did in an alarm. What is left out stays; null is refused, save in the place.
#[derive(InputObject)]
pub struct ReportAlarmInput {
    /// It played the music.
    music_played: MaybeUndefined<bool>,
    /// It played the voice message.
    voice_message_played: MaybeUndefined<bool>,
    /// Where the person is, in words; at most 255 characters. Null clears it.
    location: MaybeUndefined<String>,
    /// Degrees north, WGS 84, −90 to 90; together with `longitude`. Null clears both.
    latitude: MaybeUndefined<f64>,
    /// Degrees east, WGS 84, −180 to 180; together with `latitude`. Null clears both.
    longitude: MaybeUndefined<f64>,
    /// The radius around the coordinates, in metres, within which the person is. 0, less, and more
    /// than 20,000,000 count as not known. Where it is more than twice that of the coordinates
    /// known, these are less than 2 minutes old, and both may mean the same place, the coordinates
    /// of the report are left aside, and its words where there are any already.
    accuracy: Option<f64>,
}

/// The answer to a press.
#[derive(SimpleObject)]
pub struct TriggerAlarmPayload {
    /// The alarm, as far as it is known 3 s after the request at the latest.
    alarm: Alarm,
    /// The press repeated an earlier one: its alarm is the answer.
    joined: bool,
}

/// Queries about alarms.
#[derive(Default)]
pub struct AlarmQueries;

#[Object]
impl AlarmQueries {
    /// An alarm of the caller, or any for an admin; null where there is no such one.
    async fn alarm(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The alarm's id.")] id: ID,
    ) -> Nullable<Alarm> {
        let id = scalars::id(&id, Noun::Alarm).unwrap_or(0);
        let found = async {
            let row = alarms::find(ctx.app()?.db.read(), &ctx.viewer(), id).await?;
            Ok(row.map(Alarm::from))
        };
        nullable(found.await)
    }
}

/// Changes of alarms.
#[derive(Default)]
pub struct AlarmMutations;

#[Object]
impl AlarmMutations {
    /// Starts the caller's alarm: everybody that the scenario names is told, even if this server
    /// dies right after. For the user alone, admins included. The answer waits until it is known
    /// who was reached, 3 s at most; what is not known then is told by `alarmUpdates`.
    ///
    /// A press without a key within 10 s of the last, while that alarm is open, joins it: nobody
    /// is told twice, failed messages are tried again at once, who was added since is told.
    ///
    /// `NOT_FOUND` where the user has no profile, or follows no scenario; `CONFLICT` where the
    /// idempotency key came with other input before.
    async fn trigger_alarm(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user's id, or `me`.")] user_id: ID,
        #[graphql(desc = "What is known about the press.")] input: Option<TriggerAlarmInput>,
    ) -> Result<TriggerAlarmPayload> {
        let input = input.unwrap_or_default();
        let press = Press {
            idempotency_key: input.idempotency_key,
            place: Place {
                location: input.location.map(Some),
                latitude: input.latitude.map(Some),
                longitude: input.longitude.map(Some),
                accuracy: input.accuracy,
            },
        };
        let subject = user_ref(&user_id);
        ctx.loaders()?.hurry();
        let triggered = in_time(alarms::trigger(ctx.app()?, &ctx.viewer(), subject, press)).await?;
        changed(ctx, triggered.alarm.id).await?;
        Ok(TriggerAlarmPayload {
            alarm: triggered.alarm.into(),
            joined: triggered.joined,
        })
    }

    /// Rehearses the caller's alarm: everybody whom a real one would tell is sent a message that
    /// begins by saying that it is a drill. It sets no flag, joins no press and goes behind real
    /// alarms. Waits like `triggerAlarm`; `alarmUpdates` with `kind: [DRILL]` follows it. For the
    /// user alone, admins included. `RATE_LIMITED` from the 6th within 24 h on; otherwise as
    /// `triggerAlarm`.
    async fn drill_alarm(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user's id, or `me`.")] user_id: ID,
    ) -> Result<Alarm> {
        let subject = user_ref(&user_id);
        let row = in_time(alarms::drill(ctx.app()?, &ctx.viewer(), subject)).await?;
        changed(ctx, row.id).await?;
        Ok(row.into())
    }

    /// Sends a contact of the caller's a message that begins by saying that it is a test, over
    /// every channel. Waits like `triggerAlarm`; `alarmUpdates` with `kind: [TEST]` follows it.
    /// `NOT_FOUND` where the contact does not exist or is not the caller's, `FORBIDDEN` for an
    /// admin then; `CONFLICT` where the contact asked not to be told any more; `RATE_LIMITED`
    /// where it was sent a test within the last minute, and from the caller's 21st test within
    /// 24 h on.
    async fn test_emergency_contact(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The contact's id.")] id: ID,
    ) -> Result<Alarm> {
        let viewer = ctx.viewer();
        viewer.person()?;
        let id = scalars::id(&id, Noun::EmergencyContact)?;
        let row = in_time(alarms::test_contact(ctx.app()?, &viewer, id)).await?;
        changed(ctx, row.id).await?;
        Ok(row.into())
    }

    /// Records what the phone did in an alarm, and where it is: a first or better place reaches
    /// those who were told by the page behind their link, without another message. Of an alarm
    /// that is over, places are left aside. `NOT_FOUND` where the alarm does not exist or is not
    /// the caller's; `CONFLICT` for a drill or a test.
    async fn report_alarm(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The alarm's id.")] alarm_id: ID,
        #[graphql(desc = "What the phone did.")] input: ReportAlarmInput,
    ) -> Result<Alarm> {
        let viewer = ctx.viewer();
        viewer.person()?;
        let id = scalars::id(&alarm_id, Noun::Alarm)?;
        let mut check = ctx.check();
        let report = Report {
            music_played: keep(&mut check, "musicPlayed", input.music_played),
            voice_message_played: keep(
                &mut check,
                "voiceMessagePlayed",
                input.voice_message_played,
            ),
            place: Place {
                location: patch(input.location),
                latitude: patch(input.latitude),
                longitude: patch(input.longitude),
                accuracy: input.accuracy,
            },
        };
        check.finish()?;
        ctx.loaders()?.hurry();
        let row = in_time(alarms::report(ctx.app()?, &viewer, id, report)).await?;
        changed(ctx, id).await?;
        Ok(row.into())
    }

    /// Ends an alarm: what was not sent yet is not sent any more. With a real one, the person's
    /// older real ones that are still open end too, with the same choice of an all-clear; a drill
    /// or a test ends alone. Admins may end anybody's. `NOT_FOUND` where the alarm does not exist or
    /// is not the caller's.
    async fn complete_alarm(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The alarm's id.")] alarm_id: ID,
        #[graphql(
            desc = "Tell those who were told of the alarms that end, and only them, that it is over. \
                    Once, however often it is asked for, and of however many they were told. While a \
                    newer real alarm of the person is open, they are told at the end of that, if an \
                    all-clear is given then.",
            default = true
        )]
        all_clear: bool,
    ) -> Result<Alarm> {
        let viewer = ctx.viewer();
        viewer.person()?;
        let id = scalars::id(&alarm_id, Noun::Alarm)?;
        ctx.loaders()?.hurry();
        let ended = in_time(alarms::complete(ctx.app()?, &viewer, id, all_clear)).await?;
        changed(ctx, id).await?;
        for older in ended.older {
            changed(ctx, older).await?;
        }
        Ok(ended.alarm.into())
    }
}

/// Has what hangs on an alarm read again, should the document have read it before.
async fn changed(ctx: &Context<'_>, alarm_id: i64) -> Result<()> {
    let loaders = ctx.loaders()?;
    loaders.results.forget(alarm_id).await;
    loaders.reactions.forget(alarm_id).await;
    loaders.notifications.forget(alarm_id).await;
    Ok(())
}

/// Following alarms.
#[derive(Default)]
pub struct AlarmSubscriptions;

#[Subscription]
impl AlarmSubscriptions {
    /// A user's alarms as they change: first every open one, the oldest first, then each alarm
    /// whenever it, its result, one of its notifications or a reaction has changed. Of more than 20
    /// open ones the first are the newest 20, real ones before others; of more than 20 of one kind
    /// the newest 20 are followed, open ones before others, and each for 7 days after the time in
    /// which it ends at the latest. Nothing that happens to these is missed, whatever server it
    /// happens on; quick changes may arrive as one, and after an error the alarm comes again. For
    /// the user and for admins.
    async fn alarm_updates(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user's id, or `me`.")] user_id: ID,
        #[graphql(
            desc = "Only alarms of these kinds; of any, where none is named. Real ones, where \
                    nothing is said.",
            default_with = "vec![AlarmKind::Real]"
        )]
        kind: Vec<AlarmKind>,
    ) -> Result<impl Stream<Item = async_graphql::Result<Alarm>> + use<>> {
        let subject = user_ref(&user_id);
        let updates = alarms::watch(ctx.app()?, &ctx.viewer(), subject, kinds(&kind)).await?;
        Ok(updates.map(|update| Ok(update.into())))
    }
}
