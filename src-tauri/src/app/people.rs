//! What the commands about people do: accounts over HTTP, and the calls that people outside a call lead to.

use std::sync::Arc;
use std::time::Duration;

use sightline_call::{Api, CallError};
use sightline_protocol::account::{Credentials, Me, Named, Names, PasswordChange, PasswordProof, SignedIn};
use sightline_protocol::{ErrorCode as Refusal, RoomCreated, RoomWish};

use super::{App, lock};
use crate::call::{Choice, Equipment, Order};
use crate::ipc::{Answer, EnteredCall, ErrorCode, IpcError, PageEvent, PeopleState, Said};
use crate::people::{Session, Surroundings, Wish};
use crate::words;

/// Until the server inside the app is tried again where it does not run.
const AGAIN: Duration = Duration::from_secs(5);

/// The server that is set, and our standing there.
struct Place {
    /// As it is set; '' is the one inside the app.
    server: String,
    /// Where it is.
    address: String,
    session: Option<Session>,
}

impl Place {
    fn api(&self) -> Answer<Api> {
        let token = self.session.as_ref().map(|session| session.token.clone());
        Ok(Api::new(&self.address, token)?)
    }
}

impl App {
    /// Everything about people outside a call.
    pub(crate) fn people(&self) -> PeopleState {
        self.people.state()
    }

    /// Asks the server whether it has accounts, and whether it still knows ours.
    pub(crate) async fn look_for_accounts(&self) -> Answer<PeopleState> {
        let place = self.place().await?;
        let me: Result<Me, CallError> = place.api()?.get("/accounts/me").await;
        // Another server was set meanwhile, or somebody signed in or out.
        if self.settings.get().server != place.server || self.people.session(&place.server) != place.session {
            return Ok(self.people());
        }
        match (me, place.session) {
            (Ok(Me { name, admin }), Some(session)) => {
                if (&session.name, session.admin) != (&name, admin) {
                    self.people.signed_in(Session { name, admin, ..session })?;
                }
            }
            // Somebody is behind no token: not one of our servers.
            (Ok(_), None) => self.people.accounts_found(None),
            (Err(CallError::Refused { code: Refusal::Unauthorized, .. }), Some(_)) => {
                self.people.signed_out(Some(words::people::SIGNED_OUT))?;
            }
            (Err(CallError::Refused { code: Refusal::Unauthorized, .. }), None) => {
                self.people.accounts_found(Some(true));
            }
            (Err(CallError::Refused { code: Refusal::NotFound, .. }), _) => self.people.accounts_found(Some(false)),
            (Err(error), _) => {
                tracing::debug!(%error, "whether the server has accounts is not known");
                self.people.accounts_found(None);
            }
        }
        Ok(self.people())
    }

    /// Makes an account and signs in to it.
    pub(crate) async fn register(&self, name: String, password: String) -> Answer<PeopleState> {
        self.get_session("/accounts", name, password).await
    }

    /// Signs in.
    pub(crate) async fn sign_in(&self, name: String, password: String) -> Answer<PeopleState> {
        self.get_session("/accounts/sign-in", name, password).await
    }

    async fn get_session(&self, route: &str, name: String, password: String) -> Answer<PeopleState> {
        let place = self.place().await?;
        let asked = Api::new(&place.address, None)?.post(route, &Credentials { name, password }).await;
        let SignedIn { token, name, admin } = asked.map_err(plainly)?;
        self.people.signed_in(Session { server: place.server, name, admin, token })?;
        Ok(self.people())
    }

    /// Signs out here. Where the server does not hear of it, the session ends there by itself.
    pub(crate) async fn sign_out(&self) -> Answer<PeopleState> {
        let place = self.place().await?;
        // First, so that what the server then says of it is no news.
        self.people.signed_out(None)?;
        if place.session.is_some()
            && let Err(error) = place.api()?.post::<()>("/accounts/sign-out", &()).await
        {
            tracing::warn!("the server was not told that somebody signed out: {error}");
        }
        Ok(self.people())
    }

    /// Sets another password; other computers are signed out by it.
    pub(crate) async fn change_password(&self, old: String, new: String) -> Answer<()> {
        let account = self.account().await?;
        account.post::<()>("/accounts/password", &PasswordChange { old, new }).await.map_err(plainly)
    }

    /// Whom the account blocks, in the order of the alphabet.
    pub(crate) async fn blocked_names(&self) -> Answer<Vec<String>> {
        let Names { mut names } = self.account().await?.get("/accounts/blocked").await.map_err(plainly)?;
        names.sort_by_key(|name| name.to_lowercase());
        Ok(names)
    }

    /// Blocks somebody, or takes that back; gives whom the account blocks from now on.
    pub(crate) async fn set_blocked(&self, name: String, blocked: bool) -> Answer<Vec<String>> {
        let route = if blocked { "/accounts/block" } else { "/accounts/unblock" };
        let name = name.trim().to_owned();
        self.account().await?.post::<()>(route, &Named { name }).await.map_err(plainly)?;
        self.blocked_names().await
    }

    /// Deletes the account for good. Contacts and missed calls on this computer stay.
    pub(crate) async fn delete_account(&self, password: String) -> Answer<PeopleState> {
        let account = self.account().await?;
        account.delete_with("/accounts/me", &PasswordProof { password }).await.map_err(plainly)?;
        self.people.signed_out(None)?;
        Ok(self.people())
    }

    /// The routes of the server as the account that is signed in.
    async fn account(&self) -> Answer<Api> {
        let place = self.place().await?;
        if place.session.is_none() {
            return Err(IpcError::not_now(words::people::NOT_SIGNED_IN));
        }
        place.api()
    }

    /// Adds somebody to the contacts.
    pub(crate) fn add_contact(&self, name: &str) -> Answer<PeopleState> {
        self.people.add_contact(name)?;
        Ok(self.people())
    }

    /// Takes somebody out of the contacts.
    pub(crate) fn remove_contact(&self, name: &str) -> Answer<PeopleState> {
        self.people.remove_contact(name)?;
        Ok(self.people())
    }

    /// All missed calls were looked at.
    pub(crate) fn missed_seen(&self) -> Answer<()> {
        self.people.missed_seen()
    }

    /// Makes a room, calls somebody there, and enters it; when this returns, it rings.
    pub(crate) async fn call_person(&self, name: &str) -> Answer<()> {
        self.is_in_no_call().await?;
        self.people.may_call()?;
        let place = self.place().await?;
        let room = self.make_room(&place.address, &RoomWish::default()).await?;
        lock(&self.passes).keep(&place.address, &room.code, room.token);
        self.people.call(name, &room.code).await
    }

    /// Takes a call that comes in.
    pub(crate) fn accept_call(&self, id: &str) -> Answer<()> {
        self.people.accept(id)
    }

    /// Declines a call that comes in.
    pub(crate) fn decline_call(&self, id: &str) -> Answer<()> {
        self.people.decline(id)
    }

    /// A call that comes in makes no sound any more.
    pub(crate) fn silence_call(&self) {
        self.people.silence();
    }

    /// Looks for a random partner.
    pub(crate) async fn meet_enter(&self) -> Answer<()> {
        self.is_in_no_call().await?;
        self.lobby.close().await;
        self.people.enter(&self.settings.get().name);
        Ok(())
    }

    /// Another partner.
    pub(crate) fn meet_next(&self) -> Answer<()> {
        self.people.next()
    }

    /// Never this partner again, and another one.
    pub(crate) fn meet_block(&self) -> Answer<()> {
        self.people.block()
    }

    /// Tells whoever runs the server about this partner.
    pub(crate) fn meet_report(&self, reason: &str) -> Answer<()> {
        self.people.report(reason)
    }

    /// Wants no partner any more.
    pub(crate) async fn meet_leave(&self) {
        if self.people.stop_meeting() {
            self.drop_call().await;
        }
    }

    /// Makes a room, as the account where there is one.
    pub(super) async fn make_room(&self, address: &str, wish: &RoomWish) -> Result<RoomCreated, CallError> {
        Api::new(address, self.account_token(address).await)?.post("/rooms", wish).await
    }

    /// The account's token, for the server that is set and for no other.
    pub(super) async fn account_token(&self, address: &str) -> Option<String> {
        let place = self.place().await.ok()?;
        place.session.filter(|_| place.address == address).map(|session| session.token)
    }

    /// What was switched is what somebody wants the next time.
    pub(super) fn remember(&self, order: &Order, code: &str) {
        let is_meeting = self.people.is_meeting_in(code);
        let (microphone, camera) = self.people.meeting_media();
        match *order {
            Order::Microphone(on) if is_meeting => self.people.set_meeting_media(on, camera),
            Order::Camera(on) if is_meeting => self.people.set_meeting_media(microphone, on),
            Order::Camera(on) => self.people.set_camera_on(on),
            _ => {}
        }
    }

    /// Follows what people outside a call lead to, until the app ends.
    pub(super) fn follow_people(self: &Arc<Self>) {
        let people = self.people.clone();
        // Weak: these end with the app, not the other way round.
        let around = Arc::downgrade(self);
        people.look_around_by(Box::new(move || around.upgrade().map(|app| app.surroundings()).unwrap_or_default()));
        let weak = Arc::downgrade(self);
        let mut wishes = people.wishes();
        tokio::spawn(async move {
            while wishes.changed().await.is_ok() {
                let wish = wishes.borrow_and_update().clone();
                let Some(app) = weak.upgrade() else { return };
                match wish {
                    Some(Wish::Leave { room, why }) => app.leave_room(&room, why).await,
                    Some(Wish::Enter { server, code, token, partner }) => {
                        let is_wanted = || wishes.has_changed().is_ok_and(|changed| !changed);
                        app.enter(&server, &code, token, partner, is_wanted).await;
                    }
                    None => {}
                }
            }
        });
        let weak = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                let Some(app) = weak.upgrade() else { return };
                let found = app.find_way().await;
                drop(app);
                match found {
                    true => people.elsewhere().await,
                    // Looked for again in a while, or as soon as another is wanted.
                    false => drop(tokio::time::timeout(AGAIN, people.elsewhere()).await),
                }
            }
        });
    }

    /// Goes to the server outside a call, where that is needed; whether there is one to go to.
    async fn find_way(&self) -> bool {
        let server = self.settings.get().server;
        if !self.people.needs_way(&server) {
            self.people.find_way(&server, None).await;
            return true;
        }
        match self.place().await {
            Ok(place) => {
                self.people.find_way(&place.server, Some(&place.address)).await;
                true
            }
            Err(error) => {
                self.people.no_way(&error.message);
                false
            }
        }
    }

    /// Leaves the call in a room, where it is the one that there is.
    async fn leave_room(&self, room: &str, why: Option<String>) {
        let mut held = self.call.lock().await;
        let call = match held.as_ref().is_some_and(|call| call.state().code == room) {
            true => held.take(),
            false => None,
        };
        drop(held);
        match (call, why) {
            (Some(call), why) => call.leave_because(why).await,
            // A call that was refused before it was entered is told of nowhere else.
            (None, Some(sentence)) => self.page.tell(PageEvent::Said(Said { sentence, bad: true })),
            (None, None) => {}
        }
    }

    /// Enters a call by itself: at once, as a telephone does, with what was on the last time.
    async fn enter(
        &self,
        server: &str,
        code: &str,
        token: Option<String>,
        partner: Option<String>,
        is_wanted: impl Fn() -> bool,
    ) {
        self.drop_call().await;
        if let Some(token) = token {
            lock(&self.passes).keep(server, code, token);
        }
        let media = if partner.is_some() { self.people.meeting_media() } else { (true, self.people.camera_on()) };
        let entered = match self.invitation(server, code).await {
            Ok(invitation) => {
                // Who leaves before this is in no call; who leaves after it waits for the place, and takes the call out of it.
                let mut held = self.call.lock().await;
                if !is_wanted() {
                    return;
                }
                let (microphone_on, camera_on) = media;
                self.page.tell(PageEvent::Enter(Box::new(EnteredCall {
                    invitation,
                    partner,
                    microphone_on,
                    camera_on,
                })));
                let (code, server) = (code.to_owned(), server.to_owned());
                self.join_into(&mut held, code, server, String::new(), media).await.map(drop)
            }
            Err(error) => Err(error),
        };
        if let Err(error) = entered {
            tracing::info!("{error}");
            self.people.not_entered(code, &error.message);
        }
    }

    fn surroundings(&self) -> Surroundings {
        let in_call = match self.call.try_lock() {
            Ok(held) => held.as_ref().is_some_and(|call| !call.is_over()),
            // Somebody joins, or is being told something.
            Err(_) => true,
        };
        let speaker = Equipment::of(&Choice::from(&self.settings.get()), &self.options).speaker;
        Surroundings { in_call, speaker: Some(speaker) }
    }

    async fn is_in_no_call(&self) -> Answer<()> {
        match self.call.lock().await.as_ref().is_some_and(|call| !call.is_over()) {
            true => Err(IpcError::not_now(words::IN_A_CALL)),
            false => Ok(()),
        }
    }

    async fn place(&self) -> Answer<Place> {
        let server = self.settings.get().server;
        let address = match server.is_empty() {
            true => self.own_server().await?,
            false => server.clone(),
        };
        let session = self.people.session(&server);
        Ok(Place { server, address, session })
    }
}

/// What the server says about names and passwords is meant for whoever typed them.
fn plainly(error: CallError) -> IpcError {
    match error {
        CallError::Refused { message, .. } => IpcError::new(ErrorCode::Refused, message),
        error => error.into(),
    }
}
