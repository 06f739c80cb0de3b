#pragma once

// What can be said about the settings of TLS without TLS: whether they contradict each other, and whether the files are
// there.

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "sake/options.h"
#include "sake/result.h"

namespace sake::net {

using Sha256 = std::array<unsigned char, 32>;

/// 64 hexadecimal digits, which may be parted by colons.
std::optional<Sha256> parse_sha256(std::string_view text);

/// The refusal of an option: invalid_argument, "tls.ca_file: ...".
Error refused_tls(std::string_view option, std::string_view why);

/// The same when a file or a directory cannot be read.
Status check_readable(std::string_view option, const std::string& path);

/// Whether there is a file with the kind of name by which authorities are looked up in a directory: "5ed36f99.0".
bool is_indexed(const std::string& directory);

/// Settings of which one could only be without effect are refused, with the name of the option.
Status check(const Tls& options);

}  // namespace sake::net
