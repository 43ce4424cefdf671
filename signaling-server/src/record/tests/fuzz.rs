//! Batches with something odd about them, from a seed: whatever comes is stored or refused, and never more than that.

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Value, json};

use super::*;

const ROUNDS: u64 = 4000;

/// What is put in place of a number in the text: what no number of JSON, or of ours, can be.
const ODD_NUMBERS: [&str; 14] = [
    "1e999",
    "-1e999",
    "1e-999",
    "3.5e38",
    "18446744073709551616",
    "-9223372036854775809",
    "123456789012345678901234567890",
    "4294967296",
    "007",
    "NaN",
    "-",
    "\"\\ud800\"",
    "\"1\"",
    "0,\"seq\":0",
];

/// What is put in place of something.
fn oddity(rng: &mut StdRng) -> Value {
    if rng.random_ratio(1, 10) {
        // About as deep as a parser goes, on either side of it.
        let depth = rng.random_range(1..140);
        return (0..depth).fold(Value::Null, |inner, n| if n % 2 == 0 { json!([inner]) } else { json!({"k": inner}) });
    }
    let odd: [Value; 20] = [
        Value::Null,
        true.into(),
        0.into(),
        (-1).into(),
        i64::MAX.into(),
        i64::MIN.into(),
        u64::MAX.into(),
        u32::MAX.into(),
        1e308.into(),
        (-0.0).into(),
        1e-320.into(),
        0.5.into(),
        "".into(),
        "\u{202e}\0\u{feff}💥'; --".into(),
        "עדה عمر 👩‍👩‍👧‍👦\u{85}\u{2028}".into(),
        "x".repeat(300).into(),
        "🦀".repeat(64).into(),
        Value::Array(vec![1.into(), 0.into(), 2.into()]),
        Value::Array(Vec::new()),
        Value::Object(serde_json::Map::new()),
    ];
    odd[rng.random_range(0..odd.len())].clone()
}

/// Changes something somewhere in it.
fn mutate(value: &mut Value, rng: &mut StdRng) {
    if rng.random_ratio(1, 12) {
        *value = oddity(rng);
        return;
    }
    match value {
        Value::Array(list) if !list.is_empty() => {
            let at = rng.random_range(0..list.len());
            match rng.random_range(0..8) {
                0 => drop(list.remove(at)),
                1 => list.push(list[at].clone()),
                2 => list.swap(0, at),
                _ => mutate(&mut list[at], rng),
            }
        }
        Value::Object(map) if !map.is_empty() => {
            let key = map.keys().nth(rng.random_range(0..map.len())).cloned().unwrap_or_default();
            match rng.random_range(0..12) {
                0 => drop(map.remove(&key)),
                1 => drop(map.insert("odd".into(), oddity(rng))),
                _ => mutate(&mut map[&key], rng),
            }
        }
        Value::Number(number) if rng.random_bool(0.5) => {
            let by = [-1e12, -15_000.0, -1.0, 1.0, 15_000.0, 1e12][rng.random_range(0..6)];
            let sum = number.as_f64().unwrap_or(0.0) + by;
            *value = if number.is_f64() { sum.into() } else { (sum as i64).into() };
        }
        _ => *value = oddity(rng),
    }
}

/// Puts something odd in the place of some number of a text.
fn mutate_text(json: &str, rng: &mut StdRng) -> String {
    let numbers: Vec<_> = json.match_indices(|c: char| c.is_ascii_digit()).map(|(at, _)| at).collect();
    let Some(&at) = numbers.choose(rng) else { return json.to_owned() };
    let begin = json[..at].rfind(|c: char| !c.is_ascii_digit() && !"+-.eE".contains(c)).map_or(0, |before| before + 1);
    let length = json[at..].find(|c: char| !c.is_ascii_digit() && !"+-.eE".contains(c)).unwrap_or(json.len() - at);
    let odd = ODD_NUMBERS.choose(rng).expect("numbers");
    format!("{}{odd}{}", &json[..begin], &json[at + length..])
}

/// As the made-up batches are, with the rows that those lack.
fn with_all_kinds_of_rows(mut batch: Value) -> Value {
    let (at, stay) = (batch["session"]["startedMs"].clone(), batch["stays"][0]["stay"].clone());
    let path = json!({"kind": "path-changed", "path": {"local": "host", "remote": "srflx", "rtt": [1.5, null]}});
    batch["events"] = json!([
        {"seq": 0, "unixMs": at, "event": {"kind": "joined", "setup": {"ice_ms": 12.5}}},
        {"seq": 1, "unixMs": at, "peer": "u1", "event": path},
    ]);
    batch["breaks"] = json!([
        {"seq": 0, "stay": stay, "startMs": at, "endMs": at, "cause": "ice-failed"},
        {"seq": 1, "startMs": at, "cause": "sleep"},
    ]);
    batch
}

#[test]
fn odd_batches_are_stored_or_refused() {
    let mut rng = StdRng::seed_from_u64(20_261_128);
    let mut fixture = Fixture::new();
    let shape = CallShape { people: 3, windows: 3, windows_per_batch: 1, ..shape(1) };
    fixture.apply(&synthetic::entries(&shape));
    let batches: Vec<Value> =
        synthetic::batches(&shape).iter().map(|batch| with_all_kinds_of_rows(json!(batch))).collect();
    let (mut taken, mut refused) = (0, 0);
    for round in 0..ROUNDS {
        let mut odd = batches[rng.random_range(0..batches.len())].clone();
        for _ in 0..rng.random_range(1..4) {
            mutate(&mut odd, &mut rng);
        }
        let mut json = odd.to_string().into_bytes();
        if rng.random_ratio(1, 5) {
            json = mutate_text(&odd.to_string(), &mut rng).into_bytes();
        }
        if rng.random_ratio(1, 10) {
            // Not even JSON any more.
            let at = rng.random_range(0..json.len());
            json[at] = rng.random();
        }
        let answer = parse(&json).and_then(|batch| {
            let accepted = ingest(&mut fixture.connection, &shape.room_id(), &batch, NOON + 60_000)?;
            // What was taken can be sent on and read again.
            assert_eq!(parse(&serde_json::to_vec(&batch).unwrap()).unwrap(), batch);
            Ok(accepted)
        });
        match answer {
            Ok(_) => taken += 1,
            Err(error) => {
                assert!(error.is_refusal(), "round {round}: {error}");
                assert!(!error.to_string().is_empty());
                refused += 1;
            }
        }
    }
    assert!(taken > 200 && refused > 500, "{taken} taken, {refused} refused");
    // Whatever is in the file now can be read.
    let reader = fixture.reader();
    let (call, reports) = (reader.call(&shape.room_id()).unwrap(), reader.reports(&shape.room_id(), 5).unwrap());
    assert_eq!(call.sessions.len(), reports.len());
    csv_of(&reader, &shape.room_id()).unwrap();
    // And read again by whoever it is for: what one client made up spoils nobody's charts.
    let sent = serde_json::to_vec(&reports).unwrap();
    assert_eq!(serde_json::from_slice::<Vec<LogBatch>>(&sent).unwrap().len(), reports.len());
    assert!(fixture.count("log_event") > 2 && fixture.count("log_break") > 2);
    let totals = reader.totals(0, i64::MAX).unwrap();
    assert_eq!(totals.calls, 1);
    serde_json::to_string(&(call, reports, totals)).unwrap();
    delete_call(&mut fixture.connection, &shape.room_id(), "ann", NOON).unwrap();
    while purge(&mut fixture.connection, 100).unwrap() {}
    assert_eq!(fixture.count("log_sample") + fixture.count("log_rollup") + fixture.count("log_doomed"), 0);
}
