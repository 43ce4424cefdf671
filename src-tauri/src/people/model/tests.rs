//! The model in virtual time, with a server that does as scripted.

use sightline_protocol::{MeetNews, PeopleNews};

use super::meeting::PARTING;
use super::*;

struct Stage {
    model: Model,
    now: Instant,
}

/// What the account is called on this stage.
const ME: &str = "ada";

impl Stage {
    /// Signed in, with contacts, and the server there.
    fn signed_in(contacts: &[&str]) -> Self {
        let mut stage = Self::signed_out();
        let contacts = contacts.iter().map(|name| (*name).to_owned()).collect();
        let standing = Standing { accounts: Some(true), name: Some(ME.into()), contacts, ..Standing::default() };
        assert_eq!(stage.does(|model, _, out| model.set_standing(standing, out)), [], "the server is not there yet");
        stage.hears(LoungeEvent::Here { account: Some(ME.into()) });
        stage
    }

    fn signed_out() -> Self {
        Self { model: Model::default(), now: Instant::now() }
    }

    fn does<T>(&mut self, work: impl FnOnce(&mut Model, Instant, &mut Vec<Effect>) -> T) -> Vec<Effect> {
        let mut out = Vec::new();
        work(&mut self.model, self.now, &mut out);
        out
    }

    fn hears(&mut self, event: LoungeEvent) -> Vec<Effect> {
        self.does(|model, now, out| model.hear(event, false, now, out))
    }

    fn news(&mut self, news: PeopleNews) -> Vec<Effect> {
        self.hears(LoungeEvent::People(news))
    }

    fn meets(&mut self, news: MeetNews) -> Vec<Effect> {
        self.hears(LoungeEvent::Meet(news))
    }

    fn refused(&mut self, code: ErrorCode) -> Vec<Effect> {
        self.hears(LoungeEvent::Refused { code, message: "No.".into() })
    }

    fn lost(&mut self) -> Vec<Effect> {
        self.hears(LoungeEvent::Away { cause: "gone".into() })
    }

    /// Lets time go by, and everything happen that is due.
    fn after(&mut self, time: Duration) -> Vec<Effect> {
        let end = self.now + time;
        let mut effects = Vec::new();
        while let Some(due) = self.model.next_deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            effects.extend(self.does(|model, now, out| model.tick(now, out)));
        }
        self.now = end;
        effects
    }

    fn rings(&mut self, id: &str, from: &str) -> Vec<Effect> {
        let (ring_id, from, room_id) = (id.into(), from.into(), format!("room-of-{from}"));
        self.news(PeopleNews::Incoming { ring_id, from, room_id, seconds: 45 })
    }

    fn ends(&mut self, id: &str, outcome: &str) -> Vec<Effect> {
        self.news(PeopleNews::RingEnded { ring_id: id.into(), outcome: outcome.into() })
    }

    /// Calls Ben, and it rings on one device.
    fn calls_ben(&mut self) {
        let asked = self.does(|model, now, out| model.call("ben", "a-b", now, out).unwrap());
        assert_eq!(asked, [Effect::People(PeopleAction::Ring { name: "ben".into(), room_id: "a-b".into() })]);
        assert_eq!(self.ringing(1), [enter("a-b")]);
    }

    fn ringing(&mut self, devices: u32) -> Vec<Effect> {
        self.news(PeopleNews::Ringing { ring_id: "c1".into(), name: "ben".into(), devices })
    }

    /// In the queue.
    fn waits(&mut self) {
        self.does(|model, _, out| model.enter("Ada", out));
        self.hears(LoungeEvent::Here { account: None });
        self.meets(MeetNews::Queued { others: 2 });
    }

    fn paired(&mut self, code: &str) -> Vec<Effect> {
        let (room_id, token, partner) = (code.into(), "pass".into(), "Zoe".into());
        self.meets(MeetNews::Paired { room_id, token, partner, offers: true })
    }

    fn meet(&self) -> MeetState {
        self.model.state().meet
    }
}

fn enter(code: &str) -> Effect {
    Effect::Enter(Room { code: code.into(), token: None, partner: None })
}

fn enter_meeting(code: &str) -> Effect {
    Effect::Enter(Room { code: code.into(), token: Some("pass".into()), partner: Some("Zoe".into()) })
}

fn leave(room: &str) -> Effect {
    Effect::Leave { room: room.into(), why: None }
}

fn asks_in() -> Effect {
    Effect::Meet(MeetAction::Enter { name: "Ada".into() })
}

fn cancel(id: &str) -> Effect {
    Effect::People(PeopleAction::Cancel { ring_id: id.into() })
}

fn watch(names: &[&str]) -> Effect {
    Effect::People(PeopleAction::Watch { names: names.iter().map(|name| (*name).to_owned()).collect() })
}

#[test]
fn contacts_are_watched_and_shown_as_the_server_says() {
    let mut stage = Stage::signed_in(&["Ben", "cleo"]);
    let here = |stage: &Stage| stage.model.state().contacts.into_iter().map(|one| one.here).collect::<Vec<_>>();
    assert_eq!(here(&stage), [None, None]);
    stage.news(PeopleNews::Presence { name: "ben".into(), here: true });
    stage.news(PeopleNews::Presence { name: "CLEO".into(), here: false });
    stage.news(PeopleNews::Presence { name: "stranger".into(), here: true });
    assert_eq!(here(&stage), [Some(true), Some(false)]);
    let standing = Standing { contacts: vec!["Ben".into(), "dora".into()], ..stage.model.standing() };
    assert_eq!(stage.does(|model, _, out| model.set_standing(standing, out)), [watch(&["Ben", "dora"])]);
    assert_eq!(here(&stage), [Some(true), None]);
    stage.lost();
    assert_eq!(here(&stage), [None, None], "nobody knows");
    assert!(!stage.model.state().here && stage.model.state().note.is_some());
    let back = stage.hears(LoungeEvent::Here { account: Some(ME.into()) });
    assert_eq!(back, [watch(&["Ben", "dora"])]);
    assert_eq!(stage.model.state().note, None);
}

#[test]
fn a_token_that_is_good_no_more_signs_out() {
    let mut stage = Stage::signed_in(&[]);
    stage.lost();
    assert_eq!(stage.hears(LoungeEvent::Here { account: None }), [Effect::SignedOut]);
    let mut stage = Stage::signed_in(&[]);
    let elsewhere = || LoungeEvent::People(PeopleNews::SignedOut {});
    assert_eq!(stage.hears(elsewhere()), [Effect::SignedOut]);
    assert_eq!(Stage::signed_out().hears(elsewhere()), [], "who signed out here is not told of it");
    let mut stage = Stage::signed_in(&[]);
    let unauthorized = sightline_call::CallError::Refused { code: ErrorCode::Unauthorized, message: "No.".into() };
    assert_eq!(stage.hears(LoungeEvent::NotTaken(unauthorized)), [Effect::SignedOut]);
    let full = sightline_call::CallError::Refused { code: ErrorCode::ServerFull, message: "Full.".into() };
    assert_eq!(stage.hears(LoungeEvent::NotTaken(full)), []);
    assert!(stage.model.state().note.unwrap().contains("Full"));
}

#[test]
fn a_call_that_is_taken_goes_on() {
    let mut stage = Stage::signed_in(&[]);
    stage.calls_ben();
    assert_eq!(stage.model.state().outgoing.unwrap().devices, Some(1));
    assert_eq!(stage.ends("c1", "accepted"), []);
    assert_eq!(stage.model.state().outgoing, None);
    assert_eq!(stage.model.came_to_nothing(), None);
    assert_eq!(stage.after(Duration::from_secs(600)), []);
}

#[test]
fn a_call_that_nobody_takes_is_left_with_a_sentence() {
    for (outcome, word) in [("declined", "declined"), ("timed-out", "not answered"), ("busy", "in a call")] {
        let mut stage = Stage::signed_in(&[]);
        stage.calls_ben();
        let effects = stage.ends("c1", outcome);
        let [Effect::Leave { room, why: Some(why) }] = &effects[..] else { panic!("{effects:?}") };
        assert_eq!(room, "a-b");
        assert!(why.contains("ben") && why.contains(word), "{why}");
        assert_eq!(stage.model.came_to_nothing().as_ref(), Some(why));
        assert!(stage.does(|model, now, out| assert!(model.call("ben", "a-b", now, out).is_ok())).len() == 1);
    }
}

#[test]
fn nobody_sees_a_call_begin_that_rings_nowhere() {
    let mut stage = Stage::signed_in(&[]);
    stage.does(|model, now, out| model.call("ben", "a-b", now, out).unwrap());
    assert_eq!(stage.ringing(0), []);
    assert_eq!(stage.ends("c1", "unreachable"), []);
    assert!(stage.model.came_to_nothing().unwrap().contains("not here"));
    stage.does(|model, now, out| model.call("nobody", "a-b", now, out).unwrap());
    assert_eq!(stage.refused(ErrorCode::UnknownPerson), []);
    assert_eq!((stage.model.state().outgoing, stage.model.came_to_nothing()), (None, Some("No.".into())));
}

#[test]
fn who_calls_can_give_up_at_any_time() {
    let mut stage = Stage::signed_in(&[]);
    stage.calls_ben();
    assert_eq!(stage.does(|model, _, out| model.call_left(out)), [cancel("c1"), leave("a-b")]);
    assert_eq!(stage.ends("c1", "cancelled"), []);
    // Before the server has said that it rings.
    stage.does(|model, now, out| model.call("ben", "a-b", now, out).unwrap());
    assert_eq!(stage.does(|model, _, out| model.call_left(out)), [leave("a-b")]);
    assert_eq!(stage.ringing(1), [cancel("c1")]);
    // A server that never says how it ended.
    stage.calls_ben();
    let late = stage.after(Duration::from_secs(61));
    assert!(matches!(&late[..], [first, Effect::Leave { why: Some(_), .. }] if *first == cancel("c1")), "{late:?}");
    // And one that is lost.
    stage.calls_ben();
    assert!(matches!(&stage.lost()[..], [Effect::Leave { why: Some(why), .. }] if why.contains("lost")));
}

#[test]
fn only_who_is_signed_in_free_and_connected_calls() {
    let mut stage = Stage::signed_out();
    let may = |stage: &Stage| stage.model.may_call().map_err(|error| error.message);
    assert!(may(&stage).unwrap_err().contains("Sign in"));
    stage = Stage::signed_in(&[]);
    assert_eq!(may(&stage), Ok(()));
    stage.calls_ben();
    assert!(may(&stage).unwrap_err().contains("already"));
    stage = Stage::signed_in(&[]);
    stage.waits();
    assert!(may(&stage).unwrap_err().contains("meeting"));
    stage = Stage::signed_in(&[]);
    stage.lost();
    assert!(may(&stage).unwrap_err().contains("cannot be reached"));
}

#[test]
fn a_call_that_comes_in_is_entered_when_the_server_says_it_is_ours() {
    let mut stage = Stage::signed_in(&[]);
    assert_eq!(stage.rings("c1", "ben"), [Effect::Attention]);
    assert!(stage.model.sounds());
    assert_eq!(stage.rings("c1", "ben"), [], "told twice");
    let accept = Effect::People(PeopleAction::Accept { ring_id: "c1".into() });
    assert_eq!(stage.does(|model, _, out| model.accept("c1", out).unwrap()), [accept]);
    assert_eq!(stage.does(|model, _, out| model.accept("c1", out).unwrap()), [], "pressed twice");
    assert!(!stage.model.sounds() && stage.model.state().incoming.unwrap().accepted);
    assert_eq!(stage.ends("c1", "accepted"), [enter("room-of-ben")]);
    assert_eq!(stage.model.state().incoming, None);
}

#[test]
fn somebody_else_was_faster() {
    let mut stage = Stage::signed_in(&[]);
    stage.rings("c1", "ben");
    let told = stage.ends("c1", "elsewhere");
    assert!(matches!(&told[..], [Effect::Say(said)] if said.sentence.contains("ben") && !said.bad));
    assert_eq!(stage.model.state().incoming, None);
    // At the same moment: the server took the other one.
    stage.rings("c2", "ben");
    stage.does(|model, _, out| model.accept("c2", out).unwrap());
    assert!(matches!(&stage.refused(ErrorCode::Gone)[..], [Effect::Say(said)] if said.bad));
    assert_eq!(stage.model.state().incoming, None);
    assert!(stage.does(|model, _, out| assert!(model.accept("c2", out).is_err())).is_empty());
}

#[test]
fn declining_is_for_one_call_and_silence_for_all() {
    let mut stage = Stage::signed_in(&[]);
    stage.rings("c1", "ben");
    stage.rings("c2", "cleo");
    let shown = stage.model.state().incoming.unwrap();
    assert_eq!((shown.from.as_str(), shown.others, shown.silent), ("ben", 1, false));
    stage.does(|model, _, _| model.silence());
    assert!(!stage.model.sounds() && stage.model.state().incoming.unwrap().silent);
    let decline = Effect::People(PeopleAction::Decline { ring_id: "c1".into() });
    assert_eq!(stage.does(|model, _, out| model.decline("c1", out).unwrap()), [decline]);
    assert_eq!(stage.model.state().incoming.unwrap().from, "cleo");
    stage.rings("c3", "dora");
    assert!(stage.model.sounds(), "a new one rings aloud");
}

#[test]
fn what_rings_ends_with_its_time_with_the_server_and_is_bounded() {
    let mut stage = Stage::signed_in(&[]);
    stage.rings("c1", "ben");
    stage.after(Duration::from_secs(51));
    assert_eq!(stage.model.state().incoming, None, "the server never said that it ended");
    stage.news(PeopleNews::Incoming { ring_id: "c2".into(), from: "x".into(), room_id: "r".into(), seconds: u32::MAX });
    stage.after(Duration::from_secs(121));
    assert_eq!(stage.model.state().incoming, None);
    for n in 0..1000 {
        stage.rings(&format!("d{n}"), "ben");
    }
    assert_eq!(stage.model.state().incoming.unwrap().others, 7);
    stage.lost();
    assert_eq!(stage.model.state().incoming, None);
}

#[test]
fn in_a_call_it_is_seen_and_not_heard() {
    let mut stage = Stage::signed_in(&[]);
    let (ring_id, from, room_id) = ("c1".into(), "ben".into(), "r".into());
    let incoming = LoungeEvent::People(PeopleNews::Incoming { ring_id, from, room_id, seconds: 45 });
    stage.does(|model, now, out| model.hear(incoming, true, now, out));
    assert!(!stage.model.sounds() && stage.model.state().incoming.unwrap().silent);
}

#[test]
fn two_who_call_each_other_meet_in_the_call_that_came_first() {
    let mut stage = Stage::signed_in(&[]);
    stage.rings("c7", "ben");
    stage.does(|model, now, out| model.call("ben", "mine", now, out).unwrap());
    assert_eq!(stage.ends("c7", "accepted"), [enter("room-of-ben")]);
    assert_eq!((stage.model.state().outgoing, stage.model.came_to_nothing()), (None, None));
}

#[test]
fn taking_a_call_ends_the_one_that_we_make_and_the_meeting() {
    let mut stage = Stage::signed_in(&[]);
    stage.calls_ben();
    stage.rings("c7", "cleo");
    assert_eq!(stage.ends("c7", "accepted"), [cancel("c1"), enter("room-of-cleo")]);
    let mut stage = Stage::signed_in(&[]);
    stage.waits();
    stage.paired("x-y");
    stage.rings("c7", "cleo");
    let effects = stage.ends("c7", "accepted");
    assert_eq!(effects, [Effect::Meet(MeetAction::Leave {}), leave("x-y"), enter("room-of-cleo")]);
    assert_eq!(stage.meet().phase, MeetPhase::Idle);
}

#[test]
fn missed_calls_are_kept_and_seen() {
    let mut stage = Stage::signed_in(&[]);
    let missed = Missed { from: "ben".into(), unix_ms: 7 };
    assert_eq!(stage.news(PeopleNews::Missed { from: "ben".into(), unix_ms: 7 }), [Effect::Missed(missed.clone())]);
    let seen = |stage: &Stage| stage.model.state().missed[0].seen;
    let standing = Standing { missed: vec![missed], ..stage.model.standing() };
    stage.does(|model, _, out| model.set_standing(standing.clone(), out));
    assert!(!seen(&stage));
    stage.does(|model, _, out| model.set_standing(Standing { seen_ms: 7, ..standing }, out));
    assert!(seen(&stage));
}

#[test]
fn who_looks_for_a_partner_waits_meets_and_goes() {
    let mut stage = Stage::signed_out();
    assert_eq!(stage.does(|model, _, out| model.enter("Ada", out)), [], "there is no server yet");
    assert!(stage.model.meets() && stage.meet().phase == MeetPhase::Entering);
    assert_eq!(stage.hears(LoungeEvent::Here { account: None }), [asks_in()]);
    assert_eq!(stage.meets(MeetNews::Queued { others: 2 }), []);
    assert_eq!((stage.meet().phase, stage.meet().others), (MeetPhase::Waiting, 2));
    assert_eq!(stage.paired("x-y"), [enter_meeting("x-y")]);
    assert_eq!((stage.meet().phase, stage.meet().partner.as_str()), (MeetPhase::Paired, "Zoe"));
    assert_eq!(stage.model.meeting_in(), Some("x-y"));
    let gone = stage.does(|model, _, out| model.stop_meeting(out));
    assert_eq!(gone, [Effect::Meet(MeetAction::Leave {}), leave("x-y")]);
    assert_eq!(stage.meets(MeetNews::Left {}), []);
    assert!(!stage.model.meets());
    // What was on its way meanwhile.
    assert_eq!(stage.paired("late"), [Effect::Meet(MeetAction::Leave {})]);
}

#[test]
fn the_next_one_comes_after_the_call_has_ended() {
    let mut stage = Stage::signed_out();
    stage.waits();
    stage.paired("x-y");
    assert_eq!(stage.does(|model, now, out| model.next(now, out).unwrap()), [Effect::Meet(MeetAction::Next {})]);
    assert_eq!(stage.meet().phase, MeetPhase::Waiting);
    assert_eq!(stage.meets(MeetNews::Queued { others: 0 }), [leave("x-y")]);
    assert_eq!(stage.after(Duration::from_secs(60)), [], "it is left once");
    assert_eq!(stage.paired("z-z"), [enter_meeting("z-z")]);
    let blocked = stage.does(|model, now, out| model.block(now, out).unwrap());
    assert_eq!(blocked, [Effect::Meet(MeetAction::Block {})]);
    // The next one is there at once; entering leaves the old one.
    assert_eq!(stage.paired("n-n"), [enter_meeting("n-n")]);
    assert_eq!(stage.after(Duration::from_secs(60)), []);
}

#[test]
fn a_slow_server_keeps_nobody_with_a_stranger() {
    let mut stage = Stage::signed_out();
    stage.waits();
    stage.paired("x-y");
    stage.does(|model, now, out| model.next(now, out).unwrap());
    assert_eq!(stage.after(PARTING), [leave("x-y")]);
    // It heard the leaving first, and took us out of the queue; we wanted to stay in it.
    assert_eq!(stage.meets(MeetNews::Left {}), []);
    assert_eq!(stage.after(Duration::ZERO), [asks_in()]);
    assert_eq!(stage.meets(MeetNews::Queued { others: 1 }), []);
    assert_eq!(stage.meet().phase, MeetPhase::Waiting);
}

#[test]
fn who_is_left_behind_waits_again() {
    let mut stage = Stage::signed_out();
    stage.waits();
    stage.paired("x-y");
    assert_eq!(stage.meets(MeetNews::PartnerLeft {}), [leave("x-y")]);
    assert_eq!(stage.meets(MeetNews::Queued { others: 0 }), []);
    assert!(stage.meet().note.unwrap().contains("Zoe"));
    assert_eq!(stage.paired("z-z"), [enter_meeting("z-z")]);
    assert_eq!(stage.meet().note, None);
}

#[test]
fn the_server_is_lost_and_the_search_goes_on() {
    let mut stage = Stage::signed_out();
    stage.waits();
    stage.paired("x-y");
    assert_eq!(stage.lost(), [leave("x-y")]);
    assert!(stage.meet().phase == MeetPhase::Entering && stage.meet().note.is_some());
    let next = stage.does(|model, now, out| assert!(model.next(now, out).is_err()));
    assert_eq!(next, []);
    assert_eq!(stage.hears(LoungeEvent::Here { account: None }), [asks_in()]);
    // It still holds the old place: asked again, and not for ever.
    let mut asked = 0;
    while stage.meet().phase == MeetPhase::Entering {
        stage.refused(ErrorCode::BadMessage);
        asked += stage.after(AGAIN).iter().filter(|effect| **effect == asks_in()).count();
    }
    assert_eq!(asked, TRIES as usize);
    assert_eq!(stage.meet().note.as_deref(), Some("No."));
}

#[test]
fn who_is_refused_the_queue_is_told_and_not_asked_again() {
    for code in [ErrorCode::BadMessage, ErrorCode::UnknownEvent, ErrorCode::ServerFull, ErrorCode::Unauthorized] {
        let mut stage = Stage::signed_out();
        stage.does(|model, _, out| model.enter("Ada", out));
        stage.hears(LoungeEvent::Here { account: None });
        assert_eq!(stage.refused(code), []);
        assert_eq!((stage.meet().phase, stage.meet().note.as_deref()), (MeetPhase::Idle, Some("No.")));
    }
    let mut stage = Stage::signed_out();
    stage.waits();
    assert_eq!(stage.refused(ErrorCode::ServerFull), [Effect::Meet(MeetAction::Leave {})]);
    assert_eq!((stage.meet().phase, stage.meet().note.as_deref()), (MeetPhase::Idle, Some("No.")));
}

#[test]
fn reports_are_about_a_partner_and_answered() {
    let mut stage = Stage::signed_out();
    stage.waits();
    assert!(stage.does(|model, _, out| assert!(model.report("rude", out).is_err())).is_empty());
    stage.paired("x-y");
    let report = Effect::Meet(MeetAction::Report { reason: "rude".into() });
    assert_eq!(stage.does(|model, _, out| model.report("rude", out).unwrap()), [report]);
    assert!(matches!(&stage.meets(MeetNews::Reported {})[..], [Effect::Say(said)] if !said.bad));
    assert!(matches!(&stage.refused(ErrorCode::TooFast)[..], [Effect::Say(said)] if said.bad));
    assert_eq!(stage.meet().phase, MeetPhase::Paired);
}

#[test]
fn a_call_that_cannot_be_entered_is_no_call() {
    let mut stage = Stage::signed_in(&[]);
    stage.calls_ben();
    assert_eq!(stage.does(|model, _, out| model.not_entered("a-b", "No way.", out)), [cancel("c1"), leave("a-b")]);
    stage.waits();
    stage.paired("x-y");
    assert_eq!(stage.does(|model, _, out| model.not_entered("old", "No way.", out)), []);
    let gone = stage.does(|model, _, out| model.not_entered("x-y", "No way.", out));
    assert_eq!(gone, [Effect::Meet(MeetAction::Leave {}), leave("x-y")]);
    assert_eq!((stage.meet().phase, stage.meet().note.as_deref()), (MeetPhase::Idle, Some("No way.")));
    // Left by the tray, the key or the button.
    stage.waits();
    stage.paired("z-z");
    let left = stage.does(|model, _, out| model.call_left(out));
    assert_eq!(left, [Effect::Meet(MeetAction::Leave {}), leave("z-z")]);
}
