//! Logs HTTP/1 transactions: one structured event for each.
//!
//! The event `http-request` happens when new data begins a request between two requests; it is also what takes up a
//! flow. A flow that begins otherwise is not looked at any more.

mod connection;
mod flows;
mod framer;
mod head;

use core::mem;

use connection::{Answer, Counts, Transaction, looks_like_request, looks_like_response};
use flows::Flows;
use sluice::json::Object;
use sluice::prelude::*;

/// Bytes that tell how a message begins: the longest method and line ends before it.
const BEGINNING_BYTES: u32 = 16;

#[derive(Default)]
struct HttpLog {
    flows: Flows,
    counts: Counts,
    not_http: u64,
    buffer: Vec<u8>,
}

sluice::export!(HttpLog);

impl Middlebox for HttpLog {
    fn start(setup: &Setup<Self>, configuration: &Configuration) -> Result<Self, String> {
        configuration.allow_only(&["filter"])?;
        let flows = setup.monitor(configuration.get("filter").unwrap_or_default(), Level::Full)?;
        let request = setup.define("http-request", NewData, Self::begins_request)?;
        let data = setup.define("http-data", NewData, Self::continues)?;
        flows.on(request, Self::on_request)?;
        flows.on(data, Self::on_data)?;
        flows.on(Gap, Self::on_gap)?;
        flows.on(ConnEnd, Self::on_end)?;
        Ok(Self::default())
    }

    fn stop(&mut self) {
        let Counts { requests, responses, unknown } = self.counts;
        report!(
            "{requests} requests, {responses} responses, {unknown} unknown, {} flows not HTTP\n",
            self.not_http
        );
    }
}

/// Filters.
impl HttpLog {
    fn begins_request(&self, event: &Event) -> Result<bool, Error> {
        if event.direction() == Direction::ToClient {
            return Ok(false);
        }
        if self.flows.get(event.user_context()).is_some_and(|flow| !flow.expects_request()) {
            return Ok(false);
        }
        let mut buffer = Vec::new();
        let bytes = beginning(event, &mut buffer)?;
        Ok(!bytes.is_empty() && looks_like_request(bytes))
    }

    /// New data of flows that are followed, and of flows that are not HTTP.
    ///
    /// A response that was captured before its request is left unread until the request comes.
    fn continues(&self, event: &Event) -> Result<bool, Error> {
        if self.flows.get(event.user_context()).is_some() {
            return Ok(true);
        }
        let mut buffer = Vec::new();
        let bytes = beginning(event, &mut buffer)?;
        Ok(match event.direction() {
            Direction::ToServer => !looks_like_request(bytes),
            Direction::ToClient => !looks_like_response(bytes),
        })
    }
}

/// Handlers.
impl HttpLog {
    fn on_request(&mut self, event: &Event) -> Result<(), Error> {
        if self.flows.get(event.user_context()).is_some() {
            return self.read(event, Direction::ToServer, event.user_context());
        }
        let context = self.flows.add();
        event.flow().set_user_context(context)?;
        self.read(event, Direction::ToServer, context)?;
        self.read(event, Direction::ToClient, context)
    }

    fn on_data(&mut self, event: &Event) -> Result<(), Error> {
        if self.flows.get(event.user_context()).is_some() {
            return self.read(event, event.direction(), event.user_context());
        }
        // In mid-stream the first bytes may be the middle of anything, and a request may follow.
        if event.partial() {
            return event.peek(&mut self.buffer).map(|_| ());
        }
        self.not_http += 1;
        event.flow().stop_monitoring(Sides::Both)
    }

    fn on_gap(&mut self, event: &Event) -> Result<(), Error> {
        self.skip(event, event.direction(), event.user_context(), event.length().into())
    }

    fn on_end(&mut self, event: &Event) {
        if let Some(mut connection) = self.flows.remove(event.user_context()) {
            connection.end();
            self.publish(connection.done, connection.counts);
        }
    }
}

impl HttpLog {
    /// Reads all that is there.
    fn read(&mut self, event: &Event, direction: Direction, context: u64) -> Result<(), Error> {
        let bytes = match event.flow().peek(direction, &mut self.buffer) {
            Err(Error::Missed { bytes }) => {
                self.skip(event, direction, context, bytes)?;
                event.flow().peek(direction, &mut self.buffer)?
            }
            bytes => bytes?,
        };
        let Some(connection) = self.flows.get_mut(context) else { return Ok(()) };
        match direction {
            Direction::ToServer => connection.client_sent(bytes),
            Direction::ToClient => connection.server_sent(bytes),
        }
        self.settle(event, context)
    }

    /// Takes note of bytes that nobody will see.
    fn skip(&mut self, event: &Event, direction: Direction, context: u64, length: u64) -> Result<(), Error> {
        let Some(connection) = self.flows.get_mut(context) else { return Ok(()) };
        match direction {
            Direction::ToServer => connection.gap_from_client(length),
            Direction::ToClient => connection.gap_from_server(length),
        }
        self.settle(event, context)
    }

    /// Logs what is complete. A flow that has become a tunnel, or for which there is no memory, is not looked at any
    /// more.
    fn settle(&mut self, event: &Event, context: u64) -> Result<(), Error> {
        let Some(connection) = self.flows.get_mut(context) else { return Ok(()) };
        let (done, counts) = (mem::take(&mut connection.done), mem::take(&mut connection.counts));
        let tunnel = connection.is_tunnel();
        self.publish(done, counts);
        let within_limit = self.flows.within_limit(context);
        if tunnel || !within_limit {
            self.counts.unknown += u64::from(!within_limit);
            self.flows.remove(context);
            event.flow().stop_monitoring(Sides::Both)?;
        }
        Ok(())
    }

    fn publish(&mut self, done: Vec<Transaction>, counts: Counts) {
        self.counts += counts;
        for transaction in done {
            // What exceeds the operator's limits is counted by the host; there is nothing to do about it here.
            let _counted_by_the_host = log::event("http", &body(&transaction));
        }
    }
}

/// The first unread bytes. For filters: there `peek` leaves the bytes where they are.
fn beginning<'a>(event: &Event, buffer: &'a mut Vec<u8>) -> Result<&'a [u8], Error> {
    event.flow().peek_up_to(BEGINNING_BYTES, event.direction(), buffer)
}

/// The fields of Suricata's `http` events.
fn body(transaction: &Transaction) -> Object {
    let Transaction { request, response } = transaction;
    let mut body = Object::new();
    if let Some(host) = &request.host {
        body = body.string("hostname", host);
    }
    body = body.string("url", &request.url);
    if let Some(user_agent) = &request.user_agent {
        body = body.string("http_user_agent", user_agent);
    }
    if let Some(content_type) = response.as_ref().and_then(|response| response.content_type.as_ref()) {
        body = body.string("http_content_type", content_type);
    }
    body = body.string("http_method", &request.method).string("protocol", request.protocol);
    match response {
        Some(Answer { status, length, .. }) => body.number("status", *status).number("length", *length),
        None => body,
    }
}
