//! How flows share what they invoke.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::rc::Rc;

use sluice_engine::event::{ForestCounters, Hook, IForest, TenantEvents};

use super::columns::{Align, Table};
use super::text::count;
use super::tree::event_name;

/// Sets of registrations that are listed, those that most flows hold.
const SETS_SHOWN: usize = 10;

/// Registrations of a set that are listed.
const REGISTRATIONS_SHOWN: usize = 8;

/// The i-forests of a guest at one moment, and what was done with them until then.
#[derive(Debug)]
pub(super) struct Sharing {
    /// `None` for a guest that was stopped: it has none any more.
    figures: Option<Figures>,
}

#[derive(Debug)]
struct Figures {
    distinct: usize,
    in_start: ForestCounters,
    until_now: ForestCounters,
    /// The most shared first.
    sets: Vec<Set>,
}

#[derive(Debug)]
struct Set {
    flows: u64,
    monitors: Vec<usize>,
    registrations: Vec<String>,
}

impl Sharing {
    /// The i-forests as they are, given what had been done with them when the guest had started.
    pub(super) fn new(events: &TenantEvents, in_start: ForestCounters) -> Self {
        let forests = events.forests();
        let mut sets: Vec<Set> = Vec::new();
        let mut places: BTreeMap<*const IForest, usize> = BTreeMap::new();
        for (holders, forest) in forests.iter() {
            // Sets that an undefinition made equal are listed apart, but are one.
            let place = *places.entry(std::ptr::from_ref(forest)).or_insert_with(|| {
                sets.push(Set::new(events, forest));
                sets.len() - 1
            });
            if let Some(set) = sets.get_mut(place) {
                set.flows = set.flows.saturating_add(holders);
            }
        }
        for set in &mut sets {
            set.flows = set.flows.saturating_sub(set.monitors.len() as u64);
        }
        sets.sort_by(|one, other| {
            let key = |set: &Set| (std::cmp::Reverse(set.flows), set.monitors.is_empty());
            key(one).cmp(&key(other)).then_with(|| one.registrations.cmp(&other.registrations))
        });
        let until_now = *forests.counters();
        Self { figures: Some(Figures { distinct: forests.len(), in_start, until_now, sets }) }
    }

    /// Those of a guest that was stopped.
    pub(super) const fn stopped() -> Self {
        Self { figures: None }
    }

    /// In words and tables.
    pub(super) fn text(&self) -> String {
        let Some(figures) = &self.figures else {
            return "the guest was stopped: its i-forests are gone\n".to_owned();
        };
        figures.text()
    }
}

impl Set {
    fn new(events: &TenantEvents, forest: &IForest) -> Self {
        let is_its = |set: Option<&Rc<IForest>>| set.is_some_and(|set| std::ptr::eq(&**set, forest));
        let monitors = events.monitors().enumerate().filter(|(_, (_, set))| is_its(*set));
        let mut by_event: BTreeMap<(u32, Hook), Vec<String>> = BTreeMap::new();
        for entry in forest.entries() {
            by_event.entry((entry.event, entry.hook)).or_default().push(entry.handler.to_string());
        }
        let line = |((event, hook), handlers): (&(u32, Hook), &Vec<String>)| {
            format!("{}: {} at {}", event_name(events, *event), handlers.join(", "), hook.name())
        };
        let registrations = by_event.iter().map(line).collect();
        Self { flows: 0, monitors: monitors.map(|(number, _)| number).collect(), registrations }
    }

    fn holders(&self) -> String {
        let flows = (self.flows > 0).then(|| count(self.flows, "flow"));
        let monitors = self.monitors.iter().map(|number| format!("monitor {number}"));
        flows.into_iter().chain(monitors).collect::<Vec<String>>().join(", ")
    }

    fn lines(&self) -> Vec<String> {
        if self.registrations.is_empty() {
            return vec!["none".to_owned()];
        }
        let mut lines: Vec<String> = self.registrations.iter().take(REGISTRATIONS_SHOWN).cloned().collect();
        let more = self.registrations.len().saturating_sub(REGISTRATIONS_SHOWN);
        if more > 0 {
            lines.push(format!("and {more} more"));
        }
        lines
    }
}

impl Figures {
    fn text(&self) -> String {
        let (before, now) = (&self.in_start, &self.until_now);
        let flows: u64 = self.sets.iter().map(|set| set.flows).sum();
        let monitors: usize = self.sets.iter().map(|set| set.monitors.len()).sum();
        let rows = [
            (
                "different ones",
                format!("{} when the last packet had been read, at most {}", self.distinct, now.peak),
            ),
            (
                "held",
                format!(
                    "by {} and {}, at most by {} at once",
                    count(flows, "flow"),
                    count(monitors, "monitor"),
                    now.held_peak
                ),
            ),
            ("inherited", format!("by {}: they began with their monitor's", count(now.inherited, "flow"))),
            ("made", split(before.made, now.made)),
            (
                "shared",
                format!("{}: changes that led to one that was there", split(before.shared, now.shared)),
            ),
            ("refused", split(before.refused, now.refused)),
        ];
        let mut text = "i-forests (what a flow invokes)\n".to_owned();
        for (name, words) in rows {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {name:<14}  {words}");
        }
        let mut table = Table::new(&[("HELD BY", Align::Left), ("REGISTRATIONS", Align::Left)]);
        for set in self.sets.iter().take(SETS_SHOWN) {
            table.row(vec![vec![set.holders()], set.lines()], String::new());
        }
        text.push('\n');
        text.push_str(&table.text());
        let more = self.sets.len().saturating_sub(SETS_SHOWN);
        if more > 0 {
            let _ = writeln!(text, "and {more} more");
        }
        text
    }
}

/// What was counted in `start`, and since.
fn split(before: u64, now: u64) -> String {
    format!("{before} in start, {} while it ran", now.saturating_sub(before))
}

#[cfg(test)]
mod tests {
    use sluice_engine::event::{Definitions, EventFilter};
    use sluice_engine::reassembly::Level;

    use super::*;

    #[test]
    fn sets_that_became_equal_are_one_with_all_their_holders() {
        let mut definitions = Definitions::new();
        let event = definitions.define("a", 6, EventFilter::Guest(1), b"").unwrap();
        for monitor in 0..3 {
            definitions.open_stream(None, Level::Full).unwrap();
            definitions.register(monitor, 6, Hook::Receiver, 2).unwrap();
        }
        definitions.register(1, event, Hook::Receiver, 3).unwrap();
        definitions.register(2, 9, Hook::None, 4).unwrap();
        definitions.undefine(event).unwrap();
        let sharing = Sharing::new(definitions.events(), ForestCounters::default());
        let text = sharing.text();
        let table = "HELD BY               REGISTRATIONS\n\
                     monitor 0, monitor 1  new-data: 2 at receiver\n\
                     monitor 2             new-data: 2 at receiver\n                      conn-end: 4 at none\n";
        assert_eq!(text.split_once("\n\n").unwrap().1, table);
        assert!(text.contains("different ones  2 when"), "{text}");
    }
}
