#!/usr/bin/env python3
"""Lists what the shared library shows to those who link it, and fails if that is more than the public interface.

Usage: exports.py LIBRARY. Every symbol must be one of namespace sake itself, none of the rooms below it, and the
library must carry the name that programs ask the loader for.
"""

import re
import subprocess
import sys

SONAME = "libsake.so.0"
ROOMS = "base|json|model|resp|net|redis|store|resources|dispatch|cache|detail|test"

PUBLIC = re.compile(r"(?:(?:vtable|typeinfo|typeinfo name|VTT) for |(?:non-)?virtual thunk to )?sake::")
# Symbols start with their own name unless they are templates, so a room among the arguments is found too: what a user
# cannot name cannot be part of the interface. An Impl is exported along with its class unless it is marked SAKE_HIDDEN.
INNER = re.compile(rf"\bsake::(?:{ROOMS}|\(anonymous namespace\))::|^(?:[\w ]+ )?sake::(?:\w+::)*Impl::")


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def main():
    library = sys.argv[1]
    bad = 0

    soname = re.search(r"\(SONAME\).*\[(.*)\]", run("readelf", "--dynamic", "--wide", library))
    if not soname or soname[1] != SONAME:
        bad += 1
        print(f"SONAME is {soname[1] if soname else 'missing'} and should be {SONAME}")

    symbols = []
    for line in run("nm", "--dynamic", "--defined-only", "--demangle", library).splitlines():
        kind, name = line.split(" ", 2)[1:]
        symbols.append(name)
        if not PUBLIC.match(name) or INNER.search(name):
            bad += 1
            print(f"not public, but exported: {kind} {name}")
    if not symbols:
        bad += 1
        print("nothing is exported")
    print(*sorted(symbols), f"{len(symbols)} symbols, {bad} complaints", sep="\n")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
