//! From a capture to the engine: bursts, filtered and counted.

use std::any::Any;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sluice_engine::event::Handler;
use sluice_engine::limits::Limits;
use sluice_engine::packet::Burst;
use sluice_engine::reassembly::Urgent;
use sluice_engine::{Checksums, Config, Engine, Nanos, Networks, PickUp, Records, System};
use sluice_pktio::{CaptureReader, OpenError, PacketIo, ReceiveError, Received};
use sluice_wire::{IpAddress, LinkType};

use crate::cli::{ChecksumMode, InputArgs, NetworksMode, OverlapMode, UrgentMode};
use crate::exit::{Exit, Failure};
use crate::filter::PacketFilter;
use crate::progress::Progress;
use crate::{survey, systems};

/// A received burst in the eyes of the engine: the packets that passed the filter.
#[derive(Debug, Default)]
pub(crate) struct SelectedBurst {
    packets: sluice_pktio::Burst,
    selected: Vec<usize>,
}

impl SelectedBurst {
    /// The packet in `slot` as it was received.
    pub(crate) fn received(&self, slot: usize) -> Option<sluice_pktio::Packet<'_>> {
        self.packets.packet(*self.selected.get(slot)?)
    }
}

impl Burst for SelectedBurst {
    fn len(&self) -> usize {
        self.selected.len()
    }

    fn packet(&self, slot: usize) -> Option<sluice_engine::packet::Packet<'_>> {
        let packet = self.received(slot)?;
        Some(sluice_engine::packet::Packet {
            bytes: packet.bytes,
            time: Nanos(packet.time_ns),
            wire_len: packet.wire_len,
            link: LinkType::from_pcap(packet.link),
        })
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// What was read, for the summary.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReadCounters {
    /// Packets read.
    pub(crate) packets: u64,
    /// Packets that did not match the filter.
    pub(crate) filtered: u64,
    /// Bytes of the packets that matched, on the wire.
    pub(crate) wire_bytes: u64,
    /// Time of the first packet that matched.
    pub(crate) first: Option<Nanos>,
    /// Time of the last one.
    pub(crate) last: Option<Nanos>,
}

/// How reading ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// At the end of the input, or at the count that was asked for.
    Complete,
    /// Ctrl-C.
    Interrupted,
    /// The input is damaged or cut off.
    Damaged(ReceiveError),
}

/// A capture, its filter and its counters.
pub(crate) struct Input {
    reader: CaptureReader,
    filter: Option<PacketFilter>,
    remaining: u64,
    interrupted: Arc<AtomicBool>,
    progress: Progress,
    /// What was read.
    pub(crate) counters: ReadCounters,
}

impl Input {
    /// Opens the capture and compiles the filter.
    pub(crate) fn open(args: &InputArgs, filter: &[String]) -> Result<Self, Failure> {
        let filter = compile_filter(filter)?;
        let reader = CaptureReader::open(&args.read).map_err(open_failure)?;
        let interrupted = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&interrupted);
        // A second handler in one process is refused; then Ctrl-C ends the program as it would without one.
        let _ = ctrlc::set_handler(move || {
            if flag.swap(true, Ordering::Relaxed) {
                std::process::exit(i32::from(Exit::Interrupted as u8));
            }
        });
        let is_shown = !args.quiet && io::stderr().is_terminal();
        let progress = Progress::new(is_shown, reader.total_bytes());
        let remaining = args.count.unwrap_or(u64::MAX);
        Ok(Self { reader, filter, remaining, interrupted, progress, counters: ReadCounters::default() })
    }

    /// Feeds the engine until the input ends. `after` sees each burst once the engine has decided about its packets.
    pub(crate) fn feed(
        &mut self,
        engine: &mut Engine,
        handler: &mut dyn Handler,
        mut after: impl FnMut(&SelectedBurst, &Engine) -> Result<(), Failure>,
    ) -> Result<Ending, Failure> {
        let mut burst = Box::new(SelectedBurst::default());
        let ending = loop {
            if let Some(ending) = self.receive(&mut burst) {
                break ending;
            }
            let given: Box<dyn Burst> = burst;
            let returned = engine.receive(given, handler).into_any().downcast::<SelectedBurst>();
            burst = returned.unwrap_or_default();
            after(&burst, engine)?;
            self.progress.update(self.reader.bytes_read(), self.counters.packets, engine.flows());
        };
        self.progress.finish();
        Ok(ending)
    }

    /// Hands each burst to `take` until the input ends, without any engine.
    pub(crate) fn collect(
        &mut self,
        mut take: impl FnMut(&SelectedBurst) -> Result<(), Failure>,
    ) -> Result<Ending, Failure> {
        let mut burst = SelectedBurst::default();
        let ending = loop {
            if let Some(ending) = self.receive(&mut burst) {
                break Ok(ending);
            }
            if let Err(failure) = take(&burst) {
                break Err(failure);
            }
            self.progress.update(self.reader.bytes_read(), self.counters.packets, 0);
        };
        self.progress.finish();
        ending
    }

    /// Fills a burst with the packets that come next and match the filter, or says how reading ended.
    pub(crate) fn receive(&mut self, burst: &mut SelectedBurst) -> Option<Ending> {
        loop {
            if self.remaining == 0 {
                return Some(Ending::Complete);
            }
            if self.is_interrupted() {
                return Some(Ending::Interrupted);
            }
            match self.reader.receive(&mut burst.packets) {
                Ok(Received::Packets) => {
                    self.select(burst);
                    return None;
                }
                Ok(Received::Idle) => {}
                Ok(Received::End) => return Some(Ending::Complete),
                Err(error) => return Some(Ending::Damaged(error)),
            }
        }
    }

    /// Whether Ctrl-C was pressed.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Chooses the packets that match the filter, and counts.
    fn select(&mut self, burst: &mut SelectedBurst) {
        burst.selected.clear();
        for slot in 0..burst.packets.len() {
            let Some(packet) = burst.packets.packet(slot) else { continue };
            if self.remaining == 0 {
                return;
            }
            self.counters.packets += 1;
            if !self.filter.as_mut().is_none_or(|filter| filter.matches(packet.link, packet.bytes)) {
                self.counters.filtered += 1;
                continue;
            }
            self.remaining -= 1;
            self.counters.wire_bytes += u64::from(packet.wire_len);
            let time = Nanos(packet.time_ns);
            self.counters.first = Some(self.counters.first.map_or(time, |first| first.min(time)));
            self.counters.last = Some(self.counters.last.map_or(time, |last| last.max(time)));
            burst.selected.push(slot);
        }
    }

    /// Warns of link types that the filter does not fit: none of their packets matched.
    pub(crate) fn warn_of_refusals(&self) {
        for (link, reason) in self.filter.iter().flat_map(PacketFilter::refusals) {
            tracing::warn!(
                "the filter does not fit packets of link type {link}, none of them matched: {reason}"
            );
        }
    }
}

/// An engine as the operator wants it for this input.
///
/// # Errors
///
/// [`Failure`] for more prefixes with overlap policies than there may be.
pub(crate) fn engine_for(args: &InputArgs, records: Records) -> Result<Engine, Failure> {
    EnginePlan::of(args, records)?.engine()
}

/// What engines for this input are made of.
pub(crate) struct EnginePlan {
    config: Config,
    systems: Vec<System>,
    excused: Vec<IpAddress>,
}

impl EnginePlan {
    /// Sorts out what the operator wants; looks at the beginning of the capture for hosts whose checksums mean nothing.
    ///
    /// # Errors
    ///
    /// [`Failure`] for more prefixes with overlap policies than there may be.
    pub(crate) fn of(args: &InputArgs, records: Records) -> Result<Self, Failure> {
        let (overlap, systems) = systems::sort(&args.overlap).map_err(usage)?;
        let config = Config { records, ..engine_config(args, overlap) };
        let mut excused = Vec::new();
        if args.checksums == ChecksumMode::Auto {
            excused = survey::offloading_hosts(&args.read);
        }
        for host in &excused {
            tracing::info!(
                "checksums of {host} are wrong throughout and not held against it (-k all to refuse)"
            );
        }
        Ok(Self { config, systems, excused })
    }

    /// A fresh engine.
    ///
    /// # Errors
    ///
    /// [`Failure`] for prefixes that the engine does not take.
    pub(crate) fn engine(&self) -> Result<Engine, Failure> {
        let mut engine = Engine::new(self.config);
        engine.set_systems(&self.systems).map_err(|refusal| usage(refusal.to_string()))?;
        engine.excuse_checksums(&self.excused);
        Ok(engine)
    }
}

fn usage(problem: String) -> Failure {
    Failure::say(Exit::Usage, problem)
}

fn engine_config(args: &InputArgs, overlap: OverlapMode) -> Config {
    let checksums = match args.checksums {
        ChecksumMode::Auto | ChecksumMode::All => Checksums::Verify,
        ChecksumMode::None => Checksums::Ignore,
    };
    let pick_up = if args.handshake_only { PickUp::HandshakeOnly } else { PickUp::MidStream };
    // By direction: what servers receive, what clients receive.
    let overlap = [overlap, args.overlap_clients.unwrap_or(overlap)].map(OverlapMode::policy);
    let networks = match args.networks {
        NetworksMode::Apart => Networks::Apart,
        NetworksMode::One => Networks::One,
    };
    let urgent = match args.urgent {
        UrgentMode::Inline => Urgent::Inline,
        UrgentMode::Oob => Urgent::Oob,
        UrgentMode::Gap => Urgent::Gap,
    };
    let number = |limit: u32| usize::try_from(limit).unwrap_or(usize::MAX);
    let limits = Limits::default()
        .with_flows(number(args.limit_flows))
        .with_total_bytes(number(args.limit_buffers).saturating_mul(1 << 20));
    Config { limits, checksums, pick_up, overlap, urgent, networks, seed: hash_seed(), ..Config::default() }
}

/// A secret for the flow table's hash: whoever made the traffic does not know it. Nothing that is reported depends on
/// it.
fn hash_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0)
}

fn compile_filter(words: &[String]) -> Result<Option<PacketFilter>, Failure> {
    if words.is_empty() {
        return Ok(None);
    }
    let expression = words.join(" ");
    let filter = PacketFilter::parse(&expression, LinkType::Ethernet.to_pcap());
    filter.map(Some).map_err(|error| Failure::say(Exit::Usage, error))
}

fn open_failure(error: OpenError) -> Failure {
    let exit = if matches!(error, OpenError::Permission { .. }) {
        Exit::Permission
    } else if matches!(error, OpenError::Missing { .. } | OpenError::Directory { .. } | OpenError::Terminal) {
        Exit::Usage
    } else if matches!(error, OpenError::Io { .. }) {
        Exit::Failed
    } else {
        // Empty, no capture, or damaged from the first byte on.
        Exit::Input
    };
    Failure::new(exit, error)
}
