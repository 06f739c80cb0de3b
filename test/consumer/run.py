#!/usr/bin/env python3
"""Builds the README's embedding example the way users do, and runs it.

The example is the first ```cpp block of README.md; it is run as `example ADDRESS`, where ADDRESS is that of a
redis-server of its own, and must end by itself with exit code 0. The first ```meson block of README.md is what the
example's project adds to its project() line: it must build the program from main.cc.

    subproject   meson finds sake in subprojects/, which must build neither tests nor tools
    installed    sake is installed into an empty folder and found through pkg-config, shared and static

The third mode is for the programs of docs/embedding.md:

    guide        a ```cpp block of the page is the file --guide, word for word, and --program, built from it, runs
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

SKIPPED = 77  # What meson takes for a skipped test.


def run(*command, **options):
    print("+", *map(str, command), flush=True)
    return subprocess.run([str(word) for word in command], check=True, stdin=subprocess.DEVNULL, **options)


def output_of(*command, **options):
    return run(*command, stdout=subprocess.PIPE, text=True, **options).stdout


def first_block(text, language):
    found = re.search(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return found[1] if found else None


@contextlib.contextmanager
def redis_server(folder):
    """A server without a port that dies with this script. Gives its address."""
    folder.mkdir()
    socket = folder / "redis.sock"
    command = ["redis-server", "--port", "0", "--unixsocket", socket, "--dir", folder, "--save", "", "--databases", "18"]
    if shutil.which("setpriv"):
        command = ["setpriv", "--pdeathsig", "KILL", *command]
    log = open(folder / "log", "w")
    server = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 20
        while not socket.exists():
            if server.poll() is not None or time.monotonic() > deadline:
                sys.exit("redis-server did not start:\n" + (folder / "log").read_text())
            time.sleep(0.01)
        yield f"unix://{socket}"
    finally:
        server.kill()
        server.wait()
        log.close()


def run_example(program, folder, environment=None):
    with redis_server(folder) as address:
        run(program, address, timeout=60, env={**os.environ, **(environment or {})})


def run_guide(source, page, guide, program, work):
    """The page holds the guide's program in one of its blocks, or it is all of them together."""
    blocks = re.findall(r"^```cpp\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    if guide.read_text(encoding="utf-8") not in [*blocks, "\n".join(blocks)]:
        sys.exit(f"{page} does not hold {guide.relative_to(source)} as it is: copy it there as cpp blocks")
    run_example(program, work / "redis")


def build_as_subproject(source, work, example, addition, cxx):
    project = work / "project"
    shutil.copytree(pathlib.Path(__file__).parent / "project", project)
    with open(project / "meson.build", "a") as build_file:
        build_file.write(addition)
    (project / "main.cc").write_text(example)
    (project / "subprojects").mkdir()
    (project / "subprojects/sake").symlink_to(source)

    build = project / "build"
    environment = {**os.environ, "CXX": " ".join(cxx)}
    # Another sake on this machine must not be mistaken for this one.
    run("meson", "setup", "--force-fallback-for=sake", "--buildtype=debug", "-Doptimization=0", build, project,
        env=environment)
    run("meson", "compile", "-C", build, "-j", "2")

    targets = json.loads(output_of("meson", "introspect", "--targets", build))
    programs = []
    for target in targets:
        if "subprojects/sake/t" in target["defined_in"]:
            sys.exit(f"as a subproject, sake builds {target['name']}")
        if target["type"] == "executable":
            programs.append(target)
    if json.loads(output_of("meson", "introspect", "--tests", build)):
        sys.exit("as a subproject, sake brings tests")
    if len(programs) != 1 or programs[0].get("subproject"):
        sys.exit(f"not one program but {[target['name'] for target in programs]}")
    run_example(programs[0]["filename"][0], work / "redis")


def build_with_installed(source, build, work, example, cxx):
    prefix = pathlib.Path(next(option["value"] for option in json.loads(
        output_of("meson", "introspect", "--buildoptions", build)) if option["name"] == "prefix"))
    destination = work / "install"
    # The example needs the library and its headers; what else the build has may not have been compiled.
    run("meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", destination, "--skip-subprojects",
        "--tags", "devel,runtime")
    (work / "main.cc").write_text(example)

    pkgconfig = sorted(destination.rglob("sake.pc"))
    if len(pkgconfig) != 1:
        sys.exit(f"sake.pc is installed {len(pkgconfig)} times")
    libraries = destination / pkgconfig[0].parent.parent.relative_to(destination)

    # The .pc file names the final prefix; what is asked about it is answered for the place it lies in now.
    environment = {**os.environ, "PKG_CONFIG_PATH": str(pkgconfig[0].parent)}
    staged_prefix = f"--define-variable=prefix={destination}{prefix}"

    def flags(*arguments):
        return output_of("pkg-config", staged_prefix, *arguments, "sake", "libuv", env=environment).split()

    shared = work / "shared"
    run(*cxx, "-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Werror", *flags("--cflags"), work / "main.cc", "-o",
        shared, *flags("--libs"))
    if "libsake.so.0" not in output_of("readelf", "--dynamic", shared):
        sys.exit("the program was to use libsake.so.0")
    run_example(shared, work / "redis-shared", {"LD_LIBRARY_PATH": str(libraries)})

    # Only sake itself is linked statically: the others need not come as archives.
    static = work / "static"
    archive = libraries / "libsake.a"
    others = [str(archive) if word == "-lsake" else word for word in flags("--libs", "--static")]
    if str(archive) not in others:
        sys.exit("pkg-config does not name the library")
    run(*cxx, "-std=c++20", *flags("--cflags"), work / "main.cc", "-o", static, *others)
    if "libsake" in output_of("readelf", "--dynamic", static):
        sys.exit("the program was to hold libsake.a")
    run_example(static, work / "redis-static")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=["subproject", "installed", "guide"])
    parser.add_argument("--source", type=pathlib.Path, required=True, help="the source tree of sake")
    parser.add_argument("--build", type=pathlib.Path, required=True, help="a build of it")
    parser.add_argument("--readme", type=pathlib.Path, help="the file with the example (default: README.md)")
    parser.add_argument("--cxx", nargs="+", default=["c++"], help="the compiler")
    parser.add_argument("--guide", type=pathlib.Path, help="the file of a guide")
    parser.add_argument("--page", default="embedding.md", help="the page of docs/ that holds it")
    parser.add_argument("--program", type=pathlib.Path, help="what was built from it")
    options = parser.parse_args()

    if options.mode == "guide":
        with tempfile.TemporaryDirectory(prefix="sake-guide-") as folder:
            run_guide(options.source, options.source / "docs" / options.page, options.guide.resolve(), options.program,
                      pathlib.Path(folder))
        return 0

    readme = options.readme or options.source / "README.md"
    if not readme.exists():
        print(f"SKIPPED: there is no {readme}, so there is no example to build")
        return SKIPPED
    text = readme.read_text(encoding="utf-8")
    example, addition = first_block(text, "cpp"), first_block(text, "meson")
    if example is None or addition is None:
        sys.exit(f"{readme} lacks a cpp or a meson block")

    with tempfile.TemporaryDirectory(prefix="sake-consumer-") as folder:
        work = pathlib.Path(folder)
        if options.mode == "subproject":
            build_as_subproject(options.source, work, example, addition, options.cxx)
        else:
            build_with_installed(options.source, options.build, work, example, options.cxx)
    return 0


if __name__ == "__main__":
    sys.exit(main())
