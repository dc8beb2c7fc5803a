//! What those who watch haven may ask: is it there, is it ready, and its figures.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use sea_orm::ConnectionTrait;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::app::App;
use crate::delivery::Discontent;

/// How long the database may take to answer a health check.
const PATIENCE: Duration = Duration::from_secs(2);

/// `/healthz` and `/readyz`.
pub(super) fn routes(app: Arc<App>, shutdown: watch::Receiver<bool>) -> Router {
    Router::new()
        .route("/healthz", get(health))
        .route(
            "/readyz",
            get(move |State(app)| {
                let stopping = *shutdown.borrow();
                ready(app, stopping)
            }),
        )
        .with_state(app)
}

/// `/metrics`, for a listener of its own.
pub(super) fn metrics(app: Arc<App>) -> Router {
    Router::new().route("/metrics", get(figures).with_state(app))
}

/// Whether the database answers, on the connections that alarms would use: a crowd of other
/// requests is no reason to send alarms elsewhere.
async fn answers(app: &App) -> bool {
    let ping = app.db.alarms().execute_unprepared("SELECT 1");
    matches!(timeout(PATIENCE, ping).await, Ok(Ok(_)))
}

async fn health(State(app): State<Arc<App>>) -> Response {
    if answers(&app).await {
        "ok".into_response()
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "the database does not answer",
        )
            .into_response()
    }
}

/// Ready to take alarms. An auditor that is not content is told and is no 503: a node that can't
/// send still stores alarms, and any other node sends them; without it they would be lost.
async fn ready(app: Arc<App>, stopping: bool) -> Response {
    let database = answers(&app).await;
    let finding = app.delivery.finding();
    let writes = finding.discontent != Some(Discontent::Unwritable);
    let (code, status) = match (database, writes, stopping) {
        (_, _, true) => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
        (false, _, _) => (StatusCode::SERVICE_UNAVAILABLE, "no database"),
        (true, false, _) => (StatusCode::SERVICE_UNAVAILABLE, "no writes"),
        (true, true, _) => (StatusCode::OK, "ready"),
    };
    let body = json!({
        "status": status,
        "database": database,
        "auditor": if finding.discontent.is_none() { "content" } else { "not content" },
        "reason": finding.discontent.map(|why| why.to_string()),
        "oldest_due_notification_seconds": finding.oldest_due.map(|age| age.as_secs()),
        "oldest_due_alarm_seconds": finding.oldest_due_alarm.map(|age| age.as_secs()),
        "mail": app.delivery.mails_go_to(),
    });
    (code, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

async fn figures(State(app): State<Arc<App>>) -> Response {
    // Now, not when the auditor last looked: one that hangs would leave its last word behind.
    app.metrics.audited(&app.delivery.finding());
    match app.metrics.text() {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
