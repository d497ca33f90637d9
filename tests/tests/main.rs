//! Tests of the engine and of the project as a whole.

#[cfg(test)]
mod engine {
    mod burst_end;
    mod bursts;
    mod clock;
    mod company;
    mod corpus;
    mod egress;
    mod evasion;
    mod events_hostile;
    mod events_leaks;
    mod events_model;
    mod events_order;
    mod events_rules;
    mod events_sole;
    mod events_stage;
    mod events_storms;
    mod fragments;
    mod fuzz;
    mod gaps;
    mod honest;
    mod host;
    mod hostile;
    mod kept;
    mod kernel_info;
    mod kernel_states;
    mod kernel_truth;
    mod lent;
    mod levels;
    mod load;
    mod model;
    mod mos;
    mod observables;
    mod outside;
    mod overlap;
    mod patterns;
    mod record_rules;
    mod records;
    mod relations;
    mod replay;
    mod scripts;
    mod skew;
    mod state_model;
    mod state_walk;
    mod tap;
    mod tcp_info;
    mod tenants;
    mod workers;
    mod wraparound;
}

#[cfg(test)]
mod project {
    mod arrows;
    mod tidy;
}
