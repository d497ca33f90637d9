//! The table of connections as text.

use core::net::SocketAddr;

use sluice::{EndReason, TcpState};

const HEADINGS: [&str; 8] =
    ["CLIENT", "SERVER", "CLIENT STATE", "SERVER STATE", "TO SERVER", "TO CLIENT", "SECONDS", "END"];

/// Further columns of a table that shows paths, all of numbers.
const PATH_HEADINGS: [&str; 4] = ["CLIENT RTT", "SERVER RTT", "REXMIT", "MISSED"];

/// Columns of numbers end at the same place instead of beginning there.
fn is_number(column: usize) -> bool {
    matches!(column, 4..=6) || column >= HEADINGS.len()
}

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
    /// What was observed of its path, where the table shows it.
    pub(crate) path: Option<Path>,
}

/// What was observed of a connection's path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    /// From here to the client and back, smoothed, microseconds.
    pub(crate) client_rtt_us: Option<u128>,
    /// From here to the server and back.
    pub(crate) server_rtt_us: Option<u128>,
    /// Packets that carried what had passed before.
    pub(crate) retransmissions: u64,
    /// Bytes that never passed.
    pub(crate) missed_bytes: u64,
}

impl Path {
    fn cells(&self) -> [String; 4] {
        let ms =
            |us: Option<u128>| us.map_or_else(String::new, |us| format!("{}.{:03}", us / 1_000, us % 1_000));
        [
            ms(self.client_rtt_us),
            ms(self.server_rtt_us),
            self.retransmissions.to_string(),
            self.missed_bytes.to_string(),
        ]
    }
}

impl Row {
    fn cells(&self) -> Vec<String> {
        let duration_ms = self.last_activity_ns.saturating_sub(self.start_ns) / 1_000_000;
        let cells = [
            self.client.to_string(),
            self.server.to_string(),
            self.client_state.to_string(),
            self.server_state.to_string(),
            self.to_server_bytes.to_string(),
            self.to_client_bytes.to_string(),
            format!("{}.{:03}", duration_ms / 1_000, duration_ms % 1_000),
            self.end.map_or_else(String::new, |end| end.to_string()),
        ];
        cells.into_iter().chain(self.path.iter().flat_map(Path::cells)).collect()
    }
}

/// Which columns a table has.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Columns {
    /// Ends, states, bytes, time.
    #[default]
    Plain,
    /// And what was observed of the path.
    Path,
}

/// The rows under their headings, in the order of their start.
pub(crate) fn table(mut rows: Vec<Row>, columns: Columns) -> String {
    // Connections of the same instant keep an order of their own, whatever order they ended in.
    rows.sort_by_key(|row| (row.start_ns, row.client, row.server));
    let paths: &[&str] = if columns == Columns::Path { &PATH_HEADINGS } else { &[] };
    let headings: Vec<String> = HEADINGS.iter().chain(paths).map(|heading| (*heading).to_owned()).collect();
    let cells: Vec<Vec<String>> = core::iter::once(headings).chain(rows.iter().map(Row::cells)).collect();
    sluice::table::aligned(&cells, is_number)
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
            path: None,
        }
    }

    #[test]
    fn columns_are_aligned_and_rows_sorted_by_start() {
        let rows = vec![
            row(2, "198.51.100.20:50001", 5, Some(EndReason::ResetByServer)),
            row(1, "10.0.0.1:5000", 12_345_678_901, None),
        ];
        assert_eq!(
            table(rows, Columns::Plain),
            "\
CLIENT               SERVER        CLIENT STATE  SERVER STATE    TO SERVER  TO CLIENT  SECONDS  END
10.0.0.1:5000        192.0.2.1:80  ESTABLISHED   CLOSE-WAIT    12345678901          7    1.234
198.51.100.20:50001  192.0.2.1:80  ESTABLISHED   CLOSE-WAIT              5          7    1.234  reset by server
"
        );
    }

    #[test]
    fn paths_come_behind_the_end() {
        let path =
            Path { client_rtt_us: Some(1_050), server_rtt_us: None, retransmissions: 3, missed_bytes: 1460 };
        let rows = vec![Row { path: Some(path), ..row(1, "10.0.0.1:5000", 5, None) }];
        let text = table(rows, Columns::Path);
        let end = "SECONDS  END  CLIENT RTT  SERVER RTT  REXMIT  MISSED\n";
        assert!(text.lines().next().unwrap().ends_with(end.trim_end()), "{text}");
        let row = text.lines().nth(1).unwrap();
        assert_eq!(
            row.split_whitespace().collect::<Vec<&str>>()[6..],
            ["1.234", "1.050", "3", "1460"],
            "{text}"
        );
    }

    #[test]
    fn without_connections_there_are_headings() {
        assert_eq!(table(Vec::new(), Columns::Path).lines().count(), 1);
    }
}
