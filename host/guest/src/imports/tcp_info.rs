//! `tcp-info` of the interface `flow`.

use sluice_engine::Refusal;

use crate::host::Host;
use crate::world::flow::SideTcpInfo;
use crate::world::types::Side;

/// What a side of the current flow knows.
pub(crate) fn tcp_info(host: &mut Host, side: Side) -> Result<SideTcpInfo, Refusal> {
    let info = host.view.tcp_info(side.into())?;
    let (known, counts) = (info.knowledge, info.knowledge.counts);
    Ok(SideTcpInfo {
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
