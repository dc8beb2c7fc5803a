//! What an SMS says, and how many segments it takes.
//!
//! A segment is 140 bytes: 160 characters of the GSM alphabet (3GPP TS 23.038), or 70 UTF-16
//! units where any character is outside it, as in Russian. A longer text is cut into several,
//! each of which loses 6 bytes to a header: 153 and 67.

use chrono::{DateTime, Utc};
use entity::notification::Purpose;

use super::letter::{LATE, Story, duration, map_link};
use super::mail::one_line;
use crate::language::Language;

/// The basic characters of the GSM alphabet beside ASCII letters and digits.
const GSM: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà";
/// Those that take the place of two.
const GSM_EXTENSION: &str = "^{}\\[~]|€\u{c}";
/// No SMS is longer: phones and carriers cut or refuse what is.
const MOST: usize = 4;

/// How many segments a text takes. A character is never cut in two.
#[must_use]
pub fn segments(text: &str) -> usize {
    let septets = |c: char| {
        if c.is_ascii_alphanumeric() || GSM.contains(c) {
            Some(1)
        } else if GSM_EXTENSION.contains(c) {
            Some(2)
        } else {
            None
        }
    };
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
const FORMS: [Form; 5] = [
    Form::new(40, 80, true, true),
    Form::new(40, 80, true, false),
    Form::new(30, 40, true, false),
    Form::new(24, 30, false, false),
    Form::new(16, 12, false, false),
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
    /// The story as an SMS, in the language of the person it is about: within three segments in
    /// Russian and two in English where that is possible at all, and never more than four. Long
    /// names and places are shortened, a map gives way to a link, and a link that is too long is
    /// left out.
    #[must_use]
    pub fn short(&self) -> String {
        let language = Language::from_code(&self.user.language);
        let wanted = match language {
            Language::Ru => 3,
            Language::En => 2,
        };
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
        let shortest = |link: Option<&str>, most: usize| {
            forms()
                .map(|form| self.in_form(form, link, language))
                .find(|text| segments(text) <= most)
        };
        shortest(link, wanted)
            .or_else(|| shortest(link, MOST))
            .or_else(|| shortest(None, MOST))
            .unwrap_or_default()
    }

    fn in_form(&self, form: Form, link: Option<&str>, language: Language) -> String {
        let person = shortened(&self.user.username, form.name);
        let pressed = moment(self.alarm.timestamp, language);
        let since = match self.notification.purpose {
            Purpose::Alarm => self.alarm.timestamp,
            Purpose::AllClear => self.notification.created_at,
        };
        let age = Some(self.now - since)
            .filter(|age| *age > LATE)
            .map(|age| duration(age, language));
        let mut parts: Vec<String> = Vec::new();
        match (self.notification.purpose, language) {
            (Purpose::Alarm, Language::Ru) => {
                parts.push(format!("ТРЕВОГА! {person} просит о помощи."));
                parts.push(match age {
                    Some(age) => format!("Кнопка нажата {age} назад ({pressed}), SMS задержалось."),
                    None => format!("Кнопка нажата {pressed}."),
                });
            }
            (Purpose::Alarm, Language::En) => {
                parts.push(format!("ALARM! {person} is asking for help."));
                parts.push(match age {
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
        }
        if self.notification.purpose == Purpose::Alarm {
            parts.extend(self.place(form, language));
            parts.push(
                match language {
                    Language::Ru => "Позвоните прямо сейчас!",
                    Language::En => "Call right now!",
                }
                .to_owned(),
            );
            if form.advice {
                parts.push(
                    match language {
                        Language::Ru => "Если есть угроза жизни, звоните 112.",
                        Language::En => "If life is in danger, call the emergency services.",
                    }
                    .to_owned(),
                );
            }
        } else if form.advice {
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
        let coordinates = self.result.latitude.zip(self.result.longitude);
        let place = shortened(&self.result.location, form.place);
        let usual = shortened(self.usual_location, form.place);
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
mod tests {
    use chrono::{TimeDelta, TimeZone};
    use entity::notification::{Channel, RecipientKind, Status};
    use entity::{alarm, alarm_result, notification, user};

    use super::*;

    #[test]
    fn segments_are_counted_as_networks_do() {
        for (text, count) in [
            (String::new(), 1),
            ("a".repeat(160), 1),
            ("a".repeat(161), 2),
            ("a".repeat(306), 2),
            ("a".repeat(307), 3),
            // Two places each.
            ("€".repeat(80), 1),
            ("€".repeat(81), 2),
            // 153 is odd: the last place of a segment stays empty.
            ("€".repeat(152), 2),
            ("€".repeat(153), 3),
            ("я".repeat(70), 1),
            ("я".repeat(71), 2),
            ("я".repeat(134), 2),
            ("я".repeat(135), 3),
            // One character outside the alphabet changes it for all.
            (format!("{}я", "a".repeat(70)), 2),
            // A pair of UTF-16 units is not cut: 33 a segment.
            ("😀".repeat(35), 1),
            ("😀".repeat(66), 2),
            ("😀".repeat(67), 3),
            ("`".to_owned() + &"a".repeat(70), 2),
        ] {
            assert_eq!(segments(&text), count, "{text}");
        }
    }

    struct World {
        notification: notification::Model,
        alarm: alarm::Model,
        result: alarm_result::Model,
        user: user::Model,
        usual: String,
        link: Option<String>,
        after: TimeDelta,
    }

    impl World {
        fn new(language: &str, name: &str, purpose: Purpose) -> Self {
            let at = Utc.with_ymd_and_hms(2026, 11, 24, 1, 30, 0).unwrap();
            Self {
                notification: notification::Model {
                    id: 1,
                    alarm_id: 1,
                    purpose,
                    recipient_kind: RecipientKind::Contact,
                    contact_id: Some(1),
                    therapist_id: None,
                    recipient_name: "Иван Иванов".into(),
                    relationship: "Брат".into(),
                    channel: Channel::Sms,
                    address: "+79001234567".into(),
                    status: Status::Sending,
                    attempts: 1,
                    next_attempt_at: at,
                    lease_until: None,
                    failure: None,
                    message_id: "id".into(),
                    created_at: at,
                    sent_at: None,
                    step: 0,
                    priority: 0,
                    provider_id: None,
                    receipt: None,
                    delivered_at: None,
                },
                alarm: alarm::Model {
                    id: 1,
                    kind: entity::alarm::Kind::Real,
                    user_id: 1,
                    scenario_id: None,
                    scenario_name: String::new(),
                    play_music: true,
                    notify_contact: true,
                    notify_therapist: true,
                    idempotency_key: None,
                    idempotency_input: None,
                    timestamp: at,
                },
                result: alarm_result::Model {
                    id: 1,
                    alarm_id: 1,
                    location: String::new(),
                    latitude: None,
                    longitude: None,
                    timestamp: at,
                    music_played: false,
                    message_sent_to_contacts: false,
                    voice_message_played: false,
                    therapist_notified: false,
                    completed: false,
                    all_clear: false,
                    answered_at: None,
                    completed_at: None,
                    closed_by_itself: false,
                },
                user: user::Model {
                    id: 1,
                    username: name.into(),
                    username_fold: name.into(),
                    email: "anna@example.com".into(),
                    password_hash: String::new(),
                    is_admin: false,
                    is_active: true,
                    language: language.into(),
                    joined_at: at,
                },
                usual: String::new(),
                link: None,
                after: TimeDelta::zero(),
            }
        }

        fn placed(mut self, location: &str, coordinates: bool) -> Self {
            self.result.location = location.into();
            if coordinates {
                self.result.latitude = Some(-55.751_244);
                self.result.longitude = Some(137.618_423);
            }
            self
        }

        fn text(&self) -> String {
            Story {
                notification: &self.notification,
                alarm: &self.alarm,
                result: &self.result,
                user: &self.user,
                usual_location: &self.usual,
                link: self.link.clone(),
                now: self.alarm.timestamp + self.after,
            }
            .short()
        }
    }

    #[test]
    fn usual_names_take_three_segments_in_russian_and_two_in_english() {
        for (language, most) in [("ru", 3), ("en", 2)] {
            for purpose in [Purpose::Alarm, Purpose::AllClear] {
                for (location, coordinates) in [("", false), ("Park, 3", true), ("", true)] {
                    let mut world =
                        World::new(language, "anna.ivanova", purpose).placed(location, coordinates);
                    for minutes in [0, 75] {
                        world.after = TimeDelta::minutes(minutes);
                        let text = world.text();
                        assert!(segments(&text) <= most, "{text}");
                        assert!(text.contains("anna.ivanova"), "{text}");
                        assert_eq!(
                            minutes == 75,
                            text.contains("1 ч") || text.contains("1 h"),
                            "{text}"
                        );
                        if purpose == Purpose::Alarm && coordinates {
                            assert!(text.contains("mlat=-55.75124&mlon=137.61842"), "{text}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn nothing_takes_more_than_four_segments() {
        let long = "Очень длинное имя ".repeat(20);
        for language in ["ru", "en"] {
            for purpose in [Purpose::Alarm, Purpose::AllClear] {
                for name in [
                    "anna",
                    &long,
                    "😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀",
                ] {
                    for link in [None, Some(90), Some(2_000)] {
                        for coordinates in [true, false] {
                            let mut world =
                                World::new(language, name, purpose).placed(&long, coordinates);
                            world.link = link.map(|length| {
                                format!("https://haven.example/{}", "x".repeat(length))
                            });
                            world.usual = long.clone();
                            world.after = TimeDelta::minutes(75);
                            let text = world.text();
                            assert!(
                                (1..=4).contains(&segments(&text)) && !text.is_empty(),
                                "{text}"
                            );
                            assert_eq!(text.contains("https://haven"), link == Some(90), "{text}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn it_says_who_when_and_where_and_nothing_of_health() {
        let mut world = World::new("ru", "anna", Purpose::Alarm).placed("Парк", true);
        assert_eq!(
            world.text(),
            "ТРЕВОГА! anna просит о помощи. Кнопка нажата 24.11 в 01:30 UTC. Где: Парк. Карта: \
             https://osm.org/?mlat=-55.75124&mlon=137.61842 Позвоните прямо сейчас!"
        );
        world = World::new("ru", "anna", Purpose::Alarm);
        world.usual = "Тверь".into();
        assert!(
            world
                .text()
                .contains("Где сейчас: неизвестно, обычно: Тверь.")
        );
        let english = World::new("en", "anna", Purpose::AllClear).text();
        assert_eq!(
            english,
            "All clear: the alarm of anna (24 Nov 01:30 UTC) is over. If in doubt, call."
        );
    }
}
