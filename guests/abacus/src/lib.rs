//! Cellular accounting: how many bytes each subscriber sent and received, each byte of a stream charged once.
//!
//! Who charges for retransmissions can be made to overcharge, and who does not gives a tunnel away for free: data in
//! segments that look like retransmissions (Go et al., NDSS'14). So retransmissions are free as long as they carry the
//! bytes that came before; a filter finds those that do not, and they are charged in full.

mod ledger;
mod subscribers;

use ledger::{Ledger, Tariff, Volume};
use sluice::prelude::*;
use sluice::{Endpoints, Repetition};
use subscribers::Subscribers;

/// Subscribers with a row of their own unless `subscribers_max` says otherwise: 28 MiB with the table, less than half
/// of what a guest may have.
const SUBSCRIBERS_DEFAULT: usize = 32_768;

#[derive(Default)]
struct Abacus {
    subscribers: Subscribers,
    ledger: Ledger,
    /// What the retransmission carries for which handlers are being called.
    repetition: Repetition,
    fake_retransmissions: u64,
    /// Streams with at least one.
    fake_streams: u64,
}

sluice::export!(Abacus);

impl Middlebox for Abacus {
    fn start(setup: &Setup<Self>, configuration: &Configuration) -> Result<Self, String> {
        configuration.allow_only(&["subscribers", "subscribers_max", "unverifiable", "missed", "filter"])?;
        let subscribers: Subscribers = configuration.parse("subscribers")?.unwrap_or_default();
        let tariff = Tariff {
            unverifiable: configuration.parse("unverifiable")?.unwrap_or_default(),
            missed: configuration.parse("missed")?.unwrap_or_default(),
        };
        let subscribers_max = configuration.parse("subscribers_max")?.unwrap_or(SUBSCRIBERS_DEFAULT);
        let filter = configuration.get("filter").unwrap_or_default();
        let flows = setup.monitor(&subscribers.expression(filter), Level::Full)?;
        let fake = setup.define("fake-rexmit", Rexmit, Self::is_fake)?;
        flows.on(Rexmit, Self::on_rexmit)?;
        flows.on(fake, Self::on_fake)?;
        flows.on(ConnEnd, Self::on_end)?;
        Ok(Self { subscribers, ledger: Ledger::new(tariff, subscribers_max), ..Self::default() })
    }

    fn stop(&mut self) {
        let Self { fake_retransmissions, fake_streams, .. } = self;
        report!("{}", self.ledger.table());
        report!("{fake_retransmissions} fake retransmissions in {fake_streams} streams\n");
    }
}

impl Abacus {
    /// Compares; it runs before the filter below it, which needs no more than the answer.
    fn on_rexmit(&mut self, event: &Event) -> Result<(), Error> {
        // What came before must not be taken for this one if the host refuses to answer.
        self.repetition = Repetition::default();
        self.repetition = event.repetition()?;
        let Repetition { bytes, unverifiable_bytes, ref difference, .. } = self.repetition;
        if bytes > 0 && difference.is_none() {
            self.count(&event.flow().endpoints()?, event.direction(), |volume| {
                volume.repeated += bytes.saturating_sub(unverifiable_bytes);
                volume.unverifiable += unverifiable_bytes;
            });
        }
        Ok(())
    }

    fn is_fake(&self, _event: &Event) -> bool {
        self.repetition.difference.is_some()
    }

    /// Charges all that came again: bytes that are equal here and there are cover. What is new in the packet is charged
    /// with its stream.
    fn on_fake(&mut self, event: &Event) -> Result<(), Error> {
        let Repetition { bytes, difference: Some(difference), .. } = std::mem::take(&mut self.repetition)
        else {
            return Ok(());
        };
        let (direction, endpoints) = (event.direction(), event.flow().endpoints()?);
        self.fake_retransmissions += 1;
        self.count(&endpoints, direction, |volume| volume.fake += bytes);
        // The user context has a bit for each direction that was reported.
        let reported = 1 << direction.index();
        if event.user_context() & reported != 0 {
            return Ok(());
        }
        event.flow().set_user_context(event.user_context() | reported)?;
        self.fake_streams += 1;
        let (from, to) = endpoints.sender_and_receiver(direction);
        report!("fake retransmission {from} > {to}, {bytes} bytes charged, {difference}\n");
        // What exceeds the operator's limits is counted by the host; the report has it all the same.
        let _counted_by_the_host =
            log::event("anomaly", &difference.anomaly(direction).number("charged_bytes", bytes));
        Ok(())
    }

    /// Charges what the host has counted: each byte of either stream, once.
    fn on_end(&mut self, event: &Event) -> Result<(), Error> {
        let endpoints = event.flow().endpoints()?;
        for side in [Side::Client, Side::Server] {
            let sent = event.flow().statistics(side)?;
            self.count(&endpoints, side.sends(), |volume| {
                volume.delivered += sent.delivered_bytes;
                volume.missed += sent.gap_bytes;
                volume.ignored_packets += sent.refused;
            });
        }
        for (_, subscriber) in self.subscribers.of(&endpoints) {
            self.ledger.account(subscriber).flows += 1;
        }
        Ok(())
    }

    /// Adds to what the subscribers among the ends sent or received.
    fn count(&mut self, endpoints: &Endpoints, direction: Direction, add: impl Fn(&mut Volume)) {
        for (side, subscriber) in self.subscribers.of(endpoints) {
            let account = self.ledger.account(subscriber);
            add(if side.sends() == direction { &mut account.uplink } else { &mut account.downlink });
        }
    }
}
