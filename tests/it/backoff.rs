//! The pauses between the tries of a notification.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::on_both;
use crate::support::scene::{Scene, states};
use crate::support::smtp::Behaviour;

/// The pauses after the first tries, in seconds, and the one that is repeated.
const PAUSES: [i64; 7] = [1, 5, 15, 60, 300, 300, 300];

/// When each notification is tried next.
fn next(alarm: &Value) -> Vec<DateTime<Utc>> {
    let rows = alarm["notifications"].as_array().unwrap();
    rows.iter()
        .map(|row| row["nextAttemptAt"].as_str().unwrap().parse().unwrap())
        .collect()
}

/// Waits until each notification was tried so often and waits again.
async fn tried(scene: &Scene, id: &Value, often: usize) -> Value {
    scene
        .until(id, "the end of a try", |alarm| {
            let mut rows = alarm["notifications"].as_array().unwrap().iter();
            rows.all(|row| row["status"] == "PENDING" && row["attempts"] == json!(often))
        })
        .await
}

on_both! {
    async fn the_pauses_grow_to_five_minutes_differ_by_a_fifth_and_end_after_a_day(database) {
        let scene = Scene::new(database, Behaviour::DeferRecipients).await;
        for (name, email) in [("Иван", "ivan@example.com"), ("Мария", "maria@example.com"), ("Пётр", "petr@example.com")] {
            scene.contact(name, "Друг", Some(email)).await;
        }
        let clock = &scene.haven.app.clock;
        clock.hold();
        let pressed = clock.now();
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        let mut differ = false;
        for (before, seconds) in PAUSES.into_iter().enumerate() {
            let alarm = tried(&scene, &id, before + 1).await;
            let due = next(&alarm);
            let now = clock.now();
            let (least, most) = (TimeDelta::milliseconds(seconds * 800), TimeDelta::milliseconds(seconds * 1200));
            for due in &due {
                assert!((least..=most).contains(&(*due - now)), "{seconds} s: {}", *due - now);
            }
            // What failed together does not come back together.
            differ |= due.iter().any(|other| *other != due[0]);
            scene.wait((most + TimeDelta::seconds(1)).num_seconds());
        }
        assert!(differ);
        tried(&scene, &id, PAUSES.len() + 1).await;
        // The longest pause ends within the day.
        let late = pressed + TimeDelta::hours(24) - TimeDelta::seconds(361);
        scene.wait((late - clock.now()).num_seconds());
        let alarm = tried(&scene, &id, PAUSES.len() + 2).await;
        assert!(next(&alarm).into_iter().all(|due| due <= pressed + TimeDelta::hours(24)));
        // The shortest doesn't.
        let last = pressed + TimeDelta::hours(24) - TimeDelta::seconds(1);
        scene.wait((last - clock.now()).num_seconds());
        let alarm = scene.until(&id, "giving up", |alarm| states(alarm) == ["FAILED"; 3]).await;
        for row in alarm["notifications"].as_array().unwrap() {
            assert_eq!((&row["failure"], &row["attempts"]), (&json!("expired"), &json!(PAUSES.len() + 3)));
        }
    }
}
