//! The connections that are followed. A flow's user context is its place plus one, so that 0 stays "not followed".

use crate::connection::Connection;

/// Bytes of unfinished heads and unanswered requests that all connections together may hold. Half-sent heads of 64 KiB
/// on many connections are the cheapest way to use up a guest's memory.
const HELD_BYTES_MAX: usize = 16 * 1024 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Flows {
    places: Vec<Place>,
    free: Vec<u64>,
    held_bytes: usize,
}

#[derive(Debug, Default)]
struct Place {
    connection: Option<Connection>,
    /// What it held when it was last weighed.
    held_bytes: usize,
}

impl Flows {
    /// Follows one more and gives its user context.
    pub(crate) fn add(&mut self) -> u64 {
        let connection = Some(Connection::default());
        if let Some(context) = self.free.pop()
            && let Some(place) = self.place(context)
        {
            place.connection = connection;
            return context;
        }
        self.places.push(Place { connection, held_bytes: 0 });
        self.places.len() as u64
    }

    pub(crate) fn get(&self, context: u64) -> Option<&Connection> {
        self.places.get(index(context)?)?.connection.as_ref()
    }

    pub(crate) fn get_mut(&mut self, context: u64) -> Option<&mut Connection> {
        self.place(context)?.connection.as_mut()
    }

    /// Follows it no longer.
    pub(crate) fn remove(&mut self, context: u64) -> Option<Connection> {
        let place = self.place(context)?;
        let connection = place.connection.take()?;
        let held_bytes = core::mem::take(&mut place.held_bytes);
        self.held_bytes = self.held_bytes.saturating_sub(held_bytes);
        self.free.push(context);
        Some(connection)
    }

    /// Weighs a connection after it got bytes; whether all of them together are within the limit.
    pub(crate) fn within_limit(&mut self, context: u64) -> bool {
        let Some(place) = self.place(context) else { return true };
        let now = place.connection.as_ref().map_or(0, Connection::held_bytes);
        let before = core::mem::replace(&mut place.held_bytes, now);
        self.held_bytes = self.held_bytes.saturating_sub(before).saturating_add(now);
        self.held_bytes <= HELD_BYTES_MAX
    }

    fn place(&mut self, context: u64) -> Option<&mut Place> {
        self.places.get_mut(index(context)?)
    }
}

fn index(context: u64) -> Option<usize> {
    usize::try_from(context.checked_sub(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_context_is_no_flow() {
        let mut flows = Flows::default();
        flows.add();
        assert!(flows.get(0).is_none() && flows.get(2).is_none() && flows.get(1).is_some());
    }

    #[test]
    fn a_place_is_used_again() {
        let mut flows = Flows::default();
        let (first, second) = (flows.add(), flows.add());
        assert!(flows.remove(first).is_some() && flows.remove(first).is_none());
        assert_eq!(flows.add(), first);
        assert_ne!(first, second);
    }

    #[test]
    fn half_sent_heads_are_bounded_over_all_connections() {
        let mut flows = Flows::default();
        let head = [b"GET /", "x".repeat(60_000).as_bytes()].concat();
        let mut last = 0;
        let within = (0..1_000).take_while(|_| {
            last = flows.add();
            if let Some(connection) = flows.get_mut(last) {
                connection.client_sent(&head);
            }
            flows.within_limit(last)
        });
        assert_eq!(within.count(), HELD_BYTES_MAX / head.len());
        flows.remove(last);
        assert!(flows.within_limit(1));
    }
}
