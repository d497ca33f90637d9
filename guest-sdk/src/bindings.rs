//! What `wit-bindgen` makes of `wit/`: the raw imports and the macro that makes the raw exports. Nothing else.
#![allow(
    unsafe_code,
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block,
    clippy::missing_safety_doc,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    clippy::allow_attributes_without_reason,
    reason = "generated: the canonical ABI is pointers and lengths"
)]

wit_bindgen::generate!({
    path: "../wit",
    world: "middlebox",
    pub_export_macro: true,
    export_macro_name: "export_raw",
    default_bindings_module: "sluice::bindings",
});
