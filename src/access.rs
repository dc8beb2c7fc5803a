//! How the GraphQL transport learns who is calling, and when that ends.

use std::sync::Arc;

use async_graphql::Data;
use axum::http::header;
use axum::http::request::Parts;
use futures_util::FutureExt;
use uuid::Uuid;

use crate::app::App;
use crate::auth::{Viewer, token_of_header};
use crate::domain::{accounts, support};
use crate::error::{Error, Unauthenticated};
use crate::events::Topic;
use crate::graphql;
use crate::graphql::context::{BaseUrl, Origin};
use crate::graphql::errors::RequestId;
use crate::rest::socket::{Authenticate, Credential};
use crate::transport::{Access, Asking, Credentials, Refused, Session};

/// Who is calling, for GraphQL over HTTP, event streams and sockets.
#[must_use]
pub fn access(app: &Arc<App>) -> Access {
    let (http, socket) = (app.clone(), app.clone());
    Access {
        http: Arc::new(move |Asking { parts, fields }| {
            let (app, reached) = (http.clone(), Reached::of(parts));
            let header = parts.headers.get(header::AUTHORIZATION);
            let header = header.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
            let alarm = fields.iter().any(|field| graphql::belongs_to_alarm(field));
            async move {
                let viewer = match token_of_header(header.as_deref()) {
                    Err(reason) => Viewer::Nobody(reason),
                    Ok(token) => {
                        let found = if alarm {
                            accounts::authenticate_alarm(&app, token).await
                        } else {
                            accounts::authenticate(&app, token).await
                        };
                        found.map_err(|error| unavailable(&error))?
                    }
                };
                Ok(session(app, viewer, reached))
            }
            .boxed()
        }),
        socket: Arc::new(move |credentials| {
            let app = socket.clone();
            async move {
                let Credentials {
                    authorization,
                    handshake,
                } = credentials;
                let viewer = match token_of_header(authorization.as_deref()) {
                    Err(Unauthenticated::NotProvided) => {
                        Viewer::Nobody(Unauthenticated::NotProvided)
                    }
                    Err(_) => return Err(Refused::Forbidden),
                    Ok(token) => match accounts::authenticate(&app, token).await {
                        Ok(Viewer::Nobody(_)) => return Err(Refused::Forbidden),
                        Ok(viewer) => viewer,
                        Err(error) => return Err(unavailable(&error)),
                    },
                };
                Ok(session(app, viewer, Reached::of(&handshake)))
            }
            .boxed()
        }),
    }
}

/// Who opens a legacy socket.
#[must_use]
pub fn sockets(app: &Arc<App>) -> Authenticate {
    let app = app.clone();
    Arc::new(move |credential| {
        let app = app.clone();
        async move {
            match credential {
                Credential::Token(token) => accounts::authenticate(&app, &token).await,
                Credential::Ticket(ticket) => support::redeem(&app, &ticket).await,
            }
        }
        .boxed()
    })
}

fn unavailable(error: &Error) -> Refused {
    tracing::error!(%error, "a token could not be looked up");
    Refused::Unavailable
}

/// What middleware said of a request.
struct Reached {
    base: Option<BaseUrl>,
    request_id: Option<RequestId>,
}

impl Reached {
    fn of(parts: &Parts) -> Self {
        Self {
            base: parts.extensions.get().cloned(),
            request_id: parts.extensions.get().cloned(),
        }
    }
}

fn session(app: Arc<App>, viewer: Viewer, reached: Reached) -> Session {
    let origin = Origin(Uuid::new_v4());
    let Reached { base, request_id } = reached;
    let holder = viewer.clone();
    Session {
        data: Arc::new(move || {
            let mut data = Data::default();
            data.insert(viewer.clone());
            data.insert(origin);
            if let Some(base) = &base {
                data.insert(base.clone());
            }
            if let Some(request_id) = &request_id {
                data.insert(request_id.clone());
            }
            data
        }),
        ended: async move { ended(&app, &holder).await }.boxed(),
    }
}

/// Resolves when the viewer's login session is over: logout, revocation, deactivation. Never
/// for nobody.
pub async fn ended(app: &App, viewer: &Viewer) {
    let Ok(caller) = viewer.person() else {
        return std::future::pending().await;
    };
    let was_admin = caller.user.is_admin;
    let mut sessions = app.events.subscribe(Topic::Sessions(caller.user.id));
    // The event is a hint that something ended; whether it was this session, the database says.
    // It is also asked now and then, for what another node ended.
    loop {
        match accounts::still(app, viewer).await {
            Ok(Viewer::Nobody(_)) => return,
            Ok(Viewer::Person(now)) if was_admin && !now.user.is_admin => return,
            Ok(Viewer::Person(_)) => {}
            Err(error) => tracing::warn!(%error, "a login session could not be looked up"),
        }
        let _ = tokio::time::timeout(accounts::RECHECK, sessions.next()).await;
    }
}
