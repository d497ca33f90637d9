#!/usr/bin/env bash
# Format and lints, for the host's workspace and the guests'. A component that the toolchain lacks is skipped by name.
set -uo pipefail
cd "$(dirname "$0")/.."

failed=0
check() {
    "$@" && return
    echo "lint: failed: $*" >&2
    failed=1
}

if cargo fmt --version >/dev/null 2>&1; then
    check cargo fmt --all --check
    check cargo fmt --check --manifest-path guests/Cargo.toml $(sed -n 's/^name = "\(.*\)"$/-p \1/p' guests/*/Cargo.toml)
else
    echo "lint: no rustfmt in this toolchain, format not checked"
fi

if cargo clippy --version >/dev/null 2>&1; then
    check cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
    # Code of the feature; what it links is not needed to lint it.
    check cargo clippy --workspace --features sluice-guest/vectorscan --lib --test guest --locked --quiet -- -D warnings
    # Guests that Debian's compiler builds cannot be linted by this one: it lacks the target's library.
    if [ -e guests/Cargo.toml ] && [ -d "$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown/lib" ]; then
        check cargo clippy --workspace --locked --quiet --target wasm32-unknown-unknown \
            --manifest-path guests/Cargo.toml -- -D warnings
    fi
else
    echo "lint: no clippy in this toolchain, lints not checked"
fi
exit "$failed"
