//! What a network does to a flow's packets: repeated and reordered segments.

use super::plan::Step;
use super::random::Random;
use sluice_wire::TcpFlags;

/// One of this many data segments is repeated, and one reordered.
const ONE_IN: u32 = 100;

/// A due disturbance strikes each candidate with a chance of one in this many, so that it does not fall on the same
/// segment of flows that look alike.
const CHANCE: u32 = 4;

/// How many packets of its flow behind the original a repeated segment follows: at least, and how many more at most. A
/// fast retransmission needs three ACKs.
const REPEAT_AFTER: (usize, u32) = (3, 6);

/// Keeps the fractions of repeated and reordered segments over all flows.
#[derive(Default)]
pub(super) struct Disturbance {
    pub(super) retransmitted: u64,
    pub(super) reordered: u64,
    /// Data segments since the last disturbance was due, for each kind.
    since_repeat: u32,
    since_reorder: u32,
}

impl Disturbance {
    /// Disturbs one flow's packets.
    pub(super) fn apply(&mut self, steps: &mut Vec<Step>, random: &mut Random) {
        self.reorder(steps, random);
        self.repeat(steps, random);
    }

    /// Exchanges a segment with the one that follows it directly.
    fn reorder(&mut self, steps: &mut [Step], random: &mut Random) {
        let mut exchanged = false;
        for at in 0..steps.len() {
            if !steps[at].is_data() {
                continue;
            }
            self.since_reorder += 1;
            // The segment that has just moved back would move on for ever.
            if std::mem::take(&mut exchanged) || self.since_reorder < ONE_IN {
                continue;
            }
            let follows =
                steps.get(at + 1).is_some_and(|next| next.is_data() && next.direction == steps[at].direction);
            if follows && random.below(CHANCE) == 0 {
                steps.swap(at, at + 1);
                self.since_reorder -= ONE_IN;
                self.reordered += 1;
                exchanged = true;
            }
        }
    }

    /// Puts a copy of a segment some packets behind it, but before the first FIN.
    fn repeat(&mut self, steps: &mut Vec<Step>, random: &mut Random) {
        let first_fin =
            steps.iter().position(|step| step.flags.contains(TcpFlags::FIN)).unwrap_or(steps.len());
        // (position, copy): to be inserted before the packet at that position.
        let mut copies: Vec<(usize, Step)> = Vec::new();
        for (at, step) in steps.iter().enumerate().filter(|(_, step)| step.is_data()) {
            self.since_repeat += 1;
            if self.since_repeat < ONE_IN || random.below(CHANCE) != 0 {
                continue;
            }
            self.since_repeat -= ONE_IN;
            self.retransmitted += 1;
            let behind = at + REPEAT_AFTER.0 + random.below(REPEAT_AFTER.1) as usize;
            let position = behind.min(first_fin).max(at + 1);
            // A repeated segment acknowledges what its sender has received by now.
            let last = steps[at..position].iter().rfind(|sent| sent.direction == step.direction);
            let ack = last.map_or(step.ack, |sent| sent.ack);
            copies.push((position, Step { ack, repeated: true, ..*step }));
        }
        copies.sort_by_key(|(position, _)| *position);
        for (position, copy) in copies.into_iter().rev() {
            steps.insert(position, copy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::{Direction, Plan};
    use super::*;

    #[test]
    fn disturbed_packets_are_the_planned_ones_and_copies_behind_them() {
        let mut random = Random::of(9);
        let mut disturbance = Disturbance::default();
        for _ in 0..200 {
            let mut plan = Plan::opened();
            plan.send(Direction::ToServer, 300);
            plan.send(Direction::ToClient, 30_000);
            plan.close(Direction::ToClient);
            let planned = plan.steps.clone();
            disturbance.apply(&mut plan.steps, &mut random);

            let mut originals = Vec::new();
            for step in &plan.steps {
                if step.repeated {
                    let is_original = |seen: &Step| {
                        (seen.direction, seen.seq, seen.payload_bytes)
                            == (step.direction, step.seq, step.payload_bytes)
                    };
                    assert!(originals.iter().any(is_original), "{step:?} comes before its original");
                } else {
                    originals.push(*step);
                }
            }
            let key = |step: &Step| (step.direction.index(), step.seq, step.ack, step.payload_bytes);
            let mut planned: Vec<_> = planned.iter().map(key).collect();
            let mut originals: Vec<_> = originals.iter().map(key).collect();
            planned.sort_unstable();
            originals.sort_unstable();
            assert_eq!(planned, originals);
        }
        // 200 flows of 22 data segments.
        assert_eq!((disturbance.retransmitted, disturbance.reordered), (43, 43));
    }
}
