//! A native handler that reads every stream, writes down what it is told, and checks that the one is the other.

use std::collections::BTreeMap;

use sluice_engine::event::{Definitions, EventCall, EventKind, Faulted, Handler, Hook, TenantId};
use sluice_engine::flow::{ConnRecord, SideRecord};
use sluice_engine::reassembly::Level;
use sluice_engine::view::Region;
use sluice_engine::{Config, Direction, Engine, Grants, Refusal, View};

/// Two copies of a stretch of a stream that differ.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TwoVersions {
    /// Where the stretch begins.
    pub offset: u64,
    /// What was held, byte by byte; `None` where nothing was.
    pub held: Vec<Option<u8>>,
    /// What came.
    pub came: Vec<u8>,
}

/// What was told of one direction of a flow.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SeenStream {
    /// Bytes without the gaps.
    pub bytes: Vec<u8>,
    /// Gaps as offset and length, in the order in which they were told.
    pub gaps: Vec<(u64, u64)>,
    /// Conflicts in the order in which they were told.
    pub conflicts: Vec<TwoVersions>,
    /// Offset behind what was told.
    pub next: u64,
}

impl SeenStream {
    /// Bytes in gaps.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.gaps.iter().map(|(_, len)| len).sum()
    }

    /// Pieces between gaps, with their offsets.
    #[must_use]
    pub fn pieces(&self) -> Vec<(u64, &[u8])> {
        let (mut pieces, mut rest, mut offset) = (Vec::new(), self.bytes.as_slice(), 0);
        for (gap, len) in self.gaps.iter().copied().chain([(self.next, 0)]) {
            let size = usize::try_from(gap.saturating_sub(offset)).unwrap_or(usize::MAX);
            let (piece, behind) = rest.split_at_checked(size).unwrap_or((rest, &[]));
            if !piece.is_empty() {
                pieces.push((offset, piece));
            }
            (rest, offset) = (behind, gap.saturating_add(len));
        }
        pieces
    }
}

/// What was told of one flow.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SeenFlow {
    /// The flow's name in logs, the same in every engine.
    pub log_id: u64,
    /// Every event, with the flow's number in its engine left out.
    pub trace: Vec<EventCall>,
    /// Both directions, by [`Direction::index`].
    pub streams: [SeenStream; 2],
    /// Whether the end was told.
    pub has_ended: bool,
    last: u64,
}

impl SeenFlow {
    /// What was told of a direction.
    #[must_use]
    pub const fn stream(&self, direction: Direction) -> &SeenStream {
        &self.streams[direction.index()]
    }

    /// Client's and server's port.
    #[must_use]
    pub fn ports(&self) -> Option<u32> {
        self.trace.first().map(|call| call.ports)
    }
}

/// Reads every stream to the end at each event. See the module.
#[derive(Debug, Default)]
pub struct Watcher {
    /// What was told, by the number of the flow in the engine, in the order of the flows' first events.
    pub flows: BTreeMap<u64, SeenFlow>,
    /// Orphans: packets that belong to no flow.
    pub orphans: u64,
    /// Records of connections in words, in the order in which they came; none unless the engine makes them.
    pub records: Vec<String>,
    /// What contradicts itself.
    pub problems: Vec<String>,
}

impl Watcher {
    /// An engine with one monitor of level `full` that this handler serves, registered for every event.
    ///
    /// # Errors
    ///
    /// [`Refusal`] if the engine does not take the registrations: a bug.
    pub fn engine(config: Config) -> Result<Engine, Refusal> {
        let mut definitions = Definitions::new();
        let monitor = definitions.open_stream(None, Level::Full)?;
        for kind in EventKind::ALL {
            for hook in Hook::ALL.into_iter().filter(|hook| kind.allows(*hook)) {
                definitions.register(monitor, kind.number(), hook, 0)?;
            }
        }
        let mut engine = Engine::new(config);
        engine.attach(definitions, Grants::NONE)?;
        Ok(engine)
    }

    /// The flows in an order that does not depend on the engine.
    #[must_use]
    pub fn by_log_id(&self) -> Vec<&SeenFlow> {
        let mut flows: Vec<&SeenFlow> = self.flows.values().collect();
        flows.sort_by_key(|flow| (flow.log_id, flow.trace.first().map(|call| call.time)));
        flows
    }

    /// The one flow that there was.
    #[must_use]
    pub fn only(&self) -> Option<&SeenFlow> {
        self.flows.values().next().filter(|_| self.flows.len() == 1)
    }

    fn note(&mut self, call: &EventCall, view: &mut View) -> Result<(), String> {
        let Some(kind) = call.event_kind() else { return Err("an event without a kind".to_owned()) };
        if kind == EventKind::Orphan {
            self.orphans += 1;
            return Ok(());
        }
        let flow = self.flows.entry(call.flow).or_default();
        if flow.has_ended {
            return Err(format!("{} after the end", kind.name()));
        }
        if flow.trace.is_empty() {
            flow.log_id = view.flow_info().map_err(|refusal| refusal.to_string())?.log_id;
        } else if call.time < flow.last {
            return Err(format!("{} at {}, after {}", kind.name(), call.time, flow.last));
        }
        flow.last = call.time;
        flow.trace.push(EventCall { flow: 0, ..*call });
        let direction = call.place().direction();
        let stream = &mut flow.streams[direction.index()];
        match kind {
            EventKind::NewData => stream.read(call, view),
            EventKind::Gap => stream.lack(call),
            EventKind::Conflict => stream.compare(call, view),
            EventKind::ConnEnd => {
                flow.has_ended = true;
                Direction::BOTH.into_iter().try_for_each(|direction| flow.check_span(direction, view))
            }
            EventKind::PacketIn
            | EventKind::ConnStart
            | EventKind::StateChange
            | EventKind::Rexmit
            | EventKind::Error
            | EventKind::Orphan => Ok(()),
        }
    }
}

impl SeenStream {
    /// Reads what became readable, and that it is what was told.
    fn read(&mut self, call: &EventCall, view: &mut View) -> Result<(), String> {
        let direction = call.place().direction();
        let position = view.buffer_info(direction).map_err(|refusal| refusal.to_string())?.position;
        let before = self.bytes.len();
        view.peek(direction, u32::MAX, &mut self.bytes).map_err(|error| error.to_string())?;
        let read = (self.bytes.len() - before) as u64;
        if call.offset != position || read != u64::from(call.length) || call.readable != call.length {
            return Err(format!("told {call:?}, stood at {position}, read {read} bytes"));
        }
        self.step_to(call.offset)?;
        self.next = call.offset.saturating_add(read);
        Ok(())
    }

    /// Notes a gap.
    fn lack(&mut self, call: &EventCall) -> Result<(), String> {
        self.step_to(call.offset)?;
        self.gaps.push((call.offset, u64::from(call.length)));
        self.next = call.offset.saturating_add(u64::from(call.length));
        Ok(())
    }

    /// Notes what is left out before `offset`: urgent bytes taken out of band are stepped over without a word, and
    /// the flow's statistics say how many there were.
    fn step_to(&mut self, offset: u64) -> Result<(), String> {
        let skipped = offset.checked_sub(self.next).ok_or_else(|| format!("{offset} again"))?;
        if skipped > 0 {
            self.gaps.push((self.next, skipped));
        }
        Ok(())
    }

    /// Reads both versions of a stretch.
    fn compare(&mut self, call: &EventCall, view: &View) -> Result<(), String> {
        let packet = view.packet_info().map_err(|refusal| refusal.to_string())?;
        let payload =
            view.packet_bytes(Region::Payload, 0, u32::MAX).map_err(|refusal| refusal.to_string())?;
        let held = |place: u64| {
            let mut byte = Vec::new();
            view.peek_at(call.place().direction(), place, 1, &mut byte).ok()?;
            byte.first().copied()
        };
        let places = call.offset..call.offset.saturating_add(u64::from(call.length));
        let held: Vec<Option<u8>> = places.map(held).collect();
        let from = usize::try_from(call.offset.saturating_sub(packet.offset)).unwrap_or(usize::MAX);
        let came = payload.get(from..).and_then(|rest| rest.get(..held.len())).unwrap_or(&[]).to_vec();
        let ends = [(held.first(), came.first()), (held.last(), came.last())];
        let differ = ends.iter().all(|pair| matches!(pair, (Some(Some(old)), Some(new)) if old != *new));
        // A payload that begins before its stream is said to stand at offset 0: which byte is which is not known then.
        if packet.offset > 0 && !differ {
            return Err(format!("no conflict at {}: {held:?} and {came:?}", call.offset));
        }
        self.conflicts.push(TwoVersions { offset: call.offset, held, came });
        Ok(())
    }
}

impl SeenFlow {
    /// Everything up to where a stream stands was told or left out, by the statistics and by what was seen.
    fn check_span(&self, direction: Direction, view: &View) -> Result<(), String> {
        let info = view.buffer_info(direction).map_err(|refusal| refusal.to_string())?;
        let sent = view.statistics(direction.sender()).map_err(|refusal| refusal.to_string())?;
        let told = self.stream(direction);
        let is_whole = info.next == sent.delivered_bytes + sent.gap_bytes + sent.urgent_bytes
            && sent.delivered_bytes == told.bytes.len() as u64
            && told.missing() <= sent.gap_bytes + sent.urgent_bytes
            && told.missing() >= sent.gap_bytes
            && sent.conflicts == told.conflicts.len() as u64;
        if is_whole {
            return Ok(());
        }
        let (bytes, missing) = (told.bytes.len(), told.missing());
        Err(format!("{}: {bytes} bytes, {missing} missing, but {info:?} {sent:?}", direction.name()))
    }
}

impl Handler for Watcher {
    fn callback(&mut self, _: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        if let Err(problem) = self.note(call, view) {
            self.problems.push(format!("flow {}: {problem}", call.flow));
        }
        Ok(0)
    }

    fn conn_record(&mut self, record: &ConnRecord) {
        let lacks = |side: &SideRecord| side.observables.missed_bytes > side.observables.stream_bytes;
        if record.sides.iter().any(lacks) || record.history.as_str().is_empty() {
            self.problems.push(format!("a record that cannot be: {record:?}"));
        }
        self.records.push(format!("{record:?}"));
    }
}
