#!/usr/bin/env python3
"""Looks for what belongs to somebody's machine: absolute paths of it in files that are or would be committed.

Usage: words.py SOURCE_ROOT.
"""

import pathlib
import re
import subprocess
import sys

# A path below a folder of people or of their checkouts. What stands before the first slash must not make it a part of
# a longer path or of a URL.
PRIVATE = re.compile(rb"(?<![\w.:/})>$*~-])/(?:(?:home|root|mnt|Users)/[\w.]|(?:work|workspace)\b)")
BINARY = {".gz", ".png", ".zst"}


def files(root):
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if listed.returncode == 0:
        return sorted(root / name.decode() for name in listed.stdout.split(b"\0") if name)
    # A release is no git checkout; there the folders that git ignores are told by their names.
    return sorted(path for path in root.rglob("*")
                  if path.is_file() and not path.relative_to(root).parts[0].startswith("build"))


def main():
    root = pathlib.Path(sys.argv[1])
    bad = []
    seen = 0
    for path in files(root):
        if path.suffix in BINARY or not path.is_file() or path.is_symlink():
            continue
        seen += 1
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            found = PRIVATE.search(line)
            if found:
                bad.append(f"{path.relative_to(root)}:{number}: a path of one machine: "
                           f"{line[found.start():found.start() + 60].decode(errors='replace')}")
    print(*bad, f"{seen} files, {len(bad)} complaints", sep="\n")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
