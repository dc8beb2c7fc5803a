//! What leaves in the requests to the model, seen by its server: the question, the talk sent
//! along, and the screening.

use serde_json::json;

use crate::assistant_stub::{Act, Stub};
use crate::on_both;
use crate::support::haven::Haven;

/// Lines of a talk of somebody who has stored nothing, with what must not be on the wire.
const TALK: &[(&str, &str)] = &[
    (
        "Вчера Наташа Кузнецова плакала, а наташе кузнецовой всё равно.",
        "наташ|кузнец",
    ),
    (
        "Мой начальник Бухвостов орёт. Боюсь бухвостова и дмитрия",
        "бухвост|дмитри",
    ),
    (
        "Мне звонил Сергей Викторович Нечипоренко, позывной Гром",
        "сергей|виктор|нечипор|гром",
    ),
    (
        "живу в саратове на улице ленина дом пять квартира двенадцать",
        "сарат|ленин|пять|двенадц",
    ),
    (
        "Мы из Усть-Каменогорска, служил в Грозном, в 45-й бригаде, в/ч 1234",
        "каменог|грозн|45-й|1234",
    ),
    (
        "звони восемь девятьсот шестнадцать сто двадцать три сорок пять шестьдесят семь",
        "девятьсот|двадцать",
    ),
    (
        "8 9 1 6 1 2 3 4 5 6 7, пиши pushistik собака mail точка ru или pushistik @ mail.ru",
        "9 1|pushist|mail.ru|mail точка",
    ),
    (
        "родилась 12 марта 1985, паспорт 45 10 123456, карта 4276 1234 5678 9012",
        "марта|1985|123456|4276",
    ),
    (
        "мой ник wolfy, anna_k85, vk.com/id12345, координаты 55.7558, 37.6173",
        "wolfy|anna|vk.com|7558|6173",
    ),
    (
        "My friend Kowalczyk and jessica moved to Poughkeepsie, 12 Baker Street",
        "kowal|jessica|pough|baker",
    ),
    (
        "born on March 12, 1985; 101st Airborne; five five five one two three four",
        "march|101st|five",
    ),
];

on_both! {
    async fn what_a_person_never_stored_does_not_leave_either(database) {
        let stub = Stub::start([vec![Act::Say("Я здесь. "), Act::Done]]).await;
        let haven = Haven::with(database, stub.settings()).await;
        let anna = haven.person("zimorodok").await;
        let ask = "mutation($text: String!) { askAssistant(userId: \"me\", text: $text) { source } }";
        for (text, _) in TALK {
            let answer = haven.data(&anna, ask, json!({"text": text})).await;
            assert_eq!(answer["askAssistant"]["source"], "MODEL");
        }
        let sent = stub.requests();
        // With each question goes the talk before it.
        assert!(sent.last().unwrap()["messages"].as_array().unwrap().len() > TALK.len());
        let wire = json!([sent, stub.screenings()]).to_string().to_lowercase();
        for (text, secrets) in TALK {
            for secret in secrets.split('|') {
                assert!(!wire.contains(secret), "{secret} of {text}: {wire}");
            }
        }
        assert!(!wire.contains("zimorodok") && !wire.contains(&anna.token));
    }
}

on_both! {
    async fn a_guessed_name_comes_back_in_the_answer(database) {
        let stub = Stub::start([vec![Act::Say("Вы говорите о [name1]. "), Act::Done]]).await;
        let haven = Haven::with(database, stub.settings()).await;
        let anna = haven.person("anna").await;
        let ask = "mutation($text: String!) { askAssistant(userId: \"me\", text: $text) { text } }";
        let answer = haven.data(&anna, ask, json!({"text": "Как простить Бухвостова?"})).await;
        assert_eq!(answer["askAssistant"]["text"], "Вы говорите о Бухвостова.");
    }
}
