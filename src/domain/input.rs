//! Checking what clients send: every wrong field at once.

use std::str::FromStr;

use email_address::{EmailAddress, Options};

use crate::error::{Error, FieldError, Problem, Result};

/// The longest address: RFC 5321's 256 octets with the angle brackets around it.
pub const EMAIL_LENGTH: usize = 254;
/// The longest name, relationship, title and place.
pub const NAME_LENGTH: usize = 255;
/// The longest phone number, as typed.
const PHONE_LENGTH: usize = 32;

/// Collects what is wrong; [`Check::finish`] turns it into the error.
#[derive(Debug, Default)]
pub struct Check {
    wrong: Vec<FieldError>,
    spoiled: bool,
}

impl Check {
    /// Goes on where a transport has already refused something: these fields, or the input as
    /// a whole where there are none. Such a check never ends well, but what else is wrong is
    /// still found, and permission still comes first.
    #[must_use]
    pub const fn after(wrong: Vec<FieldError>) -> Self {
        Self {
            wrong,
            spoiled: true,
        }
    }

    /// Notes that `field` is wrong. The first problem of a field is the one that is told.
    pub fn refuse(&mut self, field: &'static str, problem: Problem) {
        if !self.refused(field) {
            self.wrong.push(FieldError { field, problem });
        }
    }

    /// Whether `field` was refused already.
    #[must_use]
    pub fn refused(&self, field: &str) -> bool {
        self.wrong.iter().any(|wrong| wrong.field == field)
    }

    /// A text that may be empty: trimmed, without NUL, at most `max` characters.
    pub fn text(&mut self, field: &'static str, value: &str, max: usize) -> String {
        let value = value.trim();
        if value.contains('\0') {
            self.refuse(field, Problem::NullCharacter);
        } else if value.chars().count() > max {
            self.refuse(field, Problem::TooLong(max));
        }
        value.to_owned()
    }

    /// A text that has to say something.
    pub fn required(&mut self, field: &'static str, value: Option<&str>, max: usize) -> String {
        let Some(value) = value else {
            self.refuse(field, Problem::Required);
            return String::new();
        };
        let value = self.text(field, value, max);
        if value.is_empty() {
            self.refuse(field, Problem::Blank);
        }
        value
    }

    /// An email address that has to be there.
    pub fn email(&mut self, field: &'static str, value: Option<&str>) -> String {
        let value = self.required(field, value, EMAIL_LENGTH);
        self.address(field, value)
    }

    /// An email address, or nothing.
    pub fn optional_email(&mut self, field: &'static str, value: &str) -> String {
        let value = self.text(field, value, EMAIL_LENGTH);
        if value.is_empty() {
            return value;
        }
        self.address(field, value)
    }

    fn address(&mut self, field: &'static str, value: String) -> String {
        let options = Options::default()
            .with_required_tld()
            .without_display_text()
            .without_domain_literal();
        // lettre has the last word, because it is what sends.
        if !self.refused(field)
            && (EmailAddress::parse_with_options(&value, options).is_err()
                || lettre::Address::from_str(&value).is_err())
        {
            self.refuse(field, Problem::Other("Enter a valid email address."));
        }
        value
    }

    /// A phone number, kept as typed: 5–20 digits, and otherwise only `+ ( ) - .` and spaces.
    pub fn phone(&mut self, field: &'static str, value: Option<&str>) -> String {
        let value = self.required(field, value, PHONE_LENGTH);
        let digits = digits(&value).len();
        let odd = value
            .chars()
            .any(|c| !c.is_ascii_digit() && !matches!(c, '+' | '(' | ')' | '-' | '.' | ' '));
        if !self.refused(field) && (odd || !(5..=20).contains(&digits)) {
            self.refuse(field, Problem::Other("Enter a valid phone number."));
        }
        value
    }

    /// A web address.
    pub fn url(&mut self, field: &'static str, value: &str) -> String {
        let value = self.required(field, Some(value), 2000);
        let fits = url::Url::parse(&value)
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if !self.refused(field) && !fits {
            self.refuse(field, Problem::Other("Enter a valid URL."));
        }
        value
    }

    /// A number within bounds.
    pub fn within(&mut self, field: &'static str, value: i32, least: i32, most: i32) {
        if value < least {
            self.refuse(field, Problem::AtLeast(least.into()));
        } else if value > most {
            self.refuse(field, Problem::AtMost(most.into()));
        }
    }

    /// Ends the checking.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` with every field refused.
    pub fn finish(self) -> Result<()> {
        if self.wrong.is_empty() && !self.spoiled {
            Ok(())
        } else {
            Err(Error::Invalid(self.wrong))
        }
    }
}

/// The digits of a phone number, by which two spellings of it are recognised as one.
#[must_use]
pub fn digits(phone: &str) -> String {
    phone.chars().filter(char::is_ascii_digit).collect()
}
