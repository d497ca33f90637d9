//! The 24 strategies that Geneva's authors publish against observers that stand between a client and a server
//! (Kkevsterrr/geneva, `strategies.md`): the server reads its request, and the observer is to read something else, or
//! to believe that the connection is over.
//!
//! The measure is a server that knows which packets reach it. Each strategy runs twice: where all packets reach the
//! server, and where those with a low TTL do not. Only a TTL that is too low and nothing else wrong hides what the
//! server reads, since no packet tells how many routers are behind the tap: until it passes, and with it, all that the
//! tap has seen is the same whether the server takes it or not. Such strategies are named, with what shows them.

mod conversation;
mod crafted;
mod dna;
mod server;

use std::collections::BTreeSet;

use sluice_engine::counters::Counters;
use sluice_engine::flow::EndReason;
use sluice_engine::reassembly::OverlapPolicy;
use sluice_engine::tcp::RefuseReason;
use sluice_engine::{Config, Direction};
use sluice_tests::{Frame, Frames, SeenFlow, TwoVersions, Watcher, balance, cases};
use sluice_wire::ParseError;

use conversation::{Conversation, Plan, conversation};
use dna::Strategy;

/// Conversations for each strategy, policy, and set of options.
const CASES: u32 = 60;

/// Routers behind the tap: more than the TTLs of 8 and 10 that strategies set, and none.
const FAR: u8 = 12;
const NEAR: u8 = 0;

/// The byte of a frame with the TTL.
const TTL: usize = 22;

/// What the observer makes of a strategy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Outcome {
    /// Both streams are read as the hosts read them, a conflict is told where the server got two versions and nowhere
    /// else, and the flow ends as theirs does.
    Seen,
    /// As [`Outcome::Seen`], but for another flow before it: the SYN-ACK that answered nothing, which the server reset.
    SeenAnew,
    /// As [`Outcome::Seen`] where the forged bytes reach the server. Where their TTL is too low they are read instead
    /// of those that follow, and `conflict` shows both.
    ForgedBytes,
    /// As [`Outcome::Seen`] where the RST reaches the server. Where its TTL is too low the flow ends as reset by the
    /// client, and what goes on is refused as `after-end`.
    ForgedReset,
}

use Outcome::{ForgedBytes, ForgedReset, Seen, SeenAnew};

/// A strategy, what becomes of it, and the reasons with which packets are refused where the server is far.
type Row = (&'static str, Outcome, &'static [&'static str]);

const STRATEGIES: [Row; 24] = [
    (
        "[TCP:flags:PA]-duplicate(tamper{TCP:dataofs:replace:10}(tamper{TCP:chksum:corrupt},),)-|",
        Seen,
        &["bad-checksum", "tcp-header-length"],
    ),
    (
        "[TCP:flags:PA]-duplicate(tamper{TCP:dataofs:replace:10}(tamper{IP:ttl:replace:10},),)-|",
        ForgedBytes,
        &["tcp-header-length"],
    ),
    (
        "[TCP:flags:PA]-duplicate(tamper{TCP:dataofs:replace:10}(tamper{TCP:ack:corrupt},),)-|",
        Seen,
        &["ack-future", "ack-old", "tcp-header-length"],
    ),
    (
        "[TCP:flags:PA]-duplicate(tamper{TCP:options-wscale:corrupt}(tamper{TCP:dataofs:replace:8},),)-|",
        Seen,
        &["out-of-window", "tcp-header-length"],
    ),
    (
        "[TCP:flags:PA]-duplicate(tamper{TCP:load:corrupt}(tamper{TCP:chksum:corrupt},),)-|",
        Seen,
        &["bad-checksum"],
    ),
    (
        "[TCP:flags:PA]-duplicate(tamper{TCP:load:corrupt}(tamper{IP:ttl:replace:8},),)-|",
        ForgedBytes,
        &["out-of-window"],
    ),
    (
        "[TCP:flags:PA]-duplicate(tamper{TCP:load:corrupt}(tamper{TCP:ack:corrupt},),)-|",
        Seen,
        &["ack-future", "ack-old"],
    ),
    ("[TCP:flags:S]-duplicate(,tamper{TCP:load:corrupt})-|", Seen, &[]),
    ("[TCP:flags:PA]-duplicate(tamper{IP:len:replace:64},)-|", Seen, &["bad-checksum", "ip-total-length"]),
    (
        "[TCP:flags:A]-duplicate(,tamper{TCP:flags:replace:R}(tamper{TCP:chksum:corrupt},))-|",
        Seen,
        &["bad-checksum"],
    ),
    ("[TCP:flags:A]-duplicate(,tamper{TCP:flags:replace:R}(tamper{IP:ttl:replace:10},))-|", ForgedReset, &[]),
    (
        "[TCP:flags:A]-duplicate(,tamper{TCP:options-md5header:corrupt}(tamper{TCP:flags:replace:R},))-|",
        Seen,
        &["signed"],
    ),
    (
        "[TCP:flags:A]-duplicate(,tamper{TCP:flags:replace:RA}(tamper{TCP:chksum:corrupt},))-|",
        Seen,
        &["bad-checksum"],
    ),
    (
        "[TCP:flags:A]-duplicate(,tamper{TCP:flags:replace:RA}(tamper{IP:ttl:replace:10},))-|",
        ForgedReset,
        &[],
    ),
    (
        "[TCP:flags:A]-duplicate(,tamper{TCP:options-md5header:corrupt}(tamper{TCP:flags:replace:R},))-|",
        Seen,
        &["signed"],
    ),
    (
        "[TCP:flags:A]-duplicate(,tamper{TCP:flags:replace:FRAPUEN}(tamper{TCP:chksum:corrupt},))-|",
        Seen,
        &["bad-checksum"],
    ),
    (
        "[TCP:flags:A]-duplicate(,tamper{TCP:flags:replace:FREACN}(tamper{IP:ttl:replace:10},))-|",
        ForgedReset,
        &[],
    ),
    (
        "[TCP:flags:A]-duplicate(,tamper{TCP:flags:replace:FRAPUN}(tamper{TCP:options-md5header:corrupt},))-|",
        Seen,
        &["signed"],
    ),
    (
        "[TCP:flags:PA]-fragment{tcp:8:False}-| [TCP:flags:A]-tamper{TCP:seq:corrupt}-|",
        Seen,
        &["out-of-window"],
    ),
    ("[TCP:flags:PA]-fragment{tcp:8:True}(,fragment{tcp:4:True})-|", Seen, &[]),
    ("[TCP:flags:PA]-fragment{tcp:-1:True}-|", Seen, &[]),
    (
        "[TCP:flags:PA]-duplicate(tamper{TCP:flags:replace:F}(tamper{IP:len:replace:78},),)-|",
        Seen,
        &["bad-checksum", "ip-total-length", "no-ack"],
    ),
    ("[TCP:flags:S]-duplicate(tamper{TCP:flags:replace:SA},)-|", SeenAnew, &["syn-in-connection"]),
    ("[TCP:flags:PA]-tamper{TCP:options-uto:corrupt}-|", Seen, &[]),
];

/// What an engine made of a conversation.
struct Told {
    /// The last flow.
    flow: SeenFlow,
    flows: usize,
    orphans: u64,
    counters: Counters,
}

fn observe(talk: &Conversation, policy: OverlapPolicy) -> Told {
    let config = Config { overlap: [policy; 2], ..Config::default() };
    let (mut engine, mut watcher) = (Watcher::engine(config).unwrap(), Watcher::default());
    for burst in talk.frames.chunks(5) {
        let _ = engine.receive(Box::new(Frames(burst.to_vec())), &mut watcher);
        balance(&engine).unwrap();
    }
    engine.finish(&mut watcher);
    balance(&engine).unwrap();
    assert_eq!(watcher.problems, Vec::<String>::new());
    let (flows, orphans) = (watcher.flows.len(), watcher.orphans);
    let flow =
        watcher.flows.into_values().max_by_key(|flow| flow.trace.last().map(|call| call.time)).unwrap();
    Told { flow, flows, orphans, counters: *engine.counters() }
}

/// The reasons for which packets were refused or did not parse; but for what honest hosts still send after the end.
fn refused(counters: &Counters) -> BTreeSet<&'static str> {
    let reasons = RefuseReason::ALL.into_iter().filter(|reason| *reason != RefuseReason::AfterEnd);
    let reasons = reasons.map(|reason| (counters.packets.refused[reason.index()], reason.name()));
    let errors =
        ParseError::ALL.into_iter().map(|error| (counters.packets.malformed[error.index()], error.name()));
    reasons.chain(errors).filter(|(packets, _)| *packets > 0).map(|(_, name)| name).collect()
}

/// How the hosts' connection ended.
fn end(talk: &Conversation) -> EndReason {
    if talk.server.was_reset {
        EndReason::ResetByClient
    } else if talk.server.has_fin && talk.has_server_fin && talk.server.is_acknowledged() {
        EndReason::Closed
    } else {
        EndReason::EndOfInput
    }
}

/// What differs between what was told and what the hosts know; nothing if all is seen.
fn difference(talk: &Conversation, told: &Told, outcome: Outcome) -> Option<String> {
    let (to_server, to_client) =
        (told.flow.stream(Direction::ToServer), told.flow.stream(Direction::ToClient));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if to_server.bytes != talk.server.read || !to_server.gaps.is_empty() {
        return Some(format!("{:?}, server read {:?}", text(&to_server.bytes), text(&talk.server.read)));
    }
    if to_client.bytes != talk.answers || !to_client.gaps.is_empty() {
        return Some(format!("{} bytes to the client of {}", to_client.bytes.len(), talk.answers.len()));
    }
    if (told.counters.conflicts > 0) != talk.server.was_contradicted {
        return Some(format!("{} conflicts", told.counters.conflicts));
    }
    let is_anew = outcome == SeenAnew;
    let mut ended = [0; 8];
    ended[usize::from(end(talk).number())] += 1;
    ended[usize::from(EndReason::ResetByClient.number())] += u64::from(is_anew);
    let flows = (told.flows, told.counters.partial_flows, told.orphans);
    if flows != (1 + usize::from(is_anew), u64::from(is_anew), 0) || told.counters.ended != ended {
        return Some(format!("flows {flows:?}, ended {:?}, not {ended:?}", told.counters.ended));
    }
    None
}

/// Every conversation of a strategy, at a distance, and what was told of it.
fn each(dna: &str, hops: u8, mut check: impl FnMut(Plan, &Conversation, &Told)) {
    let strategy = Strategy::parse(dna);
    for seed in 0..u64::from(cases(CASES)) {
        for has_options in [false, true] {
            let plan = Plan { seed, has_options, hops };
            let talk = conversation(plan, &strategy);
            for policy in [OverlapPolicy::First, OverlapPolicy::Linux] {
                check(plan, &talk, &observe(&talk, policy));
            }
        }
    }
}

/// Whether each byte that the server read is in the stream, or in a conflict with what is.
fn shows_both_versions(talk: &Conversation, told: &Told) -> bool {
    let to_server = told.flow.stream(Direction::ToServer);
    let is_shown = |(at, byte): (usize, &u8)| {
        let came = |versions: &TwoVersions| {
            let from = usize::try_from(versions.offset).unwrap();
            at.checked_sub(from).and_then(|index| versions.came.get(index)) == Some(byte)
        };
        to_server.bytes.get(at) == Some(byte) || to_server.conflicts.iter().any(came)
    };
    told.flow.stream(Direction::ToClient).bytes == talk.answers
        && to_server.gaps.is_empty()
        && talk.server.read.iter().enumerate().all(|(at, byte)| is_shown((at, byte)))
}

/// Whether the flow ended as reset by the client, with nothing wrong before, and something came after it.
fn shows_a_reset(talk: &Conversation, told: &Told) -> bool {
    let (to_server, to_client) =
        (told.flow.stream(Direction::ToServer), told.flow.stream(Direction::ToClient));
    told.counters.ended_by(EndReason::ResetByClient) == 1
        && told.counters.packets.refused[RefuseReason::AfterEnd.index()] > 0
        && talk.server.read.starts_with(&to_server.bytes)
        && talk.answers.starts_with(&to_client.bytes)
}

/// What a tap has seen when the first packet passes that does not reach a distant server.
fn known_so_far(talk: &Conversation) -> &[Frame] {
    let hidden = talk.frames.iter().position(|frame| frame.bytes[TTL] <= FAR).unwrap();
    &talk.frames[..=hidden]
}

/// The same where the server is near, and takes that packet.
fn known_until_hidden(plan: Plan, dna: &str) -> Vec<Frame> {
    known_so_far(&conversation(Plan { hops: NEAR, ..plan }, &Strategy::parse(dna))).to_vec()
}

#[test]
fn streams_are_what_a_server_right_behind_the_tap_reads() {
    let mut report = String::new();
    for (dna, outcome, _) in STRATEGIES {
        each(dna, NEAR, |plan, talk, told| {
            if let Some(difference) = difference(talk, told, outcome) {
                report += &format!("{dna} {plan:?}: {difference}\n");
            }
        });
    }
    assert!(report.is_empty(), "\n{report}");
}

#[test]
fn only_a_low_ttl_hides_what_a_distant_server_reads_and_that_shows() {
    let mut report = String::new();
    for (dna, outcome, reasons) in STRATEGIES {
        let (mut seen_reasons, mut hidden) = (BTreeSet::new(), 0);
        each(dna, FAR, |plan, talk, told| {
            seen_reasons.extend(refused(&told.counters));
            let Some(difference) = difference(talk, told, outcome) else { return };
            hidden += 1;
            let shows = match outcome {
                Seen | SeenAnew => false,
                ForgedBytes => shows_both_versions(talk, told),
                ForgedReset => shows_a_reset(talk, told),
            };
            assert_eq!(known_until_hidden(plan, dna), known_so_far(talk), "{dna} {plan:?}");
            if !shows {
                report += &format!("{dna} {plan:?}: {difference}\n");
            }
        });
        if matches!(outcome, ForgedBytes | ForgedReset) && hidden == 0 {
            report += &format!("{dna}: no excuse is needed\n");
        }
        if seen_reasons != reasons.iter().copied().collect() {
            report += &format!("{dna}: refused {seen_reasons:?}\n");
        }
    }
    assert!(report.is_empty(), "\n{report}");
}
