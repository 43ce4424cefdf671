//! Accounts over HTTP.

use serde_json::{Value, json};
use sightline_protocol::{ErrorCode, MeetNews, PeopleNews, ServerMessage};
use sightline_server::Accounts;

use crate::support::{ADMIN, Running, now_s};

#[tokio::test]
async fn somebody_registers_signs_in_changes_the_password_and_goes() {
    let server = Running::start();
    let first = server.account("Ada").await;
    let me = server.ask("GET", "/accounts/me", Some(&first), Value::Null).await.json();
    assert_eq!(me, json!({"name": "Ada", "admin": false}));
    let taken = server.ask("POST", "/accounts", None, json!({"name": "ADA", "password": "correct horse"})).await;
    assert_eq!((taken.status, taken.problem().code), (409, ErrorCode::NameTaken));

    let sign_in = |password: &str| {
        let body = json!({"name": "ada", "password": password});
        async { server.ask("POST", "/accounts/sign-in", None, body).await }
    };
    let wrong = sign_in("wrong horse").await;
    assert_eq!((wrong.status, wrong.problem().code), (401, ErrorCode::WrongPassword));
    let second = sign_in("correct horse").await.json()["token"].as_str().expect("a token").to_owned();
    let change = json!({"old": "correct horse", "new": "battery staple"});
    assert_eq!(server.ask("POST", "/accounts/password", Some(&second), change).await.status, 204);
    // The other session is over, this one is not.
    assert_eq!(server.ask("GET", "/accounts/me", Some(&first), Value::Null).await.status, 401);
    assert_eq!(server.ask("GET", "/accounts/me", Some(&second), Value::Null).await.status, 200);
    assert_eq!(sign_in("correct horse").await.status, 401);

    assert_eq!(server.ask("POST", "/accounts/sign-out", Some(&second), Value::Null).await.status, 204);
    assert_eq!(server.ask("GET", "/accounts/me", Some(&second), Value::Null).await.status, 401);
    let third = sign_in("battery staple").await.json()["token"].as_str().expect("a token").to_owned();
    let proof = |password: &str| json!({"password": password});
    assert_eq!(server.ask("DELETE", "/accounts/me", Some(&third), proof("wrong horse")).await.status, 401);
    assert_eq!(server.ask("DELETE", "/accounts/me", Some(&third), proof("battery staple")).await.status, 204);
    assert_eq!(sign_in("battery staple").await.status, 401);
}

#[tokio::test]
async fn accounts_and_sessions_outlast_a_restart() {
    let server = Running::start();
    let token = server.account("Ada").await;
    let server = server.restart().await;
    let me = server.ask("GET", "/accounts/me", Some(&token), Value::Null).await;
    assert_eq!((me.status, &me.json()["name"]), (200, &json!("Ada")));
}

#[tokio::test]
async fn whom_one_blocks_is_on_the_list_until_it_is_taken_off() {
    let server = Running::start();
    let ada = server.account("Ada").await;
    server.account("Eve").await;
    let list = async || server.ask("GET", "/accounts/blocked", Some(&ada), Value::Null).await.json();
    for _ in 0..2 {
        assert_eq!(server.ask("POST", "/accounts/block", Some(&ada), json!({"name": "eve"})).await.status, 204);
    }
    assert_eq!(list().await, json!({"names": ["Eve"]}));
    assert_eq!(server.ask("POST", "/accounts/unblock", Some(&ada), json!({"name": "Eve"})).await.status, 204);
    assert_eq!(list().await, json!({"names": []}));
    let nobody = server.ask("POST", "/accounts/block", Some(&ada), json!({"name": "nobody"})).await;
    assert_eq!((nobody.status, nobody.problem().code), (404, ErrorCode::UnknownPerson));
}

#[tokio::test]
async fn without_accounts_their_routes_say_so() {
    let server = Running::with(|config| config.accounts = Accounts::Off);
    for (method, path, body) in [
        ("POST", "/accounts", json!({"name": "Ada", "password": "correct horse"})),
        ("POST", "/accounts/sign-in", json!({"name": "Ada", "password": "correct horse"})),
        ("GET", "/accounts/me", Value::Null),
        ("POST", "/accounts/sign-out", Value::Null),
    ] {
        let answer = server.ask(method, path, None, body).await;
        assert_eq!((answer.status, answer.problem().code), (404, ErrorCode::NotFound), "{method} {path}");
    }
}

#[tokio::test]
async fn who_signs_out_or_changes_the_password_signs_out_the_open_sockets() {
    let server = Running::start();
    let first = server.account("Ada").await;
    let body = json!({"name": "ada", "password": "correct horse"});
    let second =
        server.ask("POST", "/accounts/sign-in", None, body).await.json()["token"].as_str().expect("a token").to_owned();
    let mut phone = server.device(&first).await.expect("a device");
    let mut laptop = server.device(&second).await.expect("a device");
    let signed_out = ServerMessage::People(PeopleNews::SignedOut {});

    let change = json!({"old": "correct horse", "new": "battery staple"});
    assert_eq!(server.ask("POST", "/accounts/password", Some(&second), change).await.status, 204);
    assert_eq!(phone.hear().await, signed_out);
    let refusal = |answer| matches!(answer, Err(ServerMessage::Error { code: ErrorCode::Unauthorized, .. }));
    assert!(refusal(server.device(&first).await));
    // The one that changed it is not meant.
    laptop.say(json!({"event": "people", "data": {"action": "watch", "names": ["ada"]}})).await;
    let presence = PeopleNews::Presence { name: "Ada".into(), here: true };
    assert_eq!(laptop.hear().await, ServerMessage::People(presence));

    assert_eq!(server.ask("POST", "/accounts/sign-out", Some(&second), Value::Null).await.status, 204);
    assert_eq!(laptop.hear().await, signed_out);
    phone.say(json!({"event": "people", "data": {"action": "watch", "names": ["ada"]}})).await;
    let answer = phone.hear().await;
    assert!(matches!(answer, ServerMessage::Error { code: ErrorCode::Unauthorized, .. }), "{answer:?}");
}

#[tokio::test]
async fn a_report_is_acknowledged_when_it_is_kept_and_refused_when_it_is_not() {
    let server = Running::start();
    let (ada, eve) = (server.account("Ada").await, server.account("Eve").await);
    let mut sockets = [server.device(&ada).await.expect("a device"), server.device(&eve).await.expect("a device")];
    for socket in &mut sockets {
        socket.say(json!({"event": "meet", "data": {"action": "enter", "name": "Somebody"}})).await;
    }
    let [ada, _eve] = &mut sockets;
    while !matches!(ada.hear().await, ServerMessage::Meet(MeetNews::Paired { .. })) {}
    let (mut kept, mut refused) = (0, 0);
    while refused == 0 {
        assert!(kept < 100, "reports are bounded");
        ada.say(json!({"event": "meet", "data": {"action": "report", "reason": format!("rude {kept}")}})).await;
        match ada.hear().await {
            ServerMessage::Meet(MeetNews::Reported {}) => {
                kept += 1;
                // At the moment of the word it is there for the admin.
                let reports = server.ask("GET", "/api/admin/reports", Some(ADMIN), Value::Null).await.json();
                assert_eq!(reports.as_array().map(Vec::len), Some(kept));
                assert_eq!(reports[0]["reason"], format!("rude {}", kept - 1));
            }
            ServerMessage::Error { code: ErrorCode::TooFast, .. } => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(kept > 0);
}

#[tokio::test]
async fn an_admin_lists_makes_admins_and_deletes_and_all_of_it_is_in_the_audit_log() {
    let server = Running::start();
    let (ada, grace) = (server.account("Ada").await, server.account("Grâce_100%").await);
    let admin = async |method: &str, path: &str, body: Value| server.ask(method, path, Some(ADMIN), body).await;
    let list = async |query: &str| admin("GET", &format!("/api/admin/accounts{query}"), Value::Null).await.json();
    let mut device = server.device(&grace).await.expect("a device");
    let page = list("").await;
    let row = |index: usize, field: &str| page["accounts"][index][field].clone();
    assert_eq!((&page["total"], row(0, "name"), row(1, "name")), (&json!(2), json!("Ada"), json!("Grâce_100%")));
    assert_eq!((row(0, "online"), row(1, "online"), row(0, "admin")), (json!(false), json!(true), json!(false)));
    for field in ["createdMs", "lastSeenMs"] {
        let seconds = row(0, field).as_i64().expect("a time") / 1000;
        assert!((seconds - now_s()).abs() < 60, "{field}: {seconds}");
    }
    // By any part of the name in any case, which is no pattern and no SQL; and in pages.
    for (query, names) in [
        ("?text=AD", vec!["Ada"]),
        ("?text=GR%C3%82CE", vec!["Grâce_100%"]),
        ("?text=%25", vec!["Grâce_100%"]),
        ("?text=A%25", vec![]),
        ("?text=%27%20OR%201%3D1--", vec![]),
        ("?limit=1&offset=1", vec!["Grâce_100%"]),
        ("?offset=9", vec![]),
    ] {
        let page = list(query).await;
        let found: Vec<_> = page["accounts"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|row| row["name"].as_str().expect("a name"))
            .collect();
        assert_eq!(found, names, "{query}");
    }

    let made = admin("POST", "/api/admin/accounts/ADA/admin", json!({"admin": true})).await;
    assert_eq!((made.status, made.json()), (200, json!({"name": "Ada", "admin": true})));
    assert_eq!(list("?text=ada").await["accounts"][0]["admin"], true);
    // She is one at once, and what she does bears her name.
    let path = "/api/admin/accounts/gr%C3%A2ce_100%25";
    assert_eq!(server.ask("DELETE", path, Some(&ada), Value::Null).await.status, 204);
    assert_eq!(device.hear().await, ServerMessage::People(PeopleNews::SignedOut {}));
    assert_eq!(server.ask("GET", "/accounts/me", Some(&grace), Value::Null).await.status, 401);
    assert_eq!(list("").await["total"], 1);
    let unmade = admin("POST", "/api/admin/accounts/ada/admin", json!({"admin": false})).await;
    assert_eq!(unmade.json()["admin"], false);
    assert_eq!(server.ask("GET", "/api/admin/accounts", Some(&ada), Value::Null).await.status, 403);

    for (method, path, body) in [
        ("DELETE", "/api/admin/accounts/nobody", Value::Null),
        ("POST", "/api/admin/accounts/nobody/admin", json!({"admin": true})),
    ] {
        let answer = admin(method, path, body).await;
        assert_eq!((answer.status, answer.problem().code), (404, ErrorCode::UnknownPerson), "{method} {path}");
    }
    let audit = admin("GET", "/api/admin/audit", Value::Null).await.json();
    let lines: Vec<_> = audit["entries"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| ["who", "action", "what"].map(|field| entry[field].as_str().unwrap_or_default().to_owned()))
        .collect();
    let line = |who: &str, action: &str, what: &str| [who, action, what].map(str::to_owned);
    assert_eq!(
        lines,
        [
            line("admin token", "unmake-admin", "Ada"),
            line("Ada", "delete-account", "Grâce_100%"),
            line("admin token", "make-admin", "Ada"),
        ]
    );
}
