//! The capture that `-w` writes: packets as they leave, and what guests sent in between.

use std::path::PathBuf;

use sluice_engine::Engine;
use sluice_engine::packet::Verdict;
use sluice_pktio::{CaptureWriter, Packet};
use sluice_wire::LinkType;

use crate::exit::{Exit, Failure};
use crate::input::SelectedBurst;

/// The capture, made when the first packet tells its link type.
pub(super) struct Copy {
    path: Option<PathBuf>,
    writer: Option<CaptureWriter>,
    /// LINKTYPE_ code of the packet read last. Several mean the same, and a capture has one.
    link: Option<u32>,
}

impl Copy {
    pub(super) fn new(path: Option<PathBuf>) -> Self {
        Self { path, writer: None, link: None }
    }

    /// Writes the packets of a burst that nobody dropped, as they leave, and what was sent in between.
    pub(super) fn write(&mut self, burst: &SelectedBurst, engine: &Engine) -> Result<(), Failure> {
        if self.path.is_none() {
            return Ok(());
        }
        self.link = burst.received(0).map(|packet| packet.link).or(self.link);
        self.write_injected(engine, None)?;
        for (slot, verdict) in engine.verdicts().iter().enumerate() {
            let Some(packet) = burst.received(slot) else { continue };
            self.link = Some(packet.link);
            match (verdict, engine.edited(slot)) {
                (Verdict::Drop, _) => {}
                (Verdict::Edited, Some(bytes)) => self.put(&changed(packet, bytes))?,
                (Verdict::Pass | Verdict::Edited, _) => self.put(&packet)?,
            }
            self.write_injected(engine, Some(slot))?;
        }
        Ok(())
    }

    /// Writes what guests sent behind the packet in this slot; `None` for what came before all packets or at the end.
    pub(super) fn write_injected(&mut self, engine: &Engine, after: Option<usize>) -> Result<(), Failure> {
        if self.path.is_none() {
            return Ok(());
        }
        for sent in engine.injected().iter().filter(|sent| sent.after == after) {
            let link = self.link.filter(|code| LinkType::from_pcap(*code) == Some(sent.link));
            self.put(&Packet {
                bytes: &sent.bytes,
                time_ns: sent.time.0,
                wire_len: u32::try_from(sent.bytes.len()).unwrap_or(u32::MAX),
                link: link.unwrap_or(sent.link.to_pcap()),
                interface: 0,
                index: 0,
            })?;
        }
        Ok(())
    }

    fn put(&mut self, packet: &Packet<'_>) -> Result<(), Failure> {
        let Some(path) = &self.path else { return Ok(()) };
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                let writer = CaptureWriter::create(path, packet.link);
                self.writer.insert(writer.map_err(|error| Failure::new(Exit::Failed, error))?)
            }
        };
        writer.write(packet).map_err(|error| Failure::new(Exit::Failed, error))
    }

    /// Brings everything out; an empty capture is one too.
    pub(super) fn finish(self) -> Result<(), Failure> {
        let Some(path) = self.path else { return Ok(()) };
        let writer = match self.writer {
            Some(writer) => Ok(writer),
            None => CaptureWriter::create(path, LinkType::Ethernet.to_pcap()),
        };
        let written = writer.and_then(CaptureWriter::finish);
        written.map(|_| ()).map_err(|error| Failure::new(Exit::Failed, error))
    }
}

/// A packet as guests have changed it: what the snap length cut stays cut.
fn changed<'a>(packet: Packet<'_>, bytes: &'a [u8]) -> Packet<'a> {
    let len = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let wire_len = packet.wire_len.saturating_sub(len(packet.bytes)).saturating_add(len(bytes));
    Packet { bytes, wire_len, ..packet }
}
