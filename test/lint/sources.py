#!/usr/bin/env python3
"""Checks that the build knows every source file, so that no test is forgotten and no file is left to rot.

Usage: sources.py SOURCE_ROOT BUILD_ROOT. Looks at lib/, test/ and tools/ for files to compile, and at include/sake/
for headers to install, and that each test in Python is run. Files of a part that this build leaves out are not missed.
"""

import json
import pathlib
import sys


# Left out of a build without TLS.
ONLY_WITH_TLS = {
    "lib/net/tls.cc",
    "test/fuzz/tls_filter_fuzz.cc",
    "test/integration/link_test.cc",
    "test/integration/tls_test.cc",
    "test/support/certificates.cc",
    "test/unit/net/tls_test.cc",
}


def main():
    source, build = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    built = set()
    for entry in json.loads((build / "compile_commands.json").read_text()):
        built.add((pathlib.Path(entry["directory"]) / entry["file"]).resolve())
    installed = {pathlib.Path(path).resolve() for path in json.loads((build / "meson-info/intro-installed.json").read_text())}
    options = {option["name"]: option["value"] for option in
               json.loads((build / "meson-info/intro-buildoptions.json").read_text())}

    folders = ["lib", "test/unit", "test/integration", "test/support"]
    if options["fuzz"] is not True:
        folders.append("test/fuzz")
    if options["tools"] != "disabled":
        folders.append("tools")
    if options["benchmarks"] != "disabled":
        folders.append("test/bench")

    has_tls = source / "lib/net/tls.cc" in built
    bad = []
    for folder in folders:
        for path in sorted((source / folder).rglob("*.cc")):
            if not has_tls and path.relative_to(source).as_posix() in ONLY_WITH_TLS:
                continue
            if path.resolve() not in built:
                bad.append(f"{path.relative_to(source)}: no meson.build lists it")
    if options["tools"] != "disabled":
        run = {word for entry in json.loads((build / "meson-info/intro-tests.json").read_text()) for word in entry["cmd"]}
        run = {(build / word).resolve() for word in run if word.endswith(".py")}
        for path in sorted((source / "test").rglob("*_test.py")):
            is_left_out = "bench" in path.parts and "test/bench" not in folders
            if path.resolve() not in run and not is_left_out:
                bad.append(f"{path.relative_to(source)}: no meson.build runs it")
    for path in sorted((source / "include/sake").glob("*.h")):
        if path.resolve() not in installed:
            bad.append(f"{path.relative_to(source)}: include/sake/meson.build does not install it")
    print(*bad, f"{len(built)} files are compiled, {len(bad)} are missed", sep="\n")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
