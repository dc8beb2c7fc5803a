//! The address of a room's socket, and one-time tickets for it.

use std::fmt;

use chrono::TimeDelta;
use entity::ticket;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use url::Url;

use crate::app::App;
use crate::auth::{self, UserRef, Viewer};
use crate::domain::{accounts, users};
use crate::error::{Error, Result, Unauthenticated};

/// How long a ticket is good for, as the contract has it.
const LIFE: TimeDelta = TimeDelta::seconds(60);

/// How to open the socket of a room.
#[derive(Clone, PartialEq, Eq)]
pub struct Access {
    /// Whose room.
    pub user_id: i64,
    /// Whether the caller is an admin.
    pub is_admin: bool,
    /// Where to connect; ends with a one-time ticket where the deployment wants it.
    pub websocket_url: Url,
}

/// Leaves the URL out, because it may hold a ticket.
impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("user_id", &self.user_id)
            .field("is_admin", &self.is_admin)
            .finish_non_exhaustive()
    }
}

/// The address of a user's room, below the URL under which clients reach this server. Where
/// the deployment wants it, the address holds a new ticket of the caller's.
///
/// # Errors
/// `FORBIDDEN` for a user who names anybody else; `NOT_FOUND` for an admin's unknown user.
pub async fn open_chat(app: &App, viewer: &Viewer, subject: UserRef, base: &Url) -> Result<Access> {
    let user_id = users::reach(app, viewer, subject).await?;
    let caller = viewer.person()?;
    let mut url = base.clone();
    let scheme = if base.scheme() == "https" {
        "wss"
    } else {
        "ws"
    };
    url.set_scheme(scheme)
        .map_err(|()| Error::Internal(anyhow::anyhow!("the base URL has no host")))?;
    let path = format!("{}/ws/chat/{user_id}/", base.path().trim_end_matches('/'));
    url.set_path(&path);
    url.set_query(None);
    url.set_fragment(None);
    if app.config.support_tickets {
        let secret = issue(app, caller.session_id).await?;
        url.set_query(Some(&format!("ticket={secret}")));
    }
    Ok(Access {
        user_id,
        is_admin: caller.user.is_admin,
        websocket_url: url,
    })
}

/// Makes a ticket, and clears away those that ran out.
async fn issue(app: &App, session_id: i64) -> Result<String> {
    let secret = auth::new_secret()?;
    let now = app.clock.now();
    let tx = app.db.write().await?;
    ticket::Entity::delete_many()
        .filter(ticket::Column::ExpiresAt.lte(now))
        .exec(&tx)
        .await?;
    ticket::ActiveModel {
        session_id: Set(session_id),
        ticket_hash: Set(auth::fingerprint(&secret)),
        expires_at: Set(now + LIFE),
        ..Default::default()
    }
    .insert(&tx)
    .await?;
    tx.commit().await?;
    Ok(secret)
}

/// Who holds this ticket. It is used up by that.
///
/// # Errors
/// Only the database's; a ticket that is unknown, used or too old is nobody's.
pub async fn redeem(app: &App, secret: &str) -> Result<Viewer> {
    let nobody = Viewer::Nobody(Unauthenticated::InvalidToken);
    let Some(found) = ticket::Entity::find()
        .filter(ticket::Column::TicketHash.eq(auth::fingerprint(secret)))
        .one(app.db.read())
        .await?
    else {
        return Ok(nobody);
    };
    // Of two that come with the same ticket, one deletes it.
    let deleted = ticket::Entity::delete_by_id(found.id)
        .exec(app.db.read())
        .await?;
    if deleted.rows_affected == 0 || found.expires_at <= app.clock.now() {
        return Ok(nobody);
    }
    accounts::resume(app, found.session_id).await
}
