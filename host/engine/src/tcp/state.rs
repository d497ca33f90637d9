//! The eleven TCP states of one end host, and what moves it from one to another.
//!
//! One total function, every pair written out: a state or an input added later does not compile until it is decided.
//! The table in the tests is the same function a second time, for the eye.

/// State of the TCP stack emulated for one end host (RFC 9293 section 3.3.2).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[repr(u8)]
pub enum TcpState {
    /// No connection.
    #[default]
    Closed = 0,
    /// Waits for a SYN: what a server does before it answers.
    Listen = 1,
    /// Has sent a SYN.
    SynSent = 2,
    /// Has received a SYN and sent its own with an ACK.
    SynReceived = 3,
    /// Data may flow both ways.
    Established = 4,
    /// Has sent a FIN.
    FinWait1 = 5,
    /// Its FIN was acknowledged; the peer may go on sending.
    FinWait2 = 6,
    /// Has received a FIN and not sent its own.
    CloseWait = 7,
    /// Both have sent a FIN, its own is not acknowledged.
    Closing = 8,
    /// Has received a FIN, then sent its own.
    LastAck = 9,
    /// Both are closed; waits for stragglers.
    TimeWait = 10,
}

/// What a segment or a clock means to one stack.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StateInput {
    /// Sends a SYN without ACK.
    SendSyn,
    /// Sends a SYN with an ACK.
    SendSynAck,
    /// Sends a segment with ACK and without SYN, FIN or RST.
    SendAck,
    /// Sends a FIN.
    SendFin,
    /// Sends an RST.
    SendRst,
    /// Receives a SYN without ACK.
    ReceiveSyn,
    /// Receives a SYN with an ACK of its own SYN.
    ReceiveSynAck,
    /// Receives an ACK of its SYN.
    ReceiveAckOfSyn,
    /// Receives the peer's FIN with nothing missing before it.
    ReceiveFin,
    /// Receives an ACK of its FIN.
    ReceiveAckOfFin,
    /// Receives an RST that it honours.
    ReceiveRst,
    /// Was silent for too long, or waited 2 MSL in TIME-WAIT.
    Timeout,
}

impl TcpState {
    /// All states in the order of their numbers.
    pub const ALL: [Self; 11] = [
        Self::Closed,
        Self::Listen,
        Self::SynSent,
        Self::SynReceived,
        Self::Established,
        Self::FinWait1,
        Self::FinWait2,
        Self::CloseWait,
        Self::Closing,
        Self::LastAck,
        Self::TimeWait,
    ];

    /// The state after `input`; `None` if the input changes nothing.
    ///
    /// The observer sees only the wire. Where a host must have moved although the segment that moved it was missed, the
    /// next one that proves it does: a client that acknowledges in SYN-SENT has received the SYN-ACK.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "every pair is written out in one place")]
    pub const fn after(self, input: StateInput) -> Option<Self> {
        use StateInput as I;
        use TcpState as S;
        match (self, input) {
            // A listening host that sends a SYN of its own opens actively (simultaneous open, split handshake).
            (S::Closed | S::Listen, I::SendSyn) => Some(S::SynSent),
            (S::Closed | S::Listen | S::SynSent, I::SendSynAck) => Some(S::SynReceived),
            // Its ACK proves that the SYN-ACK, which the observer missed, reached it.
            (S::SynSent, I::SendAck) => Some(S::Established),
            (S::SynSent | S::SynReceived | S::Established, I::SendFin) => Some(S::FinWait1),
            (S::CloseWait, I::SendFin) => Some(S::LastAck),
            // Simultaneous open. A listener's move becomes visible, and happens here, when it answers.
            (S::SynSent, I::ReceiveSyn) => Some(S::SynReceived),
            (S::SynSent | S::SynReceived, I::ReceiveSynAck) => Some(S::Established),
            // From LISTEN: its SYN-ACK was missed, but the peer acknowledges it.
            (S::Listen | S::SynSent | S::SynReceived, I::ReceiveAckOfSyn) => Some(S::Established),
            (S::SynReceived | S::Established, I::ReceiveFin) => Some(S::CloseWait),
            (S::FinWait1, I::ReceiveFin) => Some(S::Closing),
            (S::FinWait2, I::ReceiveFin) => Some(S::TimeWait),
            (S::FinWait1, I::ReceiveAckOfFin) => Some(S::FinWait2),
            (S::Closing, I::ReceiveAckOfFin) => Some(S::TimeWait),
            (S::LastAck, I::ReceiveAckOfFin) => Some(S::Closed),
            (
                S::Listen
                | S::SynSent
                | S::SynReceived
                | S::Established
                | S::FinWait1
                | S::FinWait2
                | S::CloseWait
                | S::Closing
                | S::LastAck
                | S::TimeWait,
                I::SendRst | I::ReceiveRst | I::Timeout,
            ) => Some(S::Closed),

            (S::Closed, I::SendRst | I::ReceiveRst | I::Timeout) => None,
            // A repeated SYN or SYN-ACK, or one that the peer would not honour.
            (
                S::SynSent
                | S::SynReceived
                | S::Established
                | S::FinWait1
                | S::FinWait2
                | S::CloseWait
                | S::Closing
                | S::LastAck
                | S::TimeWait,
                I::SendSyn,
            )
            | (
                S::SynReceived
                | S::Established
                | S::FinWait1
                | S::FinWait2
                | S::CloseWait
                | S::Closing
                | S::LastAck
                | S::TimeWait,
                I::SendSynAck,
            )
            // Plain traffic. A listener's bare ACK proves nothing (the second packet of a split handshake).
            | (
                S::Closed
                | S::Listen
                | S::SynReceived
                | S::Established
                | S::FinWait1
                | S::FinWait2
                | S::CloseWait
                | S::Closing
                | S::LastAck
                | S::TimeWait,
                I::SendAck,
            )
            // A FIN sent again, or by a host that has nothing open.
            | (
                S::Closed | S::Listen | S::FinWait1 | S::FinWait2 | S::Closing | S::LastAck | S::TimeWait,
                I::SendFin,
            )
            | (
                S::Closed
                | S::Listen
                | S::SynReceived
                | S::Established
                | S::FinWait1
                | S::FinWait2
                | S::CloseWait
                | S::Closing
                | S::LastAck
                | S::TimeWait,
                I::ReceiveSyn,
            )
            | (
                S::Closed
                | S::Listen
                | S::Established
                | S::FinWait1
                | S::FinWait2
                | S::CloseWait
                | S::Closing
                | S::LastAck
                | S::TimeWait,
                I::ReceiveSynAck,
            )
            | (
                S::Closed
                | S::Established
                | S::FinWait1
                | S::FinWait2
                | S::CloseWait
                | S::Closing
                | S::LastAck
                | S::TimeWait,
                I::ReceiveAckOfSyn,
            )
            | (
                S::Closed | S::Listen | S::SynSent | S::CloseWait | S::Closing | S::LastAck | S::TimeWait,
                I::ReceiveFin,
            )
            | (
                S::Closed
                | S::Listen
                | S::SynSent
                | S::SynReceived
                | S::Established
                | S::FinWait2
                | S::CloseWait
                | S::TimeWait,
                I::ReceiveAckOfFin,
            ) => None,
        }
    }

    /// Whether both ends agree on sequence numbers: everything from ESTABLISHED on.
    #[must_use]
    pub const fn is_synchronized(self) -> bool {
        match self {
            Self::Closed | Self::Listen | Self::SynSent | Self::SynReceived => false,
            Self::Established
            | Self::FinWait1
            | Self::FinWait2
            | Self::CloseWait
            | Self::Closing
            | Self::LastAck
            | Self::TimeWait => true,
        }
    }

    /// Whether the host is done: nothing it sends or receives matters to the application any more.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Closed | Self::TimeWait)
    }

    /// The number as guests see it.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The name in traces and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Listen => "listen",
            Self::SynSent => "syn-sent",
            Self::SynReceived => "syn-rcvd",
            Self::Established => "established",
            Self::FinWait1 => "fin-wait-1",
            Self::FinWait2 => "fin-wait-2",
            Self::CloseWait => "close-wait",
            Self::Closing => "closing",
            Self::LastAck => "last-ack",
            Self::TimeWait => "time-wait",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::StateInput as I;
    use super::TcpState as S;

    /// Every pair of state and input: the state that follows, or `-` where nothing changes.
    #[test]
    fn every_pair_is_as_the_table_says() {
        let inputs = [
            I::SendSyn,
            I::SendSynAck,
            I::SendAck,
            I::SendFin,
            I::SendRst,
            I::ReceiveSyn,
            I::ReceiveSynAck,
            I::ReceiveAckOfSyn,
            I::ReceiveFin,
            I::ReceiveAckOfFin,
            I::ReceiveRst,
            I::Timeout,
        ];
        let no = None;
        let (cl, li, ss, sr, es) =
            (Some(S::Closed), Some(S::Listen), Some(S::SynSent), Some(S::SynReceived), Some(S::Established));
        let (f1, f2, cw, cg, la, tw) = (
            Some(S::FinWait1),
            Some(S::FinWait2),
            Some(S::CloseWait),
            Some(S::Closing),
            Some(S::LastAck),
            Some(S::TimeWait),
        );
        assert_eq!(
            li.map(S::name),
            Some("listen"),
            "no input leads to LISTEN: it is where a server is found"
        );
        #[rustfmt::skip]
        let table = [
            //                 sends                        receives
            //                 SYN SYNACK ACK FIN RST       SYN SYNACK ack-SYN FIN ack-FIN RST   timeout
            (S::Closed,      [ss, sr,    no, no, no,       no, no,    no,     no, no,     no,   no]),
            (S::Listen,      [ss, sr,    no, no, cl,       no, no,    es,     no, no,     cl,   cl]),
            (S::SynSent,     [no, sr,    es, f1, cl,       sr, es,    es,     no, no,     cl,   cl]),
            (S::SynReceived, [no, no,    no, f1, cl,       no, es,    es,     cw, no,     cl,   cl]),
            (S::Established, [no, no,    no, f1, cl,       no, no,    no,     cw, no,     cl,   cl]),
            (S::FinWait1,    [no, no,    no, no, cl,       no, no,    no,     cg, f2,     cl,   cl]),
            (S::FinWait2,    [no, no,    no, no, cl,       no, no,    no,     tw, no,     cl,   cl]),
            (S::CloseWait,   [no, no,    no, la, cl,       no, no,    no,     no, no,     cl,   cl]),
            (S::Closing,     [no, no,    no, no, cl,       no, no,    no,     no, tw,     cl,   cl]),
            (S::LastAck,     [no, no,    no, no, cl,       no, no,    no,     no, cl,     cl,   cl]),
            (S::TimeWait,    [no, no,    no, no, cl,       no, no,    no,     no, no,     cl,   cl]),
        ];
        for (state, row) in table {
            for (input, expected) in inputs.into_iter().zip(row) {
                assert_eq!(state.after(input), expected, "{state:?} {input:?}");
            }
        }
        assert_eq!(table.map(|(state, _)| state), S::ALL);
    }
}
