//! Sockets that are lost, and coming back.

use super::*;
use crate::store::RestoredMember;

fn pair(world: &mut World) -> (String, Someone, Someone) {
    let code = world.room();
    let (ada, grace) = (world.member(&code, "Ada"), world.member(&code, "Grace"));
    world.inboxes.clear();
    (code, ada, grace)
}

/// Comes back; gives what it hears after the welcome.
#[track_caller]
fn resume(world: &mut World, who: &mut Someone) -> Vec<ServerMessage> {
    let (back, resumed) = world.hello(Some(who.token.clone()));
    assert!(resumed);
    assert_eq!((&back.id, &back.token), (&who.id, &who.token));
    *who = back;
    world.heard(who.conn)
}

#[test]
fn a_lost_socket_is_told_at_once_and_the_place_is_kept_for_thirty_seconds() {
    let mut world = World::new();
    let (code, ada, mut grace) = pair(&mut world);
    world.drop_socket(grace.conn);
    assert_eq!(world.heard(ada.conn), [update(&code, &grace, Change::Away {})]);

    world.pass(Duration::from_millis(29_999));
    assert_eq!(world.heard(ada.conn), []);
    let heard = resume(&mut world, &mut grace);
    assert!(
        matches!(heard.as_slice(), [ServerMessage::Join { participants, .. }] if participants[0].user_id == ada.id)
    );
    assert_eq!(world.heard(ada.conn), [update(&code, &grace, Change::Back {})]);

    // The time runs anew, and the old deadline is gone.
    world.pass(secs(10));
    assert_eq!(world.heard(ada.conn), []);
    world.drop_socket(grace.conn);
    world.pass(secs(30));
    assert_eq!(
        world.heard(ada.conn),
        [update(&code, &grace, Change::Away {}), update(&code, &grace, Change::Left { reason: LeaveReason::Lost })]
    );
    let (stranger, resumed) = world.hello(Some(grace.token));
    assert!(!resumed);
    assert_ne!(stranger.id, grace.id);
}

#[test]
fn what_was_sent_meanwhile_comes_in_order_and_the_list_is_as_it_is_now() {
    let mut world = World::new();
    let (code, ada, mut grace) = pair(&mut world);
    world.drop_socket(grace.conn);
    let alan = world.member(&code, "Alan");
    let muted = MediaState { audio: false, video: true };
    world.say(ada.conn, ClientMessage::media(muted));
    world.say(ada.conn, offer(&grace, "first"));
    world.say(alan.conn, chat("second"));
    world.say(ada.conn, offer(&grace, "third"));
    world.drop_socket(alan.conn);

    let heard = resume(&mut world, &mut grace);
    let Some(ServerMessage::Join { participants, room_id, .. }) = heard.first() else { panic!("no list: {heard:?}") };
    assert_eq!(*room_id, code);
    let listed: Vec<_> = participants.iter().map(|p| (p.name.as_str(), p.media.audio, p.away)).collect();
    assert_eq!(listed, [("Ada", false, false), ("Alan", true, true)]);
    let relayed: Vec<&str> = heard[1..]
        .iter()
        .map(|message| match message {
            ServerMessage::Offer { sdp, .. } => sdp.as_str(),
            ServerMessage::Chat { text, .. } => text.as_str(),
            other => panic!("{other:?} is in the list already"),
        })
        .collect();
    assert_eq!(relayed, ["first", "second", "third"]);
    // Only once.
    world.drop_socket(grace.conn);
    assert_eq!(resume(&mut world, &mut grace).len(), 1);
}

#[test]
fn only_the_right_token_gives_the_place() {
    let mut world = World::new();
    let (_, ada, grace) = pair(&mut world);
    world.drop_socket(grace.conn);
    let secret = grace.token.split_once('.').expect("id and secret").1;
    for token in [
        String::new(),
        ".".into(),
        grace.id.0.clone(),
        format!("{}.", grace.id),
        format!("{}.{}", ada.id, secret),
        format!("{}0", grace.token),
        grace.token.to_uppercase(),
    ] {
        let (_, resumed) = world.hello(Some(token.clone()));
        assert!(!resumed, "{token}");
    }
    assert!(world.hello(Some(grace.token)).1);
    // One who is in no room has no place to come back to.
    let (idle, _) = world.hello(None);
    world.drop_socket(idle.conn);
    assert!(!world.hello(Some(idle.token)).1);
}

#[test]
fn a_second_socket_replaces_the_first_and_nobody_else_notices() {
    let mut world = World::new();
    let (_, ada, mut grace) = pair(&mut world);
    let old = grace.conn;
    assert_eq!(resume(&mut world, &mut grace).len(), 1);
    assert!(matches!(world.heard(old).as_slice(), [ServerMessage::Error { code: ErrorCode::Replaced, .. }]));
    assert_eq!(world.closed, [(old, Farewell::Replaced)]);

    // What the old one still says, and its end, mean nothing.
    world.say(old, chat("ghost"));
    world.say(old, ClientMessage::Leave {});
    world.drop_socket(old);
    world.with_effects(|hub, now, out| hub.too_slow(old, now, out));
    world.pass(secs(60));
    assert_eq!((world.heard(ada.conn), world.heard(old)), (vec![], vec![]));
    world.say(ada.conn, offer(&grace, "still there?"));
    assert_eq!(world.heard(grace.conn).len(), 1);
}

#[test]
fn one_who_does_not_read_is_out_and_stays_out() {
    let mut world = World::new();
    let (code, ada, grace) = pair(&mut world);
    world.with_effects(|hub, now, out| hub.too_slow(grace.conn, now, out));
    assert_eq!(world.heard(ada.conn), [update(&code, &grace, Change::Left { reason: LeaveReason::TooSlow })]);
    assert!(!world.hello(Some(grace.token)).1);
}

#[test]
fn what_waits_for_one_who_is_away_is_bounded() {
    let tight = |limits: &mut Limits| {
        limits.away_messages = 3;
        limits.away_bytes = 10_000;
    };
    for (sdp, fit) in [("short".to_owned(), 3), ("x".repeat(4000), 2)] {
        let mut world = World::with_limits(tight);
        let (code, ada, grace) = pair(&mut world);
        world.drop_socket(grace.conn);
        world.heard(ada.conn);
        for _ in 0..fit {
            assert_eq!(world.ask(ada.conn, offer(&grace, &sdp)), []);
        }
        let overflow = world.ask(ada.conn, offer(&grace, &sdp));
        assert_eq!(overflow, [update(&code, &grace, Change::Left { reason: LeaveReason::TooSlow })]);
        assert!(!world.hello(Some(grace.token)).1);
    }
}

#[test]
fn what_waits_for_all_together_is_bounded_and_given_back() {
    let mut world = World::with_limits(|limits| limits.all_away_bytes = 10_000);
    let (_, ada, mut grace) = pair(&mut world);
    for _ in 0..10 {
        world.drop_socket(grace.conn);
        world.say(ada.conn, offer(&grace, &"x".repeat(8000)));
        assert_eq!(resume(&mut world, &mut grace).len(), 2);
    }
    // A place that is lost with its queue gives back, too.
    world.drop_socket(grace.conn);
    world.say(ada.conn, offer(&grace, &"x".repeat(8000)));
    world.pass(secs(30));
    let (_, ada, grace) = pair(&mut world);
    world.drop_socket(grace.conn);
    world.heard(ada.conn);
    assert_eq!(world.ask(ada.conn, offer(&grace, &"x".repeat(8000))), []);
    assert_eq!(world.ask(ada.conn, offer(&grace, &"x".repeat(8000))).len(), 1, "the second must not fit");
}

/// An empty room as a file has it.
fn restored(code: &str, unused_ms: i64) -> Restored {
    Restored {
        code: code.parse().expect("a code"),
        terms: crate::hub::Terms {
            id: format!("r-of-{code}"),
            name: "Restored".into(),
            created_ms: UNIX_MS - 1000,
            expires_ms: None,
            empty: Limits::default().room_expiry,
            max_participants: 8,
            password: None,
            waiting_room: false,
            invited: Default::default(),
            locked: false,
            pair: false,
        },
        last_used_ms: UNIX_MS - unused_ms,
        members: vec![],
        removed: vec![],
    }
}

#[test]
fn a_restart_keeps_places_for_thirty_seconds() {
    let mut before = World::new();
    let (code, ada, grace) = pair(&mut before);
    let members = [(&ada, "Ada"), (&grace, "Grace")].map(|(who, name)| RestoredMember {
        user: who.id.clone(),
        name: name.into(),
        media: MediaState { audio: false, video: true },
        token: crate::token::TokenHash::of(&who.token),
        role: Role::Guest,
        jtis: vec![],
        account: None,
    });
    let restored = Restored { members: members.into(), ..restored(&code, 1000) };
    let mut world = World::restored(Config::default(), vec![restored]);

    let mut ada = ada;
    let heard = resume(&mut world, &mut ada);
    let [ServerMessage::Join { participants, .. }] = heard.as_slice() else { panic!("{heard:?}") };
    assert_eq!((participants[0].name.as_str(), participants[0].away), ("Grace", true));
    world.say(ada.conn, offer(&grace, "are you there?"));
    world.pass(Duration::from_millis(29_999));
    assert_eq!(world.heard(ada.conn), []);
    world.pass(Duration::from_millis(1));
    assert_eq!(world.heard(ada.conn), [update(&code, &grace, Change::Left { reason: LeaveReason::Shutdown })]);
    // After that a lost socket is an ordinary one.
    let newcomer = world.member(&code, "Alan");
    world.drop_socket(ada.conn);
    world.pass(secs(30));
    let heard = world.heard(newcomer.conn);
    assert_eq!(heard.last(), Some(&update(&code, &ada, Change::Left { reason: LeaveReason::Lost })));
}

#[test]
fn a_restart_does_not_make_unused_rooms_young() {
    let day_ms = Limits::default().room_expiry.as_millis() as i64;
    let rooms = vec![
        restored("old-room", day_ms - 1000),
        restored("ancient-room", 3 * day_ms),
        restored("future-room", -day_ms),
    ];
    let mut world = World::restored(Config::default(), rooms);
    world.pass(Duration::ZERO);
    let mut known = |code| world.hub.room_info(HERE, code, world.now()).is_ok();
    assert_eq!([known("old-room"), known("ancient-room"), known("future-room")], [true, false, true]);
    world.pass(secs(1));
    let mut known = |code| world.hub.room_info(HERE, code, world.now()).is_ok();
    assert_eq!([known("old-room"), known("future-room")], [false, true]);
    world.pass(Limits::default().room_expiry);
    assert!(world.hub.room_info(HERE, "future-room", world.now()).is_err());
}
