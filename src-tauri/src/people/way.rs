//! The way to the server outside a call.
//!
//! Invariant: a token goes to no server but its own, whatever is set meanwhile.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sightline_call::{Lounge, LoungeEvent};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::People;

/// Nothing is due: looked again all the same, which costs nothing.
const IDLE: Duration = Duration::from_secs(3600);

/// The way to the server, and who listens there.
#[derive(Default)]
pub(super) struct Way {
    /// Address and token.
    goal: Option<(String, Option<String>)>,
    listener: Option<JoinHandle<()>>,
}

impl People {
    /// Waits until the way to the server is another one, or none is needed; then [`Self::find_way`] has to follow.
    pub(crate) async fn elsewhere(&self) {
        self.elsewhere.notified().await;
    }

    /// Whether somebody is signed in at this server, or looks for a random partner.
    pub(crate) fn needs_way(&self, server: &str) -> bool {
        self.session.at(server).is_some() || self.lock().model.meets()
    }

    /// Goes to a server, leaves it, or stays, as is needed now. `address` is where `server`, as it is set, is.
    pub(crate) async fn find_way(self: &Arc<Self>, server: &str, address: Option<&str>) {
        let mut way = self.way.lock().await;
        // Another one was set meanwhile; a token is for none but its own.
        if self.lock().server != server {
            return self.elsewhere.notify_one();
        }
        let token = self.session.at(server).map(|session| session.token);
        let goal = address.filter(|_| self.needs_way(server)).map(|address| (address.to_owned(), token));
        // A server that was set for a moment has taken the lounge away, and its listener may not have noticed yet.
        let is_cut = goal.is_some() && self.lock().lounge.is_none();
        if way.goal == goal && !is_cut && way.listener.as_ref().is_none_or(|listener| !listener.is_finished()) {
            return;
        }
        let had_one = way.goal.is_some();
        self.leave_way(&mut way, had_one).await;
        let Some((address, token)) = goal.clone() else { return };
        match Lounge::open(&address, token) {
            Ok((lounge, events)) => {
                let mut held = self.lock();
                held.lounge = Some(lounge);
                held.address = address;
                drop(held);
                way.goal = goal;
                way.listener = Some(tokio::spawn(listen(self.clone(), events)));
            }
            Err(error) => self.hear(LoungeEvent::NotTaken(error)),
        }
    }

    /// Whether there is a way.
    #[cfg(test)]
    pub(crate) fn is_on_a_way(&self) -> bool {
        self.lock().lounge.is_some()
    }

    /// There is no server to go to.
    pub(crate) fn no_way(&self, cause: &str) {
        self.hear(LoungeEvent::Away { cause: cause.to_owned() });
    }

    /// Leaves the server, within a second.
    pub(crate) async fn shut_down(&self) {
        let mut way = self.way.lock().await;
        self.leave_way(&mut way, true).await;
        self.lock().tone = None;
    }

    async fn leave_way(&self, way: &mut Way, had_one: bool) {
        way.goal = None;
        let (lounge, listener) = (self.lock().lounge.take(), way.listener.take());
        if let Some(lounge) = lounge {
            lounge.close().await;
        }
        // It has ended with the lounge, or waits for a deadline.
        if let Some(listener) = listener {
            listener.abort();
        }
        if had_one {
            self.change(|held, out| held.model.lost(out));
        }
    }
}

/// Listens to the server, and does what is due, until the lounge is closed.
async fn listen(people: Arc<People>, mut events: mpsc::Receiver<LoungeEvent>) {
    loop {
        let due = people.lock().model.next_deadline().unwrap_or_else(|| Instant::now() + IDLE);
        tokio::select! {
            event = events.recv() => match event {
                Some(event) => people.hear(event),
                None => return,
            },
            () = tokio::time::sleep_until(due.into()) => {
                people.change(|held, out| held.model.tick(Instant::now(), out));
            }
            () = people.nearer.notified() => {}
        }
    }
}
