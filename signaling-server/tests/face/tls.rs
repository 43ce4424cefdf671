use sightline_server::{Config, Server, ServerError, Tls};
use tokio::io::AsyncWriteExt;

use crate::support::{Files, Member, Running, certificate, chat, http, room, secure, until_closed};

fn with_tls(files: &Files) -> Config {
    Config { tls: Some(files.tls()), ..Config::default() }
}

#[tokio::test]
async fn a_call_is_signaled_over_tls() {
    let made = certificate();
    let files = Files::of(&made);
    let server = Running::start(with_tls(&files));
    let connect = async || secure(server.address, &made, &["http/1.1"]).await.expect("TLS");
    let stream = connect().await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let code = room(stream).await;
    let mut ada = Member::join(connect().await, &code, "Ada").await;
    let mut grace = Member::join(connect().await, &code, "Grace").await;
    ada.say(chat(&"long".repeat(900))).await;
    assert_eq!(grace.hear_chat().await, "long".repeat(900));
    grace.say(chat("and back")).await;
    ada.hear_chat().await;
    assert_eq!(ada.hear_chat().await, "and back");
    server.stop().await;
}

#[tokio::test]
async fn what_is_no_tls_or_another_protocol_is_let_go() {
    let made = certificate();
    let files = Files::of(&made);
    let server = Running::start(with_tls(&files));
    let mut plain = server.plain().await;
    plain.write_all(b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n").await.expect("sent");
    assert!(!until_closed(plain).await.contains("HTTP/1.1"));
    assert!(secure(server.address, &made, &["h2"]).await.is_err());
    assert!(secure(server.address, &certificate(), &[]).await.is_err(), "trusts another");
    // ALPN is a client's to offer or not.
    let stream = secure(server.address, &made, &[]).await.expect("TLS");
    assert_eq!(http(stream, "GET", "/healthz", "").await.0, 200);
}

#[tokio::test]
async fn a_new_certificate_is_taken_up_and_a_broken_one_is_not() {
    let (old, new) = (certificate(), certificate());
    let files = Files::of(&old);
    let server = Running::start(with_tls(&files));
    let code = room(secure(server.address, &old, &[]).await.expect("TLS")).await;
    let mut ada = Member::join(secure(server.address, &old, &[]).await.expect("TLS"), &code, "Ada").await;

    for (cert, key) in [
        ("", new.signing_key.serialize_pem()),
        ("nonsense", new.signing_key.serialize_pem()),
        (&*new.cert.pem(), String::new()),
        // Half replaced: not each other's.
        (&*new.cert.pem(), old.signing_key.serialize_pem()),
    ] {
        std::fs::write(files.tls().cert, cert).expect("written");
        std::fs::write(files.tls().key, key).expect("written");
        let error = server.reloader.reload().expect_err("not usable").to_string();
        assert!(error.contains(".pem"), "{error}");
        secure(server.address, &old, &[]).await.expect("the old one");
    }
    std::fs::remove_file(files.tls().cert).expect("removed");
    assert!(server.reloader.reload().expect_err("not there").to_string().contains("cannot read"));
    secure(server.address, &old, &[]).await.expect("the old one");

    files.put(&new);
    assert!(server.reloader.reload().expect("usable"));
    assert!(secure(server.address, &old, &[]).await.is_err());
    // Who was there stays, and those who come with the new one meet them.
    let stream = secure(server.address, &new, &[]).await.expect("the new one");
    let mut grace = Member::join(stream, &code, "Grace").await;
    grace.say(chat("here I am")).await;
    assert_eq!(ada.hear_chat().await, "here I am");
}

#[tokio::test]
async fn a_server_without_tls_has_nothing_to_read_again() {
    let server = Running::start(Config::default());
    assert!(!server.reloader.reload().expect("nothing wrong"));
    assert_eq!(http(server.plain().await, "GET", "/healthz", "").await.0, 200);
}

#[tokio::test]
async fn files_that_do_not_work_are_refused_at_the_start() {
    let made = certificate();
    let files = Files::of(&made);
    let Tls { cert, key } = files.tls();
    let refused = |cert: &std::path::Path, key: &std::path::Path| {
        let tls = Some(Tls { cert: cert.to_owned(), key: key.to_owned() });
        match Server::bind(Config { tls, ..Config::default() }) {
            Err(ServerError::Tls(error)) => error.to_string(),
            other => panic!("{other:?}"),
        }
    };
    let nowhere = files.folder.path().join("nowhere");
    assert!(refused(&nowhere, &key).contains("nowhere: "));
    assert!(refused(&cert, &nowhere).contains("nowhere: "));
    assert!(refused(files.folder.path(), &key).starts_with("cannot read "));
    assert!(refused(&key, &key).contains("key.pem has no certificate in it"));
    assert!(refused(&cert, &cert).contains("cert.pem has no private key in it"));
    let other = files.folder.path().join("other.pem");
    std::fs::write(&other, certificate().signing_key.serialize_pem()).expect("written");
    assert!(refused(&cert, &other).contains("cannot be used together"));
    // A key that needs a password.
    let pem = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n";
    std::fs::write(&other, pem).expect("written");
    assert!(refused(&cert, &other).contains("not encrypted"));
    // A certificate cut off in the middle.
    std::fs::write(&other, &made.cert.pem()[..200]).expect("written");
    assert!(refused(&other, &key).contains("has no certificate in it"));
}
