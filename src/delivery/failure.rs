//! Why a notification was not sent.

use crate::language::Language;

/// The reason, as stored in a notification's `failure` and as told to people. Never holds what
/// a mail server said, nor an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The recipient has no address for this channel.
    NoAddress,
    /// What is stored as the address is none.
    InvalidAddress,
    /// The mail server refused the recipient for good.
    AddressRejected,
    /// The mail server refused the message for good.
    MessageRejected,
    /// The mail server can't be talked to, or refuses for now.
    ServerRefused,
    /// The connection failed or broke.
    ServerUnreachable,
    /// No answer in time.
    Timeout,
    /// The mail could not be written as a file.
    NotWritten,
    /// A day of trying was not enough.
    Expired,
    /// The alarm was over before it was sent.
    AlarmCompleted,
    /// An admin stopped it.
    Cancelled,
}

impl Failure {
    const ALL: [Self; 11] = [
        Self::NoAddress,
        Self::InvalidAddress,
        Self::AddressRejected,
        Self::MessageRejected,
        Self::ServerRefused,
        Self::ServerUnreachable,
        Self::Timeout,
        Self::NotWritten,
        Self::Expired,
        Self::AlarmCompleted,
        Self::Cancelled,
    ];

    /// The word stored and shown to clients.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoAddress => "no_address",
            Self::InvalidAddress => "invalid_address",
            Self::AddressRejected => "address_rejected",
            Self::MessageRejected => "message_rejected",
            Self::ServerRefused => "server_refused",
            Self::ServerUnreachable => "server_unreachable",
            Self::Timeout => "timeout",
            Self::NotWritten => "not_written",
            Self::Expired => "expired",
            Self::AlarmCompleted => "alarm_completed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the fault is the address itself, so that every later message to it will fail too.
    #[must_use]
    pub const fn is_of_address(self) -> bool {
        matches!(self, Self::InvalidAddress | Self::AddressRejected)
    }

    /// Reads a stored word.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|failure| failure.code() == code)
    }

    /// The reason in words for the person who pressed, as the end of a sentence.
    #[must_use]
    pub const fn reason(self, language: Language) -> &'static str {
        match (self, language) {
            (Self::NoAddress, Language::Ru) => "не указан email.",
            (Self::NoAddress, Language::En) => "no email address is given.",
            (Self::InvalidAddress, Language::Ru) => "указан неверный email.",
            (Self::InvalidAddress, Language::En) => "the email address given is not valid.",
            (Self::AddressRejected, Language::Ru) => "почтовый сервер отклонил адрес.",
            (Self::AddressRejected, Language::En) => "the mail server refused the address.",
            (Self::MessageRejected, Language::Ru) => "почтовый сервер отклонил письмо.",
            (Self::MessageRejected, Language::En) => "the mail server refused the message.",
            (Self::ServerRefused, Language::Ru) => "почтовый сервер не принимает письма.",
            (Self::ServerRefused, Language::En) => "the mail server takes no messages.",
            (Self::ServerUnreachable, Language::Ru) => "почтовый сервер недоступен.",
            (Self::ServerUnreachable, Language::En) => "the mail server is out of reach.",
            (Self::Timeout, Language::Ru) => "почтовый сервер не отвечает.",
            (Self::Timeout, Language::En) => "the mail server does not answer.",
            (Self::NotWritten, Language::Ru) => "письмо не удалось сохранить.",
            (Self::NotWritten, Language::En) => "the message could not be stored.",
            (Self::Expired, Language::Ru) => "письмо не удалось отправить за сутки.",
            (Self::Expired, Language::En) => "it could not be sent within a day.",
            (Self::AlarmCompleted, Language::Ru) => "тревога завершена до отправки.",
            (Self::AlarmCompleted, Language::En) => "the alarm was over before it was sent.",
            (Self::Cancelled, Language::Ru) => "отправка отменена администратором.",
            (Self::Cancelled, Language::En) => "an administrator stopped it.",
        }
    }
}
