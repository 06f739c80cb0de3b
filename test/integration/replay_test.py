#!/usr/bin/env python3
"""Runs sake-replay as its users do: exit codes, inputs, outputs, signals, and the private server's life.

SAKE_REPLAY names the program. Prints a line per test and at the end `N passed, N failed`.
"""

import contextlib
import fcntl
import gzip
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
import zlib

from programs import DEADLINE, Redis, expect, expect_equal, run_tests, test, wait_for

REPLAY = os.environ.get("SAKE_REPLAY", "sake-replay")

GUILD = "613425648685547541"
CHANNEL = "613425648685547542"
FRAME_BYTES_MAX = 256 << 20


# What logs are made of.


def user(number):
    return {"id": str(80351110224678912 + number), "username": f"user{number}", "discriminator": "0", "avatar": None}


def message(number, sequence=None, text="hello", **beside):
    data = {
        "id": str(1054000000000000000 + number),
        "channel_id": CHANNEL,
        "guild_id": GUILD,
        "author": user(number % 50),
        "content": text,
        "timestamp": "2022-12-18T10:00:00.000000+00:00",
        "edited_timestamp": None,
        "type": 0,
        "mentions": [],
        "attachments": [],
        "embeds": [],
    }
    frame = {"t": "MESSAGE_CREATE", "s": number + 1 if sequence is None else sequence, "op": 0, "d": data}
    return json.dumps({**frame, **beside})


def messages(count, **options):
    return [message(number, **options) for number in range(count)]


def guild_create(guild, sequence):
    data = {
        "id": guild, "name": "a guild", "owner_id": user(1)["id"], "member_count": 0, "large": False,
        "unavailable": False, "joined_at": "2020-01-01T00:00:00+00:00", "features": [], "roles": [], "emojis": [],
        "stickers": [], "channels": [], "threads": [], "members": [], "presences": [], "voice_states": [],
        "stage_instances": [], "guild_scheduled_events": [], "soundboard_sounds": [],
    }
    return json.dumps({"t": "GUILD_CREATE", "s": sequence, "op": 0, "d": data})


def ready(shard=None, sequence=1):
    data = {"v": 10, "user": user(0), "guilds": [], "session_id": "a session",
            "resume_gateway_url": "wss://gateway.discord.gg", "application": {"id": "1", "flags": 0}}
    if shard is not None:
        data["shard"] = shard
    return json.dumps({"t": "READY", "s": sequence, "op": 0, "d": data})


def text_of(lines):
    return "".join(line + "\n" for line in lines).encode()


def zstandard(data):
    """A Zstandard frame whose blocks are not compressed: enough for a decoder, and made without a library."""
    frame = b"\x28\xb5\x2f\xfd" + bytes([0x00, 0x50])
    blocks = [data[at:at + 100_000] for at in range(0, len(data), 100_000)] or [b""]
    for block in blocks:
        header = len(block) << 3 | (block is blocks[-1])
        frame += header.to_bytes(3, "little") + block
    return frame


# How the program is run.


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_sanitized():
    program = shutil.which(REPLAY)
    return program is not None and b"__asan_init" in pathlib.Path(program).read_bytes()


def expect_memory(run, bound):
    """Sanitizers need memory of their own."""
    found = run.stats["peak_resident_bytes"]
    expect(found <= bound or is_sanitized(), f"resident memory came to {found / 2**20:.0f} MiB")


class Run:
    """A finished run: its exit code, what it printed, and its --stats."""

    def __init__(self, code, out, err, stats):
        self.code, self.out, self.err, self.stats = code, out.decode(), err.decode(), stats

    def __str__(self):
        return f"\nexit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"

    def outcomes(self):
        return self.stats["outcomes"]


class Place:
    """A fresh directory in which one test runs; the program makes its own directories in there too."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        (self.root / "tmp").mkdir()
        self.environment = {**os.environ, "TMPDIR": str(self.root / "tmp")}
        self.processes = []

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.communicate()
        for path in (self.root / "tmp").glob("*/redis.sock"):
            with contextlib.suppress(OSError):
                Redis(str(path)).shut_down()

    def file(self, name, content):
        path = self.root / name
        path.write_bytes(content if isinstance(content, bytes) else text_of(content))
        return path

    def start(self, *arguments, stdin=subprocess.DEVNULL):
        process = subprocess.Popen([REPLAY, *map(str, arguments)], stdin=stdin, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=self.environment)
        self.processes.append(process)
        return process

    def finish(self, process, stats=None, stdin=None):
        out, err = process.communicate(stdin, timeout=DEADLINE)
        written = json.loads(stats.read_text()) if stats is not None and stats.exists() and stats.stat().st_size else None
        return Run(process.returncode, out, err, written)

    def run(self, *arguments, stdin=None):
        """Runs with --stats added, unless it is among the arguments."""
        stats = self.root / "stats.json"
        stats.unlink(missing_ok=True)
        if "--stats" not in arguments:
            arguments = ("--stats", stats, *arguments)
        process = self.start(*arguments, stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE)
        return self.finish(process, stats, stdin)

    def left_over(self):
        return [str(path) for path in (self.root / "tmp").iterdir()]


def parent_of(process):
    with contextlib.suppress(OSError):
        return int(pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    return None


def is_running(process):
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def children_of(process):
    return [int(each.name) for each in pathlib.Path("/proc").iterdir()
            if each.name.isdigit() and parent_of(each.name) == process]


def socket_of(server):
    """Where a redis-server listens; it says so in its title once it does."""
    title = pathlib.Path(f"/proc/{server}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    found = re.search(r"unixsocket:(\S+)", title)
    return found and pathlib.Path(found[1]).exists() and found[1]


def unread_bytes(pipe):
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0\0\0\0"))[0]


def is_pending(process, number):
    """Whether a signal was sent and not taken yet."""
    status = pathlib.Path(f"/proc/{process}/status").read_text()
    return any(int(mask, 16) >> (number - 1) & 1 for mask in re.findall(r"^(?:Sig|Shd)Pnd:\s*(\w+)", status, re.M))


@contextlib.contextmanager
def kept_server(place, *arguments):
    """A server left by --keep after a replay of `arguments`; its run, the path of its socket and a client."""
    run = place.run("--keep", *arguments)
    expect_equal(run.code, 0, run)
    path = re.search(r"redis-cli -s (\S+) shutdown nosave", run.out)
    expect(path, "no word on how to stop the server", run)
    client = Redis(path[1])
    try:
        yield run, path[1], client
    finally:
        expect_equal(client.shut_down(), b"", "the server did not stop")


# Inputs.


@test
def a_good_log_ends_with_exit_code_0_and_a_table(place):
    run = place.run(place.file("log", messages(20)))
    expect_equal(run.code, 0, run)
    expect(re.search(r"^MESSAGE_CREATE +20 +0 +0 +0$", run.out, re.M), "no row for the event", run)
    for row in ("total", "user", "wall time", "events per second", "engine CPU", "redis-server CPU", "peak resident"):
        expect(row in run.out, f"no row {row!r}", run)
    expect_equal(run.outcomes(), {"applied": 20, "ignored": 0, "rejected": 0, "failed": 0})
    expect_equal(place.left_over(), [])


@test
def gzip_and_zstandard_are_told_by_content_and_may_come_in_pieces(place):
    first, second = text_of(messages(500)[:250]), text_of(messages(500)[250:])
    for name, content in (("plain.gz", first + second), ("gzip", gzip.compress(first + second)),
                          ("gzips.zst", gzip.compress(first[:777]) + gzip.compress(first[777:] + second)),
                          ("zstandard", zstandard(first + second)), ("frames.txt", zstandard(first) + zstandard(second))):
        run = place.run(place.file(name, content))
        expect_equal(run.code, 0, name, run)
        expect_equal(run.outcomes()["applied"], 500, name)
        expect_equal(run.stats["log_bytes"], len(content), name)
        expect_equal(run.stats["text_bytes"], len(first + second), name)


@test
def the_projects_sample_is_replayed(place):
    sample = pathlib.Path(os.environ.get("SAKE_SOURCE_ROOT", ".")) / "test/data/sample.ndjson.zst"
    if not sample.exists():
        return "skipped: there is no " + str(sample)
    run = place.run(sample)
    expect_equal(run.code, 0, run)
    expect(run.outcomes()["applied"] > 0, run)


@test
def what_is_not_wanted_is_not_stored(place):
    frames = [json.loads(message(number)) for number in range(4)]
    wanted, bot, webhook, other = (frame["d"] for frame in frames)
    bot["author"]["bot"] = True
    webhook["webhook_id"] = "7"
    other["guild_id"] = "5"
    log = place.file("log", [json.dumps(frame) for frame in frames])
    options = ("--no-bots", "--no-webhook-messages", "--only-guild", GUILD, "--drop", "message=content",
               "--keep", "user=username")
    with kept_server(place, *options, log) as (run, _, client):
        expect_equal(run.outcomes(), {"applied": 3, "ignored": 1, "rejected": 0, "failed": 0})
        expect_equal(client.ask_in(10, "DBSIZE"), 2, "messages")
        expect_equal(client.ask_in(7, "DBSIZE"), 1, "users")
        stored = json.loads(client.ask_in(10, "GET", wanted["id"]))
        expect("content" not in stored and "author" in stored, stored)
        expect_equal(json.loads(client.ask_in(7, "GET", user(0)["id"])), {"id": user(0)["id"], "username": "user0"})


@test
def standard_input_may_be_compressed_and_arrive_byte_by_byte(place):
    log = gzip.compress(text_of(messages(3)))
    stats = place.root / "stats.json"
    process = place.start("--stats", stats, "-", stdin=subprocess.PIPE)
    for at in range(len(log)):
        process.stdin.write(log[at:at + 1])
        process.stdin.flush()
    run = place.finish(process, stats)
    expect_equal(run.code, 0, run)
    expect_equal(run.outcomes()["applied"], 3)
    run = place.run("-", stdin=text_of(messages(3)))
    expect_equal((run.code, run.outcomes()["applied"]), (0, 3), run)


@test
def standard_input_stays_as_it_was_for_those_who_share_it(place):
    reading, writing = os.pipe()
    with open(writing, "wb") as writer:
        process = place.start("-", stdin=reading)
        writer.write(text_of(messages(3)))
    run = place.finish(process)
    expect_equal(run.code, 0, run)
    expect(os.get_blocking(reading), "it was made non-blocking")
    os.close(reading)


@test
def a_named_pipe_is_waited_for(place):
    pipe = place.root / "pipe"
    os.mkfifo(pipe)
    stats = place.root / "stats.json"
    process = place.start("--stats", stats, pipe)
    pipe.write_bytes(text_of(messages(4)))  # Opening it waits for the reader.
    run = place.finish(process, stats)
    expect_equal((run.code, run.outcomes()["applied"]), (0, 4), run)


@test
def blank_lines_carriage_returns_and_a_missing_last_newline_do_no_harm(place):
    log = b"\n \r\n" + text_of(messages(3)).replace(b"\n", b"\r\n") + b"\n\t\n" + message(3).encode()
    run = place.run(place.file("log", log))
    expect_equal((run.code, run.stats["frames"], run.outcomes()["applied"]), (0, 4, 4), run)
    run = place.run(place.file("empty", b""))
    expect_equal((run.code, run.stats["frames"]), (0, 0), run)


@test
def long_lines_among_short_ones_are_whole(place):
    sizes = [10, 6_000_000, 20, 300_000, 9_000_000, 9_000_000, 30, 131_072, 10]
    log = text_of(message(number, text="x" * size) for number, size in enumerate(sizes))
    for content in (log, gzip.compress(log, 1)):
        run = place.run(place.file("log", content))
        expect_equal((run.code, run.outcomes()["applied"]), (0, len(sizes)), run)
        expect_equal(run.stats["text_bytes"], len(log))
    run = place.run("-", stdin=log)
    expect_equal((run.code, run.outcomes()["applied"]), (0, len(sizes)), run)


@test
def frames_without_op_are_dispatches_and_other_frames_are_ignored(place):
    bare = [json.dumps({"t": "MESSAGE_CREATE", "d": json.loads(message(n))["d"]}) for n in range(2)]
    log = ['{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":41250}}', '{"t":null,"s":null,"op":11,"d":null}', *bare]
    run = place.run(place.file("log", log))
    expect_equal(run.code, 0, run)
    expect_equal(run.outcomes(), {"applied": 2, "ignored": 2, "rejected": 0, "failed": 0})


@test
def the_shard_comes_from_the_line_else_from_ready_else_from_the_order_of_the_logs(place):
    first = place.file("first", [message(0, 10), ready([3, 8]), message(1, 20)])
    second = place.file("second", [message(2, 30), message(3, 40, shard=[6, 7]), message(4, 50, shard=None)])
    run = place.run(first, second)
    expect_equal(run.code, 0, run)
    found = {(each["id"], each["count"]): each["received_sequence"] for each in run.stats["shards"]}
    expect_equal(found, {(0, 2): 10, (3, 8): 20, (1, 2): 50, (6, 7): 40})


# Frames that are not applied.


@test
def broken_lines_are_reported_and_those_around_them_applied(place):
    good = messages(4)
    broken = {2: "hello", 4: good[1][:-20], 5: "[1,2]", 6: '{"t":"MESSAGE_CREATE","op":0,"d":3}', 8: "{" * 100_000,
              9: json.dumps({**json.loads(good[0]), "shard": [4, 4]})}
    log = [broken.get(number) or good.pop(0) for number in range(1, 11)]
    content = text_of(log).replace(b"hello\n", b'{"t":"MESSAGE_CREATE","op":0,"d":{"id":"\xff\x00TOKEN"}}\n')
    errors = place.root / "errors"
    run = place.run("--errors", errors, place.file("log", content))
    expect_equal(run.code, 1, run)
    expect_equal(run.outcomes(), {"applied": 4, "ignored": 0, "rejected": 6, "failed": 0}, run)
    lines = errors.read_text().splitlines()
    numbers = sorted(int(re.fullmatch(r".*/log:(\d+): rejected [^ ]+: .+", line)[1]) for line in lines)
    expect_equal(numbers, sorted(broken), lines)
    expect("MESSAGE_CREATE" in next(line for line in lines if "/log:6:" in line), lines)
    expect("TOKEN" not in errors.read_text() + run.out + run.err, "a frame's text was shown")


@test
def the_first_errors_are_shown_where_no_file_was_asked_for(place):
    run = place.run(place.file("log", ["nonsense"] * 50))
    expect_equal((run.code, run.outcomes()["rejected"]), (1, 50), run)
    expect("--errors" in run.err and "/log:1: rejected" in run.err, run)
    expect(len(run.err.splitlines()) < 10, "all of them are shown", run)


@test
def a_line_longer_than_a_frame_may_be_is_rejected_with_its_number(place):
    squeeze = zlib.compressobj(1, wbits=31)
    parts = [squeeze.compress(text_of([message(0)]) + b'{"t":"')]
    for _ in range(0, FRAME_BYTES_MAX, 1 << 20):
        parts.append(squeeze.compress(b"x" * (1 << 20)))
    parts.append(squeeze.compress(b'"}\n' + text_of([message(1)])))
    errors = place.root / "errors"
    run = place.run("--errors", errors, place.file("log", b"".join([*parts, squeeze.flush()])))
    expect_equal((run.code, run.outcomes()["applied"], run.outcomes()["rejected"]), (1, 2, 1), run)
    expect(re.fullmatch(r".*/log:2: rejected \(unreadable\): .*longer.*\n", errors.read_text()), errors.read_text())
    expect_memory(run, (64 << 20) + FRAME_BYTES_MAX)


@test
def a_log_that_breaks_off_counts_up_to_there(place):
    text = text_of(messages(2000))
    for name, content in (("gzip", gzip.compress(text)[:-5000]), ("zstandard", zstandard(text)[:-5000]),
                          ("damaged", gzip.compress(text[:2000]) + b"no gzip")):
        good = place.file("good", [message(9000, 9000)])
        run = place.run(place.file(name, content), good)
        expect_equal((run.code, run.outcomes()["rejected"]), (1, 1), name, run)
        expect(re.search(name + r":\d+: rejected \(unreadable\): the rest of the log is left out", run.err), name, run)
        expect(run.outcomes()["applied"] > 2, "what came before it, or the next log, is missing", name, run)


# Pace and end.


@test
def the_limit_ends_a_replay_early(place):
    run = place.run("--limit", 7, place.file("log", messages(20)))
    expect_equal((run.code, run.outcomes()["applied"], run.stats["outcome"]), (0, 7, "limited"), run)


@test
def a_rate_spreads_events_over_time(place):
    run = place.run("--rate", 100, place.file("log", messages(60)))
    expect_equal(run.code, 0, run)
    expect(0.5 < run.stats["wall_seconds"] < 5, run.stats["wall_seconds"])


@test
def speed_keeps_the_time_between_frames(place):
    log = [message(number, ts=1671357600000 + 200 * number) for number in range(6)]
    run = place.run("--speed", 2, place.file("log", log))
    expect_equal(run.code, 0, run)
    expect(0.49 < run.stats["wall_seconds"] < 5, run.stats["wall_seconds"])
    run = place.run("--speed", 2, place.file("log", messages(6)))
    expect_equal(run.code, 0, run)
    expect("--rate" in run.err, "no word that the log has no times", run)


@test
def memory_stays_bounded_for_any_size_of_log(place):
    stats = place.root / "stats.json"
    process = place.start("--quiet", "--stats", stats, "-", stdin=subprocess.PIPE)
    lines = text_of(messages(20_000))
    for first in range(0, 200_000, 20_000):
        process.stdin.write(lines.replace(b'"s": ', b'"s": %d' % (first // 20_000 + 1)))
    run = place.finish(process, stats)
    expect_equal(run.code, 0, run)
    expect(run.stats["text_bytes"] > 80e6, run.stats["text_bytes"])
    expect_memory(run, 64 << 20)


# Outputs.


@test
def stats_on_standard_output_leave_the_table_to_standard_error(place):
    run = place.run("--stats", "-", place.file("log", messages(5)))
    stats = json.loads(run.out)
    expect_equal(stats["events"], {"MESSAGE_CREATE": {"applied": 5, "ignored": 0, "rejected": 0, "failed": 0}})
    expect("MESSAGE_CREATE" in run.err, run)
    for key in ("outcome", "exit_code", "address", "frames", "log_bytes", "text_bytes", "resources", "shards", "redis",
                "wall_seconds", "events_per_second", "engine_cpu_seconds", "redis_cpu_seconds", "peak_resident_bytes"):
        expect(key in stats, key, run)
    expect(stats["resources"]["user"]["written"] >= 1, stats["resources"])
    expect(stats["redis"]["commands"] >= 5, stats["redis"])
    expect(stats["redis_cpu_seconds"] >= 0 and stats["engine_cpu_seconds"] > 0, stats)


@test
def progress_is_lines_without_a_terminal_and_silent_when_quiet(place):
    log = place.file("log", messages(35))
    run = place.run("--rate", 10, log)
    expect(re.search(r"^sake-replay: .*[0-9] events .*/s .*left$", run.err, re.M), run)
    run = place.run("--quiet", "--limit", 1, log)
    expect_equal(run.err, "")


@test
def a_file_that_cannot_be_written_is_an_error(place):
    log = place.file("log", ["nonsense"])
    for option in ("--stats", "--errors"):
        run = place.run("--stats", "/dev/full", log) if option == "--stats" else place.run("--errors", "/dev/full", log)
        expect_equal(run.code, 2, option, run)
        expect("/dev/full" in run.err, option, run)


# Options.


@test
def help_and_version_are_printed(place):
    run = place.run("--help")
    expect_equal((run.code, run.err), (0, ""), run)
    for word in ("--address", "--policy", "Examples:", "Exit codes:", "REDISCLI_AUTH", "voice_state"):
        expect(word in run.out, word, run)
    run = place.run("--version")
    expect(run.code == 0 and re.fullmatch(r"sake-replay \d+\.\d+\.\d+\n", run.out), run)


@test
def wrong_usage_ends_with_exit_code_2_and_says_what_is_wrong(place):
    log = place.file("log", messages(1))
    for arguments, word in (
            ((), "no log"), (("--nonsense", log), "--nonsense"), ((place.root / "absent",), "absent"),
            ((place.root,), "directory"), (("--rate", "0", log), "--rate"), (("--speed", "x", log), "--speed"),
            (("--rate", "1", "--speed", "1", log), "--speed"), (("--limit", "-1", log), "--limit"),
            (("--resources", "user,cat", log), "cat"), (("--index", "user", log), "name=value"),
            (("--index", "user=x", log), "--index"), (("--user-expire", "0", log), "--user-expire"),
            (("--default-expire", "soon", log), "--default-expire"), (("--policy", "reconcile=maybe", log), "on, off"),
            (("--policy", "nonsense=on", log), "nonsense"), (("--secondary-indices=cats", log), "cats"),
            (("--keep", "--address", "redis://x", log), "--keep"), (("-", "-"), "standard input"),
            (("--stats", place.root / "no" / "where", log), "where"), (("--errors", place.root, log), "cannot write"),
            (("redis://:s3cret@host", log), "--address"), (("--adress=redis://:s3cret@host", log), "--adress"),
            (("--stats", "-", "--errors", "-", log), "--errors"), (("--max-connections-per-db", "0", log), "max"),
            (("--tls-ca-file", "ca.pem", log), "rediss://"),
            (("--tls-server-name", "x", "--address", "redis://x", log), "rediss://"),
            (("--address", "rediss://x", "--tls-key", "key.pem", log), "tls.key_file"),
            (("--index", "user=9", log), "9"), (("--index", "user=1", log), "1")):
        run = place.run(*arguments)
        expect_equal(run.code, 2, arguments, run)
        expect(word in run.err, arguments, run)
        expect_equal(run.out, "", arguments)
        expect("s3cret" not in run.err, arguments, run)
        expect_equal(place.left_over(), [], arguments)


@test
def without_a_server_the_exit_code_is_2_and_the_password_stays_hidden(place):
    log = place.file("log", messages(1))
    run = place.run("--address", f"unix://someone:s3cret@{place.root}/absent.sock", log)
    expect_equal(run.code, 2, run)
    expect("--address" in run.err and "s3cret" not in run.out + run.err, run)
    expect(len(run.err.splitlines()) < 6, "every database complains", run)
    place.environment["PATH"] = str(place.root)
    program = shutil.which(REPLAY) or REPLAY
    process = subprocess.run([program, log], env=place.environment, capture_output=True, timeout=DEADLINE)
    expect_equal(process.returncode, 2, process)
    expect(b"apt install redis-server" in process.stderr and b"--address" in process.stderr, process)


@test
def options_reach_the_cache(place):
    log = place.file("log", [guild_create(GUILD, 1), *(message(n, n + 2) for n in range(10))])
    with kept_server(place, "--limit", 0, log) as (_, path, redis):
        address = "unix://" + path
        run = place.run("--address", address, "--resources", "user,message", "--index", "user=20", "--user-expire", "100.5",
                        "--message-expire", "never", "--secondary-indices", "none", "--policy", "track_reactions=off",
                        "--max-connections-per-db", 2, "--intents", 32767, log)
        expect_equal((run.code, run.stats["address"]), (0, address), run)
        expect_equal([redis.ask_in(database, "DBSIZE") for database in (0, 1, 7)], [0, 0, 0])
        expect_equal(redis.ask_in(10, "DBSIZE"), 10)
        expect_equal(redis.ask("PTTL", json.loads(message(0))["d"]["id"]), -1)
        lifetime = redis.ask_in(20, "PTTL", user(3)["id"])
        expect(90_000 < lifetime <= 100_500, lifetime)
        expect_equal(redis.ask_in(9, "EXISTS", f"2:{CHANNEL}:10"), 0)
        run = place.run("--address", address, "--secondary-indices", log)
        expect_equal(run.code, 0, run)
        expect_equal(redis.ask_in(9, "EXISTS", f"2:{CHANNEL}:10"), 1)


@test
def a_server_is_reached_over_tls(place):
    log = place.file("log", messages(10))
    refused = place.run("--address", "rediss://127.0.0.1:1", "--tls-ca-file", place.root / "absent", log)
    expect_equal(refused.code, 2, refused)
    if "this build has no TLS" in refused.err:
        return "skipped: this build has no TLS"
    expect("tls.ca_file" in refused.err, refused)

    certificate, key, port = place.root / "certificate.pem", place.root / "key.pem", free_port()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
                    "-subj", "/CN=a server", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True)
    fingerprint = subprocess.run(["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in", certificate], check=True,
                                 capture_output=True, text=True).stdout.strip().partition("=")[2]
    with kept_server(place, "--limit", 0, log) as (_, _, redis):
        redis.ask("CONFIG", "SET", "tls-cert-file", certificate, "tls-key-file", key, "tls-auth-clients", "no", "tls-port",
                  port)
        address = f"rediss://127.0.0.1:{port}"
        for options in (("--tls-ca-file", certificate), ("--insecure-no-verification",),
                        ("--insecure-pinned-sha256", fingerprint),
                        ("--tls-ca-file", certificate, "--tls-certificate", certificate, "--tls-key", key)):
            redis.ask("FLUSHALL")
            run = place.run("--address", address, *options, log)
            expect_equal((run.code, run.stats["address"], redis.ask_in(10, "DBSIZE")), (0, address, 10), run)
            expect_equal(run.stats["redis_cpu_seconds"], None)
        for options, word in (((), "not signed by a known authority"),
                              (("--insecure-pinned-sha256", "00" * 32), "not the one"),
                              (("--tls-ca-file", certificate, "--tls-server-name", "elsewhere"), "elsewhere")):
            run = place.run("--address", address, *options, log)
            expect_equal(run.code, 2, run)
            expect(word in run.err and "--tls-ca-file" in run.err, run)


@test
def an_old_ready_does_not_empty_a_live_cache_unless_asked_to(place):
    with kept_server(place, place.file("first", [ready([0, 1]), guild_create(GUILD, 2)])) as (_, path, redis):
        log = place.file("second", [ready([0, 1]), message(1, 2)])
        run = place.run("--address", "unix://" + path, log)
        expect_equal((run.code, redis.ask_in(1, "EXISTS", GUILD)), (0, 1), run)
        run = place.run("--address", "unix://" + path, "--policy", "reconcile=on", log)
        expect_equal(run.code, 0, run)
        wait_for(lambda: redis.ask_in(1, "EXISTS", GUILD) == 0, "the guild to be removed")


# Signals, and the life of the private server.


def start_silent(place, *arguments):
    """A replay that has applied one frame and waits for standard input; and the process of its server."""
    process = place.start(*arguments, "-", stdin=subprocess.PIPE)
    process.stdin.write(text_of(messages(1)))
    process.stdin.flush()
    server = wait_for(lambda: children_of(process.pid), "the private server")[0]
    socket_path = wait_for(lambda: list((place.root / "tmp").glob("*/redis.sock")), "its socket")[0]

    def has_message():
        with contextlib.suppress(OSError):
            return Redis(str(socket_path)).ask_in(10, "DBSIZE") == 1

    wait_for(has_message, "the first frame")
    return process, server


@test
def signals_end_a_replay_whose_input_is_silent(place):
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)):
        stats = place.root / "stats.json"
        process, server = start_silent(place, "--stats", stats)
        began = time.monotonic()
        process.send_signal(number)
        process.wait(DEADLINE)
        run = place.finish(process, stats)
        expect(time.monotonic() - began < 3, "it took", time.monotonic() - began)
        expect_equal((run.code, run.outcomes()["applied"], run.stats["outcome"]), (code, 1, "interrupted"), run)
        expect("MESSAGE_CREATE" in run.out, "no table", run)
        expect(not is_running(server), "the server is still there")
        expect_equal(place.left_over(), [])


@test
def ctrl_c_amid_a_replay_drains_what_was_taken(place):
    stats = place.root / "stats.json"
    process = place.start("--rate", 200, "--stats", stats, place.file("log", messages(5000)))
    server, = wait_for(lambda: children_of(process.pid), "the private server")
    client = Redis(wait_for(lambda: socket_of(server), "its socket"))
    wait_for(lambda: client.ask_in(10, "DBSIZE") > 0, "the first message")
    process.send_signal(signal.SIGINT)
    run = place.finish(process, stats)
    expect_equal(run.code, 130, run)
    expect(0 < run.outcomes()["applied"] < 5000, run.outcomes())
    expect_equal(run.outcomes()["applied"], run.stats["frames"], run.outcomes())


@test
def a_second_ctrl_c_ends_a_replay_that_cannot_drain(place):
    process, server = start_silent(place)
    os.kill(server, signal.SIGSTOP)
    process.stdin.write(text_of([message(1)]))
    process.stdin.flush()
    wait_for(lambda: unread_bytes(process.stdin) == 0, "the message to be read")
    process.send_signal(signal.SIGINT)
    wait_for(lambda: not is_pending(process.pid, signal.SIGINT), "the first signal to be taken")
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    process.wait(DEADLINE)
    expect(time.monotonic() - began < 2, "it took", time.monotonic() - began)
    expect_equal(place.finish(process).code, 130)
    expect(not is_running(server), "the server is still there")
    expect_equal(place.left_over(), [])


@test
def a_full_cache_makes_the_replay_wait_and_loses_nothing(place):
    stats = place.root / "stats.json"
    process, server = start_silent(place, "--stats", stats)
    log = text_of(message(number, text="x" * 10_000) for number in range(1, 6001))
    os.kill(server, signal.SIGSTOP)
    os.set_blocking(process.stdin.fileno(), False)
    taken, moved = 0, time.monotonic()
    while time.monotonic() - moved < 0.5:
        with contextlib.suppress(BlockingIOError):
            taken += os.write(process.stdin.fileno(), log[taken:taken + 65536])
            moved = time.monotonic()
    os.kill(server, signal.SIGCONT)
    expect(taken < 40 << 20, "it read", taken, "bytes while the server stood still")
    os.set_blocking(process.stdin.fileno(), True)
    run = place.finish(process, stats, log[taken:])
    expect_equal((run.code, run.outcomes()["applied"]), (0, 6001), run)
    expect(run.stats["redis"]["over_capacity"] > 0, run)
    expect_memory(run, 64 << 20)


@test
def the_private_server_dies_with_a_killed_replay(place):
    process, server = start_silent(place)
    process.kill()
    process.wait(DEADLINE)
    wait_for(lambda: not is_running(server), "the server to die")


@test
def a_private_server_that_dies_ends_the_replay(place):
    process, server = start_silent(place)
    os.kill(server, signal.SIGKILL)
    process.wait(DEADLINE)
    run = place.finish(process)
    expect_equal(run.code, 2, run)
    expect("signal 9" in run.err and "MESSAGE_CREATE" in run.out, run)
    expect_equal(place.left_over(), [])


@test
def a_kept_server_outlives_the_replay(place):
    with kept_server(place, place.file("log", messages(5))) as (run, path, redis):
        expect_equal(redis.ask_in(10, "DBSIZE"), 5, run)
        expect_equal(os.stat(path).st_mode & 0o077, 0, "others can use its socket")


if __name__ == "__main__":
    sys.exit(run_tests("replay-test-", Place))
