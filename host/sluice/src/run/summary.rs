//! How a run went: counted, for people and as a line of the event log.

use std::fmt;

use serde_json::{Map, Value};
use sluice_engine::Engine;
use sluice_engine::counters::{Eviction, Shortage};
use sluice_engine::defrag::FragmentReason;
use sluice_engine::event::{EventKind, TenantId};
use sluice_engine::tcp::RefuseReason;
use sluice_guest::{Guests, Lane};
use sluice_wire::ParseError;

use super::eve;
use crate::input::ReadCounters;

/// The counters of a run.
pub(crate) struct Summary<'a> {
    pub(crate) read: &'a ReadCounters,
    pub(crate) engine: &'a Engine,
    pub(crate) guests: &'a Guests,
}

/// Counters that are not zero, with their names.
type Named = Vec<(&'static str, u64)>;

impl Summary<'_> {
    /// Packets that no flow took, by reason.
    fn not_tracked(&self) -> Named {
        let packets = &self.engine.counters().packets;
        let mut named = vec![
            ("not-tcp", packets.not_tcp),
            ("fragment", packets.fragments.joined + packets.fragments.held),
            ("orphan", packets.orphan),
            ("no-room", packets.no_room),
            ("unknown-link-type", packets.unknown_link),
        ];
        named.extend(
            ParseError::ALL.into_iter().map(|error| (error.name(), packets.malformed[error.index()])),
        );
        named.extend(
            FragmentReason::ALL
                .into_iter()
                .map(|reason| (reason.name(), packets.fragments.refused[reason.index()])),
        );
        named.extend(
            RefuseReason::ALL.into_iter().map(|reason| (reason.name(), packets.refused[reason.index()])),
        );
        named.retain(|(_, count)| *count > 0);
        named
    }

    /// Payload bytes by what became of them.
    fn bytes(&self) -> Named {
        let bytes = &self.engine.counters().bytes;
        let mut named = vec![
            ("delivered", bytes.delivered),
            ("repeated", bytes.duplicate),
            ("replaced", bytes.replaced),
            ("urgent", bytes.urgent),
            ("refused", bytes.refused),
            ("untracked", bytes.untracked),
            ("no-room", bytes.no_room),
            ("before-start", bytes.before_start),
            ("after-fin", bytes.after_fin),
            ("cut-by-snap-length", bytes.cut),
            ("syn-data", bytes.syn_data),
        ];
        named.retain(|(name, count)| *count > 0 || *name == "delivered");
        named
    }

    /// Flows pushed out, by reason.
    fn evicted(&self) -> Named {
        let pressure = &self.engine.counters().pressure;
        let mut named: Named =
            Eviction::ALL.into_iter().map(|why| (why.name(), pressure.evicted[why.index()])).collect();
        named.retain(|(_, count)| *count > 0);
        named
    }

    /// Emergencies that there were: what was short, how often, and for how many seconds.
    fn emergencies(&self) -> impl Iterator<Item = (&'static str, u64, f64)> {
        let pressure = self.engine.counters().pressure;
        let all = Shortage::ALL.into_iter().map(move |what| {
            let time = std::time::Duration::from_nanos(pressure.emergency_nanos[what.index()]);
            (what.name(), pressure.emergencies[what.index()], time.as_secs_f64())
        });
        all.filter(|(_, entered, _)| *entered > 0)
    }

    fn guest_names(&self) -> impl Iterator<Item = (TenantId, &str)> {
        let tenants = (0..u16::try_from(self.guests.len()).unwrap_or(u16::MAX)).map(TenantId);
        tenants.filter_map(|tenant| Some((tenant, self.guests.name(tenant)?)))
    }

    /// Seconds of traffic.
    fn duration(&self) -> f64 {
        let nanos = self.read.last.zip(self.read.first).map_or(0, |(last, first)| last.since(first));
        std::time::Duration::from_nanos(nanos).as_secs_f64()
    }

    /// A `stats` line of the event log.
    pub(crate) fn to_json(&self) -> Map<String, Value> {
        let counters = self.engine.counters();
        let object = |named: Named| -> Map<String, Value> {
            named.into_iter().map(|(name, count)| (name.replace('-', "_"), count.into())).collect()
        };
        let mut stats = Map::new();
        stats.insert("packets_read".into(), self.read.packets.into());
        stats.insert("packets_filtered".into(), self.read.filtered.into());
        stats.insert("packets".into(), counters.packets.seen.into());
        stats.insert("packets_tracked".into(), counters.packets.tracked.into());
        stats.insert("packets_dropped".into(), counters.dropped.into());
        stats.insert("packets_edited".into(), counters.edits.into());
        stats.insert("edits_refused".into(), counters.edits_refused.into());
        stats.insert("packets_injected".into(), counters.injected.into());
        stats.insert("injections_refused".into(), counters.injected_refused.into());
        stats.insert("packets_not_tracked".into(), object(self.not_tracked()).into());
        stats.insert("wire_bytes".into(), self.read.wire_bytes.into());
        stats.insert("flows".into(), counters.flows.into());
        stats.insert("flows_partial".into(), counters.partial_flows.into());
        stats.insert("payload_bytes".into(), object(self.bytes()).into());
        stats.insert("gaps".into(), counters.gaps.into());
        stats.insert("gap_bytes".into(), counters.gap_bytes.into());
        stats.insert("conflicts".into(), counters.conflicts.into());
        stats.insert("flows_evicted".into(), object(self.evicted()).into());
        let emergencies = self.emergencies().map(|(what, entered, seconds)| {
            (what.replace('-', "_"), serde_json::json!({ "entered": entered, "seconds": seconds }))
        });
        stats.insert("emergencies".into(), emergencies.collect::<Map<String, Value>>().into());
        stats.insert("holes_given_up".into(), counters.pressure.holes_given_up.into());
        let events = EventKind::ALL.map(|kind| (kind.name(), counters.events[kind.index()]));
        stats.insert("events".into(), object(events.to_vec()).into());
        stats.insert("lanes".into(), self.lanes().into());
        let guests = self.guest_names().map(|(tenant, name)| (name.to_owned(), self.guest_json(tenant)));
        stats.insert("guests".into(), guests.collect::<Map<String, Value>>().into());
        let mut line = eve::line("stats", self.engine.now(), None, None);
        line.insert("stats".into(), stats.into());
        line
    }

    /// How many guests run on each lane.
    fn lanes(&self) -> Map<String, Value> {
        let on = |lane| self.guest_names().filter(|(tenant, _)| self.lane(*tenant) == lane).count();
        Lane::NAMES.into_iter().map(|lane| (lane.to_owned(), on(lane).into())).collect()
    }

    fn lane(&self, tenant: TenantId) -> &'static str {
        self.guests.lane(tenant).map_or("", Lane::name)
    }

    fn guest_json(&self, tenant: TenantId) -> Value {
        let used = self.guests.statistics(tenant).unwrap_or_default();
        let engine = self.engine.tenant_counters(tenant).copied().unwrap_or_default();
        serde_json::json!({
            "lane": self.lane(tenant),
            "calls": used.calls,
            "memory_bytes": used.memory_bytes,
            "host_bytes": used.host_bytes,
            "memory_refused": used.memory_refused,
            "lines_dropped": used.lines_dropped,
            "events_dropped": used.events_dropped,
            "reports_dropped": used.reports_dropped,
            "flows_refused": engine.refused_flows,
            "unread_bytes_refused": engine.refused_bytes,
            "stopped": used.faulted,
        })
    }
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counters = self.engine.counters();
        writeln!(
            f,
            "-- {} packets, {} bytes, {} flows in {:.3} s of traffic",
            counters.packets.seen,
            self.read.wire_bytes,
            counters.flows,
            self.duration()
        )?;
        if self.read.filtered > 0 {
            writeln!(f, "   {} packets did not match the filter", self.read.filtered)?;
        }
        let not_tracked = self.not_tracked();
        if !not_tracked.is_empty() {
            writeln!(f, "   packets no flow took: {}", list(&not_tracked))?;
        }
        if counters.partial_flows > 0 {
            writeln!(f, "   {} flows were picked up in mid-stream", counters.partial_flows)?;
        }
        write!(f, "   payload bytes: {}", list(&self.bytes()))?;
        writeln!(
            f,
            "; {} missing in {} gaps, {} conflicts",
            counters.gap_bytes, counters.gaps, counters.conflicts
        )?;
        let evicted = self.evicted();
        if !evicted.is_empty() {
            writeln!(f, "   flows pushed out for want of room: {}", list(&evicted))?;
        }
        for (what, entered, seconds) in self.emergencies() {
            writeln!(f, "   room ran short for {what}: entered {entered} times, {seconds:.3} s in all")?;
        }
        if counters.dropped + counters.drops_refused > 0 {
            let refused = counters.drops_refused;
            writeln!(f, "   {} packets dropped by guests, {refused} drops not allowed", counters.dropped)?;
        }
        if counters.edits + counters.edits_refused > 0 {
            let refused = counters.edits_refused;
            writeln!(f, "   {} packets changed by guests, {refused} changes refused", counters.edits)?;
        }
        if counters.injected + counters.injected_refused > 0 {
            let refused = counters.injected_refused;
            writeln!(f, "   {} segments sent by guests, {refused} calls refused", counters.injected)?;
        }
        for (tenant, name) in self.guest_names() {
            let used = self.guests.statistics(tenant).unwrap_or_default();
            let (calls, kib) = (used.calls, used.memory_bytes.saturating_add(used.host_bytes) >> 10);
            write!(f, "   {name}: {calls} calls on the {} lane, {kib} KiB of memory", self.lane(tenant))?;
            let refused = [
                ("requests for memory", used.memory_refused),
                ("log lines", used.lines_dropped),
                ("events", used.events_dropped),
                ("pieces of report", used.reports_dropped),
            ];
            let engine = self.engine.tenant_counters(tenant).copied().unwrap_or_default();
            let refused = refused
                .into_iter()
                .chain([("flows", engine.refused_flows), ("unread bytes", engine.refused_bytes)]);
            for (what, count) in refused.filter(|(_, count)| *count > 0) {
                write!(f, ", {count} {what} refused")?;
            }
            writeln!(f, "{}", if used.faulted { ", stopped" } else { "" })?;
        }
        Ok(())
    }
}

fn list(named: &Named) -> String {
    let words: Vec<String> = named.iter().map(|(name, count)| format!("{count} {name}")).collect();
    words.join(", ")
}
