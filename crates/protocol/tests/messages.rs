//! Every message in its exact JSON, both ways; and PROTOCOL.md, whose examples are the same texts.

use std::collections::BTreeSet;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use sightline_protocol::{
    Change, ClientMessage, EndReason, ErrorCode, Hint, HostAction, HostRequest, IceCandidate, IceServer, LeaveReason,
    MediaState, MeetAction, MeetNews, Participant, PeopleAction, PeopleNews, Problem, Role, RoomCreated, RoomInfo,
    RoomList, RoomState, RoomWish, ServerMessage, TokenIssued, TokenWish, UserId, VERSION, Waiting,
    account::{Credentials, SignedIn},
    logs::{LogAccepted, LogBatch},
};

const PROTOCOL_MD: &str = include_str!("../../../PROTOCOL.md");

fn user(id: &str) -> UserId {
    UserId(id.into())
}

fn media(audio: bool, video: bool) -> MediaState {
    MediaState { audio, video }
}

fn candidate(line: &str, fragment: Option<&str>) -> IceCandidate {
    IceCandidate {
        candidate: line.into(),
        sdp_mid: Some("0".into()),
        sdp_m_line_index: Some(0),
        username_fragment: fragment.map(Into::into),
    }
}

fn client_messages() -> Vec<(ClientMessage, &'static str)> {
    let to = user("u3f9a0c7e51d2b864");
    let hello = |resume_token| ClientMessage::Hello {
        version: VERSION,
        client: "sightline/0.1.0".into(),
        resume_token,
        account_token: None,
    };
    let host = "candidate:1 1 udp 2130706431 192.0.2.7 50000 typ host";
    vec![
        (hello(None), r#"{"event":"hello","data":{"version":1,"client":"sightline/0.1.0"}}"#),
        (
            hello(Some("u3f9a0c7e51d2b864.5b1f0c".into())),
            r#"{"event":"hello","data":{"version":1,"client":"sightline/0.1.0","resumeToken":"u3f9a0c7e51d2b864.5b1f0c"}}"#,
        ),
        (
            ClientMessage::Join {
                room_id: "amber-canoe-violet-magnet".into(),
                name: "Ada".into(),
                media: media(true, true), token: None, user_id: None },
            r#"{"event":"join","data":{"roomId":"amber-canoe-violet-magnet","name":"Ada","media":{"audio":true,"video":true}}}"#,
        ),
        (ClientMessage::Leave {}, r#"{"event":"leave","data":{}}"#),
        (
            ClientMessage::media(media(true, false)),
            r#"{"event":"update","data":{"media":{"audio":true,"video":false}}}"#,
        ),
        (
            ClientMessage::Offer { to: to.clone(), sdp: "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\n".into() },
            r#"{"event":"offer","data":{"to":"u3f9a0c7e51d2b864","sdp":"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\n"}}"#,
        ),
        (
            ClientMessage::Answer { to: to.clone(), sdp: "v=0\r\no=- 2 1 IN IP4 127.0.0.1\r\n".into() },
            r#"{"event":"answer","data":{"to":"u3f9a0c7e51d2b864","sdp":"v=0\r\no=- 2 1 IN IP4 127.0.0.1\r\n"}}"#,
        ),
        (
            ClientMessage::IceCandidate { to: to.clone(), candidate: candidate(host, Some("f4Qd")) },
            r#"{"event":"ice-candidate","data":{"to":"u3f9a0c7e51d2b864","candidate":{"candidate":"candidate:1 1 udp 2130706431 192.0.2.7 50000 typ host","sdpMid":"0","sdpMLineIndex":0,"usernameFragment":"f4Qd"}}}"#,
        ),
        (
            ClientMessage::Hint { to: to.clone(), hint: Hint::Tile { width: 640, height: 360 } },
            r#"{"event":"hint","data":{"to":"u3f9a0c7e51d2b864","hint":{"kind":"tile","width":640,"height":360}}}"#,
        ),
        (
            ClientMessage::Hint { to, hint: Hint::Pictures { paused: true } },
            r#"{"event":"hint","data":{"to":"u3f9a0c7e51d2b864","hint":{"kind":"pictures","paused":true}}}"#,
        ),
        (
            ClientMessage::Chat { text: "Can you hear me?".into() },
            r#"{"event":"chat","data":{"text":"Can you hear me?"}}"#,
        ),
        (ClientMessage::Ping { nonce: 7 }, r#"{"event":"ping","data":{"nonce":7}}"#),
    ]
    .into_iter()
    .chain(decisions())
    .collect()
}

fn decisions() -> Vec<(ClientMessage, &'static str)> {
    let user_id = || user("u81b2d4c6e8f00a1c");
    let ring_id = || "i0123456789abcdef".to_owned();
    let host = ClientMessage::Host;
    let people = ClientMessage::People;
    let meet = ClientMessage::Meet;
    vec![
        (
            host(HostAction::Admit { user_id: user_id() }),
            r#"{"event":"host","data":{"action":"admit","userId":"u81b2d4c6e8f00a1c"}}"#,
        ),
        (
            host(HostAction::Deny { user_id: user_id() }),
            r#"{"event":"host","data":{"action":"deny","userId":"u81b2d4c6e8f00a1c"}}"#,
        ),
        (
            host(HostAction::Mute { user_id: user_id() }),
            r#"{"event":"host","data":{"action":"mute","userId":"u81b2d4c6e8f00a1c"}}"#,
        ),
        (
            host(HostAction::Remove { user_id: user_id() }),
            r#"{"event":"host","data":{"action":"remove","userId":"u81b2d4c6e8f00a1c"}}"#,
        ),
        (host(HostAction::Lock { locked: true }), r#"{"event":"host","data":{"action":"lock","locked":true}}"#),
        (host(HostAction::End {}), r#"{"event":"host","data":{"action":"end"}}"#),
        (
            host(HostAction::HandOver { user_id: user_id() }),
            r#"{"event":"host","data":{"action":"hand-over","userId":"u81b2d4c6e8f00a1c"}}"#,
        ),
        (
            people(PeopleAction::Watch { names: vec!["grace".into()] }),
            r#"{"event":"people","data":{"action":"watch","names":["grace"]}}"#,
        ),
        (
            people(PeopleAction::Ring { name: "grace".into(), room_id: "amber-canoe-violet-magnet".into() }),
            r#"{"event":"people","data":{"action":"ring","name":"grace","roomId":"amber-canoe-violet-magnet"}}"#,
        ),
        (
            people(PeopleAction::Cancel { ring_id: ring_id() }),
            r#"{"event":"people","data":{"action":"cancel","ringId":"i0123456789abcdef"}}"#,
        ),
        (
            people(PeopleAction::Accept { ring_id: ring_id() }),
            r#"{"event":"people","data":{"action":"accept","ringId":"i0123456789abcdef"}}"#,
        ),
        (
            people(PeopleAction::Decline { ring_id: ring_id() }),
            r#"{"event":"people","data":{"action":"decline","ringId":"i0123456789abcdef"}}"#,
        ),
        (meet(MeetAction::Enter { name: "Ada".into() }), r#"{"event":"meet","data":{"action":"enter","name":"Ada"}}"#),
        (meet(MeetAction::Next {}), r#"{"event":"meet","data":{"action":"next"}}"#),
        (meet(MeetAction::Leave {}), r#"{"event":"meet","data":{"action":"leave"}}"#),
        (meet(MeetAction::Block {}), r#"{"event":"meet","data":{"action":"block"}}"#),
        (
            meet(MeetAction::Report { reason: "Insults.".into() }),
            r#"{"event":"meet","data":{"action":"report","reason":"Insults."}}"#,
        ),
    ]
}

fn server_messages() -> Vec<(ServerMessage, &'static str)> {
    let mut all = answers();
    all.extend(updates());
    all.extend(relayed());
    all.extend(about_rooms());
    all.extend(about_people());
    all
}

fn room() -> RoomState {
    RoomState {
        id: "r0123456789abcdef".into(),
        name: "Monday".into(),
        role: Role::Host,
        locked: false,
        waiting_room: true,
        expires_ms: Some(1_780_000_600_000),
        waiting: vec![Waiting { user_id: user("u81b2d4c6e8f00a1c"), name: "Grace".into() }],
        observers: vec![],
    }
}

fn about_rooms() -> Vec<(ServerMessage, &'static str)> {
    let room_id = || "amber-canoe-violet-magnet".to_owned();
    let update = |change| ServerMessage::Update { room_id: room_id(), user_id: user("u81b2d4c6e8f00a1c"), change };
    vec![
        (
            ServerMessage::Waiting { room_id: room_id(), name: "Monday".into() },
            r#"{"event":"waiting","data":{"roomId":"amber-canoe-violet-magnet","name":"Monday"}}"#,
        ),
        (
            ServerMessage::Room { room_id: room_id(), room: room(), seconds_left: Some(60), token: None },
            r#"{"event":"room","data":{"roomId":"amber-canoe-violet-magnet","room":{"id":"r0123456789abcdef","name":"Monday","role":"host","locked":false,"waitingRoom":true,"expiresMs":1780000600000,"waiting":[{"userId":"u81b2d4c6e8f00a1c","name":"Grace"}]},"secondsLeft":60}}"#,
        ),
        (
            ServerMessage::Ended { room_id: room_id(), reason: EndReason::Expired },
            r#"{"event":"ended","data":{"roomId":"amber-canoe-violet-magnet","reason":"expired"}}"#,
        ),
        (
            ServerMessage::Asked { from: user("u3f9a0c7e51d2b864"), request: HostRequest::Mute },
            r#"{"event":"asked","data":{"from":"u3f9a0c7e51d2b864","request":"mute"}}"#,
        ),
        (
            update(Change::Role { role: Role::Host }),
            r#"{"event":"update","data":{"roomId":"amber-canoe-violet-magnet","userId":"u81b2d4c6e8f00a1c","action":"role","role":"host"}}"#,
        ),
        (
            update(Change::Waiting { name: "Grace".into() }),
            r#"{"event":"update","data":{"roomId":"amber-canoe-violet-magnet","userId":"u81b2d4c6e8f00a1c","action":"waiting","name":"Grace"}}"#,
        ),
        (
            update(Change::WaitingEnded {}),
            r#"{"event":"update","data":{"roomId":"amber-canoe-violet-magnet","userId":"u81b2d4c6e8f00a1c","action":"waiting-ended"}}"#,
        ),
        (
            update(Change::Watching { name: "lobby-display".into() }),
            r#"{"event":"update","data":{"roomId":"amber-canoe-violet-magnet","userId":"u81b2d4c6e8f00a1c","action":"watching","name":"lobby-display"}}"#,
        ),
        (
            update(Change::WatchingEnded {}),
            r#"{"event":"update","data":{"roomId":"amber-canoe-violet-magnet","userId":"u81b2d4c6e8f00a1c","action":"watching-ended"}}"#,
        ),
    ]
}

fn about_people() -> Vec<(ServerMessage, &'static str)> {
    let ring_id = || "i0123456789abcdef".to_owned();
    let room_id = || "amber-canoe-violet-magnet".to_owned();
    vec![
        (
            ServerMessage::People(PeopleNews::Presence { name: "grace".into(), here: true }),
            r#"{"event":"people","data":{"news":"presence","name":"grace","here":true}}"#,
        ),
        (
            ServerMessage::People(PeopleNews::Ringing { ring_id: ring_id(), name: "grace".into(), devices: 2 }),
            r#"{"event":"people","data":{"news":"ringing","ringId":"i0123456789abcdef","name":"grace","devices":2}}"#,
        ),
        (
            ServerMessage::People(PeopleNews::Incoming {
                ring_id: ring_id(),
                from: "ada".into(),
                room_id: room_id(),
                seconds: 45,
            }),
            r#"{"event":"people","data":{"news":"incoming","ringId":"i0123456789abcdef","from":"ada","roomId":"amber-canoe-violet-magnet","seconds":45}}"#,
        ),
        (
            ServerMessage::People(PeopleNews::RingEnded { ring_id: ring_id(), outcome: "accepted".into() }),
            r#"{"event":"people","data":{"news":"ring-ended","ringId":"i0123456789abcdef","outcome":"accepted"}}"#,
        ),
        (
            ServerMessage::People(PeopleNews::Missed { from: "ada".into(), unix_ms: 1_780_000_000_000 }),
            r#"{"event":"people","data":{"news":"missed","from":"ada","unixMs":1780000000000}}"#,
        ),
        (ServerMessage::People(PeopleNews::SignedOut {}), r#"{"event":"people","data":{"news":"signed-out"}}"#),
        (
            ServerMessage::Meet(MeetNews::Queued { others: 3 }),
            r#"{"event":"meet","data":{"news":"queued","others":3}}"#,
        ),
        (
            ServerMessage::Meet(MeetNews::Paired {
                room_id: room_id(),
                token: "eyJ0.e30.c2ln".into(),
                partner: "Grace".into(),
                offers: true,
            }),
            r#"{"event":"meet","data":{"news":"paired","roomId":"amber-canoe-violet-magnet","token":"eyJ0.e30.c2ln","partner":"Grace","offers":true}}"#,
        ),
        (ServerMessage::Meet(MeetNews::PartnerLeft {}), r#"{"event":"meet","data":{"news":"partner-left"}}"#),
        (ServerMessage::Meet(MeetNews::Left {}), r#"{"event":"meet","data":{"news":"left"}}"#),
        (ServerMessage::Meet(MeetNews::Reported {}), r#"{"event":"meet","data":{"news":"reported"}}"#),
    ]
}

fn answers() -> Vec<(ServerMessage, &'static str)> {
    let own = || user("u3f9a0c7e51d2b864");
    let room = || "amber-canoe-violet-magnet".to_owned();
    let participant = |id: &str, name: &str, video, away| Participant {
        user_id: user(id),
        name: name.into(),
        media: media(true, video),
        away,
        role: Role::Guest,
    };
    vec![
        (
            ServerMessage::Welcome {
                version: VERSION,
                user_id: own(),
                resume_token: "u3f9a0c7e51d2b864.5b1f0c".into(),
                resume_seconds: 30,
                resumed: false,
                ice_servers: vec![IceServer {
                    urls: vec!["turn:turn.example.org:3478".into()],
                    username: Some("guest".into()),
                    credential: Some("secret".into()),
                }],
                account: None,
            },
            r#"{"event":"welcome","data":{"version":1,"userId":"u3f9a0c7e51d2b864","resumeToken":"u3f9a0c7e51d2b864.5b1f0c","resumeSeconds":30,"resumed":false,"iceServers":[{"urls":["turn:turn.example.org:3478"],"username":"guest","credential":"secret"}]}}"#,
        ),
        (
            ServerMessage::Join {
                room_id: room(),
                user_id: own(),
                participants: vec![
                    participant("u81b2d4c6e8f00a1c", "Grace", false, false),
                    participant("u0d9e8f7a6b5c4d3e", "Alan", true, true),
                ],
                room: None,
                token: None,
            },
            r#"{"event":"join","data":{"roomId":"amber-canoe-violet-magnet","userId":"u3f9a0c7e51d2b864","participants":[{"userId":"u81b2d4c6e8f00a1c","name":"Grace","media":{"audio":true,"video":false}},{"userId":"u0d9e8f7a6b5c4d3e","name":"Alan","media":{"audio":true,"video":true},"away":true}]}}"#,
        ),
        (
            ServerMessage::Leave { room_id: room(), user_id: own() },
            r#"{"event":"leave","data":{"roomId":"amber-canoe-violet-magnet","userId":"u3f9a0c7e51d2b864"}}"#,
        ),
        (ServerMessage::Pong { nonce: 7 }, r#"{"event":"pong","data":{"nonce":7}}"#),
        (
            ServerMessage::Error {
                code: ErrorCode::UnknownPeer,
                message: "Nobody in this room has the id 'u0'.".into(),
            },
            r#"{"event":"error","data":{"code":"unknown-peer","message":"Nobody in this room has the id 'u0'."}}"#,
        ),
    ]
}

fn updates() -> Vec<(ServerMessage, &'static str)> {
    let update = |change| ServerMessage::Update {
        room_id: "amber-canoe-violet-magnet".into(),
        user_id: user("u81b2d4c6e8f00a1c"),
        change,
    };
    vec![
        (
            update(Change::Joined { name: "Grace".into(), media: media(true, true) }),
            r#"{"event":"update","data":{"roomId":"amber-canoe-violet-magnet","userId":"u81b2d4c6e8f00a1c","action":"joined","name":"Grace","media":{"audio":true,"video":true}}}"#,
        ),
        (
            update(Change::Left { reason: LeaveReason::Lost }),
            r#"{"event":"update","data":{"roomId":"amber-canoe-violet-magnet","userId":"u81b2d4c6e8f00a1c","action":"left","reason":"lost"}}"#,
        ),
        (
            update(Change::Away {}),
            r#"{"event":"update","data":{"roomId":"amber-canoe-violet-magnet","userId":"u81b2d4c6e8f00a1c","action":"away"}}"#,
        ),
        (
            update(Change::Back {}),
            r#"{"event":"update","data":{"roomId":"amber-canoe-violet-magnet","userId":"u81b2d4c6e8f00a1c","action":"back"}}"#,
        ),
        (
            update(Change::Media { media: media(false, true) }),
            r#"{"event":"update","data":{"roomId":"amber-canoe-violet-magnet","userId":"u81b2d4c6e8f00a1c","action":"media","media":{"audio":false,"video":true}}}"#,
        ),
    ]
}

fn relayed() -> Vec<(ServerMessage, &'static str)> {
    let from = || user("u81b2d4c6e8f00a1c");
    vec![
        (
            ServerMessage::Offer { from: from(), sdp: "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\n".into() },
            r#"{"event":"offer","data":{"from":"u81b2d4c6e8f00a1c","sdp":"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\n"}}"#,
        ),
        (
            ServerMessage::Answer { from: from(), sdp: "v=0\r\no=- 2 1 IN IP4 127.0.0.1\r\n".into() },
            r#"{"event":"answer","data":{"from":"u81b2d4c6e8f00a1c","sdp":"v=0\r\no=- 2 1 IN IP4 127.0.0.1\r\n"}}"#,
        ),
        (
            ServerMessage::IceCandidate { from: from(), candidate: candidate("", None) },
            r#"{"event":"ice-candidate","data":{"from":"u81b2d4c6e8f00a1c","candidate":{"candidate":"","sdpMid":"0","sdpMLineIndex":0,"usernameFragment":null}}}"#,
        ),
        (
            ServerMessage::Hint { from: from(), hint: Hint::Tile { width: 0, height: 0 } },
            r#"{"event":"hint","data":{"from":"u81b2d4c6e8f00a1c","hint":{"kind":"tile","width":0,"height":0}}}"#,
        ),
        (
            ServerMessage::Hint { from: from(), hint: Hint::Pictures { paused: false } },
            r#"{"event":"hint","data":{"from":"u81b2d4c6e8f00a1c","hint":{"kind":"pictures","paused":false}}}"#,
        ),
        (
            ServerMessage::Chat {
                from: from(),
                text: "Can you hear me?".into(),
                sent_at_ms: 1_780_000_000_000,
                name: None,
                earlier: false,
            },
            r#"{"event":"chat","data":{"from":"u81b2d4c6e8f00a1c","text":"Can you hear me?","sentAtMs":1780000000000}}"#,
        ),
    ]
}

#[test]
fn client_messages_have_their_exact_json() {
    for (message, json) in client_messages() {
        assert_eq!(message.to_json(), json);
        assert_eq!(ClientMessage::parse(json), Ok(message));
    }
}

#[test]
fn server_messages_have_their_exact_json() {
    for (message, json) in server_messages() {
        assert_eq!(message.to_json(), json);
        assert_eq!(ServerMessage::parse(json), Ok(message));
    }
}

/// The lists of events are written by hand beside the enums; this is what keeps them the same.
#[test]
fn the_lists_of_events_are_complete() {
    let events = |texts: Vec<&str>| -> BTreeSet<String> {
        texts.iter().map(|t| value(t)["event"].as_str().expect("event").to_owned()).collect()
    };
    let listed = |events: &[&str]| events.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    assert_eq!(events(client_messages().into_iter().map(|m| m.1).collect()), listed(ClientMessage::EVENTS));
    assert_eq!(events(server_messages().into_iter().map(|m| m.1).collect()), listed(ServerMessage::EVENTS));
}

#[test]
fn hints_of_newer_clients_are_no_errors() {
    let newer = r#"{"event":"hint","data":{"from":"u1","hint":{"kind":"lighting","lux":[1,2]}}}"#;
    assert_eq!(ServerMessage::parse(newer), Ok(ServerMessage::Hint { from: user("u1"), hint: Hint::Other }));
    for bad in [r#"{"kind":"tile","width":-1,"height":1}"#, r#"{"kind":"tile","width":70000,"height":1}"#, r#"{}"#] {
        let text = format!(r#"{{"event":"hint","data":{{"to":"u1","hint":{bad}}}}}"#);
        assert_eq!(ClientMessage::parse(&text).map_err(|refusal| refusal.code), Err(ErrorCode::BadMessage), "{bad}");
    }
}

#[test]
fn optional_fields_may_be_left_out() {
    let hello = ClientMessage::Hello { version: 1, client: String::new(), resume_token: None, account_token: None };
    assert_eq!(ClientMessage::parse(r#"{"event":"hello","data":{"version":1}}"#), Ok(hello));
    let join = ClientMessage::Join {
        room_id: "a".into(),
        name: "b".into(),
        media: media(true, true),
        token: None,
        user_id: None,
    };
    assert_eq!(ClientMessage::parse(r#"{"event":"join","data":{"roomId":"a","name":"b"}}"#), Ok(join));
    let bare = r#"{"event":"ice-candidate","data":{"to":"u","candidate":{"candidate":"x"}}}"#;
    let Ok(ClientMessage::IceCandidate { candidate, .. }) = ClientMessage::parse(bare) else { panic!("not read") };
    assert_eq!((candidate.sdp_mid, candidate.sdp_m_line_index, candidate.username_fragment), (None, None, None));
}

#[test]
fn fields_from_a_newer_version_are_ignored_and_order_does_not_matter() {
    let text = r#"{"data":{"nonce":7,"extra":[{}]},"more":1,"event":"ping"}"#;
    assert_eq!(ClientMessage::parse(text), Ok(ClientMessage::Ping { nonce: 7 }));
}

#[test]
fn codes_and_reasons_from_a_newer_server_are_read_as_other() {
    let error = r#"{"event":"error","data":{"code":"quota","message":"m"}}"#;
    assert_eq!(ServerMessage::parse(error), Ok(ServerMessage::Error { code: ErrorCode::Other, message: "m".into() }));
    let left = r#"{"event":"update","data":{"roomId":"r","userId":"u","action":"left","reason":"banned"}}"#;
    let Ok(ServerMessage::Update { change, .. }) = ServerMessage::parse(left) else { panic!("not read") };
    assert_eq!(change, Change::Left { reason: LeaveReason::Other });
}

/// In the order of the enum.
const CODES: [ErrorCode; 28] = [
    ErrorCode::BadMessage,
    ErrorCode::UnknownEvent,
    ErrorCode::UnsupportedVersion,
    ErrorCode::HelloFirst,
    ErrorCode::UnknownRoom,
    ErrorCode::RoomFull,
    ErrorCode::NotInRoom,
    ErrorCode::AlreadyInRoom,
    ErrorCode::UnknownPeer,
    ErrorCode::TooLarge,
    ErrorCode::TooFast,
    ErrorCode::ServerFull,
    ErrorCode::ShuttingDown,
    ErrorCode::Replaced,
    ErrorCode::Unauthorized,
    ErrorCode::Forbidden,
    ErrorCode::PasswordNeeded,
    ErrorCode::Locked,
    ErrorCode::Denied,
    ErrorCode::NotInvited,
    ErrorCode::UnknownPerson,
    ErrorCode::NameTaken,
    ErrorCode::WrongPassword,
    ErrorCode::NotFound,
    ErrorCode::NotHere,
    ErrorCode::Unavailable,
    ErrorCode::Gone,
    ErrorCode::Internal,
];

#[test]
fn codes_have_the_same_text_everywhere() {
    let table = PROTOCOL_MD.split("### Error codes").nth(1).expect("the table of codes");
    for code in CODES {
        assert_eq!(serde_json::to_value(code).expect("json"), Value::from(code.as_str()));
        assert!(table.contains(&format!("| `{code}` |")), "PROTOCOL.md does not explain {code}");
    }
    // All but `Other`, which is the last of the enum and is what a client takes a newer server's code for.
    assert_eq!(CODES.map(|code| code as usize), std::array::from_fn(|nth| nth));
    assert_eq!(CODES.len(), ErrorCode::Other as usize);
    assert_eq!(table.lines().take_while(|line| !line.starts_with("## ")).filter(is_row).count(), CODES.len());
}

/// A row of the table that is about a code.
fn is_row(line: &&str) -> bool {
    line.starts_with("| `")
}

#[test]
fn the_protocol_page_shows_every_message_as_it_is() {
    let mut blocks = Vec::new();
    for block in PROTOCOL_MD.split("\n```json ").skip(1) {
        let (kind, rest) = block.split_once('\n').expect("a block has lines");
        let text = rest.split("\n```").next().expect("split gives one").trim();
        match kind {
            "client" => canonical::<ClientMessage>(text),
            "server" => canonical::<ServerMessage>(text),
            "problem" => canonical::<Problem>(text),
            "room-created" => canonical::<RoomCreated>(text),
            "room-info" => canonical::<RoomInfo>(text),
            "room-wish" => canonical::<RoomWish>(text),
            "room-list" => canonical::<RoomList>(text),
            "token-wish" => canonical::<TokenWish>(text),
            "token-issued" => canonical::<TokenIssued>(text),
            "credentials" => canonical::<Credentials>(text),
            "signed-in" => canonical::<SignedIn>(text),
            "log-batch" => canonical::<LogBatch>(text),
            "log-accepted" => canonical::<LogAccepted>(text),
            other => panic!("a JSON block of unknown kind '{other}'"),
        }
        blocks.push((kind, value(text)));
    }
    assert_eq!(
        blocks.len(),
        PROTOCOL_MD.matches("```json").count(),
        "a JSON block does not say what it is, or is indented"
    );
    let expected = client_messages().into_iter().map(|m| ("client", value(m.1)));
    let expected = expected.chain(server_messages().into_iter().map(|m| ("server", value(m.1))));
    for example in expected {
        assert!(blocks.contains(&example), "PROTOCOL.md lacks {example:?}");
    }
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).expect(text)
}

/// Reads and writes the text as `T` and compares: an example with a misspelt optional field does not pass.
fn canonical<T: Serialize + DeserializeOwned>(text: &str) {
    let read: T = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"));
    assert_eq!(serde_json::to_value(read).expect("json"), value(text));
}
