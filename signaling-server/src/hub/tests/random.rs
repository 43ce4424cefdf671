//! Long random lives of a hub: whatever clients do in whatever order, its books agree, nothing leaks, and what was
//! written down is what is.

use std::collections::{BTreeMap, BTreeSet};

use rand::{RngExt, seq::IndexedRandom};

use sightline_protocol::{HostAction, RoomWish};

use super::{
    super::{
        Deadline, MadeBy, Seat,
        room::{Presence, Room},
    },
    *,
};

#[test]
fn the_books_agree_after_every_step() {
    let mut heard = Vec::new();
    for seed in 0..24 {
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
        let mut doors = Vec::new();
        let mut people: Vec<Someone> = Vec::new();
        let mut books = Books::default();
        for _ in 0..1500 {
            step(&mut world, &mut rng, &mut codes, &mut doors, &mut people);
            check(&mut world, &mut books);
        }
        heard.extend(world.inboxes.drain().flat_map(|(_, messages)| messages));
        // Left alone, everything ends: places after 30 s, rooms after their time.
        for someone in &people {
            world.drop_socket(someone.conn);
        }
        world.pass(secs(31));
        assert!(world.hub.places.is_empty());
        // Those with an end of two minutes are over, too.
        world.pass(secs(121));
        assert!(world.hub.rooms.is_empty() && world.hub.deadlines.is_empty());
        check(&mut world, &mut books);
        assert_eq!(world.hub.budget.all_bytes_left(), 3000);
    }
    // The lives were eventful.
    let seen = |what: &str| heard.iter().filter(|message| format!("{message:?}").contains(what)).count();
    for what in [
        "Back",
        "Lost",
        "TooSlow",
        "reason: Left",
        "Replaced",
        "RoomFull",
        "UnknownPeer",
        "Offer",
        "Chat",
        "Waiting",
        "WaitingEnded",
        "Watching",
        "Forbidden",
        "Ended",
        "seconds_left: Some",
        "reason: Removed",
        "Role { role: Host",
    ] {
        assert!(seen(what) >= 20, "{what}: {}", seen(what));
    }
}

fn step(
    world: &mut World,
    rng: &mut StdRng,
    codes: &mut Vec<String>,
    doors: &mut Vec<RoomCreated>,
    people: &mut Vec<Someone>,
) {
    // Mostly those who came last: the others' sockets are long gone.
    let recent = &people[people.len().saturating_sub(8)..];
    let someone = if rng.random_bool(0.9) { recent.choose(rng) } else { people.choose(rng) }.cloned();
    let other = recent.choose(rng).cloned();
    let code = codes[codes.len() - rng.random_range(1..=2)].clone();
    match (rng.random_range(0..16), someone) {
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
            world.say(someone.conn, ClientMessage::media(media));
        }
        (9, Some(someone)) => world.say(someone.conn, chat("to all")),
        (10 | 14, Some(someone)) => {
            let to = other.unwrap_or(someone.clone());
            world.say(someone.conn, offer(&to, &"s".repeat(rng.random_range(0..500))));
        }
        (11, Some(someone)) => {
            let Some(door) = doors.last().filter(|_| rng.random_bool(0.5)) else { return };
            let token = rng.random_bool(0.5).then(|| door.token.clone());
            world.say(someone.conn, join_with(&door.code, token));
        }
        (12, Some(someone)) => {
            // Mostly a host, about somebody of its room.
            let hosts = codes.iter().rev().find_map(|code| {
                let room = world.hub.rooms.get(&world.hub.known(code)?)?;
                let host = room.members().iter().find(|member| member.role == Role::Host)?;
                let Presence::Here(conn) = host.presence else { return None };
                let waiting = room.waiting.iter().map(|waiter| &waiter.user);
                let about: Vec<_> = room.members().iter().map(|member| &member.user).chain(waiting).collect();
                Some((conn, (*about.choose(rng)?).clone()))
            });
            let anybody = (someone.conn, other.unwrap_or(someone.clone()).id);
            let (conn, user_id) = hosts.filter(|_| rng.random_bool(0.8)).unwrap_or(anybody);
            world.say(
                conn,
                ClientMessage::Host(match rng.random_range(0..9) {
                    0..=2 => HostAction::Admit { user_id },
                    3 => HostAction::Deny { user_id },
                    4 => HostAction::Mute { user_id },
                    5 | 7 => HostAction::Remove { user_id },
                    6 => HostAction::HandOver { user_id },
                    _ => [HostAction::End {}, HostAction::Lock { locked: rng.random() }]
                        .choose(rng)
                        .cloned()
                        .expect("one"),
                }),
            );
        }
        (13, _) => {
            let watcher = world.connect();
            world.say(watcher, watch(&code, "a script"));
            if rng.random_bool(0.5) {
                world.drop_socket(watcher);
            }
        }
        _ => {
            world.pass(Duration::from_millis(rng.random_range(0..8000)));
            if rng.random_bool(0.1) {
                codes.push(world.room());
            }
            if rng.random_bool(0.1) {
                let wish = RoomWish { waiting_room: true, expires_in_minutes: Some(2), ..RoomWish::default() };
                let door = world.made(NewRoom::new(wish, None, MadeBy::default()).expect("a wish"));
                codes.push(door.code.clone());
                doors.push(door);
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
        if let Some(expires) = room.is_unused_until() {
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
                    assert_eq!((&greeted.user, &greeted.seat), (&member.user, &Seat::Member(code.clone())));
                }
                Presence::Away(away) => {
                    deadlines.insert((away.until, Deadline::Place(member.user.clone())));
                }
            }
        }
    }
    assert_eq!(hub.places.clone().into_iter().collect::<BTreeMap<_, _>>(), places);
    let of_ends = |deadline: &Deadline| matches!(deadline, Deadline::End(_) | Deadline::Warning(..));
    assert_eq!(hub.deadlines.iter().filter(|(_, due)| !of_ends(due)).cloned().collect::<BTreeSet<_>>(), deadlines);
    for (_, due) in hub.deadlines.iter().filter(|(_, due)| of_ends(due)) {
        let (Deadline::End(code) | Deadline::Warning(code, _)) = due else { continue };
        assert!(hub.rooms[code].terms.expires_ms.is_some());
    }
    assert_eq!(hub.ids.len(), hub.rooms.len());
    for (id, code) in &hub.ids {
        assert_eq!(hub.rooms[code].terms.id, *id);
    }
    // A connection that believes that it is in a room is the one that the room believes in.
    for (conn, client) in &hub.clients {
        let Some(greeted) = &client.greeted else { continue };
        match &greeted.seat {
            Seat::Nowhere => {}
            Seat::Member(code) => {
                let member = hub.rooms[code].member(&greeted.user).expect("a member");
                assert!(matches!(member.presence, Presence::Here(here) if here == *conn));
            }
            Seat::Waiting(code) => assert!(hub.rooms[code].waiting.iter().any(|waiter| waiter.conn == *conn)),
            Seat::Observer(code) => assert!(hub.rooms[code].observers.iter().any(|observer| observer.conn == *conn)),
        }
    }
    assert_eq!(*books, in_memory(hub));
}

/// What was written down.
#[derive(Debug, Default, PartialEq)]
struct Books {
    /// Places, by the room's code.
    rooms: BTreeMap<String, BTreeMap<String, MediaState>>,
    /// Open stays of observers: room's id, user.
    watching: BTreeSet<(String, UserId)>,
}

fn in_memory(hub: &Hub) -> Books {
    let places = |room: &Room| room.members().iter().map(|m| (m.user.to_string(), m.media)).collect();
    let watching = |room: &Room| {
        let id = room.terms.id.clone();
        room.observers.iter().map(move |observer| (id.clone(), observer.user.clone())).collect::<Vec<_>>()
    };
    Books {
        rooms: hub.rooms.iter().map(|(code, room)| (code.to_string(), places(room))).collect(),
        watching: hub.rooms.values().flat_map(watching).collect(),
    }
}

fn write_down(books: &mut Books, entry: Entry) {
    match entry {
        Entry::RoomMade { code, .. } => drop(books.rooms.insert(code.to_string(), BTreeMap::new())),
        Entry::RoomForgotten { code, .. } => drop(books.rooms.remove(code.as_str()).expect("the room")),
        Entry::PlaceTaken { code, user, media, .. } => {
            books.rooms.get_mut(code.as_str()).expect("the room").insert(user.0, media);
        }
        Entry::StayBegan { room, user, .. } => assert!(books.watching.insert((room, user)), "watches twice"),
        Entry::StayEnded { room, user, .. } => assert!(books.watching.remove(&(room, user)), "never watched"),
        Entry::PlaceMedia { user, media } => {
            let seat = books.rooms.values_mut().find_map(|room| room.get_mut(&user.0));
            *seat.expect("the place") = media;
        }
        Entry::RoleChanged { .. } | Entry::RoomLocked { .. } | Entry::TokensCalledBack { .. } | Entry::Audit(_) => {}
        Entry::PlaceLeft { code, user, .. } => {
            books.rooms.get_mut(code.as_str()).expect("the room").remove(&user.0).expect("the place");
        }
    }
}
