#!/usr/bin/env bash
# The compiler as scripts/fuzz.sh has cargo call it (RUSTC_WRAPPER): scripts/fuzz-rustc.sh RUSTC ARGUMENT...
# Only the project's own crates and the targets count coverage. With all crates instrumented, Cranelift among them, the
# target `lanes` does not link within half an hour, and an input is found new for what the compiler makes of it.
set -euo pipefail

# What cargo-fuzz sets, without a sanitizer: there is no unsafe code here, and overflow checks are on.
coverage=(-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 --cfg fuzzing)

crate= before=
for argument in "$@"; do
    [ "$before" != --crate-name ] || crate=$argument
    before=$argument
done
case $crate in
    # Build scripts run by themselves, without libFuzzer: theirs is the name build_script_build.
    sluice_* | raw_frame | capture_file | segment_script | lanes) exec "$@" "${coverage[@]}" ;;
    *) exec "$@" ;;
esac
