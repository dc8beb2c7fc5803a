//! Deliveries: which messages the other side has got.
//!
//! A reader notes in memory that a message arrived, which a socket's client says by answering a ping, and writes such notes down together as soon
//! as it has nothing else to hand out. A process that dies before that delivers again.

use std::collections::VecDeque;
use std::sync::Arc;

use entity::chat_message::{self as message, Sender};
use entity::chat_session::{self as session, SessionType};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, Select,
};

use super::messages::Message;
use super::rooms::Rooms;
use crate::app::App;
use crate::arrivals::Arrivals;
use crate::auth::Viewer;
use crate::error::{Error, Problem, Result};
use crate::events::{Event, Topic};

/// Rows read at once.
pub(super) const BATCH: u64 = 100;
/// Ids in one statement at most; SQLite bounds the parameters.
const CHUNK: usize = 500;
/// Messages given back at once at most.
const GIVEN_BACK: usize = 1000;

impl Rooms {
    /// Notes that the other side got a message.
    pub(super) fn note_received(&self, id: i64) {
        self.received().insert(id);
    }
}

/// What one reader handed out and nobody is known to have yet. Where the connection can't tell,
/// what was written counts as arrived.
pub(super) struct Receipts {
    app: Arc<App>,
    arrivals: Option<Arrivals>,
    /// By the numbers of the answers that will say so.
    awaited: VecDeque<(u64, i64)>,
}

impl Receipts {
    pub(super) const fn new(app: Arc<App>, arrivals: Option<Arrivals>) -> Self {
        Self {
            app,
            arrivals,
            awaited: VecDeque::new(),
        }
    }

    /// A message was written to the connection.
    pub(super) fn written(&mut self, id: i64) {
        match &self.arrivals {
            Some(arrivals) => self.awaited.push_back((arrivals.mark(), id)),
            None => self.app.rooms.note_received(id),
        }
    }

    /// This reader handed out a message that is not written down as received.
    pub(super) fn had(&self, id: i64) {
        if self.awaited.iter().all(|(_, awaited)| *awaited != id) {
            self.app.rooms.note_received(id);
        }
    }

    /// Notes what has arrived since.
    pub(super) fn note(&mut self) {
        let Some(arrivals) = &mut self.arrivals else {
            return;
        };
        let reached = arrivals.reached();
        while let Some((_, id)) = self.awaited.pop_front_if(|(mark, _)| *mark <= reached) {
            self.app.rooms.note_received(id);
        }
    }

    /// Waits until more has arrived; for ever where nothing is awaited. Cancelling it loses
    /// nothing.
    pub(super) async fn more(&mut self) {
        match &mut self.arrivals {
            Some(arrivals) if !self.awaited.is_empty() => arrivals.more().await,
            _ => std::future::pending().await,
        }
    }
}

impl Drop for Receipts {
    fn drop(&mut self) {
        self.note();
        settle_soon(&self.app);
    }
}

/// Writes down which messages arrived. Returns when everything noted before the call is
/// written, by whomever; a server that goes down calls it last.
///
/// # Errors
/// The database's; the notes are kept.
pub async fn settle(app: &Arc<App>) -> Result<()> {
    let app = app.clone();
    // On its own: a reader that goes away halfway would take notes with it.
    tokio::spawn(async move {
        let _settling = app.rooms.settling().await;
        let ids: Vec<i64> = app.rooms.received().drain().collect();
        for chunk in ids.chunks(CHUNK) {
            let marked = message::Entity::update_many()
                .col_expr(
                    message::Column::DeliveredAt,
                    Expr::value(Some(app.clock.now())),
                )
                .filter(message::Column::Id.is_in(chunk.iter().copied()))
                .filter(message::Column::DeliveredAt.is_null())
                .exec(app.db.read())
                .await;
            if let Err(error) = marked {
                app.rooms.received().extend(ids);
                return Err(error.into());
            }
        }
        Ok(())
    })
    .await
    .map_err(|error| Error::Internal(anyhow::anyhow!("deliveries were not written: {error}")))?
}

/// Writes down what was noted, for a reader that goes away and can't wait.
fn settle_soon(app: &Arc<App>) {
    if app.rooms.received().is_empty() {
        return;
    }
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        let app = app.clone();
        runtime.spawn(async move {
            if let Err(error) = settle(&app).await {
                // Kept in memory for the next reader.
                tracing::warn!(%error, "deliveries could not be written");
            }
        });
    }
}

/// Support sessions, as a condition on messages.
pub(super) fn of_support(user_id: Option<i64>) -> Condition {
    let mut sessions = session::Entity::find()
        .select_only()
        .column(session::Column::Id)
        .filter(session::Column::SessionType.eq(SessionType::User));
    if let Some(user_id) = user_id {
        sessions = sessions.filter(session::Column::UserId.eq(user_id));
    }
    Condition::all().add(message::Column::SessionId.in_subquery(sessions.into_query()))
}

/// Messages that one side wrote: the user, or everybody else.
pub(super) fn written_by(user: bool) -> Condition {
    let by_user = Condition::all()
        .add(message::Column::Sender.eq(Sender::User))
        .add(message::Column::FromAdmin.eq(false));
    if user { by_user } else { by_user.not() }
}

/// Messages with a greater id than `after`, oldest first, as many as are read at once.
pub(super) fn after(after: i64) -> Select<message::Entity> {
    message::Entity::find()
        .filter(message::Column::Id.gt(after))
        .order_by_asc(message::Column::Id)
        .limit(BATCH)
}

/// Takes deliveries back: messages that were sent to the caller's side over a connection that
/// broke before they can have arrived. Whoever of that side is connected and has not had them
/// gets them at once, else they wait for the next connection. Ids of messages that are not
/// addressed to the caller's side are passed over.
///
/// # Errors
/// `UNAUTHENTICATED`; `BAD_USER_INPUT` for more than 1000 ids.
pub async fn give_back(app: &Arc<App>, viewer: &Viewer, ids: &[i64]) -> Result<()> {
    let caller = &viewer.person()?.user;
    if ids.len() > GIVEN_BACK {
        return Err(Error::field(
            "ids",
            Problem::Other("No more than 1000 ids at once."),
        ));
    }
    let mut mine = Condition::any().add(
        Condition::all()
            .add(of_support(Some(caller.id)))
            .add(written_by(false)),
    );
    if caller.is_admin {
        mine = mine.add(Condition::all().add(of_support(None)).add(written_by(true)));
    }
    let _settling = app.rooms.settling().await;
    let mut given_back = Vec::new();
    for chunk in ids.chunks(CHUNK) {
        let rows = message::Entity::find()
            .filter(message::Column::Id.is_in(chunk.iter().copied()))
            .filter(mine.clone())
            .order_by_asc(message::Column::Id)
            .all(app.db.read())
            .await?;
        given_back.extend(with_users(app, rows).await?);
    }
    for chunk in given_back.chunks(CHUNK) {
        let ids = chunk.iter().map(|message| message.row.id);
        app.rooms
            .received()
            .retain(|id| !chunk.iter().any(|message| message.row.id == *id));
        message::Entity::update_many()
            .col_expr(
                message::Column::DeliveredAt,
                Expr::value(None::<chrono::DateTime<chrono::Utc>>),
            )
            .filter(message::Column::Id.is_in(ids))
            .exec(app.db.read())
            .await?;
    }
    for message in given_back {
        let event = Event::Returned {
            id: message.row.id,
            user_id: message.user_id,
        };
        app.events.publish(Topic::Support(message.user_id), event);
        if message.is_by_user() {
            app.events.publish(Topic::SupportDesk, event);
        }
    }
    Ok(())
}

/// Adds whose conversations they belong to; one statement for all.
pub(super) async fn with_users(app: &App, rows: Vec<message::Model>) -> Result<Vec<Message>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let users: std::collections::HashMap<i64, i64> = session::Entity::find()
        .filter(session::Column::Id.is_in(rows.iter().map(|row| row.session_id)))
        .all(app.db.read())
        .await?
        .into_iter()
        .map(|session| (session.id, session.user_id))
        .collect();
    Ok(rows
        .into_iter()
        .filter_map(|row| {
            let user_id = *users.get(&row.session_id)?;
            Some(Message { row, user_id })
        })
        .collect())
}
