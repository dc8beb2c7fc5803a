//! How long texts are, and what they say.

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
    emergency: Option<&'static str>,
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
                past_provider_ids: None,
                perhaps_sent: false,
                tried_since: None,
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
                accuracy: None,
                located_at: None,
                timestamp: at,
                music_played: false,
                message_sent_to_contacts: false,
                voice_message_played: false,
                therapist_notified: false,
                completed: false,
                all_clear: false,
                all_clear_held: false,
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
            emergency: Some("112"),
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
            opt_out: None,
            emergency: self.emergency,
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
                for (minutes, step) in [(0, 0), (75, 0), (0, 1), (75, 1)] {
                    world.after = TimeDelta::minutes(minutes);
                    world.notification.step = step;
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
                        world.link = link
                            .map(|length| format!("https://haven.example/{}", "x".repeat(length)));
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
         https://osm.org/?mlat=-55.75124&mlon=137.61842 Позвоните прямо сейчас! Если есть угроза жизни, \
         звоните 112."
    );
    world = World::new("en", "anna", Purpose::Alarm);
    for (number, advice) in [
        (Some("911"), "call 911."),
        (
            Some("101 (скорая / ambulance)"),
            "call the emergency services.",
        ),
        (None, "call the emergency services."),
    ] {
        world.emergency = number;
        assert!(world.text().contains(advice), "{}", world.text());
    }
    // A later step is no late message.
    world.notification.step = 1;
    assert!(
        world
            .text()
            .contains("pressed 24 Nov 01:30 UTC, nobody is on the way.")
    );
    world.after = TimeDelta::minutes(15);
    assert!(
        world.text().contains(
            "The button was pressed 15 min ago (24 Nov 01:30 UTC), nobody is on the way."
        )
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

/// One character outside the GSM alphabet makes every segment shorter; what matters stays.
#[test]
fn a_place_in_another_alphabet_is_told_in_english_too() {
    for place in ["Невский пр. 1", "Café — “Ritz”"] {
        let mut world = World::new("en", "anna", Purpose::Alarm).placed(place, true);
        world.link = Some(format!("https://haven.example/a/{}", "x".repeat(30)));
        let text = world.text();
        assert!(segments(&text) <= 3, "{text}");
        assert!(text.contains(place) && text.contains("/a/x"), "{text}");
    }
}
