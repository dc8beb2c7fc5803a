//! Which media type to answer with, by the `Accept` header.

use axum::http::{HeaderMap, header};

/// What a GraphQL response can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResponseType {
    /// `application/graphql-response+json`: the status tells what became of the request.
    GraphQl,
    /// `application/json`: 200 for every request of the right form.
    Json,
}

impl ResponseType {
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::GraphQl => "application/graphql-response+json; charset=utf-8",
            Self::Json => "application/json; charset=utf-8",
        }
    }

    /// The type that the client prefers. Without a preference it is `application/json`, which
    /// older clients expect; a client that names both alike gets the newer one. `None`: the
    /// client accepts neither.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let ranges = Ranges::of(headers);
        let newer = ranges.quality("application", "graphql-response+json");
        let older = ranges.quality("application", "json");
        if newer.quality == 0 && older.quality == 0 {
            None
        } else if newer.quality > older.quality
            || (newer.quality == older.quality && newer.specificity > 1)
        {
            Some(Self::GraphQl)
        } else {
            Some(Self::Json)
        }
    }
}

/// Whether the client accepts an event stream.
pub(super) fn accepts_event_stream(headers: &HeaderMap) -> bool {
    Ranges::of(headers).quality("text", "event-stream").quality > 0
}

/// A media type's standing: its quality in thousandths, and how exact the range is that gave it:
/// 2 names it, 1 its kind, 0 anything.
#[derive(Clone, Copy, Default)]
struct Standing {
    specificity: u8,
    quality: u16,
}

/// The ranges of an `Accept` header; without a header, or with an empty one, anything goes.
struct Ranges(Vec<(String, String, u16)>);

impl Ranges {
    fn of(headers: &HeaderMap) -> Self {
        let mut ranges = Vec::new();
        let mut empty = true;
        for value in headers.get_all(header::ACCEPT) {
            // A value that isn't text accepts nothing that is known here.
            let text = value.to_str().unwrap_or("?");
            for range in text.split(',').map(str::trim).filter(|r| !r.is_empty()) {
                empty = false;
                ranges.extend(parse_range(range));
            }
        }
        if empty {
            ranges.push(("*".to_owned(), "*".to_owned(), 1000));
        }
        Self(ranges)
    }

    /// The most specific range that fits decides (RFC 9110, section 12.5.1).
    fn quality(&self, kind: &str, subtype: &str) -> Standing {
        let mut best: Option<Standing> = None;
        for (range_kind, range_subtype, quality) in &self.0 {
            let specificity = match (range_kind.as_str(), range_subtype.as_str()) {
                (k, s) if k == kind && s == subtype => 2,
                (k, "*") if k == kind => 1,
                ("*", "*") => 0,
                _ => continue,
            };
            if best.is_none_or(|best| specificity > best.specificity) {
                best = Some(Standing {
                    specificity,
                    quality: *quality,
                });
            }
        }
        best.unwrap_or_default()
    }
}

/// `type/subtype;q=0.5`. A range that asks for another charset than UTF-8 doesn't fit anything.
fn parse_range(range: &str) -> Option<(String, String, u16)> {
    let mut parts = range.split(';').map(str::trim);
    let (kind, subtype) = parts.next()?.split_once('/')?;
    let mut quality = 1000;
    for parameter in parts {
        let Some((name, value)) = parameter.split_once('=') else {
            continue;
        };
        let value = value.trim().trim_matches('"');
        if name.trim().eq_ignore_ascii_case("q") {
            let q: f32 = value.parse().ok()?;
            if !(0.0..=1.0).contains(&q) {
                return None;
            }
            quality = (q * 1000.0).round() as u16;
        } else if name.trim().eq_ignore_ascii_case("charset") && !is_utf8(value) {
            return None;
        }
    }
    Some((
        kind.trim().to_ascii_lowercase(),
        subtype.trim().to_ascii_lowercase(),
        quality,
    ))
}

fn is_utf8(charset: &str) -> bool {
    charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
}

/// Whether a body is JSON in UTF-8 by its `Content-Type`, and not encoded.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(value), None) = (types.next(), types.next()) else {
        return false;
    };
    let Ok(text) = value.to_str() else {
        return false;
    };
    let plain = headers
        .get(header::CONTENT_ENCODING)
        .is_none_or(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    plain
        && parse_range(text)
            .is_some_and(|(kind, subtype, _)| kind == "application" && subtype == "json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(accept: &str) -> Option<ResponseType> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        ResponseType::of(&headers)
    }

    #[test]
    fn the_accept_header_decides() {
        use ResponseType::{GraphQl, Json};
        assert_eq!(ResponseType::of(&HeaderMap::new()), Some(Json));
        for (accept, expected) in [
            ("", Some(Json)),
            ("*/*", Some(Json)),
            ("application/*", Some(Json)),
            ("application/json", Some(Json)),
            ("application/graphql-response+json", Some(GraphQl)),
            (
                "application/graphql-response+json;charset=UTF-8",
                Some(GraphQl),
            ),
            (
                "application/json, application/graphql-response+json",
                Some(GraphQl),
            ),
            (
                "application/graphql-response+json, application/json;q=0.9",
                Some(GraphQl),
            ),
            (
                "application/graphql-response+json;q=0.4, application/json;q=0.9",
                Some(Json),
            ),
            ("application/graphql-response+json; q=0, */*", Some(Json)),
            ("application/json;q=0, */*", Some(GraphQl)),
            (
                "application/json;q=0, application/graphql-response+json;q=0",
                None,
            ),
            ("text/html", None),
            ("text/html, */*;q=0.1", Some(Json)),
            ("application/json; charset=iso-8859-1", None),
            ("application/json;q=2", None),
            ("nonsense", None),
        ] {
            assert_eq!(of(accept), expected, "{accept}");
        }
    }

    #[test]
    fn only_json_in_utf8_is_read() {
        for (content_type, expected) in [
            ("application/json", true),
            ("Application/JSON; charset=UTF-8", true),
            ("application/json; charset=\"utf-8\"", true),
            ("application/json; charset=utf-16", false),
            ("text/plain", false),
            ("application/x-www-form-urlencoded", false),
            ("multipart/form-data; boundary=x", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
            assert_eq!(is_json(&headers), expected, "{content_type}");
            headers.insert(header::CONTENT_ENCODING, "gzip".parse().unwrap());
            assert!(!is_json(&headers));
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
