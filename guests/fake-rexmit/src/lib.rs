//! Finds retransmissions that carry other bytes than the original: data hidden from whoever looks at one copy only, or
//! traffic that hopes not to be charged.
//!
//! A filter compares each retransmission with what the host still holds of the stream; its callback sees only those
//! that lie.

mod mismatch;

use mismatch::{Mismatch, hex, printable};
use sluice::json::Object;
use sluice::prelude::*;
use sluice::{Fragment, Region};

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
        Ok(mismatch(event)?.is_some())
    }

    /// Reports the first one of each stream, and counts the others.
    fn on_fake(&mut self, event: &Event) -> Result<(), Error> {
        self.fake += 1;
        // The user context has a bit for each direction that was reported.
        let reported = 1 << event.direction().index();
        if event.user_context() & reported != 0 {
            return Ok(());
        }
        let Some(mismatch) = mismatch(event)? else { return Ok(()) };
        event.flow().set_user_context(event.user_context() | reported)?;
        self.streams += 1;

        let endpoints = event.flow().endpoints()?;
        let (direction, from, to) = match event.direction() {
            Direction::ToServer => ("to_server", endpoints.client, endpoints.server),
            Direction::ToClient => ("to_client", endpoints.server, endpoints.client),
        };
        let Mismatch { offset, length, before, after } = &mismatch;
        report!(
            "{from} > {to} offset {offset} length {length}: {} \"{}\" came again as {} \"{}\"\n",
            hex(before),
            printable(before),
            hex(after),
            printable(after),
        );
        let body = Object::new()
            .string("type", "stream")
            .string("event", "stream.reassembly_overlap_different_data")
            .string("direction", direction)
            .number("stream_offset", *offset)
            .number("length", *length as u64)
            .string("original", &hex(before))
            .string("original_printable", &printable(before))
            .string("repeated", &hex(after))
            .string("repeated_printable", &printable(after));
        // What exceeds the operator's limits is counted by the host; the report has it all the same.
        let _counted_by_the_host = log::event("anomaly", &body);
        Ok(())
    }
}

/// The first range in which the packet differs from what the host holds of the stream: where only a part of the
/// packet came before, that part is compared.
fn mismatch(event: &Event) -> Result<Option<Mismatch>, Error> {
    // A repeated SYN or FIN has no bytes to compare, and a deadline has no packet.
    if event.length() == 0 || !event.has_packet() {
        return Ok(None);
    }
    let packet = event.packet()?;
    // The payload of a flow picked up in mid-stream may begin before the stream: where is not known then.
    if event.partial() && packet.offset == 0 {
        return Ok(None);
    }
    let flow = event.flow();
    let direction = event.direction();
    let next = flow.buffer_info(direction)?.next;
    // A keep-alive may carry one byte of garbage just before the next expected one (RFC 9293 section 3.8.4).
    if packet.payload_length == 1 && packet.offset.saturating_add(1) == next {
        return Ok(None);
    }

    let (mut payload, mut held) = (Vec::new(), Vec::new());
    let payload = event.packet_bytes(Region::Payload, 0, packet.payload_captured, &mut payload)?;
    let repeated = Fragment { offset: packet.offset, length: payload.len() as u64 };
    for fragment in flow.fraginfo(direction)? {
        let Some(overlap) = fragment.overlap(repeated) else { continue };
        let length = u32::try_from(overlap.length).unwrap_or(u32::MAX);
        let held = flow.peek_at(direction, overlap.offset, length, &mut held)?;
        let skip = usize::try_from(overlap.offset - repeated.offset).unwrap_or(usize::MAX);
        let again = payload.get(skip..).unwrap_or_default();
        if let Some(mismatch) = Mismatch::between(overlap.offset, held, again) {
            return Ok(Some(mismatch));
        }
    }
    Ok(None)
}
