//! The page of an alarm: who needs help, where, who is coming, and three buttons.

use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use entity::alarm::Kind;
use entity::alarm_reaction::Reaction;
use entity::notification::RecipientKind;

use super::{Notice, STYLE, Wishes, back, field, holder};
use crate::app::App;
use crate::assistant::crisis;
use crate::delivery::mail::one_line;
use crate::delivery::{self, ago, map, moment};
use crate::domain::alarms::{self, State as AlarmState, Told};
use crate::language::Language;
use crate::links::Purpose;

/// What the templates can name. No health data: whoever has the link sees it.
struct Page {
    style: &'static str,
    person: String,
    /// A drill or a test.
    rehearsal: bool,
    drill: bool,
    open: bool,
    over: bool,
    /// A newer alarm of the person is not.
    again: bool,
    old: bool,
    thanks: bool,
    when: String,
    age: String,
    place: Option<String>,
    coordinates: Option<String>,
    /// How old the coordinates are.
    located: Option<String>,
    map: Option<String>,
    usual_place: Option<String>,
    emergency: Option<&'static str>,
    own: Option<&'static str>,
    answers: Vec<Answer>,
    /// Where a contact may say that it wants no more messages: an SMS has no room for a second link.
    opt_out: Option<String>,
}

struct Answer {
    who: String,
    what: &'static str,
    age: String,
}

#[derive(Template)]
enum AlarmPage<'a> {
    #[template(path = "pages/alarm.ru.html")]
    Russian { page: &'a Page },
    #[template(path = "pages/alarm.en.html")]
    English { page: &'a Page },
}

/// Shows the page. Changes nothing.
pub async fn show(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
) -> Result<Response, Notice> {
    let holder = holder(&app, Purpose::Answer, path).await?;
    let told = alarms::told(&app, holder).await?.ok_or(Notice::NotFound)?;
    let wishes = Wishes::read(query.as_deref());
    Ok(Html(page(&app, &told, wishes).await?).into_response())
}

/// A button was pressed.
pub async fn answer(
    State(app): State<Arc<App>>,
    path: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
    body: Body,
) -> Result<Response, Notice> {
    let holder = holder(&app, Purpose::Answer, path).await?;
    let answer = match field(body, "reaction").await?.as_str() {
        "on_my_way" => Reaction::OnMyWay,
        "called" => Reaction::Called,
        "cannot" => Reaction::Cannot,
        _ => return Err(Notice::BadForm),
    };
    let taken = alarms::react(&app, holder, answer).await?;
    let told = alarms::told(&app, holder).await?.ok_or(Notice::NotFound)?;
    let wishes = Wishes::read(query.as_deref());
    if taken {
        Ok(back(wishes.language(&told.person.language)))
    } else {
        Ok((StatusCode::CONFLICT, Html(page(&app, &told, wishes).await?)).into_response())
    }
}

async fn page(app: &App, told: &Told, wishes: Wishes) -> Result<String, Notice> {
    let language = wishes.language(&told.person.language);
    let now = app.clock.now();
    let known = |text: &str| Some(one_line(text)).filter(|text| !text.is_empty());
    let open = told.state == AlarmState::Open;
    let place = known(&told.result.location);
    let coordinates = told.result.latitude.zip(told.result.longitude);
    let own = told.own_reaction();
    let opt_out = match told.notification.recipient_kind {
        RecipientKind::Contact => {
            let id = told.notification.id;
            let path = app.links.path(&app.db, Purpose::OptOut, id).await?;
            // Relative, as [`super::back`] is.
            Some(format!("..{path}"))
        }
        // Who has a job to do ends it with the person.
        RecipientKind::Therapist | RecipientKind::Person => None,
    };
    let page = &Page {
        style: STYLE,
        person: one_line(&told.person.username),
        rehearsal: told.alarm.kind != Kind::Real,
        drill: told.alarm.kind == Kind::Drill,
        open,
        over: told.state == AlarmState::Over,
        again: told.again,
        old: told.state == AlarmState::Old,
        thanks: wishes.done && own.is_some(),
        when: moment(told.alarm.timestamp, language),
        age: ago(now - told.alarm.timestamp, language),
        // As in the mail: nobody is told for an exercise where the person usually is.
        usual_place: match (&place, coordinates) {
            (None, None) if told.alarm.kind == Kind::Real => known(&told.usual_location),
            _ => None,
        },
        place,
        coordinates: delivery::coordinates(&told.result, language),
        located: coordinates
            .and(told.result.located_at)
            .map(|at| ago(now - at, language)),
        map: coordinates.map(|(north, east)| map(north, east)),
        emergency: crisis::emergency_number(
            crisis::country(&told.usual_location, app.config.country.as_deref()),
            language,
        ),
        own: own.map(|own| words(own, language)),
        answers: told
            .reactions
            .iter()
            .map(|row| Answer {
                who: who(row),
                what: words(row.reaction, language),
                age: ago(now - row.reacted_at, language),
            })
            .collect(),
        opt_out,
    };
    let html = match language {
        Language::Ru => AlarmPage::Russian { page }.render(),
        Language::En => AlarmPage::English { page }.render(),
    };
    Ok(html?)
}

/// Who answered. Of a therapist the name alone: relatives need not know that there is one.
fn who(row: &entity::alarm_reaction::Model) -> String {
    let name = one_line(&row.recipient_name);
    let what = one_line(&row.relationship);
    if what.is_empty() {
        name
    } else {
        format!("{name} ({what})")
    }
}

const fn words(reaction: Reaction, language: Language) -> &'static str {
    match (reaction, language) {
        (Reaction::OnMyWay, Language::Ru) => "в пути",
        (Reaction::OnMyWay, Language::En) => "on the way",
        (Reaction::Called, Language::Ru) => "позвонил(а)",
        (Reaction::Called, Language::En) => "called",
        (Reaction::Cannot, Language::Ru) => "не может помочь",
        (Reaction::Cannot, Language::En) => "can't help",
    }
}
