#!/usr/bin/env python3
"""Adds up what `meson test` wrote: testlog.json of a build folder.

Usage: count_tests.py TESTLOG. The last line is `PASSED FAILED SKIPPED`, what failed or was skipped is named before it.
A program of doctest cases counts with its cases, as does one whose output ends with such a sum as `3 passed, 0 failed`.
Any other test counts as one.
"""

import json
import re
import sys

SUMMARY = re.compile(r"\[doctest\] test cases:\s*\d+\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed\s*\|(?:\s*(\d+) skipped)?")
SUM = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*\Z", re.MULTILINE)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def count(entry):
    result = entry["result"]
    if result == "SKIP":
        return 0, 0, 1
    well = result in ("OK", "EXPECTEDFAIL")
    output = COLOUR.sub("", entry.get("stdout") or "")
    cases = SUMMARY.findall(output) or SUM.findall(output)
    if not cases:
        return int(well), int(not well), 0
    passed, failed, skipped = (int(number or 0) for number in cases[-1])
    # A program that ends badly after its last case, or whose checks fail outside of one, has failed all the same.
    return passed, failed if failed or well else 1, skipped


def main():
    total = [0, 0, 0]
    with open(sys.argv[1], encoding="utf-8") as log:
        for line in log:
            entry = json.loads(line)
            passed, failed, skipped = count(entry)
            total = [total[0] + passed, total[1] + failed, total[2] + skipped]
            if failed or skipped:
                print(f"{entry['name']}: {entry['result']}, {failed} failed, {skipped} skipped")
    print(*total)


if __name__ == "__main__":
    main()
