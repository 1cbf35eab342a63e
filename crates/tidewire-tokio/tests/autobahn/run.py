"""Runs the Autobahn suite in shards against the echo server and the client, and judges its reports."""

import collections
import contextlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[4]
WORK = ROOT / "target" / "autobahn"
WSTEST = WORK / "environment" / "bin" / "wstest"
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "examples"
TIMEOUT = 3600

CORE = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "9.*", "10.*"]
GROUPS = {
    "1": "framing",
    "2": "pings and pongs",
    "3": "reserved bits",
    "4": "opcodes",
    "5": "fragmentation",
    "6": "UTF-8",
    "7": "close handling",
    "9": "limits and performance",
    "10": "auto-fragmentation",
    "12": "compression: payloads",
    "13": "compression: parameters",
}


def compression(group, sets, cases):
    return [f"{group}.{number}.{case}" for number in sets for case in cases]


# The shards of each way to run, and how many cases they come to.
QUICK = [CORE, compression(12, range(1, 6), range(1, 9)) + compression(13, range(1, 8), range(1, 9))]
ALL = [
    CORE + compression(12, [1], range(1, 19)),
    compression(12, range(2, 6), range(1, 19)),
    compression(13, range(1, 5), range(1, 19)),
    compression(13, range(5, 8), range(1, 19)),
]
WAYS = {"quick": (QUICK, 397), "all": (ALL, 517)}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port):
    for _ in range(300):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise SystemExit(f"nobody listens on port {port}")


def spec(folder, extra, cases):
    folder.mkdir(parents=True)
    path = folder / "spec.json"
    path.write_text(
        json.dumps({"outdir": str(folder), "cases": cases, "exclude-cases": [], "exclude-agent-cases": {}, **extra})
    )
    return path


def server_shards(processes, shards, reports, arguments):
    """The suite plays the client."""
    server = subprocess.Popen([TARGET / "echo_server", "127.0.0.1:0", *arguments], stdout=subprocess.PIPE, text=True)
    processes.callback(server.kill)
    url = server.stdout.readline().strip().removeprefix("listening on ")
    for number, cases in enumerate(shards):
        folder = reports / f"server-{number}"
        path = spec(folder, {"servers": [{"agent": "tidewire", "url": url}]}, cases)
        log = open(folder / "log", "w", encoding="utf-8")
        yield folder, subprocess.Popen([WSTEST, "-m", "fuzzingclient", "-s", path], stdout=log, stderr=log)


def client_shards(processes, shards, reports, arguments):
    """The suite plays the server."""
    for number, cases in enumerate(shards):
        folder, port = reports / f"client-{number}", free_port()
        path = spec(folder, {"url": f"ws://127.0.0.1:{port}"}, cases)
        log = open(folder / "log", "w", encoding="utf-8")
        suite = subprocess.Popen([WSTEST, "-m", "fuzzingserver", "-s", path, "-u", "0"], stdout=log, stderr=log)
        processes.callback(suite.kill)
        wait_for(port)
        yield folder, subprocess.Popen([TARGET / "autobahn_client", f"127.0.0.1:{port}", *arguments], stdout=log, stderr=log)


def judge(role, folders, expected):
    """The table of one role, and whether every case is as it should be."""
    groups, bad, count = collections.defaultdict(collections.Counter), [], 0
    for folder in folders:
        index = folder / "index.json"
        if not index.exists():
            bad.append(f"no report of {folder.name}; the end of its log:\n{(folder / 'log').read_text()[-2000:]}")
            continue
        ((_, cases),) = json.loads(index.read_text()).items()
        count += len(cases)
        for case, result in cases.items():
            groups[case.split(".")[0]][result["behavior"]] += 1
            if {result["behavior"], result["behaviorClose"]} - {"OK", "INFORMATIONAL"}:
                bad.append(f"{case}: {result['behavior']}, close {result['behaviorClose']}")
    lines = [f"| {role}: group | OK | INFORMATIONAL | other |", "|---|---|---|---|"]
    for group in sorted(groups, key=int):
        counts = groups[group]
        other = sum(counts.values()) - counts["OK"] - counts["INFORMATIONAL"]
        lines.append(f"| {group} {GROUPS[group]} | {counts['OK']} | {counts['INFORMATIONAL']} | {other} |")
    if count != expected:
        bad.append(f"expected {expected} cases, got {count}")
    lines += ["", f"{count} cases, {len(bad)} bad.", *bad, ""]
    return "\n".join(lines), not bad


def main(way):
    shards, expected = WAYS[way]
    reports = WORK / "reports"
    shutil.rmtree(reports, ignore_errors=True)
    tables, fine = [], True
    # The full run takes the context over on both sides, too.
    settings = [("", [])] if way == "quick" else [("", []), (", context taken over", ["--takeover"])]
    for name, arguments in settings:
        with contextlib.ExitStack() as processes:
            place = reports / ("takeover" if arguments else "plain")
            roles = {
                "Server": list(server_shards(processes, shards, place, arguments)),
                "Client": list(client_shards(processes, shards, place, arguments)),
            }
            deadline = time.monotonic() + TIMEOUT
            for _, run in roles["Server"] + roles["Client"]:
                processes.callback(run.kill)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    run.wait(max(0, deadline - time.monotonic()))
            for role, runs in roles.items():
                table, good = judge(role + name, [folder for folder, _ in runs], expected)
                tables.append(table)
                fine = fine and good
    print("\n".join(tables))
    if way == "all" and fine:
        head = (
            "# Autobahn test suite\n\n"
            "`crates/tidewire-tokio/tests/autobahn/run.sh all`, autobahntestsuite 25.10.1: the server is\n"
            "`tidewire-tokio/examples/echo_server`, the client `tidewire-ws/examples/autobahn_client`, both with\n"
            "permessage-deflate for messages of any length. INFORMATIONAL are 7.1.6, 7.13.1 and 7.13.2, for everybody.\n\n"
        )
        page = ROOT / "docs" / "conformance" / "autobahn.md"
        page.parent.mkdir(exist_ok=True)
        page.write_text(head + "\n".join(tables))
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
