//! The clock of the runtime: a thread that counts milliseconds.

use std::io;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use wasmtime::Engine;

/// How often a call that runs is looked at.
const TICK: Duration = Duration::from_millis(1);

/// Advances the epoch of an engine until it is dropped.
pub(crate) struct Ticker {
    /// Dropped first, which wakes the thread and ends it.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(crate) fn start(engine: Engine) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let thread = thread::Builder::new().name("sluice-ticker".to_owned()).spawn(move || {
            while matches!(stopped.recv_timeout(TICK), Err(RecvTimeoutError::Timeout)) {
                engine.increment_epoch();
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            // The thread cannot panic; if it did, there is nothing left to do.
            let _ended = thread.join();
        }
    }
}
