#!/usr/bin/env python3
"""Checks the table of hikari-sake's names in docs/reading.md: that it has them all, and that each of ours exists.

Usage: interface.py SOURCE_ROOT BUILD_ROOT. A name of ours is looked up by the compiler, as users name it, so that one
that was renamed or taken away fails here.
"""

import pathlib
import re
import subprocess
import sys

import headers

# hikari-sake's methods: singular, plural, and whose collections there are.
RESOURCES = [
    ("emoji", "emojis", ["guild"]), ("guild", "guilds", []), ("guild_channel", "guild_channels", ["guild"]),
    ("invite", "invites", ["channel", "guild"]), ("member", "members", ["guild", "user"]),
    ("message", "messages", ["author", "channel", "guild"]), ("presence", "presences", ["guild", "user"]),
    ("role", "roles", ["guild"]), ("user", "users", []), ("voice_state", "voice_states", ["channel", "guild"]),
]
OTHERS = """
    get_me set_me delete_me update_message chunk_on_guild_create with_user_expire with_message_expire
    with_invite_expire RedisCache ResourceClient abc.Cache abc.RefCache abc.Resource abc.CacheIterator EmojiCache
    GuildCache GuildChannelCache InviteCache MeCache MemberCache MessageCache PresenceCache RoleCache UserCache
    VoiceStateCache RefEmojiCache RefGuildCache RefGuildChannelCache RefInviteCache RefMeCache RefMemberCache
    RefMessageCache RefPresenceCache RefRoleCache RefUserCache RefVoiceStateCache SakeException BackendError ClosedClient
    CannotDelete InvalidDataFound EntryNotFound DEFAULT_EXPIRE DEFAULT_FAST_EXPIRE DEFAULT_SLOW_EXPIRE
    DEFAULT_INVITE_EXPIRE ResourceIndex address app event_manager config default_expire event_managed password
    max_connections_per_db is_alive all_indexes all_intents get_index_override with_index_override open close
    add_to_tanjun trust_get_for tanjun_managed window_size len()
""".split()


def expected():
    names = set(OTHERS)
    for one, many, scopes in RESOURCES:
        names |= {f"get_{one}", f"set_{one}", f"delete_{one}", f"iter_{many}", f"clear_{many}"}
        for scope in scopes:
            names |= {f"iter_{many}_for_{scope}", f"clear_{many}_for_{scope}"}
    # Theirs lacks a letter.
    return names - {"iter_messages_for_channel"} | {"iter_message_for_channel"}


def rows(page):
    """Their names, and ours: none where the page says why not."""
    table = page[page.index("## Names of hikari-sake"):]
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("| `") or len(cells) != 3:
            continue
        ours = [] if cells[1].startswith("-") else re.findall(r"`([^`]+)`", cells[1])
        yield re.findall(r"`([^`]+)`", cells[0])[0], ours, any(cells[1:])


def check(name, number, templates, free):
    """A line that compiles where there is such a name."""
    if name == "CacheIterator":
        return "static_assert(sizeof(sake::CacheIterator<sake::Role>) != 0);"
    name = name.replace("CacheIterator::", "CacheIterator<sake::Role>::")
    if name in templates:
        return f"static_assert(std::is_base_of_v<sake::{name}<sake::Cache>, sake::Cache>);"
    return f"[[maybe_unused]] const auto name_{number} = {expression(name, free)};"


def expression(name, free):
    kind, _, member = name.rpartition("::")
    if kind in ("Errc", "Resource", "Cause", "Intents"):
        return f"sake::{name}"
    if kind:
        return f"&sake::{name}"
    if name[0].isupper():
        return f"sizeof(sake::{name})"
    if name == "intents":
        return "sake::intents(sake::Resource::role)"
    return f"sake::{name}" if name in free else f"&sake::Cache::{name}"


def main():
    source, build = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    found = list(rows((source / "docs/reading.md").read_text()))
    bad = [f"docs/reading.md does not name {name}" for name in sorted(expected() - {theirs for theirs, _, _ in found})]
    bad += [f"docs/reading.md does not say what became of {theirs}" for theirs, _, says in found if not says]

    interface = "".join(path.read_text() for path in sorted((source / "include/sake").glob("*.h")))
    templates = set(re.findall(r"^template <typename Self>\nclass (\w+)", interface, re.MULTILINE))
    free = set(re.findall(r"^inline constexpr [\w:]+ (\w+) =", interface, re.MULTILINE))
    names = sorted({name for _, ours, _ in found for name in ours})
    lines = ["#include <type_traits>", "#include <sake/adapters.h>", "#include <sake/sake.h>"]
    lines += [check(name, number, templates, free) for number, name in enumerate(names)]
    command = [word for word in headers.compile_command(build) if not word.startswith(("-I", "-isystem"))]
    done = subprocess.run(
        [*command, f"-I{source / 'include'}", f"-I{build / 'include'}", "-fdiagnostics-color=never", "-fsyntax-only",
         "-x", "c++", "-"],
        input="\n".join(lines) + "\n", cwd=build, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        bad.append("docs/reading.md names what is not there:\n" + done.stdout)
    print(*bad, sep="\n")
    print(f"{len(found)} names of hikari-sake, {len(names)} of ours")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
