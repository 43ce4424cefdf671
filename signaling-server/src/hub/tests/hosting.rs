//! What hosts decide, doors, and those who watch.

use sightline_protocol::{EndReason, HostAction, HostRequest, RoomState, RoomWish};

use super::*;
use crate::hub::{MadeBy, TokenOrder};

/// A room of this kind with its host in it.
fn hosted(world: &mut World, wish: RoomWish) -> (RoomCreated, Someone) {
    let room = world.made(NewRoom::new(wish, None, MadeBy::default()).expect("nothing wrong"));
    let (host, _) = world.hello(None);
    let answer = world.ask(host.conn, join_with(&room.code, Some(room.token.clone())));
    let [ServerMessage::Join { room: Some(state), .. }] = &answer[..] else { panic!("{answer:?}") };
    assert_eq!(state.role, Role::Host);
    (room, host)
}

fn decide(action: HostAction) -> ClientMessage {
    ClientMessage::Host(action)
}

fn waiting_room() -> RoomWish {
    RoomWish { waiting_room: true, ..RoomWish::default() }
}

/// What a host sees of who wait, in the last state or join that it heard.
fn doors(state: &RoomState) -> Vec<&str> {
    state.waiting.iter().map(|one| one.name.as_str()).collect()
}

#[test]
fn guests_wait_at_the_door_until_a_host_lets_them_in() {
    let mut world = World::new();
    let (room, host) = hosted(&mut world, waiting_room());
    let (guest, _) = world.hello(None);
    let answer = world.ask(guest.conn, join(&room.code, "Grace"));
    assert_eq!(answer, [ServerMessage::Waiting { room_id: room.code.clone(), name: room.name.clone() }]);
    let waits = update(&room.code, &guest, Change::Waiting { name: "Grace".into() });
    assert_eq!(world.heard(host.conn), [waits]);

    // Before that it can do nothing, and is nobody to the others.
    assert_eq!(world.refusal(guest.conn, chat("let me in")), ErrorCode::NotInRoom);
    assert_eq!(world.refusal(host.conn, offer(&guest, "sdp")), ErrorCode::UnknownPeer);
    assert_eq!(
        world.refusal(guest.conn, decide(HostAction::Admit { user_id: guest.id.clone() })),
        ErrorCode::NotInRoom
    );

    world.say(host.conn, decide(HostAction::Admit { user_id: guest.id.clone() }));
    let heard = world.heard(guest.conn);
    assert!(matches!(heard.as_slice(), [ServerMessage::Join { .. }]), "{heard:?}");
    let told = world.heard(host.conn);
    assert_eq!(told[0], update(&room.code, &guest, Change::WaitingEnded {}));
    assert!(matches!(&told[1], ServerMessage::Update { change: Change::Joined { name, .. }, .. } if name == "Grace"));
    // Nobody is let in twice.
    assert_eq!(
        world.refusal(host.conn, decide(HostAction::Admit { user_id: guest.id.clone() })),
        ErrorCode::UnknownPeer
    );
}

#[test]
fn who_is_not_let_in_is_told_and_who_goes_away_waits_no_more() {
    let mut world = World::new();
    let (room, host) = hosted(&mut world, waiting_room());
    let order = |world: &mut World, trusted| {
        let order = TokenOrder {
            room: room.id.clone(),
            role: Role::Guest,
            name: Some("Eve".into()),
            minutes: None,
            trusted,
            account: None,
        };
        let now = world.now();
        world.hub.order_token(&order, now).expect("a token").token
    };
    let token = order(&mut world, false);
    let (eve, _) = world.hello(None);
    world.say(eve.conn, join_with(&room.code, Some(token.clone())));
    world.say(host.conn, decide(HostAction::Deny { user_id: eve.id.clone() }));
    let heard = world.heard(eve.conn);
    assert!(matches!(heard.last(), Some(ServerMessage::Error { code: ErrorCode::Denied, .. })), "{heard:?}");
    // Her token is good no more; whoever a host made a token for does not wait at all.
    assert_eq!(world.refusal(eve.conn, join_with(&room.code, Some(token))), ErrorCode::Denied);
    let invited = order(&mut world, true);
    assert!(matches!(
        world.ask(eve.conn, join_with(&room.code, Some(invited))).as_slice(),
        [ServerMessage::Join { .. }]
    ));

    let (alan, _) = world.hello(None);
    world.say(alan.conn, join(&room.code, "Alan"));
    world.heard(host.conn);
    world.drop_socket(alan.conn);
    assert_eq!(world.heard(host.conn), [update(&room.code, &alan, Change::WaitingEnded {})]);
    let (barbara, _) = world.hello(None);
    world.say(barbara.conn, join(&room.code, "Barbara"));
    let left = ServerMessage::Leave { room_id: room.code.clone(), user_id: barbara.id.clone() };
    assert_eq!(world.ask(barbara.conn, ClientMessage::Leave {}).last(), Some(&left));
    assert_eq!(
        world.refusal(host.conn, decide(HostAction::Admit { user_id: barbara.id.clone() })),
        ErrorCode::UnknownPeer
    );
}

#[test]
fn a_host_who_comes_later_sees_who_waits() {
    let mut world = World::new();
    let room = world.made(NewRoom::new(waiting_room(), None, MadeBy::default()).expect("nothing wrong"));
    let (grace, _) = world.hello(None);
    world.say(grace.conn, join(&room.code, "Grace"));
    let (host, _) = world.hello(None);
    let answer = world.ask(host.conn, join_with(&room.code, Some(room.token.clone())));
    let [ServerMessage::Join { room: Some(state), .. }] = &answer[..] else { panic!("{answer:?}") };
    assert_eq!(doors(state), ["Grace"]);
}

#[test]
fn only_a_host_decides_and_only_about_its_own_room() {
    let mut world = World::new();
    let (room, host) = hosted(&mut world, RoomWish::default());
    let guest = world.member(&room.code, "Grace");
    let (_, other_host) = hosted(&mut world, RoomWish::default());
    world.inboxes.clear();
    for action in [
        HostAction::Mute { user_id: host.id.clone() },
        HostAction::Remove { user_id: host.id.clone() },
        HostAction::Lock { locked: true },
        HostAction::End {},
        HostAction::HandOver { user_id: guest.id.clone() },
    ] {
        assert_eq!(world.refusal(guest.conn, decide(action.clone())), ErrorCode::Forbidden, "{action:?}");
        if !matches!(action, HostAction::Lock { .. } | HostAction::End {}) {
            assert_eq!(world.refusal(other_host.conn, decide(action.clone())), ErrorCode::UnknownPeer, "{action:?}");
        }
    }
    assert_eq!(world.heard(host.conn), []);
    assert!(matches!(world.ask(host.conn, ClientMessage::Ping { nonce: 1 }).as_slice(), [ServerMessage::Pong { .. }]));
}

#[test]
fn a_request_to_mute_reaches_the_one_it_is_for() {
    let mut world = World::new();
    let (room, host) = hosted(&mut world, RoomWish::default());
    let (grace, alan) = (world.member(&room.code, "Grace"), world.member(&room.code, "Alan"));
    world.inboxes.clear();
    assert_eq!(world.ask(host.conn, decide(HostAction::Mute { user_id: grace.id.clone() })), []);
    let asked = ServerMessage::Asked { from: host.id.clone(), request: HostRequest::Mute };
    assert_eq!((world.heard(grace.conn), world.heard(alan.conn)), (vec![asked], vec![]));
}

#[test]
fn who_is_put_out_cannot_come_in_again_with_any_of_its_tokens() {
    let mut world = World::new();
    let (room, host) = hosted(&mut world, RoomWish::default());
    let (eve, _) = world.hello(None);
    let answer = world.ask(eve.conn, join(&room.code, "Eve"));
    let [ServerMessage::Join { token: Some(room_token), .. }] = &answer[..] else { panic!("{answer:?}") };
    world.say(host.conn, decide(HostAction::Remove { user_id: eve.id.clone() }));
    assert!(world.closed.contains(&(eve.conn, Farewell::Removed)));
    let told = update(&room.code, &eve, Change::Left { reason: LeaveReason::Removed });
    assert!(world.heard(host.conn).contains(&told));

    let (again, resumed) = world.hello(Some(eve.token.clone()));
    assert!(!resumed);
    assert_eq!(world.refusal(again.conn, join_with(&room.code, Some(room_token.clone()))), ErrorCode::Denied);
    assert!(world.hub.is_good(&room.id, &keys().check(room_token, UNIX_MS, 0).expect("signed").jti).is_err());
    // With the lock on, the code alone does not help either; what was said to the host stays so.
    world.say(host.conn, decide(HostAction::Lock { locked: true }));
    assert_eq!(world.refusal(again.conn, join(&room.code, "Eve")), ErrorCode::Locked);
    world.say(host.conn, decide(HostAction::Lock { locked: false }));
    assert!(matches!(world.ask(again.conn, join(&room.code, "Eve")).as_slice(), [ServerMessage::Join { .. }]));
}

#[test]
fn a_host_hands_over_with_all_that_its_tokens_could_do() {
    let mut world = World::new();
    let (room, host) = hosted(&mut world, RoomWish::default());
    let grace = world.member(&room.code, "Grace");
    world.heard(host.conn);
    world.say(host.conn, decide(HostAction::HandOver { user_id: grace.id.clone() }));
    let given = |heard: Vec<ServerMessage>| {
        let last = heard.into_iter().rev().find_map(|message| match message {
            ServerMessage::Room { room, token: Some(token), .. } => Some((room.role, token)),
            _ => None,
        });
        last.expect("a new token")
    };
    let (role, new_host_token) = given(world.heard(grace.conn));
    assert_eq!(role, Role::Host);
    let (role, new_guest_token) = given(world.heard(host.conn));
    assert_eq!(role, Role::Guest);
    assert_eq!(world.refusal(host.conn, decide(HostAction::End {})), ErrorCode::Forbidden);

    world.say(host.conn, ClientMessage::Leave {});
    world.heard(host.conn);
    assert_eq!(world.refusal(host.conn, join_with(&room.code, Some(room.token.clone()))), ErrorCode::Denied);
    assert!(matches!(
        world.ask(host.conn, join_with(&room.code, Some(new_guest_token))).as_slice(),
        [ServerMessage::Join { .. }]
    ));
    let claims = keys().check(&new_host_token, UNIX_MS, 0).expect("signed");
    assert_eq!(world.hub.is_good(&room.id, &claims.jti), Ok(()));
    assert_eq!(world.ask(grace.conn, decide(HostAction::Lock { locked: true })).len(), 1);
}

#[test]
fn news_of_a_handover_that_was_lost_with_the_socket_comes_with_the_resume() {
    let mut world = World::new();
    let (room, host) = hosted(&mut world, RoomWish::default());
    let grace = world.member(&room.code, "Grace");
    world.say(host.conn, decide(HostAction::HandOver { user_id: grace.id.clone() }));
    world.drop_socket(grace.conn);
    let (again, resumed) = world.hello(Some(grace.token.clone()));
    assert!(resumed);
    let heard = world.heard(again.conn);
    let [ServerMessage::Join { room: Some(state), token: Some(token), .. }] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!(state.role, Role::Host);
    let claims = keys().check(token, UNIX_MS, 0).expect("signed");
    assert_eq!((claims.role, &claims.sub), (Role::Host, &grace.id.0));
    assert_eq!(world.hub.is_good(&room.id, &claims.jti), Ok(()));
    // And is called back as the one was that it stands for.
    world.say(again.conn, decide(HostAction::HandOver { user_id: host.id.clone() }));
    assert!(world.hub.is_good(&room.id, &claims.jti).is_err());
}

#[test]
fn a_token_is_good_for_its_room_its_time_and_nothing_else() {
    let mut world = World::new();
    let (one, two) = (world.made(NewRoom::plain()), world.made(NewRoom::plain()));
    let (ada, _) = world.hello(None);
    assert_eq!(world.refusal(ada.conn, join_with(&one.code, Some(two.token.clone()))), ErrorCode::Forbidden);
    let tampered = format!("{}x", one.token);
    assert_eq!(world.refusal(ada.conn, join_with(&one.code, Some(tampered))), ErrorCode::Unauthorized);
    world.pass(secs(13 * 3600));
    assert_eq!(world.refusal(ada.conn, join_with(&one.code, Some(one.token.clone()))), ErrorCode::Unauthorized);
}

#[test]
fn a_script_that_knows_only_join_and_leave_watches_a_room() {
    let mut world = World::new();
    let room = world.made(NewRoom::plain());
    let ada = world.member(&room.code, "Ada");
    world.say(ada.conn, chat("before"));
    world.inboxes.clear();
    let script = world.connect();
    let answer = world.ask(script, watch(&room.id, "lobby-display"));
    let [ServerMessage::Join { room_id, user_id, participants, .. }, ServerMessage::Chat { earlier: true, .. }] =
        &answer[..]
    else {
        panic!("{answer:?}")
    };
    assert_eq!((room_id, user_id.0.as_str(), participants.len()), (&room.id, "lobby-display", 1));
    let heard = world.heard(ada.conn);
    assert!(
        matches!(&heard[..], [ServerMessage::Update { change: Change::Watching { name }, .. }] if name == "lobby-display"),
        "those inside know who watches: {heard:?}"
    );

    // It hears who comes and goes, of the room as it named it.
    let grace = world.member(&room.code, "Grace");
    world.say(script, ClientMessage::Ping { nonce: 1 });
    world.say(grace.conn, ClientMessage::Leave {});
    let heard = world.heard(script);
    assert!(
        heard.contains(&ServerMessage::Update {
            room_id: room.id.clone(),
            user_id: grace.id.clone(),
            change: Change::Left { reason: LeaveReason::Left }
        }),
        "{heard:?}"
    );
    // It says nothing and reaches nobody.
    assert_eq!(world.refusal(script, chat("hello")), ErrorCode::Forbidden);
    assert_eq!(world.refusal(script, offer(&ada, "sdp")), ErrorCode::Forbidden);
    let leave = world.ask(script, ClientMessage::Leave {});
    assert_eq!(leave, [ServerMessage::Leave { room_id: room.id.clone(), user_id: UserId("lobby-display".into()) }]);
    let again = ClientMessage::Update {
        media: None,
        room_id: Some(room.code.clone()),
        user_id: Some("lobby-display".into()),
        action: Some("joined".into()),
    };
    assert!(matches!(world.ask(script, again).as_slice(), [ServerMessage::Join { .. }, ..]));
}

#[test]
fn a_door_with_a_password_or_a_host_is_closed_to_scripts_without_a_token() {
    let mut world = World::new();
    let locked = NewRoom::new(RoomWish::default(), Some("$argon2id$".into()), MadeBy::default()).expect("a wish");
    let with_password = world.made(locked);
    let (with_door, host) = hosted(&mut world, waiting_room());
    let script = world.connect();
    assert_eq!(world.refusal(script, watch(&with_password.id, "x")), ErrorCode::PasswordNeeded);
    assert_eq!(world.refusal(script, watch(&with_door.id, "x")), ErrorCode::Forbidden);
    let order = TokenOrder {
        room: with_door.id.clone(),
        role: Role::Observer,
        name: None,
        minutes: Some(5),
        trusted: true,
        account: None,
    };
    let now = world.now();
    let token = world.hub.order_token(&order, now).expect("a token").token;
    let ClientMessage::Join { room_id, name, media, user_id, .. } = watch(&with_door.id, "x") else { unreachable!() };
    let with_token = ClientMessage::Join { room_id, name, media, user_id, token: Some(token) };
    assert!(matches!(world.ask(script, with_token).as_slice(), [ServerMessage::Join { .. }]));
    assert_eq!(world.heard(host.conn).len(), 1);
}

#[test]
fn who_watches_has_a_stay_in_the_record() {
    let mut world = World::new();
    let end = |world: &mut World, reason: LeaveReason, conn: ConnId, room: &str| match reason {
        LeaveReason::Left => world.say(conn, ClientMessage::Leave {}),
        LeaveReason::Lost => world.drop_socket(conn),
        LeaveReason::TooSlow => world.with_effects(|hub, now, out| hub.too_slow(conn, now, out)),
        LeaveReason::Ended => {
            world.with_effects(|hub, now, out| hub.end_room_named(room, EndReason::Admin, now, out)).expect("ends");
        }
        LeaveReason::Shutdown => world.with_effects(|hub, now, out| hub.shut_down(now, out)),
        other => panic!("{other:?}"),
    };
    // The last one is the end of all.
    let reasons =
        [LeaveReason::Left, LeaveReason::Lost, LeaveReason::TooSlow, LeaveReason::Ended, LeaveReason::Shutdown];
    for (number, reason) in reasons.into_iter().enumerate() {
        let (room, conn) = (world.made(NewRoom::plain()), world.connect());
        world.say(conn, watch(&room.code, "lobby-display"));
        world.pass(secs(1));
        world.entries.retain(|entry| matches!(entry, Entry::StayBegan { .. }));
        end(&mut world, reason, conn, &room.id);
        let [Entry::StayBegan { room: id, user, name, role: Role::Observer, account: None, unix_ms }, rest @ ..] =
            &world.entries[..]
        else {
            panic!("{:?}", world.entries)
        };
        let began = UNIX_MS + 1000 * number as i64;
        assert_eq!((id, name.as_str(), *unix_ms), (&room.id, "lobby-display", began));
        let ended = rest.iter().find_map(|entry| match entry {
            Entry::StayEnded { room, user, reason, unix_ms } => Some((room, user, *reason, *unix_ms)),
            _ => None,
        });
        assert_eq!(ended, Some((id, user, reason, began + 1000)));
        world.entries.clear();
    }
}

#[test]
fn a_room_is_handed_over_to_those_who_are_here_only() {
    let mut world = World::new();
    let (room, host) = hosted(&mut world, RoomWish::default());
    let grace = world.member(&room.code, "Grace");
    world.drop_socket(grace.conn);
    let hand_over = decide(HostAction::HandOver { user_id: grace.id.clone() });
    assert_eq!(world.refusal(host.conn, hand_over.clone()), ErrorCode::NotHere);
    // The host is one still, and she is one when she is back and asked again.
    assert!(world.heard(host.conn).is_empty());
    world.say(host.conn, decide(HostAction::Lock { locked: true }));
    let (grace, resumed) = world.hello(Some(grace.token));
    assert!(resumed);
    world.heard(grace.conn);
    world.say(host.conn, hand_over);
    let heard = world.heard(grace.conn);
    let is_host = |message: &ServerMessage| matches!(message, ServerMessage::Room { room, token: Some(_), .. } if room.role == Role::Host);
    assert!(heard.iter().any(is_host), "{heard:?}");
}
