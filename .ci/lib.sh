# shellcheck shell=bash
# Shared by the scripts beside it: progress lines and the facts on which they agree. Sourced, never run.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

triple="$(uname -m)-unknown-linux-gnu"
# tests/support/docker/image.rs looks in the same places.
target=$(realpath -m -- "${CARGO_TARGET_DIR:-target}")
export STEPDOWN_TEST_BINARY="${STEPDOWN_TEST_BINARY:-$target/$triple/release/stepdown}"
export STEPDOWN_TEST_BASE="${STEPDOWN_TEST_BASE:-stepdown-test/debian:bookworm}"

say() { printf '%s\n' "ci: $*" >&2; }

# commit: what `--version` names; empty where this is no checkout.
commit() { git describe --always --dirty --abbrev=12 --exclude '*' 2>/dev/null || :; }

# package_version: of Cargo.toml.
package_version() { sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1; }

# clock: seconds since some fixed moment, for "in 12 s".
clock() { date +%s; }

# as_root COMMAND…: runs it as root, or fails saying why.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        sudo -n --preserve-env=PATH,DEBIAN_FRONTEND "$@"
    else
        say "needs root (or sudo without a password): $*"
        return 1
    fi
}
