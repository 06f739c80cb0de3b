#!/usr/bin/env python3
"""Runs sake-inspect as its users do, on servers that sake-replay has filled with the project's sample.

SAKE_INSPECT and SAKE_REPLAY name the programs. Prints a line per test and at the end `N passed, N failed`.
"""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

from programs import DEADLINE, Redis, expect, expect_equal, run_tests, test, wait_for

INSPECT = os.environ.get("SAKE_INSPECT", "sake-inspect")
REPLAY = os.environ.get("SAKE_REPLAY", "sake-replay")
SAMPLE = pathlib.Path(os.environ.get("SAKE_SOURCE_ROOT", ".")) / "test/data/sample.ndjson.zst"

# So that nothing expires while a test looks at it.
LAYOUT = ("--secondary-indices=all", "--message-expire", "36000", "--user-expire", "36000")
COMMANDS = ("get", "iter", "len", "permissions", "stats", "verify", "dump", "load", "watch")
DATABASES = 18
NOBODY = 9_000_000_000_000_000_000  # Ids from here on are in no log.
FAR = 4_000_000_000_000  # Milliseconds since 1970.


class Run:
    """A finished run: its exit code and what it printed."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out.decode(), err.decode()

    def __str__(self):
        return f"\nexit code {self.code}\n--- stdout\n{self.out[:4000]}\n--- stderr\n{self.err[:4000]}"

    def lines(self):
        return [json.loads(line) for line in self.text_lines()]

    def text_lines(self):
        """str.splitlines() would break within a string too, at U+2028."""
        return self.out.split("\n")[:-1]


class Server:
    """A redis-server on a Unix socket, and a client of it."""

    def __init__(self, directory):
        directory.mkdir()
        self.path = str(directory / "redis.sock")
        self.address = "unix://" + self.path
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.path, "--save", "", "--dir", str(directory),
             "--databases", str(DATABASES)], stdout=subprocess.DEVNULL)
        self.redis = wait_for(self.client, "redis-server")

    def client(self):
        with contextlib.suppress(OSError):
            client = Redis(self.path)
            return client if client.ask("PING") == "+PONG" else None
        return None

    def close(self):
        self.process.kill()
        self.process.wait()

    def ask(self, database, *command):
        answer = self.redis.ask_in(database, *command)
        expect(not (isinstance(answer, str) and answer.startswith("-")), command, answer)
        return answer

    def scan(self, database, *command):
        """All that SCAN, or with a key SSCAN and the like, finds."""
        found, cursor = [], "0"
        while True:
            cursor, window = self.ask(database, *command, cursor, "COUNT", 1000)
            found += window
            if cursor == "0":
                return found

    def content(self):
        """All there is but the library's own keys: type, value and whether it has a lifetime."""
        found = {}
        for database in range(DATABASES):
            for key in self.scan(database, "SCAN"):
                if database == 9 and key.startswith("sake:"):
                    continue
                kind = self.ask(database, "TYPE", key)[1:]
                if kind == "string":
                    value = self.ask(database, "GET", key)
                elif kind in ("hash", "zset"):
                    flat = self.scan(database, {"hash": "HSCAN", "zset": "ZSCAN"}[kind], key)
                    value = dict(zip(flat[::2], flat[1::2]))
                elif kind == "list":
                    value = self.ask(database, "LRANGE", key, 0, -1)
                else:
                    value = set(self.scan(database, "SSCAN", key))
                found[database, key] = kind, value, self.ask(database, "PTTL", key) != -1
        return found


def expect_same_content(found, wanted):
    """Scores may differ by what passed meanwhile."""
    expect_equal(sorted(found.keys() ^ wanted.keys()), [], "keys in one of the two")
    for place, (kind, value, has_lifetime) in wanted.items():
        expect_equal((found[place][0], found[place][2]), (kind, has_lifetime), place)
        if kind != "zset":
            expect_equal(found[place][1], value, place)
            continue
        expect_equal(found[place][1].keys(), value.keys(), place)
        for member, score in value.items():
            expect(abs(float(found[place][1][member]) - float(score)) < 60_000, place, member)


class Place:
    """A fresh directory in which one test runs its programs and servers."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.servers = []
        self.processes = []

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.communicate()
        for server in self.servers:
            server.close()

    def server(self):
        server = Server(self.root / f"server{len(self.servers)}")
        self.servers.append(server)
        return server

    def filled_server(self):
        server = self.server()
        done = subprocess.run([REPLAY, "--address", server.address, "--quiet", *LAYOUT, str(SAMPLE)],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=DEADLINE)
        expect_equal(done.returncode, 0, done.stdout.decode())
        return server

    def start(self, *arguments, stdin=subprocess.DEVNULL):
        process = subprocess.Popen([INSPECT, *map(str, arguments)], stdin=stdin, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.processes.append(process)
        return process

    def run(self, server, *arguments, stdin=None):
        process = self.start("--address", server.address, *arguments,
                             stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE)
        out, err = process.communicate(stdin, timeout=DEADLINE)
        return Run(process.returncode, out, err)

    def inspect(self, server, *arguments, stdin=None):
        """A run that must go well."""
        run = self.run(server, *arguments, stdin=stdin)
        expect_equal((run.code, run.err), (0, ""), arguments, run)
        return run

    def verify(self, server, *arguments):
        """The findings and the totals behind them."""
        run = self.run(server, "verify", "--json", *LAYOUT, *arguments)
        expect(run.code in (0, 1) and run.err == "", run)
        *findings, totals = run.lines()
        expect_equal(len(findings), totals["found"])
        expect_equal(run.code, int(totals["remaining"] != 0), run)
        return findings, totals


def busiest_guild(server):
    """The guild with the most members."""
    return max(server.scan(4, "SCAN"), key=lambda guild: server.ask(4, "HLEN", guild))


# Looking.


@test
def a_name_that_would_move_the_cursor_is_shown_as_what_it_is(place):
    server = place.filled_server()
    name = "a\x1b[31m\u009b31m\u202eb\u2028c\u2066d\u061ce\u00e9\u2014"
    server.ask(7, "SET", "5", json.dumps({"id": "5", "username": name}, ensure_ascii=False))
    shown = r"a\x1b[31m\xc2\x9b31m\xe2\x80\xaeb\xe2\x80\xa8c\xe2\x81\xa6d\xd8\x9ceé—"
    for fields in ((), ("--fields", "username")):
        run = place.inspect(server, "get", "user", "5", *fields)
        expect(f"  {shown}\n" in run.out, run)


@test
def an_entity_is_shown_as_text_and_as_json(place):
    server = place.filled_server()
    guild = busiest_guild(server)
    stored = json.loads(server.ask(1, "GET", guild))
    run = place.inspect(server, "get", "guild", guild)
    expect(f" {stored['name']}\n" in run.out, run)
    shown = dict(line.split(maxsplit=1) for line in run.text_lines()[1:] if len(line.split()) > 1)
    # Of objects inside there is a row for each part: `incidents_data.dms_disabled_until`.
    names = {re.split(r"[.\[]", name)[0] for name in shown}
    empty = {name for name, value in stored.items() if value == ""}
    expect_equal(set(stored) - names - empty, set(), run)
    expect_equal(names - set(stored) - {"created", "icon", "banner"}, set(), run)
    expect(shown["created"].endswith(" UTC"), run)
    expect_equal(shown["nsfw_level"].split(" ")[1], f"({stored['nsfw_level']})", run)
    channel = server.scan(2, "SCAN")[0]
    expect(f"mention  <#{channel}>" in re.sub(" +", "  ", place.inspect(server, "get", "channel", channel).out), run)
    expect_equal(place.inspect(server, "--json", "get", "guild", guild).lines(),
                 [{"resource": "guild", "id": guild, "data": stored}])
    user, member = server.scan(4, "HSCAN", guild)[:2]
    run = place.inspect(server, "get", "member", user, "--guild", guild, "--json", "--fields", "user.username,roles")
    member = json.loads(member)
    expect_equal(run.lines(), [{"resource": "member", "id": user, "guild_id": guild,
                                "data": {"user.username": member["user"]["username"], "roles": member["roles"]}}])
    code = server.scan(3, "SCAN")[0]
    expect_equal(place.inspect(server, "get", "invite", code, "--json").lines()[0]["code"], code)
    expect(place.inspect(server, "get", "user", "ME", "--json").lines()[0]["code"] == "ME")


@test
def a_collection_is_walked_over_and_counted(place):
    server = place.filled_server()
    guild = busiest_guild(server)
    members = dict(zip(*[iter(server.scan(4, "HSCAN", guild))] * 2))
    lines = place.inspect(server, "iter", "members", "--guild", guild, "--json").lines()
    expect_equal({line["id"]: line["data"] for line in lines}, {user: json.loads(m) for user, m in members.items()})
    expect_equal(len(lines), len(members))
    run = place.inspect(server, "iter", "members", "--guild", guild, "--limit", 2, "--fields", "user.username,nick")
    rows = run.text_lines()
    expect_equal((len(rows), rows[0].split()), (3, ["id", "user.username", "nick"]), run)
    expect(rows[1].index(json.loads(members[rows[1].split()[0]])["user"]["username"]) == rows[0].index("user"), run)
    expect_equal(place.inspect(server, "iter", "roles", "--limit", 0).out, "")
    expect_equal(place.inspect(server, "len", "members", "--guild", guild).out, f"{len(members)}\n")
    expect_equal(place.inspect(server, "len", "role", "--json").lines(),
                 [{"resource": "role", "count": server.ask(6, "DBSIZE")}])
    channel = next(key for key in server.scan(9, "SCAN") if key.endswith(":8")).split(":")[1]
    users = server.ask(9, "SCARD", f"2:{channel}:8") - 1
    expect_equal(len(place.inspect(server, "iter", "voice_states", "--channel", channel, "--json").lines()), users)


def fill_for_permissions(server):
    """Guild 1 of owner 9; user 5 has the role 2; the channel 20 takes SEND_MESSAGES away and gives it back to the role."""
    def put(database, key, **fields):
        server.ask(database, "SET", key, json.dumps({"id": str(key), **fields}))

    put(1, 1, owner_id="9")
    put(6, 1, guild_id="1", permissions=str(1024 + 2048 + (1 << 47)))  # Bit 47 has no name.
    put(6, 2, guild_id="1", permissions="64")
    for user, roles in ((5, ["2"]), (6, []), (7, ["3"])):
        server.ask(4, "HSET", 1, user, json.dumps({"user": {"id": str(user)}, "roles": roles, "guild_id": "1"}))
    put(2, 20, guild_id="1", type=0, permission_overwrites=[
        {"id": "1", "type": 0, "allow": "0", "deny": str(2048 + 64)}, {"id": "2", "type": 0, "allow": "2048", "deny": "0"}])


@test
def permissions_are_told_with_what_gave_and_took_each(place):
    server = place.server()
    fill_for_permissions(server)
    run = place.inspect(server, "permissions", 1, 5, 20, "--json")
    sums, *lines = run.lines()
    unnamed = 1 << 47
    expect_equal(sums, {"guild_id": "1", "user_id": "5", "channel_id": "20", "base": str(1024 + 2048 + 64 + unnamed),
                        "raw": str(1024 + 2048 + unnamed), "effective": str(1024 + 2048 + unnamed),
                        "is_unrestricted": False})
    told = {line["permission"]: line for line in lines}
    expect_equal(len(told), 53, "52 names and one bit without")
    expect_equal(told["SEND_MESSAGES"], {
        "permission": "SEND_MESSAGES", "value": "2048", "is_allowed": True, "steps": [
            {"step": "given", "by": "everyone", "id": "1"}, {"step": "taken", "by": "everyone_overwrite", "id": "1"},
            {"step": "given", "by": "role_overwrite", "id": "2"}]})
    expect_equal((told["ADD_REACTIONS"]["is_allowed"], told["ADD_REACTIONS"]["steps"][-1]["step"]), (False, "taken"))
    expect_equal((told["KICK_MEMBERS"]["is_allowed"], told["KICK_MEMBERS"]["steps"]), (False, []))
    expect(told["0x800000000000"]["is_allowed"], told)

    sums, *lines = place.inspect(server, "permissions", 1, 9, "--json").lines()
    expect_equal((sums["is_unrestricted"], "raw" in sums, "channel_id" in sums), (True, False, False))
    expect_equal({(line["is_allowed"], line["steps"][0]["by"]) for line in lines}, {(True, "owner")})

    run = place.inspect(server, "permissions", 1, 6, 20)
    rows = run.text_lines()
    expect_equal(rows[0].split(), ["field", "value"], run)
    expect_equal(rows[4], "", run)
    expect_equal(rows[5].split(), ["permission", "allowed", "why"], run)
    row = next(row for row in rows if row.startswith("SEND_MESSAGES "))
    expect_equal(row.split(None, 2),
                 ["SEND_MESSAGES", "no", "given: the role @everyone; taken: the overwrite for @everyone"])
    row = next(row for row in rows if row.startswith("KICK_MEMBERS "))
    expect_equal(row.split(None, 2), ["KICK_MEMBERS", "no", "nothing gives it"])
    expect(next(row for row in rows if row.startswith("VIEW_CHANNEL ")).split()[1] == "yes", run)


@test
def permissions_that_cannot_be_known_are_not_guessed(place):
    server = place.server()
    fill_for_permissions(server)
    for arguments, missing in (((1, 8), "the member 8 of the guild 1"), ((1, 7), "the role 3 of the guild 1"),
                               ((1, 5, 21), "the channel 21 of the guild 1"), ((2, 5), "the guild 2")):
        run = place.run(server, "permissions", *arguments)
        expect_equal((run.code, run.out, run.err),
                     (1, "", f"sake-inspect: entry_not_found: {missing} is not cached\n"), arguments)
    run = place.run(server, "permissions", 1, 5, "x")
    expect(run.code == 2 and '"x" is no id' in run.err, run)
    expect_equal(place.run(server, "permissions", 1).code, 2)


@test
def statistics_are_exact_where_all_is_looked_at_and_estimated_where_not(place):
    server = place.filled_server()
    rows = {row["resource"]: row for row in place.inspect(server, "stats", "--json").lines()}
    expect_equal(len(rows), 16, rows)
    for resource, database in (("role", 6), ("message", 10), ("(references)", 9)):
        expect_equal(rows[resource]["keys"], server.ask(database, "DBSIZE"), resource)
    expect_equal(rows["member"]["entities"], sum(server.ask(4, "HLEN", key) for key in server.scan(4, "SCAN")))
    expect_equal(rows["role"]["bytes"], sum(server.ask(6, "MEMORY", "USAGE", key) for key in server.scan(6, "SCAN")))
    expect(0 < rows["role"]["lifetime_ms"]["median"] <= 7 * 24 * 3600 * 1000, rows["role"])
    expect_equal(rows["user"]["without_lifetime"], 1)
    server.ask(6, "PING")
    for number in range(20_000):
        server.redis.socket.sendall(b"SET %d 0123456789\r\n" % (NOBODY + number))
    expect_equal({server.redis.answer() for _ in range(20_000)}, {"+OK"})
    row = [row for row in place.inspect(server, "stats", "--json", "--sample", 2000).lines() if row["keys"] > 20_000][0]
    expect_equal(row["resource"], "role")
    expect(row["is_estimate"] and row["sampled_keys"] < 5000, row)
    expect(abs(row["entities"] - row["keys"]) < 10, row)
    run = place.inspect(server, "stats")
    expect_equal(len(run.text_lines()), 17, run)
    titles = run.text_lines()[0]
    expect(titles.startswith("resource ") and titles.endswith("no lifetime"), run)
    expect_equal({len(line) for line in run.text_lines()}, {len(titles)}, "the last column ends at the same place", run)


@test
def looking_changes_nothing_and_asks_for_nothing_of_unbounded_size(place):
    server = place.filled_server()
    before = server.content()
    own = set(key for key in server.scan(9, "SCAN") if key.startswith("sake:"))
    guild = busiest_guild(server)
    server.ask(0, "CONFIG", "RESETSTAT")
    place.inspect(server, "get", "guild", guild)
    place.inspect(server, "iter", "members")
    place.inspect(server, "len", "members")
    place.inspect(server, "dump", "--guild", guild)
    place.inspect(server, "stats")
    place.inspect(server, "verify", *LAYOUT)
    used = {line[len("cmdstat_"):].split(":")[0] for line in server.ask(0, "INFO", "commandstats").split("\r\n")
            if line.startswith("cmdstat_")}
    expect_equal(used & {"keys", "hgetall", "hkeys", "hvals", "smembers", "zrange", "sort", "flushdb", "flushall"}, set())
    expect("scan" in used and "hscan" in used, used)
    expect_same_content(server.content(), before)
    expect_equal(set(key for key in server.scan(9, "SCAN") if key.startswith("sake:")), own)


# Moving and watching.


@test
def a_guild_moves_to_another_server(place):
    server, other = place.filled_server(), place.server()
    guild = busiest_guild(server)
    dumped = place.inspect(server, "dump", "--guild", guild, *LAYOUT)
    lines = dumped.lines()
    expect_equal(lines[-1]["resource"], "guild", "who sees the guild sees its parts")
    kinds = {line["resource"] for line in lines}
    expect({"channel", "role", "member", "message", "voice_state"} <= kinds, kinds)
    run = place.inspect(other, "load", *LAYOUT, stdin=dumped.out.encode())
    expect_equal(run.out, f"stored {len(lines)}, refused 0\n")
    again = place.inspect(other, "dump", "--guild", guild, *LAYOUT)
    expect_equal(sorted(again.text_lines()), sorted(dumped.text_lines()))
    expect_equal(place.verify(other)[1]["found"], 0)

    log = place.root / "dump"
    log.write_text(dumped.text_lines()[0] + "\n\n{}\n[\n" + '{"resource":"pizza","data":{}}\n'
                   + '{"resource":"role","data":{"name":"no id"}}\n')
    run = place.run(other, "load", log, "--json")
    expect_equal((run.code, run.lines()), (1, [{"stored": 1, "refused": 4}]), run)
    for number in (3, 4, 5, 6):
        expect(f"sake-inspect: line {number}: " in run.err, run)
    expect_equal(place.run(other, "load", place.root / "none").code, 2)


@test
def a_watch_tells_what_comes_changes_and_goes(place):
    server = place.filled_server()
    guild = busiest_guild(server)
    process = place.start("--address", server.address, "watch", "--guild", guild, "--interval", "0.05", "--json",
                          "--limit", 3)
    expect(b"watching" in process.stderr.readline())
    role = {"id": str(NOBODY), "guild_id": guild, "name": "new"}
    server.ask(6, "SET", NOBODY, json.dumps(role), "EX", 600)
    server.ask(9, "SADD", f"1:{guild}:6", NOBODY)
    names = {"resource": "role", "id": str(NOBODY), "guild_id": guild}
    expect_equal(json.loads(process.stdout.readline()), {"change": "added", **names, "data": role})
    role["name"] = "newer"
    server.ask(6, "SET", NOBODY, json.dumps(role), "EX", 600)
    expect_equal(json.loads(process.stdout.readline()), {"change": "changed", **names, "data": role})
    server.ask(6, "DEL", NOBODY)
    expect_equal(json.loads(process.stdout.readline()), {"change": "removed", **names})
    expect_equal(process.wait(DEADLINE), 0)

    process = place.start("--address", server.address, "watch", "--guild", guild, "--interval", "1000")
    process.stderr.readline()
    process.send_signal(signal.SIGINT)
    expect_equal(process.wait(DEADLINE), 130)
    expect_equal([key for key in server.scan(9, "SCAN") if key.startswith("sake:marker")], [])


# Verifying.


class Plants:
    """Puts inconsistencies into a sound cache, and knows what verify has to say of each."""

    def __init__(self, server):
        self.server = server
        self.wanted = set()
        self.fresh = NOBODY
        self.guild = busiest_guild(server)
        self.used = set()

    def add(self, kind, database, key, member=None):
        place = kind, database, str(key), None if member is None else str(member)
        expect(place not in self.wanted, "planted twice", place)
        self.wanted.add(place)

    def new_id(self):
        self.fresh += 1
        return self.fresh

    def members_of(self, reference):
        if reference.endswith((":3", ":10")):
            return sorted(self.server.scan(9, "ZSCAN", reference)[::2])
        return sorted(self.server.scan(9, "SSCAN", reference))

    def references(self, owner, listed):
        keys = [key for key in self.server.scan(9, "SCAN") if key.startswith(f"{owner}:") and key.endswith(f":{listed}")]
        return sorted(key for key in keys if int(key.split(":")[1]) < NOBODY)

    def foreign_keys(self):
        for database in (0, 1, 2, 3, 4, 6, 7, 8, 9, 10):
            self.server.ask(database, "SET", "foreign:key", "{}", "EX", 600)
            self.add("foreign_key", database, "foreign:key")

    def wrong_types(self):
        for database in (0, 1, 2, 6, 7, 10, 11):
            key = self.new_id()
            self.server.ask(database, "RPUSH", key, "a")
            self.add("wrong_type", database, key)
        for database, key in ((4, self.new_id()), (9, f"1:{self.new_id()}:6"), (9, f"1:{self.new_id()}:3")):
            self.server.ask(database, "SET", key, "{}", "EX", 600)
            self.add("wrong_type", database, key)

    def missing_lifetimes(self):
        voice = self.references(2, 8)[0]
        for database, key in ((1, self.guild), (4, self.guild), (5, self.guild), (8, self.guild), (9, voice),
                              (9, f"1:{self.guild}:6"), (9, f"1:{self.guild}:10"),
                              *((each, self.records(each)[0]) for each in (0, 2, 10))):
            expect_equal(self.server.ask(database, "PERSIST", key), 1, database, key)
            self.add("missing_lifetime", database, key)

    def records(self, database):
        return sorted(key for key in self.server.scan(database, "SCAN") if key.isdecimal() and int(key) < NOBODY)

    def unreadable_values(self):
        for database, value in ((0, "no JSON"), (1, ""), (2, "[1]"), (6, '{"id":'), (10, "{} {}"), (11, "null"),
                                (12, '"text"')):
            key = self.new_id()
            self.server.ask(database, "SET", key, value, "EX", 600)
            self.add("unreadable_value", database, key)
        for database in (4, 5, 8):
            field = self.new_id()
            self.server.ask(database, "HSET", self.guild, field, "{")
            self.add("unreadable_value", database, self.guild, field)

    def wrong_records(self):
        other = str(self.new_id())
        for database, record in ((0, {"id": other, "guild_id": self.guild}), (1, {"id": other}),
                                 (2, {"guild_id": self.guild}), (3, {"code": "other"}),
                                 (7, {"id": other, "username": "x"}), (15, {"sound_id": other, "guild_id": self.guild})):
            key = "code" if database == 3 else self.new_id()
            self.server.ask(database, "SET", key, json.dumps(record), "EX", 600)
            self.add("wrong_record", database, key)
        key = self.new_id()
        self.server.ask(6, "SET", key, json.dumps({"id": str(key), "name": "of no guild"}), "EX", 600)
        self.add("wrong_record", 6, key)
        for database, record in ((4, {"user": {"id": other}, "guild_id": self.guild}),
                                 (5, {"user": {"id": "USER"}, "guild_id": other}),
                                 (8, {"user_id": "USER", "channel_id": "1", "guild_id": other})):
            field = self.new_id()
            self.server.ask(database, "HSET", self.guild, field, json.dumps(record).replace("USER", str(field)))
            self.add("wrong_record", database, self.guild, field)

    def foreign_fields(self):
        for number in range(10):
            database = (4, 5, 8)[number % 3]
            self.server.ask(database, "HSET", self.guild, f"name {number}", "{}")
            self.add("foreign_field", database, self.guild, f"name {number}")

    def dangling_references(self):
        user = next(key for key in self.references(7, 5)).split(":")[1]
        roles = [key for key in self.references(1, 6) if key != f"1:{self.guild}:6"]
        elsewhere = self.members_of(roles[0])[0]
        for key, member in ((self.references(1, 0)[-1], self.new_id()), (f"1:{self.guild}:2", "no id"),
                            (f"1:{self.guild}:6", elsewhere), (self.references(1, 11)[0], self.new_id()),
                            (self.references(2, 11)[0], self.new_id()), (self.references(2, 8)[1], self.new_id()),
                            (f"7:{user}:4", self.new_id()), (f"7:{user}:5", self.new_id())):
            self.server.ask(9, "SADD", key, member)
            self.add("dangling_reference", 9, key, member)
        for key, member in ((f"1:{self.guild}:10", self.new_id()), (self.references(2, 3)[0], "gone")):
            self.server.ask(9, "ZADD", key, FAR, member)
            self.add("dangling_reference", 9, key, member)
        # What has expired is no inconsistency.
        self.server.ask(9, "ZADD", f"1:{self.guild}:10", 1_600_000_000_000, self.new_id())

    def missing_references(self):
        def remove(key):
            member = next(each for each in self.members_of(key) if self.is_sound(key, each))
            expect_equal(self.server.ask(9, "ZREM" if key.endswith((":3", ":10")) else "SREM", key, member), 1, key, member)
            self.add("missing_reference", 9, key, member)

        voice = next(key for key in self.references(2, 8)[2:] if self.server.ask(9, "SCARD", key) >= 3)
        self.used.add(voice)
        for key in (self.references(1, 0)[0], f"1:{self.guild}:2", f"1:{self.guild}:6", self.references(2, 11)[-1],
                    self.references(1, 11)[-1],
                    self.references(1, 12)[0], voice, self.references(7, 10)[0], self.references(7, 4)[0],
                    self.references(1, 3)[0]):
            remove(key)

    def is_sound(self, key, member):
        if key.endswith((":3", ":10")):
            return self.server.ask(int(key.rpartition(":")[2]), "EXISTS", member) == 1
        return not member.startswith("KEY.") and ("dangling_reference", 9, key, member) not in self.wanted

    def missing_markers(self):
        for key in [each for each in self.references(2, 8) if each not in self.used][:10]:
            marker = next(member for member in self.members_of(key) if member.startswith("KEY."))
            self.server.ask(9, "SREM", key, marker)
            self.add("missing_marker", 9, key)

    def lone_markers(self, count):
        for _ in range(count):
            key = f"2:{self.new_id()}:8"
            self.server.ask(9, "SADD", key, f"KEY.{self.guild}")
            self.server.ask(9, "EXPIRE", key, 600)
            self.add("lone_marker", 9, key)

    def all(self):
        self.foreign_keys()
        self.wrong_types()
        self.missing_lifetimes()
        self.unreadable_values()
        self.wrong_records()
        self.foreign_fields()
        self.dangling_references()
        self.missing_references()
        self.missing_markers()
        self.lone_markers(100 - len(self.wanted))


def places_of(findings):
    return {(each["finding"], each["database"], each["key"], each.get("member")) for each in findings}


@test
def a_hundred_inconsistencies_of_every_kind_are_found_and_mended_and_nothing_else(place):
    server = place.filled_server()
    expect_equal(place.verify(server)[1]["found"], 0, "in a sound cache")
    before = server.content()
    plants = Plants(server)
    plants.all()
    expect_equal((len(plants.wanted), len({kind for kind, *_ in plants.wanted})), (100, 10))
    planted = server.content()

    findings, totals = place.verify(server)
    expect_equal(places_of(findings) ^ plants.wanted, set(), "found or planted only")
    expect_equal((totals["found"], totals["repaired"], totals["remaining"]), (100, 0, 100))
    expect_same_content(server.content(), planted)

    findings, totals = place.verify(server, "--repair")
    expect_equal(places_of(findings) ^ plants.wanted, set(), "found or planted only, while repairing")
    expect_equal((totals["found"], totals["repaired"], totals["remaining"]), (100, 90, 10))
    expect_equal({each["finding"] for each in findings if "repair" not in each}, {"foreign_key"})
    findings, totals = place.verify(server)
    expect_equal(totals["totals"], {"foreign_key": 10}, findings)

    findings, totals = place.verify(server, "--repair", "--delete-foreign")
    expect_equal((totals["found"], totals["repaired"], totals["remaining"]), (10, 10, 0))
    run = place.inspect(server, "verify", *LAYOUT)
    expect(run.out.startswith("found 0, repaired 0, remaining 0"), run)
    after = server.content()
    for kind, value, _ in after.values():  # The expired entry, which was planted as sound, goes with the next write.
        if kind == "zset":
            for member in [each for each, score in value.items() if float(score) < 1_700_000_000_000]:
                del value[member]
    expect_same_content(after, before)


@test
def a_value_that_goes_takes_its_references_along(place):
    server = place.filled_server()
    guild = busiest_guild(server)
    role = server.scan(9, "SSCAN", f"1:{guild}:6")[0]
    server.ask(6, "DEL", role)
    server.ask(6, "RPUSH", role, "a")
    expect_equal(places_of(place.verify(server)[0]), {("wrong_type", 6, role, None)})
    findings, totals = place.verify(server, "--repair")
    expect_equal(places_of(findings),
                 {("wrong_type", 6, role, None), ("dangling_reference", 9, f"1:{guild}:6", role)})
    expect_equal((totals["repaired"], totals["remaining"]), (2, 0))
    expect_equal(place.verify(server)[1]["found"], 0)


@test
def a_voice_state_that_moved_on_is_mended_in_both_channels(place):
    server = place.filled_server()
    guild = max(server.scan(8, "SCAN"), key=lambda each: server.ask(8, "HLEN", each))
    user, text = server.scan(8, "HSCAN", guild)[:2]
    state = json.loads(text)
    old, new = f"2:{state['channel_id']}:8", f"2:{NOBODY}:8"
    server.ask(8, "HSET", guild, user, json.dumps({**state, "channel_id": str(NOBODY)}))
    expect_equal(places_of(place.verify(server)[0]),
                 {("dangling_reference", 9, old, user), ("missing_reference", 9, new, user)})
    expect_equal(place.verify(server, "--repair")[1]["remaining"], 0)
    expect_equal(set(server.scan(9, "SSCAN", new)), {user, f"KEY.{guild}"})
    expect_equal(place.verify(server)[1]["found"], 0)


@test
def what_the_bot_does_not_use_is_not_looked_for(place):
    server = place.filled_server()
    server.ask(6, "SET", "foreign", "{}")
    server.ask(9, "SADD", f"7:{NOBODY}:4", NOBODY)
    run = place.run(server, "verify", "--json", "--resources", "channel,guild")
    expect_equal((run.code, run.lines()[-1]["found"]), (0, 0), run)
    run = place.run(server, "verify", "--json", "--resources", "guild", "--index", "guild=6")
    found = [each for each in run.lines() if each.get("key") == "foreign"]
    expect_equal((run.code, len(found), found and found[0]["database"]), (1, 1, 6), run)


@test
def what_changes_between_two_looks_is_not_told(place):
    server = place.filled_server()
    guild = busiest_guild(server)
    stop = threading.Event()

    def live():
        """Roles that come and go, each entity a moment behind its reference, as a bot writes them."""
        client = Redis(server.path)
        number = 0
        while not stop.is_set():
            number += 1
            role = NOBODY + number
            client.ask_in(9, "SADD", f"1:{guild}:6", role)
            time.sleep(0.002)
            client.ask_in(6, "SET", role, json.dumps({"id": str(role), "guild_id": guild}), "EX", 600)
            time.sleep(0.002)
            client.ask_in(6, "DEL", role)
            time.sleep(0.002)
            client.ask_in(9, "SREM", f"1:{guild}:6", role)

    bot = threading.Thread(target=live)
    bot.start()
    try:
        for _ in range(8):
            expect_equal(place.verify(server)[1]["found"], 0)
    finally:
        stop.set()
        bot.join()


# Being used in a wrong way.


@test
def each_command_explains_itself(place):
    for command in COMMANDS:
        done = subprocess.run([INSPECT, command, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        expect(done.returncode == 0 and b"Usage: sake-inspect " + command.encode() in done.stdout, command, done)
    done = subprocess.run([INSPECT, "--help"], stdout=subprocess.PIPE)
    for command in COMMANDS:
        expect(f"\n  {command} " in done.stdout.decode(), command)
    expect_equal(subprocess.run([INSPECT, "--version"], stdout=subprocess.PIPE).stdout[:13], b"sake-inspect ")


@test
def wrong_usage_is_explained(place):
    for arguments, words in (((), "no command is given"), (("iter", "pizza"), 'there is no resource "pizza"'),
                             (("get", "guild", "x"), '"x" is no id'), (("get", "guild", "007"), '"007" is no id'),
                             (("get", "member", "5"), "--guild: is needed to find a member"),
                             (("iter", "members", "--guild", "1", "--user", "2"), "--guild: cannot be used together"),
                             (("dump",), "--guild is required"), (("watch", "--guild", "1", "--interval", "0"), "seconds"),
                             (("stats", "--sample", "0"), "--sample"), (("verify", "--resources", "pizza"), "pizza"),
                             (("verify", "--tls-key", "x"), "rediss://"), (("iter", "roles", "--limit", "-1"), "whole number"),
                             (("--address", "rediss://x", "verify"), "TLS")):
        done = subprocess.run([INSPECT, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        expect_equal((done.returncode, done.stdout), (2, b""), arguments, done.stderr)
        expect(words in done.stderr.decode(), arguments, words, done.stderr.decode())


@test
def what_is_not_there_or_cannot_be_reached_has_its_exit_code(place):
    server = place.server()
    run = place.run(server, "get", "guild", "1")
    expect_equal(run.code, 1, run)
    expect("entry_not_found" in run.err, run)
    expect_equal(place.run(server, "dump", "--guild", "1").code, 1)
    expect_equal(place.run(server, "iter", "members").code, 0)
    run = place.run(server, "iter", "messages", "--guild", "1")
    expect_equal(run.code, 2, run)
    expect("messages_by_guild is off" in run.err, run)
    run = place.run(server, "verify", "--index", "role=99")
    expect_equal(run.code, 2, run)
    expect("database 99" in run.err, run)
    server.close()
    for command in (("verify",), ("stats",), ("get", "guild", "1")):
        run = place.run(server, *command)
        expect_equal((run.code, run.out), (2, ""), run)
        expect(server.path in run.err, run)


@test
def a_password_is_used_and_never_shown(place):
    server = place.server()
    server.ask(0, "CONFIG", "SET", "requirepass", "secret")
    for command in (("len", "roles"), ("verify",)):
        run = place.run(server, *command)
        expect_equal(run.code, 2, run)
        address = server.address.replace("unix://", "unix://:secret@")
        done = subprocess.run([INSPECT, "--address", address, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        expect_equal((done.returncode, done.stderr), (0, b""), command)
        done = subprocess.run([INSPECT, "--address", server.address, *command], stdout=subprocess.PIPE,
                              env={**os.environ, "REDISCLI_AUTH": "secret"})
        expect_equal(done.returncode, 0, command)
        done = subprocess.run([INSPECT, "--address", address.replace("secret", "wrongword"), *command],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        expect_equal(done.returncode, 2, command)
        expect(b"wrongword" not in done.stderr, done.stderr)


if __name__ == "__main__":
    sys.exit(run_tests("inspect-test-", Place))
