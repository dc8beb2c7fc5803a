//! What was done in an alarm, in the words of the legacy contract.

use entity::alarm::{self, Kind};
use entity::notification::{self, Channel, Purpose, RecipientKind, Status};

use crate::assistant::crisis::{self, Country};
use crate::delivery::{self, Failure};
use crate::language::Language;

/// One line for each thing that was done or could not be done: the music, each contact by id,
/// the therapist; at last, where nobody can be told at all, whom to call in `country`. A line
/// claims a delivery only where a mail server or the SMS gateway took the message. The Russian
/// lines are part of the legacy contract. In a drill or a test each line begins with that word,
/// and a test says nothing of music and therapist.
#[must_use]
pub fn messages(
    alarm: &alarm::Model,
    notifications: &[notification::Model],
    language: Language,
    country: Option<Country>,
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
        let told = told(notifications, kind);
        if told.is_empty() {
            lines.push(nobody.to_owned());
        }
        lines.extend(told.iter().filter_map(|told| told.line(language)));
    }
    if nobody_reachable(notifications) {
        let perhaps = notifications
            .iter()
            .any(|row| row.purpose == Purpose::Alarm && row.perhaps_sent);
        let what = match (perhaps, language) {
            (false, Language::Ru) => "Никого не удалось уведомить.",
            (true, Language::Ru) => "Неизвестно, получил ли кто-нибудь уведомление.",
            (false, Language::En) => "Nobody could be notified.",
            (true, Language::En) => "It is not known whether anybody was notified.",
        };
        lines.push(
            match (crisis::emergency_number(country, language), language) {
                (Some(number), Language::Ru) => {
                    format!("{what} Если нужна помощь, звоните: {number}.")
                }
                (None, Language::Ru) => {
                    format!("{what} Если нужна помощь, звоните в местную экстренную службу.")
                }
                (Some(number), Language::En) => {
                    format!("{what} If you need help, call: {number}.")
                }
                (None, Language::En) => format!(
                    "{what} If you need help, call your local emergency number (112 in Europe, \
                     911 in North America)."
                ),
            },
        );
    }
    if let Some((word, _)) = delivery::mark(alarm.kind, language) {
        for line in &mut lines {
            *line = format!("{word}: {line}");
        }
    }
    lines
}

/// Whether there are people to tell of an alarm, and none of them can be told over any channel.
#[must_use]
pub fn nobody_reachable(notifications: &[notification::Model]) -> bool {
    let mut rows = notifications
        .iter()
        .filter(|row| row.purpose == Purpose::Alarm)
        .peekable();
    rows.peek().is_some()
        && rows.all(|row| match row.status {
            Status::Failed => true,
            // One that was no longer needed was possible.
            Status::Skipped => !matches!(
                Failure::of(row),
                Some(Failure::AlarmCompleted | Failure::Answered | Failure::OutcomeUnknown)
            ),
            Status::Pending | Status::Sending | Status::Sent => false,
        })
}

/// The messages to one recipient, one per channel.
struct Told<'a>(Vec<&'a notification::Model>);

/// The recipients of one kind, in the order in which they were decided on.
fn told(notifications: &[notification::Model], kind: RecipientKind) -> Vec<Told<'_>> {
    let mut rows: Vec<&notification::Model> = notifications
        .iter()
        .filter(|row| row.purpose == Purpose::Alarm && row.recipient_kind == kind)
        .collect();
    // A contact that was deleted since has no id any more; its place among the others is
    // that of its notification, made in the order of the contacts.
    rows.sort_by_key(|row| row.id);
    let mut all: Vec<Told<'_>> = Vec::new();
    for row in rows {
        // Of two people with one name that were both deleted, each still has one message a
        // channel. Of somebody who is there, a second one went to a new address.
        let there = row.contact_id.or(row.therapist_id).is_some();
        let found = all.iter_mut().find(|told| {
            (there || told.0.iter().all(|other| other.channel != row.channel))
                && told.0.iter().any(|other| same_recipient(other, row))
        });
        match found {
            Some(told) => {
                told.0.retain(|other| other.channel != row.channel);
                told.0.push(row);
            }
            None => all.push(Told(vec![row])),
        }
    }
    all
}

fn same_recipient(one: &notification::Model, other: &notification::Model) -> bool {
    (one.contact_id, one.therapist_id) == (other.contact_id, other.therapist_id)
        && (one.contact_id.or(one.therapist_id).is_some()
            || (&one.recipient_name, &one.relationship)
                == (&other.recipient_name, &other.relationship))
}

impl Told<'_> {
    fn over(&self, channel: Channel) -> Option<&notification::Model> {
        self.0.iter().copied().find(|row| row.channel == channel)
    }

    fn took(&self, channel: Channel) -> bool {
        self.over(channel)
            .is_some_and(|row| row.status == Status::Sent)
    }

    /// What is known of them; `None` only of nobody.
    fn line(&self, language: Language) -> Option<String> {
        let row = self.over(Channel::Email).or(self.0.first().copied())?;
        let (relationship, name) = (&row.relationship, &row.recipient_name);
        let contact = row.recipient_kind == RecipientKind::Contact;
        let recipient = match (contact, language) {
            (true, Language::Ru | Language::En) => format!("{relationship} ({name})"),
            (false, Language::Ru) => format!("психотерапевта ({name})"),
            (false, Language::En) => format!("the therapist ({name})"),
        };
        let open = self
            .0
            .iter()
            .any(|row| matches!(row.status, Status::Pending | Status::Sending));
        // Its step has not begun.
        let to_come = self.0.iter().all(|row| {
            let waits = row.status == Status::Pending && row.attempts == 0;
            row.step > 0 && (waits || matches!(row.status, Status::Failed | Status::Skipped))
        });
        Some(if self.took(Channel::Email) {
            match (contact, language) {
                (true, Language::Ru) => {
                    format!("Ваш/ваша {recipient} получил(а) уведомление по email.")
                }
                (false, Language::Ru) => format!("Ваш психотерапевт ({name}) был уведомлён."),
                (true, Language::En) => format!("Your {recipient} was notified by email."),
                (false, Language::En) => format!("Your therapist ({name}) was notified."),
            }
        } else if self.took(Channel::Sms) {
            match (contact, language) {
                (true, Language::Ru) => {
                    format!("Ваш/ваша {recipient} получил(а) уведомление по SMS.")
                }
                (false, Language::Ru) => {
                    format!("Ваш психотерапевт ({name}) был уведомлён по SMS.")
                }
                (true, Language::En) => format!("Your {recipient} was notified by SMS."),
                (false, Language::En) => format!("Your therapist ({name}) was notified by SMS."),
            }
        } else if open && to_come {
            match language {
                Language::Ru => format!(
                    "Уведомление для {recipient} будет отправлено позже, если никто не \
                     откликнется."
                ),
                Language::En => format!(
                    "The notification for {recipient} will be sent later if nobody answers."
                ),
            }
        } else if open {
            match language {
                Language::Ru => format!("Уведомление для {recipient} отправляется."),
                Language::En => format!("The notification for {recipient} is being sent."),
            }
        } else {
            let reason = self.reason(language);
            match language {
                Language::Ru => format!("Ошибка отправки уведомления для {recipient}: {reason}"),
                Language::En => {
                    format!("The notification for {recipient} could not be sent: {reason}")
                }
            }
        })
    }

    /// Why it was not told: the reasons of all channels, mail's first.
    fn reason(&self, language: Language) -> String {
        let mut rows = self.0.clone();
        rows.sort_by_key(|row| row.channel != Channel::Email);
        let mut reasons: Vec<&str> = rows
            .iter()
            .map(|row| match (Failure::of(row), language) {
                (Some(failure), _) => failure.reason(row.channel, language),
                (None, Language::Ru) => "причина неизвестна.",
                (None, Language::En) => "the reason is not known.",
            })
            .map(|reason| reason.trim_end_matches('.'))
            .collect();
        reasons.dedup();
        format!("{}.", reasons.join("; "))
    }
}
