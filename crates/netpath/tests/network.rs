//! What the network promises, in virtual time.

use std::time::{Duration, Instant};

use sightline_netpath::{Change, Conditions, Line, Loss, Network, Parcel, Party};

const MS: Duration = Duration::from_millis(1);

fn parcel(from: usize, to: usize, sent: Instant, content: u32) -> Parcel<u32> {
    Parcel { from: Party(from), to: Party(to), address: 0, bytes: 1000, spared: false, sent, content }
}

/// What arrives until `end`, and when after `start`.
fn arrivals(network: &mut Network<u32>, start: Instant, end: Instant) -> Vec<(Duration, u32)> {
    std::iter::from_fn(|| network.poll(end)).map(|(at, parcel)| (at - start, parcel.content)).collect()
}

#[test]
fn a_packet_passes_one_line_up_and_the_other_down() {
    let start = Instant::now();
    let line = |delay| Line::new(Conditions { delay, ..Conditions::default() }, 1);
    let mut network = Network::new(vec![line(20 * MS), line(5 * MS), Line::perfect()]);
    network.send(parcel(0, 1, start, 1));
    network.send(parcel(1, 2, start + MS, 2));
    network.send(parcel(2, 0, start + 2 * MS, 3));
    assert_eq!(network.due(), Some(start + 2 * MS), "the perfect line is passed at once");
    assert!(network.poll(start + 5 * MS).is_none());
    assert_eq!(arrivals(&mut network, start, start + 100 * MS), [(6 * MS, 2), (22 * MS, 3), (25 * MS, 1)]);
    assert_eq!(network.due(), None);
}

#[test]
fn all_who_send_to_one_share_its_line() {
    let start = Instant::now();
    // 8 ms for a packet of 1000 bytes.
    let slow = Conditions { rate: Some(1_000_000), ..Conditions::default() };
    let mut network = Network::new(vec![Line::new(slow, 1), Line::perfect(), Line::perfect()]);
    for from in [1, 2, 1, 2] {
        network.send(parcel(from, 0, start, from as u32));
    }
    let arrived = arrivals(&mut network, start, start + 100 * MS);
    assert_eq!(arrived, [(8 * MS, 1), (16 * MS, 2), (24 * MS, 1), (32 * MS, 2)]);
}

#[test]
fn a_caller_who_is_late_changes_nothing_but_the_delay() {
    let start = Instant::now();
    let conditions =
        Conditions { delay: 20 * MS, rate: Some(2_000_000), jitter: 30 * MS, reorder: true, ..Conditions::default() };
    let conditions = Conditions { loss: Loss::Random { probability: 0.1 }, ..conditions };
    let run = |step: u32| {
        let mut network = Network::new(vec![Line::new(conditions, 7), Line::new(conditions, 8)]);
        let mut arrived = Vec::new();
        for index in 0..500 {
            let now = start + 5 * MS * index;
            network.send(parcel(0, 1, now, index));
            if index % step == 0 {
                arrived.extend(arrivals(&mut network, start, now));
            }
        }
        arrived.extend(arrivals(&mut network, start, start + Duration::from_secs(60)));
        arrived
    };
    let punctual = run(1);
    assert!(punctual.len() < 450 && punctual.len() > 350, "{} arrived", punctual.len());
    assert_eq!(punctual, run(37));
}

#[test]
fn a_new_address_loses_what_is_under_way_to_the_old_one() {
    let start = Instant::now();
    let mut network =
        Network::new(vec![Line::perfect(), Line::new(Conditions { delay: 20 * MS, ..Conditions::default() }, 1)]);
    network.line(Party(1)).expect("a line").schedule(start + 10 * MS, Change::Address);
    network.send(parcel(0, 1, start, 1));
    network.send(parcel(0, 1, start + 10 * MS, 2));
    assert_eq!(network.address(Party(1), start + 11 * MS), 1);
    network.send(Parcel { address: 1, ..parcel(0, 1, start + 12 * MS, 3) });
    assert_eq!(arrivals(&mut network, start, start + 100 * MS), [(20 * MS, 1), (32 * MS, 3)]);
    assert_eq!(network.line(Party(1)).expect("a line").counters()[1].unreachable, 1);
}

#[test]
fn spared_packets_are_lost_to_outages_alone() {
    let start = Instant::now();
    let all_lost = Conditions { loss: Loss::Random { probability: 1.0 }, ..Conditions::default() };
    let mut network = Network::new(vec![Line::new(all_lost, 1), Line::new(all_lost, 2)]);
    let spared = |now, content| Parcel { spared: true, ..parcel(0, 1, now, content) };
    network.send(parcel(0, 1, start, 1));
    network.send(spared(start, 2));
    network.line(Party(1)).expect("a line").schedule(start + MS, Change::Down);
    network.send(spared(start + MS, 3));
    assert_eq!(arrivals(&mut network, start, start + 100 * MS), [(Duration::ZERO, 2)]);
}

#[test]
fn parties_that_are_not_there_get_nothing() {
    let start = Instant::now();
    let mut network = Network::new(vec![Line::perfect()]);
    network.send(parcel(0, 5, start, 1));
    network.send(parcel(5, 0, start, 2));
    assert!(network.poll(start + MS).is_none());
    assert!(network.line(Party(5)).is_none());
}
