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
        unix_ms: 2000,
    }
}

/// Writes the entries, closes, opens again and gives what is there, sorted by code.
fn over_a_restart(path: &Path, entries: Vec<Entry>) -> Vec<Restored> {
    let (store, _) = Store::open(path).expect("opens");
    let writer = store.writer();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        for entry in entries {
            writer.write(entry).await;
        }
        writer.flushed().await;
    });
    // With a writer still about, as a connection that holds out would have.
    store.finish();
    let (store, mut restored) = Store::open(path).expect("opens again");
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
            Entry::RoomMade { code: code("amber-canoe"), unix_ms: 1000 },
            Entry::RoomMade { code: code("empty-room"), unix_ms: 1000 },
            Entry::RoomMade { code: code("gone-room"), unix_ms: 1000 },
            // In the order of joining, not of names.
            place("amber-canoe", "u2"),
            place("amber-canoe", "u1"),
            place("amber-canoe", "u3"),
            place("gone-room", "u4"),
            Entry::PlaceMedia { user: UserId("u1".into()), media: MediaState { audio: false, video: true } },
            Entry::PlaceLeft { code: code("amber-canoe"), user: UserId("u3".into()), unix_ms: 3000 },
            Entry::RoomForgotten { code: code("gone-room") },
        ],
    );
    let [amber, empty] = restored.as_slice() else { panic!("{restored:?}") };
    assert_eq!((amber.code.as_str(), amber.last_used_ms), ("amber-canoe", 3000));
    assert_eq!((empty.code.as_str(), empty.last_used_ms, empty.members.len()), ("empty-room", 1000, 0));
    let users: Vec<_> = amber.members.iter().map(|m| (m.user.0.as_str(), m.media.audio, m.media.video)).collect();
    assert_eq!(users, [("u2", true, false), ("u1", false, true)]);
    assert_eq!(amber.members[0].name, "name of u2");
    assert!(amber.members[0].token.is_of("u2.secret") && !amber.members[0].token.is_of("u1.secret"));
}

#[test]
fn no_token_is_in_the_file() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("server.sqlite");
    over_a_restart(&path, vec![Entry::RoomMade { code: code("amber-canoe"), unix_ms: 1 }, place("amber-canoe", "u1")]);
    let bytes = fs::read(&path).expect("the file");
    let contains = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(contains("name of u1") && !contains("secret"));
}

#[test]
fn one_bad_change_is_logged_and_the_rest_goes_on() {
    let folder = TempDir::new().expect("a folder");
    let (store, _) = Store::open(&folder.path().join("server.sqlite")).expect("opens");
    let writer = store.writer();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        // There is no such room: the foreign key says no.
        writer.write(place("no-room", "u1")).await;
        writer.flushed().await;
        writer.write(Entry::RoomMade { code: code("amber-canoe"), unix_ms: 1 }).await;
    });
    store.finish();
    let (store, restored) = Store::open(&folder.path().join("server.sqlite")).expect("opens again");
    store.finish();
    assert_eq!(restored.len(), 1);
}

/// Opens what must be refused; the file must be as before, byte by byte.
fn refused(path: &Path) -> StoreError {
    let before = fs::read(path).ok();
    let error = Store::open(path).expect_err("must be refused");
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

    over_a_restart(&file("damaged"), vec![Entry::RoomMade { code: code("amber-canoe"), unix_ms: 1 }]);
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
    assert!(matches!(refused(&file("newer")), StoreError::Newer { found: 99, known: 2, .. }));

    Connection::open(file("foreign")).and_then(|c| c.execute_batch("CREATE TABLE cakes (name)")).expect("made");
    assert!(matches!(refused(&file("foreign")), StoreError::Foreign(_)));

    assert!(matches!(refused(folder.path()), StoreError::Open { .. }));
    assert!(matches!(refused(&file("no/such/folder")), StoreError::Open { .. }));
}

#[test]
fn a_file_that_another_server_has_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("server.sqlite");
    let (store, _) = Store::open(&path).expect("opens");
    assert!(matches!(Store::open(&path).expect_err("in use"), StoreError::InUse(_)));
    store.finish();
    Store::open(&path).expect("free again").0.finish();
}
