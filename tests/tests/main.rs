//! Tests of the engine and of the project as a whole.

#[cfg(test)]
mod engine {
    mod corpus;
    mod fragments;
    mod host;
    mod hostile;
    mod kernel_states;
    mod kernel_truth;
    mod model;
    mod overlap;
    mod replay;
    mod scripts;
    mod state_model;
    mod state_walk;
}

#[cfg(test)]
mod project {
    mod arrows;
    mod tidy;
}
