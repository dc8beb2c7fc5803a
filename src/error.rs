//! The one error of haven and its classification.
//!
//! Everything below the transports returns [`Error`]. It is presented twice, from the same
//! value: as GraphQL `extensions` by `graphql::errors`, and as the documented legacy bodies
//! by `rest::errors`. Neither presenter looks at message texts.

use std::fmt;

use sea_orm::{DbErr, RuntimeErr, SqlxError};

/// Result of everything in the domain.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What kind of failure an [`Error`] is; clients branch on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// Nobody is logged in, or the presented credentials are no good.
    Unauthenticated,
    /// Somebody is logged in, but may not do this.
    Forbidden,
    /// The thing asked for does not exist, or is not the caller's to see.
    NotFound,
    /// The input is wrong; the fields say where.
    BadUserInput,
    /// The input contradicts what is stored.
    Conflict,
    /// Too many requests; later is fine.
    RateLimited,
    /// A part of the service is out of reach; later may be fine.
    Unavailable,
    /// A fault of the server; the request id finds it in the log.
    Internal,
}

impl Code {
    /// The value of `extensions.code` and the status a plain HTTP answer has.
    #[must_use]
    pub const fn parts(self) -> (&'static str, u16) {
        match self {
            Self::Unauthenticated => ("UNAUTHENTICATED", 401),
            Self::Forbidden => ("FORBIDDEN", 403),
            Self::NotFound => ("NOT_FOUND", 404),
            Self::BadUserInput => ("BAD_USER_INPUT", 400),
            Self::Conflict => ("CONFLICT", 409),
            Self::RateLimited => ("RATE_LIMITED", 429),
            Self::Unavailable => ("UNAVAILABLE", 503),
            Self::Internal => ("INTERNAL", 500),
        }
    }
}

/// A kind of thing that can be missing. One noun, one name, as in the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Noun {
    /// A user account.
    User,
    /// The profile of a user (`UserInfo` in the legacy documentation).
    Profile,
    /// An emergency contact.
    EmergencyContact,
    /// A therapist.
    Therapist,
    /// A music track.
    MusicTrack,
    /// An alarm scenario.
    AlarmScenario,
    /// An alarm.
    Alarm,
    /// A notification of an alarm.
    Notification,
    /// A chat session.
    ChatSession,
    /// A chat message.
    ChatMessage,
    /// An answer of the assistant.
    AssistantAnswer,
    /// A login session.
    Session,
}

impl fmt::Display for Noun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "User",
            Self::Profile => "Profile",
            Self::EmergencyContact => "Emergency contact",
            Self::Therapist => "Therapist",
            Self::MusicTrack => "Music track",
            Self::AlarmScenario => "Alarm scenario",
            Self::Alarm => "Alarm",
            Self::Notification => "Notification",
            Self::ChatSession => "Chat session",
            Self::ChatMessage => "Chat message",
            Self::AssistantAnswer => "Answer",
            Self::Session => "Session",
        })
    }
}

/// Why the caller counts as nobody. The texts are part of the legacy contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unauthenticated {
    /// No token was sent, or a scheme haven does not know.
    NotProvided,
    /// The header holds a scheme and no token.
    NoToken,
    /// The header holds a token with spaces in it.
    TokenWithSpaces,
    /// The token is unknown, revoked or expired.
    InvalidToken,
    /// The token belongs to a deactivated user.
    Inactive,
    /// Username and password do not match an account.
    WrongCredentials,
}

impl fmt::Display for Unauthenticated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotProvided => "Authentication credentials were not provided.",
            Self::NoToken => "Invalid token header. No credentials provided.",
            Self::TokenWithSpaces => {
                "Invalid token header. Token string should not contain spaces."
            }
            Self::InvalidToken => "Invalid token.",
            Self::Inactive => "User inactive or deleted.",
            Self::WrongCredentials => "Invalid credentials.",
        })
    }
}

/// What is wrong with one field. `Display` gives the words of the legacy contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The field has to be there and isn't.
    Required,
    /// The field is there and empty.
    Blank,
    /// The field is null and must not be.
    Null,
    /// Not an integer.
    NotInteger,
    /// Not a boolean.
    NotBoolean,
    /// Not a string.
    NotString,
    /// Above the greatest value allowed.
    AtMost(i64),
    /// Below the least value allowed.
    AtLeast(i64),
    /// Longer than this many characters.
    TooLong(usize),
    /// Holds a NUL character, which PostgreSQL can't store.
    NullCharacter,
    /// Names something that does not exist, or is not the caller's.
    Unknown(Noun),
    /// Anything else, in words fit for the person who typed it.
    Other(&'static str),
}

impl Problem {
    /// Whether the value is simply absent: left out, null or blank.
    #[must_use]
    pub const fn is_missing(&self) -> bool {
        matches!(self, Self::Required | Self::Blank | Self::Null)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Required => f.write_str("This field is required."),
            Self::Blank => f.write_str("This field may not be blank."),
            Self::Null => f.write_str("This field may not be null."),
            Self::NotInteger => f.write_str("A valid integer is required."),
            Self::NotBoolean => f.write_str("Must be a valid boolean."),
            Self::NotString => f.write_str("Not a valid string."),
            Self::AtMost(n) => write!(f, "Ensure this value is less than or equal to {n}."),
            Self::AtLeast(n) => write!(f, "Ensure this value is greater than or equal to {n}."),
            Self::TooLong(n) => {
                write!(f, "Ensure this field has no more than {n} characters.")
            }
            Self::NullCharacter => f.write_str("Null characters are not allowed."),
            Self::Unknown(noun) => write!(f, "{noun} not found."),
            Self::Other(text) => f.write_str(text),
        }
    }
}

/// One wrong field: the name the client used (camelCase in GraphQL) and what is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The input field or argument, as the schema spells it.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: Problem,
}

/// Everything that can go wrong below the transports.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody is logged in.
    #[error("{0}")]
    Unauthenticated(Unauthenticated),
    /// The caller may not do this.
    #[error("You are not authorized to do this.")]
    Forbidden,
    /// The thing does not exist, or is not the caller's to see.
    #[error("{0} not found.")]
    NotFound(Noun),
    /// Fields are wrong. None of them only where a transport refused the input as a whole.
    #[error("The input is not valid.")]
    Invalid(Vec<FieldError>),
    /// The input contradicts what is stored.
    #[error("{0}")]
    Conflict(&'static str),
    /// Too many requests.
    #[error("Too many requests. Try again later.")]
    RateLimited,
    /// A part of the service is out of reach.
    #[error("The service is busy. Try again later.")]
    Unavailable,
    /// A database fault; never shown.
    #[error("Internal server error.")]
    Database(#[source] DbErr),
    /// Any other fault; never shown.
    #[error("Internal server error.")]
    Internal(#[source] anyhow::Error),
}

impl Error {
    /// The classification that both presenters use.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::Unauthenticated(_) => Code::Unauthenticated,
            Self::Forbidden => Code::Forbidden,
            Self::NotFound(_) => Code::NotFound,
            Self::Invalid(_) => Code::BadUserInput,
            Self::Conflict(_) => Code::Conflict,
            Self::RateLimited => Code::RateLimited,
            Self::Unavailable => Code::Unavailable,
            Self::Database(_) | Self::Internal(_) => Code::Internal,
        }
    }

    /// An input error with a single wrong field.
    #[must_use]
    pub fn field(field: &'static str, problem: Problem) -> Self {
        Self::Invalid(vec![FieldError { field, problem }])
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        if is_out_of_reach(&error) {
            tracing::error!(%error, "the database is out of reach");
            Self::Unavailable
        } else {
            Self::Database(error)
        }
    }
}

/// Whether a database is out of reach rather than asked something wrong: a client does well to
/// try again.
#[must_use]
pub fn is_out_of_reach(error: &DbErr) -> bool {
    let cause = match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => return true,
        DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause)) => {
            cause.as_ref()
        }
        _ => return false,
    };
    match cause {
        SqlxError::Io(_)
        | SqlxError::Tls(_)
        | SqlxError::PoolTimedOut
        | SqlxError::PoolClosed
        | SqlxError::WorkerCrashed => true,
        // PostgreSQL stops, crashed, starts, has no connection left, ended one that did nothing
        // within a transaction, or one of two that waited for each other: https://www.postgresql.org/docs/current/errcodes-appendix.html.
        // SQLite is busy with another writer, as it is, in recovery, with an older snapshot, or
        // until a time-out: https://www.sqlite.org/rescode.html#busy
        SqlxError::Database(cause) => cause.code().is_some_and(|code| {
            matches!(
                &*code,
                "57P01"
                    | "57P02"
                    | "57P03"
                    | "53300"
                    | "25P03"
                    | "40P01"
                    | "5"
                    | "261"
                    | "517"
                    | "773"
            )
        }),
        _ => false,
    }
}

impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Self {
        Self::Internal(error)
    }
}
