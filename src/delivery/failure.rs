//! Why a notification was not sent.

use entity::notification::{self, Channel, Status};

use crate::language::Language;

/// The reason, as stored in a notification's `failure` and as told to people. Never holds what
/// a mail server or gateway said, nor an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The recipient has no address for this channel.
    NoAddress,
    /// What is stored as the address is none.
    InvalidAddress,
    /// The mail server refused the recipient for good.
    AddressRejected,
    /// The recipient has no phone number.
    NoNumber,
    /// What is stored as the phone number is none, or it can't be told of which country.
    InvalidNumber,
    /// The SMS gateway refused the number for good.
    NumberRejected,
    /// The recipient asked the SMS gateway for no more messages.
    Unsubscribed,
    /// The SMS gateway took the message and says that it did not arrive.
    NotDelivered,
    /// The mail server or gateway refused the message for good.
    MessageRejected,
    /// The mail server or gateway can't be talked to, or refuses for now.
    ServerRefused,
    /// The connection failed or broke.
    ServerUnreachable,
    /// No answer in time.
    Timeout,
    /// The mail could not be written as a file.
    NotWritten,
    /// A day of trying was not enough, or the alarm was closed by itself before.
    Expired,
    /// It is not tried any more, and a try ended without anybody knowing whether it was taken.
    OutcomeUnknown,
    /// The alarm was over before it was sent.
    AlarmCompleted,
    /// Somebody told earlier is on the way or has called, so that later steps are not begun.
    Answered,
    /// The contact asked not to be told any more.
    OptedOut,
    /// The person deleted the contact or therapist, or unlinked the therapist.
    Removed,
    /// An admin stopped it.
    Cancelled,
}

impl Failure {
    const ALL: [Self; 20] = [
        Self::NoAddress,
        Self::InvalidAddress,
        Self::AddressRejected,
        Self::NoNumber,
        Self::InvalidNumber,
        Self::NumberRejected,
        Self::Unsubscribed,
        Self::NotDelivered,
        Self::MessageRejected,
        Self::ServerRefused,
        Self::ServerUnreachable,
        Self::Timeout,
        Self::NotWritten,
        Self::Expired,
        Self::OutcomeUnknown,
        Self::AlarmCompleted,
        Self::Answered,
        Self::OptedOut,
        Self::Removed,
        Self::Cancelled,
    ];

    /// The word stored and shown to clients.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoAddress => "no_address",
            Self::InvalidAddress => "invalid_address",
            Self::AddressRejected => "address_rejected",
            Self::NoNumber => "no_number",
            Self::InvalidNumber => "invalid_number",
            Self::NumberRejected => "number_rejected",
            Self::Unsubscribed => "unsubscribed",
            Self::NotDelivered => "not_delivered",
            Self::MessageRejected => "message_rejected",
            Self::ServerRefused => "server_refused",
            Self::ServerUnreachable => "server_unreachable",
            Self::Timeout => "timeout",
            Self::NotWritten => "not_written",
            Self::Expired => "expired",
            Self::OutcomeUnknown => "outcome_unknown",
            Self::AlarmCompleted => "alarm_completed",
            Self::Answered => "answered",
            Self::OptedOut => "opted_out",
            Self::Removed => "removed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the fault is the address or number itself, so that every later message to it will fail too.
    #[must_use]
    pub const fn is_of_address(self) -> bool {
        matches!(
            self,
            Self::InvalidAddress
                | Self::AddressRejected
                | Self::InvalidNumber
                | Self::NumberRejected
                | Self::Unsubscribed
                | Self::NotDelivered
        )
    }

    /// Why a notification was not sent, as far as anybody can say: of one that may have arrived,
    /// nobody says that it did not, whatever stopped its further tries.
    #[must_use]
    pub fn of(row: &notification::Model) -> Option<Self> {
        let over = matches!(row.status, Status::Failed | Status::Skipped);
        if over && row.perhaps_sent {
            return Some(Self::OutcomeUnknown);
        }
        row.failure.as_deref().and_then(Self::from_code)
    }

    /// Reads a stored word.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|failure| failure.code() == code)
    }

    /// The reason in words for the person who pressed, as the end of a sentence.
    #[must_use]
    pub const fn reason(self, channel: Channel, language: Language) -> &'static str {
        let (russian, english) = match (self, channel) {
            (Self::NoAddress, _) => ("не указан email.", "no email address is given."),
            (Self::InvalidAddress, _) => (
                "указан неверный email.",
                "the email address given is not valid.",
            ),
            (Self::AddressRejected, _) => (
                "почтовый сервер отклонил адрес.",
                "the mail server refused the address.",
            ),
            (Self::NoNumber, _) => ("не указан телефон.", "no phone number is given."),
            (Self::InvalidNumber, _) => (
                "указан неверный телефон.",
                "the phone number given is not valid.",
            ),
            (Self::NumberRejected, _) => (
                "на этот номер нельзя отправить SMS.",
                "the number can't be sent an SMS.",
            ),
            (Self::Unsubscribed, _) => (
                "получатель отказался от SMS.",
                "the recipient asked for no SMS.",
            ),
            (Self::NotDelivered, _) => ("SMS не доставлено.", "the SMS was not delivered."),
            (Self::MessageRejected, Channel::Email) => (
                "почтовый сервер отклонил письмо.",
                "the mail server refused the message.",
            ),
            (Self::MessageRejected, Channel::Sms) => (
                "SMS-сервис отклонил сообщение.",
                "the SMS service refused the message.",
            ),
            (Self::ServerRefused, Channel::Email) => (
                "почтовый сервер не принимает письма.",
                "the mail server takes no messages.",
            ),
            (Self::ServerRefused, Channel::Sms) => (
                "SMS-сервис не принимает сообщения.",
                "the SMS service takes no messages.",
            ),
            (Self::ServerUnreachable, Channel::Email) => (
                "почтовый сервер недоступен.",
                "the mail server is out of reach.",
            ),
            (Self::ServerUnreachable, Channel::Sms) => {
                ("SMS-сервис недоступен.", "the SMS service is out of reach.")
            }
            (Self::Timeout, Channel::Email) => (
                "почтовый сервер не отвечает.",
                "the mail server does not answer.",
            ),
            (Self::Timeout, Channel::Sms) => (
                "SMS-сервис не отвечает.",
                "the SMS service does not answer.",
            ),
            (Self::NotWritten, _) => (
                "письмо не удалось сохранить.",
                "the message could not be stored.",
            ),
            (Self::Expired, Channel::Email) => (
                "письмо не удалось отправить вовремя.",
                "it could not be sent in time.",
            ),
            (Self::Expired, Channel::Sms) => (
                "SMS не удалось отправить вовремя.",
                "it could not be sent in time.",
            ),
            (Self::OutcomeUnknown, Channel::Email) => (
                "почтовый сервер не подтвердил приём, но письмо могло дойти.",
                "the mail server did not confirm it, but it may have arrived.",
            ),
            (Self::OutcomeUnknown, Channel::Sms) => (
                "SMS-сервис не подтвердил приём, но SMS могло дойти.",
                "the SMS service did not confirm it, but it may have arrived.",
            ),
            (Self::AlarmCompleted, _) => (
                "тревога завершена до отправки.",
                "the alarm was over before it was sent.",
            ),
            (Self::Answered, _) => ("другие уже откликнулись.", "others have answered already."),
            (Self::OptedOut, _) => (
                "контакт отказался от уведомлений.",
                "the contact does not want to be notified.",
            ),
            (Self::Removed, _) => ("получатель удалён.", "the recipient was removed."),
            (Self::Cancelled, _) => (
                "отправка отменена администратором.",
                "an administrator stopped it.",
            ),
        };
        match language {
            Language::Ru => russian,
            Language::En => english,
        }
    }
}
