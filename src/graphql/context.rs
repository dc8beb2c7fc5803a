//! What a resolver can ask of its context.

use std::sync::Arc;

use async_graphql::Context;
use tokio::sync::Notify;
use url::Url;
use uuid::Uuid;

use crate::app::App;
use crate::arrivals::Arrivals;
use crate::auth::Viewer;
use crate::domain::input::Check;
use crate::error::{Error, FieldError, Result, Unauthenticated};
use crate::graphql::loaders::Loaders;

/// The connection an operation came over, in the request data of sockets: what one socket
/// sends is not echoed to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin(pub Uuid);

/// The scheme and authority under which the client reached this server, as in
/// `http://127.0.0.1:8000`; in the request data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(pub Url);

/// Told once a subscription listens, so that a transport can wait for it; in the request data.
#[derive(Clone, Debug, Default)]
pub struct Listening(pub Arc<Notify>);

/// What a transport found wrong with the input before the operation ran, in the request data:
/// these fields, or the input as a whole where there are none. The operation then says who may
/// not, and what else is wrong, and changes nothing.
#[derive(Clone, Debug)]
pub struct Refused(pub Vec<FieldError>);

/// Typed access to what haven puts into a context.
pub trait ContextExt<'a> {
    /// The application.
    ///
    /// # Errors
    /// `INTERNAL` if the schema was built without one, as for printing it.
    fn app(&self) -> Result<&'a Arc<App>>;
    /// Who is asking; nobody, where the transport said nothing.
    fn viewer(&self) -> Viewer;
    /// The loaders of this execution.
    ///
    /// # Errors
    /// `INTERNAL` outside an execution.
    fn loaders(&self) -> Result<&'a Loaders>;
    /// A check of the input that goes on from what the transport refused.
    fn check(&self) -> Check;
    /// The connection this came over, if it is one.
    fn origin(&self) -> Option<Uuid>;
    /// What the other end of the connection has got, where it can tell.
    fn arrivals(&self) -> Option<Arrivals>;
    /// The URL under which the client reached this server.
    ///
    /// # Errors
    /// `INTERNAL` if the schema was built without an application.
    fn base_url(&self) -> Result<&'a Url>;
    /// Says that a subscription listens from now on.
    fn listening(&self);
}

impl<'a> ContextExt<'a> for Context<'a> {
    fn app(&self) -> Result<&'a Arc<App>> {
        self.data_opt::<Arc<App>>()
            .ok_or_else(|| Error::Internal(anyhow::anyhow!("no App in the schema")))
    }

    fn viewer(&self) -> Viewer {
        self.data_opt::<Viewer>()
            .cloned()
            .unwrap_or(Viewer::Nobody(Unauthenticated::NotProvided))
    }

    fn loaders(&self) -> Result<&'a Loaders> {
        self.data_opt::<Loaders>()
            .ok_or_else(|| Error::Internal(anyhow::anyhow!("no loaders in this execution")))
    }

    fn check(&self) -> Check {
        self.data_opt::<Refused>()
            .map_or_else(Check::default, |refused| Check::after(refused.0.clone()))
    }

    fn origin(&self) -> Option<Uuid> {
        self.data_opt::<Origin>().map(|origin| origin.0)
    }

    fn arrivals(&self) -> Option<Arrivals> {
        self.data_opt::<Arrivals>().cloned()
    }

    fn base_url(&self) -> Result<&'a Url> {
        match self.data_opt::<BaseUrl>() {
            Some(base) => Ok(&base.0),
            None => Ok(&self.app()?.local_url),
        }
    }

    fn listening(&self) {
        if let Some(listening) = self.data_opt::<Listening>() {
            listening.0.notify_one();
        }
    }
}
