//! The shared forest against a naive one: whatever tenants define, register and raise in their handlers, and whatever
//! flows do meanwhile, each call is the one that the definition demands, in the order that it demands.

use sluice_tests::events::{Act, Plan, Scene};
use sluice_tests::{Random, cases};

/// Packets and requests of tenants in `make test`.
const STEPS: u32 = 100_000;

/// Packets of one run.
const PACKETS: u64 = 600;

/// Packets from one comparison of what is held to the next.
const UNTIL_AUDIT: u64 = 20;

/// How much was tried.
#[derive(Debug, Default)]
struct Tried {
    packets: u64,
    calls: u64,
    done: [u64; Act::KINDS],
    refused: u64,
}

impl Tried {
    /// Packets, and requests that were granted.
    fn steps(&self) -> u64 {
        self.packets + self.done.iter().sum::<u64>()
    }
}

fn run(seed: u64, tried: &mut Tried) -> Result<(), String> {
    let mut random = Random::new(seed);
    let plan = Plan {
        seed,
        tenants: 1 + random.below(3),
        flows: 2 + random.below(12),
        room: if random.below(4) == 0 { 6 } else { 1_000 },
        prepared: 10 + random.below(100),
        faults: if random.below(5) == 0 { 300 } else { 0 },
    };
    let mut scene = Scene::new(plan)?;
    let (mut audited, burst) = (0, 1 + random.below(5));
    while scene.packets < PACKETS {
        scene.step(burst).map_err(|what| format!("{plan:?}, packet {}: {what}", scene.packets))?;
        if scene.packets - audited >= UNTIL_AUDIT {
            scene.audit().map_err(|what| format!("{plan:?}, packet {}: {what}", scene.packets))?;
            audited = scene.packets;
        }
    }
    scene.finish().map_err(|what| format!("{plan:?}, at the end: {what}"))?;
    tried.packets += scene.packets;
    tried.calls += scene.model.calls;
    tried.refused += scene.model.refused;
    tried.done.iter_mut().zip(scene.model.done).for_each(|(all, done)| *all += done);
    Ok(())
}

#[test]
fn shared_forests_behave_as_a_copy_for_each_flow_would() {
    let mut tried = Tried::default();
    for seed in 0.. {
        run(seed, &mut tried).unwrap_or_else(|what| panic!("{what}"));
        if tried.steps() >= u64::from(cases(STEPS)) {
            break;
        }
    }
    // Of each kind enough: what is refused changes nothing and proves little.
    assert!(
        tried.calls > tried.steps() && tried.done.iter().all(|done| *done * 300 > tried.steps()),
        "{tried:?}"
    );
}
