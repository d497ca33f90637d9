//! Pairs the requests of one connection with their responses.

use core::ops::AddAssign;
use std::collections::VecDeque;

use crate::framer::{Framer, Happened};
use crate::head::{Framing, Request, Response};

/// Requests without a response that one connection may have: more are lost sight of. Clients that pipeline at all stop
/// at a few.
const PENDING_MAX: usize = 256;

/// Methods whose requests are recognised: those of RFC 9110, PATCH (RFC 5789), WebDAV (RFC 4918).
const METHODS: [&[u8]; 16] = [
    b"GET ",
    b"POST ",
    b"HEAD ",
    b"PUT ",
    b"DELETE ",
    b"OPTIONS ",
    b"CONNECT ",
    b"TRACE ",
    b"PATCH ",
    b"PROPFIND ",
    b"PROPPATCH ",
    b"MKCOL ",
    b"COPY ",
    b"MOVE ",
    b"LOCK ",
    b"UNLOCK ",
];

/// A request with the response that it got.
#[derive(Debug)]
pub(crate) struct Transaction {
    pub(crate) request: Request,
    /// `None` if the connection ended first.
    pub(crate) response: Option<Answer>,
}

/// A response as far as it is logged.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    /// Bytes of the body.
    pub(crate) length: u64,
}

/// One connection that speaks HTTP/1.
#[derive(Debug, Default)]
pub(crate) struct Connection {
    requests: Framer,
    responses: Framer,
    pending: VecDeque<Request>,
    /// The response whose body is under way.
    current: Option<Response>,
    tunnel: bool,
    pub(crate) done: Vec<Transaction>,
    pub(crate) counts: Counts,
}

/// What was seen of one or of all connections.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    pub(crate) responses: u64,
    /// Messages of which not enough was seen to say what they were, or what they belong to.
    pub(crate) unknown: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.responses += other.responses;
        self.unknown += other.unknown;
    }
}

/// Whether these bytes begin a request, as far as they go.
pub(crate) fn looks_like_request(bytes: &[u8]) -> bool {
    let bytes = bytes.trim_ascii_start();
    METHODS.iter().any(|method| agree(bytes, method))
}

/// Whether these bytes begin a response, as far as they go.
pub(crate) fn looks_like_response(bytes: &[u8]) -> bool {
    agree(bytes.trim_ascii_start(), b"HTTP/1.")
}

fn agree(bytes: &[u8], beginning: &[u8]) -> bool {
    bytes.iter().zip(beginning).all(|(byte, wanted)| byte == wanted)
}

impl Connection {
    /// Whether what the client sends next may begin a request.
    pub(crate) fn expects_request(&self) -> bool {
        self.requests.at_boundary() || self.requests.is_lost()
    }

    /// Whether the rest of the connection is some other protocol.
    pub(crate) fn is_tunnel(&self) -> bool {
        self.tunnel
    }

    /// Bytes of memory that the peers made it hold.
    pub(crate) fn held_bytes(&self) -> usize {
        let pending: usize = self.pending.iter().map(Request::held_bytes).sum();
        self.requests.head().len() + self.responses.head().len() + pending
    }

    /// Bytes that the client sent.
    pub(crate) fn client_sent(&mut self, mut bytes: &[u8]) {
        if self.requests.is_lost() && looks_like_request(bytes) {
            self.requests.resume();
        }
        while !self.tunnel {
            match self.requests.take(&mut bytes) {
                Happened::Nothing => break,
                Happened::End => {}
                Happened::Lost => self.lose_request(),
                Happened::Head => match Request::parse(self.requests.head()) {
                    Ok(request) if self.pending.len() < PENDING_MAX => {
                        self.requests.begin_body(request.framing);
                        self.counts.requests += 1;
                        self.pending.push_back(request);
                    }
                    Ok(_) | Err(_) => self.lose_request(),
                },
            }
        }
    }

    /// Bytes that the server sent.
    pub(crate) fn server_sent(&mut self, mut bytes: &[u8]) {
        if self.responses.is_lost() && looks_like_response(bytes) {
            self.responses.resume();
            // Responses may have gone by unseen. Without pipelining this one belongs to the last request.
            while self.pending.len() > 1 {
                self.pending.pop_front();
                self.counts.unknown += 1;
            }
        }
        while !self.tunnel {
            match self.responses.take(&mut bytes) {
                Happened::Nothing => break,
                Happened::End => self.finish_response(),
                Happened::Lost => self.lose_response(),
                Happened::Head => match Response::parse(self.responses.head()) {
                    Ok(response) => self.begin_response(response),
                    Err(_) => self.lose_response(),
                },
            }
        }
    }

    /// Bytes of the client that are missing for good.
    pub(crate) fn gap_from_client(&mut self, length: u64) {
        if self.requests.skip(length) == Happened::Lost {
            self.lose_request();
        }
    }

    /// Bytes of the server that are missing for good.
    pub(crate) fn gap_from_server(&mut self, length: u64) {
        match self.responses.skip(length) {
            Happened::Lost => self.lose_response(),
            Happened::End => self.finish_response(),
            Happened::Nothing | Happened::Head => {}
        }
    }

    /// The connection is over: so are a body that lasts as long, and requests that wait for a response.
    pub(crate) fn end(&mut self) {
        if self.tunnel {
            return;
        }
        // A body that lasts until the end is complete; one that was cut off is logged with the bytes that came.
        self.finish_response();
        for framer in [&self.requests, &self.responses] {
            self.counts.unknown += u64::from(framer.is_in_head());
        }
        let unanswered = self.pending.drain(..).map(|request| Transaction { request, response: None });
        self.done.extend(unanswered);
    }

    fn begin_response(&mut self, response: Response) {
        let method = self.pending.front().map(|request| request.method.as_str());
        let framing = match (method, response.status) {
            (_, 101) | (Some("CONNECT"), 200..=299) => {
                self.current = Some(response);
                self.responses.begin_body(Framing::Length(0));
                self.finish_response();
                self.tunnel = true;
                return;
            }
            (Some("HEAD"), _) | (_, 100..=199 | 204 | 304) => Framing::Length(0),
            _ => response.framing,
        };
        self.current = Some(response);
        self.responses.begin_body(framing);
    }

    fn finish_response(&mut self) {
        let Some(Response { status, content_type, .. }) = self.current.take() else { return };
        // The final response is yet to come.
        if matches!(status, 100 | 102..=199) {
            return;
        }
        self.counts.responses += 1;
        match self.pending.pop_front() {
            Some(request) => {
                let length = self.responses.body_bytes();
                let response = Some(Answer { status, content_type, length });
                self.done.push(Transaction { request, response });
            }
            None => self.counts.unknown += 1,
        }
    }

    fn lose_request(&mut self) {
        self.requests.lose();
        self.counts.unknown += 1;
    }

    fn lose_response(&mut self) {
        self.responses.lose();
        self.current = None;
        self.pending.pop_front();
        self.counts.unknown += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(connection: &mut Connection) -> Vec<String> {
        connection
            .done
            .drain(..)
            .map(|Transaction { request, response }| match response {
                Some(Answer { status, length, .. }) => {
                    format!("{} {} {status} {length}", request.method, request.url)
                }
                None => format!("{} {} - -", request.method, request.url),
            })
            .collect()
    }

    fn request(method: &str, path: &str) -> String {
        format!("{method} {path} HTTP/1.1\r\nHost: h\r\n\r\n")
    }

    fn ok(body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    }

    #[test]
    fn pipelined_requests_meet_their_responses_in_pieces_of_any_size() {
        let requests = [request("GET", "/a"), request("HEAD", "/b"), request("GET", "/c")].concat();
        let head_answer = "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n";
        let continues = "HTTP/1.1 100 Continue\r\n\r\n";
        let responses = [&ok("12345"), head_answer, continues, &ok("")].concat();
        for size in 1..requests.len() {
            let mut connection = Connection::default();
            requests.as_bytes().chunks(size).for_each(|piece| connection.client_sent(piece));
            responses.as_bytes().chunks(size).for_each(|piece| connection.server_sent(piece));
            assert_eq!(log(&mut connection), ["GET /a 200 5", "HEAD /b 200 0", "GET /c 200 0"], "{size}");
            assert_eq!(connection.counts, Counts { requests: 3, responses: 3, unknown: 0 });
        }
    }

    #[test]
    fn a_posted_body_is_no_request() {
        let mut connection = Connection::default();
        connection.client_sent(b"POST /a HTTP/1.1\r\nContent-Length: 18\r\n\r\nGET /x HTTP/1.1\r\n\r");
        connection.client_sent(request("GET", "/b").as_bytes());
        assert_eq!(connection.counts.requests, 2);
        connection.server_sent(
            b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n",
        );
        assert_eq!(log(&mut connection), ["POST /a 204 0", "GET /b 304 0"]);
    }

    #[test]
    fn a_body_may_last_as_long_as_the_connection() {
        let mut connection = Connection::default();
        connection.client_sent(request("GET", "/a").as_bytes());
        connection.server_sent(b"HTTP/1.0 200 OK\r\n\r\nabc");
        connection.gap_from_server(10);
        connection.server_sent(b"def");
        assert!(log(&mut connection).is_empty());
        connection.end();
        assert_eq!(log(&mut connection), ["GET /a 200 16"]);
    }

    #[test]
    fn a_gap_in_a_body_of_known_length_is_bridged() {
        let mut connection = Connection::default();
        connection.client_sent([request("GET", "/a"), request("GET", "/b")].concat().as_bytes());
        connection.server_sent(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n12345");
        connection.gap_from_server(95);
        connection.server_sent(ok("xyz").as_bytes());
        assert_eq!(log(&mut connection), ["GET /a 200 100", "GET /b 200 3"]);
        assert_eq!(connection.counts.unknown, 0);
    }

    #[test]
    fn a_gap_in_a_response_head_makes_one_transaction_unknown() {
        let mut connection = Connection::default();
        connection.client_sent(request("GET", "/a").as_bytes());
        connection.server_sent(b"HTTP/1.1 200 OK\r\nContent-Le");
        connection.gap_from_server(20);
        connection.server_sent(b"rest of a body");
        connection.client_sent(request("GET", "/b").as_bytes());
        connection.server_sent(ok("xyz").as_bytes());
        assert_eq!(log(&mut connection), ["GET /b 200 3"]);
        assert_eq!(connection.counts, Counts { requests: 2, responses: 1, unknown: 1 });
    }

    #[test]
    fn the_response_to_a_request_lost_in_a_gap_is_no_transaction() {
        let mut connection = Connection::default();
        connection.gap_from_client(30);
        connection.server_sent(ok("1").as_bytes());
        connection.client_sent(request("GET", "/b").as_bytes());
        connection.server_sent(ok("22").as_bytes());
        assert_eq!(log(&mut connection), ["GET /b 200 2"]);
        assert_eq!(connection.counts, Counts { requests: 1, responses: 2, unknown: 2 });
    }

    #[test]
    fn behind_an_upgrade_or_a_tunnel_nothing_is_http() {
        for (method, answer) in [("CONNECT", "200 OK"), ("GET", "101 Switching Protocols")] {
            let mut connection = Connection::default();
            connection.client_sent(request(method, "/a").as_bytes());
            connection.server_sent(format!("HTTP/1.1 {answer}\r\n\r\nGET").as_bytes());
            connection.client_sent(request("GET", "/inner").as_bytes());
            assert!(connection.is_tunnel());
            connection.end();
            assert_eq!(log(&mut connection).len(), 1);
            assert_eq!(connection.counts, Counts { requests: 1, responses: 1, unknown: 0 });
        }
    }

    #[test]
    fn requests_without_an_answer_are_told_at_the_end() {
        let mut connection = Connection::default();
        connection.client_sent(request("GET", "/a").as_bytes());
        connection.end();
        assert_eq!(log(&mut connection), ["GET /a - -"]);
    }

    #[test]
    fn pending_requests_are_bounded() {
        let mut connection = Connection::default();
        connection.client_sent(request("GET", "/").repeat(PENDING_MAX + 10).as_bytes());
        assert_eq!(connection.pending.len(), PENDING_MAX);
        assert_eq!(connection.counts.unknown, 1);
    }

    #[test]
    fn beginnings_are_recognised_as_far_as_they_go() {
        assert!(looks_like_request(b"G") && looks_like_request(b"GET /") && looks_like_request(b"\r\nPO"));
        assert!(
            !looks_like_request(b"GETX")
                && !looks_like_request(b"\x16\x03\x01")
                && !looks_like_request(b"SSH-")
        );
        assert!(
            looks_like_response(b"HTTP/1.1 200")
                && !looks_like_response(b"HTTP/2")
                && !looks_like_response(b"220 ")
        );
    }
}
