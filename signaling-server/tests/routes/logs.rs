//! Uploads, and what an admin reads of them.

use serde_json::{Value, json};
use sightline_protocol::{
    ErrorCode,
    logs::{LogBatch, LogDirection, LogKind, LogSample, LogSession, LogSetup, LogStay, LogValues, bounds},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{ADMIN, Member, Running, claims, gzip, now_s, signed};

fn batch(member: &Member, id: &str, samples: std::ops::Range<u32>) -> LogBatch {
    let now = now_ms();
    let sample = |seq: u32| LogSample {
        seq,
        stay: 0,
        kind: LogKind::Audio,
        direction: LogDirection::Inbound,
        start_ms: now - 60_000 + i64::from(seq),
        end_ms: now - 45_000 + i64::from(seq),
        measured_ms: 15_000,
        values: LogValues { loss_percent: Some([1.5, 0.0, 7.0]), ..LogValues::default() },
        freezes: None,
        frozen_ms: None,
        score: Some(4.1),
        class: Some("ok".into()),
        cause: None,
        codec: Some("opus".into()),
        width: None,
        height: None,
        muted: false,
    };
    LogBatch {
        schema: 1,
        id: id.into(),
        sent_ms: now,
        session: LogSession {
            id: format!("session-{}", member.id),
            user_id: member.id.clone(),
            name: "Ada".into(),
            client_version: "0.1.0".into(),
            platform: "linux".into(),
            started_ms: now - 60_000,
            ended_ms: None,
            end_reason: None,
            setup: LogSetup { first_frame_ms: Some(350.0), ..LogSetup::default() },
            windows: 4,
            good_windows: 3,
            worst: None,
        },
        stays: vec![LogStay {
            stay: 0,
            user_id: "u2".into(),
            name: Some("'); DROP TABLE stay; -- 🦀".into()),
            joined_ms: now - 60_000,
            left_ms: None,
            leave_reason: None,
            setup: LogSetup::default(),
        }],
        samples: samples.map(sample).collect(),
        links: vec![],
        process: vec![],
        events: vec![],
        breaks: vec![],
    }
}

fn now_ms() -> i64 {
    1000 * now_s()
}

const GZIP: &str = "Content-Encoding: gzip\r\n";

#[tokio::test]
async fn what_is_uploaded_is_there_once_and_an_admin_reads_it() {
    let server = Running::start();
    let room = server.room(json!({"roomName": "Monday"})).await;
    let ada = server.member(&room.code, None).await;
    let upload = |batch: LogBatch| {
        let body = gzip(&serde_json::to_vec(&batch).expect("json"));
        let (server, token) = (&server, &ada.token);
        async move { server.send("POST", "/api/logs", Some(token), GZIP, &body).await }
    };
    let first = upload(batch(&ada, "batch-one", 0..3)).await;
    assert_eq!((first.status, first.json()), (200, json!({"id": "batch-one", "stored": 3, "known": 0})));
    let again = upload(batch(&ada, "batch-one", 0..3)).await.json();
    assert_eq!((&again["stored"], &again["known"]), (&json!(0), &json!(3)));
    // Plain JSON is as good; a row that comes again under another batch is known.
    let body = serde_json::to_vec(&batch(&ada, "batch-two", 2..5)).expect("json");
    let second = server.send("POST", "/api/logs", Some(&ada.token), "", &body).await.json();
    assert_eq!((&second["stored"], &second["known"]), (&json!(2), &json!(1)));

    let admin = async |path: &str| server.ask("GET", path, Some(ADMIN), Value::Null).await;
    let page = admin("/api/admin/calls?text=monday&sort=worst&limit=10").await.json();
    assert_eq!((&page["total"], &page["calls"][0]["roomId"]), (&json!(1), &json!(room.id)));
    assert_eq!(admin("/api/admin/calls?text=tuesday&limit=10").await.json()["total"], json!(0));
    let call = admin(&format!("/api/admin/calls/{}", room.id)).await.json();
    assert_eq!((&call["stays"][0]["userId"], &call["coverage"]["reported"]), (&json!(ada.id), &json!(1)));
    let reports = admin(&format!("/api/admin/calls/{}/reports?points=100", room.id)).await.json();
    assert_eq!(reports[0]["samples"].as_array().map(Vec::len), Some(5));
    let totals = admin("/api/admin/totals").await.json();
    assert_eq!(totals["calls"], json!(1));
    let csv = admin(&format!("/api/admin/calls/{}/export", room.id)).await;
    assert!(csv.head.contains("text/csv") && csv.text().contains("DROP TABLE"), "{}", csv.text());
}

#[tokio::test]
async fn batches_that_cannot_be_are_refused_for_good() {
    let server = Running::start();
    let (room, other) = (server.room(Value::Null).await, server.room(Value::Null).await);
    let ada = server.member(&room.code, None).await;
    let stranger = server.member(&other.code, None).await;
    let good = batch(&ada, "batch-one", 0..1);
    let send = |token: Option<String>, more: &'static str, body: Vec<u8>| {
        let server = &server;
        async move { server.send("POST", "/api/logs", token.as_deref(), more, &body).await }
    };
    let json = serde_json::to_vec(&good).expect("json");
    let own = || Some(ada.token.clone());
    let of = |change: &dyn Fn(&mut LogBatch)| {
        let mut batch = good.clone();
        change(&mut batch);
        serde_json::to_vec(&batch).expect("json")
    };
    for (what, answer, status) in [
        ("no token", send(None, "", json.clone()).await, 401),
        ("another one's token", send(Some(stranger.token.clone()), "", json.clone()).await, 403),
        ("a host who is nobody yet", send(Some(room.token.clone()), "", json.clone()).await, 403),
        ("no JSON", send(own(), "", b"{".to_vec()).await, 422),
        ("no gzip", send(own(), GZIP, json.clone()).await, 422),
        ("half of it", send(own(), GZIP, gzip(&json)[..40].to_vec()).await, 422),
        ("another packing", send(own(), "Content-Encoding: br\r\n", json.clone()).await, 415),
        ("another schema", send(own(), "", of(&|batch| batch.schema = 99)).await, 422),
        ("an odd id", send(own(), "", of(&|batch| batch.id = "'; --".into())).await, 422),
        ("a time of ages", send(own(), "", of(&|batch| batch.samples[0].end_ms += 3_600_000)).await, 422),
        ("more than 100 %", send(own(), "", of(&|b| b.samples[0].values.loss_percent = Some([101.0; 3]))).await, 422),
        ("a bomb", send(own(), GZIP, gzip(&vec![b' '; 64 * 1024 * 1024])).await, 413),
        ("too long as sent", send(own(), GZIP, vec![0; bounds::PACKED_BYTES + 1]).await, 413),
    ] {
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        answer.problem();
    }
    assert_eq!(send(own(), "", json).await.status, 200);
}

#[tokio::test]
async fn uploads_go_on_after_the_end_of_room_and_token() {
    let server = Running::start();
    let room = server.room(Value::Null).await;
    let ada = server.member(&room.code, None).await;
    server.ask("DELETE", &format!("/rooms/{}", room.id), Some(ADMIN), Value::Null).await;
    let body = serde_json::to_vec(&batch(&ada, "batch-one", 0..2)).expect("json");
    assert_eq!(server.send("POST", "/api/logs", Some(&ada.token), "", &body).await.status, 200);
    let server = server.restart().await;
    let body = serde_json::to_vec(&batch(&ada, "batch-two", 2..4)).expect("json");
    let answer = server.send("POST", "/api/logs", Some(&ada.token), "", &body).await;
    assert_eq!((answer.status, &answer.json()["stored"]), (200, &json!(2)), "{}", answer.text());
}

/// What a client keeps may be taken later, unless the server knows that it never will be.
#[tokio::test]
async fn a_call_that_is_not_known_here_is_not_refused_for_good() {
    let server = Running::start();
    let with = |change: Value| {
        let mut said = claims("r-of-another-record", "guest");
        said.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        signed(&said)
    };
    let upload = async |server: &Running, token: String| {
        let mut nobody = server.member(&server.room(Value::Null).await.code, None).await;
        nobody.id = "u1".into();
        let body = serde_json::to_vec(&batch(&nobody, "batch-one", 0..1)).expect("json");
        let answer = server.send("POST", "/api/logs", Some(&token), "", &body).await;
        (answer.status, answer.problem().code)
    };
    let day = 24 * 3600;
    let of_before = with(json!({"iat": now_s() - 20 * day, "exp": now_s() - 19 * day}));
    assert_eq!(upload(&server, of_before.clone()).await, (404, ErrorCode::UnknownRoom));
    let too_late = with(json!({"iat": now_s() - 32 * day, "exp": now_s() - 31 * day}));
    assert_eq!(upload(&server, too_late).await, (410, ErrorCode::Gone));
    let of_another_server = format!("{}x", of_before);
    assert_eq!(upload(&server, of_another_server).await, (401, ErrorCode::Unauthorized));
    // There was a database when the token was made.
    let server = Running::with(|config| config.database = None);
    assert_eq!(upload(&server, of_before).await, (404, ErrorCode::NotFound));
}

#[tokio::test]
async fn two_admins_delete_one_call() {
    let server = Running::start();
    let room = server.room(Value::Null).await;
    let ada = server.member(&room.code, None).await;
    let body = serde_json::to_vec(&batch(&ada, "batch-one", 0..2)).expect("json");
    server.send("POST", "/api/logs", Some(&ada.token), "", &body).await;
    // It goes on: it is ended first.
    let path = format!("/api/admin/calls/{}", room.id);
    let (one, two) = tokio::join!(
        server.ask("DELETE", &path, Some(ADMIN), Value::Null),
        server.ask("DELETE", &path, Some(ADMIN), Value::Null)
    );
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 410]);
    let gone = server.ask("GET", &path, Some(ADMIN), Value::Null).await;
    assert_eq!((gone.status, gone.problem().code), (404, ErrorCode::NotFound));
    let audit = server.ask("GET", "/api/admin/audit", Some(ADMIN), Value::Null).await.json();
    let actions: Vec<_> = audit["entries"].as_array().expect("a list").iter().map(|entry| &entry["action"]).collect();
    assert_eq!(actions.iter().filter(|action| **action == "delete-call").count(), 1, "{actions:?}");
    // Nothing comes back for it.
    let answer = server.send("POST", "/api/logs", Some(&ada.token), "", &body).await;
    assert_eq!((answer.status, answer.problem().code), (410, ErrorCode::Gone));
}

#[tokio::test]
async fn without_a_database_there_is_no_record_and_that_is_said() {
    let server = Running::with(|config| config.database = None);
    for path in ["/api/admin/calls", "/api/admin/totals"] {
        let answer = server.ask("GET", path, Some(ADMIN), Value::Null).await;
        assert_eq!((answer.status, answer.problem().code), (503, ErrorCode::Unavailable), "{path}");
    }
    assert_eq!(server.ask("GET", "/rooms", Some(ADMIN), Value::Null).await.status, 200);
    // Those who upload are told not to come again: this call never had a record.
    let room = server.room(Value::Null).await;
    let ada = server.member(&room.code, None).await;
    let body = serde_json::to_vec(&batch(&ada, "batch-one", 0..1)).expect("json");
    let answer = server.send("POST", "/api/logs", Some(&ada.token), "", &body).await;
    assert_eq!((answer.status, answer.problem().code), (410, ErrorCode::Gone));
}

#[tokio::test]
async fn uploads_that_are_on_their_way_have_so_many_bytes_together() {
    let server = Running::with(|config| config.limits.upload_bytes = 100_000);
    let room = server.room(Value::Null).await;
    let ada = server.member(&room.code, None).await;
    // Spaces around JSON are JSON.
    let padded = |id: &str| {
        let mut body = serde_json::to_vec(&batch(&ada, id, 0..1)).expect("json");
        body.resize(60_000, b' ');
        body
    };
    let mut slow = TcpStream::connect(server.address).await.expect("connects");
    let head = format!(
        "POST /api/logs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: 60000\r\n\r\n",
        ada.token
    );
    let body = padded("batch-one");
    slow.write_all(&[head.as_bytes(), &body[..59_999]].concat()).await.expect("sent");
    // When the server has read that is not told: asked until it has.
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(20);
    let send = |id: String| {
        let (server, token, body) = (&server, ada.token.clone(), padded(&id));
        async move { server.send("POST", "/api/logs", Some(&token), "", &body).await }
    };
    let mut number = 0;
    let busy = loop {
        let answer = send(format!("batch-of-many-{number}")).await;
        if answer.status != 200 {
            break answer;
        }
        assert!(std::time::Instant::now() < patience, "never too much");
        number += 1;
    };
    assert_eq!((busy.status, busy.problem().code), (503, ErrorCode::Unavailable));
    // The last byte makes room again, and the first one was none the worse for it.
    slow.write_all(&body[59_999..]).await.expect("sent");
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(send("batch-at-last".into()).await.status, 200);
}
