//! The admin mode against a server that takes notes, and against a real one.

mod fake;
mod real;

use sightline_charts::Input;
use sightline_history::preview;
use sightline_protocol::admin::{CallQuality, CallSort};
use sightline_protocol::logs::{LogDirection, LogSample};

use self::fake::{ADA, BEN, Fake, ROOM, TOKEN};
use super::*;
use crate::history::testing::{START_MS, record};
use crate::ipc::{AdminCharts, Cell};

/// What somebody reported of 40 s in which it received the pictures of another, or sent its own.
fn report(of: (&str, &str), about: (&str, &str), direction: LogDirection, start_ms: i64) -> LogBatch {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    record(&path, start_ms, 20);
    let mut batch = preview(&path, start_ms, 4096).unwrap().expect("recorded");
    batch.id = format!("batch-of-{}", of.0);
    batch.sent_ms = start_ms + 40_000;
    batch.session.id = format!("session-of-{}", of.0);
    (batch.session.user_id, batch.session.name) = (of.0.to_owned(), of.1.to_owned());
    let stay = &mut batch.stays[0];
    (stay.user_id, stay.name) = (about.0.to_owned(), Some(about.1.to_owned()));
    batch.samples.iter_mut().for_each(|sample: &mut LogSample| sample.direction = direction);
    for event in batch.events.iter_mut().filter(|event| event.peer.is_some()) {
        event.peer = Some(about.0.to_owned());
    }
    batch
}

/// What one sent to another, as both of them reported it.
fn both_ends(from: (&str, &str), to: (&str, &str), start_ms: i64) -> (LogBatch, LogBatch) {
    (report(from, to, LogDirection::Outbound, start_ms), report(to, from, LogDirection::Inbound, start_ms))
}

fn input() -> Input {
    Input { width_points: 800.0, height_points: 600.0, pixels_per_point: 1.0, ..Input::default() }
}

fn token(token: &str) -> AdminKey {
    AdminKey::Token { token: token.to_owned() }
}

fn account(name: &str, password: &str) -> AdminKey {
    AdminKey::Account { name: name.to_owned(), password: password.to_owned() }
}

#[tokio::test]
async fn the_token_is_used_and_shown_to_nobody() {
    let server = Fake::start(Vec::new()).await;
    let admin = Admin::default();
    assert_eq!(admin.standing(), None);
    let first = admin.rooms().await.unwrap_err();
    assert_eq!(first.code, ErrorCode::Unauthorized, "and nothing was asked");
    assert!(server.asked().is_empty());

    let session = admin.sign_in(server.url.clone(), token(&format!("  {TOKEN}\n"))).await.unwrap();
    assert_eq!(session, AdminSession { server: server.url.clone(), name: None });
    assert_eq!(admin.standing(), Some(session.clone()));
    admin.rooms().await.unwrap();
    assert!(server.bearers().iter().all(|bearer| bearer == TOKEN));
    let shown = format!("{session:?} {:?} {}", token(TOKEN), serde_json::to_string(&session).unwrap());
    assert!(!shown.contains(TOKEN) && !format!("{:?}", account("a", "hidden")).contains("hidden"), "{shown}");

    admin.sign_out().await;
    assert_eq!((admin.standing(), admin.rooms().await.unwrap_err().code), (None, ErrorCode::Unauthorized));
}

#[tokio::test]
async fn an_account_signs_in_by_its_password_and_out_again() {
    let server = Fake::start(Vec::new()).await;
    let admin = Admin::default();
    let wrong = admin.sign_in(server.url.clone(), account("ada", "guess")).await.unwrap_err();
    assert_eq!(wrong, IpcError::new(ErrorCode::Unauthorized, "Name and password do not fit together."));
    let session = admin.sign_in(server.url.clone(), account("ada", "correct horse")).await.unwrap();
    assert_eq!(session.name.as_deref(), Some("Ada"));
    admin.calls(&CallFilter::default()).await.unwrap();
    assert_eq!(server.bearers().last().map(String::as_str), Some(ADA));

    // One who is no admin is not let in, nor is the session left open; who was signed in before still is.
    let other = admin.sign_in(server.url.clone(), account("ben", "correct horse")).await.unwrap_err();
    assert_eq!(other.code, ErrorCode::Forbidden);
    assert!(other.message.contains("Ben is not an admin"), "{other}");
    assert_eq!(server.bearers().last().map(String::as_str), Some(BEN));
    assert_eq!(server.asked().last().map(String::as_str), Some("POST /accounts/sign-out"));
    assert_eq!(admin.standing(), Some(session));

    admin.sign_out().await;
    assert_eq!(server.bearers().last().map(String::as_str), Some(ADA));
    assert_eq!(server.asked().last().map(String::as_str), Some("POST /accounts/sign-out"));
}

#[tokio::test]
async fn what_is_no_token_or_no_server_is_said() {
    let admin = Admin::default();
    for odd in ["", "  ", "two words", "líne", "a\r\nb"] {
        let error = admin.sign_in("ws://127.0.0.1:1".to_owned(), token(odd)).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::BadInput, "{odd:?}");
    }
    let error = admin.sign_in("ftp://h".to_owned(), token("t")).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::NoServer);
    let error = admin.sign_in("ws://127.0.0.1:1".to_owned(), token("t")).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::NoServer);
    let server = Fake::start(Vec::new()).await;
    let error = admin.sign_in(server.url, token("wrong")).await.unwrap_err();
    assert_eq!(error, IpcError::new(ErrorCode::Unauthorized, "This token is not good any more. Sign in again."));
}

#[tokio::test]
async fn accounts_are_listed_made_admins_and_deleted_whatever_their_names() {
    let server = Fake::start(Vec::new()).await;
    let admin = Admin::default();
    admin.sign_in(server.url.clone(), token(TOKEN)).await.unwrap();
    let filter = AccountFilter { text: "ع &".to_owned(), limit: 50, offset: 100 };
    let page = admin.accounts(&filter).await.unwrap();
    assert_eq!((page.accounts.as_slice(), page.total), (&[fake::account()][..], 41));
    let asked = server.asked().pop().unwrap();
    assert_eq!(asked, "GET /api/admin/accounts?text=%D8%B9+%26&limit=50&offset=100");
    let name = &page.accounts[0].name;
    admin.set_admin(name, true).await.unwrap();
    admin.delete_account(name).await.unwrap();
    assert_eq!(admin.set_admin("nobody", true).await.unwrap_err().code, ErrorCode::NotFound);
}

#[tokio::test]
async fn a_token_that_is_called_back_ends_the_session() {
    let server = Fake::start(Vec::new()).await;
    let admin = Admin::default();
    admin.sign_in(server.url.clone(), token(TOKEN)).await.unwrap();
    *server.closed.lock().unwrap() = true;
    let error = admin.rooms().await.unwrap_err();
    assert_eq!(error.message, "This token is not good any more. Sign in again.");
    assert_eq!(admin.standing(), None);
}

#[tokio::test]
async fn rooms_calls_totals_and_the_log_are_passed_on() {
    let server = Fake::start(Vec::new()).await;
    let admin = Admin::default();
    admin.sign_in(server.url.clone(), token(TOKEN)).await.unwrap();
    let rooms = admin.rooms().await.unwrap();
    assert_eq!(rooms[0].created_ms, Some(1_760_000_000_000));
    assert_eq!((rooms[0].waiting, rooms[0].observers, rooms[0].locked), (1, 2, true));
    let people: Vec<_> =
        rooms[0].people.iter().map(|one| (one.name.as_str(), one.host, one.away, one.camera)).collect();
    assert_eq!(people, [("Ada", true, false, false), ("Ben", false, true, false)]);
    assert_eq!((rooms[1].code.as_ref(), rooms[1].people.len()), (None, 0), "what the server does not tell");

    let filter = CallFilter {
        from_ms: Some(5),
        text: "Ada & Żoë=1".to_owned(),
        quality: Some(CallQuality::Bad),
        reason: Some("connection-lost".to_owned()),
        sort: CallSort::Worst,
        limit: 50,
        offset: 100,
        ..CallFilter::default()
    };
    assert_eq!(admin.calls(&filter).await.unwrap().total, 41);
    let asked = server.asked().pop().unwrap();
    let query = asked.strip_prefix("GET /api/admin/calls?").expect("the route");
    assert_eq!(serde_urlencoded::from_str::<CallFilter>(query).unwrap(), filter, "{query}");

    assert_eq!(admin.totals(Some(1), None).await.unwrap().calls, 3);
    assert_eq!(server.asked().pop().unwrap(), "GET /api/admin/totals?fromMs=1");
    assert_eq!(admin.audit(50, 100).await.unwrap().entries[0].action, "delete-call");
    assert_eq!(server.asked().pop().unwrap(), "GET /api/admin/audit?limit=50&offset=100");
    assert_eq!(admin.complaints(10, 0).await.unwrap()[0].reason, "rude");
    admin.put_away(1).await.unwrap();
    assert_eq!(server.asked().pop().unwrap(), "DELETE /api/admin/reports/1");
    assert_eq!(admin.call(ROOM).await.unwrap().breaks.len(), 1);
    admin.end_room(ROOM).await.unwrap();
    assert_eq!(server.asked().pop().unwrap(), format!("DELETE /rooms/{ROOM}"));
    let gone = admin.delete_call(ROOM).await.unwrap_err();
    assert_eq!(gone, IpcError::new(ErrorCode::Gone, "This call was deleted already."));
    assert_eq!(admin.call("r1").await.unwrap_err().code, ErrorCode::NotFound);
}

#[tokio::test]
async fn an_id_is_no_way_to_another_route() {
    let server = Fake::start(Vec::new()).await;
    let admin = Admin::default();
    admin.sign_in(server.url.clone(), token(TOKEN)).await.unwrap();
    let before = server.asked().len();
    for odd in ["", "../audit", "a/b", "a?b", "r\r\n", &"r".repeat(65)] {
        assert_eq!(admin.call(odd).await.unwrap_err().code, ErrorCode::NotFound, "{odd}");
        assert_eq!(admin.delete_call(odd).await.unwrap_err().code, ErrorCode::NotFound, "{odd}");
        assert_eq!(admin.end_room(odd).await.unwrap_err().code, ErrorCode::NotFound, "{odd}");
    }
    assert_eq!(server.asked().len(), before);
}

#[tokio::test]
async fn reports_become_charts_and_a_table() {
    let (sent, received) = both_ends(("u1", "Ada"), ("u2", "Ben"), START_MS);
    let (_, of_eve) = both_ends(("u9", "Zed"), ("u3", "Eve"), START_MS);
    let server = Fake::start(vec![sent, received, of_eve]).await;
    let admin = Admin::default();
    admin.sign_in(server.url.clone(), token(TOKEN)).await.unwrap();
    let none = admin.with_reports(ROOM, |_| Ok(())).unwrap_err();
    assert_eq!(none.code, ErrorCode::NotNow);
    let people = admin.load_reports(ROOM.to_owned(), "amber-canoe".to_owned()).await.unwrap();
    assert_eq!(server.asked().pop().unwrap(), format!("GET /api/admin/calls/{ROOM}/reports?points=2000"));
    let told: Vec<_> = people.iter().map(|person| (person.name.as_str(), person.reported)).collect();
    assert_eq!(told, [("Ada", true), ("Ben", true), ("Eve", true), ("Zed", false)]);

    let of = |which| admin.with_reports(ROOM, |reports| reports.record(which));
    let (_, stem) = of(AdminCharts::Person(0)).unwrap();
    assert!(stem.starts_with("sightline-amber-canoe-20"), "{stem}");
    let charts = crate::chart::Charts::default();
    let look = crate::chart::Look { dark: false, pixels: false };
    let heads = [false, true].map(|received| {
        let (record, stem) = of(AdminCharts::End { from: 0, to: 1, received }).unwrap();
        let place = u8::from(received);
        let answer = charts.show(place, record, stem, look, &input()).unwrap();
        let (length, rest) = answer.split_first_chunk::<4>().unwrap();
        let head = &rest[..u32::from_le_bytes(*length) as usize];
        serde_json::from_slice::<serde_json::Value>(head).unwrap()
    });
    assert_eq!(heads[0]["rangeMs"], heads[1]["rangeMs"]);
    assert_eq!(heads[0]["heightPoints"], heads[1]["heightPoints"]);
    let ids = |head: &serde_json::Value| head["series"].to_string();
    assert!(ids(&heads[0]).contains("\"sent\"") && !ids(&heads[0]).contains("\"received\""), "{}", heads[0]);
    assert!(ids(&heads[1]).contains("\"received\"") && !ids(&heads[1]).contains("\"sent\""), "{}", heads[1]);

    // Of one who did not report there is the other end only.
    assert!(of(AdminCharts::End { from: 3, to: 2, received: true }).is_ok());
    for silent in [AdminCharts::End { from: 3, to: 2, received: false }, AdminCharts::Person(3)] {
        let error = of(silent).map(drop).expect_err("nothing there");
        assert_eq!(error.code, ErrorCode::NotFound);
        assert!(error.message.contains("Zed did not share"), "{error}");
    }
    assert_eq!(of(AdminCharts::Person(4)).err().map(|error| error.code), Some(ErrorCode::NotFound));
    let table = admin.with_reports(ROOM, |reports| reports.table(1, 0, i64::MAX)).unwrap();
    let with = table.columns.iter().position(|column| column.key == "peer").unwrap();
    assert!(table.rows.iter().any(|row| row[with] == Cell::Text("Ada".to_owned())));
    assert_eq!(admin.with_reports("another", |_| Ok(())).unwrap_err().code, ErrorCode::NotNow);

    admin.sign_out().await;
    assert_eq!(admin.with_reports(ROOM, |_| Ok(())).unwrap_err().code, ErrorCode::NotNow, "forgotten");
}

#[tokio::test]
async fn a_call_is_written_into_a_file() {
    let (sent, received) = both_ends(("u1", "Ada"), ("u2", "Ben"), START_MS);
    let server = Fake::start(vec![sent.clone(), received]).await;
    let admin = Admin::default();
    admin.sign_in(server.url.clone(), token(TOKEN)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let export = |format| admin.export(ROOM, "call".to_owned(), format, folder.path().join("exports"));
    let csv = export(ExportFormat::Csv).await.unwrap();
    assert_eq!(std::fs::read_to_string(&csv).unwrap(), "time,what\n1,\"a\"\n");
    assert!(csv.ends_with("exports/call.csv"));
    let json = export(ExportFormat::Json).await.unwrap();
    let whole: serde_json::Value = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    assert_eq!(whole["call"]["coverage"]["of"], 2);
    assert_eq!(serde_json::from_value::<LogBatch>(whole["reports"][0].clone()).unwrap(), sent);
    assert!(export(ExportFormat::Csv).await.unwrap().ends_with("exports/call-2.csv"));
}
