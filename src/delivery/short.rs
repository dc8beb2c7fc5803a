//! What an SMS says, and how many segments it takes.
//!
//! A segment is 140 bytes: 160 characters of the GSM alphabet (3GPP TS 23.038), or 70 UTF-16
//! units where any character is outside it, as in Russian. A longer text is cut into several,
//! each of which loses 6 bytes to a header: 153 and 67.

use chrono::{DateTime, Utc};
use entity::alarm::Kind;
use entity::notification::Purpose;

use super::letter::{LATE, Story, duration, map_link, mark};
use super::mail::one_line;
use crate::language::Language;

/// The basic characters of the GSM alphabet beside ASCII letters and digits.
const GSM: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà";
/// Those that take the place of two.
const GSM_EXTENSION: &str = "^{}\\[~]|€\u{c}";
/// No SMS is longer: phones and carriers cut or refuse what is.
const MOST: usize = 4;

/// How much room a character takes in the GSM alphabet; `None` where it is not of it.
fn septets(c: char) -> Option<usize> {
    if c.is_ascii_alphanumeric() || GSM.contains(c) {
        Some(1)
    } else if GSM_EXTENSION.contains(c) {
        Some(2)
    } else {
        None
    }
}

/// How many segments a text takes. A character is never cut in two.
#[must_use]
pub fn segments(text: &str) -> usize {
    let (widths, single, part): (Vec<usize>, _, _) =
        match text.chars().map(septets).collect::<Option<Vec<_>>>() {
            Some(widths) => (widths, 160, 153),
            None => (text.chars().map(char::len_utf16).collect(), 70, 67),
        };
    if widths.iter().sum::<usize>() <= single {
        return 1;
    }
    let (mut count, mut used) = (1, 0);
    for width in widths {
        if used + width > part {
            count += 1;
            used = 0;
        }
        used += width;
    }
    count
}

/// What to say, from most to least: how long a name and a place may be, and whether a map, and
/// what can be done without, go in.
const FORMS: [Form; 6] = [
    Form::new(40, 80, true, true),
    Form::new(40, 80, true, false),
    Form::new(30, 40, true, false),
    Form::new(24, 30, false, false),
    Form::new(16, 12, false, false),
    // The page behind a link tells the place and the minute.
    Form::new(16, 0, false, false),
];

#[derive(Clone, Copy)]
struct Form {
    name: usize,
    place: usize,
    map: bool,
    advice: bool,
}

impl Form {
    const fn new(name: usize, place: usize, map: bool, advice: bool) -> Self {
        Self {
            name,
            place,
            map,
            advice,
        }
    }
}

impl Story<'_> {
    /// The story as an SMS, in the language of the person it is about: where that is possible at
    /// all, within two segments of the GSM alphabet, or three where a character is outside it, as in
    /// all that is Russian; and never more than four. Long names and places are shortened, a map
    /// gives way to a link, and a link that is too long is left out.
    #[must_use]
    pub fn short(&self) -> String {
        let language = Language::from_code(&self.user.language);
        let link = self.link.as_deref();
        let forms = || {
            FORMS
                .into_iter()
                .flat_map(|form| {
                    [
                        Some(form),
                        (form.map && link.is_some()).then_some(without_map(form)),
                    ]
                })
                .flatten()
        };
        let wanted = |text: &str| {
            if text.chars().all(|c| septets(c).is_some()) {
                2
            } else {
                3
            }
        };
        let fullest = |link: Option<&str>, most: &dyn Fn(&str) -> usize| {
            forms()
                .map(|form| self.in_form(form, link, language))
                .find(|text| segments(text) <= most(text))
        };
        fullest(link, &wanted)
            .or_else(|| fullest(link, &|_| MOST))
            .or_else(|| fullest(None, &|_| MOST))
            .unwrap_or_default()
    }

    fn in_form(&self, form: Form, link: Option<&str>, language: Language) -> String {
        let person = shortened(&self.user.username, form.name);
        let pressed = moment(self.alarm.timestamp, language);
        let since = match self.notification.purpose {
            Purpose::Alarm => self.alarm.timestamp,
            _ => self.notification.created_at,
        };
        let age = Some(self.now - since)
            .filter(|age| *age > LATE)
            .map(|age| duration(age, language));
        // Not late: others were told before.
        let later_step = self.notification.step > 0;
        let mut parts: Vec<String> = Vec::new();
        let mark = mark(self.kind(), language);
        parts.extend(mark.map(|(word, _)| match language {
            Language::Ru => format!("{word}, помощь не нужна."),
            Language::En => format!("{word}, nobody needs help."),
        }));
        match (self.notification.purpose, language) {
            (Purpose::Alarm, Language::Ru) => {
                parts.push(format!("ТРЕВОГА! {person} просит о помощи."));
                parts.push(match age {
                    Some(age) if form.place == 0 => format!("Кнопка нажата {age} назад."),
                    Some(age) if later_step => {
                        format!("Кнопка нажата {age} назад ({pressed}), никто не едет.")
                    }
                    None if later_step => format!("Кнопка нажата {pressed}, никто не едет."),
                    Some(age) => format!("Кнопка нажата {age} назад ({pressed}), SMS задержалось."),
                    None => format!("Кнопка нажата {pressed}."),
                });
            }
            (Purpose::Alarm, Language::En) => {
                parts.push(format!("ALARM! {person} is asking for help."));
                parts.push(match age {
                    Some(age) if form.place == 0 => {
                        format!("The button was pressed {age} ago.")
                    }
                    Some(age) if later_step => format!(
                        "The button was pressed {age} ago ({pressed}), nobody is on the way."
                    ),
                    None if later_step => {
                        format!("The button was pressed {pressed}, nobody is on the way.")
                    }
                    Some(age) => {
                        format!("The button was pressed {age} ago ({pressed}), this SMS is late.")
                    }
                    None => format!("The button was pressed {pressed}."),
                });
            }
            (Purpose::AllClear, Language::Ru) => {
                parts.push(format!("Отбой: тревога {person} ({pressed}) завершена."));
                parts.extend(age.map(|age| format!("Это было {age} назад, SMS задержалось.")));
            }
            (Purpose::AllClear, Language::En) => {
                parts.push(format!(
                    "All clear: the alarm of {person} ({pressed}) is over."
                ));
                parts.extend(age.map(|age| format!("That was {age} ago, this SMS is late.")));
            }
            // The person is told by mail.
            (Purpose::ContactFailed | Purpose::OptedOut, _) => {}
        }
        if self.notification.purpose == Purpose::Alarm {
            parts.extend(self.place(form, language));
        }
        if self.notification.purpose == Purpose::Alarm && mark.is_none() {
            parts.push(
                match language {
                    Language::Ru => "Позвоните прямо сейчас!",
                    Language::En => "Call right now!",
                }
                .to_owned(),
            );
            if form.advice {
                // The words beside some numbers would make a Russian message of an English one.
                let number = self
                    .emergency
                    .filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
                parts.push(match (number, language) {
                    (Some(number), Language::Ru) => {
                        format!("Если есть угроза жизни, звоните {number}.")
                    }
                    (None, Language::Ru) => {
                        "Если есть угроза жизни, звоните в экстренную службу.".to_owned()
                    }
                    (Some(number), Language::En) => {
                        format!("If life is in danger, call {number}.")
                    }
                    (None, Language::En) => {
                        "If life is in danger, call the emergency services.".to_owned()
                    }
                });
            }
        } else if form.advice && mark.is_none() {
            parts.push(
                match language {
                    Language::Ru => "Если сомневаетесь, позвоните.",
                    Language::En => "If in doubt, call.",
                }
                .to_owned(),
            );
        }
        parts.extend(link.map(|link| match language {
            Language::Ru => format!("Ответить: {link}"),
            Language::En => format!("Answer: {link}"),
        }));
        parts.join(" ")
    }

    /// Where the person is, and else where they usually are.
    fn place(&self, form: Form, language: Language) -> Vec<String> {
        let mut parts = Vec::new();
        if form.place == 0 {
            return parts;
        }
        let coordinates = self.result.latitude.zip(self.result.longitude);
        let place = shortened(&self.result.location, form.place);
        let usual = match self.kind() {
            Kind::Real => shortened(self.usual_location, form.place),
            Kind::Drill | Kind::Test => String::new(),
        };
        if !place.is_empty() {
            parts.push(match language {
                Language::Ru => format!("Где: {place}."),
                Language::En => format!("Where: {place}."),
            });
        } else if coordinates.is_none() && !usual.is_empty() {
            parts.push(match language {
                Language::Ru => format!("Где сейчас: неизвестно, обычно: {usual}."),
                Language::En => format!("Where now: not known, usually: {usual}."),
            });
        }
        if let Some((north, east)) = coordinates {
            if form.map {
                let map = map_link(north, east);
                parts.push(match language {
                    Language::Ru => format!("Карта: {map}"),
                    Language::En => format!("Map: {map}"),
                });
            } else if place.is_empty() {
                parts.push(match language {
                    Language::Ru => format!("Где: {north:.5}, {east:.5}."),
                    Language::En => format!("Where: {north:.5}, {east:.5}."),
                });
            }
        }
        parts
    }
}

fn without_map(form: Form) -> Form {
    Form { map: false, ..form }
}

/// At most so many characters of `text`, on one line, with a mark where it was cut.
fn shortened(text: &str, most: usize) -> String {
    let text = one_line(text);
    if text.chars().count() <= most {
        return text;
    }
    let kept: String = text.chars().take(most.saturating_sub(3)).collect();
    // Not the character for it, which is outside the GSM alphabet.
    format!("{}...", kept.trim_end())
}

/// A moment, short. haven knows nobody's time zone, so it names the one it uses.
fn moment(at: DateTime<Utc>, language: Language) -> String {
    match language {
        Language::Ru => at.format("%d.%m в %H:%M UTC").to_string(),
        Language::En => at.format("%-d %b %H:%M UTC").to_string(),
    }
}

#[cfg(test)]
mod tests;
