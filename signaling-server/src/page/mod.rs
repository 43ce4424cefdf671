//! What somebody sees who opens an invitation's web link, `https://HOST/j/CODE`, in a browser.
//!
//! Invariant: the page is complete by itself and runs nothing. What it is filled with is text that cannot become markup,
//! and were it to, the browser is told to run and fetch nothing but the one style sheet, by its hash.

use std::{fmt::Write as _, sync::LazyLock};

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};
use sightline_protocol::RoomCode;

use crate::config::WebUrl;

const FRAME: &str = include_str!("frame.html");
const STYLE: &str = include_str!("style.css");

/// Content-Security-Policy (W3C CSP 3).
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
});

/// A page with the headers that belong to it.
#[derive(Debug)]
pub(crate) struct Page {
    status: StatusCode,
    html: String,
}

/// Asks into the room with this code at `host` (`HOST[:PORT][/PATH]`, as clients reach this server), and tells where the
/// app is to be had.
pub(crate) fn invitation(host: &str, secure: bool, code: &RoomCode, app: Option<&WebUrl>) -> Page {
    let app = match app {
        Some(url) => {
            let url = escaped(url.as_str());
            format!("Get it here: <a class=\"break\" href=\"{url}\" rel=\"noreferrer\">{url}</a>.")
        }
        None => "Ask the person who invited you where to get it.".to_owned(),
    };
    let main = fill(
        include_str!("invitation.html"),
        &[
            ("host", &escaped(host)),
            ("link", &escaped(&app_link(host, secure, code))),
            ("code", &escaped(code.as_str())),
            ("app", &app),
        ],
    );
    Page::new(StatusCode::OK, "You are invited to a call", &main)
}

/// No room has this code, or none that anybody may know of.
pub(crate) fn not_found() -> Page {
    Page::new(StatusCode::NOT_FOUND, "There is no such call", include_str!("not_found.html"))
}

impl Page {
    fn new(status: StatusCode, title: &str, main: &str) -> Self {
        let html = fill(FRAME, &[("title", &format!("{title} \u{2013} Sightline")), ("style", STYLE), ("main", main)]);
        Self { status, html }
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let headers: [(HeaderName, HeaderValue); 4] = [
            (header::CONTENT_SECURITY_POLICY, POLICY.clone()),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
            // The code is in the address: it is nobody's business where people go from here.
            (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            // A room ends, and its page with it.
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ];
        (self.status, headers, Html(self.html)).into_response()
    }
}

/// `sightline://join/HOST/CODE`, with `?tls=1` where TLS is spoken there. What cannot be in a host or path is percent-encoded (RFC 3986, 2.1).
pub(crate) fn app_link(host: &str, secure: bool, code: &RoomCode) -> String {
    let mut link = "sightline://join/".to_owned();
    for byte in host.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:[]/".contains(&byte) {
            link.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            write!(link, "%{byte:02X}").ok();
        }
    }
    link + "/" + code.as_str() + if secure { "?tls=1" } else { "" }
}

/// As text, or in a quoted attribute, of HTML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// Puts each value in the place of its `{name}`, in one pass: a value that looks like a place stays what it is.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        let behind = &rest[open + 1..];
        let value =
            values.iter().find_map(|(name, value)| Some((value, behind.strip_prefix(name)?.strip_prefix('}')?)));
        match value {
            Some((value, after)) => {
                out.push_str(&rest[..open]);
                out.push_str(value);
                rest = after;
            }
            None => {
                out.push_str(&rest[..=open]);
                rest = behind;
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> RoomCode {
        RoomCode::parse(text).expect("a code")
    }

    #[test]
    fn an_invitation_has_the_link_and_the_code() {
        let page = invitation("calls.example:7788", false, &code("amber-canoe-violet-magnet"), None);
        assert!(page.html.contains(r#"href="sightline://join/calls.example:7788/amber-canoe-violet-magnet""#));
        assert!(page.html.contains(r#"translate="no">amber-canoe-violet-magnet</p>"#));
        assert!(page.html.contains(">calls.example:7788<"));
        assert!(page.html.contains("Ask the person who invited you"));
        let ipv6 = invitation("[2001:db8::1]:9", false, &code("a-b"), None);
        assert!(ipv6.html.contains(r#"href="sightline://join/[2001:db8::1]:9/a-b""#), "{}", ipv6.html);
        let app = "https://calls.example/get".parse().expect("a URL");
        let page = invitation("calls.example", false, &code("a-b"), Some(&app));
        assert!(page.html.contains(r#"href="https://calls.example/get""#));
    }

    #[test]
    fn a_host_stays_text() {
        let plain = invitation("h", false, &code("a-b"), None).html;
        for host in [
            r#""><script>alert(1)</script>"#,
            "' onmouseover='alert(1)",
            "</title></style></main><img src=x onerror=alert(1)>",
            "{code}{link}{style}{main}",
            "a&quot;b&#x22;",
            "javascript:alert(1)//",
            "h?x#y",
            "\u{202e}evil\u{0}\n",
        ] {
            let html = invitation(host, false, &code("a-b"), None).html;
            for mark in ['<', '>', '"', '\''] {
                assert_eq!(html.matches(mark).count(), plain.matches(mark).count(), "{mark} of {host}");
            }
            let (_, link) = html.split_once("href=\"").expect("a link");
            let (link, _) = link.split_once('"').expect("its end");
            assert!(link.starts_with("sightline://join/") && link.ends_with("/a-b"), "{link}");
            assert!(!link.contains(['?', '#', '&', ' ', '{', '\'']), "{link}");
            // Nothing of it was taken for a place to fill.
            assert_eq!(html.matches(STYLE).count(), 1);
        }
    }

    #[test]
    fn a_page_is_whole_and_runs_nothing() {
        for page in [invitation("h", false, &code("a-b"), None), not_found()] {
            for outside in ["<script", "http:", "https:", "url(", "@import", " src=", " style=", "onclick"] {
                assert!(!page.html.contains(outside), "{outside}");
            }
            for part in ["<html lang=\"en\">", "<title>", "name=\"viewport\"", "<h1>", "<main>", "prefers-color-scheme"]
            {
                assert_eq!(page.html.matches(part).count(), 1, "{part}");
            }
            assert!(!page.html.contains("{style}") && !page.html.contains("{main}") && !page.html.contains("{app}"));
        }
    }

    #[test]
    fn the_policy_lets_the_style_in_and_nothing_else() {
        let response = not_found().into_response();
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
        let header = |name| response.headers().get(name).expect("there").to_str().expect("text");
        let policy = header(header::CONTENT_SECURITY_POLICY);
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        assert!(header(header::CONTENT_TYPE).starts_with("text/html; charset=utf-8"));
        assert_eq!(header(header::REFERRER_POLICY), "no-referrer");
        // The hash is that of exactly what is between the tags.
        let html = not_found().html;
        let style = html.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>")).expect("a style").0;
        let hash = STANDARD.encode(Sha256::digest(style));
        assert!(policy.contains(&format!("'sha256-{hash}'")), "{policy}");
    }
}
