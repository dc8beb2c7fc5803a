//! What the mails of an alarm say: the facts, and the templates they go into.

use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use entity::alarm::Kind;
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
    /// Where the recipient can answer; `None` where haven knows no address of its own.
    pub link: Option<String>,
    /// Where a contact can opt out; `None` for others, and where haven knows no address of its
    /// own.
    pub opt_out: Option<String>,
    /// The emergency number where the person is; `None` where that is not known.
    pub emergency: Option<&'static str>,
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
    /// In a drill or a test, what it is: the first thing to read.
    notice: Option<&'static str>,
    recipient: String,
    /// In a mail to the person, the name of the contact it is about.
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
    /// Others were told before, and none of them is on the way or has called.
    later_step: bool,
    /// Where the recipient answers.
    link: Option<String>,
    /// Where a contact opts out.
    opt_out: Option<String>,
    /// Whom to call where a life is in danger; `None` where it is not known which number.
    emergency: Option<&'static str>,
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
    #[template(path = "mail/contact_failed.ru.txt")]
    ContactFailedRuText { facts: &'a Facts },
    #[template(path = "mail/contact_failed.ru.html")]
    ContactFailedRuHtml { facts: &'a Facts },
    #[template(path = "mail/contact_failed.en.txt")]
    ContactFailedEnText { facts: &'a Facts },
    #[template(path = "mail/contact_failed.en.html")]
    ContactFailedEnHtml { facts: &'a Facts },
    #[template(path = "mail/opted_out.ru.txt")]
    OptedOutRuText { facts: &'a Facts },
    #[template(path = "mail/opted_out.ru.html")]
    OptedOutRuHtml { facts: &'a Facts },
    #[template(path = "mail/opted_out.en.txt")]
    OptedOutEnText { facts: &'a Facts },
    #[template(path = "mail/opted_out.en.html")]
    OptedOutEnHtml { facts: &'a Facts },
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
            (Purpose::ContactFailed, Language::Ru) => (
                "Сообщения экстренному контакту не доходят".to_owned(),
                Body::ContactFailedRuText { facts },
                Body::ContactFailedRuHtml { facts },
            ),
            (Purpose::ContactFailed, Language::En) => (
                "Messages to an emergency contact do not arrive".to_owned(),
                Body::ContactFailedEnText { facts },
                Body::ContactFailedEnHtml { facts },
            ),
            (Purpose::OptedOut, Language::Ru) => (
                "Экстренный контакт отказался от сообщений".to_owned(),
                Body::OptedOutRuText { facts },
                Body::OptedOutRuHtml { facts },
            ),
            (Purpose::OptedOut, Language::En) => (
                "An emergency contact wants no more messages".to_owned(),
                Body::OptedOutEnText { facts },
                Body::OptedOutEnHtml { facts },
            ),
        };
        let subject = match mark(self.kind(), language) {
            Some((word, _)) => format!("{word}. {subject}"),
            None => subject,
        };
        Ok(Words {
            subject,
            text: text.render()?,
            html: html.render()?,
        })
    }

    /// How serious the message is. What the person is told about their own contacts holds
    /// whatever brought it up.
    pub(super) fn kind(&self) -> Kind {
        match self.notification.recipient_kind {
            RecipientKind::Contact | RecipientKind::Therapist => self.alarm.kind,
            RecipientKind::Person => Kind::Real,
        }
    }

    fn facts(&self, language: Language) -> Facts {
        let known = |text: &str| Some(one_line(text)).filter(|text| !text.is_empty());
        let place = known(&self.result.location);
        let coordinates = self.result.latitude.zip(self.result.longitude);
        // Where the person is and where they usually are must not be taken for one another.
        let usual_place = match (&place, coordinates) {
            (None, None) if self.kind() == Kind::Real => known(self.usual_location),
            _ => None,
        };
        let age = self.now - self.alarm.timestamp;
        let later_step = self.notification.step > 0;
        Facts {
            notice: mark(self.kind(), language).map(|(_, notice)| notice),
            recipient: one_line(&self.notification.recipient_name),
            relationship: one_line(&self.notification.relationship),
            therapist: self.notification.recipient_kind == RecipientKind::Therapist,
            person: one_line(&self.user.username),
            email: one_line(&self.user.email),
            when: moment(self.alarm.timestamp, language),
            ended: moment(self.notification.created_at, language),
            age: (later_step || age > LATE).then(|| ago(age, language)),
            place,
            coordinates: self::coordinates(self.result, language),
            map: coordinates.map(|(north, east)| map(north, east)),
            usual_place,
            later_step,
            link: self.link.clone(),
            opt_out: self.opt_out.clone(),
            emergency: self.emergency,
        }
    }
}

/// Where the person is, in degrees north and east, WGS 84, and how exactly that is known. Help that
/// is sent to a point looks around it only where it is told how far.
#[must_use]
pub fn coordinates(result: &alarm_result::Model, language: Language) -> Option<String> {
    let (north, east) = result.latitude.zip(result.longitude)?;
    let point = format!("{north:.5}, {east:.5}");
    Some(match (result.accuracy, language) {
        (None, _) => point,
        (Some(metres), Language::Ru) => format!("{point} (± {} м)", metres.ceil()),
        (Some(metres), Language::En) => format!("{point} (± {} m)", metres.ceil()),
    })
}

/// A map of the place, in degrees north and east, WGS 84.
#[must_use]
pub fn map(north: f64, east: f64) -> String {
    format!(
        "https://www.openstreetmap.org/?mlat={north:.5}&mlon={east:.5}\
         #map=16/{north:.5}/{east:.5}"
    )
}

/// What every message of a drill or a test begins with: a word for the subject, or for where room
/// is short, and a notice for the text. `None` for a real alarm.
#[must_use]
pub const fn mark(kind: Kind, language: Language) -> Option<(&'static str, &'static str)> {
    match (kind, language) {
        (Kind::Real, _) => None,
        (Kind::Drill, Language::Ru) => Some((
            "УЧЕБНАЯ ТРЕВОГА",
            "УЧЕБНАЯ ТРЕВОГА. Помощь сейчас не нужна. Так выглядело бы настоящее сообщение:",
        )),
        (Kind::Drill, Language::En) => Some((
            "DRILL",
            "DRILL. Nobody needs help now. A real message would look like this:",
        )),
        (Kind::Test, Language::Ru) => Some((
            "ПРОВЕРКА",
            "ПРОВЕРКА СВЯЗИ. Помощь сейчас не нужна. Так выглядело бы настоящее сообщение:",
        )),
        (Kind::Test, Language::En) => Some((
            "TEST",
            "TEST. This only checks that messages arrive: nobody needs help now. A real \
             message would look like this:",
        )),
    }
}

/// A moment for people. haven knows nobody's time zone, so it names the one it uses.
#[must_use]
pub fn moment(at: DateTime<Utc>, language: Language) -> String {
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

/// How long ago something happened, in words.
#[must_use]
pub fn ago(length: TimeDelta, language: Language) -> String {
    match (length < TimeDelta::minutes(1), language) {
        (true, Language::Ru) => "только что".to_owned(),
        (true, Language::En) => "just now".to_owned(),
        (false, Language::Ru) => format!("{} назад", duration(length, language)),
        (false, Language::En) => format!("{} ago", duration(length, language)),
    }
}

/// A length of time in its two largest units.
#[must_use]
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
