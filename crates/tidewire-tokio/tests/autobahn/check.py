"""Judges an Autobahn report: every case OK or INFORMATIONAL, every close clean, and none missing."""

import collections
import json
import sys

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
}


def main(path, expected):
    with open(path, encoding="utf-8") as report:
        ((agent, cases),) = json.load(report).items()
    groups = collections.defaultdict(collections.Counter)
    bad = []
    for case, result in cases.items():
        groups[case.split(".")[0]][result["behavior"]] += 1
        if {result["behavior"], result["behaviorClose"]} - {"OK", "INFORMATIONAL"}:
            bad.append(f"{case}: {result['behavior']}, close {result['behaviorClose']}")
    print("| Group | OK | INFORMATIONAL | other |\n|---|---|---|---|")
    for group in sorted(groups, key=int):
        counts = groups[group]
        other = sum(counts.values()) - counts["OK"] - counts["INFORMATIONAL"]
        print(f"| {group} {GROUPS.get(group, '')} | {counts['OK']} | {counts['INFORMATIONAL']} | {other} |")
    print(f"{len(cases)} cases of {agent}, {len(bad)} bad")
    for line in bad:
        print(line)
    if len(cases) != expected:
        print(f"expected {expected} cases")
    return 1 if bad or len(cases) != expected else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
