//! What goes wrong, and when.

use std::time::Duration;

use tidewire_testkit::splits::Seeded;
use turmoil::Sim;

use crate::{CLIENTS, FAULTS, PEACE, client, ledger::Ledger};

/// Something that is wrong now, and how it is put right.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Partition(usize),
    FromServer(usize),
    ToServer(usize),
    Held(usize),
    ServerDown,
    ClientDown(usize),
}

/// Plays the faults, then lets all be well, and judges.
pub(crate) fn play(sim: &mut Sim<'_>, chance: &mut Seeded, ledger: &Ledger) {
    let mut faults: Vec<(Duration, Fault)> = Vec::new();
    let mut next = Duration::from_secs(3);
    while sim.elapsed() < FAULTS {
        let now = sim.elapsed();
        faults.retain(|(until, fault)| {
            if *until <= now {
                repair(sim, *fault);
            }
            *until > now
        });
        if now >= next {
            let fault = draw(chance);
            if !faults.iter().any(|(_, other)| is_about_the_same(*other, fault)) {
                begin(sim, fault, ledger);
                faults.push((now + Duration::from_millis(100 + chance.below(12_000) as u64), fault));
            }
            next = now + Duration::from_millis(500 + chance.below(6_000) as u64);
        }
        step(sim, &faults);
    }
    for (_, fault) in faults.drain(..) {
        repair(sim, fault);
    }
    // The last things are said when everybody is there.
    run_until(sim, FAULTS + PEACE / 2);
    ledger.begin_peace();
    run_until(sim, FAULTS + PEACE);
    ledger.judge();
}

fn run_until(sim: &mut Sim<'_>, until: Duration) {
    while sim.elapsed() < until {
        step(sim, &[]);
    }
}

/// A step; a server that has drained comes back.
fn step(sim: &mut Sim<'_>, faults: &[(Duration, Fault)]) {
    sim.step().unwrap();
    let is_down = faults.iter().any(|(_, fault)| matches!(fault, Fault::ServerDown));
    if !is_down && !sim.is_host_running("server") {
        sim.bounce("server");
    }
}

fn draw(chance: &mut Seeded) -> Fault {
    let whom = chance.below(CLIENTS);
    match chance.below(12) {
        0..=3 => Fault::Partition(whom),
        4 | 5 => Fault::FromServer(whom),
        6 | 7 => Fault::ToServer(whom),
        8 | 9 => Fault::Held(whom),
        10 => Fault::ServerDown,
        _ => Fault::ClientDown(whom),
    }
}

fn is_about_the_same(one: Fault, other: Fault) -> bool {
    let whom = |fault| match fault {
        Fault::Partition(whom)
        | Fault::FromServer(whom)
        | Fault::ToServer(whom)
        | Fault::Held(whom)
        | Fault::ClientDown(whom) => Some(whom),
        Fault::ServerDown => None,
    };
    whom(one) == whom(other)
}

fn begin(sim: &mut Sim<'_>, fault: Fault, ledger: &Ledger) {
    match fault {
        Fault::Partition(whom) => sim.partition("server", client::name(whom).as_str()),
        Fault::FromServer(whom) => sim.partition_oneway("server", client::name(whom).as_str()),
        Fault::ToServer(whom) => sim.partition_oneway(client::name(whom).as_str(), "server"),
        Fault::Held(whom) => sim.hold("server", client::name(whom).as_str()),
        Fault::ServerDown => {
            sim.crash("server");
            ledger.crashed();
        }
        Fault::ClientDown(whom) => sim.crash(client::name(whom).as_str()),
    }
}

fn repair(sim: &mut Sim<'_>, fault: Fault) {
    match fault {
        Fault::Partition(whom) | Fault::FromServer(whom) | Fault::ToServer(whom) => {
            sim.repair("server", client::name(whom).as_str());
        }
        Fault::Held(whom) => sim.release("server", client::name(whom).as_str()),
        Fault::ServerDown => sim.bounce("server"),
        Fault::ClientDown(whom) => sim.bounce(client::name(whom).as_str()),
    }
}
