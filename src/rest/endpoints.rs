//! The documented endpoints as a table, one row per method and path.

use super::operation::Operation;
use crate::error::Noun;

/// How the data of an operation becomes the documented body.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// The data as it is.
    Whole,
    /// One field of the data.
    Only(&'static str),
    /// A fixed message; the data is not shown.
    Message(u16, &'static str),
    /// A fixed message with the data beside it, under this name.
    Beside(&'static str, &'static str),
    /// What was created (201) or updated (200): the data says which by `created` and holds the
    /// thing as `data`.
    Saved {
        /// The message for a new thing.
        created: &'static str,
        /// The message for a changed one.
        updated: &'static str,
    },
}

/// One documented endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Endpoint {
    /// The HTTP method.
    pub method: &'static str,
    /// The path, without the slash at its end.
    pub path: &'static str,
    /// The operation that does it.
    pub operation: &'static str,
    /// Whether it is for everybody: the `Authorization` header is not looked at.
    pub public: bool,
    /// Whether HEAD asks for it too.
    pub head: bool,
    /// Where in the data the body is.
    pub at: &'static str,
    /// What becomes of it.
    pub answer: Answer,
    /// Fields of the body in which null is said as an empty text.
    pub empty_for_null: &'static [&'static str],
    /// Where in the data the user's id for `X-User-Id` is.
    pub user_id: Option<&'static str>,
    /// Whether it belongs to an alarm, and may not wait behind what doesn't.
    pub alarm: bool,
    /// The text where a required field is missing, null or blank.
    pub missing: Option<&'static str>,
    /// The text for those who may not.
    pub forbidden: &'static str,
    /// The texts for what does not exist.
    pub not_found: &'static [(Noun, &'static str)],
}

/// Whether what is asked for at this path of a route belongs to an alarm.
#[must_use]
pub fn belongs_to_alarm(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    ENDPOINTS.iter().any(|row| row.alarm && row.path == path)
}

/// The table as Markdown: which operation stands behind which endpoint, for those who leave the
/// legacy API.
///
/// # Errors
/// If an operation document does not parse.
pub fn markdown() -> anyhow::Result<String> {
    let mut text = "| REST | GraphQL |\n| --- | --- |\n".to_owned();
    for endpoint in ENDPOINTS {
        let operation = Operation::parse(endpoint.operation)?;
        let Endpoint { method, path, .. } = endpoint;
        let line = format!("| `{method} {path}/` | `{}` |\n", operation.summary());
        text.push_str(&line);
    }
    Ok(text)
}

const ROW: Endpoint = Endpoint {
    method: "GET",
    path: "",
    operation: "",
    public: false,
    head: false,
    at: "",
    answer: Answer::Whole,
    empty_for_null: &[],
    user_id: None,
    alarm: false,
    missing: None,
    forbidden: "You are not authorized to access this user's data.",
    not_found: &[],
};

const NO_USER_INFO: &str = "UserInfo not found for this user.";
const NO_USER: &[(Noun, &str)] = &[(Noun::User, "User not found")];

const TRIGGER: Endpoint = Endpoint {
    path: "/api/v1/event/trigger/{user_id}",
    operation: include_str!("operations/trigger_alarm.graphql"),
    at: "/triggerAlarm/alarm",
    forbidden: "You are not authorized to trigger an alarm for this user.",
    not_found: &[
        (Noun::User, "User or UserInfo not found"),
        (Noun::Profile, "User or UserInfo not found"),
        (
            Noun::AlarmScenario,
            "No AlarmScenario associated with this user",
        ),
    ],
    alarm: true,
    ..ROW
};

/// Every documented endpoint, in the order of the documentation. The alarm is there twice,
/// because it is taken by POST as well.
pub const ENDPOINTS: [Endpoint; 13] = [
    Endpoint {
        method: "POST",
        path: "/api/v1/user/registration",
        operation: include_str!("operations/register.graphql"),
        public: true,
        at: "/register",
        answer: Answer::Message(201, "User Created"),
        user_id: Some("/register/id"),
        ..ROW
    },
    Endpoint {
        method: "POST",
        path: "/api/v1/user/login",
        operation: include_str!("operations/login.graphql"),
        public: true,
        at: "/login",
        answer: Answer::Only("token"),
        user_id: Some("/login/user/id"),
        missing: Some("Username and password are required."),
        ..ROW
    },
    Endpoint {
        path: "/api/v1/user/{user_id}",
        operation: include_str!("operations/profile.graphql"),
        head: true,
        at: "/user/profile",
        not_found: &[(Noun::User, NO_USER_INFO), (Noun::Profile, NO_USER_INFO)],
        ..ROW
    },
    Endpoint {
        method: "PATCH",
        path: "/api/v1/user/edit/{user_id}",
        operation: include_str!("operations/update_profile.graphql"),
        at: "/updateProfile",
        answer: Answer::Beside("UserInfo updated successfully.", "updated_data"),
        not_found: &[(Noun::User, NO_USER_INFO), (Noun::Profile, NO_USER_INFO)],
        ..ROW
    },
    Endpoint {
        method: "PATCH",
        path: "/api/v1/user/edit/contact/{user_id}",
        operation: include_str!("operations/save_emergency_contact.graphql"),
        at: "/saveEmergencyContact",
        answer: Answer::Saved {
            created: "A new emergency contact has been created.",
            updated: "Emergency contact has been updated.",
        },
        empty_for_null: &["email"],
        missing: Some("The 'name', 'phone', and 'relationship' fields are required."),
        forbidden: "You are not authorized to edit another user's emergency contact.",
        not_found: &[
            (Noun::User, "User not found"),
            (
                Noun::EmergencyContact,
                "Emergency contact not found for this user.",
            ),
        ],
        ..ROW
    },
    Endpoint {
        method: "PUT",
        path: "/api/v1/user/create/therapist/{user_id}",
        operation: include_str!("operations/save_therapist.graphql"),
        at: "/saveTherapist",
        answer: Answer::Saved {
            created: "A new therapist contact has been created.",
            updated: "Therapist contact has been updated.",
        },
        missing: Some("The 'name', 'phone', and 'email' fields are required."),
        forbidden: "You are not authorized to edit another user's therapist contact.",
        not_found: NO_USER,
        ..ROW
    },
    Endpoint {
        method: "PATCH",
        path: "/api/v1/user/edit/therapist/{user_id}",
        operation: include_str!("operations/update_therapist.graphql"),
        at: "/updateTherapist",
        answer: Answer::Beside("Therapist contact has been updated.", "data"),
        forbidden: "You are not authorized to edit another user's therapist contact.",
        not_found: &[
            (Noun::User, "User not found"),
            (
                Noun::Therapist,
                "Therapist contact not found for this user.",
            ),
        ],
        ..ROW
    },
    Endpoint {
        path: "/api/v1/user/music",
        operation: include_str!("operations/music_tracks.graphql"),
        head: true,
        at: "/musicTracks",
        ..ROW
    },
    Endpoint {
        method: "POST",
        path: "/api/v1/user/music/edit/{user_id}",
        operation: include_str!("operations/select_music.graphql"),
        at: "/selectMusic",
        answer: Answer::Message(200, "Music track updated successfully"),
        missing: Some("Music ID is required"),
        forbidden: "You are not authorized to edit this user's music preferences.",
        not_found: &[
            (Noun::User, "User not found"),
            (Noun::Profile, NO_USER_INFO),
            (Noun::MusicTrack, "Music track not found"),
        ],
        ..ROW
    },
    TRIGGER,
    Endpoint {
        method: "POST",
        ..TRIGGER
    },
    Endpoint {
        method: "POST",
        path: "/api/v1/chat/{user_id}",
        operation: include_str!("operations/ask_assistant.graphql"),
        at: "/askAssistant",
        missing: Some("Message text is required"),
        forbidden: "You are not authorized to send messages to this user",
        not_found: NO_USER,
        ..ROW
    },
    Endpoint {
        path: "/api/v1/chat/user/support/{user_id}",
        operation: include_str!("operations/open_support_chat.graphql"),
        head: true,
        at: "/openSupportChat",
        forbidden: "You are not authorized to access this chat",
        not_found: NO_USER,
        ..ROW
    },
];
