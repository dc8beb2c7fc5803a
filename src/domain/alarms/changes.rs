//! What happens to an alarm after the press: the phone reports, the person ends it.

use std::collections::HashSet;
use std::hash::Hash;

use entity::alarm::Kind;
use entity::notification::{Purpose, Status};
use entity::{alarm, alarm_result, emergency_contact, notification, therapist};
use sea_orm::sea_query::{LockType, Query};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait,
    DatabaseTransaction, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect,
};

use super::trigger::one_by_one;
use super::{Place, find, lock_result};
use crate::app::App;
use crate::auth::Viewer;
use crate::delivery::{self, Failure};
use crate::domain::input::Check;
use crate::error::{Error, Noun, Result};
use crate::events::{Event, Topic};

/// What the phone did in an alarm; `None` leaves a field.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// It played the music.
    pub music_played: Option<bool>,
    /// It played the voice message.
    pub voice_message_played: Option<bool>,
    /// Where the person is.
    pub place: Place,
}

/// Records what the phone did, and where the person is, unless better is known. Mails that are
/// still to be sent tell the new place, and so do the pages behind the links in those that were.
///
/// # Errors
/// `NOT_FOUND` where the alarm does not exist or is not the viewer's; `BAD_USER_INPUT`; `CONFLICT`
/// for a drill or a test.
pub async fn report(
    app: &App,
    viewer: &Viewer,
    alarm_id: i64,
    report: Report,
) -> Result<alarm::Model> {
    let alarm = reachable(app, viewer, alarm_id).await?;
    let mut check = Check::default();
    let place = report.place.check(&mut check);
    check.finish()?;
    if alarm.kind != Kind::Real {
        return Err(Error::Conflict(
            "A drill or a test records nothing of what the phone does.",
        ));
    }
    let mut change = alarm_result::ActiveModel {
        ..Default::default()
    };
    if let Some(played) = report.music_played {
        change.music_played = Set(played);
    }
    if let Some(played) = report.voice_message_played {
        change.voice_message_played = Set(played);
    }
    if !change.is_changed() && !place.is_given() {
        return Ok(alarm);
    }
    let tx = app.db.write_alarm().await?;
    if place.is_given() {
        let stored = lock_result(&tx, alarm.id).await?;
        place.replace(&stored, app.clock.now(), &mut change);
    }
    if !change.is_changed() {
        tx.rollback().await?;
        return Ok(alarm);
    }
    alarm_result::Entity::update_many()
        .set(change)
        .filter(alarm_result::Column::AlarmId.eq(alarm.id))
        .exec(&tx)
        .await?;
    tx.commit().await?;
    changed(app, &alarm);
    Ok(alarm)
}

/// Alarms that are ended with one at most. Nobody presses so often.
const TOGETHER: u64 = 1000;

/// An alarm that was ended.
pub struct Ended {
    /// The alarm.
    pub alarm: alarm::Model,
    /// Older ones that were ended with it, by id.
    pub older: Vec<i64>,
}

/// Ends an alarm, and with a real one every older real one of the person that is still open: who
/// is safe now is not to be shouted for any more. While a newer one is open, the all-clear waits for
/// the end of that. What was not sent yet is not sent any more; with
/// `all_clear`, exactly those who were told are told of the end, once, however often this is
/// called, and whoever was told of several alarms by the newest of them. Told is also whoever may
/// have been, because nobody knows what became of a try. Somebody whose mail is under way at this
/// moment is told as soon as its end is known.
///
/// # Errors
/// `NOT_FOUND` where the alarm does not exist or is not the viewer's.
pub async fn complete(app: &App, viewer: &Viewer, alarm_id: i64, all_clear: bool) -> Result<Ended> {
    let alarm = reachable(app, viewer, alarm_id).await?;
    let tx = app.db.write_alarm().await?;
    // One end at a time, so that each finds what the one before ended together.
    one_by_one(&tx, alarm.user_id).await?;
    let results = together(&tx, &alarm).await?;
    let given = results
        .iter()
        .any(|result| result.alarm_id == alarm.id && result.all_clear);
    let clear = all_clear || given;
    let left: Vec<_> = results
        .into_iter()
        .filter(|result| !result.completed || (clear && !result.all_clear))
        .collect();
    let ids: Vec<i64> = left.iter().map(|result| result.alarm_id).collect();
    if ids.is_empty() {
        tx.rollback().await?;
        return Ok(Ended { alarm, older: ids });
    }
    // Who reads that all is well must not find out by the next message that it is not.
    let held = clear && alarm.kind == Kind::Real && newer_is_open(&tx, &alarm).await?;
    let clear = clear && !held;
    if clear {
        keep_recipients(&tx, alarm.user_id).await?;
    }
    let mut change = alarm_result::ActiveModel {
        all_clear: Set(clear),
        ..Default::default()
    };
    if held || clear {
        change.all_clear_held = Set(held);
    }
    let needless = (Status::Skipped, Failure::AlarmCompleted);
    end(app, &tx, &left, change, needless).await?;
    if clear {
        tell_the_end(app, &tx, &ids).await?;
    }
    tx.commit().await?;
    app.delivery.wake();
    for id in &ids {
        app.events
            .publish(Topic::Alarms(alarm.user_id), Event::Alarm(*id));
    }
    let older = ids.into_iter().filter(|id| *id != alarm.id).collect();
    Ok(Ended { alarm, older })
}

/// Whether the person has pressed again since, and that alarm goes on.
pub(super) async fn newer_is_open(tx: &impl ConnectionTrait, alarm: &alarm::Model) -> Result<bool> {
    let mut newer = Query::select();
    newer
        .column(alarm::Column::Id)
        .from(alarm::Entity)
        .and_where(alarm::Column::UserId.eq(alarm.user_id))
        .and_where(alarm::Column::Kind.eq(Kind::Real))
        .and_where(alarm::Column::Id.gt(alarm.id));
    let open = alarm_result::Entity::find()
        .filter(alarm_result::Column::Completed.eq(false))
        .filter(alarm_result::Column::AlarmId.in_subquery(newer))
        .one(tx)
        .await?;
    Ok(open.is_some())
}

/// Locks the results of an alarm and of those that end with it: of a real one, the older real ones
/// that are open, were ended together with it before, or whose all-clear waits for it. A drill or a
/// test ends alone.
async fn together(
    tx: &DatabaseTransaction,
    alarm: &alarm::Model,
) -> Result<Vec<alarm_result::Model>> {
    use alarm_result::Column;
    let own = alarm_result::Entity::find()
        .filter(Column::AlarmId.eq(alarm.id))
        .one(tx)
        .await?;
    let mut with_it = Condition::any()
        .add(Column::Completed.eq(false))
        .add(Column::AllClearHeld.eq(true));
    if let Some(ended) = own.and_then(|own| own.completed_at) {
        let together = Column::CompletedAt
            .eq(ended)
            .and(Column::ClosedByItself.eq(false));
        with_it = with_it.add(together);
    }
    let mut older = Query::select();
    older
        .column(alarm::Column::Id)
        .from(alarm::Entity)
        .and_where(alarm::Column::UserId.eq(alarm.user_id))
        .and_where(alarm::Column::Kind.eq(Kind::Real))
        .and_where(alarm::Column::Id.lt(alarm.id));
    let mut wanted = Condition::any().add(Column::AlarmId.eq(alarm.id));
    if alarm.kind == Kind::Real {
        let older = Condition::all()
            .add(Column::AlarmId.in_subquery(older))
            .add(with_it);
        wanted = wanted.add(older);
    }
    Ok(alarm_result::Entity::find()
        .filter(wanted)
        .order_by_desc(Column::AlarmId)
        .limit(TOGETHER)
        .lock_exclusive()
        .all(tx)
        .await?)
}

/// Ends alarms whose results are locked, with the change of those that goes with it; what was not
/// sent yet becomes what `unsent` says. Gives how many messages that were.
pub(super) async fn end(
    app: &App,
    tx: &DatabaseTransaction,
    results: &[alarm_result::Model],
    change: alarm_result::ActiveModel,
    unsent: (Status, Failure),
) -> Result<u64> {
    use alarm_result::Column;
    use notification::Column as Row;
    let ids = || results.iter().map(|result| result.alarm_id);
    let now = alarm_result::ActiveModel {
        completed: Set(true),
        completed_at: Set(Some(app.clock.now())),
        ..Default::default()
    };
    alarm_result::Entity::update_many()
        .set(now)
        .filter(Column::AlarmId.is_in(ids()))
        .filter(Column::Completed.eq(false))
        .exec(tx)
        .await?;
    alarm_result::Entity::update_many()
        .set(change)
        .filter(Column::AlarmId.is_in(ids()))
        .exec(tx)
        .await?;
    let (status, failure) = unsent;
    let mut ended = 0;
    // Of what may have arrived, nobody says that it was not sent.
    for (perhaps_sent, failure) in [(true, Failure::OutcomeUnknown), (false, failure)] {
        let unsent = notification::ActiveModel {
            status: Set(status),
            failure: Set(Some(failure.code().to_owned())),
            ..Default::default()
        };
        ended += notification::Entity::update_many()
            .set(unsent)
            .filter(Row::AlarmId.is_in(ids()))
            .filter(Row::Purpose.eq(Purpose::Alarm))
            .filter(Row::Status.eq(Status::Pending))
            .filter(Row::PerhapsSent.eq(perhaps_sent))
            .exec(tx)
            .await?
            .rows_affected;
    }
    Ok(ended)
}

/// Keeps the user's contacts and therapists from being deleted until the transaction ends: the
/// all-clear names them. Before any notification is locked, because deleting one locks those
/// to it.
async fn keep_recipients(tx: &DatabaseTransaction, user_id: i64) -> Result<()> {
    emergency_contact::Entity::find()
        .select_only()
        .column(emergency_contact::Column::Id)
        .filter(emergency_contact::Column::UserId.eq(user_id))
        .order_by_asc(emergency_contact::Column::Id)
        .lock(LockType::KeyShare)
        .into_tuple::<i64>()
        .all(tx)
        .await?;
    therapist::Entity::find()
        .select_only()
        .column(therapist::Column::Id)
        .filter(therapist::Column::UserId.eq(user_id))
        .order_by_asc(therapist::Column::Id)
        .lock(LockType::KeyShare)
        .into_tuple::<i64>()
        .all(tx)
        .await?;
    Ok(())
}

/// Adds the all-clear for everybody who was told of these alarms or may have been, over each way
/// once: by the newest alarm that went it. What is under way is left until it is known what becomes
/// of it.
async fn tell_the_end(app: &App, tx: &DatabaseTransaction, alarms: &[i64]) -> Result<()> {
    use notification::Column;
    let mut told = notification::Entity::find()
        .filter(Column::AlarmId.is_in(alarms.iter().copied()))
        .filter(Column::Purpose.eq(Purpose::Alarm))
        .filter(
            Condition::any().add(Column::Status.eq(Status::Sent)).add(
                Column::Status
                    .is_in([Status::Failed, Status::Skipped])
                    .and(Column::PerhapsSent.eq(true)),
            ),
        )
        .order_by_desc(Column::AlarmId)
        .order_by_asc(Column::Id)
        .all(tx)
        .await?;
    let mut ways = HashSet::new();
    told.retain(|row| ways.insert(way(row)));
    if !told.is_empty() {
        let rows = told.iter().map(|row| delivery::all_clear(app, row));
        notification::Entity::insert_many(rows)
            .exec_without_returning(tx)
            .await?;
    }
    Ok(())
}

/// Who was told over which way: the same in every alarm.
fn way(row: &notification::Model) -> impl Eq + Hash + use<> {
    // Of who was deleted, the name is left.
    let gone = row.contact_id.or(row.therapist_id).is_none();
    let name = gone.then(|| row.recipient_name.clone());
    let who = (row.recipient_kind, row.contact_id, row.therapist_id, name);
    (who, row.channel, row.address.to_lowercase())
}

async fn reachable(app: &App, viewer: &Viewer, alarm_id: i64) -> Result<alarm::Model> {
    find(app.db.alarms(), viewer, alarm_id)
        .await?
        .ok_or(Error::NotFound(Noun::Alarm))
}

/// Tells whoever follows the user's alarms that this one changed.
pub(super) fn changed(app: &App, alarm: &alarm::Model) {
    app.events
        .publish(Topic::Alarms(alarm.user_id), Event::Alarm(alarm.id));
}
