//! What the event layer costs: registering while flows run, calling filters and handlers, and sharing sets.
//!
//! [`registration`] has the shape of Fig. 12 of the mOS paper (NSDI'17), [`dispatch`] that of Fig. 7 of the proposal
//! that came before it; [`sharing`] measures the operations that both rest on.

pub mod dispatch;
pub mod plots;
pub mod registrar;
pub mod registration;

pub mod sharing;
