//! What the record knows, in words for people. Pure.

use jiff::{Timestamp, tz::TimeZone};
use sightline_quality::{Direction, EventKind, Headline, Kind, Unclassified};

/// A moment as people on this computer tell it, `18:33`.
pub(crate) fn time_of_day(unix_ms: i64) -> String {
    at(unix_ms, "%H:%M")
}

/// The name of a file about a call: `sightline-amber-canoe-2026-11-21`.
pub(crate) fn file_stem(code: &str, started_ms: i64) -> String {
    // A code is letters, digits and hyphens; but it came from a server.
    let code: String = code.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    format!("sightline-{code}-{}", at(started_ms, "%Y-%m-%d"))
}

fn at(unix_ms: i64, format: &str) -> String {
    // A time that no calendar has can only come from a damaged record.
    let moment = Timestamp::from_millisecond(unix_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    moment.to_zoned(TimeZone::system()).strftime(format).to_string()
}

/// How a call was.
pub(crate) fn headline(headline: &Headline) -> String {
    match headline {
        Headline::Classified { worst: None, .. } => "nothing spoilt it".to_owned(),
        Headline::Classified { share, worst: Some(worst) } if share.0 >= 100.0 => format!("a little {worst}"),
        Headline::Classified { worst: Some(worst), .. } => worst.to_string(),
        Headline::Unclassified(Unclassified::NeverConnected) => "nobody was reached".to_owned(),
        Headline::Unclassified(Unclassified::Muted) => "nothing was sent".to_owned(),
        Headline::Unclassified(Unclassified::TooShort) => "too short to tell".to_owned(),
    }
}

/// Why there is a gap; `about` is the peer whose connection it was.
pub(crate) fn break_words(cause: &str, about: Option<&str>) -> String {
    match (cause, about) {
        ("sleep", _) => "This computer slept".to_owned(),
        ("stall", _) => "Sightline did not get to run".to_owned(),
        ("crash", _) => "Sightline ended without leaving the call".to_owned(),
        ("left", _) => "You left and came back".to_owned(),
        ("replaced", _) => "The call went on elsewhere".to_owned(),
        ("connection-lost", _) => "The server was lost".to_owned(),
        (_, Some(name)) => format!("The connection to {name} was lost"),
        (_, None) => "The server could not be reached; media may have gone on".to_owned(),
    }
}

/// What happened.
pub(crate) fn event_words(kind: &EventKind) -> String {
    match kind {
        EventKind::Joined { .. } => "joined the call".to_owned(),
        EventKind::Left { reason } => format!("left the call ({})", plain(reason)),
        EventKind::PeerJoined { .. } => "came in".to_owned(),
        EventKind::PeerLeft { reason } => format!("went ({})", plain(reason)),
        EventKind::PeerConnected { .. } => "is connected".to_owned(),
        EventKind::LinkState { state } => format!("connection: {}", plain(state)),
        EventKind::PathChanged { path } => {
            format!("new path: {} to {} over {}", path.local.as_str(), path.remote.as_str(), path.protocol)
        }
        EventKind::IceRestart => "looks for another path".to_owned(),
        EventKind::Reconnecting { .. } => "connection lost".to_owned(),
        EventKind::Reconnected => "connection is back".to_owned(),
        EventKind::Muted { media } => format!("{} off", capture(*media)),
        EventKind::Unmuted { media } => format!("{} on", capture(*media)),
        EventKind::Device { detail, .. } => detail.clone(),
        EventKind::Resolution { direction, width, height } => {
            format!("picture {} is now {width} x {height}", way(*direction))
        }
        EventKind::CodecChanged { media, direction, codec } => {
            format!("{} {} is now {codec}", media.as_str(), way(*direction))
        }
        EventKind::LimitationBegan { reason } => format!("what we send is limited by {}", plain(reason)),
        EventKind::LimitationEnded { reason } => format!("what we send is no longer limited by {}", plain(reason)),
        EventKind::WarningRaised { warning, media, direction } => {
            format!("warning: {}{}", plain(warning), about(*media, *direction))
        }
        EventKind::WarningCleared { warning, media, direction } => {
            format!("no longer: {}{}", plain(warning), about(*media, *direction))
        }
        EventKind::Mark => "marked: it is bad now".to_owned(),
        other => format!("{other:?}"),
    }
}

/// A word of the record without its hyphens.
fn plain(word: &str) -> String {
    word.replace('-', " ")
}

fn capture(media: Kind) -> &'static str {
    match media {
        Kind::Audio => "microphone",
        Kind::Video => "camera",
    }
}

fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::Inbound => "received",
        Direction::Outbound => "sent",
    }
}

fn about(media: Option<Kind>, direction: Option<Direction>) -> String {
    match (media, direction) {
        (Some(media), Some(direction)) => format!(" ({} {})", media.as_str(), way(direction)),
        (Some(media), None) => format!(" ({})", media.as_str()),
        (None, _) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use sightline_quality::{Cause, Factor, Percent};

    use super::*;

    #[test]
    fn a_headline_is_a_few_words() {
        let worst = Some(Factor { cause: Cause::Loss, kind: Kind::Video, direction: Direction::Inbound });
        let words = |share| headline(&Headline::Classified { share: Percent(share), worst });
        assert_eq!(words(50.0), "packet loss, incoming video");
        assert_eq!(words(100.0), "a little packet loss, incoming video");
        assert_eq!(headline(&Headline::Unclassified(Unclassified::TooShort)), "too short to tell");
    }

    #[test]
    fn breaks_name_who_was_lost() {
        assert_eq!(break_words("sleep", Some("Ada")), "This computer slept");
        assert_eq!(break_words("the connection to the peer is failed", Some("Ada")), "The connection to Ada was lost");
        assert!(break_words("reset by peer", None).starts_with("The server"));
    }

    #[test]
    fn events_are_told_without_jargon_of_the_record() {
        let raised = EventKind::WarningRaised {
            warning: "high-loss".into(),
            media: Some(Kind::Video),
            direction: Some(Direction::Outbound),
        };
        assert_eq!(event_words(&raised), "warning: high loss (video sent)");
        assert_eq!(event_words(&EventKind::Muted { media: Kind::Audio }), "microphone off");
        assert_eq!(
            event_words(&EventKind::Left { reason: "connection-lost".into() }),
            "left the call (connection lost)"
        );
    }

    #[test]
    fn a_day_is_a_day_even_where_the_record_is_damaged() {
        assert_eq!(file_stem("../a-b/", i64::MAX), "sightline-a-b-1970-01-01");
        assert_eq!(time_of_day(1_700_000_000_000).len(), 5);
    }
}
