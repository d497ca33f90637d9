//! Records of connections beside those of Zeek's own tests.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::Value;
use sluice_engine::event::{EventCall, Faulted, Handler, TenantId};
use sluice_engine::flow::{ConnRecord, SideRecord};
use sluice_engine::{Checksums, Config, Engine, Nanos, Networks, Records, View};
use sluice_pktio::{Burst, CaptureReader, PacketIo, Received};
use sluice_tests::{Frame, Frames, balance};
use sluice_wire::LinkType;

use super::replay::shared;

/// Fields of a record, by their names in conn.log.
type Fields = BTreeMap<&'static str, String>;

/// Fields of conn.log that a record of ours has.
const FIELDS: [&str; 10] = [
    "duration",
    "orig_bytes",
    "resp_bytes",
    "conn_state",
    "missed_bytes",
    "history",
    "orig_pkts",
    "orig_ip_bytes",
    "resp_pkts",
    "resp_ip_bytes",
];

/// Where our records differ: capture, test of Zeek, file of it, port of the originator (empty: every one), and why.
const EXCEPTIONS: [(&str, &str, &str, &str, &str); 9] = [
    ("zk-retransmit-timeout", "core/expire-all-timers.zeek", "conn-all.log", "", SILENCE),
    ("zk-pppoe-qinq", "core/pppoe-over-qinq.zeek", "conn.log", "", MALFORMED),
    ("zk-localhost-badcs", "core/checksums_ignore_nets.test", "conn-failed.log", "", CHECKSUM),
    ("zk-wikipedia", "scripts/policy/protocols/conn/mac-logging.zeek", "conn1.log", "80", BARE),
    ("zk-wikipedia", "scripts/base/frameworks/logging/field-extension-complex.zeek", "conn.log", "80", BARE),
    (
        "zk-wikipedia",
        "scripts/base/frameworks/logging/field-extension-include-exclude.zeek",
        "conn-exc.log",
        "80",
        BARE,
    ),
    ("zk-wikipedia", "scripts/base/frameworks/logging/field-extension-optional.zeek", "conn.log", "80", BARE),
    ("zk-wikipedia", "scripts/base/frameworks/logging/field-extension.zeek", "conn.log", "80", BARE),
    (
        "zk-wikipedia",
        "core/pcap/dynamic-filter.zeek",
        "conn.log",
        "",
        "the test changes its filter on the way",
    ),
];

const SILENCE: &str = "Zeek forgets a connection after five minutes of silence, we after an hour";
const MALFORMED: &str = "six packets of the server are shorter than their IP header says: malformed";
const CHECKSUM: &str =
    "a segment with a wrong checksum opens no flow: whoever sends garbage would fill the table";
const BARE: &str = "without its scripts (-b) Zeek takes the sender of a SYN-ACK for the client";

/// Histories and states that Zeek's tests print in other ways, by the client's port (0: of the only connection).
const PRINTED: [(&str, u16, &str, &str); 5] = [
    ("zk-syn-rst", 0, "SR", "RSTOS0"),
    ("zk-syn-stuff-rst", 0, "SaFR", "OTH"),
    ("zk-ssh-dups", 53_206, "ShADTadtTtFf", "SF"),
    // The history is in the table of the test.
    ("zk-one-sided", 2745, "^haf", "SHR"),
    // The states of the ends, 5 and 6, mean RSTR.
    ("zk-fin-retransmit", 0, "SFhr", "RSTR"),
];

/// A test of Zeek that has VLANs not tell connections apart.
const VLANS_ARE_ONE: &str = "scripts/policy/frameworks/conn_key/vlan_fivetuple.zeek";

/// Takes records.
#[derive(Default)]
struct Log(Vec<ConnRecord>);

impl Handler for Log {
    fn filter(&mut self, _: TenantId, _: &EventCall, _: &mut Box<View>) -> Result<bool, Faulted> {
        Ok(false)
    }

    fn callback(&mut self, _: TenantId, _: &EventCall, _: &mut Box<View>) -> Result<u32, Faulted> {
        Ok(0)
    }

    fn conn_record(&mut self, record: &ConnRecord) {
        self.0.push(*record);
    }
}

/// The records of a capture, without any tenant.
fn records(path: &Path, checksums: Checksums, networks: Networks) -> Vec<ConnRecord> {
    let config = Config { records: Records::Each, checksums, networks, ..Config::default() };
    let mut engine = Engine::new(config);
    let mut log = Log::default();
    let mut reader = CaptureReader::open(path).unwrap();
    let mut burst = Burst::new();
    while reader.receive(&mut burst).unwrap() == Received::Packets {
        let frame = |packet: sluice_pktio::Packet<'_>| Frame {
            time: Nanos(packet.time_ns),
            bytes: packet.bytes.to_vec(),
            wire_len: packet.wire_len,
            link: LinkType::from_pcap(packet.link),
        };
        let frames = Frames(burst.packets().map(frame).collect());
        let _ = engine.receive(Box::new(frames), &mut log);
    }
    engine.finish(&mut log);
    balance(&engine).unwrap();
    assert_eq!(engine.counters().flows, log.0.len() as u64, "one record for each connection");
    assert_eq!(engine.counters().records, log.0.len() as u64);
    log.0
}

/// A record as Zeek would write it.
fn fields(record: &ConnRecord) -> Fields {
    let [client, server] = &record.sides;
    let is_timed = record.duration >= 1000;
    let timed = |text: String| if is_timed { text } else { "-".to_owned() };
    let bytes = |side: &SideRecord| timed(side.observables.stream_bytes.to_string());
    let missed: u64 = record.sides.iter().map(|side| side.observables.missed_bytes).sum();
    BTreeMap::from([
        ("duration", timed(format!("{:.6}", record.duration as f64 / 1e9))),
        ("orig_bytes", bytes(client)),
        ("resp_bytes", bytes(server)),
        ("conn_state", record.conn_state.name().to_owned()),
        ("missed_bytes", missed.to_string()),
        ("history", record.history.to_string()),
        ("orig_pkts", client.observables.packets.to_string()),
        ("orig_ip_bytes", client.observables.ip_bytes.to_string()),
        ("resp_pkts", server.observables.packets.to_string()),
        ("resp_ip_bytes", server.observables.ip_bytes.to_string()),
    ])
}

/// Ends as conn.log names them: originator and responder.
type Ends = [String; 4];

fn ends(record: &ConnRecord) -> Ends {
    let [client, server] = record.sides.map(|side| side.endpoint);
    [client.address.to_string(), client.port.to_string(), server.address.to_string(), server.port.to_string()]
}

/// The tables of a test that are about connections, by file, as rows of named fields.
fn tables(test: &Value) -> Vec<(String, Vec<BTreeMap<String, String>>)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut tables = Vec::new();
    for (file, rows) in test.as_object().unwrap() {
        let rows = rows.as_array().filter(|_| file.starts_with("conn")).into_iter().flatten();
        let named =
            |row: &Value| row.as_object().map(|row| row.iter().map(|(k, v)| (k.clone(), text(v))).collect());
        tables.push((file.clone(), rows.filter_map(named).collect()));
    }
    for (file, lines) in test["outputs"].as_object().into_iter().flatten() {
        let lines: Vec<String> = lines.as_array().into_iter().flatten().map(text).collect();
        let Some((head, rows)) = lines.split_first().filter(|_| file.starts_with("conn.log")) else {
            continue;
        };
        let row = |line: &String| {
            let values = line.split('\t').map(str::to_owned);
            head.split('\t').map(str::to_owned).zip(values).collect()
        };
        tables.push((file.clone(), rows.iter().map(row).collect()));
    }
    tables.into_iter().filter(|(_, rows): &(_, Vec<_>)| !rows.is_empty()).collect()
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn records_are_those_of_zeek() {
    let Some(folder) = shared("corpus") else { return };
    let (mut report, mut compared, mut used) = (String::new(), 0, Vec::new());
    for capture in json(&folder.join("manifest.json")).as_array().unwrap() {
        let name = capture["name"].as_str().unwrap();
        let capture = folder.join(capture["file"].as_str().unwrap());
        let oracle = json(&folder.join(format!("oracle/{name}.json")));
        for test in oracle["zeek_baseline"].as_array().into_iter().flatten() {
            let id = test["test"].as_str().unwrap();
            let runs = test["runs"].to_string();
            let checksums = if runs.contains(" -C ") { Checksums::Ignore } else { Checksums::Verify };
            for (file, rows) in tables(test) {
                let checksums = if file.contains("worked") { Checksums::Ignore } else { checksums };
                let networks = if id == VLANS_ARE_ONE { Networks::One } else { Networks::Apart };
                let ours = records(&capture, checksums, networks);
                for row in &rows {
                    compared += compare(&ours, row, &rows, &mut |difference| {
                        let port = row.get("id.orig_p").map_or("", String::as_str);
                        let place = EXCEPTIONS.iter().position(|(capture, test, log, orig, _)| {
                            (*capture, *test, *log) == (name, id, &file) && (orig.is_empty() || *orig == port)
                        });
                        match place {
                            Some(place) => used.push(place),
                            None => writeln!(report, "{name} {id} {file} {port}: {difference}").unwrap(),
                        }
                    });
                }
            }
        }
    }
    for (place, exception) in EXCEPTIONS.iter().enumerate() {
        if !used.contains(&place) {
            writeln!(report, "{exception:?} is no exception").unwrap();
        }
    }
    assert!(compared > 0);
    assert!(report.is_empty(), "{compared} compared\n{report}");
}

#[test]
fn histories_are_those_that_zeek_prints() {
    let Some(folder) = shared("corpus") else { return };
    let mut report = String::new();
    for (name, port, history, state) in PRINTED {
        let ours = records(&folder.join(format!("pcaps/{name}.pcap")), Checksums::Ignore, Networks::Apart);
        for record in ours.iter().filter(|record| port == 0 || record.sides[0].endpoint.port == port) {
            let got = (record.history.as_str(), record.conn_state.name());
            if got != (history, state) {
                writeln!(report, "{name}: {got:?}, not {history} {state}; {:?}", record.sides).unwrap();
            }
        }
    }
    assert!(report.is_empty(), "\n{report}");
    // Zeek writes a record of a SYN with a wrong checksum (history C, state OTH); see CHECKSUM.
    let nothing = records(&folder.join("pcaps/zk-syn-bad-cs.pcap"), Checksums::Verify, Networks::Apart);
    assert!(nothing.is_empty(), "{nothing:?}");
}

/// Compares a row with our record of the same connection, and gives 1 if the capture has one.
fn compare(
    ours: &[ConnRecord],
    row: &BTreeMap<String, String>,
    rows: &[BTreeMap<String, String>],
    differ: &mut dyn FnMut(String),
) -> usize {
    let names = ["id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p"];
    if row.get("proto").is_some_and(|proto| proto != "tcp")
        || names.iter().any(|name| !row.contains_key(*name))
    {
        return 0;
    }
    let theirs = names.map(|name| row[name].clone());
    let [a, b, c, d] = theirs.clone();
    let flipped = [c, d, a, b];
    // Rows with the same ends come in the order of their connections.
    let same =
        |other: &&BTreeMap<String, String>| names.iter().all(|name| other.get(*name) == row.get(*name));
    let place = rows.iter().filter(same).position(|other| std::ptr::eq(other, row)).unwrap();
    let found: Vec<&ConnRecord> = ours.iter().filter(|record| ends(record) == theirs).collect();
    let Some(record) = found.get(place) else {
        if ours.iter().any(|record| ends(record) == flipped) {
            differ("the other way round".to_owned());
            return 1;
        }
        if !found.is_empty() {
            differ(format!("{} of them", found.len()));
        }
        return found.len().min(1);
    };
    let got = fields(record);
    for name in FIELDS {
        let Some(wanted) = row.get(name) else { continue };
        let got = &got[name];
        let is_near = |a: &str, b: &str| {
            a.parse::<f64>().ok().zip(b.parse().ok()).is_some_and(|(a, b): (f64, f64)| (a - b).abs() < 1.5e-6)
        };
        if got != wanted && !(name == "duration" && is_near(got, wanted)) {
            differ(format!("{name} {got}, not {wanted}"));
        }
    }
    1
}
