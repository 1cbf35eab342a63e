#!/usr/bin/env bash
# Clients that nobody here wrote, against the gateway: curl and Python's websockets, then npm's ws and eventsource
# and headless Chromium. TIDEWIRE_BIN is the gateway's binary.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../../.." && pwd)
: "${TIDEWIRE_BIN:?the path of the gateway binary}"
export TIDEWIRE_BIN

environment="$root/target/clients/python"
if ! [ -x "$environment/bin/pytest" ] || ! cmp -s "$here/requirements.txt" "$environment/requirements.txt"; then
  echo "installing the Python clients"
  rm -rf "$environment"
  mkdir -p "$(dirname "$environment")"
  python3 -m venv "$environment"
  "$environment/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$environment/requirements.txt"
fi
"$environment/bin/pytest" -q -p no:cacheprovider "$here"

modules="$root/target/clients/node"
if ! cmp -s "$here/package-lock.json" "$modules/package-lock.json" || ! [ -d "$modules/node_modules/ws" ]; then
  echo "installing the Node clients"
  mkdir -p "$modules"
  cp "$here/package.json" "$here/package-lock.json" "$modules/"
  npm ci --prefix "$modules" --silent --no-fund --no-audit --ignore-scripts
fi
# Debian 12 brings Node 18; the test runner's options and the clients want 20. npm has newer ones as a package.
node=node
if [ "$(node -p 'process.versions.node.split(".")[0]')" -lt 20 ]; then
  [ -x "$root/target/clients/node-22/node_modules/.bin/node" ] ||
    npm install --prefix "$root/target/clients/node-22" --silent --no-fund --no-audit node@22
  node="$root/target/clients/node-22/node_modules/.bin/node"
fi
# Modules are resolved from where a file lies, so the tests lie beside what they need.
cp "$here"/*.mjs "$modules/"
cd "$modules"
timeout -s KILL 180 "$node" --test --test-concurrency=1 --test-timeout=120000 ./*.test.mjs
