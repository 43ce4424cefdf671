//! Each way in which a client can be refused, and that nothing happens then.

use super::*;
use crate::limiter::MAX_ADDRESSES;

const MANY: u32 = 100_000;

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

/// What is answered to a join; chat that follows is left out.
fn answer(world: &mut World, conn: ConnId, code: &str) -> ServerMessage {
    world.ask(conn, join(code, "Eve")).into_iter().next().expect("an answer")
}

fn code_of(answer: &ServerMessage) -> ErrorCode {
    let ServerMessage::Error { code, .. } = answer else { panic!("a guess was right: {answer:?}") };
    *code
}

#[test]
fn of_a_hundred_thousand_wrong_codes_hardly_any_is_looked_at() {
    let mut world = World::new();
    let code = world.room();
    let (guesser, _) = world.hello(None);
    let Limits { guesses, messages, .. } = Limits::default();
    let typed = code.to_uppercase().replace('-', " ");
    let (mut looked_at, mut hits_tried) = (0, 0);
    for n in 0..MANY {
        // Words of the right form, an id, the right code but for a letter, and garbage.
        let wrong = match n % 4 {
            0 => format!("amber-canoe-violet-guess{n}"),
            1 => format!("r{n:016x}"),
            2 => format!("{code}{n}"),
            _ => "\u{202e}🦀'; --".repeat(20),
        };
        let refused = answer(&mut world, guesser.conn, &wrong);
        match code_of(&refused) {
            ErrorCode::UnknownRoom => looked_at += 1,
            code => {
                assert_eq!(code, ErrorCode::TooFast);
                if n % 100 == 99 {
                    // To the letter, or it would tell.
                    assert_eq!(answer(&mut world, guesser.conn, &typed), refused);
                    hits_tried += 1;
                }
            }
        }
        // As fast as messages of one socket are read.
        world.pass(messages.every);
    }
    let time = messages.every * (MANY - 1);
    assert_eq!(looked_at, guesses.burst + (time.as_secs() / guesses.every.as_secs()) as u32);
    assert!(hits_tried > 900, "{hits_tried}");
    assert_eq!((world.hub.guesses.count(), world.hub.clients.len(), world.hub.counts()), (1, 1, (1, 0)));
    assert_eq!(world.hub.deadlines.len(), 1, "only that of the room");
    // It is no more than a matter of time.
    world.pass(guesses.every);
    assert!(matches!(answer(&mut world, guesser.conn, &code), ServerMessage::Join { .. }));
}

#[test]
fn a_hundred_thousand_addresses_guess_hardly_more_than_the_server_counts_apart() {
    let mut world = World::new();
    let code = world.room();
    let ada = world.member(&code, "Ada");
    let Limits { guesses, .. } = Limits::default();
    let nth = |n: u32| IpAddr::from((0x0a00_0000 + n).to_be_bytes());
    let from = |world: &mut World, address, code: &str| {
        let conn = world.connect_from(address);
        world.ask(conn, hello(None));
        let answer = answer(world, conn, code);
        world.drop_socket(conn);
        answer
    };
    let looked_at = (0..MANY).filter(|n| {
        let refused = from(&mut world, nth(*n), &format!("guess-{n}"));
        code_of(&refused) == ErrorCode::UnknownRoom
    });
    assert_eq!(looked_at.count(), MAX_ADDRESSES + guesses.burst as usize);
    assert_eq!((world.hub.guesses.count(), world.hub.clients.len()), (MAX_ADDRESSES, 1));
    // Newcomers are refused with the rest, calls go on, and soon the door is open again.
    assert_eq!(code_of(&from(&mut world, ELSEWHERE, &code)), ErrorCode::TooFast);
    assert_eq!(world.ask(ada.conn, chat("still here")).len(), 1);
    world.pass(guesses.every);
    assert!(matches!(from(&mut world, ELSEWHERE, &code), ServerMessage::Join { .. }));
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
