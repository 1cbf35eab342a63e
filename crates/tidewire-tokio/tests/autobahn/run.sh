#!/usr/bin/env bash
# The Autobahn test suite against the echo server: every core case (groups 1-7, 9, 10) must be OK or INFORMATIONAL,
# with a clean close. The suite is a Python 2 program: exit 77 when there is no CPython 2.7 to run it with.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../../.." && pwd)
environment="$root/target/autobahn/environment"
reports="$root/target/autobahn/reports"

python2() {
  local found
  if found=$(command -v pyenv) && found="$("$found" root)/versions/2.7.18/bin/python" && [ -x "$found" ]; then
    echo "$found"
  else
    command -v python2.7
  fi
}

if ! [ -x "$environment/bin/wstest" ]; then
  python=$(python2) || { echo "no CPython 2.7 for the Autobahn test suite"; exit 77; }
  echo "setting up the Autobahn test suite under target/autobahn"
  rm -rf "$environment" "$environment.boot"
  mkdir -p "$environment"
  export PYTHONWARNINGS=ignore PIP_DISABLE_PIP_VERSION_CHECK=1
  "$python" -m pip install --quiet --target "$environment.boot" virtualenv==20.15.1
  PYTHONPATH="$environment.boot" "$python" -m virtualenv --quiet -p "$python" "$environment"
  "$environment/bin/pip" install --quiet -r "$here/requirements-before.txt"
  "$environment/bin/pip" install --quiet --no-build-isolation Twisted==19.10.0
  "$environment/bin/pip" install --quiet --no-build-isolation 'autobahn[twisted,accelerate]==0.10.9' autobahntestsuite==25.10.1
fi

cd "$root"
cargo build --release --quiet -p tidewire-tokio --example echo_server
log=$(mktemp)
cargo run --release --quiet -p tidewire-tokio --example echo_server -- 127.0.0.1:0 >"$log" &
server=$!
trap 'kill "$server" 2>/dev/null || true; rm -f "$log"' EXIT
for _ in $(seq 100); do
  url=$(sed -n 's/^listening on //p' "$log")
  [ -n "$url" ] && break
  kill -0 "$server" || { echo "the echo server did not start"; exit 1; }
  sleep 0.1
done
[ -n "$url" ] || { echo "the echo server said no address"; exit 1; }

rm -rf "$reports"
mkdir -p "$reports"
cat >"$reports/spec.json" <<SPEC
{"outdir": "$reports", "servers": [{"agent": "tidewire", "url": "$url"}],
 "cases": ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*"],
 "exclude-cases": [], "exclude-agent-cases": {}}
SPEC
timeout 600 "$environment/bin/wstest" -m fuzzingclient -s "$reports/spec.json" >"$reports/log" 2>&1 ||
  { tail -20 "$reports/log"; exit 1; }
python3 "$here/check.py" "$reports/index.json" 301
