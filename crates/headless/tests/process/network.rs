//! The bench of bad paths, so short that its figures mean nothing: it is to run, and to measure.

use std::process::Command;

#[test]
fn a_row_of_the_network_bench_measures_both_send_sides() {
    let bench = Command::new(env!("CARGO_BIN_EXE_sightline-bench")).args(["network", "--smoke", "clean"]).output();
    let bench = bench.expect("sightline-bench starts");
    let (said, complained) = (String::from_utf8_lossy(&bench.stdout), String::from_utf8_lossy(&bench.stderr));
    assert!(bench.status.success(), "{complained}");
    let cells = |what: &str| {
        let line = said.lines().find(|line| line.contains(what)).unwrap_or_else(|| panic!("no {what} in {said}"));
        line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
    };
    let buffer = cells("audio buffer, ms");
    let [_, _, _, ours, bound, _, chromium, stock, _] = &buffer[..] else { panic!("{buffer:?}") };
    assert_eq!((bound.as_str(), chromium.as_str()), ("<= 40", "53"));
    for figure in [ours, stock] {
        // Sound was heard, and waited for: less than the frame of 20 ms that it comes in is no buffer.
        assert!(figure.parse::<f64>().is_ok_and(|ms| (5.0..500.0).contains(&ms)), "{buffer:?}");
    }
    let round_trip = cells("RTT p95 over bare 20, ms");
    assert!(round_trip[3].parse::<f64>().is_ok_and(|ms| ms >= -1.0), "the path takes 20 ms: {round_trip:?}");
    assert_eq!(
        Command::new(env!("CARGO_BIN_EXE_sightline-bench"))
            .args(["network", "moon"])
            .output()
            .map(|end| end.status.success())
            .ok(),
        Some(false)
    );
}
