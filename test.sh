#!/usr/bin/env bash
# Every test of Tidewire, set-up included, on a Debian machine with Rust. `./test.sh --list` names the steps,
# `./test.sh STEP…` runs some of them; docs/testing.md says what each proves.
set -uo pipefail
cd "$(dirname "$0")"

STEPS=(format lints docs tests alone sim transports bench-smoke clients autobahn fuzz)
NO_STD=(tidewire-ws tidewire-sse tidewire-lifecycle tidewire-hub tidewire-connection)
LIBRARIES=("${NO_STD[@]}" tidewire-tokio)
FUZZ_SECONDS=20

declare -a NOT_RUN=()
passed=0 failed=0 started=$SECONDS

say() { printf '\n== %s\n' "$*"; }
have() { command -v "$1" >/dev/null 2>&1; }

# What is missing is said at the end; where CI is set, nothing may be missing.
not_run() {
  NOT_RUN+=("$1")
  [ -z "${CI:-}" ]
}

apt_install() {
  local sudo=""
  [ "$(id -u)" -eq 0 ] || sudo="sudo"
  echo "installing $*"
  { $sudo apt-get update -qq && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@"; } >target/apt.log 2>&1 ||
    { tail -20 target/apt.log; return 1; }
}

step_format() { cargo fmt --all --check; }

step_lints() {
  cargo clippy --quiet --workspace --all-targets -- -D warnings &&
    cargo clippy --quiet --workspace --all-targets --all-features -- -D warnings
}

step_docs() { RUSTDOCFLAGS=-Dwarnings cargo doc --quiet --no-deps --workspace --all-features; }

step_tests() { cargo test --quiet --workspace && cargo test --quiet -p tidewire-ws -p tidewire-sse -p tidewire-tokio --all-features; }

step_alone() {
  local crate
  for crate in "${LIBRARIES[@]}"; do
    cargo check --quiet -p "$crate" &&
      cargo check --quiet -p "$crate" --no-default-features &&
      cargo check --quiet -p "$crate" --all-features || return 1
  done
  local feature
  for feature in deflate client http-body json connect tls hyper axum; do
    cargo check --quiet -p tidewire-tokio --features "$feature" || return 1
  done
  rustup target list --installed | grep -q '^x86_64-unknown-none$' || rustup target add x86_64-unknown-none || return 1
  for crate in "${NO_STD[@]}"; do
    cargo check --quiet -p "$crate" --no-default-features --target x86_64-unknown-none || return 1
  done
  cargo check --quiet -p tidewire-connection --features ws,sse --target x86_64-unknown-none &&
    cargo check --quiet -p tidewire-sse --features stream --target x86_64-unknown-none
}

step_sim() { cargo run --quiet --release -p tidewire-sim -- --seeds 50 --hours 1; }

step_transports() {
  cargo build --quiet --release -p tidewire && cargo build --quiet --release -p tidewire-bench --bin resume --bin stuck --bin siege || return 1
  local program
  for program in resume stuck; do
    TIDEWIRE_BIN="$PWD/target/release/tidewire" "target/release/$program" --quick || return 1
  done
  target/release/siege --quick
}

step_bench_smoke() {
  cargo bench --quiet -p tidewire-bench --benches -- --test &&
    cargo run --quiet --release -p tidewire-bench --bin hub_memory || return 1
  local program
  for program in echo fanout handshake deflate; do
    cargo run --quiet --release -p tidewire-bench --bin "$program" -- --quick || return 1
  done
}

step_clients() {
  local missing=()
  have curl || missing+=(curl)
  have node || missing+=(nodejs)
  have npm || missing+=(npm)
  have openssl || missing+=(openssl)
  python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
  have chromium || missing+=(chromium)
  [ ${#missing[@]} -eq 0 ] || apt_install "${missing[@]}" || return 1
  cargo build --quiet --release -p tidewire || return 1
  TIDEWIRE_BIN="$PWD/target/release/tidewire" crates/tidewire/tests/clients/run.sh
}

step_autobahn() {
  local status
  crates/tidewire-tokio/tests/autobahn/run.sh
  status=$?
  [ $status -eq 77 ] || return $status
  not_run "autobahn: CPython 2.7 is missing, and Debian no longer has it (docs/testing.md)"
}

step_fuzz() {
  if ! rustup toolchain list | grep -q '^nightly'; then
    # Nightly is no part of the promise; every corpus was replayed by the tests.
    NOT_RUN+=("fuzz: no nightly toolchain")
    return 0
  fi
  have cargo-fuzz || cargo install --quiet --locked cargo-fuzz || return 1
  cargo +nightly fuzz build -s none 2>target/fuzz.log || { tail -20 target/fuzz.log; return 1; }
  local targets target scratch
  targets=$(cargo +nightly fuzz list) || return 1
  local each=$((FUZZ_SECONDS / $(wc -w <<<"$targets") + 1))
  for target in $targets; do
    scratch="target/fuzz-smoke/$target"
    mkdir -p "$scratch"
    cargo +nightly fuzz run -s none "$target" "$scratch" "fuzz/corpus/$target" -- \
      -max_total_time=$each -rss_limit_mb=256 -timeout=1 >target/fuzz.log 2>&1 ||
      { tail -40 target/fuzz.log; return 1; }
    echo "$target: $(grep -E '^Done' target/fuzz.log)"
  done
}

if [ "${1:-}" = "--list" ]; then
  printf '%s\n' "${STEPS[@]}"
  exit 0
fi
[ $# -eq 0 ] || STEPS=("$@")
mkdir -p target
for step in "${STEPS[@]}"; do
  function="step_${step//-/_}"
  declare -F "$function" >/dev/null || { echo "no step is called $step; see ./test.sh --list"; exit 2; }
done

for step in "${STEPS[@]}"; do
  say "$step"
  begun=$SECONDS
  if "step_${step//-/_}"; then
    passed=$((passed + 1))
    echo "-- $step passed in $((SECONDS - begun)) s"
  else
    failed=$((failed + 1))
    echo "-- $step FAILED after $((SECONDS - begun)) s"
  fi
done

say "done in $((SECONDS - started)) s"
for line in "${NOT_RUN[@]:-}"; do
  [ -z "$line" ] || echo "did not run: $line"
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
