//! The address book: whom somebody knows on which server, which calls were missed there, and whether the camera was on.
//!
//! Invariant: bounded, whatever a server tells; the names of a person's contacts are on this computer and go to nobody but
//! the server they are of.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use sightline_protocol::account::name_key;

use super::file;
use crate::ipc::{Answer, IpcError};
use crate::words;

/// As many as a server tells a device about (its bound on who is watched).
pub(crate) const MOST_CONTACTS: usize = 200;
/// Missed calls that are remembered: more than anybody scrolls through.
const MOST_MISSED: usize = 100;
/// Servers that are remembered; the one that was set first is forgotten after that.
const MOST_SERVERS: usize = 16;
/// Longest name, in characters: as the server has it for accounts, and some room for other servers.
const NAME_CHARS: usize = 64;
/// All of it at its bounds is some 250 kB for each server.
const MOST_BYTES: u64 = 8 * 1024 * 1024;

/// A call that nobody took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Missed {
    /// Who called: account name.
    pub(crate) from: String,
    /// When, Unix ms.
    pub(crate) unix_ms: i64,
}

/// What is known of one server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Page {
    /// The server as it is set.
    pub(crate) server: String,
    /// In the order of the alphabet.
    pub(crate) contacts: Vec<String>,
    /// The latest first.
    pub(crate) missed: Vec<Missed>,
    /// Missed calls up to this moment were looked at, Unix ms.
    pub(crate) seen_ms: i64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Content {
    pages: Vec<Page>,
    camera_on: bool,
}

/// The book and the file it is in.
#[derive(Debug)]
pub(super) struct Book {
    path: PathBuf,
    content: Mutex<Content>,
}

impl Book {
    /// Reads the file, where there is one.
    pub(super) fn open(path: PathBuf) -> Self {
        let mut content: Content = file::read(&path, MOST_BYTES).unwrap_or_default();
        content.pages.truncate(MOST_SERVERS);
        for page in &mut content.pages {
            page.contacts.truncate(MOST_CONTACTS);
            page.missed.truncate(MOST_MISSED);
        }
        Self { path, content: Mutex::new(content) }
    }

    /// What is known of a server.
    pub(super) fn page(&self, server: &str) -> Page {
        let content = self.lock();
        let found = content.pages.iter().find(|page| page.server == server).cloned();
        found.unwrap_or_else(|| Page { server: server.to_owned(), ..Page::default() })
    }

    /// Whether the camera was on when somebody last chose.
    pub(super) fn camera_on(&self) -> bool {
        self.lock().camera_on
    }

    /// Remembers whether the camera is to be on.
    pub(super) fn set_camera_on(&self, on: bool) -> Answer<()> {
        let mut content = self.lock();
        if content.camera_on == on {
            return Ok(());
        }
        content.camera_on = on;
        self.write(&content)
    }

    /// Adds a contact; one that is there already stays as it is.
    pub(super) fn add(&self, server: &str, name: &str) -> Answer<Page> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > NAME_CHARS || name.chars().any(char::is_control) {
            return Err(IpcError::bad_input(words::people::CONTACT_NAME));
        }
        self.change(server, |page| {
            if page.contacts.iter().any(|known| same(known, name)) {
                return Ok(());
            }
            if page.contacts.len() >= MOST_CONTACTS {
                return Err(IpcError::bad_input(words::people::too_many_contacts(MOST_CONTACTS)));
            }
            page.contacts.push(name.to_owned());
            page.contacts.sort_by_key(|name| name_key(name));
            Ok(())
        })
    }

    /// Removes a contact.
    pub(super) fn remove(&self, server: &str, name: &str) -> Answer<Page> {
        self.change(server, |page| {
            page.contacts.retain(|known| !same(known, name));
            Ok(())
        })
    }

    /// Notes a missed call; one that is noted already is not noted twice.
    pub(super) fn missed(&self, server: &str, missed: Missed) -> Answer<Page> {
        self.change(server, |page| {
            if page.missed.contains(&missed) || missed.from.chars().count() > NAME_CHARS {
                return Ok(());
            }
            page.missed.push(missed);
            page.missed.sort_by_key(|missed| std::cmp::Reverse(missed.unix_ms));
            page.missed.truncate(MOST_MISSED);
            Ok(())
        })
    }

    /// All missed calls were looked at.
    pub(super) fn seen(&self, server: &str) -> Answer<Page> {
        self.change(server, |page| {
            page.seen_ms = page.missed.first().map_or(page.seen_ms, |latest| latest.unix_ms.max(page.seen_ms));
            Ok(())
        })
    }

    fn change(&self, server: &str, change: impl FnOnce(&mut Page) -> Answer<()>) -> Answer<Page> {
        let mut content = self.lock();
        let at = content.pages.iter().position(|page| page.server == server);
        let before = at.map(|at| content.pages[at].clone());
        let mut page = before.clone().unwrap_or_else(|| Page { server: server.to_owned(), ..Page::default() });
        change(&mut page)?;
        if before.as_ref() == Some(&page) {
            return Ok(page);
        }
        match at {
            Some(at) => content.pages[at] = page.clone(),
            None => content.pages.push(page.clone()),
        }
        if content.pages.len() > MOST_SERVERS {
            content.pages.remove(0);
        }
        self.write(&content)?;
        Ok(page)
    }

    fn write(&self, content: &Content) -> Answer<()> {
        file::write(&self.path, content)
            .map_err(|error| IpcError::file(words::people::not_written(&self.path, &error.to_string())))
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether two names are of the same account.
pub(super) fn same(one: &str, other: &str) -> bool {
    name_key(one) == name_key(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(dir: &tempfile::TempDir) -> Book {
        Book::open(dir.path().join("people.json"))
    }

    fn call(from: &str, unix_ms: i64) -> Missed {
        Missed { from: from.into(), unix_ms }
    }

    #[test]
    fn contacts_are_of_their_server_and_outlive_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let first = book(&dir);
        for name in [" Zoe ", "ada", "ADA"] {
            first.add("ws://one", name).unwrap();
        }
        first.add("ws://two", "ben").unwrap();
        first.set_camera_on(true).unwrap();
        let again = book(&dir);
        assert_eq!(again.page("ws://one").contacts, ["ada", "Zoe"]);
        assert_eq!(again.page("ws://two").contacts, ["ben"]);
        assert!(again.camera_on() && again.page("ws://three").contacts.is_empty());
        assert_eq!(again.remove("ws://one", "zoe").unwrap().contacts, ["ada"]);
    }

    #[test]
    fn what_cannot_be_a_name_and_what_is_too_much_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let book = book(&dir);
        for wrong in ["", "  ", "a\nb", &"x".repeat(65)] {
            assert!(book.add("ws://one", wrong).is_err());
        }
        for n in 0..MOST_CONTACTS {
            book.add("ws://one", &format!("name{n}")).unwrap();
        }
        assert!(book.add("ws://one", "one-more").unwrap_err().message.contains("200"));
        assert!(book.add("ws://one", "NAME7").is_ok(), "it is there already");
    }

    #[test]
    fn missed_calls_are_noted_once_the_latest_first_and_not_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let book = book(&dir);
        for at in [2, 3, 1, 3] {
            book.missed("ws://one", call("ada", at)).unwrap();
        }
        let page = book.page("ws://one");
        assert_eq!(page.missed.iter().map(|missed| missed.unix_ms).collect::<Vec<_>>(), [3, 2, 1]);
        assert_eq!(book.seen("ws://one").unwrap().seen_ms, 3);
        for at in 0..2 * MOST_MISSED as i64 {
            book.missed("ws://one", call("ben", 10 + at)).unwrap();
        }
        let page = book.page("ws://one");
        assert_eq!((page.missed.len(), page.missed[0].unix_ms), (MOST_MISSED, 9 + 2 * MOST_MISSED as i64));
        book.missed("ws://one", call(&"x".repeat(1000), 5000)).unwrap();
        assert_ne!(book.page("ws://one").missed[0].unix_ms, 5000);
    }

    #[test]
    fn servers_come_and_go() {
        let dir = tempfile::tempdir().unwrap();
        let book = book(&dir);
        for n in 0..=MOST_SERVERS {
            book.add(&format!("ws://{n}"), "ada").unwrap();
        }
        assert!(book.page("ws://0").contacts.is_empty());
        assert_eq!(book.page("ws://1").contacts, ["ada"]);
    }
}
