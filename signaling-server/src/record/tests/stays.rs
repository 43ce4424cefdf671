//! Rooms and stays from the hub, and the line of a call that is made of them.

use sightline_protocol::admin::CallFilter;

use super::*;
use crate::record::summary;

fn made(id: &str, code: &str) -> RecordEntry {
    RecordEntry::RoomMade { id: id.into(), code: code.into(), name: None, unix_ms: NOON, by: Some("ann".into()) }
}

fn began(room: &str, user: &str, name: &str, unix_ms: i64) -> RecordEntry {
    let (room, user, name, role) = (room.into(), user.into(), name.into(), "guest".into());
    RecordEntry::StayBegan { room, user, name, account: None, role, unix_ms }
}

fn ended(room: &str, user: &str, reason: &str, unix_ms: i64) -> RecordEntry {
    RecordEntry::StayEnded { room: room.into(), user: user.into(), reason: reason.into(), unix_ms }
}

fn close(fixture: &mut Fixture, unix_ms: i64) {
    let transaction = fixture.connection.transaction().unwrap();
    close_open(&transaction, unix_ms).unwrap();
    transaction.commit().unwrap();
}

/// Stays as user, joined, left after [`NOON`], reason.
fn stays(fixture: &Fixture) -> Vec<(String, i64, Option<i64>, Option<String>)> {
    let mut statement =
        fixture.connection.prepare("SELECT user, joined_ms, left_ms, reason FROM stay ORDER BY number").unwrap();
    let rows = statement.query_map([], |row| {
        let left: Option<i64> = row.get(2)?;
        Ok((row.get(0)?, row.get::<_, i64>(1)? - NOON, left.map(|at| at - NOON), row.get(3)?))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

#[test]
fn who_leaves_and_comes_again_has_two_rows() {
    let mut fixture = Fixture::new();
    fixture.apply(&[
        made("r1", "amber-canoe"),
        began("r1", "u1", "Ann", NOON + 10),
        began("r1", "u1", "Ann", NOON + 15),
        ended("r1", "u1", "left", NOON + 20),
        ended("r1", "u1", "left", NOON + 25),
        began("r1", "u1", "Ann", NOON + 50),
        // About what is not there: nothing happens, and what comes with it is written.
        began("r9", "u1", "Ann", NOON),
        ended("r9", "u1", "left", NOON),
        RecordEntry::RoomEnded { id: "r9".into(), reason: "empty".into(), unix_ms: NOON },
        // A clock that was set back does not make a stay shorter than nothing.
        ended("r1", "u1", "removed", NOON + 40),
    ]);
    let row = |joined, left, reason: &str| ("u1".to_owned(), joined, Some(left), Some(reason.to_owned()));
    assert_eq!(stays(&fixture), [row(10, 20, "left"), row(50, 50, "removed")]);
    let call = fixture.reader().call("r1").unwrap();
    assert_eq!((call.call.people, call.call.talk_ms, call.created_by.as_deref()), (1, 10, Some("ann")));
    assert_eq!(call.call.reasons, ["left", "removed"]);
    let [one] = call.breaks.try_into().unwrap();
    assert_eq!((one.start_ms, one.end_ms, one.cause.as_str()), (NOON + 20, Some(NOON + 50), "left"));
    assert!(one.between_stays);
}

#[test]
fn a_room_that_nobody_was_in_is_no_call() {
    let mut fixture = Fixture::new();
    fixture.apply(&[made("r1", "amber-canoe")]);
    assert_eq!(fixture.reader().calls(&Default::default()).unwrap().total, 0);
    assert!(matches!(fixture.reader().call("r1"), Err(RecordError::UnknownCall)));
}

#[test]
fn what_a_crash_left_open_is_closed_at_the_last_time_anything_was_known() {
    let mut fixture = Fixture::new();
    fixture.apply(&[
        made("r1", "amber-canoe"),
        made("r2", "violet-magnet"),
        made("r3", "still-there"),
        began("r1", "u1", "Ann", NOON + 1000),
        began("r1", "u2", "Bob", NOON + 2000),
        ended("r1", "u2", "left", NOON + 3000),
        began("r2", "u3", "Cyd", NOON + 90_000),
    ]);
    fixture.connection.execute("INSERT INTO rooms (code, last_used_ms) VALUES ('still-there', 0)", []).unwrap();
    close(&mut fixture, NOON + 500_000);
    let row = |user: &str, joined, left, reason: &str| (user.to_owned(), joined, Some(left), Some(reason.to_owned()));
    assert_eq!(
        stays(&fixture),
        [row("u1", 1000, 90_000, CRASH), row("u2", 2000, 3000, "left"), row("u3", 90_000, 90_000, CRASH)],
        "the server was there until it wrote for the last time"
    );
    let rooms: Vec<(String, Option<i64>)> = {
        let mut statement =
            fixture.connection.prepare("SELECT id, ended_ms - ?1 FROM room_record ORDER BY id").unwrap();
        statement.query_map([NOON], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
    };
    let room = |id: &str, ended| (id.to_owned(), ended);
    assert_eq!(rooms, [room("r1", Some(90_000)), room("r2", Some(90_000)), room("r3", None)]);
    let line = fixture.reader().call("r1").unwrap().call;
    assert_eq!((line.ended_ms, line.end_reason.as_deref()), (Some(NOON + 90_000), Some(CRASH)));
    assert_eq!(line.reasons, ["left", CRASH]);
    let before = fixture.dump();
    close(&mut fixture, NOON + 900_000);
    assert_eq!(fixture.dump(), before, "nothing is closed twice");
}

#[test]
fn a_clock_that_was_set_back_does_not_close_stays_in_the_future() {
    let mut fixture = Fixture::new();
    fixture.apply(&[made("r1", "amber-canoe"), began("r1", "u1", "Ann", NOON), began("r1", "u2", "Bob", NOON + 9000)]);
    close(&mut fixture, NOON + 4000);
    assert_eq!(stays(&fixture).iter().map(|stay| stay.2).collect::<Vec<_>>(), [Some(4000), Some(9000)]);
}

#[test]
fn the_line_of_a_call_is_what_its_rows_make_of_it() {
    let mut fixture = Fixture::with(&[shape(1), CallShape { people: 2, ..shape(2) }]);
    fixture.apply(&[
        made("r3", "amber-canoe"),
        began("r3", "u1", "Ann", NOON),
        began("r3", "u2", "Ann", NOON + 1),
        began("r3", "u3", "Žofie\nand more", NOON + 2),
        ended("r3", "u2", "removed", NOON + 700),
        began("r3", "u2", "Bob", NOON + 800),
    ]);
    // Reasons are a set, whose order is that of their coming.
    let lines = |fixture: &Fixture| {
        let mut statement = fixture.connection.prepare("SELECT * FROM call_summary ORDER BY room").unwrap();
        let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let mut rows = statement.query([]).unwrap();
        let mut lines = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            for (at, name) in names.iter().enumerate() {
                let mut value = format!("{name}: {:?}", row.get::<_, rusqlite::types::Value>(at).unwrap());
                if name == "reasons" {
                    let text: String = row.get(at).unwrap();
                    let mut reasons: Vec<_> = text.lines().collect();
                    reasons.sort_unstable();
                    value = format!("{reasons:?}");
                }
                lines.push(value);
            }
        }
        lines
    };
    let before = lines(&fixture);
    assert_eq!(fixture.count("call_summary"), 3);
    for room in 1..=3 {
        assert!(summary::rebuild(&fixture.connection, room).unwrap());
    }
    assert_eq!(lines(&fixture), before);
    let line = fixture.reader().call("r3").unwrap().call;
    assert_eq!(line.names, ["Ann", "Žofie and more", "Bob"]);
    assert_eq!((line.people, line.ended_ms, line.talk_ms), (3, None, 699));
}

#[test]
fn names_without_end_do_not_make_a_line_without_end() {
    let mut fixture = Fixture::new();
    fixture.apply(&[made("r1", "amber-canoe")]);
    for number in 0..2000 {
        fixture.apply(&[began("r1", &format!("u{number}"), &format!("somebody new {number}"), NOON)]);
        fixture.apply(&[ended("r1", &format!("u{number}"), &format!("made-up {number}"), NOON)]);
    }
    let line = fixture.reader().call("r1").unwrap().call;
    assert_eq!(line.people, 2000);
    assert!(line.names.len() > 20 && line.names.concat().len() < 2048, "{}", line.names.len());
    assert!(line.reasons.concat().len() < 2048);
}

#[test]
fn who_watches_is_in_the_details_and_is_found_but_is_no_participant() {
    let mut fixture = Fixture::new();
    let watches = |room: &str, user: &str, name: &str, unix_ms| {
        let (room, user, name, role) = (room.into(), user.into(), name.into(), "observer".into());
        RecordEntry::StayBegan { room, user, name, account: Some("žofie".into()), role, unix_ms }
    };
    fixture.apply(&[
        made("r1", "amber-canoe"),
        watches("r1", "o1", "Lobby Ｄisplay", NOON),
        began("r1", "u1", "Ann", NOON + 1000),
        ended("r1", "u1", "left", NOON + 3000),
        ended("r1", "o1", "lost", NOON + 9000),
        watches("r1", "o2", "Lobby Display", NOON + 10_000),
        // Nobody was in this one but a watcher.
        made("r2", "violet-magnet"),
        watches("r2", "o3", "Zed", NOON + 500),
        ended("r2", "o3", "left", NOON + 700),
    ]);
    let reader = fixture.reader();
    let details = reader.call("r1").unwrap();
    let line = &details.call;
    assert_eq!((line.started_ms, line.ended_ms, line.people, line.talk_ms), (NOON + 1000, Some(NOON + 3000), 1, 2000));
    assert_eq!((&line.names[..], &line.reasons[..]), (&["Ann".to_owned()][..], &["left".to_owned()][..]));
    assert_eq!((details.coverage.of, details.breaks.len()), (1, 0));
    let seen: Vec<_> =
        details.stays.iter().map(|stay| (stay.role.as_str(), stay.account.as_deref(), stay.left_ms)).collect();
    let observer = |left| ("observer", Some("žofie"), left);
    assert_eq!(seen, [observer(Some(NOON + 9000)), ("guest", None, Some(NOON + 3000)), observer(None)]);

    let line = reader.call("r2").unwrap().call;
    assert_eq!((line.started_ms, line.ended_ms, line.people, line.talk_ms), (NOON + 500, Some(NOON + 700), 0, 0));
    for (text, rooms) in [("display", vec!["r1"]), ("zed", vec!["r2"])] {
        let page = reader.calls(&CallFilter { text: text.into(), ..Default::default() }).unwrap();
        assert_eq!(page.calls.into_iter().map(|call| call.room_id).collect::<Vec<_>>(), rooms);
    }
    let totals = reader.totals(NOON - 1, NOON + 100_000).unwrap();
    assert_eq!((totals.calls, totals.people), (1, 1));
    let lines = |fixture: &Fixture| {
        let sql = "SELECT room, started_ms, ended_ms, last_ms, present, people, talk_ms, names, search, reasons
                   FROM call_summary ORDER BY room";
        let mut statement = fixture.connection.prepare(sql).unwrap();
        let row = |row: &rusqlite::Row<'_>| (0..10).map(|at| row.get::<_, rusqlite::types::Value>(at)).collect();
        statement.query_map([], row).unwrap().collect::<rusqlite::Result<Vec<Vec<_>>>>().unwrap()
    };
    let before = lines(&fixture);
    for room in [1, 2] {
        assert!(summary::rebuild(&fixture.connection, room).unwrap());
    }
    assert_eq!(lines(&fixture), before);
}
