//! What the mails of an alarm say: the facts, and the templates they go into.

use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use entity::notification::{self, Purpose, RecipientKind};
use entity::{alarm, alarm_result, user};

use super::mail::one_line;
use crate::language::Language;

/// A mail that leaves this long after the button was pressed says how old the alarm is.
pub(super) const LATE: TimeDelta = TimeDelta::minutes(10);

/// What a mail is about, as stored at the moment of sending.
pub struct Story<'a> {
    /// The mail's row.
    pub notification: &'a notification::Model,
    /// The alarm it tells of.
    pub alarm: &'a alarm::Model,
    /// Its result, for the place.
    pub result: &'a alarm_result::Model,
    /// The person who pressed.
    pub user: &'a user::Model,
    /// Where the person usually is; empty when unknown.
    pub usual_location: &'a str,
    /// Where the recipient can answer, where there is such a place.
    pub link: Option<String>,
    /// The time of sending.
    pub now: DateTime<Utc>,
}

/// A mail in words.
pub struct Words {
    /// The subject line.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
}

/// What the templates can name. No health data: a mail may be read by anybody.
struct Facts {
    recipient: String,
    relationship: String,
    therapist: bool,
    /// The only name haven has for the person.
    person: String,
    email: String,
    when: String,
    ended: String,
    /// How old the alarm is, where that matters.
    age: Option<String>,
    place: Option<String>,
    coordinates: Option<String>,
    map: Option<String>,
    usual_place: Option<String>,
}

/// The bodies, a template each.
#[derive(Template)]
enum Body<'a> {
    #[template(path = "mail/alarm.ru.txt")]
    AlarmRuText { facts: &'a Facts },
    #[template(path = "mail/alarm.ru.html")]
    AlarmRuHtml { facts: &'a Facts },
    #[template(path = "mail/alarm.en.txt")]
    AlarmEnText { facts: &'a Facts },
    #[template(path = "mail/alarm.en.html")]
    AlarmEnHtml { facts: &'a Facts },
    #[template(path = "mail/all_clear.ru.txt")]
    AllClearRuText { facts: &'a Facts },
    #[template(path = "mail/all_clear.ru.html")]
    AllClearRuHtml { facts: &'a Facts },
    #[template(path = "mail/all_clear.en.txt")]
    AllClearEnText { facts: &'a Facts },
    #[template(path = "mail/all_clear.en.html")]
    AllClearEnHtml { facts: &'a Facts },
}

impl Story<'_> {
    /// Puts the story into words, in the language of the person it is about.
    ///
    /// # Errors
    /// If a template fails, which it has no reason to.
    pub fn tell(&self) -> Result<Words, askama::Error> {
        let language = Language::from_code(&self.user.language);
        let facts = &self.facts(language);
        let person = &facts.person;
        let (subject, text, html) = match (self.notification.purpose, language) {
            (Purpose::Alarm, Language::Ru) => (
                format!("Тревога: {person} просит о помощи"),
                Body::AlarmRuText { facts },
                Body::AlarmRuHtml { facts },
            ),
            (Purpose::Alarm, Language::En) => (
                format!("Alarm: {person} is asking for help"),
                Body::AlarmEnText { facts },
                Body::AlarmEnHtml { facts },
            ),
            (Purpose::AllClear, Language::Ru) => (
                format!("Отбой тревоги: {person}"),
                Body::AllClearRuText { facts },
                Body::AllClearRuHtml { facts },
            ),
            (Purpose::AllClear, Language::En) => (
                format!("All clear: {person}"),
                Body::AllClearEnText { facts },
                Body::AllClearEnHtml { facts },
            ),
        };
        Ok(Words {
            subject,
            text: text.render()?,
            html: html.render()?,
        })
    }

    fn facts(&self, language: Language) -> Facts {
        let known = |text: &str| Some(one_line(text)).filter(|text| !text.is_empty());
        let place = known(&self.result.location);
        let coordinates = self.result.latitude.zip(self.result.longitude);
        // Where the person is and where they usually are must not be taken for one another.
        let usual_place = match (&place, coordinates) {
            (None, None) => known(self.usual_location),
            _ => None,
        };
        let age = self.now - self.alarm.timestamp;
        Facts {
            recipient: one_line(&self.notification.recipient_name),
            relationship: one_line(&self.notification.relationship),
            therapist: self.notification.recipient_kind == RecipientKind::Therapist,
            person: one_line(&self.user.username),
            email: one_line(&self.user.email),
            when: moment(self.alarm.timestamp, language),
            ended: moment(self.notification.created_at, language),
            age: (age > LATE).then(|| duration(age, language)),
            place,
            coordinates: coordinates.map(|(north, east)| format!("{north:.5}, {east:.5}")),
            map: coordinates.map(|(north, east)| {
                format!(
                    "https://www.openstreetmap.org/?mlat={north:.5}&mlon={east:.5}\
                     #map=16/{north:.5}/{east:.5}"
                )
            }),
            usual_place,
        }
    }
}

/// A moment for people. haven knows nobody's time zone, so it names the one it uses.
fn moment(at: DateTime<Utc>, language: Language) -> String {
    match language {
        Language::Ru => at
            .format("%d.%m.%Y, %H:%M UTC (всемирное время)")
            .to_string(),
        Language::En => at.format("%-d %B %Y, %H:%M UTC").to_string(),
    }
}

/// A short link to a place on a map, for where every character counts.
pub(super) fn map_link(north: f64, east: f64) -> String {
    format!("https://osm.org/?mlat={north:.5}&mlon={east:.5}")
}

/// A length of time in its two largest units.
pub(super) fn duration(length: TimeDelta, language: Language) -> String {
    let (days, hours) = (length.num_days(), length.num_hours() % 24);
    let minutes = length.num_minutes() % 60;
    let (day, hour, minute) = match language {
        Language::Ru => ("дн.", "ч", "мин"),
        Language::En => ("d", "h", "min"),
    };
    if days > 0 {
        format!("{days} {day} {hours} {hour}")
    } else if hours > 0 {
        format!("{hours} {hour} {minutes} {minute}")
    } else {
        format!("{minutes} {minute}")
    }
}
