//! The whole story of a person and a supporter, played on a haven and a mail server that run for
//! it alone: `cargo run --example demo`.
//!
//! The haven is the program itself, started and stopped as an operator does; the mail server
//! takes part in real SMTP conversations. Each step prints what was sent and what came back, and
//! checks it. The first difference ends the walkthrough with a message and an exit status other
//! than zero.

mod account;
mod alarm;
mod device;
mod operation;
mod program;
mod support;
mod telling;

#[path = "../../tests/it/support/client.rs"]
mod client;
#[path = "../../tests/it/support/smtp.rs"]
#[expect(dead_code, reason = "the tests use all of it, this only a part")]
mod smtp;

use std::time::Instant;

use device::Device;
use program::{Haven, Running};
use smtp::{Behaviour, ReceivedMail, SmtpServer};
use telling::Story;

/// The password of everybody here.
const PASSWORD: &str = "securepassword123";

/// What the story is played on.
struct Stage {
    story: Story,
    haven: Haven,
    running: Running,
    mail: SmtpServer,
}

/// Whom the story is about, and what is in their hands.
struct Cast {
    /// Anna's phone, with the legacy app.
    phone: Device,
    /// Anna's tablet, with a login of its own and a newer app that speaks GraphQL.
    tablet: Device,
    /// The supporter's desk.
    desk: Device,
}

#[tokio::main]
async fn main() {
    let started = Instant::now();
    let story = Story::begin();
    // Nothing here speaks TLS, but clients ask for a provider all the same.
    rustls::crypto::ring::default_provider()
        .install_default()
        .unwrap();
    println!("Building haven.");
    let program = program::build("demo");
    let folder = tempfile::tempdir().unwrap();
    let mail = SmtpServer::start(Behaviour::Accept).await;
    let settings = [
        ("HAVEN_SMTP_URL", mail.url()),
        ("HAVEN_MAIL_FROM", "haven <alarm@haven.example>".to_owned()),
        // More than an operator would log, because the last step looks through it.
        ("RUST_LOG", "haven=trace".to_owned()),
    ];
    let haven = Haven::new(program, folder.path(), &settings);

    let running = operation::start(&story, &haven).await;
    let stage = Stage {
        story,
        haven,
        running,
        mail,
    };
    let cast = account::join(&stage).await;
    let profile = account::settle_in(&stage, &cast).await;
    alarm::press(&stage, &cast).await;
    let sockets = support::talk(&stage, &cast).await;
    let story = stage.story.clone();
    operation::restart(stage, cast, sockets, &profile).await;
    println!(
        "\n{} steps, each as documented, in {:.1?}.",
        story.steps(),
        started.elapsed()
    );
}

/// Shows a mail as its reader sees it.
fn show(story: &Story, mail: &ReceivedMail) {
    let header = |name| mail.header(name).unwrap_or_default();
    let (from, to, subject) = (header("from"), header("to"), mail.subject());
    story.received(
        "mail",
        &format!("From: {from} | To: {to} | Subject: {subject}"),
    );
    let lines = mail.text.as_deref().unwrap_or_default().lines();
    for line in lines.filter(|line| !line.is_empty()).take(7) {
        story.seen(&format!("               | {line}"));
    }
}
