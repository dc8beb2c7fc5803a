//! Following every room at once, and who comes and goes: what an admin's desk shows.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::sync::Arc;

use entity::chat_message as message;
use futures_util::Stream;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use super::deliveries::{Receipts, after, of_support, settle, with_users, written_by};
use super::feed::{self, Login, Reader};
use super::messages::Message;
use super::room::more;
use super::rooms::WithoutEcho;
use crate::app::App;
use crate::arrivals::Arrivals;
use crate::auth::Viewer;
use crate::error::Result;
use crate::events::{Event, Heard, Subscription, Topic};

/// Something an admin's desk shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeskEvent {
    /// A message was posted.
    Posted(Message),
    /// A user's first connection opened.
    Connected(i64),
    /// A user's last connection closed.
    Disconnected(i64),
}

/// Who is connected, then users' messages that no admin has got yet, oldest first, then what
/// comes: users' messages, comings and goings, and, with `colleagues`, what admins say, except
/// over the connection `without_echo`. No gap and no duplicate. A message counts as arrived
/// when `arrivals` says so; without them, when the event after it is asked for.
///
/// Ends with an error when the caller's login session ends, or the caller is no longer an admin.
///
/// # Errors
/// `FORBIDDEN` for all but admins.
pub async fn desk(
    app: &Arc<App>,
    viewer: &Viewer,
    colleagues: bool,
    without_echo: Option<Uuid>,
    arrivals: Option<Arrivals>,
) -> Result<impl Stream<Item = Result<DeskEvent>> + Send + use<>> {
    viewer.admin()?;
    let login = Login::watch(app, viewer, true).await?;
    // Listening comes before looking, so that nothing falls between.
    let events = app.events.subscribe(Topic::SupportDesk);
    let start = message::Entity::find()
        .select_only()
        .column_as(message::Column::Id.max(), "newest")
        .into_tuple::<Option<i64>>()
        .one(app.db.read())
        .await?
        .flatten()
        .unwrap_or_default();
    Ok(feed::stream(Desk {
        app: app.clone(),
        colleagues,
        without_echo: without_echo.map(|origin| app.rooms.without_echo(origin)),
        login,
        events,
        online: BTreeSet::new(),
        start,
        newest: start,
        given: HashSet::new(),
        to_read: VecDeque::from([Step::Presence, Step::Undelivered(0)]),
        ready: VecDeque::new(),
        handed_out: None,
        receipts: Receipts::new(app.clone(), arrivals),
    }))
}

/// Something to read before listening goes on.
enum Step {
    /// Who is connected.
    Presence,
    /// Users' messages that no admin has got, from after this id.
    Undelivered(i64),
    /// Everything that may have been missed, from after this id.
    Newer(i64),
}

struct Desk {
    app: Arc<App>,
    colleagues: bool,
    without_echo: Option<WithoutEcho>,
    login: Login,
    events: Subscription,
    /// Who is connected, as far as the admin was told.
    online: BTreeSet<i64>,
    /// The newest message when listening began.
    start: i64,
    /// The newest message handled.
    newest: i64,
    /// Handed out without an event, or from before the start. Ids of different rooms don't
    /// come in order, so one number could not say this.
    given: HashSet<i64>,
    to_read: VecDeque<Step>,
    ready: VecDeque<DeskEvent>,
    /// Handed out last, if it matters whether it arrives.
    handed_out: Option<i64>,
    receipts: Receipts,
}

impl Reader for Desk {
    type Item = DeskEvent;

    async fn next(&mut self) -> Result<DeskEvent> {
        if let Some(id) = self.handed_out.take() {
            self.receipts.written(id);
        }
        loop {
            self.receipts.note();
            self.login.check().await?;
            if let Some(event) = self.ready.pop_front() {
                if let DeskEvent::Posted(message) = &event
                    && message.is_by_user()
                    && message.row.delivered_at.is_none()
                {
                    self.handed_out = Some(message.row.id);
                }
                return Ok(event);
            }
            if let Some(step) = self.to_read.pop_front() {
                self.read(step).await?;
            } else {
                if !self.app.rooms.received().is_empty() {
                    settle(&self.app).await?;
                }
                self.listen().await?;
            }
        }
    }
}

impl Desk {
    async fn read(&mut self, step: Step) -> Result<()> {
        match step {
            Step::Presence => self.read_presence(),
            Step::Undelivered(from) => {
                // What arrived elsewhere a moment ago may not be written down yet.
                settle(&self.app).await?;
                let rows = after(from)
                    .filter(of_support(None))
                    .filter(written_by(true))
                    .filter(message::Column::DeliveredAt.is_null())
                    .all(self.app.db.read())
                    .await?;
                if let Some(from) = more(&rows) {
                    self.to_read.push_front(Step::Undelivered(from));
                }
                self.post(rows).await?;
            }
            Step::Newer(from) => {
                let rows = after(from)
                    .filter(of_support(None))
                    .all(self.app.db.read())
                    .await?;
                if let Some(from) = more(&rows) {
                    self.to_read.push_front(Step::Newer(from));
                }
                if let Some(row) = rows.last() {
                    self.newest = self.newest.max(row.id);
                }
                self.post(rows).await?;
            }
        }
        Ok(())
    }

    fn read_presence(&mut self) {
        let online: BTreeSet<i64> = self.app.presence.online().into_iter().collect();
        let gone = self.online.difference(&online).copied();
        self.ready.extend(gone.map(DeskEvent::Disconnected));
        let come = online.difference(&self.online).copied();
        self.ready.extend(come.map(DeskEvent::Connected));
        self.online = online;
    }

    /// Hands out rows that were read rather than heard of.
    async fn post(&mut self, rows: Vec<message::Model>) -> Result<()> {
        for message in with_users(&self.app, rows).await? {
            if self.is_wanted(&message) && self.given.insert(message.row.id) {
                self.ready.push_back(DeskEvent::Posted(message));
            }
        }
        Ok(())
    }

    fn is_wanted(&self, message: &Message) -> bool {
        if message.is_by_user() {
            return true;
        }
        let own = &self.without_echo;
        self.colleagues && !own.as_ref().is_some_and(|own| own.sent(message.row.id))
    }

    async fn listen(&mut self) -> Result<()> {
        let heard = tokio::select! {
            biased;
            () = self.login.heard() => return Ok(()),
            () = self.receipts.more() => return Ok(()),
            heard = feed::next(&mut self.events) => heard,
        };
        match heard {
            Heard::Event(Event::Message { id, user_id }) => {
                self.newest = self.newest.max(id);
                if self.given.contains(&id) {
                    return Ok(());
                }
                let row = message::Entity::find_by_id(id)
                    .one(self.app.db.read())
                    .await?;
                if let Some(message) = row.map(|row| Message { row, user_id })
                    && self.is_wanted(&message)
                {
                    if id <= self.start {
                        self.given.insert(id);
                    }
                    self.ready.push_back(DeskEvent::Posted(message));
                }
            }
            Heard::Event(Event::Returned { id, user_id }) => {
                let row = message::Entity::find_by_id(id)
                    .filter(message::Column::DeliveredAt.is_null())
                    .one(self.app.db.read())
                    .await?;
                if let Some(row) = row {
                    if id > self.start || !self.given.insert(id) {
                        self.receipts.had(id);
                    } else {
                        let message = Message { row, user_id };
                        self.ready.push_back(DeskEvent::Posted(message));
                    }
                }
            }
            Heard::Event(Event::Connected(user_id)) => {
                if self.online.insert(user_id) {
                    self.ready.push_back(DeskEvent::Connected(user_id));
                }
            }
            Heard::Event(Event::Disconnected(user_id)) => {
                if self.online.remove(&user_id) {
                    self.ready.push_back(DeskEvent::Disconnected(user_id));
                }
            }
            Heard::Event(_) => {}
            Heard::Missed => {
                self.to_read = VecDeque::from([
                    Step::Presence,
                    Step::Undelivered(0),
                    Step::Newer(self.newest),
                ]);
            }
        }
        Ok(())
    }
}
