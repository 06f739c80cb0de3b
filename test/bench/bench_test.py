#!/usr/bin/env python3
"""Runs each subcommand of sake-bench at its smallest size and looks at the JSON it writes.

Usage: bench_test.py SAKE_BENCH SUBCOMMAND... What the figures say does not matter here.
"""

import json
import math
import pathlib
import subprocess
import sys
import tempfile

# Figures that have to be there, by subcommand: of a section whose name begins so.
WANTED = {
    "figures": [("steady log", "allocations"), ("steady log", "commands"), ("longest turn", "one large frame")],
    "limit": [("all guilds alike: start-up", "live / blast, wall"), ("all guilds alike: steady", "commands"),
              ("30 % in one guild: steady", "engine / redis-server, CPU")],
    "naive": [("all guilds alike: steady", "events per second, live / one awaited"),
              ("all guilds alike: start-up", "CPU of redis-server, live / one awaited")],
    "scale": [("guilds", "8 / 2 guilds, CPU of the engine"), ("reactions", "one / spread, wall"),
              ("partial members", "one / spread, CPU of the engine"), ("frames", "1 MB, longest turn")],
    "reads": [("at rest", "get_member, 16 outstanding, p99"), ("at rest", "walk over 1000 members, p50"),
              ("beside the log of another process", "get_member, 1 outstanding, p50 / at rest"),
              ("beside a log in the same process", "get_member, 256 outstanding, per second")],
    "json": [("GUILD_CREATE", "slices / DOM, speed"), ("MESSAGE_CREATE", "DOM")],
    "memory": [("one resource alone", "member, in Redis"), ("one resource alone", "message, JSON")],
    "models": [("members", "all fields of a fresh text"), ("members", "one field of a fresh text, to RapidJSON")],
    "tcp": [("all guilds alike: steady", "TCP / Unix socket, wall")],
    "tls": [("all guilds alike: steady", "TLS / Unix socket, CPU of redis-server")],
}


def complaints(subcommand, found):
    if found["subcommand"] != subcommand:
        yield f"it says it is {found['subcommand']}"
    for name in ("processor", "redis_server", "compiler", "load_average"):
        if name not in found["machine"]:
            yield f"the machine has no {name}"
    figures = [(section["name"], figure) for section in found["sections"] for figure in section["figures"]]
    for section, figure in figures:
        samples = figure["samples"]
        is_sound = all(isinstance(value, (int, float)) and math.isfinite(value) and value >= 0 for value in samples)
        if not samples or not is_sound or not figure["minimum"] <= figure["median"] <= figure["maximum"]:
            yield f"{section}: {figure['name']} is {samples}"
    for section, name in WANTED[subcommand]:
        # What was measured is above zero, but for what ought to be zero.
        if not any(at.startswith(section) and figure["name"] == name and (figure["median"] > 0 or name == "allocations")
                   for at, figure in figures):
            yield f"{section}: there is no {name}"
    if found["bounds_missed"] != 0:
        yield "it holds such small runs to bounds"


def main():
    program, subcommands = sys.argv[1], sys.argv[2:]
    bad = []
    with tempfile.TemporaryDirectory() as folder:
        for subcommand in subcommands:
            file = pathlib.Path(folder) / f"{subcommand}.json"
            run = subprocess.run([program, subcommand, "--small", "--check", "--json", str(file)], timeout=120,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            if run.returncode != 0:
                bad.append(f"{subcommand}: it ended with {run.returncode}\n{run.stdout}")
                continue
            bad += [f"{subcommand}: {text}" for text in complaints(subcommand, json.loads(file.read_text()))]
        wrong = subprocess.run([program, "nothing"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        if wrong.returncode != 2:
            bad.append(f"an unknown subcommand ended with {wrong.returncode}")
    print(*bad, f"{len(subcommands)} subcommands, {len(bad)} complaints", sep="\n")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
