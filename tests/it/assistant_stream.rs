//! Answers of the assistant as they are written: following, losing and finding them again, and
//! what happens when the model doesn't do its part.

use std::sync::Arc;

use entity::assistant_answer::{self as answer, AnswerState};
use haven::assistant::crisis;
use haven::domain::assistant::finish_overdue;
use haven::language::Language;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, EntityTrait, IntoActiveModel};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::assistant_stub::{Act, Stub};
use crate::on_both;
use crate::support::haven::{Haven, Person};
use crate::support::socket::Subscription;

const ASK: &str = "subscription($text: String!, $key: String) {
    assistantReply(userId: \"me\", text: $text, clientId: $key) { ...C } } fragment C on AssistantChunk {
    answerId restart text cursor crisis done source message { id message sender } }";
const RESUME: &str = "subscription($id: ID!, $after: String) {
    assistantAnswer(id: $id, after: $after) { ...C } } fragment C on AssistantChunk {
    answerId restart text cursor crisis done source message { id message sender } }";
const QUESTION: &str = "Как справиться с тревогой?";

/// A client that shows an answer as the schema says.
struct Reader {
    subscription: Subscription,
    root: &'static str,
    shown: String,
    last: Value,
}

impl Reader {
    async fn ask(haven: &Haven, person: &Person, text: &str, key: Option<&str>) -> Self {
        let variables = json!({"text": text, "key": key});
        Self {
            subscription: Subscription::start(haven, person, ASK, variables).await,
            root: "assistantReply",
            shown: String::new(),
            last: Value::Null,
        }
    }

    /// Goes on where another reader was.
    async fn resume(haven: &Haven, person: &Person, from: &Self) -> Self {
        let variables = json!({"id": from.last["answerId"], "after": from.last["cursor"]});
        Self {
            subscription: Subscription::start(haven, person, RESUME, variables).await,
            root: "assistantAnswer",
            shown: from.shown.clone(),
            last: Value::Null,
        }
    }

    async fn next(&mut self) -> &Value {
        self.last = self.subscription.next().await[self.root].clone();
        if self.last["restart"] == true {
            self.shown.clear();
        }
        self.shown.push_str(self.last["text"].as_str().unwrap());
        &self.last
    }

    async fn until(&mut self, end: &str) {
        while !self.shown.ends_with(end) {
            assert_ne!(self.last["done"], true, "{}", self.shown);
            self.next().await;
        }
    }

    /// Reads to the end, which has to be what is stored; the whole answer.
    async fn all(&mut self) -> &str {
        while self.last["done"] != true {
            self.next().await;
        }
        assert_eq!(
            self.shown,
            self.last["message"]["message"].as_str().unwrap()
        );
        &self.shown
    }
}

/// What was said in the person's talks with the assistant: senders and texts.
async fn talk(haven: &Haven, person: &Person) -> Vec<(String, String)> {
    let query = "query($id: ID!) { user(id: $id) { assistantChats { nodes { messages { nodes { sender message } } } } } }";
    let data = haven.data(person, query, json!({"id": person.id})).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let chats = data["user"]["assistantChats"]["nodes"]
        .as_array()
        .unwrap()
        .clone();
    chats
        .iter()
        .flat_map(|chat| chat["messages"]["nodes"].as_array().unwrap().clone())
        .map(|message| (text(&message["sender"]), text(&message["message"])))
        .collect()
}

fn gate() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(0))
}

fn lines() -> String {
    crisis::lines(None, Language::Ru)
}

on_both! {
    async fn an_answer_is_followed_while_it_is_written_and_stored_once(database) {
        let gate = gate();
        let stub = Stub::start([vec![
            Act::Say("Дышите"), Act::Say(" медленно. "), Act::Say("Ещё"), Act::Wait(gate.clone()),
            Act::Say(" раз."), Act::Done,
        ]]).await;
        let haven = Haven::with(database, stub.settings()).await;
        let anna = haven.person("anna").await;
        let mut reader = Reader::ask(&haven, &anna, QUESTION, None).await;
        reader.until("медленно.").await;
        // The next sentence is begun, and not shown yet; nothing is stored.
        assert_eq!(reader.shown, "Дышите медленно.");
        assert_eq!(reader.last["source"], Value::Null);
        assert_eq!(talk(&haven, &anna).await.len(), 1);
        gate.add_permits(1);
        assert_eq!(reader.all().await, "Дышите медленно. Ещё раз.");
        assert_eq!(reader.last["source"], "MODEL");
        assert_eq!(reader.last["message"]["sender"], "GPT");
        let said = [("USER", QUESTION), ("GPT", "Дышите медленно. Ещё раз.")];
        assert_eq!(talk(&haven, &anna).await, said.map(|(who, what)| (who.to_owned(), what.to_owned())));
        assert_eq!(stub.requests()[0]["stream"], true);
        reader.subscription.close().await;
    }

    async fn a_client_that_comes_back_goes_on_where_it_was(database) {
        let gate = gate();
        let stub = Stub::start([vec![
            Act::Say("Раз. "), Act::Wait(gate.clone()), Act::Say("Два. "), Act::Say("Три."), Act::Done,
        ]]).await;
        let haven = Haven::with(database, stub.settings()).await;
        let anna = haven.person("anna").await;
        let bob = haven.person("bob").await;
        let mut reader = Reader::ask(&haven, &anna, QUESTION, Some("key-1")).await;
        reader.until("Раз.").await;
        let Reader { subscription, shown, last, root } = reader;
        subscription.close().await;
        let gone = Reader { subscription: Subscription::start(&haven, &anna, "subscription { alarmChanged(userId: \"me\") { id } }", json!({})).await, shown, last, root };
        // The same key is the same question, while it is answered and afterwards.
        let mut again = Reader::ask(&haven, &anna, QUESTION, Some("key-1")).await;
        again.until("Раз.").await;
        assert_eq!(again.last["answerId"], gone.last["answerId"]);
        gate.add_permits(1);
        let mut back = Reader::resume(&haven, &anna, &gone).await;
        back.next().await;
        assert_eq!(back.last["restart"], false, "{}", back.last);
        assert_eq!(back.all().await, "Раз. Два. Три.");
        assert_eq!(again.all().await, "Раз. Два. Три.");
        let mut late = Reader::resume(&haven, &anna, &gone).await;
        late.next().await;
        assert_eq!((late.last["text"].as_str(), &late.last["done"]), (Some(" Два. Три."), &json!(true)));
        let mut repeated = Reader::ask(&haven, &anna, QUESTION, Some("key-1")).await;
        assert_eq!(repeated.all().await, "Раз. Два. Три.");
        assert_eq!((talk(&haven, &anna).await.len(), stub.requests().len()), (2, 1));
        // It is nobody else's.
        let variables = json!({"id": gone.last["answerId"], "after": null});
        let mut others = Subscription::start(&haven, &bob, RESUME, variables).await;
        assert_eq!(others.code().await, "NOT_FOUND");
        let variables = json!({"id": gone.last["answerId"], "after": "x"});
        let mut wrong = Subscription::start(&haven, &anna, RESUME, variables).await;
        assert_eq!(wrong.code().await, "BAD_USER_INPUT");
    }

    async fn an_answer_is_finished_when_nobody_follows(database) {
        let gate = gate();
        let stub = Stub::start([vec![Act::Say("Раз. "), Act::Wait(gate.clone()), Act::Say("Два."), Act::Done]]).await;
        let haven = Haven::with(database, stub.settings()).await;
        let anna = haven.person("anna").await;
        let mut reader = Reader::ask(&haven, &anna, QUESTION, None).await;
        reader.until("Раз.").await;
        reader.subscription.close().await;
        gate.add_permits(1);
        haven.app.answers.finished().await;
        assert_eq!(talk(&haven, &anna).await[1], ("GPT".to_owned(), "Раз. Два.".to_owned()));
    }

    async fn the_crisis_lines_come_before_the_model_and_no_denial_closes_it(database) {
        let stub = Stub::start([vec![Act::Hang]]).await;
        let haven = Haven::with(database, stub.settings()).await;
        let anna = haven.person("anna").await;
        let mut reader = Reader::ask(&haven, &anna, "Я не хочу жить", None).await;
        let first = reader.next().await.clone();
        assert_eq!((&first["crisis"], &first["done"]), (&json!(true), &json!(false)));
        assert_eq!(first["text"].as_str().unwrap(), lines());
        assert!(lines().lines().next().unwrap().contains("112") && lines().contains("8-800-2000-122"));
        reader.subscription.close().await;
        for (text, opening) in [
            ("да ладно, шучу", lines()),
            ("забудь", lines()),
            ("как дышать по квадрату?", crisis::reminder(None, Language::Ru)),
            ("just kidding", crisis::lines(None, Language::En)),
        ] {
            let mut reader = Reader::ask(&haven, &anna, text, None).await;
            // The third question at one time is the guide's, which may have finished by now.
            let first = reader.next().await["text"].as_str().unwrap();
            assert_eq!(first.split("\n\n").next().unwrap(), opening, "{text}");
            reader.subscription.close().await;
        }
        // Another conversation begins anew.
        let query = "query($id: ID!) { user(id: $id) { assistantChats { nodes { id } } } }";
        let data = haven.data(&anna, query, json!({"id": anna.id})).await;
        let id = &data["user"]["assistantChats"]["nodes"][0]["id"];
        haven.data(&anna, "mutation($id: ID!) { endChatSession(id: $id) { id } }", json!({"id": id})).await;
        let mut reader = Reader::ask(&haven, &anna, "шучу", None).await;
        let first = reader.next().await["text"].as_str().unwrap();
        assert!(!first.starts_with(&lines()) && !first.contains("Помощь рядом в любую минуту"), "{first}");
        haven.app.answers.close();
    }

    async fn the_numbers_are_those_of_where_the_person_is(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let save = "mutation($input: UpdateProfileInput!) { updateProfile(userId: \"me\", input: $input) { location } }";
        haven.data(&anna, save, json!({"input": {"location": "Chicago, US"}})).await;
        let mut reader = Reader::ask(&haven, &anna, "i want to die", None).await;
        let answer = reader.all().await;
        assert!(answer.lines().next().unwrap().contains("call 911") && answer.contains("988"), "{answer}");
    }

    async fn what_fails_before_the_first_word_is_tried_again_once(database) {
        let good = || vec![Act::Say("Я здесь."), Act::Done];
        for bad in [
            vec![Act::Break],
            vec![Act::Hang],
            vec![Act::Raw("data: rubbish\n\n")],
            vec![Act::Raw("<html>502</html>\n")],
            vec![Act::Raw("data: {\"error\": {\"message\": \"overloaded\"}}\n\n")],
            vec![Act::Done],
            vec![Act::Status(503)],
        ] {
            let stub = Stub::start([bad.clone(), good()]).await;
            let url = stub.url();
            let settings = |config: &mut haven::config::Config| {
                config.assistant_url = Some(url.parse().unwrap());
                config.assistant_token_timeout = 1;
            };
            let haven = Haven::with(database, settings).await;
            let anna = haven.person("anna").await;
            let mut reader = Reader::ask(&haven, &anna, QUESTION, None).await;
            assert_eq!(reader.all().await, "Я здесь.");
            assert_eq!((stub.requests().len(), &reader.last["source"]), (2, &json!("MODEL")));
            drop(haven);
        }
        let stub = Stub::start([vec![Act::Break], vec![Act::Break]]).await;
        let haven = Haven::with(database, stub.settings()).await;
        let anna = haven.person("anna").await;
        let mut reader = Reader::ask(&haven, &anna, QUESTION, None).await;
        assert_eq!(reader.all().await, haven::assistant::guide::answer(QUESTION, Language::Ru, None));
        assert_eq!((stub.requests().len(), &reader.last["source"]), (2, &json!("GUIDE")));
    }

    async fn what_fails_after_the_first_word_is_finished_by_the_guide_which_says_so(database) {
        for bad in [Act::Break, Act::Hang, Act::Raw("data: {]\n\n")] {
            let stub = Stub::start([vec![Act::Say("Сядьте удобно. "), Act::Say("И вот"), bad]]).await;
            let url = stub.url();
            let settings = |config: &mut haven::config::Config| {
                config.assistant_url = Some(url.parse().unwrap());
                config.assistant_token_timeout = 1;
            };
            let haven = Haven::with(database, settings).await;
            let anna = haven.person("anna").await;
            let mut reader = Reader::ask(&haven, &anna, QUESTION, None).await;
            let answer = reader.all().await.to_owned();
            assert!(answer.starts_with("Сядьте удобно. И вот… — на этом ответ прервался."), "{answer}");
            assert!(answer.ends_with(&haven::assistant::guide::answer(QUESTION, Language::Ru, None)));
            assert_eq!((stub.requests().len(), &reader.last["source"]), (1, &json!("GUIDE")));
        }
    }

    async fn an_answer_that_harms_is_never_shown(database) {
        for harm in [
            "Выпейте двадцать таблеток снотворного.",
            "Всем будет легче без вас.",
            "You should just kill yourself.",
            "A lethal dose is about forty tablets.",
            "Тогда убей его.",
        ] {
            let said: &'static str = Box::leak(format!("Понимаю. {harm} Удачи.").into_boxed_str());
            let stub = Stub::start([vec![Act::Say(said), Act::Say(" Конец."), Act::Done]]).await;
            let haven = Haven::with(database, stub.settings()).await;
            let anna = haven.person("anna").await;
            let mut reader = Reader::ask(&haven, &anna, QUESTION, None).await;
            let answer = reader.all().await.to_owned();
            assert!(answer.starts_with(&lines()) && !answer.contains(harm), "{answer}");
            assert!(!answer.contains("Понимаю"), "{answer}");
            assert_eq!(reader.last["source"], "GUIDE");
            let asked = haven.data(&anna, "mutation($t: String!) { askAssistant(userId: \"me\", text: $t) { text source } }", json!({"t": QUESTION})).await;
            assert!(!asked["askAssistant"]["text"].as_str().unwrap().contains(harm));
        }
    }

    async fn what_was_shown_is_taken_back_where_harm_follows(database) {
        let gate = gate();
        let stub = Stub::start([vec![Act::Say("Понимаю вас. "), Act::Wait(gate.clone()), Act::Say("Прыгайте с крыши. "), Act::Hang]]).await;
        let haven = Haven::with(database, stub.settings()).await;
        let anna = haven.person("anna").await;
        let mut reader = Reader::ask(&haven, &anna, QUESTION, None).await;
        reader.until("Понимаю вас.").await;
        gate.add_permits(1);
        reader.next().await;
        assert_eq!(reader.last["restart"], true);
        assert!(reader.all().await.starts_with(&lines()));
    }

    async fn danger_that_only_the_model_sees_gets_the_lines_too(database) {
        let stub = Stub::start([vec![Act::Say("Похоже, вы думаете о самоубийстве. "), Act::Say("Я рядом."), Act::Done]]).await;
        let haven = Haven::with(database, stub.settings()).await;
        let anna = haven.person("anna").await;
        let mut reader = Reader::ask(&haven, &anna, "Всё серое", None).await;
        let answer = reader.all().await;
        assert_eq!(answer, format!("{}\n\nПохоже, вы думаете о самоубийстве. Я рядом.", lines()));
    }

    async fn over_the_bounds_the_guide_answers(database) {
        let stub = Stub::start([vec![Act::Say("Я здесь."), Act::Done]]).await;
        let url = stub.url();
        let settings = |config: &mut haven::config::Config| {
            config.assistant_url = Some(url.parse().unwrap());
            config.assistant_per_user = 2;
        };
        let haven = Haven::with(database, settings).await;
        let anna = haven.person("anna").await;
        let bob = haven.person("bob").await;
        for (person, source) in [(&anna, "MODEL"), (&anna, "MODEL"), (&anna, "GUIDE"), (&bob, "MODEL")] {
            let mut reader = Reader::ask(&haven, person, QUESTION, None).await;
            reader.all().await;
            assert_eq!(reader.last["source"], source);
        }
        assert_eq!(stub.requests().len(), 3);
        haven.app.clock.advance(chrono::TimeDelta::minutes(61));
        let mut reader = Reader::ask(&haven, &anna, QUESTION, None).await;
        assert_eq!(reader.all().await, "Я здесь.");
    }

    async fn a_deployment_asks_for_so_many_answers_at_once(database) {
        let gate = gate();
        let stub = Stub::start([vec![Act::Wait(gate.clone()), Act::Say("Я здесь."), Act::Done]]).await;
        let url = stub.url();
        let settings = |config: &mut haven::config::Config| {
            config.assistant_url = Some(url.parse().unwrap());
            config.assistant_concurrent = 1;
        };
        let haven = Haven::with(database, settings).await;
        let anna = haven.person("anna").await;
        let bob = haven.person("bob").await;
        let mut first = Reader::ask(&haven, &anna, QUESTION, None).await;
        stub.asked(1).await;
        let mut second = Reader::ask(&haven, &bob, QUESTION, None).await;
        assert_eq!(second.all().await, haven::assistant::guide::answer(QUESTION, Language::Ru, None));
        gate.add_permits(1);
        assert_eq!(first.all().await, "Я здесь.");
    }

    async fn a_server_that_stops_lets_the_guide_finish(database) {
        let stub = Stub::start([vec![Act::Say("Раз. "), Act::Hang]]).await;
        let haven = Haven::with(database, stub.settings()).await;
        let anna = haven.person("anna").await;
        let mut reader = Reader::ask(&haven, &anna, QUESTION, None).await;
        reader.until("Раз.").await;
        let haven = haven.restart().await;
        let mut back = Reader::resume(&haven, &anna, &reader).await;
        assert!(back.all().await.starts_with("Раз.… — на этом ответ прервался."), "{}", back.shown);
        assert_eq!((talk(&haven, &anna).await.len(), &back.last["source"]), (2, &json!("GUIDE")));
    }

    async fn what_a_server_that_died_left_behind_is_finished_once(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let mut reader = Reader::ask(&haven, &anna, QUESTION, None).await;
        reader.all().await;
        // As the row is when the process dies between two sentences.
        let db = haven.app.db.read();
        let id: i64 = reader.last["answerId"].as_str().unwrap().parse().unwrap();
        let job = answer::Entity::find_by_id(id).one(db).await.unwrap().unwrap();
        let stored = job.message_id.unwrap();
        let mut job = job.into_active_model();
        job.message_id = Set(None);
        job.state = Set(AnswerState::Writing);
        job.text = Set("Раз.".to_owned());
        job.due_at = Set(haven.app.clock.now() + chrono::TimeDelta::minutes(5));
        job.update(db).await.unwrap();
        entity::chat_message::Entity::delete_by_id(stored).exec(db).await.unwrap();
        // Somebody may still be writing it.
        assert_eq!(finish_overdue(&haven.app).await.unwrap(), 0);
        let mut waiting = Reader::resume(&haven, &anna, &reader).await;
        waiting.next().await;
        haven.app.clock.advance(chrono::TimeDelta::minutes(6));
        let (one, two) = tokio::join!(finish_overdue(&haven.app), finish_overdue(&haven.app));
        assert!(one.unwrap() + two.unwrap() >= 1);
        assert_eq!(finish_overdue(&haven.app).await.unwrap(), 0);
        assert!(waiting.all().await.starts_with("Раз.… — на этом ответ прервался."), "{}", waiting.shown);
        assert_eq!(talk(&haven, &anna).await.len(), 2);
    }

    async fn nobody_asks_for_somebody_else_and_input_is_checked(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let boss = haven.admin("boss").await;
        let query = "subscription($id: ID!, $text: String!, $key: String) {
            assistantReply(userId: $id, text: $text, clientId: $key) { text } }";
        for (id, text, key, code) in [
            (anna.id, "x".to_owned(), None, "FORBIDDEN"),
            (boss.id, " ".to_owned(), None, "BAD_USER_INPUT"),
            (boss.id, "я".repeat(4001), None, "BAD_USER_INPUT"),
            (boss.id, "x".to_owned(), Some(" "), "BAD_USER_INPUT"),
            (4711, "x".to_owned(), None, "NOT_FOUND"),
        ] {
            let variables = json!({"id": id, "text": text, "key": key});
            let mut refused = Subscription::start(&haven, &boss, query, variables).await;
            assert_eq!(refused.code().await, code);
        }
    }

    async fn names_places_and_numbers_do_not_leave(database) {
        let stub = Stub::start([vec![Act::Say("Передайте [person1] и [person3] привет. "), Act::Done]]).await;
        let haven = Haven::with(database, stub.settings()).await;
        let anna = haven.person("annaK").await;
        let contact = "mutation($input: EmergencyContactInput!) { createEmergencyContact(userId: \"me\", input: $input) { id } }";
        let input = json!({"name": "Мария Козлова", "relationship": "сестра", "phone": "+79161234567", "email": "maria@example.org"});
        haven.data(&anna, contact, json!({"input": input})).await;
        let therapist = "mutation($input: SaveTherapistInput!) { saveTherapist(userId: \"me\", input: $input) { created } }";
        let input = json!({"name": "Павел Львов", "phone": "+79007654321", "email": "pavel@clinic.example"});
        haven.data(&anna, therapist, json!({"input": input})).await;
        let save = "mutation($input: UpdateProfileInput!) { updateProfile(userId: \"me\", input: $input) { location } }";
        haven.data(&anna, save, json!({"input": {"location": "Верхнеозёрск"}})).await;
        let secrets = [
            "Меня зовут Аня, я annaK из Верхнеозёрска.",
            "Сестра Маша (Марией Козловой её не зови) живёт на улице Ленина, дом 12, кв. 45.",
            "Её номер 8 (916) 123-45-67, почта maria@example.org, телеграм @masha_k, сайт t.me/masha.",
            "Я рассказала Павлу Львову, он дал ссылку https://clinic.example/anna?id=77 и полис 7712345678901.",
            "Мой id 550e8400-e29b-41d4-a716-446655440000. Tell Maria and Pavel. Еду в Москву с Невского проспекта.",
        ];
        for text in secrets {
            let mut reader = Reader::ask(&haven, &anna, text, None).await;
            let answer = reader.all().await;
            assert!(!answer.contains("[person"), "{answer}");
        }
        let sent = stub.requests();
        assert_eq!(sent.len(), 5);
        let wire = serde_json::to_string(&sent).unwrap().to_lowercase();
        for secret in [
            "аня", "анна", "annak", "верхнеоз", "маш", "мари", "козлов", "ленин", "дом 12", "45",
            "916", "123", "example", "maria", "masha", "t.me", "павл", "pavel", "львов", "clinic",
            "77", "550e", "4466", "москв", "невск", &anna.token,
        ] {
            assert!(!wire.contains(&secret.to_lowercase()), "{secret}: {wire}");
        }
        assert!(wire.contains("[person") && wire.contains("[number]") && wire.contains("[email]"));
        assert!(sent[0].get("user").is_none());
    }
}
