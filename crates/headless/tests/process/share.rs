//! `--share`: the server gets what the history keeps, also after it was away.

use std::net::SocketAddr;
use std::path::Path;

use sightline_call::Api;
use sightline_protocol::admin::CallPage;
use sightline_protocol::logs::LogBatch;
use sightline_server::{Config, Secret};
use tempfile::TempDir;

use crate::record::{events, rows, wait_until};
use crate::support::{Client, TestServer, path};

const ADMIN: &str = "an admin's token, of more than thirty-two bytes";

/// A server that keeps its record in `scene`, at this address.
fn keeping(scene: &TempDir, listen: SocketAddr) -> TestServer {
    TestServer::with(Config {
        listen,
        database: Some(scene.path().join("server.sqlite")),
        admin_token: Some(Secret::new(ADMIN)),
        ..Config::default()
    })
}

fn free_port() -> SocketAddr {
    "127.0.0.1:0".parse().expect("an address")
}

/// What was uploaded by people of this name, of all calls.
fn uploaded(server: &TestServer, name: &str) -> Vec<LogBatch> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let admin = Api::new(&server.url(), Some(ADMIN.to_owned())).expect("an address");
        let page: CallPage = admin.get("/api/admin/calls?limit=10").await.expect("a list");
        let mut batches = Vec::new();
        for call in page.calls {
            let route = format!("/api/admin/calls/{}/reports", call.room_id);
            batches.extend(admin.get::<Vec<LogBatch>>(&route).await.expect("reports"));
        }
        batches.retain(|batch| batch.session.name == name);
        batches
    })
}

fn join(scene: &TempDir, server: &TestServer, code: &str, name: &str, history: &Path, more: &[&str]) -> Client {
    let share = ["--camera", "pattern", "--size", "160x90", "--fps", "10", "--share", "--history", path(history)];
    Client::join(scene, &server.url(), code, name, &[&share[..], more].concat())
}

#[test]
fn a_server_that_was_away_in_mid_call_has_the_whole_record_at_its_end() {
    let scene = TempDir::new().expect("a folder");
    let server = keeping(&scene, free_port());
    let code = server.room();
    let files = ["Ada", "Ben"].map(|name| scene.path().join(format!("{name}.sqlite")));
    let [ada, ben] = ["Ada", "Ben"]
        .map(|name| join(&scene, &server, &code, name, &scene.path().join(format!("{name}.sqlite")), &[]));
    wait_until(|| rows(&files[0]) > 0 && rows(&files[1]) > 0);
    let address = server.address;
    server.stop();
    wait_until(|| files.iter().all(|file| events(file, "reconnecting") == 1));
    // Windows that end while nobody is there to take them.
    let before = rows(&files[0]);
    wait_until(|| rows(&files[0]) > before);
    let server = keeping(&scene, address);
    wait_until(|| files.iter().all(|file| events(file, "reconnected") == 1));
    for (client, (name, file)) in [ada, ben].into_iter().zip([("Ada", &files[0]), ("Ben", &files[1])]) {
        let report = client.terminate().report();
        assert!(report.warnings.iter().all(|warning| !warning.contains("not at the server")), "{:?}", report.warnings);
        let batches = uploaded(&server, name);
        let [batch] = &batches[..] else { panic!("one session of {name}: {batches:?}") };
        assert_eq!(batch.samples.len(), rows(file), "{name}");
        assert!(
            batch.session.ended_ms.is_some() && batch.events.iter().any(|event| event.event["kind"] == "reconnected")
        );
    }
}

#[test]
fn what_did_not_arrive_is_told_and_sent_with_the_next_call() {
    let scene = TempDir::new().expect("a folder");
    let server = keeping(&scene, free_port());
    let history = scene.path().join("Ada.sqlite");
    let ada = join(&scene, &server, &server.room(), "Ada", &history, &[]);
    wait_until(|| events(&history, "joined") == 1);
    let address = server.address;
    server.stop();
    wait_until(|| events(&history, "reconnecting") == 1);
    let end = ada.terminate();
    assert!(end.stderr.contains("not at the server yet") && end.stderr.contains("--share"), "{}", end.stderr);

    let server = keeping(&scene, address);
    let again = join(&scene, &server, &server.room(), "Ada", &history, &["--seconds", "2"]).wait();
    assert!(!again.stderr.contains("not at the server"), "{}", again.stderr);
    let batches = uploaded(&server, "Ada");
    assert_eq!(batches.len(), 2, "both calls");
    assert!(batches.iter().all(|batch| batch.session.ended_ms.is_some()), "whole");
}
