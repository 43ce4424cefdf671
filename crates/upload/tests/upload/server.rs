//! A server for uploads that can be told to fail, in every way that a real one may.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use flate2::read::GzDecoder;
use serde_json::Value;
use sightline_protocol::logs::LogBatch;

/// What is done with a request.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Stores it and cuts the answer in the middle.
    Cut,
    /// Closes the connection.
    Drop,
    /// Stores it and never answers.
    Silence,
    /// Answers this, stores nothing: status and headers with line ends, body.
    Say(&'static str, &'static str),
}

/// A request that came.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) at: Instant,
    pub(crate) authorization: String,
    pub(crate) batch: LogBatch,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) script: VecDeque<Act>,
    /// Batches with more rows of a kind are too large.
    pub(crate) most_rows: Option<usize>,
    pub(crate) arrivals: Vec<Arrival>,
    /// Rows by session, list and number.
    pub(crate) rows: BTreeMap<(String, &'static str, u64), Value>,
    pub(crate) sessions: BTreeMap<String, Value>,
    batches: BTreeMap<String, Value>,
    faults: Vec<String>,
}

/// It serves until the program ends.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) state: Arc<Mutex<State>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    pub(crate) fn on(listener: TcpListener) -> Self {
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let of_thread = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let state = Arc::clone(&of_thread);
                thread::spawn(move || serve(&stream.unwrap(), &state));
            }
        });
        Self { address, state }
    }

    pub(crate) fn acting(acts: &[Act]) -> Self {
        let server = Self::start();
        server.state.lock().unwrap().script.extend(acts.iter().cloned());
        server
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        let state = self.state.lock().unwrap();
        assert_eq!(state.faults, Vec::<String>::new());
        state.arrivals.clone()
    }
}

fn serve(stream: &TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream);
    while let Some((head, body)) = read(&mut reader) {
        let mut json = String::new();
        GzDecoder::new(&body[..]).read_to_string(&mut json).unwrap();
        let batch: LogBatch = serde_json::from_str(&json).unwrap();
        let act = {
            let mut state = state.lock().unwrap();
            let field = |name: &str| {
                let line = head.iter().find(|line| line.to_lowercase().starts_with(name));
                line.and_then(|line| line.split_once(": ")).map(|(_, value)| value.to_owned()).unwrap_or_default()
            };
            for (expected, found) in [
                ("POST /api/logs HTTP/1.1", head[0].as_str()),
                ("gzip", &field("content-encoding")),
                ("application/json", &field("content-type")),
            ] {
                if expected != found {
                    state.faults.push(format!("{found} is not {expected}"));
                }
            }
            let authorization = field("authorization");
            state.arrivals.push(Arrival { at: Instant::now(), authorization, batch: batch.clone() });
            let most = [batch.samples.len(), batch.links.len(), batch.events.len()].into_iter().max().unwrap();
            let too_large = state.most_rows.is_some_and(|limit| most > limit);
            let act = match state.script.pop_front() {
                None if too_large => Some(Act::Say("413 Content Too Large\r\n", "{\"code\":\"too-large\"}")),
                other => other,
            };
            if !matches!(act, Some(Act::Drop | Act::Say(..))) {
                state.store(&batch);
            }
            act
        };
        let accepted = format!("{{\"id\":\"{}\",\"stored\":1,\"known\":0}}", batch.id);
        let answer = match &act {
            None => format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{accepted}", accepted.len()),
            Some(Act::Cut) => {
                format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{}",
                    accepted.len(),
                    &accepted[..accepted.len() / 2]
                )
            }
            Some(Act::Say(head, body)) => format!("HTTP/1.1 {head}content-length: {}\r\n\r\n{body}", body.len()),
            Some(Act::Drop) => String::new(),
            // Until the client has enough of it.
            Some(Act::Silence) => return drop(reader.read_to_end(&mut Vec::new())),
        };
        let sent = (&*stream).write_all(answer.as_bytes());
        if sent.is_err() || matches!(act, Some(Act::Cut | Act::Drop)) {
            return;
        }
    }
}

fn read(reader: &mut impl BufRead) -> Option<(Vec<String>, Vec<u8>)> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_owned()),
        }
    }
    let length = head.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok())?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((head, body))
}

impl State {
    fn store(&mut self, batch: &LogBatch) {
        let mut json = serde_json::to_value(batch).unwrap();
        json["sentMs"] = Value::Null;
        if let Some(known) = self.batches.get(&batch.id) {
            if *known != json {
                self.faults.push(format!("{} came with another content", batch.id));
            }
            return;
        }
        for list in ["stays", "samples", "links", "process", "events", "breaks"] {
            for row in json[list].as_array().unwrap() {
                let number = row[if list == "stays" { "stay" } else { "seq" }].as_u64().unwrap();
                let place = (batch.session.id.clone(), list, number);
                let before = self.rows.insert(place.clone(), row.clone());
                if before.is_some_and(|before| before != *row) && !["stays", "breaks"].contains(&list) {
                    self.faults.push(format!("{place:?} is another row now"));
                }
            }
        }
        self.sessions.insert(batch.session.id.clone(), json["session"].clone());
        self.batches.insert(batch.id.clone(), json);
    }
}
