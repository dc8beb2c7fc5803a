//! What was done in an alarm, in the words of the legacy contract.

use entity::alarm::{self, Kind};
use entity::notification::{self, Purpose, RecipientKind, Status};

use crate::delivery::{self, Failure};
use crate::language::Language;

/// One line for each thing that was done or could not be done: the music, each contact by id,
/// the therapist. A line claims a delivery only where the mail server took the mail. The Russian
/// lines are part of the legacy contract. In a drill or a test each line begins with that word,
/// and a test says nothing of music and therapist.
#[must_use]
pub fn messages(
    alarm: &alarm::Model,
    notifications: &[notification::Model],
    language: Language,
) -> Vec<String> {
    let mut lines = Vec::new();
    if !alarm.play_music && alarm.kind != Kind::Test {
        lines.push(
            match language {
                Language::Ru => "Музыка не воспроизводилась.",
                Language::En => "No music was played.",
            }
            .to_owned(),
        );
    }
    for (kind, nobody) in [
        (
            RecipientKind::Contact,
            match language {
                Language::Ru => "Экстренные контакты не были уведомлены.",
                Language::En => "No emergency contact was notified.",
            },
        ),
        (
            RecipientKind::Therapist,
            match language {
                Language::Ru => "Психотерапевт не был уведомлён.",
                Language::En => "The therapist was not notified.",
            },
        ),
    ] {
        if alarm.kind == Kind::Test && kind == RecipientKind::Therapist {
            continue;
        }
        let mut told: Vec<&notification::Model> = notifications
            .iter()
            .filter(|row| row.purpose == Purpose::Alarm && row.recipient_kind == kind)
            .collect();
        // A contact that was deleted since has no id any more; its place among the others is
        // that of its notification, made in the order of the contacts.
        told.sort_by_key(|row| row.id);
        if told.is_empty() {
            lines.push(nobody.to_owned());
        }
        lines.extend(told.into_iter().map(|row| line(row, language)));
    }
    if let Some((word, _)) = delivery::mark(alarm.kind, language) {
        for line in &mut lines {
            *line = format!("{word}: {line}");
        }
    }
    lines
}

fn line(row: &notification::Model, language: Language) -> String {
    let (relationship, name) = (&row.relationship, &row.recipient_name);
    let contact = row.recipient_kind == RecipientKind::Contact;
    let recipient = match (contact, language) {
        (true, Language::Ru | Language::En) => format!("{relationship} ({name})"),
        (false, Language::Ru) => format!("психотерапевта ({name})"),
        (false, Language::En) => format!("the therapist ({name})"),
    };
    match (row.status, language) {
        (Status::Sent, Language::Ru) if contact => {
            format!("Ваш/ваша {recipient} получил(а) уведомление по email.")
        }
        (Status::Sent, Language::Ru) => format!("Ваш психотерапевт ({name}) был уведомлён."),
        (Status::Sent, Language::En) if contact => {
            format!("Your {recipient} was notified by email.")
        }
        (Status::Sent, Language::En) => format!("Your therapist ({name}) was notified."),
        (Status::Pending | Status::Sending, Language::Ru) => {
            format!("Уведомление для {recipient} отправляется.")
        }
        (Status::Pending | Status::Sending, Language::En) => {
            format!("The notification for {recipient} is being sent.")
        }
        (Status::Failed | Status::Skipped, _) => {
            let failure = row.failure.as_deref().and_then(Failure::from_code);
            let reason = match (failure, language) {
                (Some(failure), _) => failure.reason(language),
                (None, Language::Ru) => "причина неизвестна.",
                (None, Language::En) => "the reason is not known.",
            };
            match language {
                Language::Ru => format!("Ошибка отправки уведомления для {recipient}: {reason}"),
                Language::En => {
                    format!("The notification for {recipient} could not be sent: {reason}")
                }
            }
        }
    }
}
