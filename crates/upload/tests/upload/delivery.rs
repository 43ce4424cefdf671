//! Whatever happens on the way, the server's rows are the history's rows.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use sightline_history::{renew_token, stop_sharing};
use sightline_upload::{Timing, Uploader};

use crate::bench::{Place, assert_all_arrived, at_server, fast, go_on, in_history, until, until_done};
use crate::server::{Act, Server};

#[test]
fn what_waited_is_sent_when_the_program_starts() {
    let (place, server) = (Place::new(), Server::start());
    place.record("a", &server.endpoint());
    place.record("b", &format!("{}/", server.endpoint()));
    let uploader = place.uploader();
    until_done(&uploader);
    assert_all_arrived(&server, &place);
    assert!(server.arrivals().iter().all(|arrival| arrival.authorization == "Bearer pass-1"));
    uploader.stop();
}

#[test]
fn a_server_that_was_away_gets_it_when_it_is_back() {
    let place = Place::new();
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    place.record("a", &format!("http://{address}"));
    let uploader = place.uploader();
    until("said", || uploader.status().last_error.is_some());
    let status = uploader.status();
    assert!(status.last_error.unwrap().starts_with("The server cannot be reached ("));
    assert!(status.waiting_rows > 30 && status.waiting_sessions == 1);
    let server = Server::on(TcpListener::bind(address).unwrap());
    until_done(&uploader);
    assert_all_arrived(&server, &place);
    assert!(uploader.status().last_success_ms.is_some());
}

#[test]
fn answers_that_are_cut_and_connections_that_break_cost_no_row_and_make_no_other() {
    let place = Place::new();
    let failures = [
        Act::Drop,
        Act::Cut,
        Act::Say("500 Internal Server Error\r\n", ""),
        Act::Cut,
        Act::Say("200 OK\r\n", "<html>Welcome to our hotel</html>"),
        Act::Say("404 Not Found\r\n", "<html>no such backend</html>"),
        Act::Say("302 Found\r\nlocation: http://hotel.example/\r\n", ""),
        Act::Say("503 Service Unavailable\r\n", "{\"detail\":\"Back soon.\"}"),
        Act::Cut,
    ];
    let server = Server::acting(&failures);
    place.record("a", &server.endpoint());
    let uploader = place.uploader();
    until_done(&uploader);
    assert_all_arrived(&server, &place);
    let arrivals = server.arrivals();
    assert!(arrivals.len() > failures.len());
    let same = arrivals.windows(2).filter(|two| two[0].batch.id == two[1].batch.id).count();
    assert!(same >= failures.len() - 1, "sent again as it was: {same}");
}

#[test]
fn a_server_that_asks_for_time_is_left_alone_for_that_time() {
    let place = Place::new();
    let server = Server::acting(&[Act::Say("429 Too Many Requests\r\nretry-after: 1\r\n", "")]);
    place.record("a", &server.endpoint());
    place.record("b", &server.endpoint());
    let uploader = place.uploader();
    until("said", || uploader.status().last_error.is_some());
    uploader.wake();
    until_done(&uploader);
    let arrivals = server.arrivals();
    assert!(arrivals[1].at - arrivals[0].at >= Duration::from_millis(990), "{:?}", arrivals[1].at - arrivals[0].at);
    assert_all_arrived(&server, &place);
}

/// A server that was put back to an older state, or another one at the same address, knows neither pass nor room.
#[test]
fn a_server_that_does_not_know_the_call_for_a_while_gets_all_of_it_afterwards() {
    let (place, server) = (
        Place::new(),
        Server::acting(&[
            Act::Say("401 Unauthorized\r\n", "{\"detail\":\"Not made by this server.\",\"code\":\"unauthorized\"}"),
            Act::Say("404 Not Found\r\n", "{\"code\":\"unknown-room\"}"),
            Act::Say("404 Not Found\r\n", "{\"code\":\"not-found\"}"),
            Act::Say("422 Unprocessable Content\r\n", "{\"code\":\"unsupported-version\"}"),
            Act::Say("413 Content Too Large\r\n", "<html>a proxy</html>"),
        ]),
    );
    place.record("a", &server.endpoint());
    let uploader = place.uploader();
    until("said", || uploader.status().last_error.is_some_and(|error| error.contains("Not made by this server")));
    until_done(&uploader);
    assert_eq!(uploader.status().refused_sessions, 0);
    assert_all_arrived(&server, &place);
}

#[test]
fn what_was_refused_is_said_once_and_another_pass_sends_it() {
    let place = Place::new();
    let refusal = "{\"detail\":\"The token is of another.\",\"code\":\"forbidden\"}";
    let server = Server::acting(&[Act::Say("403 Forbidden\r\ncontent-type: application/problem+json\r\n", refusal)]);
    let session = place.record("a", &server.endpoint());
    let uploader = place.uploader();
    until("refused", || uploader.status().refused_sessions == 1);
    let status = uploader.status();
    let error = status.last_error.unwrap();
    assert!(error.contains("(403 Forbidden): The token is of another. What was not sent"), "{error}");
    assert_eq!((status.waiting_rows, status.waiting_sessions), (0, 0));
    // Another session gets through meanwhile: the one that was refused had its chance to be sent, and was not.
    place.record("b", &server.endpoint());
    until("b is sent", || uploader.status().last_success_ms.is_some() && uploader.status().waiting_sessions == 0);
    assert_eq!(server.state.lock().unwrap().sessions.len(), 1);
    let of_a = server.arrivals()[0].batch.session.id.clone();
    let times = |server: &Server| server.arrivals().iter().filter(|arrival| arrival.batch.session.id == of_a).count();
    assert_eq!(times(&server), 1);
    assert!(renew_token(&place.path, session, "pass-2").unwrap());
    uploader.wake();
    until("a is sent", || uploader.status().refused_sessions == 0 && uploader.status().waiting_sessions == 0);
    assert_eq!(server.arrivals().last().unwrap().authorization, "Bearer pass-2");
    assert_all_arrived(&server, &place);
}

#[test]
fn what_can_never_work_is_not_tried_again() {
    for (status, body, says) in [
        ("410 Gone\r\n", "{\"code\":\"gone\"}", "takes nothing more of this call"),
        ("422 Unprocessable Content\r\n", "{\"code\":\"bad-message\"}", "refused the record (422"),
        ("403 Forbidden\r\n", "{\"code\":\"forbidden\"}", "refused the record (403"),
    ] {
        let (place, server) = (Place::new(), Server::acting(&[Act::Say(status, body)]));
        place.record("a", &server.endpoint());
        let uploader = place.uploader();
        until("refused", || uploader.status().refused_sessions == 1);
        let error = uploader.status().last_error.unwrap();
        assert!(error.contains(says), "{error}");
        uploader.stop();
        let again = place.uploader();
        until("said again", || again.status().refused_sessions == 1);
        assert_eq!(again.status().last_error, Some(error));
        assert_eq!(server.arrivals().len(), 1);
    }
}

#[test]
fn a_server_that_takes_little_gets_little_at_a_time() {
    let (place, server) = (Place::new(), Server::start());
    server.state.lock().unwrap().most_rows = Some(5);
    place.record("a", &server.endpoint());
    let uploader = place.uploader();
    until_done(&uploader);
    assert_all_arrived(&server, &place);
}

#[test]
fn a_server_that_takes_not_even_a_row_is_given_up() {
    let (place, server) = (Place::new(), Server::start());
    server.state.lock().unwrap().most_rows = Some(0);
    place.record("a", &server.endpoint());
    let uploader = place.uploader();
    until("refused", || uploader.status().refused_sessions == 1);
    assert!(uploader.status().last_error.unwrap().contains("no batch of this size"));
}

/// The program is killed after the server has stored a batch and before it is set down as acknowledged.
#[test]
fn what_was_sent_and_not_acknowledged_is_sent_again_after_a_crash() {
    let (place, server) = (Place::new(), Server::acting(&[Act::Silence, Act::Silence]));
    place.record("a", &server.endpoint());
    for times in 1..=2 {
        let uploader = place.uploader();
        until("arrived", || server.arrivals().len() == times);
        let begun = Instant::now();
        uploader.stop();
        assert!(begun.elapsed() < Duration::from_secs(2), "the end does not wait for an answer: {:?}", begun.elapsed());
    }
    let uploader = place.uploader();
    until_done(&uploader);
    assert_all_arrived(&server, &place);
    let arrivals = server.arrivals();
    assert_eq!(arrivals[0].batch.id, arrivals[1].batch.id);
}

#[test]
fn a_server_that_never_answers_is_not_waited_for_for_ever() {
    let (place, server) = (Place::new(), Server::acting(&[Act::Silence]));
    place.record("a", &server.endpoint());
    let uploader = Uploader::with(&place.path, Timing { patience: Duration::from_millis(100), ..fast() }).unwrap();
    until("said", || uploader.status().last_error.is_some_and(|error| error.contains("did not answer within 0.1 s")));
    uploader.stop();
    let uploader = place.uploader();
    until_done(&uploader);
    assert_all_arrived(&server, &place);
}

#[test]
fn a_call_is_sent_while_it_goes_on_and_its_end_at_once() {
    let (place, server) = (Place::new(), Server::start());
    // There before the history is, as at the first start of the program.
    let uploader = Uploader::with(&place.path, Timing { look: Duration::from_millis(5), ..fast() }).unwrap();
    let (recorder, _) = place.begin("a", &server.endpoint());
    let epoch = Instant::now();
    for second in 0..=90 {
        go_on(&recorder, epoch, second);
        if second % 30 == 29 {
            recorder.flush(Duration::from_secs(60)).unwrap();
            let so_far = (second as usize / 15) * 4;
            until("rows of the call that goes on", || {
                server.state.lock().unwrap().rows.keys().filter(|row| row.1 == "samples").count() >= so_far
            });
        }
    }
    assert_eq!(uploader.status().waiting_sessions, 1, "it goes on");
    recorder.finish("left", 1_700_000_090_000).unwrap();
    uploader.wake();
    until_done(&uploader);
    assert_all_arrived(&server, &place);
}

#[test]
fn two_programs_that_send_the_same_record_do_no_harm() {
    let (place, server) = (Place::new(), Server::acting(&[Act::Cut, Act::Drop, Act::Cut]));
    place.record("a", &server.endpoint());
    place.record("b", &server.endpoint());
    let uploaders = [place.uploader(), place.uploader()];
    uploaders.iter().for_each(until_done);
    assert_all_arrived(&server, &place);
}

#[test]
fn after_sharing_was_switched_off_nothing_is_sent() {
    let (place, server) = (Place::new(), Server::start());
    place.record("off", &server.endpoint());
    stop_sharing(&place.path).unwrap();
    place.record("on", &server.endpoint());
    let uploader = place.uploader();
    until_done(&uploader);
    assert_eq!(server.state.lock().unwrap().sessions.len(), 1);
    assert_eq!(at_server(&server).len() * 2, in_history(&place).len());
}

#[test]
fn an_address_that_is_none_is_said() {
    for endpoint in ["", "calls.example.org", "ftp://127.0.0.1", "http://", "not an address at all"] {
        let place = Place::new();
        place.record("a", endpoint);
        let uploader = place.uploader();
        until("refused", || uploader.status().refused_sessions == 1);
        let error = uploader.status().last_error.unwrap();
        assert!(error.starts_with("The record cannot be sent to this server: its address"), "{error}");
    }
}
