//! Mails that came back, posted as they are by the mail server of whoever runs haven.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

use crate::app::App;
use crate::auth::token_of_header;
use crate::delivery;

/// The largest mail that is read. A bounce of one of haven's mails has some 10 KiB, and mail
/// servers return no more than their limit of a message, Postfix 50 KB.
const LARGEST: usize = 256 * 1024;
/// How long a mail may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// `POST /mail/bounces`; no route at all without a secret for it.
pub fn router(app: Arc<App>) -> Router {
    if app.config.bounce_token.is_none() {
        return Router::new();
    }
    Router::new()
        .route("/mail/bounces", post(receive))
        .layer(DefaultBodyLimit::max(LARGEST))
        .with_state(app)
}

/// 204 for whatever came from the mail server, a bounce or not, so that it is not posted again;
/// 503 where it should be. Nothing is read of what comes without the secret.
async fn receive(State(app): State<Arc<App>>, request: Request) -> Response {
    let given = request.headers().get(header::AUTHORIZATION);
    let given = token_of_header(given.and_then(|value| value.to_str().ok()));
    let known = app.config.bounce_token.as_ref();
    if !known.is_some_and(|known| given.is_ok_and(|given| is_same(known, given))) {
        let scheme = [(header::WWW_AUTHENTICATE, "Bearer")];
        return (StatusCode::UNAUTHORIZED, scheme).into_response();
    }
    let mail = match tokio::time::timeout(PATIENCE, Bytes::from_request(request, &())).await {
        Ok(Ok(mail)) => mail,
        Ok(Err(rejection)) => return rejection.status().into_response(),
        Err(_) => return StatusCode::REQUEST_TIMEOUT.into_response(),
    };
    match delivery::take_back(&app, &mail).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => {
            tracing::error!(%error, "a bounce can't be stored");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

/// Whether the secret is the right one; takes as long whatever is wrong with it.
fn is_same(known: &SecretString, given: &str) -> bool {
    let digest = |secret: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(b"bounces").ok()?;
        mac.update(secret.as_bytes());
        Some(mac.finalize())
    };
    // Digests of `hmac` are compared in constant time.
    match (digest(known.expose_secret()), digest(given)) {
        (Some(known), Some(given)) => known == given,
        _ => false,
    }
}
