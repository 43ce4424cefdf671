//! Who is here: which accounts have a device connected, and who wants to know.
//!
//! Invariant: a watcher is told of each change of those it watches, and of nobody else. What is kept is bounded by the
//! number of devices.
//!
//! `D` names a device's connection.

use std::{
    collections::{BTreeSet, HashMap},
    hash::Hash,
};

use super::AccountId;

/// Accounts that one device may watch: more contacts than a window shows.
pub(crate) const MAX_WATCHED: usize = 200;

/// Somebody came or went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change<D> {
    pub(crate) account: AccountId,
    pub(crate) here: bool,
    /// The devices to tell.
    pub(crate) watchers: Vec<D>,
}

/// The device watches as many as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("At most {MAX_WATCHED} people can be watched at a time. Stop watching some.")]
pub(crate) struct TooManyWatched;

/// The books of who is here.
#[derive(Debug)]
pub(crate) struct Presence<D> {
    here: HashMap<AccountId, BTreeSet<D>>,
    watchers: HashMap<AccountId, BTreeSet<D>>,
    watched: HashMap<D, BTreeSet<AccountId>>,
}

impl<D> Default for Presence<D> {
    fn default() -> Self {
        Self { here: HashMap::new(), watchers: HashMap::new(), watched: HashMap::new() }
    }
}

impl<D: Clone + Ord + Hash> Presence<D> {
    /// A device of this account is here. Gives a change if it is the first.
    pub(crate) fn came(&mut self, account: AccountId, device: D) -> Option<Change<D>> {
        let devices = self.here.entry(account).or_default();
        let first = devices.is_empty();
        devices.insert(device);
        first.then(|| self.change(account, true))
    }

    /// A device of this account is gone. Gives a change if it was the last.
    pub(crate) fn went(&mut self, account: AccountId, device: &D) -> Option<Change<D>> {
        let devices = self.here.get_mut(&account)?;
        devices.remove(device);
        if !devices.is_empty() {
            return None;
        }
        self.here.remove(&account);
        Some(self.change(account, false))
    }

    /// The devices of this account.
    pub(crate) fn devices(&self, account: AccountId) -> impl Iterator<Item = &D> {
        self.here.get(&account).into_iter().flatten()
    }

    /// Whether any device of this account is here.
    pub(crate) fn is_here(&self, account: AccountId) -> bool {
        self.here.contains_key(&account)
    }

    /// How many accounts are here.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.here.len()
    }

    /// From now on the watcher is told of this account; whether it is here now. Not to be called for a watcher whom the
    /// account blocks: to that one it is never here.
    pub(crate) fn watch(&mut self, watcher: D, account: AccountId) -> Result<bool, TooManyWatched> {
        let watched = self.watched.entry(watcher.clone()).or_default();
        if watched.len() >= MAX_WATCHED && !watched.contains(&account) {
            return Err(TooManyWatched);
        }
        watched.insert(account);
        self.watchers.entry(account).or_default().insert(watcher);
        Ok(self.is_here(account))
    }

    /// The watcher is told no more of this account: it does not want to be, or was blocked.
    pub(crate) fn unwatch(&mut self, watcher: &D, account: AccountId) {
        if let Some(watched) = self.watched.get_mut(watcher) {
            watched.remove(&account);
            if watched.is_empty() {
                self.watched.remove(watcher);
            }
        }
        self.remove_watcher(watcher, account);
    }

    /// The watcher's connection is gone.
    pub(crate) fn forget(&mut self, watcher: &D) {
        for account in self.watched.remove(watcher).unwrap_or_default() {
            self.remove_watcher(watcher, account);
        }
    }

    fn remove_watcher(&mut self, watcher: &D, account: AccountId) {
        if let Some(watchers) = self.watchers.get_mut(&account) {
            watchers.remove(watcher);
            if watchers.is_empty() {
                self.watchers.remove(&account);
            }
        }
    }

    fn change(&self, account: AccountId, here: bool) -> Change<D> {
        Change { account, here, watchers: self.watchers.get(&account).into_iter().flatten().cloned().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANNA: AccountId = AccountId(1);
    const BOB: AccountId = AccountId(2);

    fn change(account: AccountId, here: bool, watchers: &[u32]) -> Option<Change<u32>> {
        Some(Change { account, here, watchers: watchers.to_vec() })
    }

    #[test]
    fn only_the_first_to_come_and_the_last_to_go_make_a_change() {
        let mut presence = Presence::default();
        assert_eq!(presence.watch(9, ANNA), Ok(false));
        assert_eq!(presence.came(ANNA, 1), change(ANNA, true, &[9]));
        assert_eq!(presence.came(ANNA, 2), None);
        assert_eq!(presence.came(ANNA, 2), None);
        assert_eq!(presence.devices(ANNA).copied().collect::<Vec<_>>(), [1, 2]);
        assert_eq!(presence.count(), 1);
        assert_eq!(presence.watch(8, ANNA), Ok(true));
        assert_eq!(presence.went(ANNA, &2), None);
        assert_eq!(presence.went(ANNA, &7), None);
        assert_eq!(presence.went(ANNA, &1), change(ANNA, false, &[8, 9]));
        assert_eq!(presence.went(ANNA, &1), None);
        assert!(!presence.is_here(ANNA) && presence.devices(ANNA).next().is_none());
    }

    #[test]
    fn watchers_are_told_of_those_they_watch_until_they_stop() {
        let mut presence = Presence::default();
        for (watcher, account) in [(1, ANNA), (2, ANNA), (2, BOB), (3, ANNA)] {
            presence.watch(watcher, account).expect("few");
        }
        presence.unwatch(&1, ANNA);
        presence.forget(&3);
        assert_eq!(presence.came(ANNA, 5), change(ANNA, true, &[2]));
        assert_eq!(presence.came(BOB, 6), change(BOB, true, &[2]));
        presence.forget(&2);
        presence.unwatch(&2, BOB);
        assert_eq!(presence.went(BOB, &6), change(BOB, false, &[]));
        presence.went(ANNA, &5);
        assert!(presence.here.is_empty() && presence.watchers.is_empty() && presence.watched.is_empty());
    }

    #[test]
    fn a_device_watches_so_many_and_no_more() {
        let mut presence = Presence::default();
        let accounts = (0..MAX_WATCHED as i64).map(AccountId);
        for account in accounts {
            assert_eq!(presence.watch(1, account), Ok(false));
        }
        let one_more = AccountId(MAX_WATCHED as i64);
        assert_eq!(presence.watch(1, one_more), Err(TooManyWatched));
        assert_eq!(presence.watch(1, AccountId(0)), Ok(false), "watched already");
        presence.unwatch(&1, AccountId(0));
        assert_eq!(presence.watch(1, one_more), Ok(false));
    }
}
