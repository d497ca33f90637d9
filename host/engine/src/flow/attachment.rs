//! Who watches a flow.

use crate::event::TenantId;
use crate::reassembly::Level;

/// A monitor that watches a flow.
#[derive(Clone, Copy, Debug)]
pub struct Attachment {
    /// Number of the monitor in the engine.
    pub monitor: u16,
    /// Whose monitor it is.
    pub tenant: TenantId,
    /// How much it wants.
    pub level: Level,
    /// It wants no more events.
    pub is_stopped: bool,
    /// Where its next peek begins, for each direction.
    pub cursor: [u64; 2],
    /// It asked for observables.
    pub observes: bool,
    /// What it stored.
    pub user_context: u64,
}
