#pragma once

// What every program that opens a cache takes on its command line, besides its own options.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "sake/options.h"

namespace sake::tools {

/// What the command line says of the layout before it is understood.
struct LayoutWords {
  std::vector<std::string> resources;
  std::vector<std::string> indexes;
  std::string secondary_indices;
};

void define_tls(CLI::App& app, Tls& tls);
void define_resources(CLI::App& app, LayoutWords& words, const char* group);
void define_lifetimes(CLI::App& app, Options& options, const char* group);
void define_secondary_indices(CLI::App& app, LayoutWords& words, const char* group);

/// These throw CLI::ValidationError.
void apply(const LayoutWords& words, Options& options);
void check_tls(std::string_view address, const Options& options);
Resource parse_resource(const char* option, const std::string& text);
/// Splits "name=value".
std::pair<std::string, std::string> split_pair(const char* option, const std::string& text);

/// With the password of the environment, for an address that has none.
void apply_address(const std::string& address, Options& options);

/// For numbers that are neither negative nor broken.
extern const CLI::Validator whole_number;

/// A flag may also stand before its value without "=", as other options do, where the next word can only be that:
/// what belongs in front of `next` then, else null.
const char* joint(std::string_view word, std::string_view next);

/// The words of a command line from the last to the first, as CLI11 takes them, with those joined that belong together.
std::vector<std::string> words_from_last(int argc, char** argv,
                                         const char* (*joint)(std::string_view word, std::string_view next));

}  // namespace sake::tools
