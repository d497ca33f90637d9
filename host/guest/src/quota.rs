//! What an instance holds and says, kept within its limits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wasmtime::ResourceLimiter;

use crate::limits::{INSTANCES_MAX, LogLimit, MemoryLimit};

/// Bytes for which the shortest text counts: bounds the number of texts too.
const TEXT_BYTES_MIN: u64 = 64;

/// Memory and tables of one instance.
#[derive(Debug)]
pub(crate) struct MemoryQuota {
    limit: MemoryLimit,
    /// Bytes of linear memory granted.
    pub(crate) memory_bytes: usize,
    /// Bytes that the host holds for it. Only the instance's own thread changes it.
    held: Arc<AtomicUsize>,
    table_elements: usize,
    /// Requests refused in the current call.
    pub(crate) refused_in_call: u32,
    /// Requests refused in all.
    pub(crate) refused: u64,
}

impl MemoryQuota {
    pub(crate) fn new(limit: MemoryLimit) -> Self {
        Self {
            limit,
            memory_bytes: 0,
            held: Arc::default(),
            table_elements: 0,
            refused_in_call: 0,
            refused: 0,
        }
    }

    pub(crate) fn limit(&self) -> &MemoryLimit {
        &self.limit
    }

    /// Bytes that the host holds for the instance.
    pub(crate) fn held_bytes(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }

    /// Counts bytes that the host is to hold as the instance's memory, until the lease is dropped.
    pub(crate) fn lease(&mut self, bytes: usize) -> Option<Lease> {
        let held = self.held.load(Ordering::Relaxed).saturating_add(bytes);
        if self.memory_bytes.saturating_add(held) > self.limit.memory_bytes {
            self.refuse();
            return None;
        }
        self.held.store(held, Ordering::Relaxed);
        Some(Lease { bytes, held: Arc::clone(&self.held) })
    }

    fn refuse(&mut self) -> bool {
        self.refused_in_call = self.refused_in_call.saturating_add(1);
        self.refused = self.refused.saturating_add(1);
        false
    }
}

/// Bytes that the host holds for an instance, as long as this is there.
#[derive(Debug)]
pub(crate) struct Lease {
    bytes: usize,
    held: Arc<AtomicUsize>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A refusal makes `memory.grow` and `table.grow` answer -1; at instantiation it is an error.
impl ResourceLimiter for MemoryQuota {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        if total.saturating_add(self.held.load(Ordering::Relaxed)) > self.limit.memory_bytes {
            return Ok(self.refuse());
        }
        self.memory_bytes = total;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.table_elements.saturating_add(desired.saturating_sub(current));
        if total > self.limit.table_elements {
            return Ok(self.refuse());
        }
        self.table_elements = total;
        Ok(true)
    }

    fn instances(&self) -> usize {
        INSTANCES_MAX
    }

    fn tables(&self) -> usize {
        INSTANCES_MAX
    }

    fn memories(&self) -> usize {
        INSTANCES_MAX
    }
}

/// What is left of an instance's words.
#[derive(Debug)]
pub(crate) struct LogQuota {
    pub(crate) lines: TextQuota,
    pub(crate) events: TextQuota,
    pub(crate) reports: TextQuota,
}

impl LogQuota {
    pub(crate) fn new(limit: LogLimit) -> Self {
        Self {
            lines: TextQuota { left: limit.line_bytes, dropped: 0 },
            events: TextQuota { left: limit.event_bytes, dropped: 0 },
            reports: TextQuota { left: limit.report_bytes, dropped: 0 },
        }
    }
}

/// One kind of words.
#[derive(Debug)]
pub(crate) struct TextQuota {
    left: u64,
    /// Texts that came when nothing was left.
    pub(crate) dropped: u64,
}

impl TextQuota {
    /// Takes a text of `bytes` off, or counts it as dropped.
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        let cost = u64::try_from(bytes).unwrap_or(u64::MAX).max(TEXT_BYTES_MIN);
        match self.left.checked_sub(cost) {
            Some(left) => {
                self.left = left;
                true
            }
            None => {
                self.dropped = self.dropped.saturating_add(1);
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_share_one_limit() {
        let mut quota = MemoryQuota::new(MemoryLimit { memory_bytes: 100, table_elements: 10 });
        assert!(quota.memory_growing(0, 60, None).unwrap());
        assert!(!quota.memory_growing(0, 60, None).unwrap());
        assert!(quota.memory_growing(60, 100, None).unwrap());
        assert!(!quota.memory_growing(100, usize::MAX, None).unwrap());
        assert!(!quota.table_growing(0, 11, None).unwrap());
        assert_eq!((quota.memory_bytes, quota.refused), (100, 3));
    }

    #[test]
    fn what_the_host_holds_counts_until_it_is_given_back() {
        let mut quota = MemoryQuota::new(MemoryLimit { memory_bytes: 100, table_elements: 10 });
        assert!(quota.memory_growing(0, 60, None).unwrap());
        let lease = quota.lease(30).unwrap();
        assert!(quota.lease(11).is_none());
        assert!(!quota.memory_growing(60, 71, None).unwrap());
        assert_eq!((quota.held_bytes(), quota.refused), (30, 2));
        drop(lease);
        assert_eq!(quota.held_bytes(), 0);
        assert!(quota.memory_growing(60, 100, None).unwrap());
    }

    #[test]
    fn short_texts_are_not_free() {
        let mut quota = TextQuota { left: 130, dropped: 0 };
        assert!(quota.take(0));
        assert!(quota.take(66));
        assert!(!quota.take(1));
        assert_eq!(quota.dropped, 1);
    }
}
