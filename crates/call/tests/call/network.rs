//! The look at the network before a call, against a server in this process.

use std::time::{Duration, Instant};

use sightline_call::check_network;
use sightline_protocol::IceServer;
use sightline_server::Config;
use tokio::net::{TcpListener, UdpSocket};

use crate::support::server::TestServer;

/// A STUN server that says to each where it is seen (RFC 8489, 14.2), or nothing.
async fn stun_server(answers: bool) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    let address = socket.local_addr().expect("bound");
    tokio::spawn(async move {
        let mut request = [0; 512];
        loop {
            let (length, from) = socket.recv_from(&mut request).await.expect("a request");
            assert_eq!((length, &request[..4]), (20, &[0, 1, 0, 0][..]), "a Binding request");
            let std::net::IpAddr::V4(ip) = from.ip() else { panic!("over IPv4") };
            let mut answer = vec![1, 1, 0, 12];
            answer.extend(&request[4..20]);
            answer.extend([0, 0x20, 0, 8, 0, 1]);
            answer.extend((from.port() ^ 0x2112).to_be_bytes());
            answer.extend((u32::from(ip) ^ 0x2112_A442).to_be_bytes());
            if answers {
                socket.send_to(&answer, from).await.expect("sent");
            }
        }
    });
    format!("stun:{address}")
}

async fn server_with(urls: Vec<String>) -> TestServer {
    let ice_servers = vec![IceServer { urls, username: None, credential: None }];
    TestServer::with(Config { ice_servers, ..Config::default() }).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_that_lets_everything_through_is_told_so() {
    let server = server_with(vec![stun_server(true).await, stun_server(true).await]).await;
    let report = check_network(&server.url()).await;
    assert_eq!(report.reachable, Ok(()));
    assert!(report.round_trip_ms.is_some_and(|ms| ms > 0.0 && ms < 3000.0), "{report:?}");
    assert_eq!((report.udp, report.relay_needed), (Some(true), Some(false)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_udp_is_swallowed_a_relay_is_needed() {
    let server = server_with(vec![stun_server(false).await]).await;
    let report = check_network(&server.url()).await;
    assert_eq!((report.reachable, report.udp, report.relay_needed), (Ok(()), Some(false), Some(true)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_stun_servers_nothing_is_known_about_udp() {
    let server = TestServer::start().await;
    let report = check_network(&server.url()).await;
    assert_eq!((report.reachable, report.udp, report.relay_needed), (Ok(()), None, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_not_there_or_silent_is_said_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let listens = format!("ws://{}", silent.local_addr().expect("bound"));
    let cases = [
        ("ws://127.0.0.1:9", "is sightline-server running?"),
        ("ftp://calls.example", "scheme"),
        (&listens, "within 3 s"),
    ];
    for (server, words) in cases {
        let begun = Instant::now();
        let report = check_network(server).await;
        let sentence = report.reachable.expect_err(server);
        assert!(sentence.contains(words), "{sentence}");
        assert_eq!((report.round_trip_ms, report.udp, report.relay_needed), (None, None, None));
        // 5 s are promised; a loaded machine gets more, a hang more than that.
        assert!(begun.elapsed() < Duration::from_secs(15));
    }
}
