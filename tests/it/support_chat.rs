//! The support chat over GraphQL.

use std::collections::BTreeSet;

use entity::chat_message;
use futures_util::StreamExt;
use haven::app::App;
use haven::auth::UserRef;
use haven::domain::support::{self, DeskEvent, Following};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use crate::on_both;
use crate::support::haven::{Haven, Person};
use crate::support::socket::{Subscription, eventually};

const SEND: &str = "mutation($to: ID!, $message: String!, $key: String) {
    sendSupportMessage(userId: $to, message: $message, clientId: $key) {
        id message fromAdmin sender clientId user { id } author { id }
        session { id type endedAt user { id } receiver { id } }
    }
}";
const FOLLOW: &str = "subscription($id: ID!, $after: ID, $echo: Boolean! = true) {
    supportMessages(userId: $id, after: $after, echo: $echo) { id message fromAdmin }
}";
const EVENTS: &str = "subscription($colleagues: Boolean! = true) {
    supportEvents(colleagues: $colleagues) {
        __typename
        ... on ChatMessagePosted { message { message fromAdmin user { id username } } }
        ... on UserConnected { user { id } }
        ... on UserDisconnected { user { id } }
    }
}";

async fn send(haven: &Haven, by: &Person, to: &Person, message: &str) -> Value {
    let variables = json!({"to": to.id, "message": message});
    haven.data(by, SEND, variables).await["sendSupportMessage"].clone()
}

/// What the other side has not got.
async fn waiting(haven: &Haven) -> Vec<String> {
    chat_message::Entity::find()
        .filter(chat_message::Column::DeliveredAt.is_null())
        .all(haven.app.db.read())
        .await
        .unwrap()
        .into_iter()
        .map(|row| row.message)
        .collect()
}

async fn next(subscription: &mut Subscription) -> String {
    let data = subscription.next().await;
    let message = &data["supportMessages"]["message"];
    message.as_str().unwrap().to_owned()
}

on_both! {
    async fn components_select_what_each_of_them_shows(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let query = "subscription($me: ID!) { ...Text ...Time }
            fragment Text on Subscription { supportMessages(userId: $me) { message user { id } } }
            fragment Time on Subscription { supportMessages(userId: $me) { fromAdmin user { username } } }";
        let mut phone = Subscription::start(&haven, &anna, query, json!({"me": "me"})).await;
        // Its own words come back, so that it may wait for its being there.
        eventually(async || haven.app.presence.is_online(anna.id)).await;
        send(&haven, &anna, &anna, "heard once").await;
        send(&haven, &anna, &anna, "and then this").await;
        for message in ["heard once", "and then this"] {
            let user = json!({"id": anna.id.to_string(), "username": "anna"});
            let expected = json!({"message": message, "fromAdmin": false, "user": user});
            assert_eq!(phone.next().await["supportMessages"], expected);
        }
    }

    async fn a_message_says_whose_it_is(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let boss = haven.admin("boss").await;
        let first = send(&haven, &anna, &anna, " hello ").await;
        assert_eq!(first["message"], " hello ");
        assert_eq!(first["fromAdmin"], false);
        assert_eq!(first["sender"], "USER");
        assert_eq!(first["author"]["id"], anna.id.to_string());
        assert_eq!(first["session"]["receiver"], Value::Null);
        let second = send(&haven, &boss, &anna, "hello yourself").await;
        assert_eq!(second["fromAdmin"], true);
        assert_eq!(second["user"]["id"], anna.id.to_string());
        assert_eq!(second["author"]["id"], boss.id.to_string());
        assert_eq!(second["session"], json!({
            "id": first["session"]["id"], "type": "USER", "endedAt": null,
            "user": {"id": anna.id.to_string()}, "receiver": {"id": boss.id.to_string()},
        }));
    }

    async fn only_the_person_and_admins_write_into_a_room(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let bob = haven.person("bob").await;
        let boss = haven.admin("boss").await;
        for id in [anna.id, 4711] {
            let variables = json!({"to": id, "message": "x"});
            assert_eq!(haven.code(Some(&bob), SEND, variables.clone()).await, "FORBIDDEN");
            assert_eq!(haven.code(None, SEND, variables).await, "UNAUTHENTICATED");
        }
        let variables = json!({"to": 4711, "message": "x"});
        assert_eq!(haven.code(Some(&boss), SEND, variables).await, "NOT_FOUND");
    }

    async fn wrong_messages_are_refused_field_by_field(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let (long, long_key) = ("я".repeat(4001), "я".repeat(65));
        for (message, key, fields) in [
            ("", json!(null), json!([{"field": "message", "message": "This field may not be blank."}])),
            ("\u{2003}\n", json!("\0"), json!([
                {"field": "message", "message": "This field may not be blank."},
                {"field": "clientId", "message": "Null characters are not allowed."},
            ])),
            ("a\0", json!(""), json!([
                {"field": "message", "message": "Null characters are not allowed."},
                {"field": "clientId", "message": "This field may not be blank."},
            ])),
            (&long, json!(long_key), json!([
                {"field": "message", "message": "Ensure this field has no more than 4000 characters."},
                {"field": "clientId", "message": "Ensure this field has no more than 64 characters."},
            ])),
        ] {
            let variables = json!({"to": "me", "message": message, "key": key});
            let answer = haven.graphql(Some(&anna), SEND, variables).await;
            let extensions = &answer["errors"][0]["extensions"];
            assert_eq!(extensions["code"], "BAD_USER_INPUT");
            assert_eq!(extensions["fields"], fields);
        }
    }

    async fn a_resend_is_the_same_message(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let bob = haven.person("bob").await;
        let boss = haven.admin("boss").await;
        let variables = json!({"to": "me", "message": "hello", "key": "one"});
        // At the same instant, in a room that has no session yet.
        let attempts = (0..8).map(|_| haven.data(&anna, SEND, variables.clone()));
        let answers = futures_util::future::join_all(attempts).await;
        let ids: BTreeSet<&str> = answers
            .iter()
            .map(|data| data["sendSupportMessage"]["id"].as_str().unwrap())
            .collect();
        assert_eq!(ids.len(), 1, "{answers:#?}");
        // Another author's key is another key, and another key is another message.
        let other = haven.data(&bob, SEND, variables.clone()).await;
        assert!(!ids.contains(other["sendSupportMessage"]["id"].as_str().unwrap()));
        let more = haven.data(&anna, SEND, json!({"to": "me", "message": "hello", "key": "two"})).await;
        assert!(!ids.contains(more["sendSupportMessage"]["id"].as_str().unwrap()));
        // Also after the session ended, which stays as it is.
        let session = &answers[0]["sendSupportMessage"]["session"]["id"];
        let end = "mutation($id: ID!) { endChatSession(id: $id) { endedAt } }";
        haven.data(&anna, end, json!({"id": session})).await;
        let again = haven.data(&anna, SEND, variables).await;
        assert!(ids.contains(again["sendSupportMessage"]["id"].as_str().unwrap()));
        let chat = haven.data(&anna, "{ me { supportChat { id } } }", json!({})).await;
        assert_eq!(&chat["me"]["supportChat"]["id"], session);
        // A supporter's key can't mean messages to two people.
        haven.data(&boss, SEND, json!({"to": anna.id, "message": "x", "key": "k"})).await;
        let variables = json!({"to": bob.id, "message": "x", "key": "k"});
        assert_eq!(haven.code(Some(&boss), SEND, variables).await, "CONFLICT");
    }

    async fn messages_at_once_open_one_session_and_come_in_order(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let boss = haven.admin("boss").await;
        let mut live = Subscription::start(&haven, &anna, FOLLOW, json!({"id": "me"})).await;
        eventually(async || haven.app.presence.is_online(anna.id)).await;
        let texts: Vec<String> = (0..40).map(|number| format!("message {number}")).collect();
        let sending = texts.iter().enumerate().map(|(number, text)| {
            let by = if number % 2 == 0 { &anna } else { &boss };
            send(&haven, by, &anna, text)
        });
        let sent = futures_util::future::join_all(sending).await;
        let sessions: BTreeSet<&str> = sent.iter().map(|message| message["session"]["id"].as_str().unwrap()).collect();
        assert_eq!(sessions.len(), 1);
        let mut ids = Vec::new();
        for _ in &sent {
            let data = live.next().await;
            ids.push(data["supportMessages"]["id"].as_str().unwrap().parse::<i64>().unwrap());
        }
        assert!(ids.is_sorted() && ids.iter().collect::<BTreeSet<_>>().len() == 40, "{ids:?}");
        // From the middle on, all of it again.
        let variables = json!({"id": "me", "after": ids[19].to_string()});
        let mut resumed = Subscription::start(&haven, &anna, FOLLOW, variables).await;
        for id in &ids[20..] {
            assert_eq!(resumed.next().await["supportMessages"]["id"], id.to_string());
        }
        send(&haven, &boss, &anna, "live").await;
        assert_eq!(next(&mut resumed).await, "live");
        assert_eq!(next(&mut live).await, "live");
    }

    async fn two_nodes_open_one_session(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let viewer = haven.viewer(&anna).await;
        let other = App::new(haven.app.config.clone(), haven.app.clock.clone()).await.unwrap();
        for round in 0..5 {
            let sending = (0..8).map(|number| {
                let app = if number % 2 == 0 { &haven.app } else { &other };
                let (key, text) = (format!("{round} {}", number / 4), number.to_string());
                support::send(app, &viewer, UserRef::Me, text, Some(key), None)
            });
            let sent = futures_util::future::join_all(sending).await;
            let sent: Vec<_> = sent.into_iter().map(|message| message.unwrap().row).collect();
            let sessions: BTreeSet<i64> = sent.iter().map(|row| row.session_id).collect();
            let messages: BTreeSet<i64> = sent.iter().map(|row| row.id).collect();
            assert_eq!((sessions.len(), messages.len()), (1, 2), "{sent:?}");
            support::end(&haven.app, &viewer, sent[0].session_id).await.unwrap();
        }
    }

    async fn a_subscriber_that_lags_misses_nothing(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let boss = haven.admin("boss").await;
        let anna_viewer = haven.viewer(&anna).await;
        let boss_viewer = haven.viewer(&boss).await;
        let me = UserRef::Id(anna.id);
        let following = Following::default();
        let mut slow = Box::pin(support::room(&haven.app, &anna_viewer, me, following.clone()).await.unwrap());
        let mut desk = Box::pin(support::desk(&haven.app, &boss_viewer, true, None, None).await.unwrap());
        // More than the bus keeps for anybody.
        for number in 0..300 {
            let by = if number % 2 == 0 { &anna_viewer } else { &boss_viewer };
            support::send(&haven.app, by, me, number.to_string(), None, None).await.unwrap();
        }
        for number in 0..300 {
            let message = slow.next().await.unwrap().unwrap();
            assert_eq!(message.row.message, number.to_string());
        }
        // The desk puts first what nobody got; then the rest, each once.
        let mut posted = BTreeSet::new();
        while posted.len() < 300 {
            match desk.next().await.unwrap().unwrap() {
                DeskEvent::Posted(message) => {
                    assert!(posted.insert(message.row.id), "{} came twice", message.row.id);
                }
                DeskEvent::Connected(id) => assert_eq!(id, anna.id),
                other => panic!("{other:?}"),
            }
        }
        support::send(&haven.app, &anna_viewer, me, "last".into(), None, None).await.unwrap();
        let DeskEvent::Posted(message) = desk.next().await.unwrap().unwrap() else { panic!() };
        assert_eq!(message.row.message, "last");
    }

    async fn a_conversation_is_followed_by_its_two_sides_only(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let bob = haven.person("bob").await;
        let boss = haven.admin("boss").await;
        for id in [anna.id, 4711] {
            let mut refused = Subscription::start(&haven, &bob, FOLLOW, json!({"id": id})).await;
            assert_eq!(refused.code().await, "FORBIDDEN");
        }
        let mut refused = Subscription::start(&haven, &boss, FOLLOW, json!({"id": 4711})).await;
        assert_eq!(refused.code().await, "NOT_FOUND");
        let mut refused = Subscription::start(&haven, &bob, EVENTS, json!({})).await;
        assert_eq!(refused.code().await, "FORBIDDEN");
        let mut refused = Subscription::start(&haven, &bob, FOLLOW, json!({"id": "me", "after": "x"})).await;
        assert_eq!(refused.code().await, "BAD_USER_INPUT");
        // What Anna said waits for an admin, wherever that one looks; what she hears waits for her.
        send(&haven, &anna, &anna, "help").await;
        send(&haven, &boss, &anna, "coming").await;
        let mut inside = Subscription::start(&haven, &boss, FOLLOW, json!({"id": anna.id})).await;
        assert_eq!(next(&mut inside).await, "help");
        let mut phone = Subscription::start(&haven, &anna, FOLLOW, json!({"id": "me"})).await;
        assert_eq!(next(&mut phone).await, "coming");
    }

    async fn without_echo_a_connection_does_not_hear_itself(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let mut live = Subscription::start(&haven, &anna, FOLLOW, json!({"id": "me", "echo": false})).await;
        eventually(async || haven.app.presence.is_online(anna.id)).await;
        live.run(SEND, json!({"to": "me", "message": "over the same socket"})).await;
        send(&haven, &anna, &anna, "over another").await;
        assert_eq!(next(&mut live).await, "over another");
    }

    async fn the_desk_tells_admins_what_happens(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let bob = haven.person("bob").await;
        let (boss, second) = (haven.admin("boss").await, haven.admin("second").await);
        send(&haven, &bob, &bob, "while nobody looked").await;
        let phone = Subscription::start(&haven, &anna, FOLLOW, json!({"id": "me"})).await;
        eventually(async || haven.app.presence.is_online(anna.id)).await;
        let mut desk = Subscription::start(&haven, &boss, EVENTS, json!({})).await;
        let connected = json!({"__typename": "UserConnected", "user": {"id": anna.id.to_string()}});
        assert_eq!(desk.next().await["supportEvents"], connected);
        assert_eq!(desk.next().await["supportEvents"], json!({
            "__typename": "ChatMessagePosted",
            "message": {"message": "while nobody looked", "fromAdmin": false,
                "user": {"id": bob.id.to_string(), "username": "bob"}},
        }));
        desk.answer().await;
        eventually(async || waiting(&haven).await.is_empty()).await;
        let mut narrow = Subscription::start(&haven, &boss, EVENTS, json!({"colleagues": false})).await;
        assert_eq!(narrow.next().await["supportEvents"], connected);
        assert_eq!(haven.data(&boss, "query($id: ID!) { user(id: $id) { isOnline } }", json!({"id": anna.id})).await["user"]["isOnline"], true);
        send(&haven, &second, &bob, "a colleague").await;
        assert_eq!(desk.next().await["supportEvents"]["message"]["fromAdmin"], true);
        phone.close().await;
        assert_eq!(desk.next().await["supportEvents"]["__typename"], "UserDisconnected");
        assert_eq!(narrow.next().await["supportEvents"]["__typename"], "UserDisconnected");
    }

    async fn the_inbox_has_the_latest_first_and_costs_the_same_for_many(database) {
        let haven = Haven::start(database).await;
        let boss = haven.admin("boss").await;
        let mut people = Vec::new();
        for number in 0..7 {
            let person = haven.person(&format!("user{number}")).await;
            for text in ["one", "two", "three"] {
                send(&haven, &person, &person, text).await;
            }
            people.push(person);
        }
        send(&haven, &people[2], &people[2], "again").await;
        let inbox = "query($first: Int, $after: String) { supportInbox(first: $first, after: $after) {
            nodes { user { username isOnline supportChat { id } } receiver { username } messages(last: 2) { nodes { message author { username } session { id } } pageInfo { hasPreviousPage } } }
            pageInfo { hasNextPage endCursor }
        } }";
        let names = |data: &Value| -> Vec<String> {
            data["supportInbox"]["nodes"].as_array().unwrap().iter()
                .map(|node| node["user"]["username"].as_str().unwrap().to_owned()).collect()
        };
        let read = async |first: i32| {
            let read = async || haven.data(&boss, inbox, json!({"first": first})).await;
            haven.fewest_statements(read).await
        };
        let (cost_of_one, data) = read(1).await;
        assert_eq!(names(&data), ["user2"]);
        assert_eq!(data["supportInbox"]["nodes"][0]["messages"], json!({
            "nodes": [
                {"message": "three", "author": {"username": "user2"}, "session": {"id": data["supportInbox"]["nodes"][0]["user"]["supportChat"]["id"]}},
                {"message": "again", "author": {"username": "user2"}, "session": {"id": data["supportInbox"]["nodes"][0]["user"]["supportChat"]["id"]}},
            ],
            "pageInfo": {"hasPreviousPage": true},
        }));
        let (cost_of_four, data) = read(4).await;
        assert_eq!(names(&data), ["user2", "user6", "user5", "user4"]);
        assert_eq!(cost_of_four, cost_of_one);
        let after = data["supportInbox"]["pageInfo"]["endCursor"].clone();
        let data = haven.data(&boss, inbox, json!({"first": 4, "after": after})).await;
        assert_eq!(names(&data), ["user3", "user1", "user0"]);
        assert_eq!(data["supportInbox"]["pageInfo"]["hasNextPage"], false);
        assert_eq!(haven.code(Some(&people[0]), inbox, json!({})).await, "FORBIDDEN");
    }

    async fn a_session_is_ended_by_its_two_sides_only(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let bob = haven.person("bob").await;
        let boss = haven.admin("boss").await;
        let end = "mutation($id: ID!) { endChatSession(id: $id) { id endedAt messages(first: 5) { nodes { message } } } }";
        let message = send(&haven, &anna, &anna, "hello").await;
        let id = &message["session"]["id"];
        for unknown in [id, &json!("4711"), &json!("x")] {
            assert_eq!(haven.code(Some(&bob), end, json!({"id": unknown})).await, "NOT_FOUND");
        }
        let ended = haven.data(&boss, end, json!({"id": id})).await["endChatSession"].clone();
        assert_eq!(ended["messages"]["nodes"], json!([{"message": "hello"}]));
        assert_ne!(ended["endedAt"], Value::Null);
        haven.app.clock.advance(chrono::TimeDelta::hours(1));
        assert_eq!(haven.data(&anna, end, json!({"id": id})).await["endChatSession"], ended);
        let next = send(&haven, &anna, &anna, "and another").await;
        assert_ne!(&next["session"]["id"], id);
        // What the assistant was told is nobody else's.
        let ask = "mutation { askAssistant(userId: \"me\", text: \"hello\") { message { session { id } } } }";
        let talk = haven.data(&anna, ask, json!({})).await;
        let talk = &talk["askAssistant"]["message"]["session"]["id"];
        assert_eq!(haven.code(Some(&boss), end, json!({"id": talk})).await, "NOT_FOUND");
        let chats = "query($id: ID!) { user(id: $id) { assistantChats { nodes { id type } } } }";
        assert_eq!(haven.code(Some(&boss), chats, json!({"id": anna.id})).await, "FORBIDDEN");
        let data = haven.data(&anna, chats, json!({"id": "me"})).await;
        assert_eq!(data["user"]["assistantChats"]["nodes"], json!([{"id": talk, "type": "GPT"}]));
        haven.data(&anna, end, json!({"id": talk})).await;
    }

    async fn the_address_of_the_socket(database) {
        let haven = Haven::with(database, |config| {
            config.public_url = Some("https://haven.example/below/".parse().unwrap());
        }).await;
        let anna = haven.person("anna").await;
        let bob = haven.person("bob").await;
        let boss = haven.admin("boss").await;
        let open = "mutation($id: ID!) { openSupportChat(userId: $id) { user { id } isAdmin websocketUrl } }";
        for (by, id, is_admin) in [(&anna, json!("me"), false), (&boss, json!(anna.id), true)] {
            let data = haven.data(by, open, json!({"id": id})).await;
            assert_eq!(data["openSupportChat"], json!({
                "user": {"id": anna.id.to_string()},
                "isAdmin": is_admin,
                "websocketUrl": format!("wss://haven.example/below/ws/chat/{}/", anna.id),
            }));
        }
        for id in [anna.id, 4711] {
            assert_eq!(haven.code(Some(&bob), open, json!({"id": id})).await, "FORBIDDEN");
        }
        assert_eq!(haven.code(Some(&boss), open, json!({"id": 4711})).await, "NOT_FOUND");
    }

    async fn only_messages_to_ones_own_side_are_given_back(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let bob = haven.person("bob").await;
        let boss = haven.admin("boss").await;
        let (asked, answered) = (send(&haven, &anna, &anna, "help").await, send(&haven, &boss, &anna, "coming").await);
        let ids = json!([asked["id"], answered["id"], "x", "4711"]);
        let give_back = "mutation($ids: [ID!]!) { returnSupportMessages(ids: $ids) }";
        let mut inside = Subscription::start(&haven, &boss, FOLLOW, json!({"id": anna.id})).await;
        assert_eq!(next(&mut inside).await, "help");
        let mut phone = Subscription::start(&haven, &anna, FOLLOW, json!({"id": "me"})).await;
        assert_eq!(next(&mut phone).await, "coming");
        phone.close().await;
        inside.close().await;
        eventually(async || waiting(&haven).await.is_empty()).await;
        assert_eq!(haven.code(None, give_back, json!({"ids": ids})).await, "UNAUTHENTICATED");
        haven.data(&bob, give_back, json!({"ids": ids})).await;
        assert!(waiting(&haven).await.is_empty());
        haven.data(&anna, give_back, json!({"ids": ids})).await;
        assert_eq!(waiting(&haven).await, ["coming"]);
        haven.data(&boss, give_back, json!({"ids": ids})).await;
        assert_eq!(waiting(&haven).await, ["help", "coming"]);
        let many: Vec<String> = (1..=1001).map(|id: i32| id.to_string()).collect();
        assert_eq!(haven.code(Some(&anna), give_back, json!({"ids": many})).await, "BAD_USER_INPUT");
    }

    async fn what_a_phone_out_of_reach_did_not_take_comes_with_its_next_connection(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let boss = haven.admin("boss").await;
        let mut phone = Subscription::start(&haven, &anna, FOLLOW, json!({"id": "me"})).await;
        send(&haven, &boss, &anna, "one").await;
        assert_eq!(next(&mut phone).await, "one");
        send(&haven, &boss, &anna, "two").await;
        // Reading on answers the ping behind the first, and not that behind the second.
        assert_eq!(next(&mut phone).await, "two");
        eventually(async || waiting(&haven).await == ["two"]).await;
        phone.break_off();
        let mut phone = Subscription::start(&haven, &anna, FOLLOW, json!({"id": "me"})).await;
        assert_eq!(next(&mut phone).await, "two");
        phone.close().await;
        eventually(async || waiting(&haven).await.is_empty()).await;
    }

    async fn the_end_of_the_login_ends_a_subscription(database) {
        let haven = Haven::start(database).await;
        let anna = haven.person("anna").await;
        let viewer = haven.viewer(&anna).await;
        let me = UserRef::Me;
        let following = Following::default();
        let mut live = Box::pin(support::room(&haven.app, &viewer, me, following.clone()).await.unwrap());
        haven.data(&anna, "mutation { logout }", json!({})).await;
        assert!(live.next().await.unwrap().is_err());
        assert!(live.next().await.is_none());
        assert!(!haven.app.presence.is_online(anna.id));
        // Nor does one begin that the end overtook.
        assert!(support::room(&haven.app, &viewer, me, following).await.is_err());
    }
}
