//! The support chat: the legacy sockets beside a GraphQL client, in one room.

use serde_json::json;

use crate::device::{Socket, Subscription};
use crate::{Cast, Stage};

const FOLLOW: &str = "subscription($after: ID) { supportMessages(userId: \"me\", after: $after) { id message fromAdmin } }";

/// What is still open when Anna and the supporter have talked.
pub struct Open {
    pub tablet: Socket,
    pub newer: Subscription,
    pub desk: Socket,
}

/// A frame as Anna's sockets hear it.
pub fn to_anna(message: &str, from_admin: bool) -> String {
    format!(
        r#"{{"event":"chat_message","message":"{message}","identifier":"2","user_id":"2","from_admin":{from_admin}}}"#
    )
}

/// A frame as the supporter's socket hears it.
pub fn to_desk(event: &str, message: &str) -> String {
    format!(r#"{{"event":"{event}","message":"{message}","identifier":"2","user_id":"2"}}"#)
}

/// Anna and the supporter talk.
pub async fn talk(stage: &Stage, cast: &Cast) -> Open {
    let story = &stage.story;
    let address = stage.running.address;

    story.step("Anna asks where the support chat is");
    let answer = cast.phone.get("/api/v1/chat/user/support/me/").await;
    answer.assert_is(
        200,
        &format!(r#"{{"user_id":2,"is_admin":false,"websocket_url":"ws://{address}/ws/chat/2/"}}"#),
    );
    let url = answer.json()["websocket_url"].as_str().unwrap().to_owned();

    story.step("Anna opens it on two devices and writes; no supporter is there");
    let mut phone = cast.phone.socket(&url).await;
    let mut tablet = cast.tablet.socket(&url).await;
    phone
        .say(r#"{"message": "Мне нужна помощь с приложением"}"#)
        .await;
    tablet
        .hears(&to_anna("Мне нужна помощь с приложением", false))
        .await;
    story.seen("Her other device has it, so it is stored; the sending one hears no echo.");

    story.step("The supporter connects: learns who is there, then what was missed");
    let mut desk = cast.desk.socket_at("/ws/chat/admin/").await;
    desk.hears(&to_desk("user_connected", "")).await;
    desk.hears(&to_desk("chat_message", "Мне нужна помощь с приложением"))
        .await;

    story.step("The supporter answers; each of Anna's devices receives it");
    desk.say(r#"{"message": "Чем я могу вам помочь?", "user_id": "2"}"#)
        .await;
    for socket in [&mut phone, &mut tablet] {
        socket.hears(&to_anna("Чем я могу вам помочь?", true)).await;
    }

    story.step("The newer app follows the same chat by GraphQL, from the message it has");
    let chat = "{ me { isOnline supportChat { messages { nodes { id message fromAdmin } } } } }";
    let chat = cast.tablet.graphql(chat, json!({})).await;
    let nodes = &chat["me"]["supportChat"]["messages"]["nodes"];
    assert_eq!(nodes.as_array().unwrap().len(), 2);
    assert_eq!(chat["me"]["isOnline"], true);
    let after = json!({"after": nodes[0]["id"]});
    let mut newer = cast.tablet.follow(FOLLOW, after).await;
    assert_eq!(newer.next().await["supportMessages"], nodes[1]);

    story.step("Anna writes with the newer app; everybody else hears it on the old sockets");
    cast.tablet
        .graphql(
            "mutation { sendSupportMessage(userId: \"me\", message: \"Как сменить мелодию?\", clientId: \"draft-1\") { id clientId } }",
            json!({}),
        )
        .await;
    assert_eq!(
        newer.next().await["supportMessages"]["message"],
        "Как сменить мелодию?"
    );
    for socket in [&mut phone, &mut tablet] {
        socket.hears(&to_anna("Как сменить мелодию?", false)).await;
    }
    desk.hears(&to_desk("chat_message", "Как сменить мелодию?"))
        .await;

    story.step("The supporter answers; old and new devices receive it");
    desk.say(r#"{"message": "В профиле, раздел «Музыка».", "user_id": 2}"#)
        .await;
    for socket in [&mut phone, &mut tablet] {
        socket
            .hears(&to_anna("В профиле, раздел «Музыка».", true))
            .await;
    }
    let data = newer.next().await;
    assert_eq!(
        (
            &data["supportMessages"]["message"],
            &data["supportMessages"]["fromAdmin"]
        ),
        (&json!("В профиле, раздел «Музыка»."), &json!(true))
    );

    story.step("Wrong frames are answered, and the sockets stay open");
    phone.say("hello?").await;
    phone
        .hears(r#"{"event":"error","message":"The frame is not valid JSON."}"#)
        .await;
    phone.say(r#"{"text": "hello?"}"#).await;
    phone
        .hears(r#"{"event":"error","message":"message: This field is required."}"#)
        .await;
    desk.say(r#"{"message": "Вы здесь?", "user_id": "4711"}"#)
        .await;
    desk.hears(r#"{"event":"error","message":"User not found."}"#)
        .await;
    phone.say(r#"{"message": "Спасибо!"}"#).await;
    desk.hears(&to_desk("chat_message", "Спасибо!")).await;
    tablet.hears(&to_anna("Спасибо!", false)).await;
    assert_eq!(newer.next().await["supportMessages"]["message"], "Спасибо!");

    story.step("Anna logs out on the phone: its socket closes and its token is worth nothing; the tablet stays");
    let data = cast.phone.graphql("mutation { logout }", json!({})).await;
    assert_eq!(data, json!({"logout": true}));
    phone.closes_with(1008).await;
    cast.phone
        .get("/api/v1/user/me/")
        .await
        .assert_is(401, r#"{"detail":"Invalid token."}"#);
    desk.say(r#"{"message": "Берегите себя.", "user_id": "2"}"#)
        .await;
    tablet.hears(&to_anna("Берегите себя.", true)).await;
    assert_eq!(
        newer.next().await["supportMessages"]["message"],
        "Берегите себя."
    );
    Open {
        tablet,
        newer,
        desk,
    }
}
