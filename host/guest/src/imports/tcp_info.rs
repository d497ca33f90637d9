//! `tcp-info` of the interface `flow`.

use sluice_engine::{Refusal, Side};
use wasmtime::component::{ComponentType, Lower};

use crate::host::Host;

/// `side-tcp-info` of the WIT.
#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(crate) struct TcpInfoRecord {
    state: u32,
    options: u32,
    #[component(name = "snd-wscale")]
    snd_wscale: u8,
    #[component(name = "rcv-wscale")]
    rcv_wscale: u8,
    rto: u64,
    #[component(name = "snd-mss")]
    snd_mss: u32,
    #[component(name = "rcv-mss")]
    rcv_mss: u32,
    advmss: u32,
    unacked: u32,
    #[component(name = "unacked-bytes")]
    unacked_bytes: u64,
    sacked: u32,
    #[component(name = "sacked-bytes")]
    sacked_bytes: u32,
    retrans: u32,
    #[component(name = "total-retrans")]
    total_retrans: u32,
    #[component(name = "bytes-retrans")]
    bytes_retrans: u64,
    #[component(name = "dsack-dups")]
    dsack_dups: u32,
    #[component(name = "rcv-ooopack")]
    rcv_ooopack: u32,
    #[component(name = "last-data-sent")]
    last_data_sent: Option<u64>,
    #[component(name = "last-ack-sent")]
    last_ack_sent: Option<u64>,
    #[component(name = "last-data-recv")]
    last_data_recv: Option<u64>,
    #[component(name = "last-ack-recv")]
    last_ack_recv: Option<u64>,
    #[component(name = "largest-sent")]
    largest_sent: u32,
    rtt: u64,
    rttvar: u64,
    #[component(name = "min-rtt")]
    min_rtt: u64,
    #[component(name = "snd-wnd")]
    snd_wnd: u32,
    #[component(name = "rcv-wnd")]
    rcv_wnd: u32,
    #[component(name = "bytes-acked")]
    bytes_acked: u64,
    #[component(name = "bytes-received")]
    bytes_received: u64,
    #[component(name = "bytes-sent")]
    bytes_sent: u64,
    #[component(name = "segs-out")]
    segs_out: u64,
    #[component(name = "segs-in")]
    segs_in: u64,
    #[component(name = "data-segs-out")]
    data_segs_out: u64,
    #[component(name = "data-segs-in")]
    data_segs_in: u64,
    delivered: u64,
}

/// What a side of the current flow knows.
pub(super) fn tcp_info(host: &Host, side: Side) -> Result<TcpInfoRecord, Refusal> {
    let info = host.view.tcp_info(side)?;
    let (known, counts) = (info.knowledge, info.knowledge.counts);
    Ok(TcpInfoRecord {
        state: u32::from(info.state.number()),
        options: info.options,
        snd_wscale: info.send_window_scale,
        rcv_wscale: info.receive_window_scale,
        rto: info.rto,
        snd_mss: info.send_mss,
        rcv_mss: info.receive_mss,
        advmss: info.advertised_mss,
        unacked: known.unacknowledged,
        unacked_bytes: known.unacknowledged_bytes,
        sacked: known.sacked,
        sacked_bytes: known.sacked_bytes,
        retrans: known.retransmitted,
        total_retrans: counts.retransmissions,
        bytes_retrans: counts.bytes_retransmitted,
        dsack_dups: counts.duplicate_reports,
        rcv_ooopack: counts.out_of_order_in,
        last_data_sent: info.last_data_sent,
        last_ack_sent: info.last_ack_sent,
        last_data_recv: info.last_data_received,
        last_ack_recv: info.last_ack_received,
        largest_sent: counts.datagram_max,
        rtt: info.rtt,
        rttvar: info.rtt_variation,
        min_rtt: info.rtt_min,
        snd_wnd: known.window_heard,
        rcv_wnd: info.receive_window,
        bytes_acked: known.bytes_acknowledged,
        bytes_received: known.bytes_received,
        bytes_sent: counts.bytes_sent,
        segs_out: known.segments_out,
        segs_in: counts.segments_in,
        data_segs_out: counts.data_segments_out,
        data_segs_in: counts.data_segments_in,
        delivered: counts.delivered,
    })
}
