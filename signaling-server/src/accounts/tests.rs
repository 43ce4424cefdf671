//! Accounts from outside: what each request does, over restarts, and what must not be possible.

use std::{fs, net::Ipv4Addr, task::Poll, time::Instant};

use sightline_protocol::UserId;
use tempfile::TempDir;

use super::{
    lists::{MAX_BLOCKS, MAX_MISSED, REASON_CHARS},
    name::NameError,
    sessions::{MAX_SESSIONS, SESSION_MS},
    *,
};
use crate::store::Store;

const HOUR_MS: i64 = 3600 * 1000;
const DAY_MS: i64 = 24 * HOUR_MS;
const PASSWORD: &str = "correct horse";

struct World {
    accounts: Accounts,
    now: Now,
    runtime: tokio::runtime::Runtime,
}

fn address(n: u8) -> IpAddr {
    Ipv4Addr::new(192, 0, 2, n).into()
}

impl World {
    fn new() -> Self {
        Self::open(None)
    }

    fn open(path: Option<&Path>) -> Self {
        let now = Now { at: Instant::now(), unix_ms: 1_800_000_000_000 };
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        Self { accounts: Accounts::open_with(path, Passwords::weak(), now).expect("opens"), now, runtime }
    }

    fn pass(&mut self, ms: i64) {
        self.now.unix_ms += ms;
        self.now.at += Duration::from_millis(ms.unsigned_abs());
    }

    fn register(&self, name: &str) -> Result<SignedIn, AccountError> {
        self.runtime.block_on(self.accounts.register(name, PASSWORD, address(1), self.now))
    }

    fn registered(&self, name: &str) -> SignedIn {
        self.register(name).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn sign_in(&self, name: &str, password: &str, from: u8) -> Result<SignedIn, AccountError> {
        self.runtime.block_on(self.accounts.sign_in(name, password, address(from), self.now))
    }

    fn change_password(&self, token: &str, old: &str, new: &str) -> Result<(), AccountError> {
        self.runtime.block_on(self.accounts.change_password(token, old, new, address(1), self.now))
    }

    fn delete(&self, token: &str, password: &str) -> Result<AccountId, AccountError> {
        self.runtime.block_on(self.accounts.delete_account(token, password, address(1), self.now))
    }

    fn who(&self, token: &str) -> Option<Account> {
        self.accounts.who(token, self.now).expect("answers")
    }
}

fn party(account: &Account) -> Party {
    Party { person: Person::Account(account.id), name: account.name.clone() }
}

fn guest(n: u32) -> Party {
    Party { person: Person::Guest(UserId(format!("u{n:016x}"))), name: format!("guest {n}") }
}

#[test]
fn who_registers_is_signed_in_and_may_sign_in_again_in_any_spelling() {
    let world = World::new();
    let SignedIn { account, token } = world.registered("  Žofie ");
    assert_eq!((account.name.as_str(), account.admin), ("Žofie", false));
    assert_eq!(world.who(&token), Some(account.clone()));
    assert_eq!((token.len(), &token[..1]), (65, "s"));
    let again = world.sign_in("zˇofie", PASSWORD, 1);
    assert!(matches!(again, Err(AccountError::WrongPassword)), "{again:?}");
    let again = world.sign_in("ŽOFIE", PASSWORD, 1).expect("signs in");
    assert_eq!(again.account, account);
    assert_ne!(again.token, token);
    assert_eq!(world.accounts.find("žofie").expect("answers"), Some(account));
    assert_eq!(world.accounts.find("anna").expect("answers"), None);
    assert_eq!(world.accounts.find("an na").expect("answers"), None);
}

#[test]
fn a_name_is_given_once_and_so_is_its_look() {
    let world = World::new();
    world.registered("Anna");
    assert!(matches!(world.register("ＡNNA"), Err(AccountError::NameTaken)));
    assert!(matches!(world.register("Аnna"), Err(AccountError::NameAlike)), "Cyrillic");
    assert!(matches!(world.register("an na"), Err(AccountError::Name(NameError::Space))));
    assert!(matches!(world.register("'; DROP TABLE accounts; --"), Err(AccountError::Name(NameError::Space))));
    world.registered("';DROP/**/TABLE/**/accounts;--");
    world.registered("🦊");
    world.registered("שרה");
    // What is refused costs no hash.
    assert_eq!(world.accounts.hashed(), 4);
}

#[test]
fn two_who_want_one_name_at_once_do_not_both_get_it() {
    let world = World::new();
    let both = world.runtime.block_on(async {
        let one = |n| world.accounts.register("Anna", PASSWORD, address(n), world.now);
        futures_util::future::join(one(1), one(2)).await
    });
    assert!(matches!(both, (Ok(_), Err(AccountError::NameTaken)) | (Err(AccountError::NameTaken), Ok(_))), "{both:?}");
}

#[test]
fn a_wrong_password_and_an_unknown_name_are_told_apart_by_nothing() {
    let world = World::new();
    world.registered("Anna");
    let refused = |name, password| {
        let before = world.accounts.hashed();
        let error = world.sign_in(name, password, 2).expect_err("refused");
        assert!(matches!(error, AccountError::WrongPassword));
        world.accounts.hashed() - before
    };
    assert_eq!(refused("Anna", "wrong horse"), 1);
    assert_eq!(refused("Nobody", "wrong horse"), 1);
    // What nobody can have is not hashed for anybody.
    assert_eq!((refused("Anna", "short"), refused("Nobody", "short"), refused("no body", PASSWORD)), (0, 0, 0));
}

#[test]
fn guessing_is_stopped_by_address_and_by_name() {
    let mut world = World::new();
    world.registered("Anna");
    let failures = |world: &World, name: &str, from: u8| {
        let refused = (0..100).map(|_| world.sign_in(name, "wrong horse", from).expect_err("wrong"));
        refused.take_while(|error| matches!(error, AccountError::WrongPassword)).count()
    };
    assert_eq!(failures(&world, "Anna", 2), 10);
    assert!(matches!(world.sign_in("Anna", PASSWORD, 2), Err(AccountError::TooManyFailures)), "even the right one");
    assert!(matches!(world.sign_in("Nobody", PASSWORD, 2), Err(AccountError::TooManyFailures)), "for every name");
    assert_eq!([3, 4, 5].map(|from| failures(&world, "aNNA", from)), [10, 10, 0]);
    assert!(matches!(world.sign_in("Anna", PASSWORD, 6), Err(AccountError::TooManyFailures)));
    assert!(matches!(world.sign_in("Bob", PASSWORD, 6), Err(AccountError::WrongPassword)), "other names may be tried");
    // A name that nobody has is not told from one that somebody has.
    assert_eq!([7, 8, 9, 10].map(|from| failures(&world, "Nobody", from)), [10, 10, 10, 0]);
    world.pass(60_000);
    world.sign_in("Anna", PASSWORD, 2).expect("a minute later");
    let hashed = world.accounts.hashed();
    // Success costs nothing.
    for _ in 0..50 {
        world.sign_in("Anna", PASSWORD, 11).expect("signs in");
    }
    assert_eq!(world.accounts.hashed(), hashed + 50);
}

#[test]
fn guesses_that_are_made_all_at_once_are_counted_one_by_one() {
    let world = World::new();
    world.registered("Anna");
    let guesses = (0..60).map(|_| world.accounts.sign_in("Anna", "wrong horse", address(2), world.now));
    let results = world.runtime.block_on(futures_util::future::join_all(guesses));
    let tried = results.iter().filter(|result| matches!(result, Err(AccountError::WrongPassword))).count();
    let stopped = results.iter().filter(|result| matches!(result, Err(AccountError::TooManyFailures))).count();
    // Two are hashed at a time, so one may be over the mark.
    assert!((10..=11).contains(&tried) && tried + stopped == 60, "{tried} tried, {stopped} stopped");
}

#[test]
fn a_crowd_is_sent_away_before_it_hashes() {
    let world = World::new();
    let names: Vec<String> = (0..100).map(|n| format!("name{n}")).collect();
    let many = (0..100).map(|n: u8| world.accounts.sign_in(&names[n as usize], PASSWORD, address(n), world.now));
    let results = world.runtime.block_on(async {
        let passwords = &world.accounts.0.passwords;
        let running = [passwords.turn().await.expect("a turn"), passwords.turn().await.expect("a turn")];
        let mut all = std::pin::pin!(futures_util::future::join_all(many));
        // All of them ask before one is done.
        std::future::poll_fn(|cx| Poll::Ready(all.as_mut().poll(cx).is_pending())).await;
        drop(running);
        all.await
    });
    let crowded = results.iter().filter(|result| matches!(result, Err(AccountError::Crowded))).count();
    assert_eq!((crowded, world.accounts.hashed()), (100 - password::WAITING, password::WAITING as u64));
    assert!(matches!(world.sign_in("Bob", PASSWORD, 200), Err(AccountError::WrongPassword)), "and then it goes on");
}

#[test]
fn new_accounts_are_counted_by_address() {
    let mut world = World::new();
    let made = (0..100).take_while(|n| world.register(&format!("person.{n}.x")).is_ok()).count();
    assert_eq!(made, 40);
    assert!(matches!(world.register("late"), Err(AccountError::TooManyRegistrations)));
    world.pass(60_000);
    world.registered("late");
}

#[test]
fn signing_out_ends_one_session() {
    let world = World::new();
    let one = world.registered("Anna").token;
    let other = world.sign_in("Anna", PASSWORD, 1).expect("signs in").token;
    assert!(world.accounts.sign_out(&one).expect("answers"));
    assert!(!world.accounts.sign_out(&one).expect("answers"));
    assert_eq!(world.who(&one), None);
    assert!(world.who(&other).is_some());
}

#[test]
fn what_is_no_token_is_nobody() {
    let world = World::new();
    let token = world.registered("Anna").token;
    let changed = format!("{}{}", &token[..64], if token.ends_with('0') { '1' } else { '0' });
    for wrong in ["", "s", &token[1..], &token[..64], &changed, &format!("{token}0"), &"s".repeat(1 << 20), "sé"] {
        assert_eq!(world.who(wrong), None);
        assert!(!world.accounts.sign_out(wrong).expect("answers"));
    }
    assert!(world.who(&token).is_some());
}

#[test]
fn a_session_ends_thirty_days_after_it_was_last_used() {
    let mut world = World::new();
    let used = world.registered("Anna").token;
    let unused = world.sign_in("Anna", PASSWORD, 1).expect("signs in").token;
    for _ in 0..3 {
        world.pass(SESSION_MS - 1);
        assert!(world.who(&used).is_some());
    }
    assert_eq!(world.who(&unused), None);
    world.pass(SESSION_MS);
    assert_eq!(world.who(&used), None);
    // An ended one does not come back when the clock is set back.
    let token = world.sign_in("Anna", PASSWORD, 1).expect("signs in").token;
    world.pass(-SESSION_MS);
    assert!(world.who(&token).is_some());
    world.pass(SESSION_MS);
    assert_eq!(world.who(&token), None, "it was used at a time that is long ago again");
}

#[test]
fn the_least_used_session_makes_room() {
    let mut world = World::new();
    let first = world.registered("Anna").token;
    let second = world.sign_in("Anna", PASSWORD, 1).expect("signs in").token;
    world.pass(2 * DAY_MS);
    assert!(world.who(&first).is_some());
    let later: Vec<String> =
        (0..MAX_SESSIONS - 1).map(|_| world.sign_in("Anna", PASSWORD, 1).expect("signs in").token).collect();
    assert_eq!(world.who(&second), None);
    assert!(later.iter().chain([&first]).all(|token| world.who(token).is_some()));
}

#[test]
fn another_password_ends_all_other_sessions() {
    let world = World::new();
    let mine = world.registered("Anna").token;
    let others = world.sign_in("Anna", PASSWORD, 1).expect("signs in").token;
    assert!(world.who(&others).is_some());
    let wrong = world.change_password(&mine, "wrong horse", "battery staple");
    assert!(matches!(wrong, Err(AccountError::WrongPassword)));
    assert!(matches!(world.change_password(&mine, PASSWORD, "short"), Err(AccountError::Password(_))));
    assert!(matches!(world.change_password("s00", PASSWORD, "battery staple"), Err(AccountError::NotSignedIn)));
    assert!(world.who(&others).is_some(), "nothing is changed yet");
    world.change_password(&mine, PASSWORD, "battery staple").expect("changes");
    assert!(world.who(&mine).is_some());
    assert_eq!(world.who(&others), None);
    assert!(matches!(world.sign_in("Anna", PASSWORD, 1), Err(AccountError::WrongPassword)));
    world.sign_in("Anna", "battery staple", 1).expect("signs in");
}

#[test]
fn a_stolen_token_is_no_way_to_guess_the_password() {
    let world = World::new();
    let token = world.registered("Anna").token;
    let tried = (0..100).take_while(|n| {
        let guess = format!("wrong horse {n}");
        matches!(world.change_password(&token, &guess, "battery staple"), Err(AccountError::WrongPassword))
    });
    assert_eq!(tried.count(), 10);
    assert!(matches!(world.delete(&token, PASSWORD), Err(AccountError::TooManyFailures)));
}

#[test]
fn who_signs_in_while_the_password_changes_gets_no_session() {
    let world = World::new();
    let SignedIn { account, token } = world.registered("Anna");
    let hash = find(&world.accounts.0.database(), "anna").expect("answers").expect("is there").1;
    world.change_password(&token, PASSWORD, "battery staple").expect("changes");
    // It verified the old password before that.
    let late = world.accounts.0.new_session(account.clone(), &hash, world.now);
    assert!(matches!(late, Err(AccountError::WrongPassword)));
    let late = world.accounts.0.set_password(account.id, &hash, "another", &token);
    assert!(matches!(late, Err(AccountError::WrongPassword)));
}

#[test]
fn a_deleted_account_leaves_only_what_was_reported() {
    let world = World::new();
    let anna = world.registered("Anna");
    let bob = world.registered("Bob");
    let (a, b) = (anna.account.id, bob.account.id);
    world.accounts.block(a, b).expect("blocks");
    world.accounts.block(b, a).expect("blocks");
    world.accounts.missed(a, &party(&bob.account), "r1", 1).expect("kept");
    world
        .accounts
        .report(&party(&bob.account), &party(&anna.account), "r1", "rude", address(1), world.now)
        .expect("kept");
    assert!(matches!(world.delete(&anna.token, "wrong horse"), Err(AccountError::WrongPassword)));
    assert_eq!(world.delete(&anna.token, PASSWORD).expect("deletes"), a);
    assert_eq!(world.who(&anna.token), None);
    assert!(matches!(world.sign_in("Anna", PASSWORD, 1), Err(AccountError::WrongPassword)));
    assert!(world.accounts.blocked(b).expect("answers").is_empty());
    assert!(world.accounts.missed_calls(a).expect("answers").is_empty());
    assert_eq!(world.accounts.reports(10, 0).expect("answers")[0].whom, party(&anna.account));
    // What comes too late does nothing.
    world.accounts.missed(a, &party(&bob.account), "r1", 1).expect("nothing to keep");
    assert!(matches!(world.accounts.block(b, a), Err(AccountError::UnknownAccount)));
    assert!(!world.accounts.remove(a).expect("answers"));
    // The name is free again, for somebody else.
    assert_ne!(world.registered("Anna").account.id, a);
}

#[test]
fn an_admin_is_made_and_unmade_at_once() {
    let world = World::new();
    let token = world.registered("Anna").token;
    assert!(world.accounts.set_admin("ANNA", true).expect("is there").admin);
    assert!(world.who(&token).expect("signed in").admin);
    assert!(world.sign_in("Anna", PASSWORD, 1).expect("signs in").account.admin);
    world.accounts.set_admin("anna", false).expect("is there");
    assert!(!world.who(&token).expect("signed in").admin);
    for unknown in ["Bob", "an na", ""] {
        assert!(matches!(world.accounts.set_admin(unknown, true), Err(AccountError::UnknownAccount)), "{unknown}");
    }
}

#[test]
fn a_server_has_so_many_accounts_and_no_more() {
    let world = World::new();
    let filled = format!(
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {})
         INSERT INTO accounts (id, name, key, password, created_ms) SELECT n, n, n || ' ', '', 0 FROM n",
        MAX_ACCOUNTS - 1
    );
    world.accounts.0.database().execute_batch(&filled).expect("inserts");
    world.registered("Anna");
    assert!(matches!(world.register("Bob"), Err(AccountError::Full)));
    world.accounts.remove(AccountId(1)).expect("answers");
    world.registered("Bob");
}

#[test]
fn on_a_full_disk_nothing_is_half_done() {
    let folder = TempDir::new().expect("a folder");
    let world = World::open(Some(&file(&folder)));
    let anna = world.registered("Anna");
    let pages = |pragma: &str| {
        let database = world.accounts.0.database();
        database.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0)).expect("answers")
    };
    pages(&format!("max_page_count = {}", pages("page_count")));
    let names: Vec<String> = (0..200).map(|n| format!("person.{n}.x")).collect();
    let mut refused = None;
    for (n, name) in names.iter().enumerate() {
        let made = world.accounts.register(name, PASSWORD, address(n as u8), world.now);
        match world.runtime.block_on(made) {
            Ok(signed_in) => assert!(world.who(&signed_in.token).is_some()),
            Err(error) => {
                assert!(matches!(error, AccountError::Database(_)), "{error:?}");
                refused = Some(name);
                break;
            }
        }
    }
    let refused = refused.expect("a disk that is full in the end");
    assert!(world.accounts.find(refused).expect("answers").is_none());
    assert!(world.who(&anna.token).is_some());
    pages("max_page_count = 100000");
    world.registered(refused);
}

#[test]
fn blocks_are_kept_until_they_are_taken_back() {
    let world = World::new();
    let [anna, bob, zoe] = ["Anna", "Bob", "Zoe"].map(|name| world.registered(name).account);
    let accounts = &world.accounts;
    accounts.block(anna.id, zoe.id).expect("blocks");
    accounts.block(anna.id, bob.id).expect("blocks");
    accounts.block(anna.id, bob.id).expect("is blocked");
    assert_eq!(accounts.blocked(anna.id).expect("answers"), [bob.id, zoe.id].into());
    assert_eq!(accounts.block_list(anna.id).expect("answers"), [bob.clone(), zoe.clone()]);
    assert!(accounts.blocked(bob.id).expect("answers").is_empty());
    for (one, other, blocked) in [(&anna, &bob, true), (&bob, &anna, true), (&bob, &zoe, false)] {
        assert_eq!(accounts.is_blocked(one.id, other.id).expect("answers"), blocked);
    }
    assert!(accounts.unblock(anna.id, bob.id).expect("answers"));
    assert!(!accounts.unblock(anna.id, bob.id).expect("answers"));
    assert!(!accounts.is_blocked(anna.id, bob.id).expect("answers"));
    assert!(matches!(accounts.block(anna.id, anna.id), Err(AccountError::Yourself)));
    assert!(matches!(accounts.block(anna.id, AccountId(1)), Err(AccountError::UnknownAccount)));
}

#[test]
fn a_block_list_is_bounded() {
    let world = World::new();
    let anna = world.registered("Anna").account;
    {
        let mut database = world.accounts.0.database();
        let transaction = database.transaction().expect("begins");
        for n in 1..=MAX_BLOCKS as i64 + 1 {
            let sql = "INSERT INTO accounts (id, name, key, password, created_ms) VALUES (?1, ?1, ?1, '', 0)";
            transaction.execute(sql, [n]).expect("inserts");
        }
        transaction.commit().expect("commits");
    }
    for n in 1..=MAX_BLOCKS as i64 {
        world.accounts.block(anna.id, AccountId(n)).expect("blocks");
    }
    let one_more = world.accounts.block(anna.id, AccountId(MAX_BLOCKS as i64 + 1));
    assert!(matches!(one_more, Err(AccountError::TooManyBlocks)));
    world.accounts.block(anna.id, AccountId(1)).expect("is blocked");
}

#[test]
fn reports_are_kept_for_the_admin() {
    let mut world = World::new();
    let anna = world.registered("Anna").account;
    for n in 0..3 {
        world.pass(1000);
        let reason = format!("rude, {n} times; '\u{202e}\0");
        world.accounts.report(&party(&anna), &guest(n), "r1", &reason, address(1), world.now).expect("kept");
    }
    let reports = world.accounts.reports(2, 0).expect("answers");
    assert_eq!(reports.iter().map(|report| &report.whom).collect::<Vec<_>>(), [&guest(2), &guest(1)]);
    assert_eq!((&reports[0].who, reports[0].room.as_str()), (&party(&anna), "r1"));
    assert_eq!((reports[0].reason.as_str(), reports[0].unix_ms), ("rude, 2 times; '\u{202e}\0", world.now.unix_ms));
    assert_eq!(world.accounts.reports(2, 2).expect("answers")[0].whom, guest(0));
    assert_eq!(world.accounts.reports(u32::MAX, 3).expect("answers"), []);
    assert!(world.accounts.delete_report(reports[0].id).expect("answers"));
    assert!(!world.accounts.delete_report(reports[0].id).expect("answers"));
    assert_eq!(world.accounts.reports(10, 0).expect("answers").len(), 2);
}

#[test]
fn reports_are_bounded_in_every_way() {
    let mut world = World::new();
    let report = |world: &World, who: &Party, reason: &str, from: u8| {
        world.accounts.report(who, &guest(0), "r1", reason, address(from), world.now)
    };
    report(&world, &guest(1), &"ž".repeat(REASON_CHARS), 1).expect("fits");
    let long = report(&world, &guest(1), &"ž".repeat(REASON_CHARS + 1), 1);
    assert!(matches!(long, Err(AccountError::TooLong { .. })));
    // By person, from wherever.
    let kept = (0..100u8).take_while(|from| report(&world, &guest(2), "rude", *from).is_ok()).count();
    assert_eq!(kept, 20);
    // By address, whoever it is.
    let kept = (0..100).take_while(|n| report(&world, &guest(100 + n), "rude", 200).is_ok()).count();
    assert_eq!(kept, 10);
    world.pass(DAY_MS);
    report(&world, &guest(2), "rude", 1).expect("the next day");
    // Names are cut, and the oldest make room.
    let long_name = Party { name: "x".repeat(1_000_000), ..guest(3) };
    report(&world, &long_name, "rude", 2).expect("kept");
    let last = world.accounts.reports(1, 0).expect("answers").remove(0);
    assert_eq!(last.who.name.len(), 64);
    let sql = "UPDATE sqlite_sequence SET seq = seq + ? WHERE name = 'account_reports'";
    world.accounts.0.database().execute(sql, [lists::MAX_REPORTS - 2]).expect("as if many came");
    report(&world, &guest(4), "rude", 3).expect("kept");
    let left = world.accounts.reports(500, 0).expect("answers");
    assert_eq!(left.iter().map(|report| report.id - last.id).collect::<Vec<_>>(), [lists::MAX_REPORTS - 1, 0]);
}

#[test]
fn missed_calls_are_kept_until_they_were_seen() {
    let world = World::new();
    let [anna, bob] = ["Anna", "Bob"].map(|name| world.registered(name).account);
    let accounts = &world.accounts;
    for n in 0..3 {
        accounts.missed(anna.id, &party(&bob), &format!("r{n}"), n).expect("kept");
    }
    accounts.missed(bob.id, &guest(1), "r9", 9).expect("kept");
    let missed = accounts.missed_calls(anna.id).expect("answers");
    assert_eq!(
        missed.iter().map(|call| (call.room.as_str(), call.unix_ms)).collect::<Vec<_>>(),
        [("r0", 0), ("r1", 1), ("r2", 2)]
    );
    assert_eq!(missed[0].from, party(&bob));
    assert_eq!(accounts.missed_calls(anna.id).expect("answers"), missed, "asking does not forget");
    assert_eq!(accounts.missed_seen(anna.id, missed[1].id).expect("answers"), 2);
    assert_eq!(accounts.missed_calls(anna.id).expect("answers"), missed[2..]);
    assert_eq!(accounts.missed_calls(bob.id).expect("answers")[0].from, guest(1));
    // The newest are kept.
    for n in 0..MAX_MISSED + 5 {
        accounts.missed(anna.id, &party(&bob), "r", 100 + n).expect("kept");
    }
    let missed = accounts.missed_calls(anna.id).expect("answers");
    assert_eq!((missed.len() as i64, missed[0].unix_ms), (MAX_MISSED, 105));
}

/// A file as the store leaves it.
fn file(folder: &TempDir) -> PathBuf {
    let path = folder.path().join("server.sqlite");
    let (store, _) = Store::open(&path, Default::default()).expect("opens");
    store.finish();
    path
}

#[test]
fn all_is_there_after_a_restart_and_no_secret_is_in_the_file() {
    let folder = TempDir::new().expect("a folder");
    let path = file(&folder);
    let mut world = World::open(Some(&path));
    let [anna, bob] = ["Anna", "Bob"].map(|name| world.registered(name));
    world.accounts.block(anna.account.id, bob.account.id).expect("blocks");
    world.accounts.set_admin("Bob", true).expect("is there");
    world.accounts.sign_out(&bob.token).expect("answers");
    // As after a SIGKILL: nothing is closed.
    let killed = std::mem::replace(&mut world, World::open(Some(&path)));
    std::mem::forget(killed.accounts.clone());
    assert_eq!(world.who(&anna.token), Some(anna.account.clone()));
    assert_eq!(world.who(&bob.token), None);
    assert!(world.sign_in("bob", PASSWORD, 1).expect("signs in").account.admin);
    assert_eq!(world.accounts.blocked(anna.account.id).expect("answers"), [bob.account.id].into());
    let written = fs::read_dir(folder.path()).expect("a folder").map(|entry| fs::read(entry.expect("a file").path()));
    let bytes: Vec<u8> = written.flat_map(|bytes| bytes.expect("readable")).collect();
    let contains = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(contains("Anna") && !contains(PASSWORD) && !contains(&anna.token) && !contains(&anna.token[1..]));
}

#[test]
fn sessions_that_are_remembered_and_those_that_are_not_are_the_same() {
    let mut world = World::new();
    let anna = world.registered("Anna");
    let forget = |world: &World| world.accounts.0.sessions.forget_account(anna.account.id);
    forget(&world);
    assert_eq!(world.who(&anna.token), Some(anna.account.clone()));
    // Extended in the database and not in memory alone.
    world.pass(SESSION_MS - 1);
    assert!(world.who(&anna.token).is_some());
    forget(&world);
    world.pass(SESSION_MS - 1);
    assert!(world.who(&anna.token).is_some());
    // A token that is remembered does not ask the database: it is not even there any more.
    let hidden = "ALTER TABLE account_sessions RENAME TO hidden";
    world.accounts.0.database().execute_batch(hidden).expect("renames");
    world.pass(HOUR_MS);
    assert!(world.who(&anna.token).is_some());
    forget(&world);
    assert!(matches!(world.accounts.who(&anna.token, world.now), Err(AccountError::Database(_))), "and not 'nobody'");
}

#[test]
fn no_more_sessions_are_remembered_than_may_be() {
    let world = World::new();
    let anna = world.registered("Anna");
    {
        let database = world.accounts.0.database();
        let sql = "INSERT INTO account_sessions (token, account, expires_ms) VALUES (?, ?, ?)";
        let mut insert = database.prepare(sql).expect("prepares");
        for n in 0..17_000u32 {
            let hash = crate::token::TokenHash::of(&format!("s{n:064x}"));
            let expires_ms = world.now.unix_ms + SESSION_MS;
            insert.execute((hash.as_bytes(), anna.account.id.0, expires_ms)).expect("inserts");
        }
    }
    for n in 0..17_000u32 {
        assert!(world.who(&format!("s{n:064x}")).is_some(), "{n}");
    }
    assert!(world.accounts.0.sessions.count() <= 16_384);
    assert!(world.who(&anna.token).is_some());
}

#[test]
fn files_that_cannot_be_used_are_refused_in_words() {
    let folder = TempDir::new().expect("a folder");
    let now = Now { at: Instant::now(), unix_ms: 0 };
    let empty = folder.path().join("empty");
    fs::write(&empty, "").expect("written");
    for path in [folder.path().join("missing"), folder.path().to_owned(), empty] {
        let error = Accounts::open(Some(&path), now).expect_err("refused").to_string();
        assert!(error.contains(&*path.to_string_lossy()) && error.contains(';'), "{error}");
    }
}

#[test]
fn the_connection_waits_for_other_writers_and_keeps_references_whole() {
    let folder = TempDir::new().expect("a folder");
    let world = World::open(Some(&file(&folder)));
    let database = world.accounts.0.database();
    let number = |name| database.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).expect("answers");
    assert_eq!([number("busy_timeout"), number("foreign_keys"), number("synchronous")], [5000, 1, 1]);
    let mode: String = database.pragma_query_value(None, "journal_mode", |row| row.get(0)).expect("answers");
    assert_eq!(mode, "wal");
}

#[test]
fn ids_are_read_as_they_are_written() {
    let id = World::new().registered("Anna").account.id;
    assert_eq!(AccountId::parse(&id.to_string()), Some(id));
    for wrong in
        ["", "a", "a1", "u0000000000000001", "a000000000000000g", "a+00000000000001", "affffffffffffffff", "aé"]
    {
        assert_eq!(AccountId::parse(wrong), None, "{wrong}");
    }
}
