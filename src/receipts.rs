//! The receipts of the SMS gateway: a form, posted to a URL of each notification's own and
//! signed with the gateway's secret.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{DefaultBodyLimit, FromRequest, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use url::form_urlencoded;

use crate::app::App;
use crate::delivery;

/// The largest form that is read. Twilio's are below 2 KiB.
const LARGEST: usize = 64 * 1024;
/// How long a form may take to arrive: whoever sends it is not known before.
const PATIENCE: Duration = Duration::from_secs(10);

/// `POST /sms/receipts/{notification}`.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/sms/receipts/{notification}", post(receive))
        .layer(DefaultBodyLimit::max(LARGEST))
        .with_state(app)
}

/// 204 for whatever the gateway signed, known or not; 403 for everybody else, and 408 for who does
/// not finish.
async fn receive(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    request: Request,
) -> StatusCode {
    let Ok(Path(notification)) = path else {
        return StatusCode::NOT_FOUND;
    };
    if !app.delivery.has_receipts() {
        return StatusCode::NOT_FOUND;
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let form = text(header::CONTENT_TYPE.as_str())
        .and_then(|kind| kind.split(';').next())
        .is_some_and(|kind| {
            kind.trim()
                .eq_ignore_ascii_case("application/x-www-form-urlencoded")
        });
    if !form {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE;
    }
    let Some(signature) = text("x-twilio-signature") else {
        return StatusCode::FORBIDDEN;
    };
    let body = match tokio::time::timeout(PATIENCE, Bytes::from_request(request, &())).await {
        Ok(Ok(body)) => body,
        Ok(Err(rejection)) => return rejection.status(),
        Err(_) => return StatusCode::REQUEST_TIMEOUT,
    };
    let fields: Vec<(String, String)> = form_urlencoded::parse(&body).into_owned().collect();
    // Only the one spelling of an id that is in the URL handed out.
    let id = notification
        .parse::<i64>()
        .ok()
        .filter(|id| id.to_string() == notification);
    let Some(id) = id.filter(|id| app.delivery.signed(*id, &fields, signature)) else {
        return StatusCode::FORBIDDEN;
    };
    let field = |name: &str| {
        fields
            .iter()
            .find(|(known, _)| known == name)
            .map_or("", |(_, value)| value.as_str())
    };
    match delivery::receive(&app, id, field("MessageSid"), field("MessageStatus")).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(error) => {
            tracing::error!(notification = id, %error, "a receipt can't be stored");
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}
