//! Accounts over HTTP.

use serde_json::{Value, json};
use sightline_protocol::ErrorCode;
use sightline_server::Accounts;

use crate::support::Running;

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
