//! `--share`: what the history keeps of a call goes to the call's server.
//!
//! Invariant: what the server does not have waits in the history, and is sent by whoever shares that history next.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use sightline_call::http_address;
use sightline_history::{HistoryError, Outbox, Recorder, SessionId, SessionStart, Share, renew_token};
use sightline_upload::Uploader;
use tokio::time::{Instant, sleep};

/// How long the end of a call waits for its last rows to arrive: a server that is there takes them in a second.
const LAST_ROWS: Duration = Duration::from_secs(10);
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Sends what waits in a history, until it is finished.
pub(crate) struct Sharing {
    history: PathBuf,
    uploader: Uploader,
    session: Option<SessionId>,
}

impl Sharing {
    /// Begins to send what waits from before.
    pub(crate) fn start(history: &Path) -> Result<Self> {
        Ok(Self { history: history.to_owned(), uploader: Uploader::start(history)?, session: None })
    }

    /// Begins to record a session that is shared with its server.
    pub(crate) fn begin(&mut self, recorder: &Recorder, session: SessionStart, token: Option<String>) -> Result<()> {
        let token = token.context("the server takes no records: it gives no tokens; leave --share out")?;
        let share = Share { endpoint: http_address(&session.server)?, token };
        self.session = Some(recorder.start_shared_session(session, share)?);
        self.uploader.wake();
        Ok(())
    }

    /// The session has another token from now on.
    pub(crate) fn renew(&self, token: &str) -> Result<()> {
        if let Some(session) = self.session {
            renew_token(&self.history, session, token)?;
            self.uploader.wake();
        }
        Ok(())
    }

    /// Waits for what is still on its way, for [`LAST_ROWS`] at most; gives what did not arrive, in a sentence.
    pub(crate) async fn finish(self) -> Result<Option<String>, HistoryError> {
        let outbox = Outbox::open(&self.history)?;
        let deadline = Instant::now() + LAST_ROWS;
        self.uploader.wake();
        let standing = loop {
            let standing = outbox.standing()?;
            if standing.waiting_sessions == 0 || Instant::now() > deadline {
                break standing;
            }
            sleep(LOOK).await;
        };
        self.uploader.stop();
        let why = standing.last_error.map(|error| format!(" ({error})")).unwrap_or_default();
        Ok(match (standing.waiting_sessions, standing.refused_sessions) {
            (0, 0) => None,
            (0, _) => Some(format!("the server refused a part of the record{why}")),
            _ => Some(format!(
                "{} rows are not at the server yet{why}; join again with --share and this history to send them",
                standing.waiting_rows
            )),
        })
    }
}
