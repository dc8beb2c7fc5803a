//! The page on which a contact says that it doesn't want to be told any more, or takes that back.

use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::response::{Html, IntoResponse, Response};

use super::{Notice, STYLE, Wishes, back, field, holder};
use crate::app::App;
use crate::delivery::mail::one_line;
use crate::domain::contacts;
use crate::language::Language;
use crate::links::Purpose;

/// What the templates can name.
struct Page {
    style: &'static str,
    person: String,
    contact: String,
    out: bool,
}

#[derive(Template)]
enum OptOutPage<'a> {
    #[template(path = "pages/opt_out.ru.html")]
    Russian { page: &'a Page },
    #[template(path = "pages/opt_out.en.html")]
    English { page: &'a Page },
}

/// Shows the page. Changes nothing.
pub async fn show(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Response, Notice> {
    let holder = holder(&app, Purpose::OptOut, path).await?;
    let choice = contacts::choice(&app, holder)
        .await?
        .ok_or(Notice::NotFound)?;
    let language = Wishes::read(query.as_deref()).language(&choice.person.language);
    let page = &Page {
        style: STYLE,
        person: one_line(&choice.person.username),
        contact: one_line(&choice.contact.name),
        out: choice.contact.opted_out_at.is_some(),
    };
    let html = match language {
        Language::Ru => OptOutPage::Russian { page }.render(),
        Language::En => OptOutPage::English { page }.render(),
    };
    Ok(Html(html?).into_response())
}

/// A button was pressed.
pub async fn choose(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
    body: Body,
) -> Result<Response, Notice> {
    let holder = holder(&app, Purpose::OptOut, path).await?;
    let out = match field(body, "told").await?.as_str() {
        "no" => true,
        "yes" => false,
        _ => return Err(Notice::BadForm),
    };
    let choice = contacts::choice(&app, holder)
        .await?
        .ok_or(Notice::NotFound)?;
    if !contacts::choose(&app, holder, out).await? {
        return Err(Notice::NotFound);
    }
    let wishes = Wishes::read(query.as_deref());
    Ok(back(wishes.language(&choice.person.language)))
}
