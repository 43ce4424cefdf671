//! What the user agreed to share of the record, and the thread that sends it.
//!
//! Invariants: while sharing is off nothing is sent and nothing waits, also of the call that goes on; both hold as soon as
//! it has been switched off. One lock is held by whatever begins or ends here, so that no call begins to be shared while
//! sharing is being switched off. A call is shared with the server that it goes through, and with no other; where that is
//! the server inside the app, its figures stand beside those of its guests, and stay on this computer.
//!
//! Everything here waits for the disk, and for up to two seconds for the thread to end: it is for the blocking pool.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use sightline_call::http_address;
use sightline_history::{HistoryError, Recorder, SessionId, SessionStart, Share, renew_token, stop_sharing};
use sightline_upload::{Status, Uploader, WhatIsUploaded, what_is_uploaded};

use crate::call::unix_ms;
use crate::ipc::{SharedField, Sharing};
use crate::words;

/// Shares the history of the app, or does not.
#[derive(Debug)]
pub(crate) struct Sharer {
    history: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    on: bool,
    /// There while it is on.
    uploader: Option<Uploader>,
    /// Why it is not as it is wished to be.
    problem: Option<String>,
}

impl Sharer {
    /// It is off until [`Sharer::start`].
    pub(crate) fn new(history: PathBuf) -> Self {
        Self { history, state: Mutex::default() }
    }

    /// The app starts: goes on with what waits, or drops it where sharing is off, whyever there is something.
    pub(crate) fn start(&self, on: bool) {
        let mut state = self.lock();
        if on { self.send(&mut state) } else { self.end(&mut state) }
    }

    /// Switches it on, from the next call on, or off.
    pub(crate) fn set(&self, on: bool) {
        let mut state = self.lock();
        if on == state.on && state.problem.is_none() {
            return;
        }
        match (on, state.on) {
            (false, _) => self.end(&mut state),
            (true, true) => self.send(&mut state),
            (true, false) => {
                // Where it could not be dropped before.
                self.end(&mut state);
                if state.problem.is_none() {
                    self.send(&mut state);
                }
            }
        }
    }

    /// The app ends. What was not sent waits for its next start.
    pub(crate) fn stop(&self) {
        if let Some(uploader) = self.lock().uploader.take() {
            uploader.stop();
        }
    }

    /// Begins to record a session; gives its id where it is shared. Servers that give no token take no records.
    ///
    /// # Errors
    /// As [`Recorder::start_session`].
    pub(crate) fn begin(
        &self,
        recorder: &Recorder,
        session: SessionStart,
        token: Option<String>,
    ) -> Result<Option<SessionId>, HistoryError> {
        let state = self.lock();
        let endpoint = http_address(&session.server).ok().filter(|_| state.on);
        match endpoint.zip(token) {
            Some((endpoint, token)) => recorder.start_shared_session(session, Share { endpoint, token }).map(Some),
            None => recorder.start_session(session).map(|_| None),
        }
    }

    /// A session that is shared has another token from now on.
    ///
    /// # Errors
    /// Where the history cannot be written: the server then refuses what follows, and that is told.
    pub(crate) fn renew(&self, session: SessionId, token: &str) -> Result<(), HistoryError> {
        renew_token(&self.history, session, token)?;
        self.wake();
        Ok(())
    }

    /// There is something new to send.
    pub(crate) fn wake(&self) {
        if let Some(uploader) = &self.lock().uploader {
            uploader.wake();
        }
    }

    /// How it stands, and what is sent.
    pub(crate) fn standing(&self) -> Sharing {
        let (on, status, problem) = {
            let state = self.lock();
            let status = state.uploader.as_ref().map(Uploader::status).unwrap_or_default();
            (state.on, status, state.problem.clone())
        };
        // Where the history cannot be read, it can be read all the same what would be sent.
        let (what, broken) = match what_is_uploaded(&self.history, unix_ms()) {
            Ok(what) => (what, None),
            Err(error) => (WhatIsUploaded::default(), Some(error.to_string())),
        };
        let Status { waiting_rows, last_success_ms, last_error, .. } = status;
        Sharing {
            on,
            waiting_rows,
            last_success_ms,
            last_error: problem.or(last_error).or(broken).as_deref().map(words::sentence),
            fields: what.fields.iter().map(|field| SharedField { path: field.path, says: field.says }).collect(),
            example: what.example,
        }
    }

    fn send(&self, state: &mut State) {
        match Uploader::start(&self.history) {
            Ok(uploader) => *state = State { on: true, uploader: Some(uploader), problem: None },
            // What is recorded now is shared all the same, and sent when there is a thread for it.
            Err(error) => *state = State { on: true, uploader: None, problem: Some(error.to_string()) },
        }
    }

    fn end(&self, state: &mut State) {
        // First, or what is on its way may still arrive.
        if let Some(uploader) = state.uploader.take() {
            uploader.stop();
        }
        *state = State { problem: drop_waiting(&self.history).err(), ..State::default() };
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nothing of the sessions there are is to be sent any more.
fn drop_waiting(history: &Path) -> Result<(), String> {
    match stop_sharing(history) {
        // Nothing was ever recorded.
        Err(HistoryError::Missing { .. }) => Ok(()),
        other => other.map_err(|error| words::sharing::not_dropped(&error.to_string())),
    }
}
