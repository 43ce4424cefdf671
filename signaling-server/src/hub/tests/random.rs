//! Long random lives of a hub: whatever clients do in whatever order, its books agree, nothing leaks, and what was
//! written down is what is.

use std::collections::{BTreeMap, BTreeSet};

use rand::{RngExt, seq::IndexedRandom};

use super::{
    super::{Deadline, room::Presence},
    *,
};

#[test]
fn the_books_agree_after_every_step() {
    let mut heard = Vec::new();
    for seed in 0..20 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut world = World::with(Config {
            max_participants: 3,
            limits: Limits {
                away_messages: 4,
                all_away_bytes: 3000,
                guesses: crate::Rate { burst: 1_000_000, every: secs(1) },
                room_expiry: secs(90),
                ..Limits::default()
            },
            ..Config::default()
        });
        let mut codes = vec![world.room(), world.room()];
        let mut people: Vec<Someone> = Vec::new();
        let mut books = Books::new();
        for _ in 0..1500 {
            step(&mut world, &mut rng, &mut codes, &mut people);
            check(&mut world, &mut books);
        }
        heard.extend(world.inboxes.drain().flat_map(|(_, messages)| messages));
        // Left alone, everything ends: places after 30 s, rooms after their time.
        for someone in &people {
            world.drop_socket(someone.conn);
        }
        world.pass(secs(31));
        assert!(world.hub.places.is_empty());
        world.pass(secs(91));
        assert!(world.hub.rooms.is_empty() && world.hub.deadlines.is_empty());
        check(&mut world, &mut books);
        assert_eq!(world.hub.budget.all_bytes_left(), 3000);
    }
    // The lives were eventful.
    let seen = |what: &str| heard.iter().filter(|message| format!("{message:?}").contains(what)).count();
    for what in ["Back", "Lost", "TooSlow", "reason: Left", "Replaced", "RoomFull", "UnknownPeer", "Offer", "Chat"] {
        assert!(seen(what) >= 20, "{what}: {}", seen(what));
    }
}

fn step(world: &mut World, rng: &mut StdRng, codes: &mut Vec<String>, people: &mut Vec<Someone>) {
    // Mostly those who came last: the others' sockets are long gone.
    let recent = &people[people.len().saturating_sub(8)..];
    let someone = if rng.random_bool(0.9) { recent.choose(rng) } else { people.choose(rng) }.cloned();
    let other = recent.choose(rng).cloned();
    let code = codes[codes.len() - rng.random_range(1..=2)].clone();
    match (rng.random_range(0..12), someone) {
        (0, Some(known)) => people.push(world.hello(Some(known.token)).0),
        (0 | 1, _) => people.push(world.hello(None).0),
        (2, Some(someone)) => world.drop_socket(someone.conn),
        (3, Some(someone)) if rng.random_bool(0.2) => {
            world.with_effects(|hub, now, out| hub.too_slow(someone.conn, now, out))
        }
        (4..=6, Some(someone)) => world.say(someone.conn, join(&code, "Somebody")),
        (7, Some(someone)) if rng.random_bool(0.5) => world.say(someone.conn, ClientMessage::Leave {}),
        (8, Some(someone)) => {
            let media = MediaState { audio: rng.random(), video: rng.random() };
            world.say(someone.conn, ClientMessage::Update { media });
        }
        (9, Some(someone)) => world.say(someone.conn, chat("to all")),
        (10, Some(someone)) => {
            let to = other.unwrap_or(someone.clone());
            world.say(someone.conn, offer(&to, &"s".repeat(rng.random_range(0..500))));
        }
        _ => {
            world.pass(Duration::from_millis(rng.random_range(0..8000)));
            if rng.random_bool(0.1) {
                codes.push(world.room());
            }
        }
    }
}

#[track_caller]
fn check(world: &mut World, books: &mut Books) {
    for entry in world.entries.drain(..) {
        write_down(books, entry);
    }
    let hub = &world.hub;
    let mut places = BTreeMap::new();
    let mut deadlines = BTreeSet::new();
    for (code, room) in &hub.rooms {
        assert!(room.members().len() <= hub.config.max_participants as usize);
        if let Some(expires) = room.expires() {
            assert!(room.members().is_empty());
            deadlines.insert((expires, Deadline::Room(code.clone())));
        } else {
            assert!(!room.members().is_empty());
        }
        for member in room.members() {
            let twice = places.insert(member.user.clone(), code.clone());
            assert_eq!(twice, None, "in two rooms");
            match &member.presence {
                Presence::Here(conn) => {
                    let greeted = hub.clients[conn].greeted.as_ref().expect("greeted");
                    assert_eq!((&greeted.user, greeted.room.as_ref()), (&member.user, Some(code)));
                }
                Presence::Away(away) => {
                    deadlines.insert((away.until, Deadline::Place(member.user.clone())));
                }
            }
        }
    }
    assert_eq!(hub.places.clone().into_iter().collect::<BTreeMap<_, _>>(), places);
    assert_eq!(hub.deadlines, deadlines);
    // A connection that believes that it is in a room is the one that the room believes in.
    for (conn, client) in &hub.clients {
        let Some(greeted) = &client.greeted else { continue };
        let Some(code) = &greeted.room else { continue };
        let member = hub.rooms[code].member(&greeted.user).expect("a member");
        assert!(matches!(member.presence, Presence::Here(here) if here == *conn));
    }
    assert_eq!(*books, in_memory(hub));
}

type Books = BTreeMap<String, BTreeMap<String, MediaState>>;

fn in_memory(hub: &Hub) -> Books {
    let rooms = hub.rooms.iter();
    rooms
        .map(|(code, room)| (code.to_string(), room.members().iter().map(|m| (m.user.to_string(), m.media)).collect()))
        .collect()
}

fn write_down(books: &mut Books, entry: Entry) {
    match entry {
        Entry::RoomMade { code, .. } => drop(books.insert(code.to_string(), BTreeMap::new())),
        Entry::RoomForgotten { code } => drop(books.remove(code.as_str()).expect("the room")),
        Entry::PlaceTaken { code, user, media, .. } => {
            books.get_mut(code.as_str()).expect("the room").insert(user.0, media);
        }
        Entry::PlaceMedia { user, media } => {
            let seat = books.values_mut().find_map(|room| room.get_mut(&user.0));
            *seat.expect("the place") = media;
        }
        Entry::PlaceLeft { code, user, .. } => {
            books.get_mut(code.as_str()).expect("the room").remove(&user.0).expect("the place");
        }
    }
}
