//! Rooms over HTTP.

use serde_json::{Value, json};
use sightline_protocol::{EndReason, ErrorCode, ServerMessage};

use crate::support::{ADMIN, Running, claims, signed};

#[tokio::test]
async fn a_room_is_made_found_and_ended_under_both_names() {
    let server = Running::start();
    for (all, one) in [("/rooms", "/rooms"), ("/api/meetings", "/api/meetings")] {
        let answer = server.ask("POST", all, None, json!({"roomName": "Team 🦀 שלום", "expiresInMinutes": 30})).await;
        assert_eq!(answer.status, 201);
        let room = answer.json();
        let text = |name: &str| room[name].as_str().unwrap_or_else(|| panic!("no {name} in {room}")).to_owned();
        assert_eq!(text("name"), "Team 🦀 שלום");
        assert!(text("id").starts_with('r') && text("code").split('-').count() == 4);
        assert_eq!(text("link"), format!("sightline://join/calls.example/{}", text("code")));
        assert_eq!(text("webLink"), format!("http://calls.example/j/{}", text("code")));
        assert!(text("created_at").ends_with('Z') && text("expiresAt") > text("created_at"));

        for name in [text("id"), text("code"), text("code").replace('-', "%20").to_uppercase()] {
            let answer = server.ask("GET", &format!("{one}/{name}"), None, Value::Null).await;
            assert_eq!(answer.status, 200, "{name}");
            let info = answer.json();
            assert_eq!((&info["id"], &info["participantCount"]), (&room["id"], &json!(0)));
            assert!(info.get("token").is_none(), "{info}");
        }
        let token = text("token");
        let answer = server.ask("DELETE", &format!("{one}/{}", text("id")), Some(&token), Value::Null).await;
        assert_eq!(answer.status, 204);
        let answer = server.ask("GET", &format!("{one}/{}", text("id")), None, Value::Null).await;
        assert_eq!((answer.status, answer.problem().code), (404, ErrorCode::UnknownRoom));
        // The token went with the room.
        let answer = server.ask("GET", all, Some(&token), Value::Null).await;
        assert_eq!((answer.status, answer.problem().code), (401, ErrorCode::Unauthorized));
    }
}

#[tokio::test]
async fn one_sees_the_rooms_that_one_may_see() {
    let server = Running::start();
    let (one, two) = (server.room(json!({"roomName": "one"})).await, server.room(Value::Null).await);
    let _ada = server.member(&one.code, None).await;
    let list = |answer: crate::support::Answer| answer.json()["rooms"].as_array().cloned().expect("a list");
    let all = list(server.ask("GET", "/rooms", Some(ADMIN), Value::Null).await);
    assert_eq!(all.len(), 2);
    let own = list(server.ask("GET", "/rooms", Some(&one.token), Value::Null).await);
    assert_eq!(own.len(), 1);
    assert_eq!(
        (&own[0]["roomId"], &own[0]["name"], &own[0]["participantCount"]),
        (&json!(one.id), &json!("one"), &json!(1))
    );
    assert!(own[0]["createdAt"].is_string() && own[0]["participants"][0]["name"] == "Ada", "{own:?}");
    assert_eq!(list(server.ask("GET", "/api/meetings", Some(&two.token), Value::Null).await).len(), 1);
}

#[tokio::test]
async fn a_password_is_wanted_from_all_but_those_with_a_token() {
    let server = Running::start();
    let room = server.room(json!({"password": "sesame 🦀"})).await;
    let token = |wish: Value| server.ask("POST", "/rooms/x/token", None, wish);
    let answer = token(json!({"role": "guest"})).await;
    assert_eq!(answer.status, 404);
    let path = format!("/rooms/{}/token", room.code);
    for (wish, code) in [
        (json!({"role": "guest"}), ErrorCode::PasswordNeeded),
        (json!({"role": "guest", "password": ""}), ErrorCode::PasswordNeeded),
        (json!({"role": "guest", "password": "sesame"}), ErrorCode::WrongPassword),
        (json!({"role": "guest", "password": "x".repeat(60_000)}), ErrorCode::WrongPassword),
        (json!({"role": "host", "password": "sesame 🦀"}), ErrorCode::Forbidden),
        (json!({"role": "observer"}), ErrorCode::Forbidden),
        (json!({"role": "king"}), ErrorCode::BadMessage),
        (json!({}), ErrorCode::BadMessage),
    ] {
        let answer = server.ask("POST", &path, None, wish.clone()).await;
        assert_eq!(answer.problem().code, code, "{wish}");
    }
    let answer =
        server.ask("POST", &path, None, json!({"role": "guest", "password": "sesame 🦀", "name": "Grace"})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let issued = answer.json();
    let member = server.member(&room.code, issued["token"].as_str()).await;
    assert!(!member.id.is_empty());
    // A host, or an admin, needs no password and makes tokens for every role.
    for by in [room.token.as_str(), ADMIN] {
        for role in ["host", "guest", "observer"] {
            let answer = server.ask("POST", &path, Some(by), json!({"role": role})).await;
            assert_eq!(answer.status, 200, "{role} by {by}: {}", answer.text());
        }
    }
    // Guesses run out, and with them the right one.
    for _ in 0..25 {
        server.ask("POST", &path, None, json!({"role": "guest", "password": "wrong"})).await;
    }
    let answer = server.ask("POST", &path, None, json!({"role": "guest", "password": "sesame 🦀"})).await;
    assert_eq!((answer.status, answer.problem().code), (429, ErrorCode::TooFast));
    assert!(answer.head.contains("retry-after:"), "{}", answer.head);
}

#[tokio::test]
async fn whoever_is_inside_hears_that_an_admin_ended_the_room() {
    let server = Running::start();
    let room = server.room(Value::Null).await;
    let mut ada = server.member(&room.code, None).await;
    let answer = server.ask("DELETE", &format!("/rooms/{}", room.code), Some(ADMIN), Value::Null).await;
    assert_eq!(answer.status, 204);
    loop {
        if let ServerMessage::Ended { reason, .. } = ada.hear().await {
            assert_eq!(reason, EndReason::Admin);
            break;
        }
    }
    let audit = server.ask("GET", "/api/admin/audit", Some(ADMIN), Value::Null).await.json();
    assert_eq!((&audit["entries"][0]["action"], &audit["entries"][0]["what"]), (&json!("end-room"), &json!(room.id)));
}

#[tokio::test]
async fn odd_bodies_are_refused_with_a_sentence() {
    let server = Running::start();
    let room = server.room(Value::Null).await;
    for (body, status) in [
        ("[1,2", 400),
        ("null", 400),
        ("\"room\"", 400),
        (r#"{"roomName": 7}"#, 400),
        (r#"{"expiresInMinutes": "soon"}"#, 400),
        (r#"{"expiresInMinutes": -5}"#, 400),
        (r#"{"expiresInMinutes": 4294967295}"#, 400),
        (r#"{"maxParticipants": 1e3}"#, 400),
        (r#"{"invited": {"a": 1}}"#, 400),
        ("\u{0}\u{1}", 400),
    ] {
        let answer = server.send("POST", "/rooms", None, "", body.as_bytes()).await;
        assert_eq!((answer.status, answer.problem().code), (status, ErrorCode::BadMessage), "{body}");
    }
    let deep = format!("{}{}", "[".repeat(60_000), "]".repeat(5));
    assert_eq!(server.send("POST", "/rooms", None, "", deep.as_bytes()).await.status, 400);
    let long = format!(r#"{{"roomName": "{}"}}"#, "x".repeat(100_000));
    assert_eq!(server.send("POST", "/rooms", None, "", long.as_bytes()).await.problem().code, ErrorCode::TooLarge);
    // Names are only names.
    let name = "'); DROP TABLE rooms; --";
    let odd = server.room(json!({"roomName": name, "somethingNew": [1]})).await;
    assert_eq!(odd.name, name);
    let list = server.ask("GET", "/rooms", Some(ADMIN), Value::Null).await.json();
    assert_eq!(list["rooms"].as_array().map(Vec::len), Some(2));
    for path in ["/rooms/'%20OR%201=1", "/rooms/%F0%9F%A6%80", "/rooms/..%2F..%2Fetc", "/rooms/%ff"] {
        let status = server.ask("GET", path, None, Value::Null).await.status;
        assert!(status == 404 || status == 400, "{path}: {status}");
    }
    assert_eq!(server.ask("GET", &format!("/rooms/{}", room.id), None, Value::Null).await.status, 200);
}

/// From the socket to the others, the list of rooms and the record.
#[tokio::test]
async fn names_of_all_scripts_stay_as_they_were_typed() {
    let server = Running::start();
    let room = server.room(Value::Null).await;
    let mut ada = server.member(&room.code, None).await;
    let names = ["👩‍👩‍👧‍👦 🦀", "עדה לאבלייס", "عمر الخيّام", "'); DROP TABLE stay; --"];
    for name in names {
        let mut other = server.named_member(&room.code, None, name).await;
        other.say(json!({"event": "chat", "data": {"text": name}})).await;
        loop {
            match ada.hear().await {
                ServerMessage::Chat { text, from, .. } => {
                    break assert_eq!((text.as_str(), &from.0), (name, &other.id));
                }
                ServerMessage::Update { .. } => {}
                message => panic!("{message:?}"),
            }
        }
    }
    let shown = |list: &Value| -> Vec<String> {
        list.as_array().expect("a list").iter().filter_map(|one| one["name"].as_str().map(str::to_owned)).collect()
    };
    let live = server.ask("GET", "/rooms", Some(ADMIN), Value::Null).await.json();
    assert_eq!(shown(&live["rooms"][0]["participants"])[1..], names);
    // The list of calls finds each of them; the words are percent-encoded.
    for name in names {
        let text: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let page = server.ask("GET", &format!("/api/admin/calls?text={text}"), Some(ADMIN), Value::Null).await.json();
        assert_eq!(page["total"], json!(1), "{name}");
    }
    let call = server.ask("GET", &format!("/api/admin/calls/{}", room.id), Some(ADMIN), Value::Null).await.json();
    assert_eq!(shown(&call["stays"])[1..], names);
}

#[tokio::test]
async fn rooms_their_passwords_and_tokens_outlast_a_restart() {
    let server = Running::start();
    let room = server.room(json!({"roomName": "lasting", "password": "sesame", "waitingRoom": true})).await;
    let server = server.restart().await;
    let info = server.ask("GET", &format!("/rooms/{}", room.code), None, Value::Null).await.json();
    assert_eq!(
        (&info["id"], &info["name"], &info["passwordNeeded"], &info["waitingRoom"]),
        (&json!(room.id), &json!("lasting"), &json!(true), &json!(true))
    );
    let member = server.member(&room.code, Some(&room.token)).await;
    assert!(!member.token.is_empty());
    let forged = signed(&claims(&room.id, "host"));
    assert_eq!(server.ask("GET", "/rooms", Some(&forged), Value::Null).await.status, 200, "the same secret signs");
}

#[tokio::test]
async fn a_web_link_opens_a_page_that_opens_the_app() {
    let server = Running::start();
    let room = server.room(Value::Null).await;
    let answer = server.ask("GET", &format!("/j/{}", room.code), None, Value::Null).await;
    assert!(answer.status == 200 && answer.head.contains("content-security-policy"), "{}", answer.head);
    assert!(answer.text().contains(&format!("sightline://join/calls.example/{}", room.code)), "{}", answer.text());
    let answer = server.ask("GET", "/j/no-such-room", None, Value::Null).await;
    assert!(answer.status == 404 && answer.head.contains("text/html"), "{}", answer.head);
}

#[tokio::test]
async fn the_server_describes_its_routes_and_its_state() {
    let server = Running::start();
    let room = server.room(Value::Null).await;
    let _ada = server.member(&room.code, None).await;
    let document = server.ask("GET", "/openapi.json", None, Value::Null).await.json();
    assert_eq!(document["openapi"], "3.1.0");
    for (path, method) in [
        ("/rooms", "post"),
        ("/rooms", "get"),
        ("/rooms/{room}", "delete"),
        ("/rooms/{room}/token", "post"),
        ("/api/meetings/{meetingId}", "get"),
        ("/api/logs", "post"),
        ("/api/admin/calls", "get"),
        ("/accounts/sign-in", "post"),
    ] {
        assert!(document["paths"][path][method]["summary"].is_string(), "{method} {path}");
    }
    // The protocol's page has each of them in its table, for people, and no other.
    let page = include_str!("../../../PROTOCOL.md");
    let table: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let listed = |method: &str, path: &str| {
        let route = format!("`{} {path}`", method.to_uppercase());
        table.iter().any(|row| row.split('|').nth(1).is_some_and(|cell| cell.contains(&route)))
    };
    let paths = document["paths"].as_object().expect("paths");
    let mut described = 0;
    for (path, methods) in paths {
        for method in methods.as_object().expect("methods").keys() {
            assert!(listed(method, path), "PROTOCOL.md lacks {method} {path}");
            described += 1;
        }
    }
    let in_table = |row: &&str| -> usize {
        let cell = row.split('|').nth(1).unwrap_or_default();
        ["GET", "POST", "DELETE"].iter().map(|method| cell.matches(&format!("`{method} /")).count()).sum()
    };
    // Besides: the socket, the page of an invitation, the figures, and the description itself.
    assert_eq!(table.iter().map(in_table).sum::<usize>(), described + 4);
    // Every reference leads somewhere.
    let text = document.to_string();
    let references = text.split("\"$ref\":\"#").skip(1).map(|rest| rest.split('"').next().expect("its end"));
    let (there, lost): (Vec<&str>, Vec<&str>) = references.partition(|pointer| document.pointer(pointer).is_some());
    assert!(!there.is_empty() && lost.is_empty(), "lead nowhere: {lost:?}");
    let metrics = server.ask("GET", "/metrics", None, Value::Null).await;
    assert_eq!(metrics.status, 200);
    let text = metrics.text();
    let value = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name} in {text}"));
        line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok()).expect("a number")
    };
    assert_eq!((value("sightline_rooms"), value("sightline_participants")), (1.0, 1.0));
    assert_eq!(value("sightline_joins_total"), 1.0);
}

#[tokio::test]
async fn a_page_may_ask_before_it_asks() {
    let server = Running::start();
    let answer = server.ask("OPTIONS", "/rooms", None, Value::Null).await;
    assert_eq!(answer.status, 204);
    assert!(answer.head.contains("access-control-allow-headers: authorization"), "{}", answer.head);
}
