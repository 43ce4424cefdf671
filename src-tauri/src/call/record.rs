//! The history's recorder through one call.
//!
//! Invariant: trouble with the history never keeps a call from going on; it is told. Nothing here waits for the disk on a
//! thread of the runtime, but for handing a row over while the disk is hours behind.

use std::path::PathBuf;

use sightline_call::{CallEvent, PeerInfo};
use sightline_history::{HistoryError, Recorder, SessionStart};
use sightline_quality::{Live, Sampler, Snapshot};
use tokio::task::spawn_blocking;

/// Records, where that is possible; gives the live figures in any case.
pub(crate) struct Record {
    recorder: Option<Recorder>,
    /// The live figures of a call that is not recorded.
    sampler: Sampler,
    problem: Option<String>,
}

impl Record {
    /// Opens the history.
    pub(crate) async fn open(path: PathBuf) -> Self {
        match blocking(move || Recorder::open(&path)).await {
            Ok(recorder) => Self { recorder: Some(recorder), sampler: Sampler::new(), problem: None },
            Err(problem) => Self { recorder: None, sampler: Sampler::new(), problem: Some(problem) },
        }
    }

    /// Why the call is not recorded, or not at the moment.
    pub(crate) fn problem(&self) -> Option<String> {
        self.problem.clone().or_else(|| self.recorder.as_ref().and_then(Recorder::last_error))
    }

    /// Takes in what the call tells; gives the figures of the last second where it was a snapshot.
    pub(crate) async fn event(&mut self, event: &CallEvent, own_name: &str, unix_ms: i64) -> Option<Live> {
        match event {
            CallEvent::Joined { user_id, room_id, server, peers, .. } => {
                self.start(SessionStart {
                    code: room_id.clone(),
                    server: server.clone(),
                    own_name: own_name.to_owned(),
                    own_id: user_id.clone(),
                    client_version: env!("CARGO_PKG_VERSION").to_owned(),
                    unix_ms,
                })
                .await;
                peers.iter().for_each(|peer| self.peer(peer, unix_ms));
            }
            CallEvent::PeerJoined(peer) => self.peer(peer, unix_ms),
            CallEvent::PeerLeft { peer, reason } => {
                if let Some(recorder) = &self.recorder {
                    recorder.peer_left(&peer.id, reason, unix_ms);
                }
            }
            CallEvent::Record(event) => {
                if let Some(recorder) = &self.recorder {
                    recorder.event(event);
                }
            }
            CallEvent::Snapshot(snapshot) => return Some(self.snapshot(snapshot)),
            _ => {}
        }
        None
    }

    /// Ends the session; everything is on the disk afterwards, or the problem says why not.
    pub(crate) async fn finish(&mut self, reason: &str, unix_ms: i64) {
        let Some(recorder) = self.recorder.take() else { return };
        let reason = reason.to_owned();
        if let Err(problem) = blocking(move || recorder.finish(&reason, unix_ms)).await {
            tracing::error!("{problem}");
            self.problem = Some(problem);
        }
    }

    async fn start(&mut self, session: SessionStart) {
        let Some(recorder) = self.recorder.take() else { return };
        let started = blocking(move || recorder.start_session(session).map(|_| recorder)).await;
        match started {
            Ok(recorder) => self.recorder = Some(recorder),
            Err(problem) => self.problem = Some(problem),
        }
    }

    fn peer(&self, peer: &PeerInfo, unix_ms: i64) {
        if let Some(recorder) = &self.recorder {
            recorder.peer(&peer.id, &peer.name, unix_ms);
        }
    }

    fn snapshot(&mut self, snapshot: &Snapshot) -> Live {
        match self.recorder.as_ref().and_then(|recorder| recorder.snapshot(snapshot)) {
            Some(live) => live,
            None => self.sampler.feed(snapshot).0,
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, HistoryError> + Send + 'static,
) -> Result<T, String> {
    match spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(broken) => Err(broken.to_string()),
    }
}
