//! People by name, and random partners.

use sightline_protocol::{EndReason, MeetAction, MeetNews, PeopleAction, PeopleNews};

use super::*;
use crate::{
    accounts::{Account, AccountId, lists::MissedCall},
    hub::{Deed, Device},
    token::TokenHash,
};

fn account(n: i64, name: &str) -> Account {
    Account { id: AccountId::nth(n), name: name.into(), admin: false }
}

impl World {
    /// A device of an account.
    fn device(&mut self, account: &Account) -> ConnId {
        self.device_with(account, vec![])
    }

    fn device_with(&mut self, account: &Account, missed: Vec<MissedCall>) -> ConnId {
        let conn = self.connect();
        let session = TokenHash::of(&format!("session of {conn}"));
        let device = Device { account: account.clone(), session, blocked: Default::default(), missed };
        let known = Known { device: Some(device), ..Known::default() };
        self.with_effects(|hub, now, out| hub.message(conn, hello(None), known, now, out));
        let heard = self.inboxes.entry(conn).or_default().remove(0);
        assert!(
            matches!(&heard, ServerMessage::Welcome { account: Some(name), .. } if *name == account.name),
            "{heard:?}"
        );
        conn
    }

    fn people(&mut self, conn: ConnId, action: PeopleAction, accounts: &[&Account]) {
        let accounts = accounts.iter().copied().cloned().collect();
        let known = Known { accounts, ..Known::default() };
        self.with_effects(|hub, now, out| hub.message(conn, ClientMessage::People(action), known, now, out));
    }

    fn ring(&mut self, conn: ConnId, callee: &Account, code: &str) {
        let action = PeopleAction::Ring { name: callee.name.clone(), room_id: code.into() };
        self.people(conn, action, &[callee]);
    }

    fn news(&mut self, conn: ConnId) -> Vec<PeopleNews> {
        let news = |message| match message {
            ServerMessage::People(news) => news,
            other => panic!("not about people: {other:?}"),
        };
        self.heard(conn).into_iter().map(news).collect()
    }

    fn meeting(&mut self, conn: ConnId) -> Vec<MeetNews> {
        let news = |message| match message {
            ServerMessage::Meet(news) => Some(news),
            _ => None,
        };
        self.heard(conn).into_iter().filter_map(news).collect()
    }
}

fn incoming(news: &[PeopleNews]) -> String {
    match news {
        [PeopleNews::Incoming { ring_id, .. }] => ring_id.clone(),
        other => panic!("it does not ring: {other:?}"),
    }
}

fn over(news: &[PeopleNews]) -> Vec<&str> {
    let outcomes = news.iter().filter_map(|news| match news {
        PeopleNews::RingEnded { outcome, .. } => Some(outcome.as_str()),
        _ => None,
    });
    outcomes.collect()
}

#[test]
fn a_call_rings_on_all_devices_and_the_first_that_takes_it_has_it() {
    let (ada, grace) = (account(1, "Ada"), account(2, "Grace"));
    let mut world = World::new();
    let code = world.room();
    let (caller, phone, laptop) = (world.device(&ada), world.device(&grace), world.device(&grace));
    world.ring(caller, &grace, &code);
    let news = world.news(caller);
    assert!(matches!(&news[..], [PeopleNews::Ringing { devices: 2, name, .. }] if name == "Grace"), "{news:?}");
    let rung = world.news(phone);
    assert!(
        matches!(&rung[..], [PeopleNews::Incoming { from, room_id, seconds: 45, .. }] if from == "Ada" && *room_id == code),
        "{rung:?}"
    );
    let ring_id = incoming(&rung);
    assert_eq!(incoming(&world.news(laptop)), ring_id);

    world.people(laptop, PeopleAction::Accept { ring_id: ring_id.clone() }, &[]);
    assert_eq!(over(&world.news(laptop)), ["accepted"]);
    assert_eq!(over(&world.news(phone)), ["elsewhere"]);
    assert_eq!(over(&world.news(caller)), ["accepted"]);
    assert_eq!(world.refusal(phone, ClientMessage::People(PeopleAction::Accept { ring_id })), ErrorCode::Gone);
    assert_eq!(world.deeds, []);
}

#[test]
fn a_call_that_nobody_takes_is_missed_and_told_when_somebody_comes() {
    let (ada, grace) = (account(1, "Ada"), account(2, "Grace"));
    let mut world = World::new();
    let code = world.room();
    let caller = world.device(&ada);
    world.ring(caller, &grace, &code);
    let news = world.news(caller);
    assert_eq!(over(&news), ["unreachable"], "{news:?}");
    let [Deed::Missed { callee, caller: from, room, unix_ms }] = &world.deeds[..] else { panic!("{:?}", world.deeds) };
    assert_eq!((*callee, from.name.as_str(), *unix_ms), (grace.id, "Ada", UNIX_MS));
    let missed = MissedCall { id: 7, from: from.clone(), room: room.clone(), unix_ms: *unix_ms };
    world.deeds.clear();

    let phone = world.device_with(&grace, vec![missed]);
    assert_eq!(world.news(phone), [PeopleNews::Missed { from: "Ada".into(), unix_ms: UNIX_MS }]);
    assert_eq!(world.deeds, [Deed::MissedSeen { account: grace.id, up_to: 7 }]);

    // With a device here it is told at once.
    world.ring(caller, &grace, &code);
    world.news(phone);
    world.pass(secs(45));
    let news = world.news(phone);
    assert!(over(&news) == ["timed-out"] && news.iter().any(|n| matches!(n, PeopleNews::Missed { .. })), "{news:?}");
    assert_eq!(over(&world.news(caller)), ["timed-out"]);
}

#[test]
fn declining_and_hanging_up_end_it_everywhere() {
    let (ada, grace) = (account(1, "Ada"), account(2, "Grace"));
    let mut world = World::new();
    let code = world.room();
    let (caller, phone, laptop) = (world.device(&ada), world.device(&grace), world.device(&grace));
    world.ring(caller, &grace, &code);
    world.news(caller);
    world.news(laptop);
    let ring_id = incoming(&world.news(phone));
    world.people(phone, PeopleAction::Decline { ring_id }, &[]);
    assert_eq!((over(&world.news(caller)), over(&world.news(laptop))), (vec!["declined"], vec!["elsewhere"]));

    world.ring(caller, &grace, &code);
    world.news(phone);
    world.drop_socket(caller);
    assert!(over(&world.news(phone)) == ["cancelled"]);
}

#[test]
fn who_watches_hears_who_is_here_and_others_hear_nothing() {
    let (ada, grace) = (account(1, "Ada"), account(2, "Grace"));
    let mut world = World::new();
    let watcher = world.device(&ada);
    let stranger = world.device(&account(3, "Eve"));
    world.people(watcher, PeopleAction::Watch { names: vec!["grace".into()] }, &[&grace]);
    let presence = |here| PeopleNews::Presence { name: "Grace".into(), here };
    assert_eq!(world.news(watcher), [presence(false)]);
    let (phone, laptop) = (world.device(&grace), world.device(&grace));
    assert_eq!(world.news(watcher), [presence(true)]);
    world.drop_socket(phone);
    assert_eq!(world.news(watcher), []);
    world.drop_socket(laptop);
    assert_eq!((world.news(watcher), world.news(stranger)), (vec![presence(false)], vec![]));
}

#[test]
fn without_an_account_nobody_is_called_or_watched() {
    let mut world = World::new();
    let (guest, _) = world.hello(None);
    for action in [
        PeopleAction::Watch { names: vec!["grace".into()] },
        PeopleAction::Ring { name: "grace".into(), room_id: "a-b".into() },
        PeopleAction::Accept { ring_id: "c0000000000000001".into() },
    ] {
        assert_eq!(world.refusal(guest.conn, ClientMessage::People(action)), ErrorCode::Unauthorized);
    }
    let ada = world.device(&account(1, "Ada"));
    let odd = PeopleAction::Accept { ring_id: "'); DROP".into() };
    assert_eq!(world.refusal(ada, ClientMessage::People(odd)), ErrorCode::Gone);
    let nobody = PeopleAction::Ring { name: "nobody".into(), room_id: "a-b".into() };
    assert_eq!(world.refusal(ada, ClientMessage::People(nobody)), ErrorCode::UnknownPerson);
}

fn enter(name: &str) -> ClientMessage {
    ClientMessage::Meet(MeetAction::Enter { name: name.into() })
}

fn paired(news: &[MeetNews]) -> (String, String, String, bool) {
    match news {
        [.., MeetNews::Paired { room_id, token, partner, offers }] => {
            (room_id.clone(), token.clone(), partner.clone(), *offers)
        }
        other => panic!("not paired: {other:?}"),
    }
}

/// Two strangers who met: their sockets, and the tokens for their room.
fn strangers(world: &mut World) -> [(ConnId, String, String, bool); 2] {
    let (ada, grace) = (world.hello(None).0.conn, world.hello(None).0.conn);
    world.say(ada, enter("Ada"));
    assert_eq!(world.meeting(ada), [MeetNews::Queued { others: 0 }]);
    world.say(grace, enter("Grace"));
    [ada, grace].map(|conn| {
        let (code, token, _, offers) = paired(&world.meeting(conn));
        (conn, code, token, offers)
    })
}

#[test]
fn two_strangers_get_a_room_and_the_one_who_offers_comes_in_last() {
    let mut world = World::new();
    let [(_, code, first, a_offers), (_, other_code, second, b_offers)] = strangers(&mut world);
    assert_eq!((code.clone(), a_offers, b_offers), (other_code, false, true));
    // The one who offers is in a hurry, and waits for the other one.
    let (grace, ada) = (world.hello(None).0, world.hello(None).0);
    let answer = world.ask(grace.conn, join_with(&code, Some(second)));
    assert!(matches!(answer.as_slice(), [ServerMessage::Waiting { .. }]), "{answer:?}");
    let answer = world.ask(ada.conn, join_with(&code, Some(first)));
    assert!(
        matches!(&answer[..], [ServerMessage::Join { participants, .. }, ServerMessage::Update { .. }] if participants.is_empty()),
        "{answer:?}"
    );
    let heard = world.heard(grace.conn);
    assert!(
        matches!(&heard[..], [ServerMessage::Join { participants, .. }] if participants[0].user_id == ada.id),
        "{heard:?}"
    );
    // Nobody else comes in.
    let (eve, _) = world.hello(None);
    assert_eq!(world.refusal(eve.conn, join(&code, "Eve")), ErrorCode::RoomFull);
}

#[test]
fn next_puts_both_back_and_the_same_two_do_not_meet_while_others_wait() {
    let mut world = World::new();
    let [(ada, code, first, _), (grace, ..)] = strangers(&mut world);
    let (seat, _) = world.hello(None);
    world.say(seat.conn, join_with(&code, Some(first)));
    world.heard(seat.conn);
    let alan = world.hello(None).0.conn;
    world.say(alan, enter("Alan"));
    world.meeting(alan);
    world.say(ada, ClientMessage::Meet(MeetAction::Next {}));
    // The room is over for whoever was in it, and one of the two has met the one who waited longest.
    assert_eq!(world.heard(seat.conn), [ServerMessage::Ended { room_id: code, reason: EndReason::Partner }]);
    let (_, _, partner, _) = paired(&world.meeting(alan));
    assert!(partner == "Ada" || partner == "Grace", "{partner}");
    let news = world.meeting(grace);
    assert!(news.contains(&MeetNews::PartnerLeft {}), "{news:?}");
}

#[test]
fn who_leaves_the_room_leaves_the_partner_who_waits_again() {
    let mut world = World::new();
    let [(ada, code, first, _), (grace, ..)] = strangers(&mut world);
    let (seat, _) = world.hello(None);
    world.say(seat.conn, join_with(&code, Some(first)));
    world.say(seat.conn, ClientMessage::Leave {});
    assert_eq!(world.meeting(ada), [MeetNews::Left {}]);
    let news = world.meeting(grace);
    assert!(matches!(&news[..], [MeetNews::PartnerLeft {}, MeetNews::Queued { .. }]), "{news:?}");
    assert!(world.hub.room_info(HERE, &code, world.now()).is_err());
    // And the socket itself that is lost.
    let alan = world.hello(None).0.conn;
    world.say(alan, enter("Alan"));
    paired(&world.meeting(grace));
    world.drop_socket(alan);
    assert!(world.meeting(grace).contains(&MeetNews::PartnerLeft {}));
}

#[test]
fn blocked_partners_do_not_meet_again_and_reports_reach_the_admin() {
    let mut world = World::new();
    let [(ada, ..), (grace, ..)] = strangers(&mut world);
    let report = ClientMessage::Meet(MeetAction::Report { reason: " Insults 🦀 ".into() });
    assert_eq!(world.ask(ada, report), [], "nothing is said before it is kept");
    let [Deed::Report { who, whom, reason, .. }] = &world.deeds[..] else { panic!("{:?}", world.deeds) };
    assert_eq!((who.name.as_str(), whom.name.as_str(), reason.as_str()), ("Ada", "Grace", "Insults 🦀"));
    let empty = ClientMessage::Meet(MeetAction::Report { reason: " ".into() });
    assert_eq!(world.refusal(ada, empty), ErrorCode::BadMessage);

    world.say(ada, ClientMessage::Meet(MeetAction::Block {}));
    world.meeting(ada);
    world.meeting(grace);
    world.pass(secs(600));
    let (a, g) = (world.meeting(ada), world.meeting(grace));
    assert!(a.is_empty() && g.is_empty(), "they met again: {a:?} {g:?}");
}

#[test]
fn a_pair_that_does_not_come_is_let_go() {
    let mut world = World::new();
    let [(ada, code, ..), (grace, ..)] = strangers(&mut world);
    world.pass(secs(60));
    assert_eq!((world.meeting(ada), world.meeting(grace)), (vec![MeetNews::Left {}], vec![MeetNews::Left {}]));
    assert!(world.hub.room_info(HERE, &code, world.now()).is_err());
    world.say(ada, enter("Ada"));
    assert_eq!(world.meeting(ada), [MeetNews::Queued { others: 0 }]);
}

#[test]
fn a_device_whose_session_is_over_is_nobodys_at_once_and_its_call_goes_on() {
    let (ada, grace) = (account(1, "Ada"), account(2, "Grace"));
    let mut world = World::new();
    let code = world.room();
    let (watcher, phone, laptop) = (world.device(&grace), world.device(&ada), world.device(&ada));
    world.people(watcher, PeopleAction::Watch { names: vec!["ada".into()] }, &[&ada]);
    world.say(phone, join(&code, "Ada"));
    world.say(laptop, enter("Ada"));
    world.inboxes.clear();

    let session = |conn: ConnId| TokenHash::of(&format!("session of {conn}"));
    let sign_out = |world: &mut World, is_over: &dyn Fn(&TokenHash) -> bool| {
        world.with_effects(|hub, now, out| hub.signed_out(ada.id, is_over, now, out));
    };
    sign_out(&mut world, &|other| other.as_bytes() == session(phone).as_bytes());
    assert_eq!(world.news(phone), [PeopleNews::SignedOut {}]);
    assert_eq!((world.heard(laptop), world.news(watcher)), (vec![], vec![]), "one device is still here");
    // It is not called by name any more, and has nothing to say about people; in its room it stays.
    world.ring(watcher, &ada, &code);
    let news = world.news(watcher);
    assert!(matches!(&news[..], [PeopleNews::Ringing { devices: 1, .. }]), "{news:?}");
    assert_eq!(world.heard(phone), []);
    let watch = ClientMessage::People(PeopleAction::Watch { names: vec![] });
    assert_eq!(world.refusal(phone, watch), ErrorCode::Unauthorized);
    assert!(matches!(world.ask(phone, chat("still here"))[..], [ServerMessage::Chat { .. }]));

    world.heard(laptop);
    sign_out(&mut world, &|_| true);
    let heard = world.heard(laptop);
    let expected = [ServerMessage::Meet(MeetNews::Left {}), ServerMessage::People(PeopleNews::SignedOut {})];
    assert!(expected.iter().all(|message| heard.contains(message)), "{heard:?}");
    let gone = PeopleNews::Presence { name: "Ada".into(), here: false };
    assert!(world.news(watcher).contains(&gone));
    // Nothing of them is left behind.
    world.drop_socket(laptop);
    world.drop_socket(phone);
    assert!(world.hub.meetings.is_empty() && !world.hub.presence.is_here(ada.id));
}
