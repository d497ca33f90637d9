//! How long a call may run, armed at each entry into a guest.
//!
//! With CPU time, reading the thread's clock costs a system call, more than a whole event. So nothing is read at entry:
//! the first tick that a call lives through starts the measurement, and the following ones look at it. A call that
//! lost its core to another thread sees ticks go by too, but no CPU time, and goes on.

use rustix::time::{ClockId, clock_gettime};
use wasmtime::{Store, StoreContextMut, UpdateDeadline};

use crate::host::Host;
use crate::limits::TimeLimit;

/// Which of the two limits holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Entry {
    /// Filter, callback, timer.
    Call,
    /// Start, stop.
    Lifecycle,
}

/// The time that the current call has used.
#[derive(Debug, Default)]
pub(crate) struct CallClock {
    /// Thread's CPU time at the first tick, nanoseconds.
    since: Option<u64>,
    /// Nanoseconds that may pass from there.
    limit: u64,
    /// Whether fuel is counted in place of time.
    by_fuel: bool,
}

impl CallClock {
    /// Whether the call has to end, given the thread's CPU time.
    fn is_over(&mut self, cpu_time: u64) -> bool {
        let since = *self.since.get_or_insert(cpu_time);
        cpu_time.saturating_sub(since) >= self.limit
    }
}

/// Gives a store its way to end a call; before anything runs in it.
pub(crate) fn prepare(store: &mut Store<Host>, time: TimeLimit) {
    match time {
        TimeLimit::Cpu { .. } => store.epoch_deadline_callback(|mut store| {
            let over = store.data_mut().clock.is_over(thread_cpu_time());
            Ok(if over { UpdateDeadline::Interrupt } else { UpdateDeadline::Continue(1) })
        }),
        TimeLimit::Fuel { .. } => store.data_mut().clock.by_fuel = true,
    }
}

/// Starts the time of a call.
#[inline]
pub(crate) fn arm(store: &mut Store<Host>, time: TimeLimit, entry: Entry) -> wasmtime::Result<()> {
    store.data_mut().memory.refused_in_call = 0;
    match time {
        TimeLimit::Cpu { call, lifecycle } => {
            let limit = if entry == Entry::Call { call } else { lifecycle };
            // As the standard library would, but in 64 bits.
            let nanos =
                limit.as_secs().saturating_mul(1_000_000_000).saturating_add(limit.subsec_nanos().into());
            store.data_mut().clock = CallClock { since: None, limit: nanos, by_fuel: false };
            store.set_epoch_deadline(1);
            Ok(())
        }
        TimeLimit::Fuel { call, lifecycle } => {
            store.set_fuel(if entry == Entry::Call { call } else { lifecycle })
        }
    }
}

/// Takes the fuel that the host has used for a guest, as far as there is some. What is out of fuel ends when it goes
/// on.
pub(crate) fn settle_fuel(mut store: StoreContextMut<'_, Host>) -> wasmtime::Result<()> {
    let host = store.data_mut();
    let owed = std::mem::take(&mut host.matching.owed_fuel);
    // With a limit of CPU time the thread's time has gone by, and asking for fuel is an error: one with a backtrace,
    // which takes ten times as long as the scan.
    if owed == 0 || !host.clock.by_fuel {
        return Ok(());
    }
    let fuel = store.get_fuel()?;
    store.set_fuel(fuel.saturating_sub(owed))
}

/// CPU time of this thread, nanoseconds.
fn thread_cpu_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_without_cpu_time_end_nothing() {
        let mut clock = CallClock { since: None, limit: 20, by_fuel: false };
        assert!((0..1000).all(|_| !clock.is_over(5)));
        assert!(!clock.is_over(24));
        assert!(clock.is_over(25));
    }

    #[test]
    fn cpu_time_goes_on() {
        let before = thread_cpu_time();
        std::hint::black_box((0..100_000u64).map(std::hint::black_box).sum::<u64>());
        assert!(thread_cpu_time() > before);
    }
}
