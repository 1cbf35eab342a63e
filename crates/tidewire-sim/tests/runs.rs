//! Runs without a flaw: nothing is violated, a seed is one run, and enough happens in it.
#![allow(clippy::unwrap_used, missing_docs)]

use std::process::Command;
use std::time::Duration;

use tidewire_sim::{Options, run, summary};

fn minutes(minutes: u64) -> Options {
    Options { length: Duration::from_secs(60 * minutes), flaw: None, follow: None }
}

#[test]
fn a_seed_is_one_run_and_another_seed_another() {
    let first = run(11, &minutes(10));
    assert_eq!(first, run(11, &minutes(10)));
    assert_ne!(first.digest, run(12, &minutes(10)).digest);
    assert_eq!(first.violations, []);
}

#[test]
fn fifty_connections_and_five_hundred_faults_an_hour() {
    let outcome = run(1, &minutes(20));
    let figures = &outcome.figures;
    assert_eq!(outcome.violations, []);
    assert!(figures.alive() >= 50, "{} connections at once", figures.alive());
    assert!(figures.faults() * 3 >= 500, "{} faults in a third of an hour", figures.faults());
    // About one a second, of 24 streams one way and of 46 WebSockets both ways.
    assert!(figures.messages >= 20 * 60 * 90, "{} messages", figures.messages);
}

#[test]
fn a_hub_has_readers_on_every_transport_who_lose_their_links_and_are_told_of_every_loss() {
    let outcome = run(2, &minutes(20));
    let fanout = &outcome.figures.fanout;
    assert_eq!(outcome.violations, []);
    assert!(fanout.published >= 3_000, "{fanout:?}");
    assert!(fanout.delivered.iter().all(|messages| *messages >= 4_000), "{fanout:?}");
    // What is taken and on its way when a link is cut comes again behind the next.
    assert!(fanout.taken > fanout.delivered.iter().sum(), "{fanout:?}");
    assert!(fanout.gaps.iter().all(|gaps| *gaps >= 3), "{fanout:?}");
    assert!(fanout.links >= 2_000 && fanout.lies >= 70, "{fanout:?}");
    assert!(fanout.dismissed >= 5 && fanout.repeated >= 400 && fanout.direct >= 100, "{fanout:?}");
    let drops = outcome.figures.faults.iter().find(|(name, _)| *name == "hub: drop").unwrap().1;
    assert!(drops >= 200, "{drops} drops");
}

#[test]
fn the_last_line_counts() {
    let line = summary(200, 1, 0, Duration::from_secs(100));
    assert_eq!(line, "200 seeds, 200 simulated hours, 0 violations, 7200 x real time");
}

#[test]
fn the_program_fails_where_something_is_violated_and_says_how_to_see_it_again() {
    let program = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_tidewire-sim")).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (status, told) = program(&["--seeds", "2", "--hours", "1", "--flaw", "wrong-count"]);
    assert_eq!(status, Some(1));
    assert!(told.contains("--seed 2 --hours 1 --flaw wrong-count\n"), "{told}");
    let last = told.lines().last().unwrap();
    assert!(last.starts_with("2 seeds, 2 simulated hours, 10 violations, "), "{last}");
    let (status, told) = program(&["--seed", "3", "--hours", "0"]);
    assert_eq!(status, Some(0));
    assert!(told.starts_with("seed 3: "), "{told}");
    assert_eq!(told.lines().last(), Some("1 seeds, 0 simulated hours, 0 violations, 0 x real time"));
}
