#!/usr/bin/env python3
"""Checks that each header of include/sake/ and lib/ compiles alone, and twice in one file, and that the public ones, those
that the build makes among them, include nothing that a program with sake need not have.

Of lib/ those that are not included first by a source of their own name: the build compiles these alone.

Usage: headers.py SOURCE_ROOT BUILD_ROOT. The compiler and its options are those of the build, taken from its
compile_commands.json. Public headers see nothing but include/, as they do at a user's.
"""

import concurrent.futures
import json
import pathlib
import re
import shlex
import subprocess
import sys

JOBS = 2
# Of libraries behind the interface, wherever they are installed.
HIDDEN = re.compile(r"[/\s]((?:uv|uv/\w+|hiredis/\w+|hiredis|rapidjson/\w+|openssl/\w+)\.h)\b")


def compile_command(build):
    """The options with which the build compiles lib/, without the names of files."""
    for entry in json.loads((build / "compile_commands.json").read_text()):
        if "sake-core" not in entry.get("output", ""):
            continue
        words = iter(shlex.split(entry["command"]))
        kept = []
        for word in words:
            if word in ("-o", "-MF", "-MQ", "-MT", "-c"):
                next(words)
            elif word not in ("-MD", "-MMD"):
                kept.append(word)
        return [word for word in kept if word != entry["file"]]
    sys.exit("the build has no file of lib/ to take the options from")


def compile_alone(command, build, header):
    text = f'#include "{header}"\n#include "{header}"\n'
    done = subprocess.run(
        [*command, "-fdiagnostics-color=never", "-fsyntax-only", "-x", "c++", "-"],
        input=text, cwd=build, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode or not header.startswith("sake/"):
        return header, done.returncode, done.stdout
    included = subprocess.run([*command, "-M", "-x", "c++", "-"], input=text, cwd=build, text=True,
                              stdout=subprocess.PIPE, check=True).stdout
    found = sorted(set(HIDDEN.findall(included)))
    return header, len(found), "\n".join(f"it includes {name}" for name in found)


def is_first_in_its_source(header):
    """Whether the build compiles it alone already: foo.cc begins with an include of foo.h."""
    source = header.with_suffix(".cc")
    if not source.exists():
        return False
    first = re.search(r'^#include "(.+)"', source.read_text(), re.MULTILINE)
    return bool(first) and header.as_posix().endswith("/" + first[1]) and "#pragma once" in header.read_text()


def main():
    source, build = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    command = compile_command(build)
    public = [word for word in command if not word.startswith(("-I", "-isystem"))]
    public += [f"-I{source / 'include'}", f"-I{build / 'include'}"]

    generated = (build / "include/sake").glob("*.h")
    work = [(public, f"sake/{path.name}") for path in sorted([*(source / "include/sake").glob("*.h"), *generated])]
    work += [(command, path.relative_to(source / "lib").as_posix()) for path in sorted((source / "lib").rglob("*.h"))
             if not is_first_in_its_source(path)]
    bad = 0
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for header, code, output in pool.map(lambda job: compile_alone(job[0], build, job[1]), work):
            if code:
                bad += 1
                print(f"{header} does not stand alone:\n{output}")
    print(f"{len(work)} headers, {bad} of them do not stand alone")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
