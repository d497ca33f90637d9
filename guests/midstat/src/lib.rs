//! netstat for the wire: the connections that pass, with the state of both ends.
//!
//! Nothing is reassembled for it: the host only follows states and counts bytes.

mod table;

use core::time::Duration;
use std::collections::BTreeSet;

use sluice::SideObservables;
use sluice::prelude::*;
use table::{Columns, Path, Row, table};

/// Connections in a table unless `rows` says otherwise: about 1 MiB.
const ROWS_DEFAULT: usize = 4_096;

#[derive(Default)]
struct Midstat {
    rows_max: usize,
    columns: Columns,
    /// Connections that live: only followed where they are shown.
    alive: BTreeSet<FlowId>,
    ended: Vec<Row>,
    /// Connections that found no place in the next table.
    not_shown: u64,
    totals: Totals,
}

#[derive(Default)]
struct Totals {
    connections: u64,
    to_server_bytes: u64,
    to_client_bytes: u64,
}

sluice::export!(Midstat);

impl Middlebox for Midstat {
    fn start(setup: &Setup<Self>, configuration: &Configuration) -> Result<Self, String> {
        configuration.allow_only(&["interval", "rows", "filter", "rtt"])?;
        let interval_s: Option<u32> = configuration.parse("interval")?;
        if interval_s == Some(0) {
            return Err("interval is in seconds, at least 1".into());
        }
        let flows = setup.monitor(configuration.get("filter").unwrap_or_default(), Level::Count)?;
        let columns = match configuration.parse("rtt")? {
            Some(true) => Columns::Path,
            Some(false) | None => Columns::Plain,
        };
        if columns == Columns::Path {
            flows.observe()?;
        }
        flows.on(ConnEnd, Self::on_end)?;
        if let Some(seconds) = interval_s {
            flows.on(ConnStart, Self::on_start)?;
            setup.every(Duration::from_secs(seconds.into()), Self::on_interval)?;
        }
        let rows_max = configuration.parse("rows")?.unwrap_or(ROWS_DEFAULT);
        Ok(Self { rows_max, columns, ..Self::default() })
    }

    fn stop(&mut self) {
        let rows = std::mem::take(&mut self.ended);
        self.print(rows);
        let Totals { connections, to_server_bytes, to_client_bytes } = self.totals;
        report!(
            "total: {connections} connections, {to_server_bytes} bytes to servers, {to_client_bytes} bytes to clients\n"
        );
    }
}

impl Midstat {
    fn on_start(&mut self, event: &Event) {
        self.alive.insert(event.flow_id());
    }

    fn on_end(&mut self, event: &Event) -> Result<(), Error> {
        self.alive.remove(&event.flow_id());
        let row = Row { end: event.end_reason(), ..row(event.flow(), self.columns)? };
        self.totals.connections += 1;
        self.totals.to_server_bytes += row.to_server_bytes;
        self.totals.to_client_bytes += row.to_client_bytes;
        if self.ended.len() < self.rows_max {
            self.ended.push(row);
        } else {
            self.not_shown += 1;
        }
        Ok(())
    }

    /// The connections that live, and those that ended since the last table.
    fn on_interval(&mut self, tick: &Tick) {
        let mut rows = std::mem::take(&mut self.ended);
        let room = self.rows_max.saturating_sub(rows.len());
        self.not_shown += self.alive.len().saturating_sub(room) as u64;
        for id in self.alive.iter().take(room) {
            // One that the host forgot has its end on the way.
            if let Ok(row) = id.select().and_then(|flow| row(&flow, self.columns)) {
                rows.push(row);
            }
        }
        let ms = tick.time_ns() / 1_000_000;
        report!("{}.{:03} s, {} connections alive\n", ms / 1_000, ms % 1_000, self.alive.len());
        self.print(rows);
        report!("\n");
    }

    fn print(&mut self, rows: Vec<Row>) {
        report!("{}", table(rows, self.columns));
        match std::mem::take(&mut self.not_shown) {
            0 => {}
            more => report!("{more} more are not shown\n"),
        }
    }
}

fn row(flow: &Flow, columns: Columns) -> Result<Row, Error> {
    let info = flow.info()?;
    let endpoints = flow.endpoints()?;
    Ok(Row {
        start_ns: info.start_time_ns,
        last_activity_ns: info.last_activity_ns,
        client: endpoints.client,
        server: endpoints.server,
        client_state: info.client_state,
        server_state: info.server_state,
        to_server_bytes: flow.statistics(Side::Client)?.delivered_bytes,
        to_client_bytes: flow.statistics(Side::Server)?.delivered_bytes,
        end: info.end_reason,
        path: if columns == Columns::Path { Some(path(flow)?) } else { None },
    })
}

fn path(flow: &Flow) -> Result<Path, Error> {
    let (client, server) = (flow.observables(Side::Client)?, flow.observables(Side::Server)?);
    let rtt = |side: &SideObservables| side.round_trips.map(|trips| trips.smoothed.as_micros());
    Ok(Path {
        client_rtt_us: rtt(&client),
        server_rtt_us: rtt(&server),
        retransmissions: u64::from(client.retransmissions) + u64::from(server.retransmissions),
        missed_bytes: client.missed_bytes + server.missed_bytes,
    })
}
