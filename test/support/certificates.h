#pragma once

// A certificate authority for tests, made as the test runs: its certificate, and servers and clients signed by it, as
// PEM files in a fresh directory. Anything else than a valid certificate for this machine is asked for by name.

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "support/temp_directory.h"

struct evp_pkey_st;
struct x509_st;

namespace sake::test {

/// A certificate with its key.
struct Identity {
  std::string certificate_file;
  std::string key_file;
  std::string sha256;  ///< Of the certificate's DER form, in lower case hexadecimal.
};

class Certificates {
 public:
  struct Wish {
    std::vector<std::string> names = {"localhost"};
    std::vector<std::string> addresses = {"127.0.0.1"};
    std::chrono::seconds begins = -std::chrono::hours(1);  ///< From now, as is the end.
    std::chrono::seconds ends = std::chrono::hours(1);
  };

  /// Throws std::runtime_error when OpenSSL does not do what it is asked for, here and below.
  explicit Certificates(const std::string& authority = "an authority for tests");
  ~Certificates();

  Identity issue(const Wish& wish);
  Identity issue() { return issue(Wish{}); }

  std::string ca_file() const { return directory_.file("ca.pem"); }
  /// Holds the authority under its hash, as `openssl rehash` would name it.
  std::string ca_directory() const { return directory_.file("authorities"); }

  /// A file with this text, in the same directory.
  std::string file(const std::string& name, const std::string& text) const;
  /// The key once more, but with a passphrase.
  std::string lock(const Identity& identity) const;
  std::string directory() const { return directory_.path(); }

 private:
  struct Free {
    void operator()(evp_pkey_st* key) const noexcept;
    void operator()(x509_st* certificate) const noexcept;
  };
  using Key = std::unique_ptr<evp_pkey_st, Free>;
  using Certificate = std::unique_ptr<x509_st, Free>;

  static Key make_key();
  Certificate make(const std::string& subject, evp_pkey_st* key, const Wish& wish, bool is_authority);

  TempDirectory directory_;
  int issued_ = 0;
  Key key_;
  Certificate certificate_;
};

}  // namespace sake::test
