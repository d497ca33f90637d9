//! The path of a packet, cut off ever later: what each cut takes more than the one before is what the stage takes.

use std::hint::black_box;
use std::process::Command;
use std::sync::Arc;

use sluice_engine::event::Definitions;
use sluice_engine::flow::{Flow, FlowKey, FlowTable};
use sluice_engine::{Config, Nanos};
use sluice_wire::{ChecksumStatus, Headers, LinkType, parse, segment_valid};

use crate::guest::{GuestError, Lane};
use crate::pipeline::{RunError, run, run_alone};
use crate::process::cpu_time_ns;
use crate::traffic::Traffic;
use crate::twin::{Idle, Work};

/// Where the path is cut off.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cut {
    /// Behind parsing and verifying checksums. Parsing alone takes longer: nothing then reads the payload in order, and
    /// each header is a miss in memory.
    Parsed,
    /// Behind finding the flow, or putting a new one into the table.
    Found,
    /// Behind TCP tracking: the engine, with nobody to tell.
    Tracked,
    /// Behind a native handler of each packet that does nothing.
    Dispatched,
    /// Behind a guest's that does nothing.
    Crossed,
    /// Behind a native handler of all new bytes that reads them.
    Reassembled,
    /// Behind a guest's that reads them.
    ReadInGuest,
    /// Behind a guest that sums all bytes up.
    Summed,
}

impl Cut {
    /// All of them, in the order of the path.
    pub const ALL: [Self; 8] = [
        Self::Parsed,
        Self::Found,
        Self::Tracked,
        Self::Dispatched,
        Self::Crossed,
        Self::Reassembled,
        Self::ReadInGuest,
        Self::Summed,
    ];

    /// Whether there is one for each lane.
    #[must_use]
    pub const fn has_guest(self) -> bool {
        matches!(self, Self::Crossed | Self::ReadInGuest | Self::Summed)
    }

    /// Takes all packets of `traffic` as far as the cut.
    ///
    /// # Errors
    ///
    /// [`GuestError`] if a run fails or proves nothing.
    pub fn run(self, traffic: &Arc<Traffic>, lane: &Lane) -> Result<Took, GuestError> {
        let config = Config::default();
        let whole = match self {
            Self::Parsed => {
                return Ok(in_a_loop(traffic, |headers, frame| {
                    black_box(verify(&headers, frame));
                }));
            }
            Self::Found => return Ok(find(traffic)),
            Self::Tracked => run(traffic, config, Definitions::new(), &mut Idle::default())?,
            Self::Dispatched => run_alone(traffic, config, Work::PacketEvents)?,
            Self::Crossed => lane.run_idle(traffic, config, Work::PacketEvents)?,
            Self::Reassembled => run_alone(traffic, config, Work::AllBytes)?,
            Self::ReadInGuest => lane.run_idle(traffic, config, Work::AllBytes)?,
            Self::Summed => match lane.run(traffic, config, Work::AllBytes)? {
                Some(run) => run,
                None => return Err(RunError::Faulted.into()),
            },
        };
        Ok(Took { cpu_ns: whole.cpu_ns, packets: whole.packets, calls: whole.counters.callbacks })
    }
}

/// What a run took and did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Took {
    /// CPU time, in nanoseconds.
    pub cpu_ns: u64,
    /// Packets.
    pub packets: u64,
    /// Handlers called.
    pub calls: u64,
}

fn headers_of(frame: &[u8]) -> Option<Headers> {
    parse(LinkType::Ethernet, frame, u32::try_from(frame.len()).unwrap_or(0)).ok()
}

/// Parses each packet and does something with it.
fn in_a_loop(traffic: &Traffic, mut then: impl FnMut(Headers, &[u8])) -> Took {
    let begin_ns = cpu_time_ns();
    let mut packets = 0;
    for (_, frame) in traffic.frames() {
        packets += 1;
        if let Some(headers) = headers_of(frame) {
            then(headers, frame);
        }
    }
    Took { cpu_ns: cpu_time_ns().saturating_sub(begin_ns), packets, calls: 0 }
}

fn verify(headers: &Headers, frame: &[u8]) -> bool {
    segment_valid(headers, frame) == ChecksumStatus::Valid
}

/// Parses, verifies, and looks each packet's flow up; unknown ones are put into the table and stay there.
fn find(traffic: &Traffic) -> Took {
    let mut table = FlowTable::new(1, 1 << 20);
    let mut time = 0_u64;
    in_a_loop(traffic, |headers, frame| {
        time = time.saturating_add(1_000);
        let Some(tcp) = headers.tcp().filter(|_| verify(&headers, frame)) else { return };
        let (key, sender_is_low) = FlowKey::of(&headers, tcp);
        let hash = table.hash(&key);
        if black_box(table.find(hash, &key)).is_none() {
            table.insert(hash, |generation| Flow::open(key, sender_is_low, tcp, generation, Nanos(time)));
        }
    })
}

/// Instructions that a packet takes up to a cut, as valgrind counts them; `None` where there is no valgrind, or it
/// cannot run this program.
///
/// The program runs twice, with one round and with two: what it does before and after them falls out.
#[must_use]
pub fn instructions(cut: Cut, lane: &Lane, packets: u64) -> Option<f64> {
    let (once, twice) = (counted(cut, lane, 1)?, counted(cut, lane, 2)?);
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people; 52 bits are enough")]
    let each = twice.saturating_sub(once) as f64 / packets.max(1) as f64;
    Some(each)
}

/// Words by which a program is told to run a cut so many times and to do nothing else: see [`Child::of`].
fn child_words(cut: Cut, lane: &Lane, rounds: u32) -> [String; 4] {
    ["--child".to_owned(), format!("{cut:?}"), lane.name.to_owned(), rounds.to_string()]
}

fn counted(cut: Cut, lane: &Lane, rounds: u32) -> Option<u64> {
    let program = std::env::current_exe().ok()?;
    let output = Command::new("valgrind")
        // Guests are compiled while the program runs.
        .args(["--tool=callgrind", "--smc-check=all-non-file", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(child_words(cut, lane, rounds))
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said.lines().find_map(|line| line.split_once("Collected : "))?.1;
    collected.trim().parse().ok()
}

/// What a program that valgrind runs is to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Child {
    /// The cut.
    pub cut: Cut,
    /// The lane's name.
    pub lane: String,
    /// How often.
    pub rounds: u32,
}

impl Child {
    /// What the words of the command line say, if they are those for a child.
    #[must_use]
    pub fn of(words: &[String]) -> Option<Self> {
        let [flag, cut, lane, rounds] = words else { return None };
        if flag != "--child" {
            return None;
        }
        let cut = Cut::ALL.into_iter().find(|known| format!("{known:?}") == *cut)?;
        Some(Self { cut, lane: lane.clone(), rounds: rounds.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use sluice_guest::LaneChoice;

    use super::*;
    use crate::traffic::{Mix, generate};

    #[test]
    fn every_cut_takes_all_packets() {
        let lane = Lane::open(LaneChoice::Direct).unwrap();
        let traffic = Arc::new(generate(Mix::Web, 20, 1));
        for cut in Cut::ALL {
            if cut == Cut::Summed && !lane.does(Work::AllBytes) {
                continue;
            }
            let took = cut.run(&traffic, &lane).unwrap();
            assert_eq!(took.packets, traffic.packets.len() as u64, "{cut:?}");
            assert_eq!(took.calls > 0, cut as usize >= Cut::Dispatched as usize, "{cut:?}");
        }
    }

    #[test]
    fn a_child_understands_what_it_is_told() {
        let lane = Lane::open(LaneChoice::Direct).unwrap();
        for cut in Cut::ALL {
            let child = Child::of(&child_words(cut, &lane, 3)).unwrap();
            assert_eq!(child, Child { cut, lane: lane.name.to_owned(), rounds: 3 });
        }
        assert_eq!(Child::of(&["--write".to_owned()]), None);
    }
}
