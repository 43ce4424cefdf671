//! Everything that the app itself says to people, in English. Pure.
//!
//! Invariant: no other file of this crate holds words for the page or the tray; those of the page itself are in
//! `ui/strings.js`. Sentences about quality are made by `sightline-quality` (its `words`), and an error of another crate
//! comes with a code by which the page can tell it apart. Another language is another file with the same names.

use std::ops::RangeInclusive;
use std::path::Path;

use jiff::{Timestamp, tz::TimeZone};
use sightline_media::device::DeviceKind;
use sightline_quality::{Direction, EventKind, Headline, Kind, Unclassified, isolated};

/// The entries of the tray.
pub(crate) mod tray {
    pub(crate) const SHOW: &str = "Show Sightline";
    pub(crate) const MUTE: &str = "Mute the microphone";
    pub(crate) const LEAVE: &str = "Leave the call";
    pub(crate) const QUIT: &str = "Quit";
    pub(crate) const DECLINE: &str = "Decline the call";

    pub(crate) fn accept(from: &str) -> String {
        format!("Accept the call from {}", super::isolated(from))
    }

    /// Beside the icon, or where the pointer rests on it.
    pub(crate) fn calling(from: &str) -> String {
        format!("{} is calling", super::isolated(from))
    }
}

/// Who gave no name.
pub(crate) const GUEST: &str = "Guest";
/// A peer whose name was never told.
pub(crate) const SOMEBODY: &str = "somebody";

pub(crate) const IN_A_CALL: &str = "you are in a call; leave it first";
pub(crate) const IN_NO_CALL: &str = "you are in no call";
pub(crate) const CALL_IS_OVER: &str = "the call is over";
pub(crate) const LEFT_BEFORE_IT_BEGAN: &str = "you left before the call began";
pub(crate) const NO_SPEAKER_IS_USED: &str = "no speaker is used";
pub(crate) const NO_SUCH_CALL: &str = "this call is not in the history any more";
pub(crate) const NO_SUCH_FILE: &str = "Sightline opens only files that it wrote itself";
pub(crate) const NO_CHARTS: &str = "no charts are open; open a call in the history first";
pub(crate) const TOO_MANY_ROWS: &str = "so many rows are not shown at once; choose a shorter time, or export the call";

pub(crate) const SERVER_LOST: &str =
    "The server cannot be reached. Who is here stays; Sightline keeps trying to get back.";
pub(crate) const PATH_LOST: &str = "The connection broke. Sightline is looking for another way.";
pub(crate) const PATH_TRIED: &str = "The connection broke. Sightline is trying another way.";
pub(crate) const OURS_PAUSE: &str = "Your picture pauses for them: the connection carries no more than sound.";
pub(crate) const THEIRS_PAUSE: &str = "Their picture pauses: the connection carries no more than sound.";
pub(crate) const BOTH_PAUSE: &str = "Pictures pause both ways: the connection carries no more than sound.";
pub(crate) const YOU_LEFT: &str = "You left the call.";
pub(crate) const REPLACED: &str = "The call goes on in another window or on another computer.";
pub(crate) const REMOVED: &str = "The host has put you out of the call.";

/// Why a room is over.
pub(crate) fn over(why: sightline_protocol::EndReason) -> &'static str {
    use sightline_protocol::EndReason;
    match why {
        EndReason::Expired => "The time of this call is up.",
        EndReason::Empty => "Nobody was in this call for too long, and it was closed.",
        EndReason::Host => "The host has ended the call for everybody.",
        EndReason::Admin => "An administrator has ended the call.",
        EndReason::Partner => "The other one left.",
        EndReason::Crash | EndReason::Other => "The call is over.",
    }
}

/// We are something else in the room from now on.
pub(crate) fn role_changed(role: sightline_protocol::Role) -> &'static str {
    use sightline_protocol::Role;
    match role {
        Role::Host => "You are the host now.",
        Role::Guest => "You are not the host any more.",
        Role::Observer => "You only watch this call.",
    }
}

/// A host asked us to be silent, and we are.
pub(crate) fn asked_to_mute(by: &str) -> String {
    let by = isolated(by);
    format!("{by} asked you to mute: your microphone is off. Switch it on again when you want to speak.")
}

pub(crate) const UDP_UNKNOWN: &str = "Whether UDP gets through is not known: this server names no STUN server to ask.";
pub(crate) const NO_UDP: &str = "No UDP gets through here; calls need a relay.";
pub(crate) const RELAY_NEEDED: &str = "This network's router makes a relay necessary.";
pub(crate) const SPEAKER_IS_AWAY: &str = "The chosen speaker is not there. Plug it in, or choose another one.";

/// A sentence of one that begins and ends as errors of programs do: without a capital letter and a full stop.
pub(crate) fn sentence(text: &str) -> String {
    let text = text.trim();
    let mut letters = text.chars();
    let Some(first) = letters.next() else { return String::new() };
    let end = if text.ends_with(['.', '!', '?', '…']) { "" } else { "." };
    format!("{}{}{end}", first.to_uppercase(), letters.as_str())
}

/// A further picture of a peer.
pub(crate) fn further_picture(name: &str, number: usize) -> String {
    format!("{} ({number})", isolated(name))
}

pub(crate) fn not_recorded(why: &str) -> String {
    format!("This call is not recorded: {why}")
}

/// There is no device of a kind.
pub(crate) fn no_device(kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::Camera => "No camera was found. You can join without: the others see your name.",
        DeviceKind::Microphone => "No microphone was found. You can join without: you hear the others and can write.",
        DeviceKind::Speaker => "No speaker was found. You can join without: you see the others and can write.",
    }
}

pub(crate) fn device_is_away(kind: DeviceKind, name: &str) -> String {
    format!("The {kind} '{name}' is not there. Plug it in, or choose another one.")
}

pub(crate) fn device_broke(error: &str) -> String {
    format!("opening it broke: {error}")
}

pub(crate) const SERVER_IS_SET: &str = "Its address is set in Settings; without one, this computer is the server.";

/// The server inside the app does not run.
pub(crate) fn no_server(problem: &str) -> String {
    format!("{problem}; or set the address of another server in Settings")
}

pub(crate) fn defect(error: &str) -> String {
    format!("something broke inside Sightline ({error}); its log says more")
}

pub(crate) fn cannot_write_into(folder: &Path, error: &str) -> String {
    format!("cannot write into {} ({error})", folder.display())
}

/// The admin mode.
pub(crate) mod admin {
    pub(crate) const SIGN_IN_FIRST: &str = "nobody is signed in; sign in first";
    pub(crate) const NO_TOKEN: &str = "this is no admin token; it is one word, as the server was given it";
    pub(crate) const NO_SUCH_CALL: &str = "this call is not there any more";
    pub(crate) const NO_REPORTS: &str = "the reports of this call are not open any more; open the call again";
    pub(crate) const NOBODY: &str = "nobody of that number is in the reports of this call";

    pub(crate) fn not_an_admin(name: &str) -> String {
        let name = super::isolated(name);
        format!("{name} is not an admin of this server; whoever runs it can make the account one")
    }

    pub(crate) fn did_not_report(name: &str) -> String {
        let name = if name.is_empty() { super::SOMEBODY } else { name };
        format!("{} did not share any figures of this call", super::isolated(name))
    }
}

/// What is wrong with settings.
pub(crate) mod settings {
    use super::*;

    pub(crate) const TOO_LONG: &str = "an address or a device's id is too long";
    pub(crate) const NO_SETTINGS: &str = "it is too long to be one";

    pub(crate) fn name(most: usize) -> String {
        format!("a name has at most {most} characters, all of them visible")
    }

    pub(crate) fn height(heights: &[u32]) -> String {
        format!("the height of the picture is one of {heights:?}")
    }

    pub(crate) fn kbps(range: RangeInclusive<u32>) -> String {
        format!("the picture's bit rate is {} to {} kbit/s", range.start(), range.end())
    }

    pub(crate) fn days(most: u32) -> String {
        format!("calls are kept for at most {most} days; 0 keeps them for ever")
    }

    pub(crate) fn not_written(file: &Path, error: &str) -> String {
        format!("the settings cannot be written to {} ({error})", file.display())
    }

    pub(crate) fn kept_aside(why: &str, kept: &Path) -> String {
        let kept = kept.display();
        format!(
            "The settings could not be read ({why}), so they are the defaults again. The old file is kept as {kept}."
        )
    }

    pub(crate) fn unreadable(why: &str, file: &Path) -> String {
        let file = file.display();
        format!(
            "The settings in {file} cannot be read ({why}); until that file is mended or removed, they are the defaults."
        )
    }
}

/// About people outside a call.
pub(crate) mod people {
    use super::*;

    pub(crate) const SIGN_IN_FIRST: &str = "sign in first: calls by name go from account to account";
    pub(crate) const CALLING_ALREADY: &str = "you are calling somebody already";
    pub(crate) const MEETING: &str = "you are meeting someone; stop that first";
    pub(crate) const RING_IS_OVER: &str = "this call does not ring any more";
    pub(crate) const NO_PARTNER: &str = "you are with nobody at the moment";
    pub(crate) const SERVER_AWAY: &str = "the server cannot be reached at the moment; Sightline is looking for it";
    pub(crate) const SERVER_LOST: &str = "The server was lost while it rang. Call again when it is back.";
    pub(crate) const CONNECTION_TO_PARTNER_LOST: &str = "The connection was lost. Enter again when you like.";
    pub(crate) const REPORTED: &str = "Whoever runs this server has your report.";
    pub(crate) const SIGNED_OUT: &str = "You were signed out on this computer. Sign in again to be called by name.";
    pub(crate) const CONTACT_NAME: &str = "a name has 1 to 64 characters, all of them visible";
    pub(crate) const NOT_SIGNED_IN: &str = "you are not signed in";
    pub(crate) const NOTHING_HEARD: &str = "the server did not say whether it rings; try again";

    /// The server is lost outside a call.
    pub(crate) fn away(cause: &str) -> String {
        format!("The server cannot be reached ({cause}). Sightline keeps trying.")
    }

    /// How a call by name ended that nobody took. Names are written as their owners do, so no sentence begins with one.
    pub(crate) fn not_answered(name: &str, outcome: &str) -> String {
        let name = isolated(name);
        match outcome {
            "declined" => format!("Your call was declined by {name}."),
            "busy" => format!("You reach nobody: {name} is in a call."),
            "unreachable" => format!("You reach nobody: {name} is not here at the moment."),
            _ => format!("Your call was not answered by {name}."),
        }
    }

    pub(crate) fn taken_elsewhere(from: &str) -> String {
        format!("The call from {} was answered on another device.", isolated(from))
    }

    pub(crate) fn partner_left(name: &str) -> String {
        format!("You are alone again: {} went on. Looking for somebody else.", isolated(name))
    }

    pub(crate) fn too_many_contacts(most: usize) -> String {
        format!("{most} people are as many as can be kept here; remove some first")
    }

    pub(crate) fn not_written(file: &Path, error: &str) -> String {
        format!("your people cannot be written to {} ({error})", file.display())
    }
}

/// What is shared with servers.
pub(crate) mod sharing {
    pub(crate) fn not_dropped(why: &str) -> String {
        format!(
            "nothing is sent, but what still waits could not be dropped ({why}); Sightline tries that again when it starts"
        )
    }
}

/// Titles of the table of a call.
pub(crate) mod columns {
    use sightline_quality::{ProcessMetric, TrackMetric};

    pub(crate) const FROM: &str = "From";
    pub(crate) const TO: &str = "To";
    pub(crate) const PEER: &str = "With";
    pub(crate) const KIND: &str = "What";
    pub(crate) const DIRECTION: &str = "Way";
    pub(crate) const LEAST: &str = ", least";
    pub(crate) const MOST: &str = ", most";
    pub(crate) const WIDTH: &str = "Width";
    pub(crate) const HEIGHT: &str = "Height";
    pub(crate) const SCORE: &str = "Score";
    pub(crate) const SCORE_UNIT: &str = "1 to 5";
    pub(crate) const CLASS: &str = "Class";
    /// What a row is about that is about no track.
    pub(crate) const COMPUTER: &str = "computer";

    /// What charts show of a track.
    pub(crate) const TRACK: [(TrackMetric, &str); 7] = [
        (TrackMetric::Bitrate, "Bit rate"),
        (TrackMetric::Loss, "Loss"),
        (TrackMetric::RoundTrip, "Round trip"),
        (TrackMetric::Jitter, "Jitter"),
        (TrackMetric::FrameRate, "Pictures"),
        (TrackMetric::Buffer, "Buffer"),
        (TrackMetric::Concealed, "Made up"),
    ];
    /// The same of this computer.
    pub(crate) const PROCESS: [(ProcessMetric, &str); 2] =
        [(ProcessMetric::Cpu, "CPU, Sightline"), (ProcessMetric::SystemCpu, "CPU, all")];
}

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
        (_, Some(name)) => format!("The connection to {} was lost", isolated(name)),
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
    fn errors_are_told_as_sentences() {
        assert_eq!(sentence("no room has the code 'a-b'; check it"), "No room has the code 'a-b'; check it.");
        assert_eq!(sentence(" Is it on?"), "Is it on?");
        assert_eq!((sentence("ß"), sentence("")), ("SS.".to_owned(), String::new()));
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
