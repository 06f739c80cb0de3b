"""What tests of programs share: how a test is written, and a client for Redis."""

import contextlib
import socket
import sys
import tempfile
import time

DEADLINE = 30
TESTS = []


def test(function):
    TESTS.append(function)
    return function


def expect(condition, *context):
    if not condition:
        raise AssertionError(" ".join(str(each) for each in context))


def expect_equal(found, wanted, *context):
    expect(found == wanted, f"found {found!r}, wanted {wanted!r}", *context)


def wait_for(condition, what):
    deadline = time.monotonic() + DEADLINE
    while not (result := condition()):
        expect(time.monotonic() < deadline, "waited in vain for", what)
        time.sleep(0.01)
    return result


class Redis:
    """A client, for commands whose answers are short."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(path)
        self.answers = self.socket.makefile("rb")

    def ask(self, *command):
        words = [str(word).encode() for word in command]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        return self.answer()

    def answer(self):
        line = self.answers.readline().decode().strip()
        if line[:1] == ":":
            return int(line[1:])
        if line in ("$-1", "*-1"):
            return None
        if line[:1] == "$":
            return self.answers.read(int(line[1:]) + 2)[:-2].decode()
        if line[:1] == "*":
            return [self.answer() for _ in range(int(line[1:]))]
        return line

    def shut_down(self):
        self.socket.sendall(b"SHUTDOWN NOSAVE\r\n")
        return self.answers.read()

    def ask_in(self, database, *command):
        self.ask("SELECT", database)
        return self.ask(*command)


def run_tests(prefix, place_type):
    """Runs the tests whose names hold a word of the command line, each in a fresh place_type(directory)."""
    wanted = sys.argv[1:]
    failed = passed = 0
    for function in TESTS:
        title = function.__name__.replace("_", " ")
        if wanted and not any(word in function.__name__ for word in wanted):
            continue
        with tempfile.TemporaryDirectory(prefix=prefix) as root, contextlib.closing(place_type(root)) as place:
            began = time.monotonic()
            try:
                remark = function(place)
                passed += 1
                print(f"ok      {title} ({time.monotonic() - began:.1f} s){': ' + remark if remark else ''}", flush=True)
            except Exception as problem:  # One test must not keep the others from running.
                failed += 1
                print(f"FAILED  {title}: {type(problem).__name__}: {problem}", flush=True)
    print(f"{passed} passed, {failed} failed")
    return failed != 0
