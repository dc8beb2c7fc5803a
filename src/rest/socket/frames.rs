//! The frames of the legacy contract, out and in.

use async_graphql::Value as GraphQlValue;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::connection::Way;
use crate::error::{Error, Problem};

/// A frame on its way out. The fields are the documented ones, in the documented order.
#[derive(Serialize)]
struct Frame<'a> {
    event: &'a str,
    message: &'a str,
    identifier: &'a str,
    user_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_admin: Option<bool>,
}

/// Says that a frame that came in was wrong.
#[derive(Serialize)]
struct ErrorFrame<'a> {
    event: &'a str,
    message: &'a str,
}

/// What the subscription of a room says.
#[derive(Deserialize)]
struct Room {
    #[serde(rename = "supportMessages")]
    message: Message,
}

/// What the subscription of the desk says.
#[derive(Deserialize)]
struct Desk {
    #[serde(rename = "supportEvents")]
    event: DeskEvent,
}

#[derive(Deserialize)]
#[serde(tag = "__typename")]
enum DeskEvent {
    ChatMessagePosted { message: Message },
    UserConnected { user: User },
    UserDisconnected { user: User },
}

#[derive(Deserialize)]
struct Message {
    id: String,
    message: String,
    from_admin: bool,
    user: User,
}

#[derive(Deserialize)]
struct User {
    id: String,
}

/// A frame, and the message in it, where it matters that it arrives.
pub(super) struct Outgoing {
    pub text: String,
    pub message_id: Option<String>,
}

/// Shapes what a subscription says.
pub(super) fn outgoing(way: &Way, data: GraphQlValue) -> Result<Outgoing, serde_json::Error> {
    let data = data.into_json()?;
    let (event, message, user) = match way {
        Way::Room(_) => {
            let Room { message } = serde_json::from_value(data)?;
            return chat_message(&message, Some(message.from_admin));
        }
        Way::Desk => match serde_json::from_value::<Desk>(data)?.event {
            DeskEvent::ChatMessagePosted { message } => {
                // The documented frame of an admin has no such field; a colleague's says so.
                return chat_message(&message, message.from_admin.then_some(true));
            }
            DeskEvent::UserConnected { user } => ("user_connected", "", user),
            DeskEvent::UserDisconnected { user } => ("user_disconnected", "", user),
        },
    };
    Ok(Outgoing {
        text: serde_json::to_string(&Frame {
            event,
            message,
            identifier: &user.id,
            user_id: &user.id,
            from_admin: None,
        })?,
        message_id: None,
    })
}

fn chat_message(
    message: &Message,
    from_admin: Option<bool>,
) -> Result<Outgoing, serde_json::Error> {
    Ok(Outgoing {
        text: serde_json::to_string(&Frame {
            event: "chat_message",
            message: &message.message,
            identifier: &message.user.id,
            user_id: &message.user.id,
            from_admin,
        })?,
        message_id: Some(message.id.clone()),
    })
}

/// The answer to a frame that was wrong.
pub(super) fn error_frame(what: &str) -> Result<String, serde_json::Error> {
    serde_json::to_string(&ErrorFrame {
        event: "error",
        message: what,
    })
}

/// What a client wants to say, and in whose room.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Incoming {
    pub user_id: String,
    pub message: String,
}

/// Reads a frame that came in; or says what is wrong with it.
pub(super) fn incoming(way: &Way, text: &str) -> Result<Incoming, String> {
    let frame: Value =
        serde_json::from_str(text).map_err(|_| "The frame is not valid JSON.".to_owned())?;
    let Value::Object(frame) = frame else {
        return Err("The frame has to be a JSON object.".to_owned());
    };
    let message = match member(&frame, "message")? {
        Value::String(text) => text.clone(),
        _ => return Err(wrong("message", &Problem::NotString)),
    };
    let user_id = match way {
        Way::Room(user_id) => user_id.clone(),
        Way::Desk => match member(&frame, "user_id")? {
            Value::String(id) => id.clone(),
            Value::Number(id) => id.to_string(),
            _ => return Err(wrong("user_id", &Problem::NotInteger)),
        },
    };
    Ok(Incoming { user_id, message })
}

fn member<'a>(frame: &'a Map<String, Value>, name: &str) -> Result<&'a Value, String> {
    match frame.get(name) {
        None => Err(wrong(name, &Problem::Required)),
        Some(Value::Null) => Err(wrong(name, &Problem::Null)),
        Some(value) => Ok(value),
    }
}

/// What is wrong with a message that the schema refused.
pub(super) fn refused(error: &Error) -> String {
    match error {
        Error::Invalid(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|field| wrong(field.field, &field.problem))
                .collect();
            fields.join(" ")
        }
        other => other.to_string(),
    }
}

fn wrong(field: &str, problem: &Problem) -> String {
    format!("{field}: {problem}")
}
