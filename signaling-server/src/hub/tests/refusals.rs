//! Each way in which a client can be refused, and that nothing happens then.

use super::*;

#[test]
fn hello_comes_first_and_once() {
    let mut world = World::new();
    let code = world.room();
    let conn = world.connect();
    let nobody = Someone { conn, id: UserId("u0".into()), token: String::new() };
    for message in [
        join(&code, "Ada"),
        ClientMessage::Leave {},
        ClientMessage::media(MediaState::default()),
        offer(&nobody, "sdp"),
        chat("hi"),
        ClientMessage::Ping { nonce: 1 },
    ] {
        assert_eq!(world.refusal(conn, message), ErrorCode::HelloFirst);
    }
    let old =
        ClientMessage::Hello { version: VERSION + 1, client: String::new(), resume_token: None, account_token: None };
    assert_eq!(world.refusal(conn, old), ErrorCode::UnsupportedVersion);
    assert!(matches!(world.ask(conn, hello(None)).as_slice(), [ServerMessage::Welcome { resumed: false, .. }]));
    assert_eq!(world.refusal(conn, hello(None)), ErrorCode::BadMessage);
}

#[test]
fn a_room_wants_its_code_a_name_and_a_place() {
    let mut world = World::with(Config { max_participants: 2, ..Config::default() });
    let code = world.room();
    let (ada, _) = world.hello(None);
    let (longest, too_long) = ("é".repeat(64), "é".repeat(65));
    for name in ["", "  ", "A\nda", too_long.as_str()] {
        assert_eq!(world.refusal(ada.conn, join(&code, name)), ErrorCode::BadMessage, "{name}");
    }
    for wrong in ["", "no-such-room", "☃", &format!("{code}-more")] {
        assert_eq!(world.refusal(ada.conn, join(wrong, "Ada")), ErrorCode::UnknownRoom, "{wrong}");
    }
    assert_eq!(world.ask(ada.conn, join(&code, &longest)).len(), 1);
    assert_eq!(world.refusal(ada.conn, join(&code, "Ada")), ErrorCode::AlreadyInRoom);

    let grace = world.member(&code, "Grace");
    let (alan, _) = world.hello(None);
    assert_eq!(world.refusal(alan.conn, join(&code, "Alan")), ErrorCode::RoomFull);
    // Who is away keeps the place; who left gives it up.
    world.drop_socket(grace.conn);
    assert_eq!(world.refusal(alan.conn, join(&code, "Alan")), ErrorCode::RoomFull);
    world.say(ada.conn, ClientMessage::Leave {});
    assert_eq!(world.ask(alan.conn, join(&code, "Alan")).len(), 1);
}

#[test]
fn only_members_have_something_to_say() {
    let mut world = World::new();
    let code = world.room();
    let ada = world.member(&code, "Ada");
    let (outsider, _) = world.hello(None);
    for message in [
        ClientMessage::Leave {},
        ClientMessage::media(MediaState::default()),
        offer(&ada, "sdp"),
        ClientMessage::Answer { to: ada.id.clone(), sdp: "sdp".into() },
        chat("hi"),
    ] {
        assert_eq!(world.refusal(outsider.conn, message), ErrorCode::NotInRoom);
    }
    assert_eq!(world.heard(ada.conn), []);
    assert_eq!(world.refusal(ada.conn, offer(&ada, "to myself")), ErrorCode::UnknownPeer);
    assert_eq!(world.refusal(ada.conn, offer(&outsider, "to nobody")), ErrorCode::UnknownPeer);
    assert_eq!(world.refusal(ada.conn, chat("")), ErrorCode::BadMessage);
    assert_eq!(world.refusal(ada.conn, chat(&"é".repeat(4001))), ErrorCode::TooLarge);
    assert_eq!(world.ask(ada.conn, chat(&"é".repeat(4000))).len(), 1);
}

#[test]
fn who_guesses_codes_learns_nothing() {
    let mut world = World::new();
    let code = world.room();
    let (guesser, _) = world.hello(None);
    let Limits { guesses, .. } = Limits::default();
    for n in 0..guesses.burst {
        // Over the WebSocket and over HTTP alike.
        let wrong = format!("guess-{n}");
        let refused = if n % 2 == 0 {
            world.refusal(guesser.conn, join(&wrong, "Eve"))
        } else {
            world.hub.room_info(HERE, &wrong, world.now()).expect_err("no such room").code
        };
        assert_eq!(refused, ErrorCode::UnknownRoom);
    }
    assert_eq!(world.refusal(guesser.conn, join("another-guess", "Eve")), ErrorCode::TooFast);
    assert_eq!(world.refusal(guesser.conn, join(&code, "Eve")), ErrorCode::TooFast, "a hit must look like a miss");
    assert_eq!(world.hub.room_info(HERE, &code, world.now()).expect_err("refused").code, ErrorCode::TooFast);

    // Others do not suffer, and a mistake is forgiven in time.
    let honest = world.connect_from(ELSEWHERE);
    world.say(honest, hello(None));
    assert!(matches!(world.ask(honest, join(&code, "Ada")).as_slice(), [ServerMessage::Join { .. }]));
    world.pass(guesses.every);
    assert!(matches!(world.ask(guesser.conn, join(&code, "Eve")).as_slice(), [ServerMessage::Join { .. }]));
}

#[test]
fn right_codes_cost_nothing() {
    let mut world = World::new();
    let code = world.room();
    for _ in 0..1000 {
        assert!(world.hub.room_info(HERE, &code, world.now()).is_ok());
    }
}

#[test]
fn rooms_are_bounded_in_all_and_by_address() {
    let mut world = World::with_limits(|limits| {
        limits.creations.burst = 2;
        limits.max_rooms = 3;
    });
    let mut make = |address| {
        world.with_effects(|hub, now, out| hub.create_room(address, NewRoom::plain(), now, out).map_err(|r| r.code))
    };
    assert!(make(HERE).is_ok() && make(HERE).is_ok());
    assert_eq!(make(HERE), Err(ErrorCode::TooFast));
    assert!(make(ELSEWHERE).is_ok());
    assert_eq!(make(ELSEWHERE), Err(ErrorCode::ServerFull));
}
