//! Phone numbers as people type them, in the one form that a gateway takes: E.164.

/// How a country's numbers are dialled from within it.
struct Plan {
    /// ISO 3166-1 alpha-2.
    country: &'static str,
    /// The country's calling code (ITU-T E.164).
    code: &'static str,
    /// What is dialled before a national number.
    trunk: &'static str,
    /// Digits of a national number without that, fewest and most.
    digits: (usize, usize),
}

const fn plan(
    country: &'static str,
    code: &'static str,
    trunk: &'static str,
    digits: (usize, usize),
) -> Plan {
    Plan {
        country,
        code,
        trunk,
        digits,
    }
}

/// The countries that `HAVEN_COUNTRY` can name. Codes, prefixes and lengths are those of ITU-T's
/// Operational Bulletin, "Dialling procedures" and "National numbering plans".
const PLANS: [Plan; 12] = [
    plan("RU", "7", "8", (10, 10)),
    plan("UA", "380", "0", (9, 9)),
    plan("KZ", "7", "8", (10, 10)),
    plan("IL", "972", "0", (8, 9)),
    plan("DE", "49", "0", (6, 13)),
    plan("FR", "33", "0", (9, 9)),
    plan("GB", "44", "0", (9, 10)),
    plan("IE", "353", "0", (7, 9)),
    plan("US", "1", "1", (10, 10)),
    plan("CA", "1", "1", (10, 10)),
    plan("AU", "61", "0", (9, 9)),
    plan("NZ", "64", "0", (8, 10)),
];

/// Whether `text` is a number in E.164: `+`, then 8 to 15 digits that don't begin with 0.
#[must_use]
pub fn is_e164(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (8..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0')
    })
}

/// A number as typed, in E.164, where it can only mean one number; `country` is the deployment's,
/// by its ISO 3166-1 code, for numbers without a country's code.
///
/// Without a country, only Russian mobile numbers are understood in their national form, because
/// nothing else can be meant by them: no country has the code 89, nor 8 or 79.
#[must_use]
pub fn normalized(text: &str, country: Option<&str>) -> Option<String> {
    // The trunk prefix that is left out from abroad, as in +49 (0) 30 1234.
    let text = text.trim().replace("(0)", "");
    let international = text.starts_with('+');
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let found = if let Some(rest) = digits.strip_prefix("89").filter(|rest| rest.len() == 9) {
        // The national form, whether or not somebody put a plus before it.
        let russian = international || country.is_none_or(|code| is(code, &["RU", "KZ"]));
        if russian {
            format!("+79{rest}")
        } else {
            national(&digits, country?)?
        }
    } else if international {
        format!("+{digits}")
    } else if let Some(code) = country {
        national(&digits, code)?
    } else if let Some(rest) = digits.strip_prefix("79").filter(|rest| rest.len() == 9) {
        format!("+79{rest}")
    } else {
        format!("+{}", digits.strip_prefix("00")?)
    };
    is_e164(&found).then_some(found)
}

fn is(code: &str, countries: &[&str]) -> bool {
    countries
        .iter()
        .any(|country| code.eq_ignore_ascii_case(country))
}

/// Digits without a plus, as somebody in this country dials or writes them.
fn national(digits: &str, country: &str) -> Option<String> {
    let plan = PLANS.iter().find(|plan| is(country, &[plan.country]))?;
    let fits = |number: &str| (plan.digits.0..=plan.digits.1).contains(&number.len());
    // The prefixes of calls abroad: 011 in North America, 0011 in Australia, 8 10 in Russia and
    // Kazakhstan, and 00 in the rest.
    let abroad = match plan.country {
        "US" | "CA" => "011",
        "AU" => "0011",
        "RU" | "KZ" => "810",
        _ => "00",
    };
    if let Some(rest) = digits.strip_prefix(abroad)
        && digits.len() > 11
    {
        return Some(format!("+{rest}"));
    }
    for prefix in [plan.trunk, plan.code] {
        if let Some(number) = digits.strip_prefix(prefix)
            && fits(number)
        {
            return Some(format!("+{}{number}", plan.code));
        }
    }
    fits(digits).then(|| format!("+{}{digits}", plan.code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_type_them_become_e164() {
        for (text, country, number) in [
            ("+79001234567", None, Some("+79001234567")),
            (" +7 (900) 123-45-67 ", None, Some("+79001234567")),
            ("8 900 123 45 67", None, Some("+79001234567")),
            ("8 (900) 123-45-67", Some("RU"), Some("+79001234567")),
            ("8 495 123 45 67", Some("RU"), Some("+74951234567")),
            ("+8 900 123-45-67", None, Some("+79001234567")),
            ("7.900.123.45.67", None, Some("+79001234567")),
            ("900 123 45 67", Some("ru"), Some("+79001234567")),
            ("8 701 123 45 67", Some("KZ"), Some("+77011234567")),
            ("810 49 30 1234567", Some("RU"), Some("+49301234567")),
            ("0170 1234567", Some("DE"), Some("+491701234567")),
            ("+49 (0) 170 1234567", None, Some("+491701234567")),
            ("0049 170 1234567", None, Some("+491701234567")),
            ("(212) 555-0123", Some("US"), Some("+12125550123")),
            ("1 212 555 0123", Some("CA"), Some("+12125550123")),
            ("011 44 7700 900123", Some("US"), Some("+447700900123")),
            ("07700 900123", Some("GB"), Some("+447700900123")),
            ("067 123 45 67", Some("UA"), Some("+380671234567")),
            ("052-123-4567", Some("IL"), Some("+972521234567")),
            // Whose they are can't be told.
            ("8 495 123 45 67", None, None),
            ("0170 1234567", None, None),
            ("900 123 45 67", None, None),
            ("12345", None, None),
            ("12345", Some("RU"), None),
            ("+123", None, None),
            ("+0123456789", None, None),
            ("+1234567890123456", None, None),
            ("", Some("RU"), None),
            ("----", None, None),
        ] {
            assert_eq!(normalized(text, country).as_deref(), number, "{text}");
        }
    }

    #[test]
    fn every_country_with_crisis_numbers_has_a_plan() {
        for plan in PLANS {
            assert!(crate::assistant::crisis::Country::from_code(plan.country).is_some());
        }
        assert!(!is_e164("+7900123456x") && !is_e164("79001234567") && is_e164("+79001234567"));
    }
}
