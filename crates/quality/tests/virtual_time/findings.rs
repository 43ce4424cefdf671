//! What is said of a call afterwards, in virtual time.

use sightline_quality::findings::{Evidence, Outage, Presence, findings};
use sightline_quality::{Class, Direction, Event, EventKind, Kind, Part, Side, Spread, Standing, TrackMetric};

use crate::bench::START_MS;
use crate::stage::{Second, Stage, WELL, at, told};

use Direction::{Inbound as In, Outbound as Out};

const GOOD: &str = "A good call: all of it was good or OK.";

/// The second and the third window of a minute.
fn middle(second: u64) -> bool {
    (16..=45).contains(&second)
}

fn lossy(lost: u64) -> Second {
    Second { lost, ..WELL }
}

#[test]
fn a_good_call_says_so() {
    assert_eq!(Stage::new().told(), [GOOD]);
    let two_percent = Stage { script: &|_, _, _, _| lossy(2), ..Stage::new() };
    assert_eq!(two_percent.told(), [GOOD], "OK is no finding");
}

#[test]
fn loss_and_on_whose_side_it_was() {
    type Which = fn(&str, Direction) -> bool;
    let cases: [(&[&str], Which, &str); 9] = [
        (&["ada"], |_, way| way == Out, "The path between you and Ada lost 6 % of what you sent"),
        (&["ada"], |_, way| way == In, "The path between you and Ada lost 6 % of what Ada sent"),
        (&["ada", "bob"], |_, way| way == Out, "Your uplink lost 6 %"),
        (&["ada", "bob"], |_, way| way == In, "Your downlink lost 6 %"),
        (&["ada", "bob"], |peer, way| peer == "ada" && way == Out, "Ada's downlink lost 6 % of what you sent"),
        (&["ada", "bob"], |peer, way| peer == "bob" && way == In, "Bob's uplink lost 6 % of what they sent"),
        (&["ada", "bob", "cyd"], |peer, way| peer != "cyd" && way == In, "Your downlink lost 6 %"),
        (&["ada", "bob", "cyd"], |peer, way| peer == "cyd" && way == Out, "Cyd's downlink lost 6 % of what you sent"),
        (&["a", "b", "c", "d", "e"], |peer, way| peer == "e" && way == In, "E's uplink lost 6 % of what they sent"),
    ];
    for (peers, which, sentence) in cases {
        let script = |peer: &str, _: Kind, way: Direction, second| {
            if middle(second) && which(peer, way) { lossy(6) } else { WELL }
        };
        let told = Stage { peers, script: &script, ..Stage::new() }.told();
        let place =
            sentence.split(" lost").next().expect("a place").replacen("The", "the", 1).replacen("Your", "your", 1);
        let summary = format!("A bad call: only 50 % of it was good or OK; most of the trouble was with {place}.");
        assert_eq!(told, [format!("{sentence} from 15 s to 45 s."), summary]);
    }
}

#[test]
fn who_was_muted_is_no_witness_and_one_stream_alone_is_named() {
    let script = |peer: &str, kind: Kind, way: Direction, second| match (peer, kind, way) {
        ("bob", _, In) => Second { muted: true, ..WELL },
        ("ada", Kind::Video, In) if middle(second) => lossy(6),
        _ => WELL,
    };
    let told = Stage { peers: &["ada", "bob"], script: &script, ..Stage::new() }.told();
    assert_eq!(told[0], "The path between you and Ada lost 6 % of the pictures Ada sent from 15 s to 45 s.");
}

#[test]
fn each_trouble_in_a_call_of_two() {
    type Script = fn(Kind, Direction) -> Second;
    const POOR: Second = Second { fps: 3, ..WELL };
    let cases: [(u64, Script, &str); 12] = [
        (
            20,
            |kind, way| if (kind, way) == (Kind::Video, Out) { POOR } else { WELL },
            "Your camera gave only 3 pictures a second",
        ),
        (
            97,
            |kind, way| if (kind, way) == (Kind::Video, Out) { POOR } else { WELL },
            "This computer managed only 3 pictures a second",
        ),
        (
            20,
            |kind, way| if (kind, way) == (Kind::Video, In) { POOR } else { WELL },
            "Ada's side sent only 3 pictures a second",
        ),
        (
            97,
            |kind, way| if (kind, way) == (Kind::Video, In) { POOR } else { WELL },
            "This computer managed only 3 pictures a second",
        ),
        (
            20,
            |kind, way| if (kind, way) == (Kind::Video, In) { Second { lost: 2, ..POOR } } else { WELL },
            "The path between you and Ada brought only 3 pictures a second",
        ),
        (
            20,
            |_, way| if way == In { Second { frozen_ms: 200, ..WELL } } else { WELL },
            "Ada's camera froze the picture for 6 s",
        ),
        (
            20,
            |_, way| if way == In { Second { frozen_ms: 200, lost: 2, ..WELL } } else { WELL },
            "The path between you and Ada froze the picture for 6 s",
        ),
        (
            20,
            |_, way| if way == In { Second { jitter_ms: 45, ..WELL } } else { WELL },
            "The path between you and Ada passed on packets unevenly (45 ms of jitter)",
        ),
        (
            97,
            |_, way| if way == In { Second { jitter_ms: 45, ..WELL } } else { WELL },
            "This computer passed on packets unevenly (45 ms of jitter)",
        ),
        (
            97,
            |_, way| if way == In { Second { concealed_percent: 9, ..WELL } } else { WELL },
            "This computer left gaps in the sound (9 % made up)",
        ),
        (
            20,
            |kind, way| if (kind, way) == (Kind::Audio, In) { Second { silent: true, ..WELL } } else { WELL },
            "Ada's microphone gave no sound",
        ),
        (
            20,
            |_, way| if way == In { Second { silent: true, ..WELL } } else { WELL },
            "The path between you and Ada brought nothing",
        ),
    ];
    for (busy, script, sentence) in cases {
        let script = |_: &str, kind, way, second| if middle(second) { script(kind, way) } else { WELL };
        let load = |second| if middle(second) { busy } else { 20 };
        let told = Stage { script: &script, busy: &load, ..Stage::new() }.told();
        assert_eq!(told[0], format!("{sentence} from 15 s to 45 s."), "{told:?}");
        let computer = "This computer was 97 % busy from 15 s to 45 s.";
        assert_eq!(told.iter().any(|line| line == computer), busy > 90, "{told:?}");
        assert_eq!(told.len(), if busy > 90 { 3 } else { 2 }, "{told:?}");
    }
}

#[test]
fn a_long_way_there_and_back() {
    let rtt = |peer: &str, second| if peer == "ada" && middle(second) { 620 } else { 40 };
    let told = Stage { rtt_ms: &rtt, ..Stage::new() }.told();
    assert_eq!(told[0], "The path between you and Ada took 620 ms there and back from 15 s to 45 s.");
    let told = Stage { rtt_ms: &rtt, peers: &["ada", "bob"], ..Stage::new() }.told();
    assert_eq!(told[0], "Ada's connection took 620 ms there and back from 15 s to 45 s.");
    let everyone = |_: &str, second| rtt("ada", second);
    let told = Stage { rtt_ms: &everyone, peers: &["ada", "bob"], ..Stage::new() }.told();
    assert_eq!(told[0], "Your connection took 620 ms there and back from 15 s to 45 s.");
}

#[test]
fn an_encoder_that_is_too_slow_is_told_though_the_call_was_good() {
    let script = |_: &str, kind, way, _| {
        if (kind, way) == (Kind::Video, Out) { Second { codec_ms: 45, fps: 20, ..WELL } } else { WELL }
    };
    let told = Stage { script: &script, peers: &["ada", "bob"], ..Stage::new() }.told();
    let slow = "This computer needed 45 ms to encode a picture from 0 s to 60 s.";
    assert_eq!(told, [slow, "A good call all in all: all of it was good or OK."]);
}

#[test]
fn neighbouring_windows_are_one_finding_and_what_comes_again_and_again_too() {
    // Windows 1 and 2 with 4 and 8 %, and window 4.
    let script = |_: &str, _, way, second| match (way, second) {
        (In, 16..=30) => lossy(4),
        (In, 31..=45) => lossy(8),
        (In, 61..=75) => lossy(20),
        _ => WELL,
    };
    let told = Stage { seconds: 90, script: &script, ..Stage::new() }.told();
    assert_eq!(
        told[..2],
        [
            "The path between you and Ada lost 6 % of what Ada sent from 15 s to 45 s.",
            "The path between you and Ada lost 20 % of what Ada sent from 60 s to 75 s."
        ]
    );
    let every_other = |_: &str, _, way, second: u64| {
        if way == In && (second.saturating_sub(1) / 15) % 2 == 1 { lossy(6) } else { WELL }
    };
    let told = Stage { seconds: 150, script: &every_other, ..Stage::new() }.told();
    assert_eq!(told[0], "The path between you and Ada lost 6 % of what Ada sent 5 times between 15 s and 150 s.");
    assert_eq!(told.len(), 2);
}

#[test]
fn the_gravest_comes_first() {
    let script = |peer: &str, kind: Kind, way, second| match (peer, kind, way, second) {
        ("ada", _, In, 1..=15) => lossy(4),
        ("bob", Kind::Audio, Out, 31..=120) => Second { jitter_ms: 60, ..WELL },
        ("ada", _, Out, 31..=60) => lossy(30),
        _ => WELL,
    };
    let told = Stage { seconds: 120, peers: &["ada", "bob"], script: &script, ..Stage::new() }.told();
    assert_eq!(
        told[..3],
        [
            "Bob's downlink passed on packets unevenly (60 ms of jitter) from 30 s to 120 s.",
            "Ada's downlink lost 30 % of what you sent from 30 s to 60 s.",
            "Ada's uplink lost 4 % of what they sent from 0 s to 15 s."
        ]
    );
    assert_eq!(told.len(), 4);
}

#[test]
fn what_was_merely_noticed_comes_after_what_spoilt_something() {
    let script = |_: &str, kind, way, second| match (kind, way) {
        (Kind::Video, Out) => Second { codec_ms: 31, ..WELL },
        (Kind::Video, In) if second <= 15 => lossy(5),
        _ => WELL,
    };
    let told = Stage { seconds: 75, script: &script, ..Stage::new() }.told();
    assert_eq!(
        told,
        [
            "The path between you and Ada lost 5 % of the pictures Ada sent from 0 s to 15 s.",
            "This computer needed 31 ms to encode a picture from 0 s to 75 s.",
            "An OK call: 80 % of it was good or OK; most of the trouble was with the path between you and Ada.",
        ]
    );
}

#[test]
fn what_was_not_judged_is_neither_good_nor_bad() {
    let unknown = Stage { script: &|_, _, _, _| Second { told: false, fps: 30, ..WELL }, ..Stage::new() };
    let (_, evidence) = unknown.play();
    assert!(evidence.tracks.iter().all(|row| row.verdict.is_none()));
    assert_eq!(told(&[evidence]), ["Too short a call to be judged."]);
    let muted = Stage { script: &|_, _, _, _| Second { muted: true, ..WELL }, ..Stage::new() };
    assert_eq!(muted.told(), ["Nothing was sent or received by which the call could be judged."]);
    let short = Stage { seconds: 14, script: &|_, _, _, _| lossy(20), ..Stage::new() };
    assert_eq!(short.told().last().map(String::as_str), Some("Too short a call to be judged."));
    assert_eq!(told(&[Evidence::default()]), ["Nobody else was there."]);
    let presences = vec![presence("ada")];
    assert_eq!(told(&[Evidence { presences, ..Evidence::default() }]), ["No connection to anybody came about."]);
}

fn presence(peer: &str) -> Presence {
    Presence { peer: peer.to_owned(), name: crate::stage::name(peer), from_ms: START_MS, to_ms: None }
}

fn outage(peer: Option<&str>, from: u64, to: u64, cause: &str) -> Outage {
    Outage { peer: peer.map(str::to_owned), from_ms: at(from), to_ms: Some(at(to)), cause: cause.to_owned() }
}

/// A good call in words, but for these outages.
fn with_outages(peers: &[&str], outages: Vec<Outage>) -> Vec<String> {
    let (_, evidence) = Stage { peers, ..Stage::new() }.play();
    let mut told = told(&[Evidence { outages, ..evidence }]);
    assert_eq!(told.pop().as_deref(), Some("A good call all in all: all of it was good or OK."));
    told
}

#[test]
fn lost_connections_and_whose_they_were() {
    let path = "the connection to the peer is failed";
    let ada = || outage(Some("ada"), 20, 32, path);
    let bob = || outage(Some("bob"), 21, 33, path);
    let server = || outage(None, 22, 30, "no answer");
    for (peers, outages, sentence) in [
        (&["ada"][..], vec![ada()], "The path between you and Ada was lost for 12 s from 20 s to 32 s."),
        (&["ada", "bob"], vec![ada()], "Ada's connection was lost for 12 s from 20 s to 32 s."),
        (&["ada", "bob"], vec![ada(), bob()], "Your connection was lost for 13 s from 20 s to 33 s."),
        (&["ada"], vec![ada(), server()], "Your connection was lost for 12 s from 20 s to 32 s."),
        (&["ada", "bob"], vec![ada(), bob(), server()], "Your connection was lost for 13 s from 20 s to 33 s."),
        (&["ada"], vec![server()], "The server was away for 8 s from 22 s to 30 s."),
        (&["ada"], vec![outage(None, 20, 50, "sleep"), ada()], "This computer slept for 30 s from 20 s to 50 s."),
        (
            &["ada"],
            vec![outage(None, 20, 26, "stall")],
            "This computer did not let Sightline run for 6 s from 20 s to 26 s.",
        ),
    ] {
        assert_eq!(with_outages(peers, outages), [sentence]);
    }
    let one_of_two = with_outages(&["ada", "bob"], vec![ada(), server()]);
    assert_eq!(
        one_of_two,
        ["Ada's connection was lost for 12 s from 20 s to 32 s.", "The server was away for 8 s from 22 s to 30 s."]
    );
    let unended = Outage { to_ms: None, ..ada() };
    let told = with_outages(&["ada"], vec![unended]);
    assert_eq!(told, ["The path between you and Ada was lost for 40 s from 20 s to 60 s."]);
}

#[test]
fn a_long_break_is_worse_than_a_short_one() {
    let class = |to| {
        let (_, evidence) = Stage::new().play();
        let outages = vec![outage(Some("ada"), 20, to, "path lost")];
        findings(&[Evidence { outages, ..evidence }]).findings[0].class
    };
    assert_eq!((class(29), class(30)), (Class::Bad, Class::Terrible));
}

#[test]
fn a_rest_of_some_seconds_is_no_window() {
    let script = |_: &str, _, _, second| if second > 60 { lossy(50) } else { WELL };
    let busy = |second| if second > 60 { 99 } else { 20 };
    assert_eq!(Stage { seconds: 67, script: &script, busy: &busy, ..Stage::new() }.told(), [GOOD]);
    let told = Stage { seconds: 68, script: &script, busy: &busy, ..Stage::new() }.told();
    assert_eq!(told[0], "The path between you and Ada lost 50 % of what Ada sent from 60 s to 68 s.");
}

#[test]
fn devices_and_the_ends_of_sessions() {
    let event = |second, kind| Event { unix_ms: at(second), peer: None, kind };
    let device = |second, media, state: &str| {
        let (state, detail) = (state.to_owned(), String::new());
        event(second, EventKind::Device { media, direction: Out, state, detail })
    };
    let warning = |second, raised| {
        let (warning, media, direction) = ("constant-level".to_owned(), Some(Kind::Audio), Some(Out));
        event(
            second,
            match raised {
                true => EventKind::WarningRaised { warning, media, direction },
                false => EventKind::WarningCleared { warning, media, direction },
            },
        )
    };
    let say = |events: Vec<Event>, end_reason: &str| {
        let (_, mut evidence) = Stage { seconds: 120, ..Stage::new() }.play();
        evidence.end_reason = Some(end_reason.to_owned());
        let mut told = told(&[Evidence { events, ..evidence }]);
        told.pop();
        told
    };
    let lost_and_found =
        vec![device(20, Kind::Video, "stalled"), device(25, Kind::Video, "lost"), device(40, Kind::Video, "back")];
    assert_eq!(say(lost_and_found, "left"), ["Your camera failed from 20 s to 40 s."]);
    assert_eq!(say(vec![device(20, Kind::Audio, "lost")], "left"), ["Your microphone failed from 20 s to 120 s."]);
    assert_eq!(
        say(vec![device(20, Kind::Audio, "changed"), device(30, Kind::Video, "back")], "left"),
        Vec::<String>::new()
    );
    assert_eq!(
        say(vec![warning(20, true), warning(90, false)], "left"),
        ["Your microphone kept to a level that did not move from 20 s to 90 s."]
    );
    assert_eq!(say(vec![warning(20, true), warning(50, false)], "left"), Vec::<String>::new(), "a pause is no fault");
    assert_eq!(say(vec![], "crash"), ["Sightline stopped without a goodbye at 120 s."]);
    assert_eq!(
        say(vec![], "connection-lost"),
        ["The server could not be reached again, which ended the call at 120 s."]
    );
}

/// The same, so many seconds later.
fn later(session: &Evidence, seconds: u64) -> Evidence {
    let shift_ms = seconds as i64 * 1000;
    let mut session = session.clone();
    for row in &mut session.tracks {
        row.span.start_ms += shift_ms;
        row.span.end_ms += shift_ms;
    }
    session.from_ms += shift_ms;
    session.to_ms = session.to_ms.map(|ms| ms + shift_ms);
    session
}

#[test]
fn each_session_of_a_call_is_judged_by_itself() {
    let script = |_: &str, _, way, _| if way == In { lossy(6) } else { WELL };
    let (_, ada) = Stage { script: &script, ..Stage::new() }.play();
    let summary =
        "A terrible call: none of it was good or OK; most of the trouble was with the path between you and Ada.";
    let touching = told(&[ada.clone(), later(&ada, 60)]);
    assert_eq!(
        touching,
        [
            "The path between you and Ada lost 6 % of what Ada sent from 0 s to 60 s.",
            "The path between you and Ada lost 6 % of what Ada sent from 60 s to 120 s.",
            summary,
        ]
    );
    // Two clients of one machine in the same call, at the same time: two calls of two, and not one of three.
    let (_, bob) = Stage { script: &script, peers: &["bob"], ..Stage::new() }.play();
    let at_once = told(&[ada, bob]);
    assert_eq!(
        at_once,
        [
            "The path between you and Ada lost 6 % of what Ada sent from 0 s to 60 s.",
            "The path between you and Bob lost 6 % of what Bob sent from 0 s to 60 s.",
            summary,
        ]
    );
}

#[test]
fn evidence_and_class_stay_with_the_finding() {
    let script = |_: &str, kind, way, second| {
        if (kind, way) == (Kind::Audio, In) && middle(second) { lossy(if second > 30 { 12 } else { 6 }) } else { WELL }
    };
    let (_, evidence) = Stage { script: &script, peers: &["ada", "bob"], ..Stage::new() }.play();
    let report = findings(&[evidence]);
    let finding = &report.findings[0];
    assert_eq!((finding.from_ms, finding.to_ms, finding.lasted_ms), (at(15), at(45), 30_000));
    assert_eq!((finding.side, finding.class), (Side::Ours(Part::Downlink), Class::Terrible));
    assert_eq!((finding.kind, finding.direction, finding.peer.as_deref()), (Some(Kind::Audio), Some(In), None));
    assert_eq!(finding.figure, 9.0);
    let lines = report.lines(&|ms| ms.to_string());
    let last = lines.last().expect("a summary");
    assert_eq!((last.from_ms, last.to_ms, last.class, last.side), (at(0), at(60), Some(Class::Bad), finding.side));
}

#[test]
fn the_word_for_a_call_follows_its_headline() {
    for (good, sentence) in [
        (399, "A good call: 99 % of it was good or OK."),
        (360, "An OK call: 90 % of it was good or OK."),
        (200, "A bad call: only 50 % of it was good or OK."),
        (0, "A terrible call: none of it was good or OK."),
    ] {
        let standing = Standing { windows: 400, good, worst: None, connected: true, heard: true };
        assert_eq!(told(&[Evidence { standing, ..Evidence::default() }]), [sentence]);
    }
}

#[test]
fn monstrous_evidence_neither_panics_nor_makes_an_endless_list() {
    let script = |_: &str, _, _, _| lossy(20);
    let (_, calm) = Stage { script: &script, ..Stage::new() }.play();
    let mut evidence = Evidence { tracks: Vec::new(), ..calm.clone() };
    for (number, row) in calm.tracks.iter().cycle().take(2000).enumerate() {
        let mut row = row.clone();
        row.counters.key.peer = format!("peer {}", number % 50);
        let value = [f64::NAN, f64::INFINITY, -1.0, 1e300][number % 4];
        row.values[TrackMetric::Loss] = Some(Spread { mean: value, min: value, max: value });
        let ends = [i64::MIN, i64::MAX, 0, START_MS];
        (row.span.start_ms, row.span.end_ms) = (ends[number % 4], ends[number / 4 % 4]);
        evidence.tracks.push(row);
    }
    for (from_ms, to_ms) in [(i64::MIN, Some(i64::MAX)), (i64::MAX, Some(i64::MIN)), (i64::MIN, None)] {
        evidence.outages.push(Outage { peer: Some("ada".to_owned()), from_ms, to_ms, cause: String::new() });
        evidence.outages.push(Outage { peer: None, from_ms, to_ms, cause: "sleep".to_owned() });
    }
    for unix_ms in [i64::MAX, i64::MIN] {
        let (state, detail) = ("lost".to_owned(), String::new());
        let kind = EventKind::Device { media: Kind::Video, direction: Out, state, detail };
        evidence.events.push(Event { unix_ms, peer: None, kind });
    }
    let told = told(&[evidence]);
    assert!((2..=21).contains(&told.len()), "{told:?}");
}
