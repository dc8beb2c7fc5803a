//! What haven sends through: a mail server and, where a test has one, an SMS gateway; and the many
//! ways in which they fail.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use rand::rngs::SmallRng;
use rand::{RngExt, seq::IndexedRandom};

use crate::support::sms::{ACCOUNT, FROM, Gateway, PUBLIC, SmsServer, TOKEN};
use crate::support::smtp::{Behaviour, SmtpServer, Stage};

/// A mail server, and perhaps an SMS gateway.
pub struct Ways {
    pub mail: SmtpServer,
    pub sms: Option<SmsServer>,
}

/// What arrived: when each message was taken, by the id that all its tries carry.
pub struct Arrived {
    pub mails: HashMap<String, Vec<SystemTime>>,
    pub sms: HashMap<String, Vec<SystemTime>>,
}

impl Ways {
    /// A mail server alone.
    pub async fn by_mail(behaviour: Behaviour) -> Self {
        Self {
            mail: SmtpServer::start(behaviour).await,
            sms: None,
        }
    }

    /// A mail server, and a gateway where all is well.
    pub async fn by_both(behaviour: Behaviour) -> Self {
        Self {
            mail: SmtpServer::start(behaviour).await,
            sms: Some(SmsServer::start(Gateway::Accept).await),
        }
    }

    /// The settings of a haven on this database that sends through them.
    pub fn settings(&self, database: &str) -> Vec<(&'static str, String)> {
        let mut settings = vec![
            ("HAVEN_DATABASE_URL", database.to_owned()),
            ("HAVEN_SMTP_URL", self.mail.url()),
            ("HAVEN_MAIL_FROM", "haven <alarm@haven.example>".to_owned()),
            ("HAVEN_PUBLIC_URL", PUBLIC.to_owned()),
        ];
        if let Some(sms) = &self.sms {
            settings.extend([
                ("HAVEN_SMS_URL", sms.url()),
                ("HAVEN_SMS_ACCOUNT", ACCOUNT.to_owned()),
                ("HAVEN_SMS_TOKEN", TOKEN.to_owned()),
                ("HAVEN_SMS_FROM", FROM.to_owned()),
            ]);
        }
        settings
    }

    /// How many notifications tell one person.
    pub const fn channels(&self) -> usize {
        if self.sms.is_some() { 2 } else { 1 }
    }

    /// Both take messages again, at once.
    pub async fn mend(&self) {
        self.mail.come_up().await;
        self.mail.set_behaviour(Behaviour::Accept);
        if let Some(sms) = &self.sms {
            sms.set_behaviour(Gateway::Accept);
        }
    }

    /// Something goes wrong with them, or nothing. Whatever it is, it is over some time.
    pub async fn fail(&self, chance: &mut SmallRng) {
        self.mail.come_up().await;
        match some_behaviour(chance) {
            None => self.mail.go_down().await,
            Some(behaviour) => self.mail.set_behaviour(behaviour),
        }
        if let Some(sms) = &self.sms {
            sms.set_behaviour(some_gateway(chance));
        }
    }

    /// What has arrived so far.
    pub fn arrived(&self) -> Arrived {
        let mut arrived = Arrived {
            mails: HashMap::new(),
            sms: HashMap::new(),
        };
        for mail in &self.mail.follow().borrow().mails {
            let times = arrived.mails.entry(mail.id().to_owned());
            times.or_default().push(mail.taken);
        }
        for sms in self.sms.iter().flat_map(SmsServer::taken) {
            let id = sms.headers["idempotency-key"].clone();
            arrived.sms.entry(id).or_default().push(sms.at);
        }
        arrived
    }
}

/// How a mail server behaves that is not to be relied on; `None`: nobody listens.
fn some_behaviour(chance: &mut SmallRng) -> Option<Behaviour> {
    use Behaviour::{
        Accept, AcceptThenDrop, Answer, DeferMail, DeferRecipients, DropDuringData, GreetWith,
        HangAfterData, HangAt, HangAtGreeting, Slow,
    };
    let behaviours = [
        None,
        Some(Accept),
        Some(Slow(Duration::from_millis(20))),
        Some(Slow(Duration::from_secs(2))),
        Some(HangAtGreeting),
        Some(HangAt(Stage::Mail)),
        Some(HangAt(Stage::Data)),
        Some(HangAfterData),
        Some(GreetWith("421 4.3.2 too busy")),
        Some(GreetWith("554 5.3.2 go away")),
        Some(Answer(Stage::Mail, "451 4.7.1 later")),
        Some(Answer(Stage::Mail, "550 5.7.1 you are blocked")),
        Some(DeferRecipients),
        Some(Answer(Stage::Recipient, "554 5.7.1 relay access denied")),
        Some(Answer(Stage::Data, "451 4.3.0 later")),
        Some(Answer(Stage::Data, "554 5.3.0 no")),
        Some(DropDuringData),
        Some(DeferMail),
        Some(Answer(Stage::End, "554 5.7.1 looks like spam")),
        Some(AcceptThenDrop),
    ];
    behaviours.choose(chance).unwrap().clone()
}

/// How a gateway behaves that is not to be relied on.
fn some_gateway(chance: &mut SmallRng) -> Gateway {
    // Mostly well: what it fails with is fewer things.
    if chance.random_bool(0.5) {
        return Gateway::Accept;
    }
    let behaviours = [
        Gateway::Refuse(429, 20429),
        Gateway::Refuse(503, 20503),
        Gateway::TakeThenClose,
        Gateway::Close,
        Gateway::Rubbish,
        Gateway::Hang,
    ];
    behaviours.choose(chance).unwrap().clone()
}
