//! Two apps and a server with accounts: calls by name, and random partners.

use tokio::sync::oneshot;

use super::*;
use crate::ipc::{Contact, MeetPhase, PeopleState};

const PASSWORD: &str = "a long enough password";

/// A server with accounts.
struct Place {
    address: String,
    /// Ends it when it is dropped.
    _stop: oneshot::Sender<()>,
}

impl Place {
    async fn open(accounts: sightline_server::Accounts) -> Self {
        let config = sightline_server::Config {
            listen: ([127, 0, 0, 1], 0).into(),
            accounts,
            ..sightline_server::Config::default()
        };
        // Binding tries the speed of hashing, which blocks.
        let server = spawn_blocking(|| sightline_server::Server::bind(config)).await.unwrap().unwrap();
        let address = format!("ws://{}", server.local_addr());
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(server.run_until(async move { drop(stopped.await) }));
        Self { address, _stop: stop }
    }

    /// An app that uses this server.
    async fn app(&self, name: &str) -> Stage {
        let stage = stage().await;
        let settings =
            Settings { name: name.into(), server: self.address.clone(), max_height: 180, ..Settings::default() };
        stage.app.save_settings(settings).await.unwrap();
        stage
    }

    /// One that is signed in, and known by the server to be there.
    async fn signed_in(&self, name: &str) -> Stage {
        let stage = self.app(name).await;
        let state = stage.app.register(name.to_lowercase(), PASSWORD.into()).await.unwrap();
        assert_eq!(state.name, Some(name.to_lowercase()));
        stage.shows(|state| state.here).await;
        stage
    }
}

impl Stage {
    /// Waits until the page last saw people so.
    async fn shows(&self, wanted: impl Fn(&PeopleState) -> bool) -> PeopleState {
        self.notes
            .wait_for_last(|event| match event {
                PageEvent::People(state) => Some(wanted(state)),
                _ => None,
            })
            .await;
        self.app.people()
    }

    async fn in_call_with(&self, name: &str) {
        let connected = |state: &CallState| {
            state.phase == CallPhase::In
                && state.tiles.len() == 2
                && state.tiles[1].name == name
                && state.tiles[1].connection == Connection::Connected
        };
        self.notes
            .wait_for_last(|event| match event {
                PageEvent::Call(state) => Some(connected(state)),
                _ => None,
            })
            .await;
    }

    async fn call_is_over(&self) -> String {
        self.notes
            .wait_for_last(|event| match event {
                PageEvent::Call(state) => Some(state.phase == CallPhase::Ended),
                _ => None,
            })
            .await;
        let ended = self.notes.all(|event| match event {
            PageEvent::Call(state) => state.ended.clone(),
            _ => None,
        });
        ended.last().unwrap().sentence.clone()
    }

    async fn ring_id(&self) -> String {
        self.shows(|state| state.incoming.is_some()).await.incoming.unwrap().id
    }

    fn entered(&self) -> usize {
        self.notes.all(|event| matches!(event, PageEvent::Enter(_)).then_some(())).len()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_is_called_by_name_and_takes_it() {
    let place = Place::open(sightline_server::Accounts::Optional).await;
    let (ada, ben) = (place.signed_in("Ada").await, place.signed_in("Ben").await);
    ada.app.add_contact("Ben").unwrap();
    ada.shows(|state| state.contacts == [Contact { name: "Ben".into(), here: Some(true) }]).await;

    ada.app.call_person("Ben").await.unwrap();
    let call = ben.shows(|state| state.incoming.is_some()).await.incoming.unwrap();
    assert_eq!((call.from.as_str(), call.others), ("ada", 0));
    ben.notes.wait_for(|event| matches!(event, PageEvent::Calls)).await;
    assert_eq!(ada.app.people().outgoing.unwrap().name, "Ben");
    ben.app.accept_call(&call.id).unwrap();
    ada.in_call_with("Ben").await;
    ben.in_call_with("Ada").await;
    assert_eq!((ada.app.people().outgoing, ben.app.people().incoming), (None, None));
    let joined = ben.notes.all(|event| match event {
        PageEvent::Enter(call) => Some((call.microphone_on, call.camera_on)),
        _ => None,
    });
    assert_eq!(joined, [(true, false)], "the microphone is on, and the camera as it was the last time: never");
    let busy = ada.app.call_person("Ben").await.unwrap_err();
    assert_eq!(busy.code, ErrorCode::NotNow);

    ben.app.leave_call().await;
    ada.app.leave_call().await;
    assert_eq!(ada.app.people().missed, []);
    ben.app.shut_down().await;
    ada.shows(|state| state.contacts.first().is_some_and(|contact| contact.here == Some(false))).await;
    ada.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_the_account_blocks_cannot_call_until_that_is_taken_back() {
    let place = Place::open(sightline_server::Accounts::Optional).await;
    let (ada, ben) = (place.signed_in("Ada").await, place.signed_in("Ben").await);
    assert_eq!(ada.app.blocked_names().await.unwrap(), [""; 0]);
    assert_eq!(ada.app.set_blocked(" BEN ".into(), true).await.unwrap(), ["ben"]);
    let unknown = ada.app.set_blocked("nobody-of-that-name".into(), true).await.unwrap_err();
    assert_eq!(unknown.code, ErrorCode::Refused);
    let refused = ben.app.call_person("ada").await.unwrap_err();
    assert_eq!((refused.code, ada.app.people().incoming), (ErrorCode::Refused, None));
    ben.app.leave_call().await;

    assert_eq!(ada.app.set_blocked("ben".into(), false).await.unwrap(), [""; 0]);
    ben.app.call_person("ada").await.unwrap();
    ada.app.decline_call(&ada.ring_id().await).unwrap();
    ben.app.leave_call().await;
    ben.app.shut_down().await;
    ada.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_deleted_by_who_knows_its_password() {
    let place = Place::open(sightline_server::Accounts::Optional).await;
    let ada = place.signed_in("Ada").await;
    ada.app.add_contact("ben").unwrap();
    let wrong = ada.app.delete_account("another password".into()).await.unwrap_err();
    assert_eq!((wrong.code, ada.app.people().name.as_deref()), (ErrorCode::Refused, Some("ada")));
    let gone = ada.app.delete_account(PASSWORD.into()).await.unwrap();
    assert_eq!((gone.name, gone.accounts, gone.note), (None, Some(true), None));
    let nobody =
        [ada.app.delete_account(PASSWORD.into()).await.unwrap_err(), ada.app.blocked_names().await.unwrap_err()];
    assert!(nobody.iter().all(|error| error.code == ErrorCode::NotNow), "{nobody:?}");
    assert_eq!(ada.app.sign_in("ada".into(), PASSWORD.into()).await.unwrap_err().code, ErrorCode::Refused);
    // The name is free again, and whom somebody knows is kept on the computer.
    let again = ada.app.register("ada".into(), PASSWORD.into()).await.unwrap();
    assert_eq!(again.contacts.len(), 1);
    ada.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_declined_given_up_or_reaches_nobody() {
    let place = Place::open(sightline_server::Accounts::Optional).await;
    let (ada, ben) = (place.signed_in("Ada").await, place.signed_in("Ben").await);
    ada.app.call_person("ben").await.unwrap();
    ada.notes.wait_for(state_where(|state| state.phase == CallPhase::In)).await;
    ben.app.decline_call(&ben.ring_id().await).unwrap();
    assert_eq!(ada.call_is_over().await, "Your call was declined by ben.");
    assert_eq!(ben.app.people().missed, [], "it was seen");

    ada.app.call_person("ben").await.unwrap();
    let id = ben.ring_id().await;
    ada.app.leave_call().await;
    let state = ben.shows(|state| state.incoming.is_none() && state.missed.len() == 1).await;
    assert_eq!((state.missed[0].from.as_str(), state.missed[0].seen), ("ada", false));
    assert!(ben.app.accept_call(&id).is_err());
    ben.app.missed_seen().unwrap();
    assert!(ben.app.people().missed[0].seen);

    let entered = ada.entered();
    let unknown = ada.app.call_person("nobody").await.unwrap_err();
    assert!(unknown.message.contains("nobody"), "{unknown}");
    ben.app.shut_down().await;
    let away = ada.app.call_person("ben").await.unwrap_err();
    assert!(away.message.contains("not here"), "{away}");
    assert_eq!(ada.entered(), entered, "no call was shown");
    // What is missed while nobody is there is told at the next start.
    let again = Stage { _dir: ben._dir, app: restart(&ben.app).await, notes: Arc::default() };
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while again.app.people().missed.len() < 2 {
        assert!(tokio::time::Instant::now() < deadline, "{:?}", again.app.people());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!again.app.people().missed[0].seen && again.app.people().missed[1].seen);
    ada.app.shut_down().await;
    again.app.shut_down().await;
}

/// The app once more, over the same folders.
async fn restart(app: &App) -> Arc<App> {
    App::start(app.options.clone(), app.folders.clone(), Arc::<Notes>::default()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_are_found_and_sessions_end_where_they_are_told_to() {
    let without = Place::open(sightline_server::Accounts::Off).await;
    let stage = without.app("Ada").await;
    assert_eq!(stage.app.people().accounts, None);
    assert_eq!(stage.app.look_for_accounts().await.unwrap().accounts, Some(false));
    assert!(stage.app.register("ada".into(), PASSWORD.into()).await.is_err());
    stage.app.shut_down().await;

    let place = Place::open(sightline_server::Accounts::Required).await;
    let ada = place.app("Ada").await;
    assert_eq!(ada.app.look_for_accounts().await.unwrap().accounts, Some(true));
    assert!(ada.app.start_call(RoomPlan::default()).await.is_err(), "this server knows accounts only");
    let short = ada.app.register("ada".into(), "short".into()).await.unwrap_err();
    assert!(short.code == ErrorCode::Refused && short.message.contains("character"), "{short}");
    ada.app.register("ada".into(), PASSWORD.into()).await.unwrap();
    let invitation = ada.app.start_call(RoomPlan::default()).await.unwrap();
    ada.app.join_call(invitation.code.clone(), String::new(), String::new(), true, false).await.unwrap();

    // Another computer of hers joins as her, without the room's own token.
    let other = place.app("Ada").await;
    let wrong = other.app.sign_in("ada".into(), "not this one".into()).await.unwrap_err();
    assert!(wrong.message.contains("wrong"), "{wrong}");
    other.app.sign_in("ADA".into(), PASSWORD.into()).await.unwrap();
    other.app.join_call(invitation.code, String::new(), String::new(), true, false).await.unwrap();
    other.in_call_with("Ada").await;
    other.app.leave_call().await;
    ada.app.leave_call().await;

    assert!(ada.app.change_password("not this one".into(), PASSWORD.into()).await.is_err());
    ada.app.change_password(PASSWORD.into(), "another password".into()).await.unwrap();
    // The server says so at once.
    let state = other.shows(|state| state.name.is_none()).await;
    assert!(state.note.is_some_and(|note| note.contains("signed out")));
    assert_eq!(other.app.look_for_accounts().await.unwrap().name, None);
    assert!(!other.app.folders.session().exists());
    assert_eq!(ada.app.look_for_accounts().await.unwrap().name.as_deref(), Some("ada"));

    let kept = std::fs::read_to_string(ada.app.folders.session()).unwrap();
    let state = ada.app.sign_out().await.unwrap();
    assert_eq!((state.name, state.accounts), (None, Some(true)));
    let token = serde_json::from_str::<serde_json::Value>(&kept).unwrap()["token"].as_str().unwrap().to_owned();
    let me = Api::new(&place.address, Some(token.clone())).unwrap().get::<serde_json::Value>("/accounts/me").await;
    assert!(me.is_err(), "the server has ended the session");
    // Nothing of it was in the settings or on its way to the page.
    let settings = std::fs::read_to_string(ada.app.folders.settings()).unwrap();
    let told = format!("{:?}", ada.notes.all(|event| Some(event.clone())));
    assert!(!settings.contains(&token) && !told.contains(&token));
    ada.app.shut_down().await;
    other.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_server_knows_another_account() {
    let (one, two) = tokio::join!(
        Place::open(sightline_server::Accounts::Optional),
        Place::open(sightline_server::Accounts::Optional)
    );
    let ada = one.signed_in("Ada").await;
    ada.app.add_contact("ben").unwrap();
    let settings = ada.app.settings.get();
    ada.app.save_settings(Settings { server: two.address.clone(), ..settings.clone() }).await.unwrap();
    let state = ada.app.people();
    assert_eq!((state.name, state.contacts, state.here), (None, vec![], false));
    ada.app.save_settings(settings).await.unwrap();
    let state = ada.shows(|state| state.here).await;
    assert_eq!((state.name.as_deref(), state.contacts.len()), (Some("ada"), 1));
    ada.app.shut_down().await;
}

#[tokio::test]
async fn who_leaves_before_a_call_is_entered_does_not_enter_it() {
    let place = Place::open(sightline_server::Accounts::Optional).await;
    let (ada, ben) = (place.signed_in("Ada").await, place.signed_in("Ben").await);
    let mut calling = std::pin::pin!(ada.app.call_person("ben"));
    while ada.app.people().outgoing.is_none() {
        tokio::select! {
            biased;
            _ = &mut calling => panic!("it rings before it is known"),
            () = tokio::task::yield_now() => {}
        }
    }
    // The place of the call is taken, so that entering has to wait for it.
    let held = ada.app.call.lock().await;
    let waits = ada.app.given_up.notified();
    calling.await.unwrap();
    waits.await;
    ada.app.people.call_left();
    drop(held);
    ben.shows(|state| state.incoming.is_none()).await;
    let unknown = ada.app.call_person("nobody").await.unwrap_err();
    assert!(unknown.message.contains("nobody"), "{unknown}");
    assert_eq!(ada.entered(), 0);
    ada.app.shut_down().await;
    ben.app.shut_down().await;
}

/// On one thread nobody goes anywhere between the two.
#[tokio::test]
async fn a_server_that_was_set_for_a_moment_only_is_left_for_the_one_before() {
    let place = Place::open(sightline_server::Accounts::Optional).await;
    let ada = place.signed_in("Ada").await;
    let server = ada.app.settings.get().server;
    ada.app.people.server_set("ws://127.0.0.1:1");
    ada.app.people.server_set(&server);
    assert!(!ada.app.people().here);
    ada.app.people.find_way(&server, Some(&server)).await;
    assert!(ada.app.people.is_on_a_way(), "whoever listened has not noticed yet, and it was taken for there");
    ada.shows(|state| state.here).await;
    ada.app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_who_do_not_know_each_other_meet_part_and_meet_again() {
    let place = Place::open(sightline_server::Accounts::Off).await;
    let (ada, ben) = (place.app("Ada").await, place.app("Ben").await);
    ada.app.meet_enter().await.unwrap();
    ada.shows(|state| state.meet.phase == MeetPhase::Waiting).await;
    ben.app.meet_enter().await.unwrap();
    ada.in_call_with("Ben").await;
    ben.in_call_with("Ada").await;
    assert_eq!(ada.app.people().meet.partner, "Ben");
    assert!(ada.app.meet_enter().await.is_err(), "there is a call");
    ada.app.order(Order::Chat("hello".into())).await.unwrap();
    ben.notes.wait_for(|event| matches!(event, PageEvent::Chat(line) if line.text == "hello")).await;
    ada.app.meet_report("rude").unwrap();
    ada.notes.wait_for(|event| matches!(event, PageEvent::Said(said) if !said.bad)).await;
    ada.app.order(Order::Camera(false)).await.unwrap();

    // The one who presses and the one who is left wait again, and meet again as nobody else is there.
    ada.app.meet_next().unwrap();
    assert_eq!(ada.app.people().meet.phase, MeetPhase::Waiting);
    ben.shows(|state| state.meet.note.as_ref().is_some_and(|note| note.contains("Ada"))).await;
    for (stage, partner) in [(&ada, "Ben"), (&ben, "Ada")] {
        stage.shows(|state| state.meet.phase == MeetPhase::Paired).await;
        stage.in_call_with(partner).await;
        assert_eq!(stage.entered(), 2);
    }
    let media = ada.notes.all(|event| match event {
        PageEvent::Enter(call) => Some((call.microphone_on, call.camera_on)),
        _ => None,
    });
    assert_eq!(media, [(true, true), (true, false)], "what was off stays off");

    // One leaves; the other one waits, for they have blocked nobody.
    ada.app.leave_call().await;
    assert_eq!(ada.app.people().meet.phase, MeetPhase::Idle);
    ben.shows(|state| state.meet.phase == MeetPhase::Waiting).await;
    ben.call_is_over().await;
    ben.app.meet_leave().await;
    ben.shows(|state| state.meet.phase == MeetPhase::Idle).await;
    for stage in [ada, ben] {
        stage.app.shut_down().await;
        let calls = stage.app.history_calls(HistoryFilter::default(), 10, 0).await.unwrap();
        assert_eq!(calls.len(), 2, "each with a partner");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_one_blocks_one_does_not_meet_again() {
    let place = Place::open(sightline_server::Accounts::Off).await;
    let (ada, ben, cleo) = (place.app("Ada").await, place.app("Ben").await, place.app("Cleo").await);
    ada.app.meet_enter().await.unwrap();
    ada.shows(|state| state.meet.phase == MeetPhase::Waiting).await;
    ben.app.meet_enter().await.unwrap();
    ada.in_call_with("Ben").await;
    ada.app.meet_block().unwrap();
    ada.shows(|state| state.meet.phase == MeetPhase::Waiting).await;
    ben.shows(|state| state.meet.phase == MeetPhase::Waiting).await;
    cleo.app.meet_enter().await.unwrap();
    let met = cleo.shows(|state| state.meet.phase == MeetPhase::Paired).await.meet.partner;
    let (partner, other) = if met == "Ada" { (&ada, &ben) } else { (&ben, &ada) };
    partner.in_call_with("Cleo").await;
    assert_eq!(other.app.people().meet.phase, MeetPhase::Waiting);
    for stage in [ada, ben, cleo] {
        stage.app.shut_down().await;
    }
}
