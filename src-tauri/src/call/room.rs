//! The room around a call as the page shows it. Pure.

use std::collections::BTreeSet;

use sightline_call::RoomNews;
use sightline_protocol::{Role, RoomState};

use crate::ipc::{Person, RoomShown};
use crate::words;

/// How long it is shown what a host did.
const NOTICE_MS: i64 = 8000;

/// What is known of the room.
#[derive(Debug, Default)]
pub(super) struct RoomModel {
    state: Option<RoomState>,
    /// Participant ids of hosts besides us.
    hosts: BTreeSet<String>,
    ends_soon: bool,
    notice: Option<(String, i64)>,
}

impl RoomModel {
    /// Takes in what the call tells of the room.
    pub(super) fn event(&mut self, news: &RoomNews, now_ms: i64) {
        match news {
            RoomNews::State { state, seconds_left, token: _ } => {
                let before = self.state.replace((**state).clone());
                self.ends_soon |= seconds_left.is_some();
                if before.is_some_and(|before| before.role != state.role) {
                    self.notice = Some((words::role_changed(state.role).to_owned(), now_ms));
                }
            }
            RoomNews::Waiting { peer } => {
                if let Some(state) = &mut self.state {
                    let id = sightline_protocol::UserId(peer.id.clone());
                    state.waiting.retain(|one| one.user_id != id);
                    state.waiting.push(sightline_protocol::Waiting { user_id: id, name: peer.name.clone() });
                }
            }
            RoomNews::WaitingEnded { id } => {
                if let Some(state) = &mut self.state {
                    state.waiting.retain(|one| one.user_id.0 != *id);
                }
            }
            RoomNews::Watching { peer } => {
                if let Some(state) = &mut self.state {
                    let id = sightline_protocol::UserId(peer.id.clone());
                    state.observers.retain(|one| one.user_id != id);
                    state.observers.push(sightline_protocol::Waiting { user_id: id, name: peer.name.clone() });
                }
            }
            RoomNews::WatchingEnded { id } => {
                if let Some(state) = &mut self.state {
                    state.observers.retain(|one| one.user_id.0 != *id);
                }
            }
            RoomNews::Role { id, role: Role::Host } => drop(self.hosts.insert(id.clone())),
            RoomNews::Role { id, role: Role::Guest | Role::Observer } => drop(self.hosts.remove(id)),
            RoomNews::AskedToMute { by } => self.notice = Some((words::asked_to_mute(by), now_ms)),
        }
    }

    /// What the page shows.
    pub(super) fn shown(&self, now_ms: i64) -> Option<RoomShown> {
        let state = self.state.as_ref()?;
        let host = state.role == Role::Host;
        let people = |people: &[sightline_protocol::Waiting]| -> Vec<Person> {
            people.iter().map(|one| Person { id: one.user_id.0.clone(), name: one.name.clone() }).collect()
        };
        Some(RoomShown {
            name: state.name.clone(),
            host,
            hosts: host.then(String::new).into_iter().chain(self.hosts.iter().cloned()).collect(),
            locked: state.locked,
            waiting_room: state.waiting_room,
            ends_ms: state.expires_ms,
            ends_soon: self.ends_soon,
            waiting: people(&state.waiting),
            observers: people(&state.observers),
            notice: self.notice.as_ref().filter(|(_, at)| now_ms - at < NOTICE_MS).map(|(text, _)| text.clone()),
        })
    }
}

#[cfg(test)]
mod tests {
    use sightline_call::PeerInfo;

    use super::*;

    fn state(role: Role) -> RoomNews {
        let state = RoomState {
            id: "r1".into(),
            name: "Amber Canoe".into(),
            role,
            locked: false,
            waiting_room: true,
            expires_ms: Some(9),
            waiting: vec![],
            observers: vec![],
        };
        RoomNews::State { state: Box::new(state), seconds_left: None, token: None }
    }

    fn peer(id: &str) -> PeerInfo {
        PeerInfo { id: id.into(), name: format!("name of {id}") }
    }

    #[test]
    fn who_waits_is_there_once_and_until_it_is_let_in() {
        let mut room = RoomModel::default();
        room.event(&RoomNews::Waiting { peer: peer("u1") }, 0);
        assert_eq!(room.shown(0), None, "nothing is known of the room yet");
        room.event(&state(Role::Host), 0);
        room.event(&RoomNews::Waiting { peer: peer("u1") }, 0);
        room.event(&RoomNews::Waiting { peer: peer("u1") }, 0);
        room.event(&RoomNews::Waiting { peer: peer("u2") }, 0);
        let names = |room: &RoomModel| -> Vec<String> {
            room.shown(0).unwrap().waiting.into_iter().map(|one| one.name).collect()
        };
        assert_eq!(names(&room), ["name of u1", "name of u2"]);
        room.event(&RoomNews::WaitingEnded { id: "u1".into() }, 0);
        assert_eq!(names(&room), ["name of u2"]);
    }

    #[test]
    fn what_a_host_did_is_told_for_a_moment() {
        let mut room = RoomModel::default();
        room.event(&state(Role::Guest), 0);
        room.event(&RoomNews::Role { id: "u1".into(), role: Role::Host }, 0);
        assert_eq!(room.shown(0).unwrap().hosts, ["u1"]);
        room.event(&RoomNews::AskedToMute { by: "Ada".into() }, 1000);
        assert!(room.shown(1000).unwrap().notice.unwrap().contains("Ada"));
        assert_eq!(room.shown(1000 + NOTICE_MS).unwrap().notice, None);
        room.event(&state(Role::Host), 2000);
        let shown = room.shown(2000).unwrap();
        assert!(shown.host && shown.notice.is_some() && shown.hosts.contains(&String::new()));
    }

    #[test]
    fn a_warning_of_the_end_stays() {
        let mut room = RoomModel::default();
        let RoomNews::State { state, .. } = state(Role::Guest) else { unreachable!() };
        room.event(&RoomNews::State { state: state.clone(), seconds_left: Some(60), token: None }, 0);
        room.event(&RoomNews::State { state, seconds_left: None, token: None }, 1);
        let shown = room.shown(1).unwrap();
        assert_eq!((shown.ends_soon, shown.ends_ms), (true, Some(9)));
    }
}
