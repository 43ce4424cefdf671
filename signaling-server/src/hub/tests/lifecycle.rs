//! How rooms begin and end.

use sightline_protocol::{EndReason, RoomWish};

use super::*;
use crate::hub::{MadeBy, TokenOrder};

fn wish(wish: RoomWish) -> NewRoom {
    NewRoom::new(wish, None, MadeBy::default()).expect("nothing wrong")
}

#[test]
fn those_inside_are_warned_and_then_the_room_is_over_for_all() {
    let mut world = World::new();
    let room = world.made(wish(RoomWish { expires_in_minutes: Some(10), ..RoomWish::default() }));
    let ada = world.member(&room.code, "Ada");
    let mut grace = world.member(&room.code, "Grace");
    world.drop_socket(grace.conn);
    let script = world.connect();
    world.say(script, watch(&room.code, "script"));
    world.inboxes.clear();
    let mut warnings = Vec::new();
    for _ in 0..599 {
        world.pass(secs(1));
        if world.elapsed == secs(20) {
            (grace, _) = world.hello(Some(grace.token));
        }
        for message in world.heard(ada.conn) {
            if let ServerMessage::Room { seconds_left: Some(left), room, .. } = message {
                assert_eq!(room.expires_ms, Some(UNIX_MS + 600_000));
                warnings.push((world.elapsed.as_secs(), left));
            }
        }
    }
    assert_eq!(warnings, [(300, 300), (540, 60), (590, 10)]);
    world.heard(grace.conn);
    world.heard(script);
    world.pass(secs(1));
    let ended = ServerMessage::Ended { room_id: room.code.clone(), reason: EndReason::Expired };
    for conn in [ada.conn, grace.conn, script] {
        assert_eq!(world.heard(conn), std::slice::from_ref(&ended));
    }
    // It is gone, code and id and all; the sockets are as good as before.
    assert_eq!(world.refusal(ada.conn, join(&room.code, "Ada")), ErrorCode::UnknownRoom);
    assert_eq!(world.refusal(ada.conn, join(&room.id, "Ada")), ErrorCode::UnknownRoom);
    let other = world.room();
    assert!(matches!(world.ask(ada.conn, join(&other, "Ada")).as_slice(), [ServerMessage::Join { .. }]));
    let left =
        world.entries.iter().filter(|entry| matches!(entry, Entry::PlaceLeft { reason: LeaveReason::Ended, .. }));
    assert_eq!(left.count(), 2);
}

#[test]
fn a_room_ends_when_it_was_empty_for_as_long_as_was_wished() {
    let mut world = World::new();
    let room = world.made(wish(RoomWish { empty_minutes: Some(3), ..RoomWish::default() }));
    let ada = world.member(&room.code, "Ada");
    world.pass(secs(3600));
    world.say(ada.conn, ClientMessage::Leave {});
    world.pass(secs(179));
    assert!(world.hub.room_info(HERE, &room.id, world.now()).is_ok());
    world.pass(secs(1));
    assert!(world.hub.room_info(HERE, &room.id, world.now()).is_err());
    assert!(matches!(world.entries.last(), Some(Entry::RoomForgotten { reason: EndReason::Empty, .. })));
}

#[test]
fn who_comes_later_gets_what_was_said_before_within_bounds() {
    let mut world = World::new();
    let code = world.room();
    let ada = world.member(&code, "Ada");
    for n in 0..300 {
        world.say(ada.conn, chat(&format!("line {n}")));
    }
    world.say(ada.conn, ClientMessage::Leave {});
    let (grace, _) = world.hello(None);
    let heard = world.ask(grace.conn, join(&code, "Grace"));
    let lines: Vec<_> = heard
        .iter()
        .filter_map(|message| match message {
            ServerMessage::Chat { text, name, earlier: true, .. } => Some((text.as_str(), name.as_deref())),
            _ => None,
        })
        .collect();
    assert_eq!((lines.len(), lines[0], lines[199]), (200, ("line 100", Some("Ada")), ("line 299", Some("Ada"))));
    // Long texts push out more of the old ones.
    let ada = world.member(&code, "Ada");
    for _ in 0..40 {
        world.say(ada.conn, chat(&"x".repeat(4000)));
    }
    let (alan, _) = world.hello(None);
    assert_eq!(world.ask(alan.conn, join(&code, "Alan")).len(), 1 + 16);
}

#[test]
fn names_are_kept_as_they_are_and_made_up_where_there_are_none() {
    let mut world = World::new();
    for name in ["'); DROP TABLE rooms; --", "Team 🦀 שלום", "  trimmed "] {
        let room = world.made(wish(RoomWish { room_name: Some(name.into()), ..RoomWish::default() }));
        assert_eq!(room.name, name.trim());
    }
    let (one, two) = (world.made(NewRoom::plain()), world.made(NewRoom::plain()));
    assert!(one.name.split(' ').count() == 2 && one.name != two.name, "{} {}", one.name, two.name);
    assert!(!one.code.to_lowercase().contains(&one.name.to_lowercase().replace(' ', "-")));
}

/// Emoji of several characters, right-to-left scripts, both directions in one name, marks in a pile.
const NAMES: [&str; 6] =
    ["👩‍👩‍👧‍👦 🇨🇿 🦀", "עדה לאבלייס", "عمر الخيّام", "Ada عمر 7 עדה!", "Ẑ͑̃o̴e", "'); DROP TABLE places; --"];

#[test]
fn names_and_texts_of_all_scripts_reach_everybody_as_they_were_typed() {
    let mut world = World::new();
    let code = world.room();
    let script = world.connect();
    world.say(script, watch(&code, NAMES[1]));
    let first = world.member(&code, "Ada");
    let people: Vec<Someone> = NAMES.iter().map(|name| world.member(&code, name)).collect();
    for (someone, name) in people.iter().zip(NAMES) {
        assert_eq!(world.ask(someone.conn, chat(name)).len(), 1);
        let heard = [world.heard(first.conn), world.heard(script)];
        for heard in heard {
            assert!(
                matches!(&heard[..], [ServerMessage::Chat { from, text, .. }] if *from == someone.id && text == name),
                "{heard:?}"
            );
        }
    }
    // Who comes later has it from the list and from the chat before.
    let (late, _) = world.hello(None);
    let answers = world.ask(late.conn, join(&code, "Late"));
    let Some(ServerMessage::Join { participants, room: Some(room), .. }) = answers.first() else {
        panic!("{answers:?}")
    };
    let listed: Vec<&str> = participants.iter().map(|one| one.name.as_str()).collect();
    assert_eq!((listed[0], &listed[1..]), ("Ada", &NAMES[..]));
    assert_eq!(room.observers[0].name, NAMES[1]);
    let said: Vec<_> = answers[1..]
        .iter()
        .map(|message| match message {
            ServerMessage::Chat { text, name: Some(name), earlier: true, .. } => (name.as_str(), text.as_str()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(said, NAMES.map(|name| (name, name)));
}

#[test]
fn lengths_are_those_of_characters_in_every_script() {
    let mut world = World::new();
    let code = world.room();
    let (ada, _) = world.hello(None);
    for letter in ["🦀", "ע", "ع"] {
        assert_eq!(world.refusal(ada.conn, join(&code, &letter.repeat(65))), ErrorCode::BadMessage);
        assert!(matches!(
            world.ask(ada.conn, join(&code, &letter.repeat(64))).first(),
            Some(ServerMessage::Join { .. })
        ));
        assert_eq!(world.refusal(ada.conn, chat(&letter.repeat(4001))), ErrorCode::TooLarge);
        assert_eq!(world.ask(ada.conn, chat(&letter.repeat(4000))).len(), 1);
        world.say(ada.conn, ClientMessage::Leave {});
    }
}

#[test]
fn wishes_that_cannot_be_are_refused() {
    let plain = RoomWish::default;
    for wish in [
        RoomWish { room_name: Some("x".repeat(81)), ..plain() },
        RoomWish { room_name: Some("two\nlines\u{7}".replace("\\n", "\n")), ..plain() },
        RoomWish { expires_in_minutes: Some(0), ..plain() },
        RoomWish { expires_in_minutes: Some(u32::MAX), ..plain() },
        RoomWish { empty_minutes: Some(0), ..plain() },
        RoomWish { max_participants: Some(1), ..plain() },
        RoomWish { max_participants: Some(65), ..plain() },
        RoomWish { invited: vec!["x".into(); 201], ..plain() },
        RoomWish { invited: vec![String::new()], ..plain() },
    ] {
        let refusal = NewRoom::new(wish.clone(), None, MadeBy::default()).expect_err(&format!("{wish:?}"));
        assert_eq!(refusal.code, ErrorCode::BadMessage);
    }
}

#[test]
fn a_room_takes_no_more_than_was_wished_nor_than_the_server_allows() {
    let mut world = World::new();
    let small = world.made(wish(RoomWish { max_participants: Some(2), ..RoomWish::default() }));
    let large = world.made(wish(RoomWish { max_participants: Some(60), ..RoomWish::default() }));
    assert_eq!((small.max_participants, large.max_participants), (2, 8));
    world.member(&small.code, "Ada");
    world.member(&small.code, "Grace");
    let (alan, _) = world.hello(None);
    assert_eq!(world.refusal(alan.conn, join(&small.code, "Alan")), ErrorCode::RoomFull);
}

#[test]
fn guests_make_no_tokens_for_hosts() {
    let mut world = World::new();
    let room = world.made(NewRoom::plain());
    let now = world.now();
    let order =
        |role, trusted| TokenOrder { room: room.id.clone(), role, name: None, minutes: None, trusted, account: None };
    for role in [Role::Host, Role::Observer] {
        let refusal = world.hub.order_token(&order(role, false), now).expect_err("not for guests");
        assert_eq!(refusal.code, ErrorCode::Forbidden);
        assert!(world.hub.order_token(&order(role, true), now).is_ok());
    }
    let issued = world.hub.order_token(&order(Role::Guest, false), now).expect("a token");
    let claims = keys().check(&issued.token, UNIX_MS, 0).expect("signed");
    assert_eq!((claims.room.as_str(), claims.admitted), (room.id.as_str(), false));
}

#[test]
fn rooms_for_those_invited_let_in_nobody_else() {
    let mut world = World::new();
    let room = world.made(wish(RoomWish { invited: vec!["grace".into()], ..RoomWish::default() }));
    let (eve, _) = world.hello(None);
    assert_eq!(world.refusal(eve.conn, join(&room.code, "Eve")), ErrorCode::NotInvited);
    assert!(matches!(
        world.ask(eve.conn, join_with(&room.code, Some(room.token.clone()))).as_slice(),
        [ServerMessage::Join { .. }]
    ));
}

#[test]
fn an_account_is_invited_however_its_name_is_written() {
    let mut world = World::new();
    for (invited, account) in
        [("ＧＲＡＣＥ", "Grace"), (" straße ", "STRASSE"), ("e\u{301}va", "Éva"), ("οδοσ", "ΟΔΟΣ")]
    {
        let room = world.made(wish(RoomWish { invited: vec![invited.into()], ..RoomWish::default() }));
        let terms = world.hub.rooms[&world.hub.known(&room.code).expect("a room")].terms.clone();
        assert_eq!(world.hub.may_enter(&terms, Some(account)), Ok(()), "{invited} {account}");
        assert!(world.hub.may_enter(&terms, Some("Eve")).is_err(), "{invited}");
    }
}
