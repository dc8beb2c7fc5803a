//! The model is asked, beside the answer, whether a question speaks of danger: what its word
//! changes, what it can't change, and what leaves in that request.

use std::sync::Arc;

use haven::assistant::{crisis, guide, safety};
use haven::language::Language;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::assistant_stub::{Act, Stub};
use crate::on_both;
use crate::support::haven::{Haven, Person};
use crate::support::socket::Subscription;

/// Danger that neither the rules nor the classifier hear.
const VEILED: &str = "Всё серое";

const ASK: &str = "subscription($text: String!) {
    assistantReply(userId: \"me\", text: $text) { text restart crisis done source } }";

/// The whole answer, its last chunk, and how many came.
async fn ask(haven: &Haven, person: &Person, text: &str) -> (String, Value, usize) {
    let mut subscription = Subscription::start(haven, person, ASK, json!({"text": text})).await;
    let (mut shown, mut count) = (String::new(), 0);
    loop {
        let chunk = subscription.next().await["assistantReply"].clone();
        count += 1;
        if chunk["restart"] == true {
            shown.clear();
        }
        shown.push_str(chunk["text"].as_str().unwrap());
        if chunk["done"] == true {
            return (shown, chunk, count);
        }
    }
}

fn lines() -> String {
    crisis::lines(None, Language::Ru)
}

fn good() -> Vec<Act> {
    vec![Act::Say("Я здесь. "), Act::Say("Дышите."), Act::Done]
}

on_both! {
    async fn a_yes_puts_the_lines_first_and_is_remembered(database) {
        assert!(!safety::speaks_of_danger(VEILED));
        for yes in ["YES", " yes.", "Да"] {
            let stub = Stub::screening(vec![Act::Say(yes), Act::Done], [good()]).await;
            let haven = Haven::with(database, stub.settings()).await;
            let anna = haven.person("anna").await;
            let (answer, last, _) = ask(&haven, &anna, VEILED).await;
            assert_eq!(answer, format!("{}\n\nЯ здесь. Дышите.", lines()));
            assert_eq!((&last["crisis"], &last["source"]), (&json!(true), &json!("MODEL")));
            // A denial afterwards closes nothing, whatever the model thinks of it.
            let (answer, ..) = ask(&haven, &anna, "да ладно, шучу").await;
            assert!(answer.starts_with(&lines()), "{answer}");
        }
    }

    async fn no_nonsense_and_failures_change_nothing(database) {
        for screened in [
            vec![Act::Say("NO"), Act::Done],
            vec![Act::Say("Perhaps. Yes?"), Act::Done],
            vec![Act::Raw("data: %PDF ]] \n\n")],
            vec![Act::Break],
            vec![Act::Status(500)],
            vec![Act::Done],
            vec![Act::Hang],
        ] {
            let stub = Stub::screening(screened, [good()]).await;
            let haven = Haven::with(database, stub.settings()).await;
            let anna = haven.person("anna").await;
            let (answer, last, _) = ask(&haven, &anna, VEILED).await;
            assert_eq!(answer, "Я здесь. Дышите.");
            assert_eq!(last["crisis"], false);
            // What is heard here is no question for the model.
            let (answer, ..) = ask(&haven, &anna, "Я не хочу жить").await;
            assert_eq!(answer, format!("{}\n\nЯ здесь. Дышите.", lines()));
            assert_eq!((stub.screenings().len(), stub.requests().len()), (1, 2));
        }
    }

    async fn nothing_is_shown_before_the_word_is_there(database) {
        let gate = Arc::new(Semaphore::new(0));
        let screened = vec![Act::Wait(gate.clone()), Act::Say("YES"), Act::Done];
        let stub = Stub::screening(screened, [good()]).await;
        let haven = Haven::with(database, stub.settings()).await;
        let anna = haven.person("anna").await;
        let answer = async {
            stub.asked(1).await;
            gate.add_permits(1);
        };
        let ((shown, ..), ()) = tokio::join!(ask(&haven, &anna, VEILED), answer);
        assert!(shown.starts_with(&lines()), "{shown}");
    }

    async fn the_guide_speaks_of_danger_where_only_the_screening_worked(database) {
        let yes = vec![Act::Say("YES"), Act::Done];
        let stub = Stub::screening(yes, [vec![Act::Status(400)]]).await;
        let haven = Haven::with(database, stub.settings()).await;
        let anna = haven.person("anna").await;
        let (answer, last, _) = ask(&haven, &anna, VEILED).await;
        assert_eq!(answer, guide::answer("Я не хочу жить", Language::Ru, None));
        assert_eq!(last["source"], "GUIDE");
    }

    async fn names_places_and_numbers_do_not_leave_for_screening(database) {
        let stub = Stub::start([good()]).await;
        let haven = Haven::with(database, stub.settings()).await;
        let anna = haven.person("annaK").await;
        let contact = "mutation($input: EmergencyContactInput!) { createEmergencyContact(userId: \"me\", input: $input) { id } }";
        let input = json!({"name": "Мария Козлова", "relationship": "сестра", "phone": "+79161234567", "email": "maria@example.org"});
        haven.data(&anna, contact, json!({"input": input})).await;
        ask(&haven, &anna, "Я annaK, сестра Маша Козлова, её номер 8 (916) 123-45-67, почта maria@example.org, живёт в Москве.").await;
        let sent = stub.screenings();
        assert_eq!(sent.len(), 1);
        let wire = serde_json::to_string(&sent).unwrap().to_lowercase();
        for secret in ["annak", "маш", "козлов", "916", "123", "maria", "example", "москв", &anna.token] {
            assert!(!wire.contains(&secret.to_lowercase()), "{secret}: {wire}");
        }
        assert!(wire.contains("[person") && wire.contains("[number]") && wire.contains("[email]"));
        // One word is asked for, about this message alone.
        assert_eq!((sent[0]["messages"].as_array().unwrap().len(), &sent[0]["stream"]), (2, &json!(false)));
    }

    async fn a_question_holds_one_place_for_both_requests(database) {
        let yes = vec![Act::Say("YES"), Act::Done];
        let stub = Stub::screening(yes, [good()]).await;
        let url = stub.url();
        let settings = |config: &mut haven::config::Config| {
            config.assistant_url = Some(url.parse().unwrap());
            config.assistant_concurrent = 1;
            config.assistant_per_user = 1;
        };
        let haven = Haven::with(database, settings).await;
        let anna = haven.person("anna").await;
        let (answer, last, _) = ask(&haven, &anna, VEILED).await;
        assert!(answer.starts_with(&lines()) && last["source"] == "MODEL", "{answer}");
        // Over the bound neither is asked.
        ask(&haven, &anna, "Серое небо").await;
        assert_eq!((stub.screenings().len(), stub.requests().len()), (1, 1));
    }
}
