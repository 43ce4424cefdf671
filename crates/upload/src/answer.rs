//! What an answer of the server means for what was sent.
//!
//! Invariant: a batch counts as taken, or as refused for good, only when the server itself says so: the one under the
//! batch's id, the other by a code. What a proxy or a hotel's network says in its place may be different next time.

use std::time::{Duration, SystemTime};

use hyper::StatusCode;
use serde::Deserialize;
use sightline_protocol::logs::LogAccepted;

/// Longest sentence of a server that is shown, in characters.
const DETAIL_CHARS: usize = 200;

/// What became of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It is on the server's disk.
    Taken,
    /// It may be taken later.
    Later {
        /// Whether nothing else for this server is to be tried before.
        whole_server: bool,
        /// How long the server wants to be left alone.
        wish: Option<Duration>,
        /// A sentence for people.
        why: String,
    },
    /// There was none in time.
    Slow {
        /// A sentence for people.
        why: String,
    },
    /// A smaller one may be taken.
    TooLarge {
        /// The server itself says so, and not what stands before it.
        is_ours: bool,
        /// A sentence for people.
        why: String,
    },
    /// It will never be taken.
    Refused {
        /// A sentence for people.
        why: String,
    },
}

impl Answer {
    /// Nothing came back that could be read.
    pub(crate) fn none(why: &str) -> Self {
        let why = format!("The server cannot be reached ({why}). What is to be sent waits until it can.");
        Self::Later { whole_server: true, wish: None, why }
    }
}

/// RFC 9457.
#[derive(Debug, Default, Deserialize)]
struct Problem {
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    detail: Option<String>,
    /// Each problem of a server of ours has one (PROTOCOL.md); of others hardly any.
    #[serde(default)]
    code: Option<String>,
}

/// Judges an answer to the batch of this id.
pub(crate) fn judge(status: StatusCode, retry_after: Option<&str>, body: &[u8], id: &str, now: SystemTime) -> Answer {
    const KEPT: &str = "What was not sent stays in your own history.";
    let problem: Problem = serde_json::from_slice(body).unwrap_or_default();
    let code = problem.code.clone();
    let said = said(problem);
    let later = |whole_server, why| Answer::Later { whole_server, wish: None, why };
    match (status.as_u16(), code.as_deref()) {
        (200..=299, _) => match serde_json::from_slice::<LogAccepted>(body) {
            Ok(accepted) if accepted.id == id => Answer::Taken,
            // A page of a hotel's network, for example, that asks to log in.
            _ => Answer::none("something else answered in its place"),
        },
        (413, code) => Answer::TooLarge {
            is_ours: code.is_some(),
            why: format!("The server takes no batch of this size{said}. {KEPT}"),
        },
        (408 | 425 | 429 | 503, _) => Answer::Later {
            whole_server: true,
            wish: retry_after.and_then(|text| wish(text, now)),
            why: format!("The server is busy{said}. What is to be sent waits."),
        },
        // A proxy, for example, whose server is just being started again.
        (400..=499, None) => Answer::none(&format!("something else answered in its place: {status}")),
        (410, Some("gone")) => {
            Answer::Refused { why: format!("The server takes nothing more of this call{said}. {KEPT}") }
        }
        (400..=499, Some("forbidden" | "bad-message")) => {
            Answer::Refused { why: format!("The server refused the record ({status}){said}. {KEPT}") }
        }
        // Until it, or Sightline here, is updated.
        (400..=499, Some("unsupported-version")) => {
            later(true, format!("The server is of another version{said}. What is to be sent waits."))
        }
        // Of another server at the same address, or one that an older state was put back for: the former may return.
        (400..=499, Some(_)) => {
            later(false, format!("The server does not know this call ({status}){said}. What is to be sent waits."))
        }
        // The fault may lie in how the server deals with just this batch: others need not wait for it.
        (500..=599, _) => Answer::Later {
            whole_server: status == StatusCode::BAD_GATEWAY || status == StatusCode::GATEWAY_TIMEOUT,
            wish: retry_after.and_then(|text| wish(text, now)),
            why: format!("The server has trouble ({status}){said}. What is to be sent waits."),
        },
        _ => Answer::none(&format!("it answered {status}")),
    }
}

/// `: ...`, what the server has to say about it.
fn said(problem: Problem) -> String {
    let text = problem.detail.or(problem.title).unwrap_or_default();
    let plain: String = text.trim().chars().filter(|c| !c.is_control()).take(DETAIL_CHARS).collect();
    if plain.is_empty() { plain } else { format!(": {}", plain.trim_end_matches('.')) }
}

/// Retry-After: seconds or a date (RFC 9110, 10.2.3).
fn wish(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, body: &str) -> Answer {
        judge(StatusCode::from_u16(status).unwrap(), None, body.as_bytes(), "batch-1", SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn a_batch_is_taken_only_under_its_own_id() {
        assert_eq!(of(200, r#"{"id":"batch-1","stored":3,"known":0}"#), Answer::Taken);
        for other in [r#"{"id":"batch-2","stored":3,"known":0}"#, r#"{"id":"batch-1","sto"#, "<html>Welcome</html>", ""]
        {
            assert!(matches!(of(200, other), Answer::Later { whole_server: true, .. }), "{other}");
        }
    }

    #[test]
    fn what_can_never_be_taken_is_refused_and_what_may_be_waits() {
        for (status, code) in [(403, "forbidden"), (410, "gone"), (415, "bad-message"), (422, "bad-message")] {
            let answer = of(status, &format!("{{\"code\":\"{code}\"}}"));
            assert!(matches!(answer, Answer::Refused { .. }), "{status} {code}: {answer:?}");
        }
        // A server that was put back to an older state, another one at the same address, an older or newer one.
        for (status, code, of_all) in [
            (401, "unauthorized", false),
            (404, "unknown-room", false),
            (404, "not-found", false),
            (422, "unsupported-version", true),
            (409, "a-code-of-tomorrow", false),
        ] {
            let answer = of(status, &format!("{{\"code\":\"{code}\"}}"));
            assert!(
                matches!(answer, Answer::Later { whole_server, wish: None, .. } if whole_server == of_all),
                "{status} {code}: {answer:?}"
            );
        }
        for status in [400, 401, 403, 404, 405, 409, 410, 415, 422] {
            for of_others in ["", "<html>404</html>", r#"{"detail":"Log in first."}"#, "{\"code\":\"forb"] {
                let answer = of(status, of_others);
                assert!(matches!(answer, Answer::Later { whole_server: true, .. }), "{status} {of_others}: {answer:?}");
            }
        }
        for status in [302, 408, 425, 429, 502, 503, 504] {
            assert!(matches!(of(status, ""), Answer::Later { whole_server: true, .. }), "{status}");
        }
        for status in [500, 501, 507] {
            assert!(matches!(of(status, ""), Answer::Later { whole_server: false, .. }), "{status}");
        }
        assert!(matches!(of(413, ""), Answer::TooLarge { is_ours: false, .. }));
        assert!(matches!(of(413, r#"{"code":"too-large"}"#), Answer::TooLarge { is_ours: true, .. }));
    }

    #[test]
    fn the_servers_own_words_are_shown_within_bounds() {
        let problem = r#"{"type":"about:blank","title":"No","status":422,"detail":"sample 3 has no end.\u0007\n","code":"bad-message"}"#;
        let Answer::Refused { why } = of(422, problem) else { panic!("refused") };
        assert!(why.contains("(422 Unprocessable Entity): sample 3 has no end. What was not sent"), "{why}");
        let Answer::Refused { why } =
            of(422, &format!("{{\"code\":\"bad-message\",\"detail\":\"{}\"}}", "é".repeat(100_000)))
        else {
            panic!("refused")
        };
        assert!(why.chars().count() < 400);
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777 - 20); // Sun, 06 Nov 1994 08:49:37 GMT
        assert_eq!(wish("120", now), Some(Duration::from_secs(120)));
        assert_eq!(wish("Sun, 06 Nov 1994 08:49:37 GMT", now), Some(Duration::from_secs(20)));
        assert_eq!(wish("Sat, 05 Nov 1994 08:49:37 GMT", now), Some(Duration::ZERO));
        for odd in ["", "-1", "soon", "99999999999999999999999"] {
            assert_eq!(wish(odd, now), None, "{odd}");
        }
        let answer = judge(StatusCode::TOO_MANY_REQUESTS, Some("7"), b"", "b", now);
        assert!(matches!(answer, Answer::Later { wish: Some(wish), .. } if wish == Duration::from_secs(7)));
    }
}
