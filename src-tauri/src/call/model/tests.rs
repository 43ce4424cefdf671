//! A call told as events, and what the page shows of it.

use sightline_quality::SetupTimes;

use super::super::stats::testing;
use super::*;

fn ada() -> PeerInfo {
    PeerInfo { id: "a".into(), name: "Ada".into() }
}

fn joined() -> Model {
    let mut model = Model::new(Beginning {
        code: "x-y".into(),
        link: "sightline://join/h/x-y".into(),
        name: "Me".into(),
        microphone: true,
        camera: true,
    });
    assert_eq!(state(&model).phase, CallPhase::Joining);
    let peers = vec![ada()];
    let event =
        CallEvent::Joined { user_id: "me".into(), room_id: "x-y".into(), server: "ws://h".into(), peers, token: None };
    model.event(&event, 1000);
    model
}

fn state(model: &Model) -> CallState {
    model.state(&BTreeMap::new(), 1000)
}

/// What of Ada's pictures there is: by tile, and whether one is in it.
fn pictures(of_ada: &[(&str, bool)]) -> BTreeMap<String, Vec<Picture>> {
    let picture = |(tile, live): &(&str, bool)| Picture { tile: (*tile).to_owned(), live: *live };
    BTreeMap::from([("a".to_owned(), of_ada.iter().map(picture).collect())])
}

fn record(model: &mut Model, peer: Option<&str>, kind: EventKind) {
    model.event(&CallEvent::Record(Event { unix_ms: 0, peer: peer.map(str::to_owned), kind }), 0);
}

fn device(model: &mut Model, media: Kind, direction: Direction, state: &str) {
    let detail = format!("{} {state}", media.as_str());
    record(model, None, EventKind::Device { media, direction, state: state.into(), detail });
}

#[test]
fn who_is_there_has_a_tile_from_joining_to_leaving() {
    let mut model = joined();
    let now = state(&model);
    assert_eq!((now.phase, now.started_ms), (CallPhase::In, Some(1000)));
    let ids: Vec<_> = now.tiles.iter().map(|tile| (tile.id.as_str(), tile.own, tile.connection)).collect();
    assert_eq!(ids, [("self", true, Connection::Connected), ("a", false, Connection::Connecting)]);
    // Each of those who are there is told of again by itself.
    model.event(&CallEvent::PeerJoined(ada()), 0);
    assert_eq!(state(&model).tiles.len(), 2);
    model.event(&CallEvent::PeerConnected { peer: ada(), setup: SetupTimes::default() }, 0);
    model.event(&CallEvent::MediaState { peer: ada(), audio: true, video: false }, 0);
    let tile = state(&model).tiles.remove(1);
    assert_eq!((tile.connection, tile.audio, tile.video), (Connection::Connected, true, false));
    model.event(&CallEvent::PeerLeft { peer: ada(), reason: "left".into() }, 0);
    assert_eq!(state(&model).tiles.len(), 1);
    model.event(&CallEvent::MediaState { peer: ada(), audio: true, video: true }, 0);
    assert_eq!(state(&model).tiles.len(), 1, "what comes late makes no tile");
}

#[test]
fn a_second_picture_has_a_tile_of_its_own() {
    let model = joined();
    let tiles = model.state(&pictures(&[("a", true), ("a:2", true)]), 0).tiles;
    let shown: Vec<_> = tiles.iter().map(|tile| (tile.id.as_str(), tile.name.as_str(), tile.video)).collect();
    assert_eq!(shown, [("self", "Me", true), ("a", "Ada", false), ("a:2", "Ada (2)", true)]);
}

#[test]
fn a_tile_shows_a_picture_only_while_there_is_one() {
    let mut model = joined();
    let shows = |model: &Model, live| model.state(&pictures(&[("a", live)]), 0).tiles[1].video;
    assert!(!shows(&model, true), "the camera is off, whatever came last");
    model.event(&CallEvent::MediaState { peer: ada(), audio: true, video: true }, 0);
    assert!(shows(&model, true));
    // The path is lost: nobody says that the camera is off, and yet nothing comes.
    record(&mut model, Some("a"), EventKind::Reconnecting { cause: "disconnected".into() });
    assert!(!shows(&model, false));
    let tile = model.state(&pictures(&[("a", false)]), 0).tiles.remove(1);
    assert!(tile.note.is_some_and(|note| note.contains("broke") && note.contains("looking for another way")));
    model.event(&CallEvent::FirstFrame { peer: ada(), setup: SetupTimes::default() }, 0);
    assert!(shows(&model, true));
}

#[test]
fn a_tile_says_which_pictures_pause() {
    let mut model = joined();
    let note = |model: &Model| state(model).tiles.remove(1).note;
    let pause = |model: &mut Model, ours, paused| {
        model.event(&CallEvent::PicturesPaused { peer: ada(), ours, paused }, 0);
        note(model)
    };
    assert!(pause(&mut model, true, true).is_some_and(|note| note.starts_with("Your picture pauses")));
    assert!(pause(&mut model, false, true).is_some_and(|note| note.contains("both ways")));
    assert!(pause(&mut model, true, false).is_some_and(|note| note.starts_with("Their picture pauses")));
    record(&mut model, Some("a"), EventKind::Reconnecting { cause: "failed".into() });
    assert!(note(&model).is_some_and(|note| note.starts_with("The connection broke")), "what is worse goes first");
    record(&mut model, Some("a"), EventKind::Reconnected);
    assert_eq!(pause(&mut model, false, false), None);
}

#[test]
fn broken_connections_say_what_is_being_done() {
    let mut model = joined();
    record(&mut model, None, EventKind::Reconnecting { cause: "closed".into() });
    let lost = state(&model);
    assert_eq!(lost.phase, CallPhase::Reconnecting);
    assert!(lost.note.is_some_and(|note| note.contains("keeps trying")));
    record(&mut model, None, EventKind::Reconnected);
    assert_eq!((state(&model).phase, state(&model).note), (CallPhase::In, None));

    record(&mut model, Some("a"), EventKind::Reconnecting { cause: "lost".into() });
    let first = state(&model).tiles.remove(1);
    assert_eq!(first.connection, Connection::Reconnecting);
    record(&mut model, Some("a"), EventKind::IceRestart);
    let second = state(&model).tiles.remove(1);
    assert!(first.note.is_some() && second.note.is_some() && first.note != second.note);
    record(&mut model, Some("a"), EventKind::LinkState { state: "connected".into() });
    let mended = state(&model).tiles.remove(1);
    assert_eq!((mended.connection, mended.note), (Connection::Connected, None));
    record(&mut model, Some("nobody"), EventKind::Reconnecting { cause: "lost".into() });
    assert_eq!(state(&model).phase, CallPhase::In);
}

#[test]
fn a_lost_camera_is_off_and_said_until_it_is_back() {
    let mut model = joined();
    device(&mut model, Kind::Video, Direction::Outbound, "lost");
    device(&mut model, Kind::Audio, Direction::Inbound, "lost");
    let now = state(&model);
    assert_eq!((now.me.camera, now.me.microphone, now.tiles[0].video), (false, true, false));
    assert_eq!(now.me.note.as_deref(), Some("Video lost. Audio lost."));
    model.event(&CallEvent::Warning("video lost".into()), 1000);
    assert_eq!(state(&model).note, None, "said already, where it belongs");
    device(&mut model, Kind::Video, Direction::Outbound, "back");
    model.device_changed(Kind::Audio, Direction::Inbound);
    let now = state(&model);
    assert_eq!((now.me.camera, now.me.note), (true, None));
    model.set_camera(false);
    model.set_microphone(false);
    let now = state(&model);
    assert_eq!((now.me.camera, now.me.microphone), (false, false));
}

#[test]
fn a_warning_is_shown_for_a_while_and_gives_way_to_what_lasts() {
    let mut model = joined();
    model.not_recorded(Some("no space".into()));
    model.event(&CallEvent::Warning("careful".into()), 10_000);
    let note = |model: &Model, at| model.state(&BTreeMap::new(), at).note.unwrap_or_default();
    assert_eq!(note(&model, 12_000), "Careful.");
    assert_eq!(note(&model, 18_001), "This call is not recorded: no space");
    record(&mut model, None, EventKind::Reconnecting { cause: "closed".into() });
    assert!(note(&model, 12_000).contains("server"));
}

#[test]
fn figures_reach_the_tile_of_their_peer() {
    let mut model = joined();
    let (live, snapshot) = testing::second("a", 12.0);
    model.second(&live, &snapshot);
    let tile = state(&model).tiles.remove(1);
    assert_eq!(tile.class, Some(QualityClass::Terrible));
    assert_eq!(tile.stats.and_then(|stats| stats.received_loss), Some(12.0));
    let (live, snapshot) = testing::second("b", 0.0);
    model.second(&live, &snapshot);
    assert_eq!(state(&model).tiles[1].stats, None, "a link that does not answer is unknown");
}

#[test]
fn who_is_muted_does_not_speak() {
    let mut model = joined();
    model.set_levels(BTreeMap::from([("self".into(), 0.5), ("a".into(), 0.5)]));
    let speaking = |model: &Model| state(model).tiles.iter().map(|tile| tile.speaking).collect::<Vec<_>>();
    assert_eq!(speaking(&model), [true, false]);
    model.event(&CallEvent::MediaState { peer: ada(), audio: true, video: false }, 0);
    model.set_microphone(false);
    assert_eq!(speaking(&model), [false, true]);
    model.set_levels(BTreeMap::from([("a".into(), 0.01)]));
    assert_eq!(speaking(&model), [false, false]);
}

#[test]
fn chat_tells_our_own_lines_apart() {
    let mut model = joined();
    let say = |model: &mut Model, id: &str| {
        let from = PeerInfo { id: id.into(), name: "N".into() };
        model.event(&CallEvent::Chat { from, text: "<b>hi</b>".into(), earlier: false }, 7).expect("a line")
    };
    assert_eq!(
        say(&mut model, "me"),
        ChatLine { number: 1, from_id: "me".into(), from: "N".into(), text: "<b>hi</b>".into(), own: true, at_ms: 7 }
    );
    let other = say(&mut model, "a");
    assert!(!other.own && other.number == 2);
}

#[test]
fn an_end_says_why() {
    for (reason, word, part) in [
        (EndReason::Left, "left", "You left"),
        (EndReason::Replaced, "replaced", "goes on"),
        (EndReason::Refused("the room is gone".into()), "connection-lost", "The room is gone."),
    ] {
        let mut model = joined();
        record(&mut model, None, EventKind::Reconnecting { cause: "closed".into() });
        model.event(&CallEvent::Ended { reason }, 0);
        let now = state(&model);
        let ended = now.ended.expect("ended");
        assert_eq!((now.phase, ended.reason.as_str(), now.note, now.tiles.len()), (CallPhase::Ended, word, None, 1));
        assert!(ended.sentence.contains(part), "{}", ended.sentence);
    }
}
