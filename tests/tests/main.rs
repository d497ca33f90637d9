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
}

#[cfg(test)]
mod project {
    mod arrows;
    mod tidy;
}
