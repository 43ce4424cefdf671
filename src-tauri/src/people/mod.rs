//! People outside a call: the account, whom the user knows, calls by name, random partners.
//!
//! ```text
//! model    what is known and under way: pure
//! session  the account's token     book   contacts and missed calls     file   how both are kept
//! tone     the tone of a call that comes in     way    the socket to the server, while one is needed
//! ```
//!
//! Invariant: there is a way to the server exactly while somebody is signed in there or looks for a random partner. What
//! the model wants done is done here at once, and nothing of it waits; calls are entered and left by the app, one after the
//! other, and only the last wish counts.

mod book;
mod file;
mod model;
mod session;
mod tone;
mod way;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use sightline_call::{Lounge, LoungeEvent};
use sightline_media::audio::Speaker;
use tokio::sync::{Notify, watch};

use self::book::Book;
use self::model::{Effect, Model, Standing};
use self::session::SessionFile;
use self::tone::Tone;
use self::way::Way;
use crate::folders::Folders;
use crate::ipc::{Answer, IpcError, Page, PageEvent, PeopleState, Said};
use crate::words;

pub(crate) use self::session::Session;

/// What the app is to do about the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Enter this room; whatever call there is, is left.
    Enter {
        /// The server it is on, as the way there was opened.
        server: String,
        /// The room's code.
        code: String,
        /// A token for it, where there is one.
        token: Option<String>,
        /// The random partner in it.
        partner: Option<String>,
    },
    /// Leave the call in this room; with a sentence, that is shown as the reason.
    Leave {
        /// The room's code. Another call is nobody's business.
        room: String,
        /// In a sentence.
        why: Option<String>,
    },
}

/// What the app tells of itself.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surroundings {
    /// There is a call, or one is being entered.
    pub(crate) in_call: bool,
    /// Where a call rings.
    pub(crate) speaker: Option<Speaker>,
}

/// All of it.
pub(crate) struct People {
    page: Arc<dyn Page>,
    session: SessionFile,
    book: Book,
    held: Mutex<Held>,
    /// One change at a time.
    way: tokio::sync::Mutex<Way>,
    shown: watch::Sender<PeopleState>,
    wishes: watch::Sender<Option<Wish>>,
    /// A deadline may have come nearer.
    nearer: Notify,
    /// [`People::find_way`] is wanted.
    elsewhere: Notify,
    look_around: OnceLock<LookAround>,
}

/// Tells how things stand in the app.
pub(crate) type LookAround = Box<dyn Fn() -> Surroundings + Send + Sync>;

/// What changes together.
#[derive(Default)]
struct Held {
    model: Model,
    /// The server as it is set, for session and book.
    server: String,
    /// Where the lounge is.
    address: String,
    lounge: Option<Lounge>,
    surroundings: Surroundings,
    tone: Option<Tone>,
    /// Microphone and camera of the last call with a random partner.
    media: Option<(bool, bool)>,
}

impl People {
    /// Reads what is kept. `server` is as it is set.
    pub(crate) fn open(folders: &Folders, server: &str, page: Arc<dyn Page>) -> Arc<Self> {
        let people = Arc::new(Self {
            page,
            session: SessionFile::open(folders.session()),
            book: Book::open(folders.people()),
            held: Mutex::default(),
            way: tokio::sync::Mutex::default(),
            shown: watch::Sender::default(),
            wishes: watch::Sender::default(),
            nearer: Notify::new(),
            elsewhere: Notify::new(),
            look_around: OnceLock::new(),
        });
        people.server_set(server);
        people
    }

    /// What the page shows.
    pub(crate) fn state(&self) -> PeopleState {
        self.lock().model.state()
    }

    /// What is to be done about calls; only the last counts.
    pub(crate) fn wishes(&self) -> watch::Receiver<Option<Wish>> {
        self.wishes.subscribe()
    }

    /// How to look around in the app.
    pub(crate) fn look_around_by(&self, look: LookAround) {
        if self.look_around.set(look).is_err() {
            tracing::error!("there are two apps around these people");
        }
    }

    /// The session at this server, as it is set.
    pub(crate) fn session(&self, server: &str) -> Option<Session> {
        self.session.at(server)
    }

    /// Another server is set: other people are known there, and nothing of theirs is said to the old one.
    pub(crate) fn server_set(&self, server: &str) {
        self.change(|held, out| {
            if held.server != server {
                held.lounge = None;
                held.model.lost(out);
            }
            held.server = server.to_owned();
        });
        self.look_up(None, None);
        self.elsewhere.notify_one();
    }

    /// Whether the server has accounts, as it said itself.
    pub(crate) fn accounts_found(&self, accounts: Option<bool>) {
        self.change(|held, out| {
            let standing = Standing { accounts, ..held.model.standing() };
            held.model.set_standing(standing, out);
        });
    }

    /// Somebody signed in.
    pub(crate) fn signed_in(&self, session: Session) -> Answer<()> {
        self.session.keep(session).map_err(IpcError::file)?;
        self.look_up(Some(true), None);
        Ok(())
    }

    /// Nobody is signed in any more; `note` says why, where nobody asked for it.
    pub(crate) fn signed_out(&self, note: Option<&str>) -> Answer<()> {
        let forgotten = self.session.forget().map_err(IpcError::file);
        self.look_up(Some(true), note.map(str::to_owned));
        forgotten
    }

    /// Takes session and book into the model.
    fn look_up(&self, accounts: Option<bool>, note: Option<String>) {
        let server = self.lock().server.clone();
        let (session, page) = (self.session.at(&server), self.book.page(&server));
        self.change(|held, out| {
            let standing = Standing {
                accounts,
                name: session.as_ref().map(|session| session.name.clone()),
                admin: session.is_some_and(|session| session.admin),
                note,
                contacts: page.contacts,
                missed: page.missed,
                seen_ms: page.seen_ms,
            };
            held.model.set_standing(standing, out);
        });
    }

    fn turn_page(&self, page: book::Page) {
        self.change(|held, out| {
            let book::Page { contacts, missed, seen_ms, .. } = page;
            held.model.set_standing(Standing { contacts, missed, seen_ms, ..held.model.standing() }, out);
        });
    }

    /// Adds somebody to the contacts.
    pub(crate) fn add_contact(&self, name: &str) -> Answer<()> {
        let server = self.lock().server.clone();
        self.book.add(&server, name).map(|page| self.turn_page(page))
    }

    /// Takes somebody out of the contacts.
    pub(crate) fn remove_contact(&self, name: &str) -> Answer<()> {
        let server = self.lock().server.clone();
        self.book.remove(&server, name).map(|page| self.turn_page(page))
    }

    /// All missed calls were looked at.
    pub(crate) fn missed_seen(&self) -> Answer<()> {
        let server = self.lock().server.clone();
        self.book.seen(&server).map(|page| self.turn_page(page))
    }

    /// Whether the camera was on when the user last chose.
    pub(crate) fn camera_on(&self) -> bool {
        self.book.camera_on()
    }

    /// Remembers it. What cannot be kept costs one press of a button.
    pub(crate) fn set_camera_on(&self, on: bool) {
        if let Err(error) = self.book.set_camera_on(on) {
            tracing::warn!("{error}");
        }
    }

    /// Microphone and camera for the next random partner: everything, and after that what it was with the last one.
    pub(crate) fn meeting_media(&self) -> (bool, bool) {
        self.lock().media.unwrap_or((true, true))
    }

    /// What was on with a random partner.
    pub(crate) fn set_meeting_media(&self, microphone: bool, camera: bool) {
        self.lock().media = Some((microphone, camera));
    }

    /// Whether this is the room with the random partner.
    pub(crate) fn is_meeting_in(&self, code: &str) -> bool {
        self.lock().model.meeting_in() == Some(code)
    }

    /// Whether somebody can be called now.
    pub(crate) fn may_call(&self) -> Answer<()> {
        self.lock().model.may_call()
    }

    /// Calls somebody into a room; when this returns, it rings.
    pub(crate) async fn call(&self, name: &str, code: &str) -> Answer<()> {
        let mut shown = self.shown.subscribe();
        self.change(|held, out| held.model.call(name, code, Instant::now(), out))?;
        let heard = |state: &PeopleState| {
            state.outgoing.as_ref().is_none_or(|call| call.devices.is_some_and(|devices| devices > 0))
        };
        // A server that says nothing is lost within 10 s.
        if tokio::time::timeout(Duration::from_secs(15), shown.wait_for(heard)).await.is_err() {
            self.call_left();
            return Err(IpcError::not_now(words::people::NOTHING_HEARD));
        }
        let held = self.lock();
        match (held.model.state().outgoing, held.model.came_to_nothing()) {
            (None, Some(why)) => Err(IpcError::new(crate::ipc::ErrorCode::Refused, why)),
            _ => Ok(()),
        }
    }

    /// The user left the call.
    pub(crate) fn call_left(&self) {
        self.change(|held, out| held.model.call_left(out));
    }

    /// A call that was to be entered did not come to be.
    pub(crate) fn not_entered(&self, code: &str, why: &str) {
        self.change(|held, out| held.model.not_entered(code, why, out));
    }

    /// Takes a call that comes in.
    pub(crate) fn accept(&self, id: &str) -> Answer<()> {
        self.change(|held, out| held.model.accept(id, out))
    }

    /// Declines a call that comes in.
    pub(crate) fn decline(&self, id: &str) -> Answer<()> {
        self.change(|held, out| held.model.decline(id, out))
    }

    /// Calls that come in make no sound any more.
    pub(crate) fn silence(&self) {
        self.change(|held, _| held.model.silence());
    }

    /// Looks for a random partner.
    pub(crate) fn enter(&self, name: &str) {
        self.change(|held, out| {
            held.media = None;
            held.model.enter(name, out);
        });
    }

    /// Another partner.
    pub(crate) fn next(&self) -> Answer<()> {
        self.change(|held, out| held.model.next(Instant::now(), out))
    }

    /// Never this one again.
    pub(crate) fn block(&self) -> Answer<()> {
        self.change(|held, out| held.model.block(Instant::now(), out))
    }

    /// Tells whoever runs the server about the partner.
    pub(crate) fn report(&self, reason: &str) -> Answer<()> {
        self.change(|held, out| held.model.report(reason, out))
    }

    /// Wants no partner any more; whether there was one.
    pub(crate) fn stop_meeting(&self) -> bool {
        self.change(|held, out| {
            let had_one = held.model.meeting_in().is_some();
            held.model.stop_meeting(out);
            had_one
        })
    }

    fn hear(&self, event: LoungeEvent) {
        let surroundings = self.look_around.get().map(|look| look()).unwrap_or_default();
        self.change(|held, out| {
            let in_call = surroundings.in_call;
            held.surroundings = surroundings;
            held.model.hear(event, in_call, Instant::now(), out);
        });
    }

    /// Changes the model, does what it wants, and tells the page what is new.
    fn change<T>(&self, change: impl FnOnce(&mut Held, &mut Vec<Effect>) -> T) -> T {
        let mut held = self.lock();
        let mut effects = Vec::new();
        let needs = |held: &Held| (held.model.meets(), held.model.standing().name);
        let before = needs(&held);
        let answer = change(&mut held, &mut effects);
        if needs(&held) != before {
            self.elsewhere.notify_one();
        }
        let (mut wish, mut later) = (None, Vec::new());
        for effect in effects {
            match effect {
                Effect::People(action) => held.lounge.iter().for_each(|lounge| lounge.people(action.clone())),
                Effect::Meet(action) => held.lounge.iter().for_each(|lounge| lounge.meet(action.clone())),
                Effect::Enter(model::Room { code, token, partner }) => {
                    wish = Some(Wish::Enter { server: held.address.clone(), code, token, partner });
                }
                Effect::Leave { room, why } => wish = Some(Wish::Leave { room, why }),
                effect => later.push(effect),
            }
        }
        let server = held.server.clone();
        held.ring();
        let state = held.model.state();
        // Told before the wishes are known: the page learns of a partner before the call with it begins.
        let is_new = self.shown.send_if_modified(|shown| {
            let is_new = *shown != state;
            shown.clone_from(&state);
            is_new
        });
        if is_new {
            self.page.tell(PageEvent::People(Box::new(state)));
        }
        // While nobody else can wish: one who leaves at once must not be taken in afterwards.
        if wish.is_some() {
            self.wishes.send_replace(wish);
        }
        drop(held);
        self.nearer.notify_one();
        for effect in later {
            self.follow(effect, &server);
        }
        answer
    }

    fn follow(&self, effect: Effect, server: &str) {
        match effect {
            Effect::Attention => self.page.tell(PageEvent::Calls),
            Effect::Missed(missed) => match self.book.missed(server, missed) {
                Ok(page) => self.turn_page(page),
                Err(error) => tracing::warn!("{error}"),
            },
            Effect::Say(said) => self.page.tell(PageEvent::Said(said)),
            Effect::SignedOut => {
                if let Err(error) = self.signed_out(Some(words::people::SIGNED_OUT)) {
                    self.page.tell(PageEvent::Said(Said { sentence: error.message, bad: true }));
                }
            }
            // Said by the lounge or wished for, above.
            Effect::People(_) | Effect::Meet(_) | Effect::Enter(_) | Effect::Leave { .. } => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Begins or ends the tone.
    fn ring(&mut self) {
        if !self.model.sounds() {
            self.tone = None;
        } else if self.tone.is_none()
            && let Some(Speaker::Device(id)) = &self.surroundings.speaker
        {
            self.tone = Some(Tone::start(id.clone()));
        }
    }
}
