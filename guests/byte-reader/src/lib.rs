//! Reads every byte of every stream exactly once and sums them up: what a middlebox costs that looks at all data, and
//! proof that it saw all of it.

use sluice::checksum::StreamSum;
use sluice::prelude::*;

#[derive(Default)]
struct ByteReader {
    flows: u64,
    gap_bytes: u64,
    missed_bytes: u64,
    /// To the server, to the client.
    sums: [StreamSum; 2],
}

/// When data is read.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Mode {
    /// With the packet that makes it readable.
    #[default]
    Packet,
    /// Once a burst of packets, all flows in one call: fewer calls, and too late to stop the packet alone.
    Burst,
}

impl core::str::FromStr for Mode {
    type Err = &'static str;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "packet" => Ok(Self::Packet),
            "burst" => Ok(Self::Burst),
            _ => Err("mode is packet or burst"),
        }
    }
}

sluice::export!(ByteReader);

impl Middlebox for ByteReader {
    fn start(setup: &Setup<Self>, configuration: &Configuration) -> Result<Self, String> {
        configuration.allow_only(&["filter", "mode"])?;
        let flows = setup.monitor(configuration.get("filter").unwrap_or_default(), Level::Full)?;
        flows.on(ConnStart, Self::on_start)?;
        match configuration.parse("mode")?.unwrap_or_default() {
            Mode::Packet => flows.on(NewData, Self::on_data)?,
            Mode::Burst => flows.on_deferred_data(NewData, Self::on_data)?,
        }
        flows.on(Gap, Self::on_gap)?;
        Ok(Self::default())
    }

    fn stop(&mut self) {
        let [to_server, to_client] = &self.sums;
        report!("flows {}\n", self.flows);
        report!("to server {} bytes, sum {:016x}\n", to_server.bytes(), to_server.value());
        report!("to client {} bytes, sum {:016x}\n", to_client.bytes(), to_client.value());
        report!("gaps {} bytes, missed {} bytes\n", self.gap_bytes, self.missed_bytes);
    }
}

impl ByteReader {
    fn on_start(&mut self, _event: &Event) {
        self.flows += 1;
    }

    fn on_gap(&mut self, event: &Event) {
        self.gap_bytes += u64::from(event.length());
    }

    fn on_data(&mut self, event: &Event) -> Result<(), Error> {
        let sum = &mut self.sums[event.direction().index()];
        let mut offset = event.offset();
        loop {
            match event.data() {
                Ok(bytes) => {
                    sum.add(offset, bytes);
                    return Ok(());
                }
                // Bytes that were dropped before this call: the next one begins behind them.
                Err(Error::Missed { bytes }) => {
                    self.missed_bytes += bytes;
                    offset = event.flow().buffer_info(event.direction())?.position;
                }
                Err(error) => return Err(error),
            }
        }
    }
}
