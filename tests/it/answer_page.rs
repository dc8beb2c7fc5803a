//! What those who were told learn from the page behind their link, and what it keeps from them.

use haven::domain::alarms;
use serde_json::{Value, json};

use crate::on_both;
use crate::support::client::Answer;
use crate::support::scene::{Scene, states};
use crate::support::sms::{Gateway, PUBLIC, SmsServer};
use crate::support::smtp::Behaviour;

/// Where a page says that a contact may opt out, as a browser at `path` would go.
fn opt_out(page: &Answer, path: &str) -> Option<String> {
    let (_, rest) = page.body.split_once("<a href=\"../o/")?;
    let (link, _) = rest.split_once('"')?;
    let at = url::Url::parse(&format!("http://haven.example{path}")).unwrap();
    let to = at.join(&format!("../o/{link}")).unwrap();
    Some(to[url::Position::BeforePath..].to_owned())
}

on_both! {
    async fn nobody_is_told_that_it_is_over_where_nobody_ended_it(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let id = scene.press(json!({"location": "Парк"})).await["alarm"]["id"].clone();
        let link = scene.link("ivan@example.com", "/a/").await;
        scene.wait(24 * 3600 + 60);
        alarms::keep_house(&scene.haven.app).await.unwrap();
        for (language, says) in [("ru", ["больше не открыта", "1 дн. 0 ч назад", "чем всё закончилось, позвоните"]),
            ("en", ["no longer open", "1 d 0 h ago", "how it ended, call"])] {
            let page = scene.open(&format!("{link}?lang={language}")).await.body;
            for part in says {
                assert!(page.contains(part), "{part} is not in\n{page}");
            }
            for part in ["Тревога завершена", "Срочно делать ничего не нужно", "The alarm is over",
                "Nothing urgent", "больше суток", "more than a day", "Парк", "<form"] {
                assert!(!page.contains(part), "{part} is in\n{page}");
            }
        }
        scene.submit(&link, "reaction=called").await.assert_status(409);
        // Once the person says so, it is over.
        scene.complete(&id, true).await;
        assert!(scene.open(&link).await.body.contains("Тревога завершена"));
    }

    async fn an_alarm_closed_early_is_not_said_to_be_a_day_old(database) {
        let scene = Scene::with(database, Behaviour::Accept, |config| config.alarm_hours = 1).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        scene.press(Value::Null).await;
        let link = scene.link("ivan@example.com", "/a/").await;
        scene.wait(3600);
        alarms::keep_house(&scene.haven.app).await.unwrap();
        let page = scene.open(&link).await.body;
        assert!(page.contains("больше не открыта") && page.contains("1 ч 0 мин назад"), "{page}");
        assert!(!page.contains("суток") && !page.contains("Тревога завершена"), "{page}");
    }

    async fn a_rehearsal_shows_no_place_from_the_profile(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let contact = scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        scene.haven.data(&scene.anna, "mutation { updateProfile(userId: \"me\", input: {location: \"Тверь\"}) { id } }", json!({})).await;
        for query in ["mutation($id: ID!) { testEmergencyContact(id: $id) { id } }",
            "mutation { drillAlarm(userId: \"me\") { id } }"] {
            let before = scene.mail.mails().len();
            scene.haven.data(&scene.anna, query, json!({"id": contact})).await;
            scene.mail.wait_for(before + 1).await;
            let page = scene.open(&scene.link("ivan@example.com", "/a/").await).await.body;
            assert!(page.contains("сейчас неизвестно") && !page.contains("Тверь"), "{page}");
        }
        let before = scene.mail.mails().len();
        scene.press(Value::Null).await;
        scene.mail.wait_for(before + 1).await;
        assert!(scene.open(&scene.link("ivan@example.com", "/a/").await).await.body.contains("Тверь"));
    }

    async fn no_page_says_who_is_a_therapist(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        scene.therapist("Петр Петров", "petr@example.com").await;
        scene.press(Value::Null).await;
        let ivan = scene.link("ivan@example.com", "/a/").await;
        scene.react(&scene.link("petr@example.com", "/a/").await, "called").await;
        for language in ["ru", "en"] {
            let page = scene.open(&format!("{ivan}?lang={language}")).await.body;
            assert!(page.contains("<li>Петр Петров: <strong>"), "{page}");
            assert!(!page.contains("терапевт") && !page.contains("therapist"), "{page}");
        }
    }

    async fn who_is_told_by_sms_alone_opts_out_from_the_page(database) {
        let sms = SmsServer::start(Gateway::Accept).await;
        let scene = Scene::with(database, Behaviour::Accept, |config| sms.configure(config)).await;
        scene.contact("Иван", "Брат", None).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        sms.wait_for(1).await;
        let text = sms.posted()[0].fields["Body"].clone();
        let link = text.split_whitespace().find_map(|word| word.strip_prefix(PUBLIC)).unwrap();
        for (language, words) in [("ru", ["Я больше не хочу таких сообщений", "Больше мне не сообщать"]),
            ("en", ["I do not want such messages any more", "Do not tell me any more"])] {
            let page = scene.open(&format!("{link}?lang={language}")).await;
            assert!(page.body.contains(words[0]), "{}", page.body);
            let page = scene.open(&opt_out(&page, link).unwrap()).await;
            page.assert_status(200);
            assert!(page.body.contains(words[1]), "{}", page.body);
        }
        // So far nothing is changed.
        scene.until(&id, "the SMS", |alarm| states(alarm) == ["SKIPPED", "SENT"]).await;
        scene.wait(60);
        let alarm = scene.press(Value::Null).await["alarm"].clone();
        assert_ne!(alarm["id"], id);
        assert_eq!(states(&alarm), ["SKIPPED", "SENT"]);
        let page = scene.open(link).await;
        scene.submit(&opt_out(&page, link).unwrap(), "told=no").await.assert_status(303);
        scene.wait(60);
        let alarm = scene.press(Value::Null).await["alarm"].clone();
        assert_eq!(states(&alarm), ["SKIPPED", "SKIPPED"]);
        assert_eq!(alarm["notifications"][1]["failure"], "opted_out");
    }

    async fn only_a_contact_opts_out_from_the_page_and_at_any_time(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        scene.therapist("Петр Петров", "petr@example.com").await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        let ivan = scene.link("ivan@example.com", "/a/").await;
        let petr = scene.link("petr@example.com", "/a/").await;
        assert_eq!(opt_out(&scene.open(&petr).await, &petr), None);
        // The way that the mail has as well.
        let mailed = format!("{}?lang=ru", scene.link("ivan@example.com", "/o/").await);
        assert_eq!(opt_out(&scene.open(&ivan).await, &ivan), Some(mailed.clone()));
        scene.complete(&id, false).await;
        assert_eq!(opt_out(&scene.open(&ivan).await, &ivan), Some(mailed));
        assert_eq!(opt_out(&scene.open(&petr).await, &petr), None);
    }

    async fn a_link_that_was_spoilt_on_its_way_leads_to_help(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        scene.press(Value::Null).await;
        for begin in ["/a/", "/o/"] {
            let link = scene.link("ivan@example.com", begin).await;
            let name = link.strip_prefix(begin).unwrap();
            for spoilt in [format!("{link}/"), format!("{begin}/{name}"), format!("{link}/x"), begin.to_owned(),
                begin.trim_end_matches('/').to_owned(), format!("{link}%2F"), format!("{begin}%FF")] {
                for method in ["GET", "POST"] {
                    let page = scene.haven.call(method, &spoilt).send().await;
                    page.assert_status(404);
                    assert!(page.body.contains("tel:112") && page.body.contains("911"), "{method} {spoilt}: {}", page.body);
                    assert_eq!(page.header("cache-control"), Some("no-store"));
                    assert!(page.header("content-security-policy").is_some());
                }
            }
            scene.open(&link).await.assert_status(200);
        }
    }
}
