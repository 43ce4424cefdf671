//! A server beside the app, and people who are there without a window.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use sightline_call::{Api, Lounge, LoungeEvent};
use sightline_protocol::account::{Credentials, SignedIn};
use sightline_protocol::admin::CallPage;
use sightline_protocol::logs::LogBatch;
use sightline_protocol::{MeetAction, MeetNews, PeopleAction, PeopleNews, RoomWish};
use sightline_server::{Accounts, Config, Secret, Server};
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};

/// Of everybody here.
pub(crate) const PASSWORD: &str = "a long enough password";
/// Of whoever runs the server.
pub(crate) const ADMIN: &str = "an-admins-token-of-more-than-thirty-two-bytes";

/// A server with accounts that keeps its record. Ends when dropped.
pub(crate) struct Place {
    pub(crate) url: String,
    _stop: oneshot::Sender<()>,
    _folder: TempDir,
}

impl Place {
    pub(crate) async fn open() -> Result<Self> {
        let folder = TempDir::new()?;
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            accounts: Accounts::Optional,
            admin_token: Some(Secret::new(ADMIN)),
            database: Some(folder.path().join("server.sqlite")),
            ..Config::default()
        };
        // Binding tries the speed of hashing, which blocks.
        let server = tokio::task::spawn_blocking(|| Server::bind(config)).await??;
        let url = format!("ws://{}", server.local_addr());
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(server.run_until(async move { drop(stopped.await) }));
        Ok(Self { url, _stop: stop, _folder: folder })
    }

    /// Whether somebody of this name has uploaded a call to its end.
    pub(crate) async fn has_all_of(&self, name: &str) -> Result<bool> {
        let admin = Api::new(&self.url, Some(ADMIN.to_owned()))?;
        let page: CallPage = admin.get("/api/admin/calls?limit=10").await?;
        for call in page.calls {
            let reports: Vec<LogBatch> = admin.get(&format!("/api/admin/calls/{}/reports", call.room_id)).await?;
            let is_whole = |batch: &LogBatch| batch.session.ended_ms.is_some() && !batch.samples.is_empty();
            if reports.iter().any(|batch| batch.session.name == name && is_whole(batch)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Code of a new room.
    pub(crate) async fn room(&self) -> Result<String> {
        Ok(sightline_call::create_room(&self.url, &RoomWish::default()).await?.code)
    }
}

/// Somebody who is there without a window.
pub(crate) struct Visitor {
    lounge: Lounge,
    events: mpsc::Receiver<LoungeEvent>,
}

impl Visitor {
    /// With a new account of this name.
    pub(crate) async fn sign_up(place: &Place, name: &str) -> Result<Self> {
        let credentials = Credentials { name: name.to_owned(), password: PASSWORD.to_owned() };
        let SignedIn { token, .. } = Api::new(&place.url, None)?.post("/accounts", &credentials).await?;
        Self::come(place, Some(token)).await
    }

    /// Looks for a random partner, under a name.
    pub(crate) async fn looks_for_somebody(place: &Place, name: &str) -> Result<Self> {
        let visitor = Self::come(place, None).await?;
        visitor.lounge.meet(MeetAction::Enter { name: name.to_owned() });
        Ok(visitor)
    }

    /// Nothing that is said before one is there is heard.
    async fn come(place: &Place, token: Option<String>) -> Result<Self> {
        let has_account = token.is_some();
        let (lounge, events) = Lounge::open(&place.url, token)?;
        let mut visitor = Self { lounge, events };
        let is_here = |event| match event {
            LoungeEvent::Here { account } => Some(account.is_some()),
            _ => None,
        };
        let is_known = visitor.hears("the server is there", is_here).await?;
        ensure!(is_known == has_account, "the account is not known");
        Ok(visitor)
    }

    /// Takes a call; gives the code of its room.
    pub(crate) async fn takes_the_call_from(&mut self, name: &str) -> Result<String> {
        let find = |event| match event {
            LoungeEvent::People(PeopleNews::Incoming { ring_id, from, room_id, .. }) if from == name => {
                Some((ring_id, room_id))
            }
            _ => None,
        };
        let (ring_id, code) = self.hears("it rings", find).await?;
        self.lounge.people(PeopleAction::Accept { ring_id });
        Ok(code)
    }

    /// Calls somebody into a room; gives the id of the call once it rings.
    pub(crate) async fn rings(&mut self, name: &str, code: &str) -> Result<String> {
        self.lounge.people(PeopleAction::Ring { name: name.to_owned(), room_id: code.to_owned() });
        let find = |event| match event {
            LoungeEvent::People(PeopleNews::Ringing { ring_id, .. }) => Some(ring_id),
            _ => None,
        };
        self.hears("it rings there", find).await
    }

    /// Rings no longer.
    pub(crate) fn gives_up(&self, ring_id: String) {
        self.lounge.people(PeopleAction::Cancel { ring_id });
    }

    /// How a call ended.
    pub(crate) async fn ring_ended(&mut self) -> Result<String> {
        let find = |event| match event {
            LoungeEvent::People(PeopleNews::RingEnded { outcome, .. }) => Some(outcome),
            _ => None,
        };
        self.hears("it rings no longer", find).await
    }

    /// Code and token of the room with the partner.
    pub(crate) async fn is_paired(&mut self) -> Result<(String, String)> {
        let find = |event| match event {
            LoungeEvent::Meet(MeetNews::Paired { room_id, token, .. }) => Some((room_id, token)),
            _ => None,
        };
        self.hears("there is a partner", find).await
    }

    /// Waits until the partner has gone on.
    pub(crate) async fn is_left(&mut self) -> Result<()> {
        let is_it = |event| matches!(event, LoungeEvent::Meet(MeetNews::PartnerLeft {})).then_some(());
        self.hears("the partner goes on", is_it).await
    }

    /// Wants no partner any more.
    pub(crate) fn stops_meeting(&self) {
        self.lounge.meet(MeetAction::Leave {});
    }

    /// Waits until the account is not known any more.
    pub(crate) async fn is_signed_out(&mut self) -> Result<()> {
        let is_it = |event| matches!(event, LoungeEvent::People(PeopleNews::SignedOut {})).then_some(());
        self.hears("the account is gone", is_it).await
    }

    async fn hears<T>(&mut self, what: &str, find: impl Fn(LoungeEvent) -> Option<T>) -> Result<T> {
        let found = async {
            loop {
                let event = self.events.recv().await.context("the lounge is closed")?;
                if let Some(found) = find(event) {
                    return Ok(found);
                }
            }
        };
        let patience = Duration::from_secs(90);
        tokio::time::timeout(patience, found).await.with_context(|| format!("it did not come to pass that {what}"))?
    }
}
