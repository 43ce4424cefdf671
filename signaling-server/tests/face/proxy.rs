use sightline_server::{Config, Rate};

use crate::support::{Running, http, limits};

/// One wrong code from each address, and one more in an hour.
fn config(trusted: &[&str]) -> Config {
    let every = std::time::Duration::from_secs(3600);
    Config {
        trust_proxy: trusted.iter().map(|net| net.parse().expect("a net")).collect(),
        limits: limits(|limits| limits.guesses = Rate { burst: 1, every }),
        ..Config::default()
    }
}

async fn guess(server: &Running, headers: &str) -> u16 {
    http(server.plain().await, "GET", "/rooms/no-such-room", headers).await.0
}

#[tokio::test]
async fn behind_a_proxy_each_client_has_a_rate_of_its_own() {
    let server = Running::start(config(&["127.0.0.0/8"]));
    assert_eq!(guess(&server, "X-Forwarded-For: 192.0.2.1\r\n").await, 404);
    assert_eq!(guess(&server, "X-Forwarded-For: 192.0.2.1\r\n").await, 429);
    assert_eq!(guess(&server, "X-Forwarded-For: 192.0.2.2\r\n").await, 404);
    assert_eq!(guess(&server, "Forwarded: for=192.0.2.3;proto=https\r\n").await, 404);
    // What the client wrote itself does not help it, nor does a trusted hop in between hide it.
    assert_eq!(guess(&server, "X-Forwarded-For: 203.0.113.9, 192.0.2.1\r\n").await, 429);
    assert_eq!(guess(&server, "Forwarded: for=203.0.113.9, for=192.0.2.3, for=\"127.0.0.2:99\"\r\n").await, 429);
}

#[tokio::test]
async fn who_is_no_proxy_cannot_have_another_address() {
    for trusted in [&[][..], &["192.0.2.0/24", "::1/128"]] {
        let server = Running::start(config(trusted));
        assert_eq!(guess(&server, "X-Forwarded-For: 192.0.2.1\r\n").await, 404);
        assert_eq!(guess(&server, "X-Forwarded-For: 192.0.2.2\r\n").await, 429);
        assert_eq!(guess(&server, "Forwarded: for=192.0.2.3\r\n").await, 429);
        assert_eq!(guess(&server, "").await, 429);
    }
}
