//! Events of a call as marks on the axis of time.
//!
//! Invariant: there are at most [`MOST`] marks, in the order of time; the user's own and warnings are the last to be
//! left out.

use std::ops::Range;

use sightline_quality::{Direction, Event, EventKind, Kind};

/// A call of hours has some dozens. More than this cannot be told apart, and would only cost time.
pub(crate) const MOST: usize = 2000;

/// How a mark looks; the later one wins where several lie together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tone {
    /// Something happened.
    Note,
    /// Something was not as it should be.
    Warning,
    /// The user said that it is bad.
    User,
}

/// An event that is worth a mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) at_ms: i64,
    pub(crate) tone: Tone,
    pub(crate) words: String,
}

/// Keeps the most important ones, in the order of time.
pub(crate) fn bounded(mut marks: Vec<Mark>) -> Vec<Mark> {
    if marks.len() > MOST {
        marks.sort_by_key(|mark| std::cmp::Reverse(mark.tone));
        marks.truncate(MOST);
    }
    marks.sort_by_key(|mark| mark.at_ms);
    marks
}

/// Marks that lie so near together that they are drawn as one: which, and where the first is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cluster {
    pub(crate) x: f32,
    pub(crate) tone: Tone,
    pub(crate) marks: Range<usize>,
}

/// Takes marks together that are less than `apart` points apart. `x` gives the place of a mark; it never falls.
pub(crate) fn clusters(marks: &[Mark], apart: f32, x: impl Fn(&Mark) -> f32) -> Vec<Cluster> {
    let mut clusters: Vec<Cluster> = Vec::new();
    for (index, mark) in marks.iter().enumerate() {
        let x = x(mark);
        match clusters.last_mut().filter(|cluster| x - cluster.x < apart) {
            Some(cluster) => {
                cluster.tone = cluster.tone.max(mark.tone);
                cluster.marks.end = index + 1;
            }
            None => clusters.push(Cluster { x, tone: mark.tone, marks: index..index + 1 }),
        }
    }
    clusters
}

/// The mark of an event, if it is worth one. `who` is the name of the peer whom it concerns, if any.
pub(crate) fn of_event(event: &Event, who: Option<&str>) -> Option<Mark> {
    let (tone, words) = words(&event.kind, who)?;
    Some(Mark { at_ms: event.unix_ms, tone, words })
}

fn words(kind: &EventKind, who: Option<&str>) -> Option<(Tone, String)> {
    let name = who.unwrap_or("You");
    let of = who.map(|who| format!(" ({who})")).unwrap_or_default();
    let note = |words: String| Some((Tone::Note, words));
    let warning = |words: String| Some((Tone::Warning, words));
    match kind {
        EventKind::Mark => Some((Tone::User, "You marked: it is bad now".to_owned())),
        EventKind::Joined { .. } => note("You joined".to_owned()),
        EventKind::Left { reason } => note(format!("You left ({})", plain(reason))),
        EventKind::PeerJoined { name } => note(format!("{name} joined")),
        EventKind::PeerLeft { reason } => note(format!("{name} left ({})", plain(reason))),
        EventKind::PathChanged { path } => {
            note(format!("Path{of}: {} to {}, {}", path.local.as_str(), path.remote.as_str(), path.protocol))
        }
        EventKind::IceRestart => warning(format!("Looking for a new path{of}")),
        EventKind::Reconnecting { cause } => warning(match who {
            Some(who) => format!("Connection to {who} lost: {}", plain(cause)),
            None => format!("Connection to the server lost: {}", plain(cause)),
        }),
        EventKind::Reconnected => note(match who {
            Some(who) => format!("Connected to {who} again"),
            None => "Connected to the server again".to_owned(),
        }),
        EventKind::Muted { media } => note(format!("{name}: {} off", device(*media))),
        EventKind::Unmuted { media } => note(format!("{name}: {} on", device(*media))),
        EventKind::Device { detail, state, .. } => {
            let tone = if state == "back" || state == "changed" { Tone::Note } else { Tone::Warning };
            Some((tone, detail.clone()))
        }
        EventKind::CodecChanged { codec, direction, .. } => note(format!("{} {codec}{of}", way(*direction))),
        EventKind::LimitationBegan { reason } => warning(format!("Held down by {reason}{of}")),
        EventKind::LimitationEnded { reason } => note(format!("No longer held down by {reason}{of}")),
        EventKind::WarningRaised { warning: name, media, direction } => {
            warning(format!("{}{}{of}", sentence(name), about(*media, *direction)))
        }
        EventKind::WarningCleared { warning: name, media, direction } => {
            note(format!("Over: {}{}{of}", plain(name), about(*media, *direction)))
        }
        // Shown by charts of their own, or of no interest to those who look at charts.
        _ => None,
    }
}

fn device(media: Kind) -> &'static str {
    match media {
        Kind::Audio => "microphone",
        Kind::Video => "camera",
    }
}

fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::Inbound => "Receiving",
        Direction::Outbound => "Sending",
    }
}

fn about(media: Option<Kind>, direction: Option<Direction>) -> String {
    let media = media.map(|media| match media {
        Kind::Audio => "sound",
        Kind::Video => "pictures",
    });
    let direction = direction.map(|direction| match direction {
        Direction::Inbound => "received",
        Direction::Outbound => "sent",
    });
    match (media, direction) {
        (Some(media), Some(direction)) => format!(", {media} {direction}"),
        (Some(word), None) | (None, Some(word)) => format!(", {word}"),
        (None, None) => String::new(),
    }
}

/// `high-round-trip` as words.
pub(crate) fn plain(word: &str) -> String {
    word.replace(['-', '_'], " ")
}

fn sentence(word: &str) -> String {
    let plain = plain(word);
    let mut letters = plain.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(at_ms: i64, tone: Tone) -> Mark {
        Mark { at_ms, tone, words: String::new() }
    }

    #[test]
    fn events_in_words() {
        let words = |kind, who| of_event(&Event { unix_ms: 7, peer: None, kind }, who).map(|mark| mark.words);
        let warning = EventKind::WarningRaised { warning: "high-round-trip".to_owned(), media: None, direction: None };
        assert_eq!(words(warning, Some("Ada")).as_deref(), Some("High round trip (Ada)"));
        let warning = EventKind::WarningRaised {
            warning: "high-loss".to_owned(),
            media: Some(Kind::Audio),
            direction: Some(Direction::Outbound),
        };
        assert_eq!(words(warning, Some("Ada")).as_deref(), Some("High loss, sound sent (Ada)"));
        assert_eq!(words(EventKind::Muted { media: Kind::Video }, None).as_deref(), Some("You: camera off"));
        assert_eq!(words(EventKind::LinkState { state: "new".to_owned() }, None), None);
    }

    #[test]
    fn of_too_many_the_important_ones_stay_in_the_order_of_time() {
        let mut many: Vec<_> = (0..10_000).map(|n| mark(n, Tone::Note)).collect();
        many[9000].tone = Tone::User;
        many[9500].tone = Tone::Warning;
        let kept = bounded(many);
        assert_eq!(kept.len(), MOST);
        assert!(kept.windows(2).all(|pair| pair[0].at_ms <= pair[1].at_ms));
        assert_eq!(kept[MOST - 2..], [mark(9000, Tone::User), mark(9500, Tone::Warning)]);
    }

    #[test]
    fn marks_that_lie_together_are_one() {
        let marks = [mark(0, Tone::Note), mark(3, Tone::User), mark(5, Tone::Warning), mark(40, Tone::Note)];
        let clusters = clusters(&marks, 6.0, |mark| mark.at_ms as f32);
        assert_eq!(clusters[0], Cluster { x: 0.0, tone: Tone::User, marks: 0..3 });
        assert_eq!(clusters[1], Cluster { x: 40.0, tone: Tone::Note, marks: 3..4 });
        assert_eq!(clusters.len(), 2);
    }
}
