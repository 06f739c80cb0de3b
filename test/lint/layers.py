#!/usr/bin/env python3
"""Keeps the rooms of lib/ in order and each foreign library in the rooms that wrap it.

Usage: layers.py SOURCE_ROOT. Prints every #include that breaks a rule, and fails if there is one.
"""

import pathlib
import re
import sys

# A room may include itself and rooms of a lower rank; json and resp, and model and net, do not see each other.
RANK = {
    "base": 0,
    "json": 1,
    "resp": 1,
    "model": 2,
    "net": 2,
    "redis": 3,
    "store": 4,
    "resources": 5,
    "dispatch": 6,
    "cache": 7,
}

# Which files of lib/ may include a foreign header: a folder when it ends in a slash, else one file.
FOREIGN = [
    (re.compile(r"hiredis/"), ["lib/resp/reply_reader.cc"]),
    (re.compile(r"rapidjson/"), ["lib/json/"]),
    (re.compile(r"uv(\.h$|/)"), ["lib/net/", "lib/redis/", "lib/cache/"]),
    (re.compile(r"openssl/"), ["lib/net/tls.cc"]),
]

# hiredis is here for its reader. Its asynchronous client would bring blocking name resolution and reply trees back.
BANNED = re.compile(r"hiredis/(async\.h|adapters/)|hiredis/?(hiredis_)?ssl\.h|hiredis_ssl\.h")

# Except where it is what we are compared with.
COMPARED = {"test/bench/naive_clients.cc"}

INCLUDE = re.compile(r'\s*#\s*include\s*(["<])([^">]+)[">]')
SUFFIXES = {".h", ".hh", ".hpp", ".c", ".cc", ".cpp", ".inc"}


def sources(folder):
    return sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES)


def includes(path):
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        found = INCLUDE.match(line)
        if found:
            yield number, found[1] == '"', found[2]


def may_include(file, places):
    return any(file.startswith(place) if place.endswith("/") else file == place for place in places)


def complaint_in_lib(file, quoted, header):
    room = file.split("/")[1]
    first, slash, _ = header.partition("/")
    if slash and first in RANK:
        if first != room and RANK[first] >= RANK[room]:
            return f"{room}/ may not include {first}/"
        return None
    if quoted and first != "sake":
        return "our own headers are named from lib/, with their room"
    for pattern, places in FOREIGN:
        if pattern.match(header) and not may_include(file, places):
            return f"only {', '.join(places)} may include this"
    return None


def complaint_in_public_header(quoted, header):
    if quoted and not header.startswith("sake/"):
        return "a public header may include only public headers"
    if not quoted and header.startswith("sake/"):
        return "our own headers are included with quotes"
    if header.partition("/")[0] in RANK or any(pattern.match(header) for pattern, _ in FOREIGN):
        return "a public header may not need what users do not have"
    return None


def complaint_in_tool(path, tool_root, quoted, header):
    if quoted and not header.startswith("sake/"):
        is_shared = header.startswith("common/") and (tool_root.parent / header).is_file()
        if not is_shared and not any((place / header).is_file() for place in (path.parent, tool_root)):
            return "a tool has its own headers, those of tools/common/ and the public ones, nothing of lib/"
    elif header.partition("/")[0] in RANK:
        return "a tool has its own headers, those of tools/common/ and the public ones, nothing of lib/"
    return None


def main():
    root = pathlib.Path(sys.argv[1])
    bad = []
    seen = 0

    def check(path, judge):
        nonlocal seen
        seen += 1
        file = path.relative_to(root).as_posix()
        for number, quoted, header in includes(path):
            is_banned = BANNED.match(header) and file not in COMPARED
            why = "hiredis is used for its reader only" if is_banned else judge(file, quoted, header)
            if why:
                bad.append(f"{file}:{number}: {header}: {why}")

    for path in sources(root / "lib"):
        parts = path.relative_to(root / "lib").parts
        if len(parts) < 2 or parts[0] not in RANK:
            bad.append(f"lib/{'/'.join(parts)}: not in a room")
            continue
        check(path, complaint_in_lib)
    for path in sources(root / "include"):
        check(path, lambda _, quoted, header: complaint_in_public_header(quoted, header))
    for path in sources(root / "tools"):
        parts = path.relative_to(root / "tools").parts
        tool_root = root / "tools" / parts[0] if len(parts) > 1 else root / "tools"
        check(path, lambda _, quoted, header: complaint_in_tool(path, tool_root, quoted, header))
    for path in sources(root / "test"):
        check(path, lambda *_: None)

    print(*bad, f"{seen} files, {len(bad)} complaints", sep="\n")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
