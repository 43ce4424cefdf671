//! The history's recorder through one call, which is shared with the call's server where the user agreed to that.
//!
//! Invariant: trouble with the history never keeps a call from going on; it is told. Nothing here waits for the disk on a
//! thread of the runtime, but for handing a row over while the disk is hours behind.

use std::path::PathBuf;
use std::sync::Arc;

use sightline_call::{CallEvent, PeerInfo, RoomNews};
use sightline_history::{HistoryError, Recorder, SessionId, SessionStart};
use sightline_quality::{Live, Sampler, Snapshot};
use tokio::task::spawn_blocking;

use crate::sharing::Sharer;

/// Records, where that is possible; gives the live figures in any case.
pub(crate) struct Record {
    recorder: Option<Recorder>,
    /// The live figures of a call that is not recorded.
    sampler: Sampler,
    problem: Option<String>,
    sharer: Arc<Sharer>,
    /// The session, where it is shared.
    shared: Option<SessionId>,
}

impl Record {
    /// Opens the history.
    pub(crate) async fn open(path: PathBuf, sharer: Arc<Sharer>) -> Self {
        let (recorder, problem) = match blocking(move || Recorder::open(&path)).await {
            Ok(recorder) => (Some(recorder), None),
            Err(problem) => (None, Some(problem)),
        };
        Self { recorder, sampler: Sampler::new(), problem, sharer, shared: None }
    }

    /// Why the call is not recorded, or not at the moment.
    pub(crate) fn problem(&self) -> Option<String> {
        self.problem.clone().or_else(|| self.recorder.as_ref().and_then(Recorder::last_error))
    }

    /// Takes in what the call tells; gives the figures of the last second where it was a snapshot.
    pub(crate) async fn event(&mut self, event: &CallEvent, own_name: &str, unix_ms: i64) -> Option<Live> {
        match event {
            CallEvent::Joined { user_id, room_id, server, peers, token } => {
                let session = SessionStart {
                    code: room_id.clone(),
                    server: server.clone(),
                    own_name: own_name.to_owned(),
                    own_id: user_id.clone(),
                    client_version: env!("CARGO_PKG_VERSION").to_owned(),
                    unix_ms,
                };
                self.start(session, token.clone()).await;
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
            CallEvent::Room(RoomNews::State { token: Some(token), .. }) => self.renew_token(token.clone()).await,
            CallEvent::Snapshot(snapshot) => return Some(self.snapshot(snapshot)),
            _ => {}
        }
        None
    }

    /// Ends the session; everything is on the disk afterwards, or the problem says why not.
    pub(crate) async fn finish(&mut self, reason: &str, unix_ms: i64) {
        let Some(recorder) = self.recorder.take() else { return };
        let (reason, sharer) = (reason.to_owned(), self.sharer.clone());
        let finish = move || {
            let finished = recorder.finish(&reason, unix_ms);
            sharer.wake();
            finished
        };
        if let Err(problem) = blocking(finish).await {
            tracing::error!("{problem}");
            self.problem = Some(problem);
        }
    }

    async fn start(&mut self, session: SessionStart, token: Option<String>) {
        let Some(recorder) = self.recorder.take() else { return };
        let sharer = self.sharer.clone();
        let started = blocking(move || sharer.begin(&recorder, session, token).map(|shared| (recorder, shared))).await;
        match started {
            Ok((recorder, shared)) => (self.recorder, self.shared) = (Some(recorder), shared),
            Err(problem) => self.problem = Some(problem),
        }
    }

    async fn renew_token(&self, token: String) {
        let Some(session) = self.shared else { return };
        let sharer = self.sharer.clone();
        if let Err(problem) = blocking(move || sharer.renew(session, &token)).await {
            tracing::warn!("the record of this call will not be uploaded any more: {problem}");
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
