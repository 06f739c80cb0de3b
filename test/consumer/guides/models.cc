#include <sake/sake.h>

#include <cstdint>
#include <cstdio>
#include <string>

using namespace sake;

// What Discord sent, with a type for each field.
void show(const Message& message) {
  const std::string author = message.author().display_name().value_or("somebody");
  std::printf("%s: %s\n", author.c_str(), message.content().value_or("").c_str());

  for (Attachment file : message.attachments())
    std::printf("  %s, %lld bytes\n", file.filename().value_or("?").c_str(),
                static_cast<long long>(file.size().value_or(0)));

  // Nothing needs to be checked on the way: inside of what is missing everything is.
  if (auto tag = message.author().primary_guild().tag()) std::printf("  of %s\n", tag->c_str());
  if (message.flags().value_or(Flags<MessageFlag>()).has(MessageFlag::is_voice_message)) std::puts("  (spoken)");
}

// The four things that can be said of a field.
const char* tell_edit(const Message& message) {
  const Field<Timestamp> edited = message.edited_timestamp();
  switch (edited.given()) {
    case Given::missing:
      return "this payload does not say";
    case Given::null:
      return "never edited";
    case Given::invalid:
      std::puts(describe(edited.error()).c_str());  // `edited_timestamp` of Message is not a time
      return "Discord sent something else";
    case Given::value:
      return *edited > message.id().value_or(Snowflake()).created_at() ? "edited later" : "edited at once";
  }
  return "";
}

// An enumeration may have grown since this was compiled.
const char* kind_of(const Channel& channel) {
  switch (channel.type().value_or(ChannelType::guild_text)) {
    case ChannelType::guild_text:
    case ChannelType::guild_announcement:
      return "text";
    case ChannelType::guild_voice:
    case ChannelType::guild_stage_voice:
      return "voice";
    default:
      return "something else";
  }
}

int main() {
  const Message message(JsonView(R"({"id":"175928847299117063","content":"Supa Hot","edited_timestamp":null,
      "author":{"id":"53908099506183680","username":"mason","global_name":"Mason","avatar":null,"discriminator":"0"},
      "attachments":[{"id":"1","filename":"a.png","size":1024}],"flags":8192})"));
  show(message);
  std::puts(tell_edit(message));
  std::puts(kind_of(Channel(JsonView(R"({"id":"7","type":99})"))));
  std::puts(message.author().display_avatar_url({.extension = "webp", .size = 128}).value_or("").c_str());
  std::printf("%s\n", std::string(message["attachments"].as_list()[0].json()).c_str());
  return message.author().id() == std::uint64_t{53908099506183680} ? 0 : 1;
}
