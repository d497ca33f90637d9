//! What tenants leave unread is counted for them, so that one that does not read takes nothing from the others.
//!
//! A tenant answers for the bytes of each stream from where its slowest monitor stands, as far back as that monitor's
//! size reaches, whether others want them too or not. When all its streams together come to more than its share, the
//! stream at hand is not kept for it: it is told how much it missed at its next peek, whoever else has the bytes kept.

use super::{Engine, Tenant};
use crate::Direction;
use crate::event::{NO_FOREST, set_of};
use crate::flow::{Attachment, Keeps};
use crate::reassembly::{Claim, Claims, Held, Stream};
use crate::view::{Loan, View};

impl Engine {
    /// A stream has moved on: what its readers do not want any more is not there for them.
    pub(super) fn raise_floors(&mut self, index: u32, direction: Direction, loan: Option<Loan>) {
        let Some(flow) = self.view.flows.get_mut(index) else { return };
        let (stream, attachments) = flow.stream_and_attachments(direction);
        let held = held(stream, loan);
        for reader in attachments.iter_mut().filter(|reader| reader.reads(direction)) {
            reader.raise_floor(direction, &held, &self.config.limits);
        }
    }

    /// From where on bytes of a stream are wanted, and by whom. What the tenants were charged for is taken back until
    /// [`Engine::charge`].
    pub(super) fn claim(
        &mut self,
        index: u32,
        direction: Direction,
        loan: Option<Loan>,
    ) -> Option<(u64, Claims)> {
        let flow = self.view.flows.get_mut(index)?;
        let retains = flow.keeps.contains(Keeps::RETAINED);
        let (stream, attachments) = flow.stream_and_attachments(direction);
        let next = stream.next();
        let readers = attachments.iter().filter(|reader| reader.reads(direction));
        let behind = readers.map(|reader| reader.unread_from(direction)).min().unwrap_or(next);
        let held = held(stream, loan);
        if behind >= next && !retains && stream.claims().is_empty() {
            return Some((next, Claims::new()));
        }
        uncharge(&mut self.tenants, stream.claims());
        let mut claims: Claims =
            stream.claims().iter().map(|claim| Claim { bytes: 0, from: next, ..*claim }).collect();
        let readers = attachments.iter().filter(|reader| reader.reads(direction));
        for reader in readers.filter(|reader| reader.unread_from(direction) < next) {
            let from = reader.unread_from(direction).max(held.start());
            match claims.iter_mut().find(|claim| claim.tenant == reader.tenant.0) {
                Some(claim) => claim.from = claim.from.min(from),
                None => claims.push(Claim { tenant: reader.tenant.0, bytes: 0, from }),
            }
        }
        let cost = held.cost();
        for claim in &mut claims {
            let bytes = next.saturating_sub(claim.from).min(cost);
            let Some(tenant) = self.tenants.get_mut(usize::from(claim.tenant)) else { continue };
            let share = self.config.limits.tenant_bytes as u64;
            if bytes > 0 && tenant.counters.kept_bytes.saturating_add(bytes) > share {
                tenant.counters.refused_bytes += bytes;
                claim.from = next;
                for reader in attachments.iter_mut().filter(|reader| reader.tenant.0 == claim.tenant) {
                    reader.lose_until(direction, next);
                }
            }
        }
        let readers = attachments.iter().filter(|reader| reader.reads(direction));
        let wanted = readers.map(|reader| reader.floor[direction.index()]).min().unwrap_or(next);
        Some((wanted.min(next), claims))
    }

    /// From where on a filter looks at a stretch of the stream that is not complete yet: kept until it is, read or not.
    pub(super) fn matched_from(&self, index: u32, direction: Direction) -> Option<u64> {
        let flow = self.view.flows.get(index).filter(|flow| flow.keeps.contains(Keeps::MATCHED))?;
        let next = flow.stream(direction).next();
        let readers = flow.attachments.iter().filter(|reader| reader.reads(direction));
        let needed = |reader: &Attachment| set_of(&self.view.tenants, reader)?.needs_from(next);
        readers.filter_map(needed).min()
    }

    /// Charges the tenants for what is kept now.
    pub(super) fn charge(&mut self, index: u32, direction: Direction, mut claims: Claims) {
        let Some(flow) = self.view.flows.get_mut(index).filter(|_| !claims.is_empty()) else { return };
        let stream = flow.stream_mut(direction);
        let Some(kept) = stream.kept().filter(|kept| !kept.is_empty()) else {
            return stream.set_claims(Claims::new());
        };
        for claim in &mut claims {
            let bytes = kept.end().saturating_sub(claim.from.max(kept.start()));
            claim.bytes = bytes.min(kept.cost() as u64);
            let Some(tenant) = self.tenants.get_mut(usize::from(claim.tenant)) else { continue };
            let counters = &mut tenant.counters;
            counters.kept_bytes = counters.kept_bytes.saturating_add(claim.bytes);
            counters.kept_bytes_peak = counters.kept_bytes_peak.max(counters.kept_bytes);
        }
        stream.set_claims(claims);
    }

    /// A flow has ended: nobody answers for it any more.
    pub(super) fn release_tenants(&mut self, index: u32) {
        let View { flows, tenants, .. } = &mut *self.view;
        let Some(flow) = flows.get_mut(index) else { return };
        for direction in Direction::BOTH {
            uncharge(&mut self.tenants, flow.stream(direction).claims());
        }
        flow.interest = 0;
        for attachment in &mut flow.attachments {
            if let Some(events) = tenants.get_mut(usize::from(attachment.tenant.0)) {
                events.release(std::mem::replace(&mut attachment.forest, NO_FOREST));
            }
            if let Some(tenant) = self.tenants.get_mut(usize::from(attachment.tenant.0)) {
                tenant.counters.flows = tenant.counters.flows.saturating_sub(1);
            }
        }
    }
}

/// What is held of a stream in order, with what is lent of the packet.
fn held(stream: &Stream, loan: Option<Loan>) -> Held<'_> {
    let (lent_from, lent) = loan.map_or((stream.next(), 0), |loan| (loan.offset, loan.len as u64));
    Held::new(stream.kept(), lent_from, lent)
}

fn uncharge(tenants: &mut [Tenant], claims: &[Claim]) {
    for claim in claims {
        if let Some(tenant) = tenants.get_mut(usize::from(claim.tenant)) {
            tenant.counters.kept_bytes = tenant.counters.kept_bytes.saturating_sub(claim.bytes);
        }
    }
}
