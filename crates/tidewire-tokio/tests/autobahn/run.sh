#!/usr/bin/env bash
# The Autobahn test suite against the echo server and against the client: every case must be OK or INFORMATIONAL, with a
# clean close. `run.sh` runs the core cases and sub-cases 1-8 of each compression group; `run.sh all` runs all 517 and
# writes the table into docs/conformance/. The suite is a Python 2 program: exit 77 when there is no CPython 2.7.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../../.." && pwd)
environment="$root/target/autobahn/environment"

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
cargo build --release --quiet -p tidewire-tokio --features deflate --example echo_server
cargo build --release --quiet -p tidewire-ws --features deflate --example autobahn_client
exec python3 "$here/run.py" "${1:-quick}"
