#!/usr/bin/env python3
"""Checks lib/model/models.txt against lists of what Discord documents: each field has an accessor, of its type, which
may be missing or null where the field may; each value of an enumeration has its number and name.

Usage: fields.py SOURCE_ROOT. The lists are no part of this repository: SAKE_SHARED names the folder above spec, else it
is looked for beside the sources. Where it is absent, the check says so and skips.
"""

import os
import pathlib
import re
import sys

# ------------------------------------------------------------------------------------------- What the lists speak of

# Headings of the lists of nested objects, and their models. None: nothing that is kept holds one.
OBJECTS = {
    "embed": "Embed", "embed media": "EmbedMedia", "embed provider": "EmbedProvider", "embed author": "EmbedAuthor",
    "embed footer": "EmbedFooter", "embed field": "EmbedField", "embed of type poll_result": None,
    "attachment": "Attachment", "reaction": "Reaction", "partial emoji": "PartialEmoji",
    "channel mention": "ChannelMention", "message activity": "MessageActivity",
    "message application": "PartialApplication", "message reference": "MessageReference",
    "message snapshot": "MessageSnapshot", "message call": "MessageCall",
    "role subscription data": "RoleSubscriptionData", "shared client theme": "SharedClientTheme", "message pin": None,
    "sticker item": "StickerItem", "interaction metadata, common": "InteractionMetadata",
    "- of a command": "InteractionMetadata", "- of a component": "InteractionMetadata",
    "- of a modal": "InteractionMetadata", "interaction": "MessageInteraction", "resolved data": "ResolvedData",
    "poll": "Poll", "poll media": "PollMedia", "poll answer": "PollAnswer", "poll results": "PollResults",
    "answer count": "PollAnswerCount", "unfurled media": "UnfurledMedia", "select option": "SelectOption",
    "activity": "Activity", "activity emoji": "PartialEmoji", "activity party": "ActivityParty",
    "activity assets": "ActivityAssets", "activity secrets": "ActivitySecrets", "client status": "ClientStatus",
    "avatar_decoration_data": "AvatarDecoration", "collectibles": "Collectibles", "nameplate": "Nameplate",
    "primary_guild": "PrimaryGuild", "permission overwrite": "PermissionOverwrite", "forum tag": "ForumTag",
    "default reaction": "DefaultReaction", "thread metadata": "ThreadMetadata", "thread member": "ThreadMember",
    "role colors": "RoleColors", "role tags": "RoleTags", "welcome screen": "WelcomeScreen",
    "welcome channel": "WelcomeChannel", "incidents data": "IncidentsData", "unavailable guild": "Guild",
    "integration account": "IntegrationAccount", "integration application": "IntegrationApplication", "ban": None,
    "onboarding": None, "onboarding prompt": None, "prompt option": None, "voice region": None,
    "event entity_metadata": "EntityMetadata", "recurrence rule": "RecurrenceRule", "event user": None,
    "invite, rest extras": "Invite", "invite target_application": "PartialApplication",
    "trigger_metadata": "TriggerMetadata", "action": "RuleAction", "action metadata": "RuleActionMetadata",
}
# Models that stand for several headings: which fields may be missing depends on what one is.
MIXED = {"Component", "InteractionMetadata", "Invite", "PartialEmoji", "Guild", "PartialApplication"}

# Words for types, beside the headings.
NAMED = {
    "user": "User", "member": "Member", "partial member": "Member", "application": "PartialApplication",
    "partial guild": "Guild", "partial channel": "Channel", "event": "ScheduledEvent", "partial role": "Role",
    "partial message": "Message", "users": "User", "members": "Member", "roles": "Role", "channels": "Channel",
    "messages": "Message", "attachments": "Attachment", "component": "Component", "metadata": "InteractionMetadata",
}
# What the lists say in words, and what it would be in theirs.
WORDINGS = {
    "button or thumbnail": "component", "one of 3-8": "component", "types 1": "component[]",
    "text display[]": "component[]", "as 21": "select option[]", "metadata of type 2 or 3": "metadata",
}
# What stands between fields and is none.
REMARK = r"[\d-]+|\d (loading|loaded|not found)|description and more"
# Before the first field of a list.
PREFIXES = r"^(partial application: |maps keyed by id string: |8 also )"
# Behind the last one.
REMARKS = r" with only .*|; default sounds have .*|(?<=str)\. .*|(?<=bool)\. .*"
# Objects that the lists write where they are used.
INLINE = {
    ("Reaction", "count_details"): "ReactionCounts", ("Component", "items"): "MediaGalleryItem",
    ("Component", "default_values"): "SelectDefaultValue", ("Activity", "timestamps"): "ActivityTimestamps",
    ("RecurrenceRule", "by_n_weekday"): "NthWeekday", ("Component", "options"): "SelectOption",
}

# The sections of stored resources, and their models.
RESOURCES = {
    "B.1": "Guild", "B.2": "Channel", "B.3": "Thread", "B.4": "Role", "B.5": "Emoji", "B.6": "Sticker", "B.7": "Member",
    "B.8": "OwnUser", "B.9": "Message", "B.10": "Presence", "B.11": "VoiceState",
    "invite": "Invite", "stage instance": "StageInstance", "scheduled event": "ScheduledEvent",
    "integration": "Integration", "soundboard sound": "SoundboardSound", "automod rule": "AutoModerationRule",
}

# (model, field): why the model says something else than the lists on purpose.
STORED = "what the cache stores has it, and events have it beside the object"
SEEN = "not documented, and seen"
DEVIATIONS = {
    ("Component", "values"): "said of answers, outside of the lists",
    ("EmbedProvider", "name"): "null has been seen",
    ("EmbedProvider", "url"): "null has been seen",
    ("Emoji", "guild_id"): STORED,
    ("Emoji", "id"): "shared with partial emojis, in which it may be missing",
    ("Emoji", "name"): "shared with partial emojis, in which it may be missing",
    ("Integration", "guild_id"): STORED,
    ("Integration", "user"): "only in answers of the REST interface",
    ("Member", "deaf"): "partial members lack it",
    ("Member", "guild_id"): STORED,
    ("Member", "mute"): "partial members lack it",
    ("PartialApplication", "bot"): SEEN,
    ("Role", "description"): SEEN,
    ("Role", "guild_id"): STORED,
    ("SoundboardSound", "user_id"): SEEN,
    ("StageInstance", "discoverable_disabled"): "deprecated, and missing from examples",
    ("StageInstance", "guild_scheduled_event_id"): "missing from examples",
    ("Sticker", "asset"): "deprecated, and no longer listed",
    ("Thread", "newly_created"): "of THREAD_CREATE",
    ("Thread", "owner_id"): "the channel object, which a thread is, may lack it",
    ("Thread", "parent_id"): "the channel object, which a thread is, may lack it",
    ("Thread", "thread_metadata"): "the channel object, which a thread is, may lack it",
    ("ThreadMember", "presence"): "of THREAD_MEMBERS_UPDATE",
    ("User", "member"): "of the mentions of MESSAGE_CREATE",
}

# Rows of the lists of values. None: nothing that is kept holds one.
ENUMS = {
    "channel `type`": "ChannelType", "groups": None, "channel `flags`": "ChannelFlag", "overwrite `type`": "OverwriteType",
    "`video_quality_mode`": "VideoQualityMode", "`default_sort_order`": "SortOrder",
    "`default_forum_layout`": "ForumLayout", "message `type`": "MessageType", "not deletable": None,
    "message `flags`": "MessageFlag", "message `activity.type`": "MessageActivityType",
    "reference `type`": "MessageReferenceType", "attachment `flags`": "AttachmentFlag", "embed `type`": "EmbedType",
    "embed `flags` / embed media `flags` / unfurled media `flags`": "EmbedFlag EmbedMediaFlag UnfurledMediaFlag",
    "reaction type": None, "poll `layout_type`": "PollLayout", "shared theme `base_theme`": "BaseTheme",
    "component `type`": "ComponentType", "button `style`": "ButtonStyle",
    "text input `style` / separator `spacing`": "TextInputStyle -", "user `flags` / `public_flags`": "UserFlag",
    "`premium_type`": "PremiumType", "nameplate `palette`": "NameplatePalette", "presence `status`": "PresenceStatus",
    "`client_status` keys": None, "activity `type`": "ActivityType", "activity `flags`": "ActivityFlag",
    "`status_display_type`": "StatusDisplayType", "connection `visibility`": None, "locales": None,
    "`verification_level`": "VerificationLevel", "`default_message_notifications`": "MessageNotifications",
    "`explicit_content_filter`": "ExplicitContentFilter", "`mfa_level`": "MfaLevel", "`nsfw_level`": "NsfwLevel",
    "`premium_tier`": "PremiumTier", "`system_channel_flags`": "SystemChannelFlag", "member `flags`": "MemberFlag",
    "member verification": None, "role `flags`": "RoleFlag", "role `tags`": None, "onboarding `mode` / prompt `type`": None,
    "integration `type`": "IntegrationType", "`expire_behavior`": "ExpireBehavior", "sticker `type`": "StickerType",
    "sticker `format_type`": "StickerFormat", "voice effect `animation_type`": None,
    "stage `privacy_level`": "StagePrivacyLevel", "stage speaker": None, "event `privacy_level`": "EventPrivacyLevel",
    "event `status`": "EventStatus", "event `entity_type`": "EventEntityType",
    "recurrence `frequency`": "RecurrenceFrequency", "recurrence weekday / month": "Weekday Month",
    "invite `type`": "InviteType", "invite `target_type`": "InviteTargetType", "invite `flags`": "InviteFlag",
    "`trigger_type`": "TriggerType", "`event_type`": "RuleEventType", "preset": "KeywordPreset",
    "action `type`": "RuleActionType", "interaction `type`": "InteractionType",
}
# F.7 is about what is not kept, but for this.
ENUMS_OF_F7 = {"interaction `type`"}
# Values that the lists have elsewhere or in words.
OTHER_VALUES = {"MediaLoadingState", "DefaultValueType", "GuildFeature"}


# ----------------------------------------------------------------------------------------------- Reading the lists

def split(text):
    """At commas and semicolons outside of brackets."""
    parts, depth, begin = [], 0, 0
    for i, c in enumerate(text):
        depth += (c in "([{") - (c in ")]}")
        if c in ",;" and depth == 0:
            parts.append(text[begin:i].strip())
            begin = i + 1
    return parts + [text[begin:].strip()]


def field(text):
    """Name, whether it may be missing, whether it may be null, and its type in words; None of a remark."""
    found = re.fullmatch(r"([a-z]\w*)(\(\?\))?([?∅]*)(?:: (.+)| \([^()]*\))?", text)
    if not found or found[1] in ("free", "null"):
        return None
    type_ = found[4] or ""
    if type_.startswith("{"):
        type_ = re.sub(r"\s*\([^()]*\)$", "", type_)
    else:
        type_ = re.sub(r"\s*\(.*|(?<=int) \d.*| in old .*|\. .*", "", type_).strip()
    return found[1], "?" in found[3] or bool(found[2]), "∅" in found[3], WORDINGS.get(type_, type_)


def rows(text):
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and len(cells) >= 2 and not set(cells[0]) <= set("- "):
            yield cells


def nested_lists(page):
    """(model, heading, fields, remarks) of each object of model-fields.md."""
    section = ""
    for part in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        section = part.splitlines()[0]
        is_components = "Components" in section
        for cells in rows(part):
            heading = cells[0]
            if heading in ("Object", "Type"):
                continue
            if is_components and re.match(r"\d", heading):
                model = "Component"
                heading = "component " + heading
            else:
                name = re.sub(r" \(.*", "", heading).lower()
                if name not in OBJECTS:
                    yield "?", heading, [], []
                    continue
                model = OBJECTS[name]
            fields, remarks = [], []
            for each in split(re.sub(REMARKS, "", re.sub(PREFIXES, "", "|".join(cells[1:])))):
                one = field(re.sub(PREFIXES, "", each))
                (fields.append(one) if one else remarks.append(each))
            yield model, heading, fields, remarks
        if is_components:
            line = re.search(r"^Every component: (.*?\))\.", part, re.MULTILINE)
            yield "Component", "every component", [field(each) for each in split(line[1])], []


WORDS = set("own only never store gateway extras and ephemeral non-bot REST adds always optional".split()) | {""}


def names(text):
    """Fields of the lists that have no types: `f?∅[]`, what is in brackets left out."""
    text, shorter = re.sub(REMARKS, "", text), None
    while text != shorter:
        shorter = text
        text = re.sub(r"\([^()]*\)|\{[^{}]*\}|\[[^\[\]]+\]", lambda m: "[]" if m[0][0] == "[" else "", text)
    for word in re.split(r"[\s,;]+", re.split(r"\.(?: |$)", text)[0]):
        found = re.fullmatch(r"([a-z_]+)([?∅]*)(\[\])?([?∅]*)(?:null)?", word)
        if found and word not in WORDS:
            yield found[1], "?" in word, "∅" in word, "[]" if found[3] else ""
        elif word.rstrip(":") not in WORDS:
            yield word, None, None, None


def resource_lists(page):
    part = page[page.index("## B. Resources"):page.index("## C. Intents")]
    for section in re.split(r"^### ", part, flags=re.MULTILINE)[1:]:
        number = section.split()[0]
        if number == "B.12":
            for cells in rows(section):
                if cells[0] in ("Resource",) or cells[0].startswith("entitlement"):
                    continue
                identity = re.findall(r"`(\w+)`", cells[1])
                yield RESOURCES[cells[0]], cells[0], identity, list(names(cells[2]))
        elif number == "B.1":
            fields = [each for cells in rows(section) if cells[0] != "Group" for each in names(cells[1])]
            yield RESOURCES[number], number, [], fields
        else:
            line = re.search(r"^(?:Extra f|F)ields: (.*)", section, re.MULTILINE)[1]
            yield RESOURCES[number], number, [], list(names(line))


# ------------------------------------------------------------------------------------------------------- Comparing

class Check:
    def __init__(self, enums, models):
        self.enums, self.models = enums, models
        self.bad, self.used = [], set()
        self.documented = {name: set() for name in models}
        self.compared = 0

    def complain(self, model, name, why):
        if (model, name) in DEVIATIONS:
            self.used.add((model, name))
        else:
            self.bad.append(f"{model}.{name} {why}")

    def fields_of(self, model):
        found = self.models[model]
        return {each.name: each for each in
                (self.models[found.base].fields if found.base else []) + found.fields}

    def field(self, model, name, missing, null, words):
        self.compared += 1
        self.documented[model].add(name)
        found = self.fields_of(model).get(name)
        if found is None:
            return self.complain(model, name, "is documented and has no accessor")
        if found.type == "mark" or missing is None:
            return None
        if model not in MIXED and (missing, null) != (found.may_be_missing, found.may_be_null):
            marks = lambda missing, null: ("?" if missing else "") + ("∅" if null else "") or "always a value"
            self.complain(model, name, f"is documented as {marks(missing, null)} and described as "
                                       f"{marks(found.may_be_missing, found.may_be_null)}")
        if words and not self.fits(model, found, words):
            self.complain(model, name, f"is documented as {words} and described as {found.type} ({found.shape})")
        return None

    def fits(self, model, found, words):
        shape = "one"
        if words == "[]" or words.endswith("[]"):
            shape, words = "list", words[:-2].rstrip()
        if words.startswith("[") and words.endswith("]"):
            shape, words = "list", "int"
        if words.startswith("{"):
            inner = INLINE.get((model, found.name))
            for each in split(words[1:-1]) if inner else []:
                self.field(inner, *field(each))
            return found.type == inner and shape == found.shape
        if found.type == "json":
            return words.startswith("map") or words in ("str", "str or int", "")
        if shape != found.shape:
            return False
        kind = self.enums[found.type].kind if found.type in self.enums else None
        if not words:
            return True
        if words in ("id", "bool", "time"):
            return found.type == words
        if words in ("str", "url") or words.startswith('"'):
            return found.type == "string" or kind == "words"
        if words == "num":
            return found.type == "number"
        if words == "perm":
            return found.type == "permissions"
        if words == "bits":
            return kind == "flags" or found.type == "int"
        if words in ("int ms", "int"):
            return found.type == ("unix_ms" if words == "int ms" else "int") or kind == "enum" or found.type == "unix_ms"
        if words == "null":
            return found.type == "mark"
        return found.type == (OBJECTS.get(words) or NAMED.get(words))

    def leftovers(self):
        """Fields of models that no list has."""
        for model in self.models.values():
            for each in model.fields:
                known = set(self.documented[model.name])
                if model.name == "Thread":
                    known |= self.documented["Channel"]
                for other in self.models.values():  # What is said of what derives from it is said of it.
                    known |= self.documented[other.name] if other.base == model.name else set()
                if each.name not in known and "Not documented." not in (each.doc or ""):
                    self.complain(model.name, each.name, "is in no list: describe it as \"Not documented.\"")


def check_enums(page, enums, bad):
    seen, compared = set(), 0
    page = page[page.index("## F. Enums"):page.index("### F.8")]
    f7 = page.index("### F.7")
    for is_f7, text in ((False, page[:f7]), (True, page[f7:])):
        for label, values, *_ in rows(text):
            label = re.sub(r"\s*\((bits|max rules per guild)\)", "", label).strip()
            if label == "Enum" or (is_f7 and label not in ENUMS_OF_F7):
                continue
            if label not in ENUMS:
                bad.append(f"the list of values {label!r} belongs to no enumeration")
                continue
            if ENUMS[label] is None:
                continue
            targets = ENUMS[label].split()
            parts = values.split(" / ") if len(targets) > 1 else [values]
            for target, part in zip(targets, parts):
                if target == "-":
                    continue
                seen.add(target)
                known = enums[target]
                if known.kind == "words":
                    wanted = set(re.findall(r"[a-z_]+", re.sub(r"\(.*?\)|sending only:", "", part)))
                    if wanted != {name for _, name in known.values}:
                        bad.append(f"{target} has other words than {sorted(wanted)}")
                    compared += len(wanted)
                    continue
                pairs = re.findall(r"(?<!\d )\b(\d+) ([A-Z][A-Z0-9_]+|role|member)\b", part)
                wanted = {(int(value), name.upper()) for value, name in pairs}
                compared += len(wanted)
                missing = wanted - set(known.values)
                more = set() if " .. " in part else set(known.values) - wanted
                if missing or more or not wanted:
                    bad.append(f"{target}: documented and not described {sorted(missing)}, the reverse {sorted(more)}")
    features = re.search(r"^Guild `features` \(strings\): (.*)", page, re.MULTILINE)[1]
    wanted = set(re.findall(r"\b[A-Z][A-Z_0-9]{3,}\b", features))
    compared += len(wanted)
    if wanted != {name for _, name in enums["GuildFeature"].values}:
        bad.append(f"GuildFeature: {wanted ^ {name for _, name in enums['GuildFeature'].values}}")
    for name in set(enums) - seen - OTHER_VALUES:
        bad.append(f"{name} is in no list of values")
    return compared


def main():
    source = pathlib.Path(sys.argv[1])
    shared = pathlib.Path(os.environ.get("SAKE_SHARED", source / ".." / "shared")) / "spec"
    if not (shared / "model-fields.md").exists():
        print(f"SKIPPED: there are no lists of documented fields at {shared}; SAKE_SHARED names the folder above spec")
        return 77
    sys.path.insert(0, str(source / "lib/model"))
    import generate
    enums, models = generate.read(source / "lib/model/models.txt")

    check = Check(enums, models)
    remarks = []
    for model, heading, fields, others in nested_lists((shared / "model-fields.md").read_text()):
        if model == "?":
            check.bad.append(f"the list of {heading!r} belongs to no model")
        if model in (None, "?"):
            continue
        remarks += others
        for name, missing, null, words in fields:
            check.field(model, name, missing, null, words)
    for model, heading, identity, fields in resource_lists((shared / "gateway-events.md").read_text()):
        for name in identity:
            check.field(model, name, None, None, "")
        for name, missing, null, words in fields:
            if missing is None:
                check.bad.append(f"{heading}: {name!r} is no field")
            else:
                check.field(model, name, missing, null, words)
    check.leftovers()
    values = check_enums((shared / "discord-constants.md").read_text(), enums, check.bad)
    for model, name in set(DEVIATIONS) - check.used:
        check.bad.append(f"{model}.{name} deviates no more")
    for remark in remarks:
        if not re.fullmatch(REMARK, remark):
            check.bad.append(f"{remark!r} is no field")
    print(*check.bad, f"{check.compared} fields and {values} values are compared, {len(check.bad)} complaints", sep="\n")
    return bool(check.bad)


if __name__ == "__main__":
    sys.exit(main())
