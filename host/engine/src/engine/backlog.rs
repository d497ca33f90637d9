//! What tenants leave unread is counted for them, so that one that does not read takes nothing from the others.
//!
//! A tenant answers for the bytes of each stream from where its slowest monitor stands, whether others want them too or
//! not. When all its streams together come to more than its share, the stream at hand is not kept for it: it is told
//! how much it missed at its next peek, unless another tenant had the bytes kept until then.

use super::{Engine, Tenant};
use crate::Direction;
use crate::event::{NO_FOREST, set_of};
use crate::flow::{Attachment, Flow, Keeps};
use crate::reassembly::{Claim, Claims, Kept};
use crate::view::{Loan, View};

impl Engine {
    /// From where on bytes of a stream are wanted, and by whom. What the tenants were charged for is taken back until
    /// [`Engine::charge`].
    pub(super) fn claim(
        &mut self,
        index: u32,
        direction: Direction,
        loan: Option<Loan>,
    ) -> Option<(u64, Claims)> {
        let flow = self.view.flows.get(index)?;
        let stream = flow.stream(direction);
        let next = stream.next();
        let readers = flow.attachments.iter().filter(|reader| reader.reads(direction));
        let wants_from = |reader: &Attachment| {
            let cursor = reader.cursor[direction.index()];
            if !flow.keeps.contains(Keeps::MATCHED) {
                return cursor;
            }
            // What a filter looks at is kept until it is complete, read or not.
            let set = set_of(&self.view.tenants, reader);
            set.and_then(|set| set.needs_from(next)).map_or(cursor, |needed| needed.min(cursor))
        };
        let behind = readers.clone().map(wants_from).min().unwrap_or(next);
        if behind >= next && stream.claims().is_empty() {
            return Some((behind, Claims::new()));
        }
        uncharge(&mut self.tenants, stream.claims());
        let mut claims: Claims =
            stream.claims().iter().map(|claim| Claim { bytes: 0, from: next, ..*claim }).collect();
        let (held_from, held) = held(flow, direction, loan);
        for reader in readers {
            let from = wants_from(reader).max(held_from);
            match claims.iter_mut().find(|claim| claim.tenant == reader.tenant.0) {
                Some(claim) => claim.from = claim.from.min(from.max(claim.lost_to)),
                None if from < next => {
                    claims.push(Claim { tenant: reader.tenant.0, bytes: 0, from, lost_to: 0 });
                }
                None => {}
            }
        }
        let mut wanted = next;
        for claim in &mut claims {
            let bytes = next.saturating_sub(claim.from).min(held);
            let Some(tenant) = self.tenants.get_mut(usize::from(claim.tenant)) else { continue };
            let share = self.config.limits.tenant_bytes as u64;
            if bytes > 0 && tenant.counters.kept_bytes.saturating_add(bytes) > share {
                tenant.counters.refused_bytes += bytes;
                (claim.from, claim.lost_to) = (next, next);
            }
            wanted = wanted.min(claim.from);
        }
        Some((wanted, claims))
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

/// The first byte of a stream that is held or lies in the packet, and how many there are from there on at most.
fn held(flow: &Flow, direction: Direction, loan: Option<Loan>) -> (u64, u64) {
    let stream = flow.stream(direction);
    let (lent_from, lent) = loan.map_or((stream.next(), 0), |loan| (loan.offset, loan.len as u64));
    let kept = stream.kept().filter(|kept| !kept.is_empty() && kept.end() == lent_from);
    let kept_bytes = kept.map_or(0, |kept| kept.cost() as u64);
    (kept.map_or(lent_from, Kept::start), kept_bytes.saturating_add(lent))
}

fn uncharge(tenants: &mut [Tenant], claims: &[Claim]) {
    for claim in claims {
        if let Some(tenant) = tenants.get_mut(usize::from(claim.tenant)) {
            tenant.counters.kept_bytes = tenant.counters.kept_bytes.saturating_sub(claim.bytes);
        }
    }
}
