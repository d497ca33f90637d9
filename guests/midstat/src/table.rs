//! The table of connections as text.

use core::fmt::Write as _;
use core::net::SocketAddr;

use sluice::{EndReason, TcpState};

const HEADINGS: [&str; 8] =
    ["CLIENT", "SERVER", "CLIENT STATE", "SERVER STATE", "TO SERVER", "TO CLIENT", "SECONDS", "END"];

/// Columns of numbers: they end at the same place instead of beginning there.
const NUMBERS: [bool; 8] = [false, false, false, false, true, true, true, false];

/// One connection.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) start_ns: u64,
    pub(crate) last_activity_ns: u64,
    pub(crate) client: SocketAddr,
    pub(crate) server: SocketAddr,
    pub(crate) client_state: TcpState,
    pub(crate) server_state: TcpState,
    pub(crate) to_server_bytes: u64,
    pub(crate) to_client_bytes: u64,
    /// `None` while it lives.
    pub(crate) end: Option<EndReason>,
}

impl Row {
    fn cells(&self) -> [String; 8] {
        let duration_ms = self.last_activity_ns.saturating_sub(self.start_ns) / 1_000_000;
        [
            self.client.to_string(),
            self.server.to_string(),
            self.client_state.to_string(),
            self.server_state.to_string(),
            self.to_server_bytes.to_string(),
            self.to_client_bytes.to_string(),
            format!("{}.{:03}", duration_ms / 1_000, duration_ms % 1_000),
            self.end.map_or_else(String::new, |end| end.to_string()),
        ]
    }
}

/// The rows under their headings, in the order of their start.
pub(crate) fn table(mut rows: Vec<Row>) -> String {
    // Connections of the same instant keep an order of their own, whatever order they ended in.
    rows.sort_by_key(|row| (row.start_ns, row.client, row.server));
    let cells: Vec<[String; 8]> =
        core::iter::once(HEADINGS.map(String::from)).chain(rows.iter().map(Row::cells)).collect();
    let mut widths = [0; 8];
    for line in &cells {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = cell.len().max(*width);
        }
    }
    let mut text = String::new();
    for line in &cells {
        let begin = text.len();
        for ((cell, width), number) in line.iter().zip(widths).zip(NUMBERS) {
            let gap = if text.len() == begin { "" } else { "  " };
            // A string takes everything.
            let _never_fails = if number {
                write!(text, "{gap}{cell:>width$}")
            } else {
                write!(text, "{gap}{cell:<width$}")
            };
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(start_ns: u64, client: &str, bytes: u64, end: Option<EndReason>) -> Row {
        Row {
            start_ns,
            last_activity_ns: start_ns + 1_234_567_890,
            client: client.parse().unwrap(),
            server: "192.0.2.1:80".parse().unwrap(),
            client_state: TcpState::Established,
            server_state: TcpState::CloseWait,
            to_server_bytes: bytes,
            to_client_bytes: 7,
            end,
        }
    }

    #[test]
    fn columns_are_aligned_and_rows_sorted_by_start() {
        let rows = vec![
            row(2, "198.51.100.20:50001", 5, Some(EndReason::ResetByServer)),
            row(1, "10.0.0.1:5000", 12_345_678_901, None),
        ];
        assert_eq!(
            table(rows),
            "\
CLIENT               SERVER        CLIENT STATE  SERVER STATE    TO SERVER  TO CLIENT  SECONDS  END
10.0.0.1:5000        192.0.2.1:80  ESTABLISHED   CLOSE-WAIT    12345678901          7    1.234
198.51.100.20:50001  192.0.2.1:80  ESTABLISHED   CLOSE-WAIT              5          7    1.234  reset by server
"
        );
    }

    #[test]
    fn without_connections_there_are_headings() {
        assert_eq!(table(Vec::new()).lines().count(), 1);
    }
}
