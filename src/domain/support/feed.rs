//! What readers of rooms and of the desk have in common: the login session they hang on, and
//! being a stream.

use std::future::pending;
use std::sync::Arc;

use futures_util::{FutureExt, Stream, stream};

use tokio::time::{Instant, timeout_at};

use crate::app::App;
use crate::auth::Viewer;
use crate::domain::accounts;
use crate::error::Result;
use crate::events::{Heard, Subscription, Topic};

/// The login session behind a reader, which ends with it.
pub(super) struct Login {
    app: Arc<App>,
    viewer: Viewer,
    /// The reader is for admins alone.
    admin: bool,
    ends: Subscription,
    /// Some session of this user ended; whether it is this one is to be seen.
    due: bool,
    checked: Instant,
}

impl Login {
    /// Watches the viewer's login session, which has to be good now.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, or `FORBIDDEN` where an admin is asked for and the viewer is none.
    pub(super) async fn watch(app: &Arc<App>, viewer: &Viewer, admin: bool) -> Result<Self> {
        let user_id = viewer.person()?.user.id;
        let mut login = Self {
            app: app.clone(),
            viewer: viewer.clone(),
            admin,
            ends: app.events.subscribe(Topic::Sessions(user_id)),
            // It may have ended between its authentication and the line above.
            due: true,
            checked: Instant::now(),
        };
        login.check().await?;
        Ok(login)
    }

    /// Looks again where something was heard.
    ///
    /// # Errors
    /// As [`Login::watch`].
    pub(super) async fn check(&mut self) -> Result<()> {
        while self.ends.next().now_or_never().flatten().is_some() {
            self.due = true;
        }
        if self.due {
            let viewer = accounts::still(&self.app, &self.viewer).await?;
            if self.admin {
                viewer.admin()?;
            } else {
                viewer.person()?;
            }
            self.due = false;
            self.checked = Instant::now();
        }
        Ok(())
    }

    /// Waits until there is something to check. Cancelling it loses nothing.
    pub(super) async fn heard(&mut self) {
        let _ = timeout_at(self.checked + accounts::RECHECK, next(&mut self.ends)).await;
        self.due = true;
    }
}

/// The next thing heard, for as long as the bus is there.
pub(super) async fn next(subscription: &mut Subscription) -> Heard {
    match subscription.next().await {
        Some(heard) => heard,
        None => pending().await,
    }
}

/// Something that hands out one item after the other, until an error ends it.
pub(super) trait Reader: Send + 'static {
    /// What it hands out.
    type Item: Send;

    /// The next item. Being asked for it says that the one before has arrived.
    fn next(&mut self) -> impl Future<Output = Result<Self::Item>> + Send;
}

/// The reader as a stream, whose last item is the error that ended it.
pub(super) fn stream<R: Reader>(reader: R) -> impl Stream<Item = Result<R::Item>> + Send {
    stream::unfold(Some(reader), |reader| async {
        let mut reader = reader?;
        match reader.next().await {
            Ok(item) => Some((Ok(item), Some(reader))),
            Err(error) => Some((Err(error), None)),
        }
    })
}
