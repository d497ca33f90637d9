//! What mOS promises of its events, and what is promised here in its place.

mod answers;
mod calls;
mod scene;
