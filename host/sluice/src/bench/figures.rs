//! What the passes come to, for people and as JSON.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::BenchArgs;
use super::pass::{Course, Kind, Pass};
use crate::input::{Input, ReadCounters};
use crate::inspect::shown;

/// Name of the schema of the JSON object.
const SCHEMA: &str = "sluice-bench/1";

/// All passes.
pub(super) struct Rounds {
    /// What a look at the clock takes, in nanoseconds.
    look_ns: f64,
    alone: Samples,
    guests: Samples,
    in_guests: Samples,
    /// The last pass with guests that was not timed: all of them do the same.
    done: Option<Pass>,
    /// Calls of guests from the first packet to the last.
    timed_calls: u64,
}

impl Rounds {
    pub(super) fn new(look_ns: f64) -> Self {
        let samples = Samples::default;
        Self {
            look_ns,
            alone: samples(),
            guests: samples(),
            in_guests: samples(),
            done: None,
            timed_calls: 0,
        }
    }

    pub(super) fn push(&mut self, kind: Kind, pass: Pass) {
        match kind {
            Kind::Alone => self.alone.push(number(pass.cpu_ns)),
            Kind::Guests => {
                self.guests.push(number(pass.cpu_ns));
                self.done = Some(pass);
            }
            Kind::Timed => {
                let looks_ns = self.look_ns * number(pass.timed_calls);
                self.in_guests.push((number(pass.in_guests_ns) - looks_ns).max(0.0));
                self.timed_calls = pass.timed_calls;
            }
        }
    }
}

/// Times of passes of one kind, the quickest first.
#[derive(Clone, Debug, Default)]
struct Samples(Vec<f64>);

impl Samples {
    fn push(&mut self, value: f64) {
        let place = self.0.partition_point(|other| *other <= value);
        self.0.insert(place, value);
    }

    /// The least, and the one in the middle, divided by `by`.
    fn per(&self, by: f64) -> Pair {
        let value = |place: usize| self.0.get(place).copied().unwrap_or_default() / by;
        Pair { best: value(0), median: value(self.0.len() / 2) }
    }
}

/// The best pass, and the one in the middle.
#[derive(Clone, Copy, Debug)]
struct Pair {
    best: f64,
    median: f64,
}

/// What was found.
pub(super) struct Figures<'a> {
    capture: &'a str,
    read: &'a ReadCounters,
    passes: u32,
    /// Of each guest, its name and the lane by which it was called.
    guests: Vec<(&'a str, &'static str)>,
    done: Option<&'a Pass>,
    packets: f64,
    timed_calls: u64,
    packet: Pair,
    alone: Pair,
    in_guests: Pair,
}

impl<'a> Figures<'a> {
    pub(super) fn new(args: &'a BenchArgs, course: &'a Course, input: &'a Input, rounds: &'a Rounds) -> Self {
        let packets = number(course.capture.len() as u64).max(1.0);
        Self {
            capture: &args.input.read,
            read: &input.counters,
            passes: args.passes,
            guests: course.guests.iter().map(|guest| (guest.spec.name.as_str(), guest.lane())).collect(),
            done: rounds.done.as_ref(),
            packets,
            timed_calls: rounds.timed_calls,
            packet: rounds.guests.per(packets),
            alone: rounds.alone.per(packets),
            in_guests: rounds.in_guests.per(packets),
        }
    }

    /// The lane by which all guests are called; `mixed` if some are called by the one, some by the other.
    fn lane(&self) -> &'static str {
        let mut lanes = self.guests.iter().map(|(_, lane)| *lane);
        let first = lanes.next().unwrap_or_default();
        if lanes.all(|lane| lane == first) { first } else { "mixed" }
    }

    /// Gigabits a second that one core does, of frames as they were on the wire.
    fn gigabits(&self) -> Pair {
        let bits = number(self.read.wire_bytes) * 8.0 / self.packets;
        let rate = |packet_ns: f64| if packet_ns > 0.0 { bits / packet_ns } else { 0.0 };
        Pair { best: rate(self.packet.best), median: rate(self.packet.median) }
    }

    /// The part of the time that passes in guests, from 0 to 1.
    fn share(&self) -> f64 {
        if self.packet.best > 0.0 { (self.in_guests.best / self.packet.best).min(1.0) } else { 0.0 }
    }

    /// Nanoseconds that a call of a guest takes; `None` if there was no call.
    fn call_ns(&self) -> Option<f64> {
        (self.timed_calls > 0).then(|| self.in_guests.best * self.packets / number(self.timed_calls))
    }

    /// Memory of flow table and buffers, over the flows in the table, both at their most.
    fn flow_bytes(&self) -> usize {
        self.done.map_or(0, |done| done.memory_bytes / done.flows_most.max(1))
    }

    /// The table for people.
    pub(super) fn text(&self) -> String {
        let Some(done) = self.done else { return String::new() };
        let counters = &done.counters;
        let mut text = format!(
            "{}: {} packets, {} bytes, {} flows; {} passes, {} lane\n\n{:24}{:>12}{:>12}\n",
            shown(self.capture),
            counters.packets.seen,
            self.read.wire_bytes,
            counters.flows,
            self.passes,
            self.lane(),
            "",
            "best",
            "median"
        );
        let mut row = |name: &str, pair: Pair, digits: usize, note: String| {
            let line = format!("{name:24}{:>12.digits$}{:>12.digits$}  {note}", pair.best, pair.median);
            let _ = writeln!(text, "{}", line.trim_end());
        };
        row("ns per packet", self.packet, 1, String::new());
        row("  engine alone", self.alone, 1, "connections are followed, nobody is told".to_owned());
        let call =
            self.call_ns().map_or_else(String::new, |call_ns| format!(", {call_ns:.1} ns for each call"));
        row("  in guests", self.in_guests, 1, format!("{:.1} %{call}", self.share() * 100.0));
        row("Gb/s", self.gigabits(), 2, String::new());
        for (name, count) in [
            ("events", counters.callbacks),
            ("bytes delivered", counters.bytes.delivered),
            ("bytes read by guests", done.bytes_read),
            ("bytes for each flow", self.flow_bytes() as u64),
        ] {
            let _ = writeln!(text, "{name:24}{count:>12}");
        }
        text.push('\n');
        for ((name, lane), used) in self.guests.iter().zip(&done.guests) {
            let (name, memory) = (shown(name), used.memory_bytes >> 10);
            let _ = writeln!(text, "{name}: {} calls, {memory} KiB of memory, {lane} lane", used.calls);
        }
        text
    }

    /// The JSON object, with a line feed behind it.
    pub(super) fn json(&self) -> String {
        let mut object = Map::new();
        let mut insert = |key: &str, value: Value| {
            object.insert(key.to_owned(), value);
        };
        let Some(done) = self.done else { return String::new() };
        insert("schema", SCHEMA.into());
        insert("capture", self.capture.into());
        insert("passes", self.passes.into());
        insert("lane", self.lane().into());
        insert("packets", done.counters.packets.seen.into());
        insert("wire_bytes", self.read.wire_bytes.into());
        insert("flows", done.counters.flows.into());
        let gigabits = self.gigabits();
        for (key, pair, digits) in [
            ("ns_per_packet", self.packet, 1),
            ("engine_ns_per_packet", self.alone, 1),
            ("guest_ns_per_packet", self.in_guests, 1),
            ("gigabits_per_second", gigabits, 3),
        ] {
            insert(key, rounded(pair.best, digits));
            insert(&format!("{key}_median"), rounded(pair.median, digits));
        }
        insert("guest_ns_per_call", self.call_ns().map_or(Value::Null, |call_ns| rounded(call_ns, 1)));
        insert("guest_share", rounded(self.share(), 4));
        insert("events", done.counters.callbacks.into());
        insert("bytes_delivered", done.counters.bytes.delivered.into());
        insert("bytes_read", done.bytes_read.into());
        insert("flows_most", done.flows_most.into());
        insert("memory_per_flow", self.flow_bytes().into());
        let guests = self.guests.iter().zip(&done.guests).map(|((name, lane), used)| {
            json!({
                "name": name,
                "lane": lane,
                "calls": used.calls,
                "memory_bytes": used.memory_bytes,
            })
        });
        insert("guests", guests.collect::<Vec<Value>>().into());
        let mut text = Value::Object(object).to_string();
        text.push('\n');
        text
    }
}

/// A number with so many digits behind the point.
fn rounded(value: f64, digits: i32) -> Value {
    let factor = 10_f64.powi(digits);
    ((value * factor).round() / factor).into()
}

#[expect(clippy::cast_precision_loss, reason = "figures for people; 52 bits of nanoseconds are 52 days")]
fn number(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_pass_is_the_quickest_and_the_median_lies_in_the_middle() {
        let mut samples = Samples::default();
        for value in [500.0, 100.0, 300.0, 200.0, 400.0] {
            samples.push(value);
        }
        let pair = samples.per(100.0);
        assert_eq!((pair.best.to_string(), pair.median.to_string()), ("1".to_owned(), "3".to_owned()));
    }

    #[test]
    fn what_the_clock_takes_is_taken_off() {
        let pass = Pass {
            cpu_ns: 9_000,
            in_guests_ns: 5_000,
            timed_calls: 100,
            flows_most: 1,
            memory_bytes: 0,
            counters: sluice_engine::counters::Counters::default(),
            bytes_read: 0,
            guests: Vec::new(),
        };
        let mut rounds = Rounds::new(20.0);
        rounds.push(Kind::Timed, pass.clone());
        assert!((rounds.in_guests.per(1.0).best - 3_000.0).abs() < 1e-6);
        // A clock that took more than all calls together.
        rounds.push(Kind::Timed, Pass { in_guests_ns: 10, ..pass });
        assert!(rounds.in_guests.per(1.0).best.abs() < 1e-6);
    }
}
