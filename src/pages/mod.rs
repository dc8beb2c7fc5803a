//! The pages behind the links in messages, for people without an account: plain HTML that an old
//! phone can show, in Russian and English. Opening one changes nothing, because mail scanners open
//! links; pressing a button does. The signed link is the permission, so a form needs no other
//! secret.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use askama::Template;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{any, get};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::error::Error;
use crate::language::Language;
use crate::links::{Holder, Purpose};

mod alarm;
mod opt_out;

/// The style of every page, within it: one request shows it whole.
const STYLE: &str = include_str!("../../templates/pages/style.css");
/// Bytes that a form may have.
const FORM: usize = 1024;
/// How long a form may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// The routes of the pages.
///
/// # Errors
/// If the policy of the pages is no header, which it has no reason to.
pub fn router(app: Arc<App>) -> anyhow::Result<Router> {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    let policy = HeaderValue::from_str(&format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; \
         frame-ancestors 'none'; base-uri 'none'"
    ))
    .context("the policy of the pages")?;
    let alarm = Router::new()
        .route("/{link}", get(alarm::show).post(alarm::answer))
        .fallback(spoilt);
    let opt_out = Router::new()
        .route("/{link}", get(opt_out::show).post(opt_out::choose))
        .fallback(spoilt);
    Ok(Router::new()
        .nest("/a", alarm)
        .nest("/o", opt_out)
        // Of a nested path, the only one that its fallback does not see.
        .route("/a/", any(spoilt))
        .route("/o/", any(spoilt))
        .with_state(app)
        .layer(middleware::from_fn_with_state(policy, guard)))
}

/// A link that something on its way added a slash to, or cut in two: whoever opens it may be needed.
async fn spoilt() -> Notice {
    Notice::NotFound
}

/// What holds for every answer: shown to whoever has the link and to nobody else, and kept
/// nowhere.
async fn guard(State(policy): State<HeaderValue>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Why there is no page to show, as a page of its own.
#[derive(Debug)]
enum Notice {
    /// No link of ours, or what it led to is gone.
    NotFound,
    /// The form said nothing that the page offers.
    BadForm,
    /// It said too much.
    TooLarge,
    /// It did not arrive in time.
    TooSlow,
    /// haven can't answer now.
    Failed(Error),
}

impl From<Error> for Notice {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<askama::Error> for Notice {
    fn from(error: askama::Error) -> Self {
        Self::Failed(Error::Internal(error.into()))
    }
}

#[derive(Template)]
#[template(path = "pages/notice.html")]
struct NoticePage {
    page: NoticeWords,
}

struct NoticeWords {
    style: &'static str,
    russian: &'static str,
    english: &'static str,
}

impl IntoResponse for Notice {
    fn into_response(self) -> Response {
        let (status, russian, english) = match &self {
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "Ссылка неверна или больше не действует.",
                "The link is wrong or no longer valid.",
            ),
            Self::BadForm => (
                StatusCode::BAD_REQUEST,
                "Ответ не понятен. Вернитесь и нажмите одну из кнопок.",
                "The answer is not clear. Go back and press one of the buttons.",
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "Ответ слишком длинный. Вернитесь и нажмите одну из кнопок.",
                "The answer is too long. Go back and press one of the buttons.",
            ),
            Self::TooSlow => (
                StatusCode::REQUEST_TIMEOUT,
                "Ответ не дошёл. Вернитесь и попробуйте ещё раз.",
                "The answer did not arrive. Go back and try again.",
            ),
            Self::Failed(error) => {
                // `Display`, not `Debug`: PostgreSQL puts the offending values into the details.
                match error {
                    Error::Database(cause) => tracing::error!(%cause, "a page can't be shown"),
                    Error::Internal(cause) => tracing::error!(%cause, "a page can't be shown"),
                    other => tracing::error!(cause = %other, "a page can't be shown"),
                }
                (
                    StatusCode::from_u16(error.code().parts().1)
                        .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
                    "Страница сейчас недоступна. Попробуйте ещё раз.",
                    "The page is not available now. Try again.",
                )
            }
        };
        let page = NoticeWords {
            style: STYLE,
            russian,
            english,
        };
        let body = NoticePage { page }
            .render()
            .unwrap_or_else(|_| english.to_owned());
        (status, Html(body)).into_response()
    }
}

/// Who holds the link in the path.
async fn holder(
    app: &App,
    purpose: Purpose,
    path: Result<Path<String>, PathRejection>,
) -> Result<Holder, Notice> {
    let Ok(Path(link)) = path else {
        return Err(Notice::NotFound);
    };
    app.links
        .holder(&app.db, purpose, &link)
        .await?
        .ok_or(Notice::NotFound)
}

/// What the query of a page says.
#[derive(Clone, Copy, Debug, Default)]
struct Wishes {
    /// The language asked for.
    language: Option<Language>,
    /// A button was pressed just now.
    done: bool,
}

impl Wishes {
    /// Reads a query; what it doesn't know is nothing.
    fn read(query: Option<&str>) -> Self {
        let mut wishes = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match (&*name, &*value) {
                ("lang", "ru") => wishes.language = Some(Language::Ru),
                ("lang", "en") => wishes.language = Some(Language::En),
                ("done", "1") => wishes.done = true,
                _ => {}
            }
        }
        wishes
    }

    /// The language asked for, else that of the person the page is about.
    fn language(self, code: &str) -> Language {
        self.language.unwrap_or_else(|| Language::from_code(code))
    }
}

/// Back to the page after a button, so that loading it again presses nothing. Relative, because
/// only the browser knows for sure under which address it reached the page.
fn back(language: Language) -> Response {
    let to = match language {
        Language::Ru => "?lang=ru&done=1",
        Language::En => "?lang=en&done=1",
    };
    (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
}

/// The value of a form's only field.
async fn field(body: Body, name: &str) -> Result<String, Notice> {
    let bytes = tokio::time::timeout(PATIENCE, to_bytes(body, FORM))
        .await
        .map_err(|_| Notice::TooSlow)?
        .map_err(|_| Notice::TooLarge)?;
    url::form_urlencoded::parse(&bytes)
        .find(|(field, _)| field == name)
        .map(|(_, value)| value.into_owned())
        .ok_or(Notice::BadForm)
}
