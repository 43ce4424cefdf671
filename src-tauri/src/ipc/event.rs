//! What the app tells the page without being asked.

use super::{
    CallState, ChatLine, Device, EnteredCall, LobbyState, MicrophoneLevel, PeopleState, Said, SpeakingLevels,
    WaitingLink,
};

/// An event for the page, under the name it listens for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PageEvent {
    /// Devices were plugged in or out.
    Devices(Vec<Device>),
    /// The lobby's devices changed their state.
    Lobby(LobbyState),
    /// The microphone's level in the lobby.
    Level(MicrophoneLevel),
    /// The call as it is now.
    Call(Box<CallState>),
    /// How loud everybody is.
    Speaking(SpeakingLevels),
    /// Somebody wrote something.
    Chat(ChatLine),
    /// A link was opened.
    Link(WaitingLink),
    /// People outside a call, as they are now.
    People(Box<PeopleState>),
    /// The app enters a call by itself.
    Enter(Box<EnteredCall>),
    /// Something to be said once.
    Said(Said),
    /// Somebody calls: the window is to come to the front. Not for the page.
    Calls,
}

/// Takes events to the page. Never blocks; a page that is not there misses them and asks for the state when it comes.
pub(crate) trait Page: Send + Sync {
    /// Sends one event.
    fn tell(&self, event: PageEvent);
}
