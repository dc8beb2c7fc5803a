//! One SMS to one recipient over a gateway that speaks Twilio's API, and the signature of the
//! receipts that the gateway sends back.

use std::fmt;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha1::Sha1;
use url::{Url, form_urlencoded};

use super::Failure;
use super::smtp::Refusal::{self, Permanent, Temporary, Unknown};
use crate::config::{Config, is_this_machine};

/// How long the gateway may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// How long one send may take altogether. Gateways take a message within a second and send it
/// later.
const WHOLE: Duration = Duration::from_secs(15);
/// The longest answer that is read. Twilio's are about 1 KiB.
const ANSWER: usize = 64 * 1024;
/// The longest id of a message; Twilio's have 34 characters.
const SID: usize = 64;

/// An SMS gateway.
pub struct Gateway {
    client: reqwest::Client,
    /// Where messages are posted.
    endpoint: Url,
    account: String,
    token: SecretString,
    from: String,
    /// Where receipts are to go, without the notification's id.
    receipts: Url,
}

impl fmt::Display for Gateway {
    /// The host, no credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.endpoint.host_str().unwrap_or("an unknown host"))
    }
}

/// One message.
pub struct Message<'a> {
    /// The notification it is for, named in the URL for receipts.
    pub notification: i64,
    /// The number of the recipient, in E.164.
    pub to: &'a str,
    /// The text.
    pub text: &'a str,
    /// The same over all tries.
    pub message_id: &'a str,
}

/// What the gateway answers to a message it took.
#[derive(Deserialize)]
struct Taken {
    sid: String,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    error_code: Option<i64>,
}

/// What it answers where it did not.
#[derive(Deserialize)]
struct Refused {
    code: i64,
}

impl Gateway {
    /// The gateway of the settings, where one is set. Connects to nothing yet.
    ///
    /// # Errors
    /// If settings are missing or make no sense; the text holds no secret.
    pub fn new(config: &Config) -> anyhow::Result<Option<Self>> {
        let (url, account, token, from) = match (
            &config.sms_url,
            &config.sms_account,
            &config.sms_token,
            &config.sms_from,
        ) {
            (None, None, None, None) => return Ok(None),
            (Some(url), Some(account), Some(token), Some(from)) => (url, account, token, from),
            _ => anyhow::bail!(
                "HAVEN_SMS_URL, HAVEN_SMS_ACCOUNT, HAVEN_SMS_TOKEN and HAVEN_SMS_FROM go together: \
                 set all of them or none"
            ),
        };
        let local = is_this_machine(url);
        ensure!(
            url.has_host() && (url.scheme() == "https" || (url.scheme() == "http" && local)),
            "HAVEN_SMS_URL must be an https URL; http is for a gateway on this machine only"
        );
        ensure!(
            url.username().is_empty() && url.password().is_none(),
            "HAVEN_SMS_URL must hold no user and no password; they are settings of their own"
        );
        ensure!(
            (1..=SID).contains(&account.len())
                && account.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            "HAVEN_SMS_ACCOUNT must be the SID of an account: letters and digits"
        );
        ensure!(
            !token.expose_secret().contains(char::is_whitespace),
            "HAVEN_SMS_TOKEN must hold no spaces"
        );
        ensure!(
            from.chars().count() <= 64 && !from.contains(char::is_control),
            "HAVEN_SMS_FROM must be a number or the SID of a messaging service"
        );
        config.ensure_reachable("HAVEN_SMS_URL", url)?;
        // reqwest panics without one.
        ensure!(
            rustls::crypto::CryptoProvider::get_default().is_some(),
            "no TLS provider is installed"
        );
        let client = reqwest::Client::builder()
            // A redirect would send numbers and the secret to a place nobody configured.
            .redirect(reqwest::redirect::Policy::none())
            // So would a proxy taken from the environment.
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT)
            .timeout(WHOLE)
            .build()
            .context("the HTTP client of the SMS gateway")?;
        let own = match &config.public_url {
            Some(url) => url.clone(),
            None => Url::parse(&format!("http://{}", config.listen))?,
        };
        Ok(Some(Self {
            client,
            endpoint: below(
                url,
                &["2010-04-01", "Accounts", account.as_str(), "Messages.json"],
            )?,
            account: account.clone(),
            token: token.clone(),
            from: from.clone(),
            receipts: below(&own, &["sms", "receipts"])?,
        }))
    }

    /// Sends one message. Once it is `Ok`, the gateway has taken it; gives the gateway's id for it.
    ///
    /// # Errors
    /// Whether trying again makes sense, and why it failed.
    pub async fn send(&self, message: &Message<'_>) -> Result<String, Refusal> {
        let sender = if self.from.starts_with("MG") {
            "MessagingServiceSid"
        } else {
            "From"
        };
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("To", message.to)
            .append_pair(sender, &self.from)
            .append_pair("Body", message.text)
            .append_pair("StatusCallback", &self.callback(message.notification))
            .finish();
        let mut response = self
            .client
            .post(self.endpoint.clone())
            .basic_auth(&self.account, Some(self.token.expose_secret()))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            // Twilio knows no such key. Where a gateway does, a second try makes no second SMS.
            .header("Idempotency-Key", message.message_id)
            .body(body)
            .send()
            .await
            .map_err(|error| broken(&error))?;
        let status = response.status();
        let mut answer = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| broken(&error))? {
            if answer.len() + part.len() > ANSWER {
                return Err(Unknown(Failure::ServerUnreachable));
            }
            answer.extend_from_slice(&part);
        }
        if status.is_success() {
            return match serde_json::from_slice::<Taken>(&answer) {
                // Twilio's words for what it will not send:
                // https://www.twilio.com/docs/messaging/api/message-resource#message-status-values
                Ok(Taken {
                    status: Some(status),
                    error_code,
                    ..
                }) if matches!(&*status, "failed" | "undelivered" | "canceled") => {
                    Err(refusal(error_code.unwrap_or_default()))
                }
                Ok(Taken { sid, .. }) if is_sid(&sid) => Ok(sid),
                // Whoever answered so may or may not have taken it.
                _ => Err(Unknown(Failure::ServerUnreachable)),
            };
        }
        let code = serde_json::from_slice::<Refused>(&answer).map_or(0, |refused| refused.code);
        tracing::warn!(
            notification = message.notification,
            status = status.as_u16(),
            code,
            "the SMS gateway refused"
        );
        Err(match status.as_u16() {
            400 => refusal(code),
            // Whoever answers so, perhaps in between, may have passed it on before.
            408 | 500..=502 | 504.. => Unknown(Failure::ServerRefused),
            // The account, its limits, no gateway there (503): not the recipient's fault.
            _ => Temporary(Failure::ServerRefused),
        })
    }

    /// Where the gateway sends receipts of this notification.
    fn callback(&self, notification: i64) -> String {
        format!("{}/{notification}", self.receipts)
    }

    /// Whether the gateway signed this receipt: `fields` of a form, posted to the URL for this
    /// notification's receipts.
    #[must_use]
    pub fn signed(&self, notification: i64, fields: &[(String, String)], signature: &str) -> bool {
        let Ok(signature) = STANDARD.decode(signature) else {
            return false;
        };
        let mut fields: Vec<_> = fields.iter().collect();
        fields.sort();
        let matches = |url: &str| {
            let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(self.token.expose_secret().as_bytes())
            else {
                return false;
            };
            mac.update(url.as_bytes());
            for (name, value) in &fields {
                mac.update(name.as_bytes());
                mac.update(value.as_bytes());
            }
            // In constant time.
            mac.verify_slice(&signature).is_ok()
        };
        let url = self.callback(notification);
        // Twilio signs with or without the port, whichever way it was asked:
        // https://www.twilio.com/docs/usage/webhooks/webhooks-security
        matches(&url)
            || self
                .other_port(notification)
                .is_some_and(|url| matches(&url))
    }

    /// The URL for receipts with its port where it has none, and without where it has one.
    fn other_port(&self, notification: i64) -> Option<String> {
        let url = &self.receipts;
        let host = url.host_str()?;
        let port = match url.port() {
            Some(_) => String::new(),
            None => format!(":{}", url.port_or_known_default()?),
        };
        Some(format!(
            "{}://{host}{port}{}/{notification}",
            url.scheme(),
            url.path()
        ))
    }
}

/// Whether a text can be a gateway's id of a message.
#[must_use]
pub fn is_sid(text: &str) -> bool {
    (1..=SID).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// The URL with these parts added to its path, and nothing after that.
fn below(base: &Url, parts: &[&str]) -> anyhow::Result<Url> {
    let mut url = base.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.path_segments_mut()
        .map_err(|()| anyhow::anyhow!("the URL can't have a path"))?
        .pop_if_empty()
        .extend(parts);
    Ok(url)
}

/// What a refusal with one of Twilio's error codes means
/// (<https://www.twilio.com/docs/api/errors>). What is not surely the recipient's fault, such as
/// a sender that isn't the account's, the operator can mend within the day.
const fn refusal(code: i64) -> Refusal {
    match code {
        // Not valid, out of reach, not a mobile, in a region that is closed, a short code, a
        // landline.
        21211 | 21214 | 21217 | 21265 | 21408 | 21421 | 21604 | 21612 | 21614 | 21635 => {
            Permanent(Failure::NumberRejected)
        }
        21610 => Permanent(Failure::Unsubscribed),
        // Empty, or too long.
        21602 | 21605 | 21617 => Permanent(Failure::MessageRejected),
        _ => Temporary(Failure::ServerRefused),
    }
}

/// How a send failed that has no answer, or half of one.
fn broken(error: &reqwest::Error) -> Refusal {
    let why = if error.is_timeout() {
        Failure::Timeout
    } else {
        Failure::ServerUnreachable
    };
    // Before there was a connection, nothing was handed over.
    if error.is_connect() {
        Temporary(why)
    } else {
        Unknown(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Config {
        Config {
            sms_url: Url::parse("https://api.twilio.com").ok(),
            sms_account: Some("AC0123456789abcdef0123456789abcdef".to_owned()),
            sms_token: Some("12345".to_owned().into()),
            sms_from: Some("+15005550006".to_owned()),
            public_url: Url::parse("https://haven.example/app/").ok(),
            ..Config::default()
        }
    }

    fn gateway(config: &Config) -> anyhow::Result<Option<Gateway>> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Gateway::new(config)
    }

    #[test]
    fn settings_go_together_and_make_sense() {
        assert!(gateway(&Config::default()).unwrap().is_none());
        assert!(gateway(&settings()).unwrap().is_some());
        type Change = fn(&mut Config);
        let wrong: [(&str, Change); 9] = [
            ("go together", |config| config.sms_token = None),
            ("go together", |config| config.sms_url = None),
            ("go together", |config| config.sms_from = None),
            ("https", |config| {
                config.sms_url = Url::parse("http://sms.example").ok()
            }),
            ("https", |config| {
                config.sms_url = Url::parse("ftp://127.0.0.1").ok()
            }),
            ("no password", |config| {
                config.sms_url = Url::parse("https://a:hush@sms.example").ok()
            }),
            ("letters and digits", |config| {
                config.sms_account = Some("AC/../x".to_owned())
            }),
            ("HAVEN_PUBLIC_URL", |config| config.public_url = None),
            ("spaces", |config| {
                config.sms_token = Some("hush hush".to_owned().into())
            }),
        ];
        for (says, change) in wrong {
            let mut config = settings();
            change(&mut config);
            let error = match gateway(&config) {
                Ok(_) => panic!("{says}"),
                Err(error) => error.to_string(),
            };
            assert!(error.contains(says) && !error.contains("hush"), "{error}");
        }
        let mut config = settings();
        config.sms_url = Url::parse("http://127.0.0.1:4010").ok();
        config.public_url = None;
        assert!(gateway(&config).unwrap().is_some());
    }

    #[test]
    fn only_what_the_gateway_signed_passes() {
        let gateway = gateway(&settings()).unwrap().unwrap();
        let fields = |status: &str| {
            vec![
                ("MessageStatus".to_owned(), status.to_owned()),
                ("MessageSid".to_owned(), "SM1".to_owned()),
            ]
        };
        // openssl dgst -sha1 -hmac 12345 -binary | base64, of the text that is signed.
        let signature = "KvNMgVOmbyXSYFwAkZiwspdXiaU=";
        let with_port = "0mrgjPXF9i9M5mPWmoRw0c4X6oI=";
        assert!(gateway.signed(7, &fields("delivered"), signature));
        assert!(gateway.signed(7, &fields("delivered"), with_port));
        assert!(!gateway.signed(8, &fields("delivered"), signature));
        assert!(!gateway.signed(7, &fields("sent"), signature));
        assert!(!gateway.signed(7, &fields("delivered"), ""));
        assert!(!gateway.signed(7, &fields("delivered"), "no base64!"));
        assert!(!gateway.signed(7, &fields("delivered"), &STANDARD.encode("short")));
    }

    #[test]
    fn only_the_recipients_own_faults_end_the_tries() {
        assert_eq!(refusal(21614), Permanent(Failure::NumberRejected));
        assert_eq!(refusal(21610), Permanent(Failure::Unsubscribed));
        for code in [0, 20003, 20429, 21212, 21606, 21659, 30001] {
            assert_eq!(refusal(code), Temporary(Failure::ServerRefused));
        }
    }
}
