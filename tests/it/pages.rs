//! The pages behind the links in mails: what they show, what a press does, and that opening one
//! does nothing.

use haven::app::App;
use haven::clock::Clock;
use haven::links::Purpose;
use serde_json::{Value, json};

use crate::on_both;
use crate::support::pages::path;
use crate::support::scene::Scene;
use crate::support::smtp::Behaviour;

const REPORT: &str = "mutation($id: ID!, $input: ReportAlarmInput!) {
    reportAlarm(alarmId: $id, input: $input) { id } }";

on_both! {
    async fn opening_a_link_changes_nothing_and_shows_what_matters(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let alarm = scene.press(json!({"location": "Парк", "latitude": 55.75, "longitude": 37.61})).await["alarm"].clone();
        let link = scene.link("ivan@example.com", "/a/").await;
        // As scanners of mails do.
        for method in ["HEAD", "GET", "HEAD", "GET"] {
            scene.haven.call(method, &link).send().await.assert_status(200);
            let opt_out = scene.link("ivan@example.com", "/o/").await;
            scene.haven.call(method, &opt_out).send().await.assert_status(200);
        }
        assert_eq!(scene.reactions(&alarm["id"]).await, json!({"result": {"answeredAt": null}, "reactions": []}));
        assert_eq!(scene.alarm(&alarm["id"]).await, alarm);
        let page = scene.open(&link).await;
        for part in ["<html lang=\"ru\">", "anna просит о помощи", "UTC", "только что", "Парк", "55.75000, 37.61000",
            "href=\"https://www.openstreetmap.org/?mlat=55.75000&#38;mlon=37.61000#map=16/55.75000/37.61000\"",
            "Пока никто", "content=\"30\"", "value=\"on_my_way\"", "value=\"called\"", "value=\"cannot\"", "tel:112"] {
            assert!(page.body.contains(part), "{part} is not in\n{}", page.body);
        }
        for part in ["<script", "javascript:", "onclick", "ПТСР", "PTSD", "ivan@example.com"] {
            assert!(!page.body.contains(part), "{part}");
        }
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(page.header("x-robots-tag"), Some("noindex, nofollow"));
        let policy = page.header("content-security-policy").unwrap();
        for rule in ["default-src 'none'", "form-action 'self'", "frame-ancestors 'none'"] {
            assert!(policy.contains(rule), "{policy}");
        }
        println!("{}", page.body);
    }

    async fn a_press_is_recorded_thanked_for_and_seen_by_all(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        scene.therapist("Петр Петров", "petr@example.com").await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        let ivan = scene.link("ivan@example.com", "/a/").await;
        let petr = scene.link("petr@example.com", "/a/").await;
        let pressed = scene.submit(&ivan, "reaction=on_my_way").await;
        pressed.assert_status(303);
        assert_eq!(pressed.header("location"), Some("?lang=ru&done=1"));
        let page = scene.open(&format!("{ivan}?lang=ru&done=1")).await.body;
        assert!(page.contains("Спасибо") && page.contains("Вы ответили: <strong>в пути</strong>"), "{page}");
        let other = scene.open(&format!("{petr}?done=1")).await.body;
        assert!(other.contains("Иван (Брат): <strong>в пути</strong>") && !other.contains("Спасибо"), "{other}");
        // A second press of the same button is none.
        let first = scene.reactions(&id).await;
        scene.wait(60);
        scene.react(&ivan, "on_my_way").await;
        assert_eq!(scene.reactions(&id).await, first);
        // A change of mind is one; the last press counts.
        scene.react(&ivan, "called").await;
        scene.react(&petr, "cannot").await;
        let now = scene.reactions(&id).await;
        assert_eq!(now["reactions"][0]["id"], first["reactions"][0]["id"]);
        assert_eq!(now["reactions"][0]["reaction"], "CALLED");
        assert_ne!(now["reactions"][0]["reactedAt"], first["reactions"][0]["reactedAt"]);
        assert_eq!(now["reactions"].as_array().unwrap().len(), 2);
        assert_eq!(now["result"]["answeredAt"], first["result"]["answeredAt"]);
        let page = scene.open(&ivan).await.body;
        assert!(page.contains("<li>Петр Петров: <strong>не может помочь</strong>"), "{page}");
        assert_eq!(scene.mail.mails().len(), 2);
    }

    async fn only_links_that_haven_made_open_anything(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        scene.contact("Мария", "Мама", Some("maria@example.com")).await;
        let id = scene.press(json!({"location": "Парк"})).await["alarm"]["id"].clone();
        let link = scene.link("ivan@example.com", "/a/").await;
        let opt_out = scene.link("ivan@example.com", "/o/").await;
        let other = scene.link("maria@example.com", "/a/").await;
        let (number, signature) = link["/a/".len()..].split_once('.').unwrap();
        let (_, foreign) = other.split_once('.').unwrap();
        // 128 bits.
        assert_eq!(signature.len(), 22);
        let mut forged = vec![
            format!("/a/{number}.{foreign}"),
            format!("/a/{number}"),
            format!("/a/{number}."),
            format!("/a/{number}.{}", &signature[..4]),
            format!("/a/{number}.{signature}A"),
            format!("/a/{number}.{signature}="),
            format!("/a/0{number}.{signature}"),
            format!("/a/+{number}.{signature}"),
            format!("/a/{number}.{signature}%00"),
            format!("/a/4711.{signature}"),
            format!("/a/{}.{signature}", "9".repeat(400)),
            format!("/a/{}", opt_out.trim_start_matches("/o/")),
            format!("/o/{number}.{signature}"),
            "/a/%FF.%FF".to_owned(),
            "/a/..".to_owned(),
        ];
        for place in 0..signature.len() {
            let mut altered = signature.to_owned();
            let swapped = if altered.as_bytes()[place] == b'A' { "Q" } else { "A" };
            altered.replace_range(place..=place, swapped);
            forged.push(format!("/a/{number}.{altered}"));
        }
        for link in forged {
            for method in ["GET", "POST"] {
                let answer = scene.haven.call(method, &link)
                    .body("application/x-www-form-urlencoded", "reaction=called&told=no").send().await;
                assert!(matches!(answer.status, 404 | 405), "{method} {link}: {}", answer.status);
                assert!(!answer.body.contains("anna") && !answer.body.contains("Парк"), "{link}");
            }
        }
        assert_eq!(scene.reactions(&id).await["reactions"], json!([]));
        scene.open(&link).await.assert_status(200);
    }

    async fn names_are_text_and_nothing_else(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("<script>alert(1)</script>\u{202e}", "\"><img src=x>", Some("ivan@example.com")).await;
        scene.press(json!({"location": "</dd><b onclick=x>\n& 'Парк'"})).await;
        let link = scene.link("ivan@example.com", "/a/").await;
        let opt_out = scene.link("ivan@example.com", "/o/").await;
        scene.react(&link, "called").await;
        for page in [scene.open(&link).await.body, scene.open(&opt_out).await.body] {
            for part in ["<script", "<img", "<b ", "\u{202e}"] {
                assert!(!page.contains(part), "{part} is in\n{page}");
            }
            assert!(page.contains("&#60;script&#62;alert(1)"), "{page}");
        }
    }

    async fn the_page_speaks_the_persons_language_and_the_one_asked_for(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.sql("UPDATE users SET language = 'en'").await;
        scene.contact("Ivan", "brother", Some("ivan@example.com")).await;
        scene.press(json!({"location": "Park"})).await;
        let link = scene.link("ivan@example.com", "/a/").await;
        let page = scene.open(&link).await.body;
        assert!(page.contains("<html lang=\"en\">") && page.contains("anna is asking for help"), "{page}");
        assert!(page.contains("href=\"?lang=ru\"") && page.contains("I can't"), "{page}");
        let page = scene.open(&format!("{link}?lang=ru")).await.body;
        assert!(page.contains("<html lang=\"ru\">") && page.contains("Я не могу"), "{page}");
        let page = scene.open(&format!("{link}?lang=xx&lang&done=%FF")).await.body;
        assert!(page.contains("<html lang=\"en\">"), "{page}");
        let pressed = scene.submit(&format!("{link}?lang=ru"), "reaction=cannot").await;
        assert_eq!(pressed.header("location"), Some("?lang=ru&done=1"));
        let opt_out = scene.link("ivan@example.com", "/o/").await;
        assert!(scene.open(&opt_out).await.body.contains("Do not tell me any more"));
        assert!(scene.open(&format!("{opt_out}?lang=ru")).await.body.contains("Больше мне не сообщать"));
    }

    async fn mails_and_pages_name_the_emergency_number_of_where_the_person_is(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("John", "Brother", Some("john@example.com")).await;
        for (language, place, named, tel) in [
            ("en", "", "112 in Europe, 911 in North America", None),
            ("en", "Chicago, USA", "911", Some("tel:911")),
            ("ru", "Чикаго, США", "911", Some("tel:911")),
            ("ru", "Хайфа, Израиль", "101 (скорая", None),
            ("ru", "", "112", Some("tel:112")),
        ] {
            scene.sql(&format!("UPDATE users SET language = '{language}'")).await;
            scene.haven.data(&scene.anna, "mutation($place: String) { updateProfile(userId: \"me\", input: {location: $place}) { id } }", json!({"place": place})).await;
            scene.wait(60);
            let before = scene.mail.mails().len();
            scene.press(Value::Null).await;
            let mails = scene.mail.wait_for(before + 1).await;
            let mail = mails.last().unwrap();
            let (text, html) = (mail.text.clone().unwrap(), mail.html.clone().unwrap());
            let page = scene.open(&path(mail, "/a/")).await.body;
            assert!(text.contains(named), "{text}");
            for html in [html, page] {
                assert!(html.contains(named), "{html}");
                assert_eq!(html.split_once("tel:").map(|(_, tel)| format!("tel:{}", &tel[..3])).as_deref(), tel, "{html}");
            }
        }
    }

    async fn an_alarm_that_is_over_or_a_day_old_shows_no_place_and_takes_no_answer(database) {
        for old in [false, true] {
            let scene = Scene::new(database, Behaviour::Accept).await;
            scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
            let id = scene.press(json!({"location": "Парк", "latitude": 1.5, "longitude": 2.5})).await["alarm"]["id"].clone();
            let link = scene.link("ivan@example.com", "/a/").await;
            if old {
                scene.wait(24 * 3600);
            } else {
                scene.complete(&id, false).await;
            }
            let pressed = scene.submit(&link, "reaction=called").await;
            pressed.assert_status(409);
            let page = scene.open(&link).await;
            page.assert_status(200);
            assert_eq!(page.body, pressed.body);
            let says = if old { "больше не открыта" } else { "Тревога завершена" };
            assert!(page.body.contains(says), "{}", page.body);
            for part in ["Парк", "1.50000", "openstreetmap", "<form", "<button", "http-equiv", "Иван"] {
                assert!(!page.body.contains(part), "{part} is in\n{}", page.body);
            }
            assert_eq!(scene.reactions(&id).await["reactions"], json!([]));
        }
    }

    async fn a_place_reported_later_reaches_those_told_without_another_mail(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        scene.haven.data(&scene.anna, "mutation { updateProfile(userId: \"me\", input: {location: \"Тверь\"}) { id } }", json!({})).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        let link = scene.link("ivan@example.com", "/a/").await;
        let page = scene.open(&link).await.body;
        assert!(page.contains("сейчас неизвестно") && page.contains("(из профиля, не сейчас): Тверь"), "{page}");
        for (place, shown) in [
            (json!({"latitude": 55.7, "longitude": 37.6}), "55.70000, 37.60000"),
            (json!({"latitude": 55.75, "longitude": 37.61, "location": "Парк Горького"}), "Парк Горького"),
            (json!({"latitude": 55.751, "longitude": 37.612}), "55.75100, 37.61200"),
        ] {
            scene.haven.data(&scene.anna, REPORT, json!({"id": id, "input": place})).await;
            let page = scene.open(&link).await.body;
            assert!(page.contains(shown) && !page.contains("неизвестно") && !page.contains("Тверь"), "{page}");
        }
        assert_eq!(scene.mail.mails().len(), 1);
        assert_eq!(scene.alarm(&id).await["notifications"].as_array().unwrap().len(), 1);
    }

    async fn what_no_button_sends_is_refused(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let id = scene.press(Value::Null).await["alarm"]["id"].clone();
        let link = scene.link("ivan@example.com", "/a/").await;
        let opt_out = scene.link("ivan@example.com", "/o/").await;
        for (form, status) in [
            ("", 400), ("reaction=", 400), ("reaction=maybe", 400), ("{\"reaction\": \"called\"}", 400),
            ("told=", 400), ("told=maybe", 400), (&*format!("reaction=called&x={}", "x".repeat(2000)), 413),
        ] {
            for link in [&link, &opt_out] {
                scene.submit(link, form).await.assert_status(status);
            }
        }
        for method in ["PUT", "DELETE", "PATCH"] {
            scene.haven.call(method, &link).send().await.assert_status(405);
        }
        assert_eq!(scene.reactions(&id).await["reactions"], json!([]));
    }

    async fn whom_the_person_deleted_sees_nothing_any_more(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let contact = scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let id = scene.press(json!({"location": "Парк"})).await["alarm"]["id"].clone();
        let link = scene.link("ivan@example.com", "/a/").await;
        let opt_out = scene.link("ivan@example.com", "/o/").await;
        scene.react(&link, "called").await;
        scene.haven.data(&scene.anna, "mutation($id: ID!) { deleteEmergencyContact(id: $id) }", json!({"id": contact})).await;
        for link in [&link, &opt_out] {
            scene.open(link).await.assert_status(404);
            scene.submit(link, "reaction=cannot&told=no").await.assert_status(404);
        }
        // What it said stays.
        let reaction = scene.reactions(&id).await["reactions"][0].clone();
        assert_eq!((&reaction["recipient"], &reaction["reaction"]), (&Value::Null, &json!("CALLED")));
        assert_eq!((&reaction["recipientName"], &reaction["relationship"]), (&json!("Иван"), &json!("Брат")));
    }

    async fn who_reads_an_address_that_is_no_longer_the_contacts_sees_nothing_any_more(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let contact = scene.contact("Иван", "Брат", Some("stranger@example.com")).await;
        scene.therapist("Петр", "nobody@example.com").await;
        let id = scene.press(json!({"location": "Парк"})).await["alarm"]["id"].clone();
        let links = [
            scene.link("stranger@example.com", "/a/").await,
            scene.link("nobody@example.com", "/a/").await,
        ];
        for (query, variables) in [
            (
                "mutation($id: ID!) { updateEmergencyContact(id: $id, input: {email: \"Stranger@Example.com\"}) { id } }",
                json!({"id": contact}),
            ),
            ("mutation { updateTherapist(userId: \"me\", input: {email: \"NOBODY@example.com\"}) { id } }", json!({})),
        ] {
            scene.haven.data(&scene.anna, query, variables).await;
        }
        for link in &links {
            assert!(scene.open(link).await.body.contains("Парк"));
        }
        for (query, variables) in [
            (
                "mutation($id: ID!) { updateEmergencyContact(id: $id, input: {email: \"ivan@example.com\"}) { id } }",
                json!({"id": contact}),
            ),
            ("mutation { updateTherapist(userId: \"me\", input: {email: \"petr@example.com\"}) { id } }", json!({})),
        ] {
            scene.haven.data(&scene.anna, query, variables).await;
        }
        for link in &links {
            scene.open(link).await.assert_status(404);
            scene.submit(link, "reaction=called").await.assert_status(404);
        }
        assert_eq!(scene.reactions(&id).await["reactions"], json!([]));
    }

    async fn a_rehearsal_says_so_plainly(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        scene.press(Value::Null).await;
        let link = scene.link("ivan@example.com", "/a/").await;
        for (kind, russian, english) in [
            ("drill", "Это только учебная тревога. Помощь сейчас никому не нужна.", "This is only a drill. Nobody needs help now."),
            ("test", "Это только проверка. Помощь сейчас никому не нужна.", "This is only a test. Nobody needs help now."),
        ] {
            scene.sql(&format!("UPDATE alarms SET kind = '{kind}'")).await;
            let page = scene.open(&link).await.body;
            assert!(page.contains(russian) && !page.contains("просит о помощи"), "{page}");
            let page = scene.open(&format!("{link}?lang=en")).await.body;
            assert!(page.contains(english) && !page.contains("is asking for help"), "{page}");
        }
    }

    async fn links_hold_the_address_that_is_set_and_never_one_that_a_request_names(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        scene.contact("Иван", "Брат", Some("ivan@example.com")).await;
        let query = "mutation { triggerAlarm(userId: \"me\") { alarm { id } } }";
        let answer = scene.haven.by(&scene.anna, "POST", "/graphql").header("host", "evil.example")
            .header("x-forwarded-host", "evil.example").json(&json!({"query": query})).send().await;
        answer.assert_status(200);
        let mail = scene.mail.next_mail().await;
        let (text, html) = (mail.text.clone().unwrap(), mail.html.clone().unwrap());
        assert!(!text.contains("evil") && !html.contains("evil"), "{text}");
        assert!(text.contains("http://127.0.0.1:0/a/") && html.contains("http://127.0.0.1:0/a/"), "{text}\n{html}");
        path(&mail, "/o/");
        // Other settings on the same database, as another node has them; the key is one.
        let mut config = scene.haven.app.config.clone();
        config.public_url = Some("https://haven.example/app/".parse().unwrap());
        let public = App::new(config.clone(), Clock::default()).await.unwrap();
        let link = public.links.link(&public.db, Purpose::Answer, 7).await.unwrap().unwrap();
        let own = scene.haven.app.links.link(&public.db, Purpose::Answer, 7).await.unwrap().unwrap();
        assert_eq!(link.strip_prefix("https://haven.example/app/a/"), own.strip_prefix("http://127.0.0.1:0/a/"));
        assert!(link.starts_with("https://haven.example/app/a/7."), "{link}");
        config.public_url = None;
        config.listen = "0.0.0.0:8000".parse().unwrap();
        let closed = App::new(config, Clock::default()).await.unwrap();
        assert_eq!(closed.links.link(&closed.db, Purpose::Answer, 7).await.unwrap(), None);
    }

    async fn nodes_that_need_the_key_at_once_get_the_same(database) {
        let scene = Scene::new(database, Behaviour::Accept).await;
        let mut nodes = Vec::new();
        for _ in 0..6 {
            nodes.push(App::new(scene.haven.app.config.clone(), Clock::default()).await.unwrap());
        }
        let links = nodes.iter().map(|node| node.links.link(&node.db, Purpose::OptOut, 1));
        let links: Vec<_> = futures_util::future::join_all(links).await.into_iter().map(Result::unwrap).collect();
        assert!(links.iter().all(|link| link.is_some() && *link == links[0]), "{links:?}");
        assert_eq!(links[0], scene.haven.app.links.link(&scene.haven.app.db, Purpose::OptOut, 1).await.unwrap());
    }
}
