//! GraphiQL at `/graphiql`, all of it from this binary: nothing is asked of another host.
//!
//! The page is built from `web/` by `make web`. It is GraphiQL 5, the line that is maintained,
//! and not 3, which is smaller but stays with an editor (CodeMirror 5) that screen readers read
//! badly. What the newer editor, Monaco, costs: workers, which are files of haven like the rest,
//! and the two style rules of [`policy`].

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use uuid::Uuid;

/// A file of the page.
#[derive(Debug)]
pub struct File {
    /// Its name below `/graphiql/`, with a hash of its content; the page itself is `index.html`.
    pub name: &'static str,
    /// Its content.
    pub bytes: &'static [u8],
    /// The same compressed, where that is worth it.
    pub gzip: Option<&'static [u8]>,
}

/// What was built when haven was; empty where Node was missing.
pub const FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/graphiql.rs"));

/// Stands in the page for the nonce of one answer.
const NONCE: &str = "{nonce}";

const NOT_BUILT: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>haven · GraphiQL</title>
<h1>GraphiQL is not in this build</h1>
<p>This haven was built without Node.js, which only this page needs. Install Node.js 20 or newer
with npm, run <code>make web</code> in haven's source, and build haven again.</p>
<p>The API itself is at <code>/graphql</code>, as always.</p>
</html>
";

/// The routes of the page made of `files`.
pub fn router(files: &'static [File]) -> Router {
    Router::new()
        .route("/graphiql", get(page))
        // Addresses within the page are relative, so that haven may live below another path.
        .route(
            "/graphiql/",
            get(async || Redirect::permanent("../graphiql")),
        )
        .route("/graphiql/{name}", get(file))
        .with_state(files)
}

/// What the page may do: load what this server serves, and talk to this server.
fn policy(nonce: &str) -> String {
    // 'self' of `connect-src` holds for sockets of the same host, too (CSP level 3).
    //
    // Monaco puts style sheets into the page while it runs; those of the page's own script carry
    // the nonce. It also draws lines of text as HTML with `style` attributes, for which there is
    // no nonce and whose values are computed: hence 'unsafe-inline', for attributes alone. With
    // all loading confined to this server, an attribute can carry nothing out.
    //
    // GraphiQL's fonts, workers and icons are files here; `data:` is for images within its styles.
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; \
         style-src-attr 'unsafe-inline'; connect-src 'self'; img-src 'self' data:; \
         font-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
}

/// Headers of every answer below `/graphiql`.
fn guarded(policy: String, cache: &str, answer: impl IntoResponse) -> Response {
    let headers: [(HeaderName, &str); 6] = [
        (header::CONTENT_SECURITY_POLICY, &policy),
        (header::CACHE_CONTROL, cache),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ];
    (headers, answer).into_response()
}

async fn page(State(files): State<&'static [File]>) -> Response {
    let nonce = Uuid::new_v4().simple().to_string();
    let built = files.iter().find(|file| file.name == "index.html");
    let html = match built.map(|file| str::from_utf8(file.bytes)) {
        Some(Ok(html)) => html.replace(NONCE, &nonce),
        _ => NOT_BUILT.to_owned(),
    };
    guarded(policy(&nonce), "no-store", Html(html))
}

async fn file(
    State(files): State<&'static [File]>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    // A worker is bound by the policy of its own script: it needs nothing.
    let policy = "default-src 'none'; frame-ancestors 'none'".to_owned();
    let found = files
        .iter()
        .find(|file| file.name == name && name != "index.html");
    let Some(file) = found else {
        let answer = (StatusCode::NOT_FOUND, "There is no such file.");
        return guarded(policy, "no-store", answer);
    };
    let content_type = match file.name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("txt") => "text/plain; charset=utf-8",
        Some("woff2") => "font/woff2",
        Some("woff") => "font/woff",
        Some("ttf") => "font/ttf",
        _ => "application/octet-stream",
    };
    let kind = [(header::CONTENT_TYPE, content_type)];
    // The name changes with the content.
    let cache = "public, max-age=31536000, immutable";
    let Some(gzip) = file.gzip else {
        return guarded(policy, cache, (kind, file.bytes));
    };
    let vary = [(header::VARY, "accept-encoding")];
    if accepts_gzip(&headers) {
        let encoding = [(header::CONTENT_ENCODING, "gzip")];
        guarded(policy, cache, (kind, vary, encoding, gzip))
    } else {
        guarded(policy, cache, (kind, vary, file.bytes))
    }
}

/// Whether gzip is named, and not by `q=0`. Nothing else is weighed: `identity` is always fine.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING);
    let texts = values.iter().filter_map(|value| value.to_str().ok());
    let mut codings = texts.flat_map(|text| text.split(','));
    codings.any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let named = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
        let refused = parts.any(|parameter| {
            let value = parameter
                .strip_prefix("q=")
                .or_else(|| parameter.strip_prefix("Q="));
            value.is_some_and(|value| value.trim().parse::<f32>().is_ok_and(|q| q <= 0.0))
        });
        named && !refused
    })
}
