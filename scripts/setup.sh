#!/usr/bin/env bash
# Makes a Debian or Ubuntu machine ready to build sluice and its guests. Changes nothing that is already there, so
# every make target runs it first; with nothing missing it takes a fraction of a second.
set -euo pipefail
cd "$(dirname "$0")/.."

state=target/setup
# Where the failure of `rustup target add` is remembered: offline machines would wait for it at every run.
rustup_failed=$state/rustup-target-failed
mkdir -p "$state"

fail() {
    echo "setup: $*" >&2
    exit 1
}

# Installs packages. $1 says how to get the same by hand, the rest are package names.
install_packages() {
    local by_hand=$1 as_root=()
    shift
    command -v apt-get >/dev/null || fail "cannot install $* (no apt-get here); by hand: $by_hand"
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || fail "cannot install $* (neither root nor sudo); by hand: $by_hand"
        as_root=(sudo)
        # Without a terminal nobody can type a password.
        [ -t 0 ] || as_root=(sudo -n)
    fi
    echo "setup: installing $*"
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300)
    # Package lists are fetched only when those at hand do not do.
    "${apt[@]}" install -y --no-install-recommends "$@" >"$state/apt.log" 2>&1 && return
    "${apt[@]}" update >"$state/apt.log" 2>&1 || true
    "${apt[@]}" install -y --no-install-recommends "$@" >>"$state/apt.log" 2>&1 && return
    fail "could not install $* (see $state/apt.log); by hand: $by_hand"
}

install_host_packages() {
    local missing=()
    command -v cc >/dev/null || missing+=(gcc libc6-dev)
    command -v pkg-config >/dev/null || missing+=(pkg-config)
    if ! command -v pkg-config >/dev/null || ! pkg-config --exists libpcap; then
        missing+=(libpcap-dev)
    fi
    [ ${#missing[@]} = 0 ] || install_packages "apt-get install ${missing[*]}" "${missing[@]}"
}

rustup_has_target() {
    [ -d "$(rustc --print sysroot)/lib/rustlib/wasm32-unknown-unknown/lib" ]
}

rustup_adds_target() {
    command -v rustup >/dev/null || return 1
    [ ! -e "$rustup_failed" ] || return 1
    echo "setup: adding the target wasm32-unknown-unknown"
    if timeout 120 rustup target add wasm32-unknown-unknown >"$state/rustup.log" 2>&1 && rustup_has_target; then
        return 0
    fi
    touch "$rustup_failed"
    return 1
}

# Debian's own compiler with the source of its standard library, which cargo then builds for the guests.
debian_has_target() {
    [ -x /usr/bin/cargo ] && [ -x /usr/bin/rustc ] && command -v wasm-ld >/dev/null || return 1
    [ -d "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library/std" ]
}

prepare_wasm() {
    if rustup_has_target || rustup_adds_target; then
        echo "setup: guests are compiled by $(rustc --version | cut -d' ' -f1,2) and its target wasm32-unknown-unknown"
        return
    fi
    if ! debian_has_target; then
        # Runs in a subshell for the sake of the message: only after both ways failed is there something to say.
        if ! (install_packages "rustup target add wasm32-unknown-unknown" rustc-web cargo-web rust-web-src lld); then
            rm -f "$rustup_failed"
            exit 1
        fi
        debian_has_target ||
            fail "rustc-web came without its library source; by hand: rustup target add wasm32-unknown-unknown"
    fi
    echo "setup: guests are compiled by Debian's $(/usr/bin/rustc --version | cut -d' ' -f1,2) with a standard library built here"
}

command -v cargo >/dev/null && command -v rustc >/dev/null ||
    fail "no Rust here; by hand: install Rust 1.95 or later from https://rustup.rs"
install_host_packages
prepare_wasm
