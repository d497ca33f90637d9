//! The direct lane: a component's one core module, linked by the host itself with the canonical ABI.

#[cfg_attr(not(test), expect(dead_code, reason = "the lane that links what is extracted is not there yet"))]
pub(crate) mod extract;
