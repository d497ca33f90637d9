//! What a pass comes to, by definition: what `wit/event.wit` says about order, pruning, raised events and changes.

use std::collections::BTreeMap;
use std::rc::Rc;

use sluice_engine::Direction;
use sluice_engine::event::{Audience, EventCall, EventFilter, EventKind, NativeFilter, Place, Registration};

use super::model::{Model, ModelAttachment, Spot};
use super::{Actor, Defined, Entry, NaiveEvents, Outcome, passes};

/// Why a walk does not go on.
enum Halt {
    /// The engine did something else.
    Mismatch(String),
    /// The tenant could not go on.
    Fault,
}

impl From<String> for Halt {
    fn from(mismatch: String) -> Self {
        Self::Mismatch(mismatch)
    }
}

/// A monitor that a pass comes to, as everything was when the pass began.
struct Visit {
    tenant: usize,
    flow: Option<(u64, usize)>,
    events: Rc<NaiveEvents>,
    registrations: Vec<Registration>,
    /// As it was; `None` outside of flows.
    attachment: Option<ModelAttachment>,
}

/// One built-in event for one monitor.
struct Walk<'m> {
    model: &'m mut Model,
    visit: &'m Visit,
    base: EventCall,
    raised: Vec<u32>,
}

impl Model {
    /// Goes through built-in events that were raised, and compares each call that they must lead to with `trace`, what
    /// the engine did.
    ///
    /// # Errors
    ///
    /// What differs.
    pub fn follow(&mut self, raised: &[EventCall], trace: Vec<Entry>) -> Result<(), String> {
        self.trace = trace.into();
        for pass in passes(raised) {
            self.pass(pass)?;
        }
        match self.trace.front() {
            Some(entry) => Err(format!("nothing was to be called, but {entry:?}")),
            None => Ok(()),
        }
    }

    fn pass(&mut self, pass: &[EventCall]) -> Result<(), String> {
        let Some(first) = pass.first() else { return Ok(()) };
        let ends = first.event_kind() == Some(EventKind::ConnEnd);
        if first.flow != 0 && !self.flows.contains_key(&first.flow) {
            self.open(first.flow, ports(first));
        }
        self.ending = Some(first.flow).filter(|_| ends);
        let mut faulted = Vec::new();
        for visit in self.visits(first) {
            let shown = pass.iter().filter(|call| visit.attachment.as_ref().is_none_or(|own| own.sees(call)));
            for base in shown {
                if faulted.contains(&visit.tenant) {
                    break;
                }
                let mut walk = Walk { model: self, visit: &visit, base: *base, raised: Vec::new() };
                match walk.visit(base.kind) {
                    Ok(()) => {}
                    Err(Halt::Fault) => faulted.push(visit.tenant),
                    Err(Halt::Mismatch(what)) => return Err(format!("{what}\nin the pass {pass:?}")),
                }
            }
        }
        for tenant in faulted {
            self.detach(tenant);
        }
        if ends {
            self.flows.remove(&first.flow);
        }
        self.ending = None;
        Ok(())
    }

    /// The monitors that a pass comes to, in chain order, reversed for packets to the client.
    fn visits(&self, first: &EventCall) -> Vec<Visit> {
        let events: BTreeMap<usize, Rc<NaiveEvents>> = self
            .tenants
            .iter()
            .enumerate()
            .filter_map(|(number, tenant)| Some((number, Rc::new(tenant.as_ref()?.events.clone()))))
            .collect();
        let mut visits = Vec::new();
        if first.flow == 0 {
            let is_orphan = first.event_kind() == Some(EventKind::Orphan);
            for (tenant, own) in self.tenants.iter().enumerate() {
                let Some(events) = events.get(&tenant) else { continue };
                for monitor in own.iter().flat_map(|own| &own.monitors) {
                    let (audience, takes) = match is_orphan {
                        true => (Audience::Stream, monitor.takes_orphans),
                        false => (Audience::Raw, monitor.takes),
                    };
                    if monitor.audience == audience && takes.takes(ports(first)) {
                        let (events, registrations) = (Rc::clone(events), monitor.registrations.clone());
                        visits.push(Visit { tenant, flow: None, events, registrations, attachment: None });
                    }
                }
            }
            return visits;
        }
        for (position, own) in self.flows.get(&first.flow).into_iter().flatten().enumerate() {
            let Some(events) = events.get(&own.tenant).filter(|_| own.hears(first.place().side())) else {
                continue;
            };
            visits.push(Visit {
                tenant: own.tenant,
                flow: Some((first.flow, position)),
                events: Rc::clone(events),
                registrations: own.registrations.clone(),
                attachment: Some(own.clone()),
            });
        }
        if first.place().direction() == Direction::ToClient {
            visits.reverse();
        }
        visits
    }
}

impl Walk<'_> {
    /// An event that may happen: its filter, its handlers, its children, then those that were raised.
    fn visit(&mut self, event: u32) -> Result<(), Halt> {
        let (visit, hook) = (self.visit, self.base.place().hook());
        let at_hook = || visit.registrations.iter().filter(move |entry| entry.hook == hook);
        if !at_hook().any(|entry| visit.events.leads_to(event, entry.event)) || !self.happens(event)? {
            return Ok(());
        }
        let mut handlers: Vec<u32> =
            at_hook().filter(|entry| entry.event == event).map(|entry| entry.handler).collect();
        handlers.sort_unstable();
        for handler in handlers {
            self.expect(event, handler, false)?;
        }
        for child in visit.events.children(event).filter(|child| !child.is_raised()) {
            self.visit(child.number)?;
        }
        let mut next = 0;
        while let Some(raised) = self.raised.get(next).copied() {
            next += 1;
            if visit.events.children(event).any(|child| child.number == raised && child.is_raised()) {
                self.visit(raised)?;
            }
        }
        Ok(())
    }

    fn happens(&mut self, event: u32) -> Result<bool, Halt> {
        match self.visit.events.get(event).map(|defined| &defined.filter) {
            None | Some(EventFilter::Raised) => Ok(true),
            Some(EventFilter::Native(filter)) => Ok(holds(filter, &self.base)?),
            Some(EventFilter::Guest(filter)) => match self.expect(event, *filter, true)? {
                Outcome::Filtered(holds) => Ok(holds),
                other @ (Outcome::Handled | Outcome::Faulted) => {
                    Err(format!("a filter, but {other:?}").into())
                }
            },
        }
    }

    /// The next call of the engine must be this one.
    fn expect(&mut self, event: u32, id: u32, is_filter: bool) -> Result<Outcome, Halt> {
        let model = &mut *self.model;
        let context = self.visit.flow.and_then(|(flow, position)| model.flows.get(&flow)?.get(position));
        let call = EventCall {
            id,
            event,
            argument: self.visit.events.get(event).map_or(0, Defined::argument_number),
            user_context: context.map_or(0, |own| own.context),
            ..self.base
        };
        let tenant = self.visit.tenant;
        let Some(entry) = model.trace.pop_front() else {
            return Err(format!("tenant {tenant} was to be called with {call:?}").into());
        };
        let outcome = match is_filter {
            true => Outcome::Filtered(Actor::holds(model.seed, &call)),
            false => Outcome::Handled,
        };
        let is_right = entry.outcome == outcome || entry.outcome == Outcome::Faulted;
        if usize::from(entry.tenant.0) != tenant || entry.call != call || !is_right {
            return Err(format!("tenant {tenant} was to be called with {call:?}, but {entry:?}").into());
        }
        model.calls += 1;
        for (act, answer) in &entry.acts {
            let raised = &mut self.raised;
            let spot = Spot { tenant, flow: self.visit.flow, event, is_filter, raised };
            model.apply(spot, act, *answer)?;
        }
        if entry.outcome == Outcome::Faulted { Err(Halt::Fault) } else { Ok(entry.outcome) }
    }
}

/// What a native filter says.
fn holds(filter: &NativeFilter, call: &EventCall) -> Result<bool, String> {
    let (first, behind) = (call.offset, call.offset.saturating_add(u64::from(call.length)));
    let place: Place = call.place();
    match filter {
        NativeFilter::TcpFlags { mask, value } => {
            Ok(place.has_packet() && place.tcp_flags() & mask.bits() == value.bits())
        }
        NativeFilter::Length { min, max } => Ok(*min <= call.length && call.length <= *max),
        NativeFilter::EveryBytes(n) => Ok((first..behind).any(|byte| (byte + 1).is_multiple_of(n.get()))),
        NativeFilter::Ports { ports: set, .. } => {
            let [client, _] = ports(call);
            Ok(set.ranges().iter().any(|(low, high)| (*low..=*high).contains(&client)))
        }
        NativeFilter::Pcap(_)
        | NativeFilter::Prefixes { .. }
        | NativeFilter::Pattern { .. }
        | NativeFilter::EveryPackets(_) => Err(format!("no meaning for {filter:?}")),
    }
}

/// Client's and server's port, or source and destination.
fn ports(call: &EventCall) -> [u16; 2] {
    let [a, b, c, d] = call.ports.to_be_bytes();
    [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]
}
