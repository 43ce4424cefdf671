//! Who may what: every route that is not everybody's, asked by everybody.

use serde_json::{Value, json};

use crate::support::{ADMIN, Running, claims, now_s, signed};

/// Those who ask.
struct Callers {
    tokens: Vec<(&'static str, Option<String>)>,
}

impl Callers {
    async fn of(server: &Running, room: &str, other: &str) -> Self {
        let guest = signed(&claims(room, "guest"));
        let expired = {
            let mut claims = claims(room, "host");
            claims["exp"] = json!(now_s() - 3600);
            signed(&claims)
        };
        let future = {
            let mut claims = claims(room, "host");
            claims["iat"] = json!(now_s() + 3600);
            claims["exp"] = json!(now_s() + 7200);
            signed(&claims)
        };
        let host = signed(&claims(room, "host"));
        let (head, rest) = host.split_once('.').expect("three parts");
        let (_, signature) = rest.split_once('.').expect("three parts");
        let observer = signed(&claims(room, "observer"));
        let body_of_observer = observer.split('.').nth(1).expect("three parts");
        let tampered = format!("{head}.{body_of_observer}.{signature}");
        let skewed = {
            let mut claims = claims(room, "host");
            (claims["iat"], claims["exp"]) = (json!(now_s() + 30), json!(now_s() - 30));
            signed(&claims)
        };
        Self {
            tokens: vec![
                ("nobody", None),
                ("garbage", Some("garbage".into())),
                ("tampered", Some(tampered)),
                ("expired", Some(expired)),
                ("future", Some(future)),
                ("other room's host", Some(signed(&claims(other, "host")))),
                ("observer", Some(observer)),
                ("guest", Some(guest)),
                ("host", Some(host)),
                ("host by a clock that is half a minute off", Some(skewed)),
                ("account", Some(server.account("somebody").await)),
                ("admin", Some(ADMIN.into())),
            ],
        }
    }
}

/// Asks by each caller, and gives who was let in; the others must be refused with 401 (a token that is none, or none at
/// all) or 403 (one that is good for something else).
async fn let_in(server: &Running, callers: &Callers, method: &str, path: &str, body: &Value) -> Vec<&'static str> {
    let mut welcome = Vec::new();
    for (who, token) in &callers.tokens {
        let answer = server.ask(method, path, token.as_deref(), body.clone()).await;
        match answer.status {
            401 => {
                answer.problem();
                assert!(answer.head.contains("www-authenticate: bearer"), "{who}: {}", answer.head);
            }
            403 => drop(answer.problem()),
            _ => welcome.push(*who),
        }
    }
    welcome
}

const BAD: [&str; 4] = ["garbage", "tampered", "expired", "future"];

#[tokio::test]
async fn only_those_who_may_are_let_in() {
    let server = Running::start();
    let (room, other) = (server.room(Value::Null).await, server.room(Value::Null).await);
    let callers = Callers::of(&server, &room.id, &other.id).await;
    let hosts = ["host", "host by a clock that is half a minute off", "admin"];
    let null = Value::Null;

    let admins_only = [
        ("GET", "/api/admin/calls".to_owned()),
        ("GET", format!("/api/admin/calls/{}", room.id)),
        ("GET", format!("/api/admin/calls/{}/reports", room.id)),
        ("GET", format!("/api/admin/calls/{}/export", room.id)),
        ("GET", "/api/admin/totals".to_owned()),
        ("GET", "/api/admin/audit".to_owned()),
        ("GET", "/api/admin/reports".to_owned()),
        ("DELETE", "/api/admin/calls/r0000000000000000".to_owned()),
        ("GET", "/api/admin/accounts".to_owned()),
        ("DELETE", "/api/admin/accounts/nobody".to_owned()),
        ("DELETE", "/api/admin/reports/1".to_owned()),
    ];
    for (method, path) in &admins_only {
        assert_eq!(let_in(&server, &callers, method, path, &null).await, ["admin"], "{method} {path}");
    }
    let make_admin = "/api/admin/accounts/nobody/admin";
    assert_eq!(let_in(&server, &callers, "POST", make_admin, &json!({"admin": true})).await, ["admin"]);
    let in_rooms = ["other room's host", "observer", "guest", "host", hosts[1], "admin"];
    for path in ["/rooms", "/api/meetings"] {
        assert_eq!(let_in(&server, &callers, "GET", path, &null).await, in_rooms, "GET {path}");
    }
    let token = format!("/rooms/{}/token", room.id);
    for role in ["host", "observer"] {
        assert_eq!(let_in(&server, &callers, "POST", &token, &json!({"role": role})).await, hosts, "a {role}'s token");
    }
    let all_but_bad: Vec<&str> = callers.tokens.iter().map(|(who, _)| *who).filter(|who| !BAD.contains(who)).collect();
    assert_eq!(let_in(&server, &callers, "POST", &token, &json!({"role": "guest"})).await, all_but_bad);
    assert_eq!(let_in(&server, &callers, "POST", "/rooms", &null).await, all_but_bad);
    for path in ["/accounts/me", "/accounts/blocked"] {
        assert_eq!(let_in(&server, &callers, "GET", path, &null).await, ["account"], "GET {path}");
    }
    // Last, as the first who may ends it: the host, and then there is no such room for the others.
    let path = format!("/api/meetings/{}", room.id);
    for (who, token) in &callers.tokens {
        let status = server.ask("DELETE", &path, token.as_deref(), Value::Null).await.status;
        let expected: &[u16] = match *who {
            "host" => &[204],
            "host by a clock that is half a minute off" => &[401],
            "account" | "admin" => &[404],
            _ => &[401, 403],
        };
        assert!(expected.contains(&status), "{who}: {status}");
    }
}

#[tokio::test]
async fn the_admin_token_is_compared_whole() {
    let server = Running::start();
    for near in [&ADMIN[..ADMIN.len() - 1], &format!("{ADMIN}x"), "", &ADMIN.to_uppercase()] {
        let answer = server.ask("GET", "/api/admin/calls", Some(near), Value::Null).await;
        assert_eq!(answer.status, 401, "'{near}'");
    }
    let without = Running::with(|config| config.admin_token = None);
    assert_eq!(without.ask("GET", "/api/admin/calls", Some(""), Value::Null).await.status, 401);
}

#[tokio::test]
async fn where_accounts_are_required_nothing_goes_without_one() {
    let server = Running::with(|config| config.accounts = sightline_server::Accounts::Required);
    assert_eq!(server.ask("POST", "/rooms", None, Value::Null).await.status, 401);
    let ada = server.account("ada").await;
    let answer = server.ask("POST", "/rooms", Some(&ada), Value::Null).await;
    assert_eq!(answer.status, 201);
    let path = format!("/rooms/{}/token", answer.json()["id"].as_str().expect("an id"));
    assert_eq!(server.ask("POST", &path, None, json!({"role": "guest"})).await.status, 401);
    assert_eq!(server.ask("POST", &path, Some(&ada), json!({"role": "guest"})).await.status, 200);
}

#[tokio::test]
async fn refusals_are_counted_by_their_code() {
    let server = Running::start();
    let rejected = async |code: &str| {
        let metrics = server.ask("GET", "/metrics", None, Value::Null).await.text();
        let name = format!("sightline_rejected_total{{code=\"{code}\"}} ");
        let count =
            metrics.lines().find_map(|line| line.strip_prefix(&name)).map(|count| count.parse().expect("a count"));
        count.unwrap_or(0u32)
    };
    let ask = |method, path, body| server.ask(method, path, None, body);
    for _ in 0..2 {
        ask("GET", "/api/admin/calls", Value::Null).await.problem();
    }
    ask("GET", "/rooms/no-such-room-here", Value::Null).await.problem();
    ask("POST", "/rooms", json!({"expiresInMinutes": 0})).await.problem();
    // What no route of ours refuses is a refusal as well.
    ask("GET", "/no-such-path", Value::Null).await.problem();
    ask("PUT", "/healthz", Value::Null).await.problem();
    ask("GET", "/healthz", Value::Null).await;
    for (code, count) in
        [("unauthorized", 2), ("unknown-room", 1), ("not-found", 1), ("bad-message", 2), ("too-fast", 0)]
    {
        assert_eq!(rejected(code).await, count, "{code}");
    }
}
