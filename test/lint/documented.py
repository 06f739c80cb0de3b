#!/usr/bin/env python3
"""Checks that each public name has a comment of its own, as Doxygen sees it: in include/sake/ and in the headers that
the build makes.

Usage: documented.py SOURCE_ROOT BUILD_ROOT. Without Doxygen it says so and skips.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SETTINGS = """
    QUIET = YES
    WARN_IF_UNDOCUMENTED = YES
    WARN_IF_DOC_ERROR = YES
    WARN_NO_PARAMDOC = NO
    WARN_FORMAT = "$file:$line: $text"
    JAVADOC_AUTOBRIEF = YES
    EXTRACT_ALL = NO
    EXTRACT_PRIVATE = NO
    EXTRACT_STATIC = YES
    HIDE_FRIEND_COMPOUNDS = YES
    ENABLE_PREPROCESSING = YES
    MACRO_EXPANSION = YES
    EXPAND_ONLY_PREDEF = YES
    PREDEFINED = SAKE_EXPORT= SAKE_HIDDEN=
    ALIASES = "everyone=&#64;everyone"
    EXCLUDE_SYMBOLS = sake::detail sake::detail::*
    CLASS_GRAPH = NO
    GENERATE_HTML = NO
    GENERATE_LATEX = NO
    GENERATE_XML = YES
    XML_PROGRAMLISTING = NO
"""

# What the language wants of iterators, coroutines and of what can be moved; each is what its name says everywhere.
BY_CUSTOM = re.compile(r"""Member\ (
    (value_type|difference_type|iterator_category)\ \(typedef\)
  | operator
  | (begin|end)\(\)
  | (await_\w+|initial_suspend|final_suspend|return_void|unhandled_exception|get_return_object)\(
  | (\w+)\(\5\ &&                       # Moved.
)|Compound\ .*::(promise_type|Awaiter)\ """, re.VERBOSE)


def warnings(doxygen, headers, folder):
    """Doxygen's complaints, a line each."""
    text = SETTINGS + f"\nOUTPUT_DIRECTORY = {folder}\nINPUT = " + " ".join(f'"{path}"' for path in headers)
    done = subprocess.run([doxygen, "-"], input=text, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        sys.exit(f"doxygen failed:\n{done.stdout}")
    # It repeats itself for what derives from a class, and for each specialisation of a template.
    found = {}
    for line in done.stdout.splitlines():
        place = re.match(r".*?:\d+(?=:)", line)
        if not BY_CUSTOM.search(line):
            found.setdefault(place[0] if place else line, line)
    return sorted(found.values())


def main():
    source, build = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    doxygen = shutil.which("doxygen")
    if not doxygen:
        print("SKIPPED: there is no doxygen")
        return 77
    headers = sorted([*(source / "include/sake").glob("*.h"), *(build / "include/sake").glob("*.h")])
    with tempfile.TemporaryDirectory() as folder:
        bad = warnings(doxygen, headers, folder)
    for line in bad:
        print(re.sub(rf"^({re.escape(str(source))}|{re.escape(str(build))})/", "", line))
    print(f"{len(headers)} headers, {len(bad)} complaints")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
