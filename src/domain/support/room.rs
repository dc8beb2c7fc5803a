//! Following one room.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use entity::chat_message as message;
use futures_util::Stream;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use super::deliveries::{BATCH, Receipts, after, of_support, settle, written_by};
use super::feed::{self, Login, Reader};
use super::messages::Message;
use super::presence::Connection;
use super::rooms::WithoutEcho;
use crate::app::App;
use crate::arrivals::Arrivals;
use crate::auth::{UserRef, Viewer};
use crate::domain::users;
use crate::error::Result;
use crate::events::{Event, Heard, Subscription, Topic};

/// From where and how to follow a room.
#[derive(Clone, Default)]
pub struct Following {
    /// Everything after this message; nothing: what the caller's side has not got, then what
    /// comes.
    pub after: Option<i64>,
    /// The connection whose own messages are left out.
    pub without_echo: Option<Uuid>,
    /// Tells what has arrived; without it, a message counts as arrived when the one after it is
    /// asked for.
    pub arrivals: Option<Arrivals>,
}

/// The messages of a user's room as they come, both sides'. First, without `after`, what the
/// caller's side has not got yet, over all sessions, oldest first; with it, everything with a
/// greater id. No gap and no duplicate. The user counts as connected meanwhile; an admin in the room does not.
///
/// Ends with an error when the caller's login session ends, or when an admin in another's room
/// is no longer one.
///
/// # Errors
/// `FORBIDDEN` for a user who names anybody else; `NOT_FOUND` for an admin's unknown user.
pub async fn room(
    app: &Arc<App>,
    viewer: &Viewer,
    subject: UserRef,
    following: Following,
) -> Result<impl Stream<Item = Result<Message>> + Send + use<>> {
    let user_id = users::reach(app, viewer, subject).await?;
    let staff = viewer.person()?.user.id != user_id;
    let login = Login::watch(app, viewer, staff).await?;
    // Listening comes before looking, so that nothing falls between.
    let events = app.events.subscribe(Topic::Support(user_id));
    let without_echo = following
        .without_echo
        .map(|origin| app.rooms.without_echo(origin));
    let newest = newest(app, user_id).await?;
    let start = following.after.map_or(newest, |after| after.min(newest));
    Ok(feed::stream(Room {
        app: app.clone(),
        user_id,
        staff,
        login,
        events,
        without_echo,
        _connection: (!staff).then(|| app.presence.open(user_id)),
        resumed: following.after.is_some(),
        start,
        cursor: start,
        missed: following.after.is_none().then_some(0),
        behind: start < newest,
        given: HashSet::new(),
        ready: VecDeque::new(),
        handed_out: None,
        receipts: Receipts::new(app.clone(), following.arrivals),
    }))
}

async fn newest(app: &App, user_id: i64) -> Result<i64> {
    Ok(message::Entity::find()
        .select_only()
        .column_as(message::Column::Id.max(), "newest")
        .filter(of_support(Some(user_id)))
        .into_tuple::<Option<i64>>()
        .one(app.db.read())
        .await?
        .flatten()
        .unwrap_or_default())
}

struct Room {
    app: Arc<App>,
    user_id: i64,
    /// A supporter follows it, not the user.
    staff: bool,
    login: Login,
    events: Subscription,
    without_echo: Option<WithoutEcho>,
    _connection: Option<Connection>,
    /// The client said from where it goes on, and so has everything before.
    resumed: bool,
    /// Everything with a greater id was or will be handed out here.
    start: i64,
    /// The last message read in sequence.
    cursor: i64,
    /// What this side has not got is to be read, from after this id up to the cursor.
    missed: Option<i64>,
    /// There is more after the cursor.
    behind: bool,
    /// What was handed out of the messages up to the start.
    given: HashSet<i64>,
    ready: VecDeque<Message>,
    /// Handed out last, if it matters whether it arrives.
    handed_out: Option<i64>,
    receipts: Receipts,
}

impl Reader for Room {
    type Item = Message;

    async fn next(&mut self) -> Result<Message> {
        if let Some(id) = self.handed_out.take() {
            self.receipts.written(id);
        }
        loop {
            self.receipts.note();
            self.login.check().await?;
            if let Some(message) = self.take() {
                return Ok(message);
            }
            if let Some(from) = self.missed {
                self.read_missed(from).await?;
            } else if self.behind {
                self.read_on().await?;
            } else {
                if !self.app.rooms.received().is_empty() {
                    settle(&self.app).await?;
                }
                self.listen().await?;
            }
        }
    }
}

impl Room {
    fn take(&mut self) -> Option<Message> {
        loop {
            let message = self.ready.pop_front()?;
            let own = &self.without_echo;
            if own.as_ref().is_some_and(|own| own.sent(message.row.id)) {
                continue;
            }
            if message.is_by_user() == self.staff && message.row.delivered_at.is_none() {
                self.handed_out = Some(message.row.id);
            }
            return Some(message);
        }
    }

    fn had(&self, id: i64) -> bool {
        self.resumed || id > self.start || self.given.contains(&id)
    }

    async fn read_missed(&mut self, from: i64) -> Result<()> {
        // What arrived over another connection a moment ago may not be written down yet.
        settle(&self.app).await?;
        let rows = after(from)
            .filter(of_support(Some(self.user_id)))
            .filter(written_by(self.staff))
            .filter(message::Column::DeliveredAt.is_null())
            .filter(message::Column::Id.lte(self.cursor))
            .all(self.app.db.read())
            .await?;
        self.missed = more(&rows);
        for row in rows {
            self.hand_out_late(row);
        }
        Ok(())
    }

    async fn read_on(&mut self) -> Result<()> {
        let rows = after(self.cursor)
            .filter(of_support(Some(self.user_id)))
            .all(self.app.db.read())
            .await?;
        self.behind = more(&rows).is_some();
        for row in rows {
            self.cursor = row.id;
            self.ready.push_back(self.wrap(row));
        }
        Ok(())
    }

    /// Hands out a message that this side has not got, unless it had it here.
    fn hand_out_late(&mut self, row: message::Model) {
        if self.had(row.id) {
            self.receipts.had(row.id);
        } else {
            self.given.insert(row.id);
            self.ready.push_back(self.wrap(row));
        }
    }

    const fn wrap(&self, row: message::Model) -> Message {
        Message {
            row,
            user_id: self.user_id,
        }
    }

    async fn listen(&mut self) -> Result<()> {
        let heard = tokio::select! {
            biased;
            () = self.login.heard() => return Ok(()),
            () = self.receipts.more() => return Ok(()),
            heard = feed::next(&mut self.events) => heard,
        };
        match heard {
            Heard::Event(Event::Message { id, .. }) => self.behind = id > self.cursor,
            Heard::Event(Event::Returned { id, .. }) => {
                let row = message::Entity::find_by_id(id)
                    .filter(written_by(self.staff))
                    .filter(message::Column::DeliveredAt.is_null())
                    .one(self.app.db.read())
                    .await?;
                if let Some(row) = row {
                    self.hand_out_late(row);
                }
            }
            Heard::Event(_) => {}
            Heard::Missed => {
                self.missed = Some(0);
                self.behind = true;
            }
        }
        Ok(())
    }
}

/// Where to read on after a full batch.
pub(super) fn more(rows: &[message::Model]) -> Option<i64> {
    let full = rows.len() >= usize::try_from(BATCH).unwrap_or(usize::MAX);
    rows.last().filter(|_| full).map(|row| row.id)
}
