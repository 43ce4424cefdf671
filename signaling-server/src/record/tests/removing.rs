//! Deletion and retention: what is gone is gone everywhere, what is kept is untouched.

use sightline_protocol::admin::CallFilter;

use super::*;

const DAY: i64 = 86_400_000;

/// All that is read of a call but its audit.
fn seen(fixture: &Fixture, shape: &CallShape) -> impl PartialEq + std::fmt::Debug + use<> {
    let reader = fixture.reader();
    let csv = csv_of(&reader, &shape.room_id()).unwrap();
    (reader.call(&shape.room_id()).unwrap(), reader.reports(&shape.room_id(), 1000).unwrap(), csv)
}

fn purge_all(fixture: &mut Fixture) -> u32 {
    let mut steps = 0;
    while purge(&mut fixture.connection, 50).unwrap() {
        steps += 1;
    }
    steps
}

#[test]
fn a_deleted_call_leaves_nothing_and_the_others_are_untouched() {
    let mut fixture = Fixture::with(&[shape(1), shape(2)]);
    let only = Fixture::with(&[shape(2)]);
    let kept = seen(&fixture, &shape(2));
    let room = shape(1).room_id();
    assert_eq!(delete_call(&mut fixture.connection, &room, "ann", NOON + 9).unwrap(), Deleted::Done);
    let reader = fixture.reader();
    assert_eq!(reader.calls(&CallFilter::default()).unwrap().total, 1);
    assert!(matches!(reader.call(&room), Err(RecordError::UnknownCall)));
    assert!(matches!(reader.reports(&room, 10), Err(RecordError::UnknownCall)));
    assert_eq!(reader.totals(NOON, NOON + 1).unwrap(), only.reader().totals(NOON, NOON + 1).unwrap());
    assert!(purge_all(&mut fixture) > 5, "in steps");
    for table in ["log_sample", "log_link", "log_process", "log_event", "log_break", "log_stay", "log_batch"] {
        assert_eq!(fixture.count(table), only.count(table), "{table}");
    }
    assert_eq!(fixture.count("log_doomed"), 0);
    assert_eq!(seen(&fixture, &shape(2)), kept);
    let audit = fixture.reader().audit(10, 0).unwrap().entries;
    let [line] = audit.as_slice() else { panic!("{audit:?}") };
    assert_eq!((line.who.as_str(), line.action.as_str(), line.what.as_deref()), ("ann", "delete-call", Some(&*room)));
}

#[test]
fn the_second_deletion_says_it_is_gone_and_late_batches_do_not_bring_it_back() {
    let mut fixture = Fixture::with(&[shape(1)]);
    let room = shape(1).room_id();
    let late = synthetic::batches(&shape(1)).pop().unwrap();
    delete_call(&mut fixture.connection, &room, "ann", NOON).unwrap();
    assert_eq!(delete_call(&mut fixture.connection, &room, "bob", NOON).unwrap(), Deleted::AlreadyGone);
    assert_eq!(delete_call(&mut fixture.connection, "r-none", "bob", NOON).unwrap(), Deleted::Unknown);
    assert_eq!(fixture.count("audit"), 1);
    let error = ingest(&mut fixture.connection, &room, &late, late.sent_ms).unwrap_err();
    assert_eq!(error, IngestError::Deleted);
    fixture.apply(&synthetic::entries(&shape(1))[1..]);
    assert_eq!((fixture.count("stay"), fixture.count("call_summary")), (0, 0));
}

#[test]
fn two_admins_delete_one_call_and_one_of_them_did_it() {
    for seed in 0..20 {
        let fixture = Fixture::with(&[CallShape { windows: 2, ..shape(seed) }]);
        let results: Vec<Deleted> = std::thread::scope(|scope| {
            let delete = |who: &'static str| {
                let path = &fixture.path;
                scope.spawn(move || {
                    let mut connection = open_to_write(path).unwrap();
                    delete_call(&mut connection, &shape(seed).room_id(), who, NOON).unwrap()
                })
            };
            let threads = [delete("ann"), delete("bob")];
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(results.contains(&Deleted::Done) && results.contains(&Deleted::AlreadyGone), "{results:?}");
        assert_eq!(fixture.count("audit"), 1);
    }
}

#[test]
fn a_room_that_can_be_joined_is_ended_first() {
    let mut fixture = Fixture::new();
    fixture.apply(&synthetic::entries(&shape(1))[..2]);
    let before = fixture.dump();
    let result = delete_call(&mut fixture.connection, &shape(1).room_id(), "ann", NOON).unwrap();
    assert_eq!((result, fixture.dump()), (Deleted::StillOpen, before));
}

#[test]
fn what_is_older_than_it_is_kept_is_forgotten_and_nothing_else() {
    let days = |seed: u64, days: i64| CallShape { started_ms: NOON - days * DAY, windows: 2, people: 2, ..shape(seed) };
    let mut shapes: Vec<_> = (0..300).map(|seed| days(seed, 40)).collect();
    let (young, edge) = (days(1000, 3), days(1001, 29));
    shapes.extend([young, edge]);
    let mut fixture = Fixture::with(&shapes);
    let kept = [seen(&fixture, &young), seen(&fixture, &edge)];
    let mut steps = 1;
    while keep_days(&mut fixture.connection, 30, NOON).unwrap() {
        steps += 1;
        assert!(steps < 50);
    }
    assert!(steps > 2, "in steps");
    purge_all(&mut fixture);
    assert_eq!([seen(&fixture, &young), seen(&fixture, &edge)], kept);
    assert_eq!((fixture.count("room_record"), fixture.count("stay"), fixture.count("call_summary")), (2, 4, 2));
    assert_eq!(fixture.count("log_sample") as u64, young.samples() + edge.samples());
    assert_eq!(fixture.reader().totals(NOON - 50 * DAY, NOON - 35 * DAY).unwrap().quality.loss_percent.count, 0);
    let audited = fixture.count("audit");
    assert!(audited >= 2);
    assert!(!keep_days(&mut fixture.connection, 30, NOON).unwrap());
    assert_eq!(fixture.count("audit"), audited, "nothing done is nothing to tell");
}

#[test]
fn a_room_that_lasts_loses_only_its_old_stays() {
    let mut fixture = Fixture::with(&[CallShape { started_ms: NOON - 40 * DAY, ..shape(1) }]);
    let room = shape(1).room_id();
    fixture.connection.execute("UPDATE room_record SET ended_ms = NULL, end_reason = NULL", []).unwrap();
    let began = |user: &str, unix_ms| RecordEntry::StayBegan {
        room: room.clone(),
        user: user.into(),
        name: "Late".into(),
        account: None,
        role: "guest".into(),
        unix_ms,
    };
    fixture.apply(&[began("u1", NOON - 35 * DAY), began("u2", NOON - DAY)]);
    while keep_days(&mut fixture.connection, 30, NOON).unwrap() {}
    let call = fixture.reader().call(&room).unwrap();
    let users: Vec<_> = call.stays.iter().map(|stay| stay.user_id.as_str()).collect();
    assert_eq!(users, ["u1", "u2"], "who is in it stays");
    assert_eq!((call.call.people, call.call.windows, call.sessions.len()), (2, 0, 0));
    assert_eq!(call.call.names, ["Late"]);
}
