//! The database over restarts, and the files that are refused.

use std::fs;

use tempfile::TempDir;

use super::*;

fn code(text: &str) -> RoomCode {
    text.parse().expect("a code")
}

fn place(room: &str, user: &str) -> Entry {
    Entry::PlaceTaken {
        code: code(room),
        user: UserId(user.into()),
        name: format!("name of {user}"),
        media: MediaState { audio: true, video: false },
        token: TokenHash::of(&format!("{user}.secret")),
        room: format!("r-{room}"),
        role: Role::Host,
        jtis: vec![format!("j-{user}")],
        account: None,
        unix_ms: 2000,
    }
}

fn made(room: &str, unix_ms: i64) -> Entry {
    let terms = Terms {
        id: format!("r-{room}"),
        name: "Team 🦀 '); DROP TABLE rooms; --".into(),
        created_ms: unix_ms,
        expires_ms: Some(unix_ms + 1),
        empty: Duration::from_secs(180),
        max_participants: 5,
        password: Some("$argon2id$".into()),
        waiting_room: true,
        invited: ["ada".to_owned(), "\"grace\"".to_owned()].into(),
        locked: false,
        pair: false,
    };
    Entry::RoomMade { code: code(room), terms, by: None, unix_ms }
}

/// Writes the entries, closes, opens again and gives what is there, sorted by code.
fn over_a_restart(path: &Path, entries: Vec<Entry>) -> Vec<Restored> {
    let (store, _) = Store::open(path, Default::default()).expect("opens");
    let writer = store.writer();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        for entry in entries {
            writer.write(entry).await;
        }
        writer.flushed().await.expect("written");
    });
    // With a writer still about, as a connection that holds out would have.
    store.finish();
    let (store, mut restored) = Store::open(path, Default::default()).expect("opens again");
    store.finish();
    restored.sort_by(|a, b| a.code.cmp(&b.code));
    restored
}

#[test]
fn rooms_and_places_are_there_after_a_restart() {
    let folder = TempDir::new().expect("a folder");
    let restored = over_a_restart(
        &folder.path().join("server.sqlite"),
        vec![
            made("amber-canoe", 1000),
            made("empty-room", 1000),
            made("gone-room", 1000),
            // In the order of joining, not of names.
            place("amber-canoe", "u2"),
            place("amber-canoe", "u1"),
            place("amber-canoe", "u3"),
            place("gone-room", "u4"),
            Entry::PlaceMedia { user: UserId("u1".into()), media: MediaState { audio: false, video: true } },
            Entry::PlaceLeft {
                code: code("amber-canoe"),
                room: "r-amber-canoe".into(),
                user: UserId("u3".into()),
                reason: LeaveReason::Left,
                unix_ms: 3000,
            },
            Entry::RoleChanged { user: UserId("u1".into()), role: Role::Guest, jti: "j-new".into() },
            Entry::RoomLocked { room: "r-amber-canoe".into(), locked: true },
            Entry::TokensCalledBack { room: "r-amber-canoe".into(), jtis: vec!["j-u1".into(), "j-u3".into()] },
            Entry::RoomForgotten {
                code: code("gone-room"),
                room: "r-gone-room".into(),
                reason: EndReason::Empty,
                unix_ms: 3000,
            },
        ],
    );
    let [amber, empty] = restored.as_slice() else { panic!("{restored:?}") };
    assert_eq!((amber.code.as_str(), amber.last_used_ms), ("amber-canoe", 3000));
    assert_eq!((empty.code.as_str(), empty.last_used_ms, empty.members.len()), ("empty-room", 1000, 0));
    let users: Vec<_> = amber.members.iter().map(|m| (m.user.0.as_str(), m.media.audio, m.media.video)).collect();
    assert_eq!(users, [("u2", true, false), ("u1", false, true)]);
    assert_eq!(amber.members[0].name, "name of u2");
    let roles: Vec<_> = amber.members.iter().map(|m| (m.role, m.jtis.join(","))).collect();
    assert_eq!(roles, [(Role::Host, "j-u2".to_owned()), (Role::Guest, "j-new".to_owned())]);
    assert_eq!(amber.removed, ["j-u1", "j-u3"]);
    let Entry::RoomMade { terms, .. } = made("amber-canoe", 1000) else { unreachable!() };
    assert_eq!(amber.terms, Terms { locked: true, ..terms });
    assert!(amber.members[0].token.is_of("u2.secret") && !amber.members[0].token.is_of("u1.secret"));
}

#[test]
fn no_token_is_in_the_file() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("server.sqlite");
    over_a_restart(&path, vec![made("amber-canoe", 1), place("amber-canoe", "u1")]);
    let bytes = fs::read(&path).expect("the file");
    let contains = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(contains("name of u1") && !contains("u1.secret"));
}

#[test]
fn one_bad_change_is_logged_and_the_rest_goes_on() {
    let folder = TempDir::new().expect("a folder");
    let (store, _) = Store::open(&folder.path().join("server.sqlite"), Default::default()).expect("opens");
    let writer = store.writer();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        // There is no such room: the foreign key says no.
        writer.write(place("no-room", "u1")).await;
        // What does not fit does not hold up the rest.
        writer.flushed().await.expect("written");
        writer.write(made("amber-canoe", 1)).await;
    });
    store.finish();
    let (store, restored) = Store::open(&folder.path().join("server.sqlite"), Default::default()).expect("opens again");
    store.finish();
    assert_eq!(restored.len(), 1);
}

/// Opens what must be refused; the file must be as before, byte by byte.
fn refused(path: &Path) -> StoreError {
    let before = fs::read(path).ok();
    let error = Store::open(path, Default::default()).expect_err("must be refused");
    assert_eq!(fs::read(path).ok(), before, "the file was changed");
    let text = error.to_string();
    assert!(text.contains(&*path.to_string_lossy()) && text.contains(';'), "says neither which nor what to do: {text}");
    error
}

#[test]
fn files_that_cannot_be_used_are_refused_and_left_as_they_are() {
    let folder = TempDir::new().expect("a folder");
    let file = |name: &str| folder.path().join(name);

    fs::write(file("text"), "not a database, but long enough to have a header ".repeat(100)).expect("written");
    assert!(matches!(refused(&file("text")), StoreError::Corrupt { .. }));

    over_a_restart(&file("damaged"), vec![made("amber-canoe", 1)]);
    let mut bytes = fs::read(file("damaged")).expect("read");
    let length = bytes.len();
    bytes[4096..length].fill(0x5a);
    fs::write(file("damaged"), bytes).expect("written");
    assert!(matches!(refused(&file("damaged")), StoreError::Corrupt { .. }));

    over_a_restart(&file("read-only"), vec![]);
    let mut permissions = fs::metadata(file("read-only")).expect("metadata").permissions();
    permissions.set_readonly(true);
    fs::set_permissions(file("read-only"), permissions).expect("set");
    assert!(matches!(refused(&file("read-only")), StoreError::ReadOnly(_)));

    over_a_restart(&file("newer"), vec![]);
    Connection::open(file("newer")).and_then(|c| c.pragma_update(None, "user_version", 99)).expect("changed");
    assert!(matches!(refused(&file("newer")), StoreError::Newer { found: 99, known: 4, .. }));

    Connection::open(file("foreign")).and_then(|c| c.execute_batch("CREATE TABLE cakes (name)")).expect("made");
    assert!(matches!(refused(&file("foreign")), StoreError::Foreign(_)));

    assert!(matches!(refused(folder.path()), StoreError::Open { .. }));
    assert!(matches!(refused(&file("no/such/folder")), StoreError::Open { .. }));
}

#[test]
fn a_file_that_another_server_has_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("server.sqlite");
    let (store, _) = Store::open(&path, Default::default()).expect("opens");
    assert!(matches!(Store::open(&path, Default::default()).expect_err("in use"), StoreError::InUse(_)));
    store.finish();
    Store::open(&path, Default::default()).expect("free again").0.finish();
}

#[test]
fn what_cannot_be_written_now_is_written_later() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("server.sqlite");
    let (store, _) = Store::open(&path, Default::default()).expect("opens");
    let writer = store.writer();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    // Another program has the file for longer than anybody waits.
    let other = Connection::open(&path).expect("opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("locked");
    runtime.block_on(async {
        writer.write(made("amber-canoe", 1)).await;
        let refusal = writer.flushed().await.expect_err("the file is locked");
        assert_eq!(refusal.code, ErrorCode::Unavailable);
        other.execute_batch("ROLLBACK").expect("free again");
        writer.write(made("violet-magnet", 2)).await;
        writer.flushed().await.expect("written");
    });
    store.finish();
    let (store, restored) = Store::open(&path, Default::default()).expect("opens again");
    store.finish();
    assert_eq!(restored.len(), 2);
}

#[test]
fn a_full_disk_loses_nothing_that_fits_later() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("server.sqlite");
    let (mut connection, _) = schema::open(&path).expect("opens");
    let pages: i64 = connection.pragma_query_value(None, "page_count", |row| row.get(0)).expect("counted");
    connection.pragma_update(None, "max_page_count", pages).expect("set");
    let many: Vec<Entry> = (0..500).map(|n| made(&format!("room-{n}"), n)).collect();
    let error = write_all(&mut connection, &many).expect_err("full");
    assert_eq!(error.sqlite_error_code(), Some(Sqlite::DiskFull));
    // Nothing is half written, and with room for it all is.
    let count =
        |connection: &Connection| connection.query_row("SELECT count(*) FROM rooms", [], |row| row.get::<_, i64>(0));
    assert_eq!(count(&connection), Ok(0));
    connection.pragma_update(None, "max_page_count", pages + 1000).expect("set");
    write_all(&mut connection, &many).expect("written");
    assert_eq!(count(&connection), Ok(500));
}

#[cfg(unix)]
#[test]
fn a_new_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("server.sqlite");
    let (store, _) = Store::open(&path, Default::default()).expect("opens");
    let (one, two) = (store.secret("x", &[1; 32]).expect("kept"), store.secret("x", &[2; 32]).expect("kept"));
    assert_eq!((one.as_slice(), two.as_slice()), ([1; 32].as_slice(), [1; 32].as_slice()));
    store.finish();
    assert_eq!(fs::metadata(&path).expect("metadata").permissions().mode() & 0o777, 0o600);
}
