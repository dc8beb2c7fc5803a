//! The legacy sockets: who gets in, who gets what, what is never lost.

use chrono::TimeDelta;
use haven::auth::UserRef;
use haven::domain::users::{self, Switch};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};

use crate::on_both;
use crate::support::haven::{Haven, Person};
use crate::support::socket::{Socket, eventually};

fn room(person: &Person) -> String {
    format!("/ws/chat/{}/", person.id)
}

fn says(message: &str) -> Value {
    json!({"message": message})
}

fn to(person: &Person, message: &str) -> Value {
    json!({"message": message, "user_id": person.id.to_string()})
}

/// Messages stored, those that the other side has not got among them.
async fn stored(haven: &Haven) -> (u64, u64) {
    let all = entity::chat_message::Entity::find();
    let waiting = all
        .clone()
        .filter(entity::chat_message::Column::DeliveredAt.is_null());
    (
        all.count(haven.app.db.read()).await.unwrap(),
        waiting.count(haven.app.db.read()).await.unwrap(),
    )
}

/// Waits until so many messages are stored, and the other side has got all.
async fn all_delivered(haven: &Haven, count: u64) {
    eventually(async || stored(haven).await == (count, 0)).await;
}

on_both! {
    async fn a_handshake_without_a_good_token_is_refused(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let room = room(&anna);
        for (path, headers, detail) in [
            (room.clone(), vec![], "Authentication credentials were not provided."),
            ("/ws/chat/admin/".to_owned(), vec![], "Authentication credentials were not provided."),
            ("/ws/chat/abc/".to_owned(), vec![], "Authentication credentials were not provided."),
            (room.clone(), vec![("authorization", "Basic YTpi")], "Authentication credentials were not provided."),
            (room.clone(), vec![("authorization", "Token nonsense")], "Invalid token."),
            (room.clone(), vec![("authorization", "Token a b")], "Invalid token header. Token string should not contain spaces."),
            (format!("{room}?token=nonsense"), vec![], "Invalid token."),
            (format!("{room}?ticket=nonsense"), vec![], "Invalid token."),
            (room.clone(), vec![("sec-websocket-protocol", "token, nonsense")], "Invalid token."),
        ] {
            let refused = Socket::try_open(&haven, &path, &headers).await.err().unwrap();
            assert_eq!(refused.status, 401, "{path} {headers:?}");
            assert_eq!(refused.body, json!({"detail": detail}), "{path} {headers:?}");
            assert_eq!(refused.headers["www-authenticate"], "Token");
        }
        let boss = haven.admin("boss").await;
        let boss = haven.viewer(&boss).await;
        users::set(&haven.app, &boss, UserRef::Id(anna.id), Switch::Active(false)).await.unwrap();
        let path = format!("{room}?token={}", anna.token);
        let refused = Socket::try_open(&haven, &path, &[]).await.err().unwrap();
        assert_eq!((refused.status, refused.body), (401, json!({"detail": "User inactive or deleted."})));
    }

    async fn a_handshake_for_somebody_elses_room_is_refused(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let bob = haven.person("bob").await;
        let boss = haven.admin("boss").await;
        let error = json!({"error": "You are not authorized to access this chat"});
        for path in [room(&bob), "/ws/chat/4711/".to_owned(), "/ws/chat/admin/".to_owned()] {
            let path = format!("{path}?token={}", anna.token);
            let refused = Socket::try_open(&haven, &path, &[]).await.err().unwrap();
            assert_eq!((refused.status, &refused.body), (403, &error), "{path}");
        }
        let path = format!("/ws/chat/4711/?token={}", boss.token);
        let refused = Socket::try_open(&haven, &path, &[]).await.err().unwrap();
        assert_eq!((refused.status, refused.body), (404, json!({"error": "User not found"})));
        for id in ["0", "-1", "abc", "1.5", "%20", "99999999999999999999", "%FF", "1%2F2"] {
            let path = format!("/ws/chat/{id}/?token={}", boss.token);
            let refused = Socket::try_open(&haven, &path, &[]).await.err().unwrap();
            assert_eq!((refused.status, refused.body), (404, json!({"detail": "Not found."})), "{id}");
        }
    }

    async fn what_is_no_handshake_is_told_so(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let answer = haven.by(&anna, "GET", &room(&anna)).send().await;
        answer.assert_is(426, r#"{"detail":"This address speaks WebSocket only."}"#);
        assert_eq!(answer.header("upgrade"), Some("websocket"));
        let answer = haven.by(&anna, "POST", &room(&anna)).send().await;
        answer.assert_is(405, r#"{"detail":"Method \"POST\" not allowed."}"#);
        assert_eq!(answer.header("allow"), Some("GET"));
        haven.call("GET", &room(&anna)).send().await.assert_status(401);
    }

    async fn a_token_opens_a_room_by_each_documented_way(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let (id, token) = (anna.id, anna.token.as_str());
        let bearer = format!("bEARER {token}");
        let protocols = format!("token, {token}");
        let encoded: String = token.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for (path, headers) in [
            (format!("/ws/chat/{id}/?token={token}"), vec![]),
            (format!("/ws/chat/{id}?token={token}"), vec![]),
            (format!("/ws/chat/me/?token={encoded}"), vec![]),
            (format!("/ws/chat/{id}/"), vec![("authorization", bearer.as_str())]),
        ] {
            let socket = Socket::try_open(&haven, &path, &headers).await.unwrap();
            assert_eq!(socket.headers.get("sec-websocket-protocol"), None);
            socket.close().await;
        }
        let headers = [("sec-websocket-protocol", protocols.as_str())];
        let socket = Socket::try_open(&haven, &format!("/ws/chat/{id}/"), &headers).await.unwrap();
        assert_eq!(socket.headers["sec-websocket-protocol"], "token");
        socket.close().await;
    }

    async fn a_person_and_a_supporter_talk(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let boss = haven.admin("boss").await;
        let mut desk = Socket::open(&haven, &boss, "/ws/chat/admin/").await;
        let mut phone = Socket::open(&haven, &anna, &room(&anna)).await;
        let id = anna.id;
        assert_eq!(desk.text().await, format!(
            r#"{{"event":"user_connected","message":"","identifier":"{id}","user_id":"{id}"}}"#));
        phone.say(&says("Мне нужна помощь с приложением")).await;
        assert_eq!(desk.text().await, format!(
            r#"{{"event":"chat_message","message":"Мне нужна помощь с приложением","identifier":"{id}","user_id":"{id}"}}"#));
        desk.say(&json!({"message": "  Чем я могу вам помочь?\n", "user_id": id})).await;
        assert_eq!(phone.text().await, format!(
            r#"{{"event":"chat_message","message":"  Чем я могу вам помочь?\n","identifier":"{id}","user_id":"{id}","from_admin":true}}"#));
        phone.close().await;
        assert_eq!(desk.text().await, format!(
            r#"{{"event":"user_disconnected","message":"","identifier":"{id}","user_id":"{id}"}}"#));
    }

    async fn everybody_gets_what_the_rules_say(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let bob = haven.person("bob").await;
        let boss = haven.admin("boss").await;
        let mut phone = Socket::open(&haven, &anna, &room(&anna)).await;
        let mut tablet = Socket::open(&haven, &anna, &format!("{}?echo=1", room(&anna))).await;
        let mut other = Socket::open(&haven, &bob, &room(&bob)).await;
        let mut desk = Socket::open(&haven, &boss, "/ws/chat/admin/").await;
        let mut wide = Socket::open(&haven, &boss, "/ws/chat/admin/?colleagues=1").await;
        for desk in [&mut desk, &mut wide] {
            let connected = [desk.frame().await, desk.frame().await];
            assert_eq!(connected.map(|frame| frame["user_id"].clone()), [json!(anna.id.to_string()), json!(bob.id.to_string())]);
        }

        phone.say(&says("from the phone")).await;
        let frame = tablet.frame().await;
        assert_eq!((&frame["message"], &frame["from_admin"]), (&json!("from the phone"), &json!(false)));
        tablet.say(&says("from the tablet")).await;
        // With echo it hears itself; the phone heard the tablet first, and not itself.
        assert_eq!(tablet.heard().await, "from the tablet");
        assert_eq!(phone.heard().await, "from the tablet");
        for desk in [&mut desk, &mut wide] {
            assert_eq!(desk.heard().await, "from the phone");
            assert_eq!(desk.heard().await, "from the tablet");
        }

        desk.say(&to(&anna, "an answer")).await;
        for socket in [&mut phone, &mut tablet] {
            let frame = socket.frame().await;
            assert_eq!((&frame["message"], &frame["from_admin"]), (&json!("an answer"), &json!(true)));
        }
        let frame = wide.frame().await;
        assert_eq!((&frame["message"], &frame["from_admin"]), (&json!("an answer"), &json!(true)));
        wide.say(&to(&anna, "another")).await;
        assert_eq!(phone.heard().await, "another");
        // Neither desk has that one, the sender's own included: what comes next is Bob.
        other.say(&says("and I?")).await;
        for desk in [&mut desk, &mut wide] {
            let frame = desk.frame().await;
            assert_eq!((&frame["message"], frame.get("from_admin")), (&json!("and I?"), None));
        }
        // Nothing of Anna's came to Bob.
        desk.say(&to(&bob, "you too")).await;
        assert_eq!(other.heard().await, "you too");
    }

    async fn an_admin_takes_part_in_a_room(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let (boss, second) = (haven.admin("boss").await, haven.admin("second").await);
        let mut desk = Socket::open(&haven, &boss, "/ws/chat/admin/").await;
        let mut inside = Socket::open(&haven, &boss, &room(&anna)).await;
        let mut phone = Socket::open(&haven, &anna, &room(&anna)).await;
        // The admin inside is not Anna: she is the first to be connected.
        assert_eq!(desk.frame().await["event"], "user_connected");
        inside.say(&says("I am here")).await;
        let frame = phone.frame().await;
        assert_eq!((&frame["message"], &frame["from_admin"]), (&json!("I am here"), &json!(true)));
        phone.say(&says("thanks")).await;
        let frame = inside.frame().await;
        assert_eq!((&frame["message"], &frame["from_admin"]), (&json!("thanks"), &json!(false)));
        assert_eq!(desk.heard().await, "thanks");
        let mut other = Socket::open(&haven, &second, "/ws/chat/admin/").await;
        other.say(&to(&anna, "me too")).await;
        let frame = inside.frame().await;
        assert_eq!((&frame["message"], &frame["from_admin"]), (&json!("me too"), &json!(true)));
        // An admin's own room is that of a user.
        let mut own = Socket::open(&haven, &boss, "/ws/chat/me/").await;
        assert_eq!(desk.frame().await["identifier"], boss.id.to_string());
        own.say(&says("I need help myself")).await;
        let frame = desk.frame().await;
        assert_eq!((&frame["user_id"], frame.get("from_admin")), (&json!(boss.id.to_string()), None));
    }

    async fn presence_is_the_first_and_the_last_connection(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let boss = haven.admin("boss").await;
        let phone = Socket::open(&haven, &anna, &room(&anna)).await;
        let mut desk = Socket::open(&haven, &boss, "/ws/chat/admin/").await;
        assert_eq!(desk.frame().await["event"], "user_connected");
        let mut tablet = Socket::open(&haven, &anna, &room(&anna)).await;
        phone.close().await;
        tablet.say(&says("still here")).await;
        assert_eq!(desk.heard().await, "still here");
        assert!(haven.app.presence.is_online(anna.id));
        tablet.break_off();
        assert_eq!(desk.frame().await["event"], "user_disconnected");
        assert!(!haven.app.presence.is_online(anna.id));
    }

    async fn what_was_said_meanwhile_comes_once_and_in_order(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let bob = haven.person("bob").await;
        let boss = haven.admin("boss").await;
        let mut phone = Socket::open(&haven, &anna, &room(&anna)).await;
        let mut other = Socket::open(&haven, &bob, &room(&bob)).await;
        let mut expected = Vec::new();
        for number in 0..120 {
            let (socket, user) = if number % 3 == 0 { (&mut other, &bob) } else { (&mut phone, &anna) };
            socket.say(&says(&format!("message {number}"))).await;
            expected.push((user.id.to_string(), format!("message {number}")));
            eventually(async || stored(&haven).await.0 == number + 1).await;
        }
        let mut desk = Socket::open(&haven, &boss, "/ws/chat/admin/").await;
        desk.frame().await;
        desk.frame().await;
        for (user_id, message) in &expected {
            let frame = desk.frame().await;
            assert_eq!((frame["user_id"].as_str().unwrap(), frame["message"].as_str().unwrap()), (user_id.as_str(), message.as_str()));
        }
        desk.close().await;
        // Once: the next admin gets what is new.
        phone.say(&says("new")).await;
        eventually(async || stored(&haven).await.0 == 121).await;
        let mut desk = Socket::open(&haven, &boss, "/ws/chat/admin/").await;
        desk.frame().await;
        desk.frame().await;
        assert_eq!(desk.heard().await, "new");

        phone.close().await;
        assert_eq!(desk.frame().await["event"], "user_disconnected");
        for number in 0..3 {
            desk.say(&to(&anna, &format!("answer {number}"))).await;
        }
        eventually(async || stored(&haven).await.0 == 124).await;
        let mut phone = Socket::open(&haven, &anna, &room(&anna)).await;
        for number in 0..3 {
            assert_eq!(phone.heard().await, format!("answer {number}"));
        }
        phone.close().await;
        let mut phone = Socket::open(&haven, &anna, &room(&anna)).await;
        desk.say(&to(&anna, "answer 3")).await;
        assert_eq!(phone.heard().await, "answer 3");
    }

    async fn what_a_broken_connection_swallowed_comes_again(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let boss = haven.admin("boss").await;
        // It never reads, and so never answers a ping: nobody knows what it got.
        let phone = Socket::open(&haven, &anna, &room(&anna)).await;
        let mut desk = Socket::open(&haven, &boss, "/ws/chat/admin/").await;
        for number in 0..3 {
            desk.say(&to(&anna, &format!("answer {number}"))).await;
        }
        all_delivered(&haven, 3).await;
        phone.break_off();
        eventually(async || stored(&haven).await == (3, 3)).await;
        let mut phone = Socket::open(&haven, &anna, &room(&anna)).await;
        for number in 0..3 {
            assert_eq!(phone.heard().await, format!("answer {number}"));
        }
        // Heard and answered: breaking off now loses nothing, and brings nothing again.
        all_delivered(&haven, 3).await;
        desk.say(&to(&anna, "answer 3")).await;
        assert_eq!(phone.heard().await, "answer 3");
    }

    async fn what_a_broken_connection_swallowed_comes_over_the_new_one(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let boss = haven.admin("boss").await;
        let old = Socket::open(&haven, &anna, &room(&anna)).await;
        let mut desk = Socket::open(&haven, &boss, "/ws/chat/admin/").await;
        desk.say(&to(&anna, "swallowed")).await;
        all_delivered(&haven, 1).await;
        // The phone is back before the server knows that the old connection is dead.
        let mut new = Socket::open(&haven, &anna, &room(&anna)).await;
        desk.say(&to(&anna, "to both")).await;
        assert_eq!(new.heard().await, "to both");
        all_delivered(&haven, 2).await;
        old.break_off();
        assert_eq!(new.heard().await, "swallowed");
        all_delivered(&haven, 2).await;
        desk.say(&to(&anna, "after that")).await;
        assert_eq!(new.heard().await, "after that");
    }

    async fn an_admins_broken_connection_loses_nothing(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let boss = haven.admin("boss").await;
        let desk = Socket::open(&haven, &boss, "/ws/chat/admin/").await;
        let mut phone = Socket::open(&haven, &anna, &room(&anna)).await;
        phone.say(&says("is anybody there?")).await;
        all_delivered(&haven, 1).await;
        desk.break_off();
        eventually(async || stored(&haven).await == (1, 1)).await;
        let mut desk = Socket::open(&haven, &boss, "/ws/chat/admin/").await;
        assert_eq!(desk.frame().await["event"], "user_connected");
        assert_eq!(desk.heard().await, "is anybody there?");
    }

    async fn a_wrong_frame_is_answered_and_the_connection_stays(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let boss = haven.admin("boss").await;
        let mut phone = Socket::open(&haven, &anna, &room(&anna)).await;
        let mut desk = Socket::open(&haven, &boss, "/ws/chat/admin/").await;
        desk.frame().await;
        let long = "я".repeat(4001);
        for (frame, error) in [
            ("", "The frame is not valid JSON."),
            ("{", "The frame is not valid JSON."),
            (r#"{"message": "\ud800"}"#, "The frame is not valid JSON."),
            ("[]", "The frame has to be a JSON object."),
            ("{}", "message: This field is required."),
            (r#"{"message": null}"#, "message: This field may not be null."),
            (r#"{"message": 5}"#, "message: Not a valid string."),
            (r#"{"message": " \n "}"#, "message: This field may not be blank."),
            (r#"{"message": "a\u0000b"}"#, "message: Null characters are not allowed."),
            (&says(&long).to_string(), "message: Ensure this field has no more than 4000 characters."),
        ] {
            phone.send(tokio_tungstenite::tungstenite::Message::text(frame)).await;
            assert_eq!(phone.frame().await, json!({"event": "error", "message": error}), "{frame}");
        }
        phone.send(tokio_tungstenite::tungstenite::Message::binary(vec![1])).await;
        assert_eq!(phone.text().await, r#"{"event":"error","message":"Frames have to be text."}"#);
        for (frame, error) in [
            (json!({"message": "x"}), "user_id: This field is required."),
            (json!({"message": "x", "user_id": null}), "user_id: This field may not be null."),
            (json!({"message": "x", "user_id": true}), "user_id: A valid integer is required."),
            (json!({"message": "x", "user_id": 4711}), "User not found."),
            (json!({"message": "x", "user_id": "abc"}), "User not found."),
            (json!({"message": "x", "user_id": -1.5}), "User not found."),
            (json!({"user_id": anna.id}), "message: This field is required."),
        ] {
            desk.say(&frame).await;
            assert_eq!(desk.frame().await, json!({"event": "error", "message": error}), "{frame}");
        }
        let longest = "я".repeat(4000);
        phone.say(&json!({"message": longest, "user_id": "ignored", "more": [1]})).await;
        assert_eq!(desk.heard().await, longest);
        assert_eq!(stored(&haven).await.0, 1);
    }

    async fn the_end_of_the_login_ends_the_sockets(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let again = haven.log_in("anna").await;
        let (boss, second) = (haven.admin("boss").await, haven.admin("second").await);
        let mut phone = Socket::open(&haven, &anna, &room(&anna)).await;
        let mut tablet = Socket::open(&haven, &again, &room(&anna)).await;
        let logout = "mutation { logout }";
        haven.data(&anna, logout, json!({})).await;
        assert_eq!(phone.close_code().await, 1008);
        // The other login goes on.
        let mut desk = Socket::open(&haven, &second, "/ws/chat/admin/").await;
        let mut inside = Socket::open(&haven, &second, &room(&anna)).await;
        desk.say(&to(&anna, "still here")).await;
        assert_eq!(tablet.heard().await, "still here");
        let boss_viewer = haven.viewer(&boss).await;
        users::set(&haven.app, &boss_viewer, UserRef::Id(second.id), Switch::Admin(false)).await.unwrap();
        assert_eq!(desk.close_code().await, 1008);
        assert_eq!(inside.close_code().await, 1008);
        users::set(&haven.app, &boss_viewer, UserRef::Id(anna.id), Switch::Active(false)).await.unwrap();
        assert_eq!(tablet.close_code().await, 1008);
    }

    async fn a_ticket_opens_a_room_once(database) {
        let haven = Haven::with(database, |config| config.support_tickets = true).await;
        let anna = haven.person("anna").await;
        let boss = haven.admin("boss").await;
        let open = "mutation($id: ID!) { openSupportChat(userId: $id) { user { id } isAdmin websocketUrl } }";
        let path = async |person: &Person| {
            let data = haven.data(person, open, json!({"id": anna.id})).await;
            let url = data["openSupportChat"]["websocketUrl"].as_str().unwrap().to_owned();
            let base = format!("ws://{}", haven.address);
            url.strip_prefix(&base).unwrap_or_else(|| panic!("{url}")).to_owned()
        };
        let used = path(&anna).await;
        assert!(used.starts_with(&format!("/ws/chat/{}/?ticket=", anna.id)), "{used}");
        // Looking at the address is not using it.
        haven.call("GET", &used).send().await.assert_status(426);
        Socket::try_open(&haven, &used, &[]).await.unwrap().close().await;
        assert_eq!(Socket::try_open(&haven, &used, &[]).await.err().unwrap().status, 401);
        // An admin's lets an admin in.
        let mut phone = Socket::open(&haven, &anna, &room(&anna)).await;
        let mut inside = Socket::try_open(&haven, &path(&boss).await, &[]).await.unwrap();
        inside.say(&says("hello")).await;
        assert_eq!(phone.frame().await["from_admin"], json!(true));
        // Too old, and of a login that ended.
        let old = path(&anna).await;
        haven.app.clock.advance(TimeDelta::seconds(60));
        assert_eq!(Socket::try_open(&haven, &old, &[]).await.err().unwrap().status, 401);
        let orphan = path(&anna).await;
        haven.data(&anna, "mutation { logout }", json!({})).await;
        assert_eq!(Socket::try_open(&haven, &orphan, &[]).await.err().unwrap().status, 401);
    }

    async fn a_server_that_goes_down_says_so(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let boss = haven.admin("boss").await;
        let mut phone = Socket::open(&haven, &anna, &room(&anna)).await;
        let mut desk = Socket::open(&haven, &boss, "/ws/chat/admin/").await;
        assert_eq!(desk.frame().await["event"], "user_connected");
        phone.say(&says("before")).await;
        assert_eq!(desk.heard().await, "before");
        // Heard is not recorded yet, and what is not comes again with the next connection.
        all_delivered(&haven, 1).await;
        let (haven, phone, desk) = tokio::join!(
            haven.restart(),
            async { phone.close_code().await },
            async { desk.close_code().await },
        );
        assert_eq!((phone, desk), (1001, 1001));
        assert_eq!(stored(&haven).await, (1, 0));
        let mut desk = Socket::open(&haven, &boss, "/ws/chat/admin/").await;
        let mut phone = Socket::open(&haven, &anna, &room(&anna)).await;
        assert_eq!(desk.frame().await["event"], "user_connected");
        phone.say(&says("after")).await;
        assert_eq!(desk.heard().await, "after");
    }
}
