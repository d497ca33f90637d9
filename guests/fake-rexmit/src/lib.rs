//! Finds retransmissions that carry other bytes than the original: data hidden from whoever looks at one copy only, or
//! traffic that hopes not to be charged.
//!
//! A filter compares each retransmission with what the host still holds of the stream; its callback sees only those
//! that lie.

use sluice::prelude::*;

#[derive(Default)]
struct FakeRexmit {
    retransmissions: u64,
    /// Retransmissions with other bytes.
    fake: u64,
    /// Streams with at least one.
    streams: u64,
}

sluice::export!(FakeRexmit);

impl Middlebox for FakeRexmit {
    fn start(setup: &Setup<Self>, configuration: &Configuration) -> Result<Self, String> {
        configuration.allow_only(&["filter"])?;
        let flows = setup.monitor(configuration.get("filter").unwrap_or_default(), Level::Full)?;
        let fake = setup.define("fake-rexmit", Rexmit, Self::is_fake)?;
        flows.on(Rexmit, Self::on_rexmit)?;
        flows.on(fake, Self::on_fake)?;
        Ok(Self::default())
    }

    fn stop(&mut self) {
        let Self { retransmissions, fake, streams } = self;
        report!("{retransmissions} retransmissions, {fake} of them with other bytes, in {streams} streams\n");
    }
}

impl FakeRexmit {
    fn on_rexmit(&mut self, _event: &Event) {
        self.retransmissions += 1;
    }

    fn is_fake(&self, event: &Event) -> Result<bool, Error> {
        Ok(event.repetition()?.difference.is_some())
    }

    /// Reports the first one of each stream, and counts the others.
    fn on_fake(&mut self, event: &Event) -> Result<(), Error> {
        self.fake += 1;
        // The user context has a bit for each direction that was reported.
        let reported = 1 << event.direction().index();
        if event.user_context() & reported != 0 {
            return Ok(());
        }
        let Some(difference) = event.repetition()?.difference else { return Ok(()) };
        event.flow().set_user_context(event.user_context() | reported)?;
        self.streams += 1;

        let (from, to) = event.flow().endpoints()?.sender_and_receiver(event.direction());
        report!("{from} > {to} {difference}\n");
        // What exceeds the operator's limits is counted by the host; the report has it all the same.
        let _counted_by_the_host = log::event("anomaly", &difference.anomaly(event.direction()));
        Ok(())
    }
}
