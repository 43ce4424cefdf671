//! Who was in a call. Someone who left and came back is one person with one line, not two.

use std::collections::HashMap;
use std::ops::Range;

use sightline_history::{Stay, StayId};

/// More lines than this cannot be told apart. Those who were there longest are drawn.
pub(crate) const MOST: usize = 16;

/// Letters of a name that are shown: it is what a stranger sent.
const LETTERS: usize = 32;

/// The people of a call.
#[derive(Debug, Clone, Default)]
pub(crate) struct People {
    /// Their names, in the order in which they came.
    pub(crate) names: Vec<String>,
    /// How many are not among them.
    pub(crate) left_out: usize,
    of_stay: HashMap<StayId, usize>,
}

#[derive(Debug)]
struct Person<'a> {
    peer: &'a str,
    name: Option<String>,
    present: Vec<Range<i64>>,
    stays: Vec<StayId>,
}

impl People {
    /// Finds out who is who. `end_ms` is when a stay ended that has no end.
    pub(crate) fn of(stays: &[Stay], end_ms: i64) -> Self {
        let mut people: Vec<Person<'_>> = Vec::new();
        for stay in stays {
            let range = stay.joined_ms..stay.left_ms.unwrap_or(end_ms);
            let name = stay.name.as_deref().map(shown).filter(|name| !name.is_empty());
            let known = people.iter_mut().find(|person| person.is(&stay.peer, name.as_deref(), &range));
            let person = match known {
                Some(person) => person,
                None => {
                    people.push(Person { peer: &stay.peer, name: None, present: Vec::new(), stays: Vec::new() });
                    let last = people.len() - 1;
                    &mut people[last]
                }
            };
            person.name = person.name.take().or(name);
            person.present.push(range);
            person.stays.push(stay.id);
        }
        let left_out = people.len().saturating_sub(MOST);
        if left_out > 0 {
            let mut lengths: Vec<i64> = people.iter().map(Person::length).collect();
            lengths.sort_unstable();
            let least = lengths[left_out];
            people.retain(|person| person.length() >= least);
            people.truncate(MOST);
        }
        let of_stay = people.iter().enumerate().flat_map(|(number, p)| p.stays.iter().map(move |stay| (*stay, number)));
        let of_stay = of_stay.collect();
        Self { names: names(&people), left_out, of_stay }
    }

    /// Whose stay it is, unless the person is left out.
    pub(crate) fn of_stay(&self, stay: StayId) -> Option<usize> {
        self.of_stay.get(&stay).copied()
    }
}

impl Person<'_> {
    /// The same participant; or the same name, at another time, as after a restart.
    fn is(&self, peer: &str, name: Option<&str>, range: &Range<i64>) -> bool {
        let apart = self.present.iter().all(|present| present.end <= range.start || range.end <= present.start);
        self.peer == peer || (name.is_some() && self.name.as_deref() == name && apart)
    }

    fn length(&self) -> i64 {
        self.present.iter().map(|range| range.end.saturating_sub(range.start)).fold(0, i64::saturating_add)
    }
}

fn names(people: &[Person<'_>]) -> Vec<String> {
    let mut seen: HashMap<String, u32> = HashMap::new();
    let name = |(number, person): (usize, &Person<'_>)| {
        let name = person.name.clone().unwrap_or_else(|| format!("Guest {}", number + 1));
        let times = seen.entry(name.clone()).and_modify(|times| *times += 1).or_insert(1);
        if *times > 1 { format!("{name} ({times})") } else { name }
    };
    people.iter().enumerate().map(name).collect()
}

/// A name on one line and not too long.
pub(crate) fn shown(name: &str) -> String {
    let visible = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut letters = visible.chars().filter(|letter| !letter.is_control());
    let mut short: String = letters.by_ref().take(LETTERS).collect();
    if letters.next().is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use sightline_history::SessionId;

    use super::*;

    fn stay(id: i64, peer: &str, name: Option<&str>, joined_ms: i64, left_ms: Option<i64>) -> Stay {
        Stay {
            id: StayId(id),
            session: SessionId(1),
            peer: peer.to_owned(),
            name: name.map(str::to_owned),
            joined_ms,
            left_ms,
            leave_reason: None,
            setup: Default::default(),
        }
    }

    #[test]
    fn who_comes_back_is_the_same_and_who_only_has_the_same_name_is_not() {
        let stays = [
            stay(1, "a", Some("Ada"), 0, Some(10)),
            stay(2, "b", Some("Ben"), 5, Some(50)),
            stay(3, "c", Some("Ada"), 20, Some(30)),
            stay(4, "d", Some("Ada"), 25, None),
            stay(5, "b", None, 60, None),
            stay(6, "e", None, 61, None),
        ];
        let people = People::of(&stays, 100);
        assert_eq!(people.names, ["Ada", "Ben", "Ada (2)", "Guest 4"]);
        let of: Vec<_> = (1..=6).map(|id| people.of_stay(StayId(id))).collect();
        assert_eq!(of, [Some(0), Some(1), Some(0), Some(2), Some(1), Some(3)]);
        assert_eq!(people.of_stay(StayId(9)), None);
    }

    #[test]
    fn those_who_were_there_longest_are_kept() {
        let stays: Vec<_> = (0..40).map(|n| stay(n, &n.to_string(), None, 0, Some(1000 - n))).collect();
        let people = People::of(&stays, 0);
        assert_eq!((people.names.len(), people.left_out), (MOST, 24));
        assert_eq!((people.of_stay(StayId(15)), people.of_stay(StayId(16))), (Some(15), None));
    }

    #[test]
    fn a_name_is_one_short_line() {
        assert_eq!(shown(" Ada\n\u{7}Love\tlace "), "Ada Love lace");
        assert_eq!(shown(&"x".repeat(1000)), format!("{}…", "x".repeat(32)));
    }
}
