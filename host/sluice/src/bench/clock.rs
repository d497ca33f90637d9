//! Guests with a clock beside them.

use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};
use sluice_engine::event::{EventBurst, EventCall, Faulted, Handler, TenantId};
use sluice_engine::flow::ConnRecord;
use sluice_engine::{Nanos, View};
use sluice_guest::Guests;

/// Looks at the clock in a row, to find out what one takes, and how often that is tried.
const LOOKS: u32 = 1_000;
const TRIES: usize = 20;

/// CPU time that this thread has used, in nanoseconds. A look is a system call: for passes, not for calls.
pub(super) fn cpu_time_ns() -> u64 {
    let used = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(used.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(used.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

#[expect(clippy::disallowed_methods, reason = "what guests take is measured, nothing depends on it")]
fn now() -> Instant {
    Instant::now()
}

fn nanos_since(begin: Instant) -> u64 {
    u64::try_from(now().duration_since(begin).as_nanos()).unwrap_or(u64::MAX)
}

/// What lies between two looks at the clock with nothing between them, in nanoseconds: the quickest row of looks.
pub(super) fn look_ns() -> f64 {
    let row = |_| {
        let begin = now();
        for _ in 0..LOOKS {
            std::hint::black_box(now());
        }
        u32::try_from(nanos_since(begin)).unwrap_or(u32::MAX)
    };
    (0..TRIES).map(row).min().map_or(0.0, |nanos| f64::from(nanos) / f64::from(LOOKS))
}

/// The guests; each call is timed, from when the engine makes it until it returns. So the way into the sandbox
/// and back is in it, and what the host does for the guest in the meantime.
///
/// The clock is the monotonic one: reading a thread's CPU time costs more than most calls. What other programs take
/// away from the core in a call counts as the guest's.
pub(super) struct Timed<'g> {
    guests: &'g mut Guests,
    /// Nanoseconds in guests, a look at the clock for each call included.
    pub(super) spent_ns: u64,
    /// Calls of guests.
    pub(super) calls: u64,
}

impl<'g> Timed<'g> {
    pub(super) fn new(guests: &'g mut Guests) -> Self {
        Self { guests, spent_ns: 0, calls: 0 }
    }

    fn timed<R>(&mut self, call: impl FnOnce(&mut Guests) -> R) -> R {
        let begin = now();
        let answer = call(self.guests);
        self.spent_ns = self.spent_ns.saturating_add(nanos_since(begin));
        self.calls = self.calls.saturating_add(1);
        answer
    }
}

impl Handler for Timed<'_> {
    fn filter(&mut self, tenant: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<bool, Faulted> {
        self.timed(|guests| guests.filter(tenant, call, view))
    }

    fn callback(&mut self, tenant: TenantId, call: &EventCall, view: &mut Box<View>) -> Result<u32, Faulted> {
        self.timed(|guests| guests.callback(tenant, call, view))
    }

    fn burst(
        &mut self,
        tenant: TenantId,
        burst: &mut EventBurst,
        view: &mut Box<View>,
    ) -> Result<u64, Faulted> {
        self.timed(|guests| guests.burst(tenant, burst, view))
    }

    fn timer(
        &mut self,
        tenant: TenantId,
        timer: u32,
        argument: u64,
        deadline: Nanos,
        view: &mut Box<View>,
    ) -> Result<(), Faulted> {
        self.timed(|guests| guests.timer(tenant, timer, argument, deadline, view))
    }

    fn ready(&mut self, tenant: TenantId, flows: &[u64], view: &mut Box<View>) -> Result<(), Faulted> {
        self.timed(|guests| guests.ready(tenant, flows, view))
    }

    fn conn_record(&mut self, record: &ConnRecord) {
        self.guests.conn_record(record);
    }

    fn stop(&mut self, tenant: TenantId, view: &mut Box<View>) -> Result<(), Faulted> {
        self.timed(|guests| guests.stop(tenant, view))
    }
}

/// In the place of guests where there are none.
pub(super) struct Nobody;

impl Handler for Nobody {
    fn callback(&mut self, _: TenantId, _: &EventCall, _: &mut Box<View>) -> Result<u32, Faulted> {
        Ok(0)
    }
}
