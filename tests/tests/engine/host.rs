//! Receive queues of hosts, in the simplest form: what the policies are measured against.

use sluice_engine::reassembly::OverlapPolicy;

/// A host that receives one stream. Segments that wait may overlap; of those that hold a byte, the first is read.
pub(crate) struct Host {
    policy: OverlapPolicy,
    read: Vec<u8>,
    waiting: Vec<(usize, Vec<u8>)>,
    /// What is read depends on the shape of a tree that this model does not have.
    is_unsure: bool,
}

impl Host {
    pub(crate) fn new(policy: OverlapPolicy) -> Self {
        Self { policy, read: Vec::new(), waiting: Vec::new(), is_unsure: false }
    }

    /// What the application has read.
    pub(crate) fn read(&self) -> &[u8] {
        &self.read
    }

    /// Whether the model does not know what is read: a segment of Linux followed one that others overlap, and which of
    /// them the kernel joins it to depends on how its tree is balanced.
    pub(crate) fn is_unsure(&self) -> bool {
        self.is_unsure
    }

    /// The byte that is or would be read at a place.
    pub(crate) fn byte(&self, place: usize) -> Option<u8> {
        let covers = |(at, bytes): &&(usize, Vec<u8>)| (*at..*at + bytes.len()).contains(&place);
        let waiting = self.waiting.iter().find(covers).map(|(at, bytes)| bytes[place - at]);
        self.read.get(place).copied().or(waiting)
    }

    /// From the first to behind the last byte that is known with another value.
    pub(crate) fn conflict(&self, start: usize, bytes: &[u8]) -> Option<(u64, u64)> {
        let differs = |index: &usize| self.byte(start + index).is_some_and(|known| known != bytes[*index]);
        let places: Vec<usize> = (0..bytes.len()).filter(differs).collect();
        Some(((start + places.first()?) as u64, (start + places.last()? + 1) as u64))
    }

    pub(crate) fn arrive(&mut self, start: usize, bytes: &[u8]) {
        let old = self.read.len().saturating_sub(start).min(bytes.len());
        let (start, bytes) = (start + old, bytes[old..].to_vec());
        let end = start + bytes.len();
        let is_before = |(at, _): &(usize, Vec<u8>)| *at <= start;
        let before = self.waiting.iter().rposition(is_before);
        let reach = before.map_or(0, |index| self.waiting[index].0 + self.waiting[index].1.len());
        if bytes.is_empty() {
            return;
        }
        match self.policy {
            OverlapPolicy::First | OverlapPolicy::Last => self.bytewise(start, bytes),
            // tcp_reass of 4.4BSD: cut at the front by what begins before, then cuts what begins behind.
            OverlapPolicy::Bsd | OverlapPolicy::Windows if reach < end => {
                let from = reach.max(start);
                self.waiting.retain_mut(|(at, known)| {
                    let over = if *at < from { 0 } else { end.saturating_sub(*at).min(known.len()) };
                    known.drain(..over);
                    *at += over;
                    !known.is_empty()
                });
                self.waiting.push((from, bytes[from - start..].to_vec()));
            }
            OverlapPolicy::Bsd | OverlapPolicy::Windows => {}
            OverlapPolicy::Solaris => self.by_end(start, bytes),
            OverlapPolicy::Linux => self.linux(before, start, bytes),
        }
        self.waiting.sort_by_key(|(at, _)| *at);
        while let Some((at, bytes)) = self.waiting.first().filter(|(at, _)| *at <= self.read.len()) {
            let old = (self.read.len() - at).min(bytes.len());
            self.read.extend(&bytes[old..]);
            self.waiting.remove(0);
        }
    }

    fn bytewise(&mut self, start: usize, bytes: Vec<u8>) {
        for (place, byte) in (start..).zip(bytes) {
            match self.waiting.iter_mut().find(|(at, _)| *at == place) {
                Some((_, known)) if self.policy == OverlapPolicy::Last => *known = vec![byte],
                Some(_) => {}
                None => self.waiting.push((place, vec![byte])),
            }
        }
    }

    /// tcp_reass of Solaris: what begins before is cut at the end, and so is the segment by what ends behind it.
    fn by_end(&mut self, start: usize, mut bytes: Vec<u8>) {
        let end = start + bytes.len();
        let holds = |(at, known): &(usize, Vec<u8>)| {
            let reach = at + known.len();
            *at <= start && (reach > end || reach == end && *at < start)
        };
        if self.waiting.iter().any(holds) {
            return;
        }
        let beyond = self.waiting.iter().find(|(at, known)| *at > start && at + known.len() > end);
        bytes.truncate(beyond.map_or(end, |(at, _)| *at).saturating_sub(start));
        self.waiting.retain_mut(|(at, known)| {
            if *at < start {
                known.truncate(start - *at);
            }
            *at < start || *at + known.len() > end
        });
        self.waiting.push((start, bytes));
    }

    /// tcp_data_queue_ofo of Linux.
    fn linux(&mut self, before: Option<usize>, start: usize, bytes: Vec<u8>) {
        let end = start + bytes.len();
        if start == self.read.len() {
            self.read.extend(bytes);
            return;
        }
        let before = before.map(|index| (index, self.waiting[index].0, self.waiting[index].1.len()));
        let ends_here = |(at, known): &(usize, Vec<u8>)| at + known.len() == start;
        let is_covered = |(at, known): &(usize, Vec<u8>)| *at >= start && at + known.len() <= end;
        let is_last = before.is_some_and(|(_, at, len)| at + len == start);
        let joins = self.waiting.iter().any(ends_here);
        self.is_unsure |= joins && (!is_last || self.waiting.iter().any(is_covered));
        match before {
            Some((_, at, len)) if end <= at + len => return,
            Some((index, at, len)) if start == at + len => {
                self.waiting[index].1.extend(bytes);
                self.waiting.retain(|(at, known)| *at < start || at + known.len() > end);
                return;
            }
            _ => self.waiting.retain(|(at, known)| *at < start || at + known.len() > end),
        }
        self.waiting.push((start, bytes));
    }
}
