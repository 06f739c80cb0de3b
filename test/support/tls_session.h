#pragma once

// The server's end of a TLS session over bytes in memory, by OpenSSL's own server.

#include <string>
#include <string_view>

#include <doctest/doctest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "support/certificates.h"

namespace sake::test {

class TlsServerSession {
 public:
  struct Wish {
    int version_min = TLS1_2_VERSION;
    int version_max = TLS1_3_VERSION;
    std::string client_ca = {};  ///< Asks for a certificate that this file's authority has signed.
  };

  explicit TlsServerSession(const Identity& identity) : TlsServerSession(identity, Wish{}) {}
  TlsServerSession(const Identity& identity, const Wish& wish)
      : context_(SSL_CTX_new(TLS_server_method())), input_(BIO_new(BIO_s_mem())), output_(BIO_new(BIO_s_mem())) {
    if (wish.version_min < TLS1_2_VERSION) SSL_CTX_set_security_level(context_, 0);
    SSL_CTX_set_min_proto_version(context_, wish.version_min);
    SSL_CTX_set_max_proto_version(context_, wish.version_max);
    REQUIRE(SSL_CTX_use_certificate_chain_file(context_, identity.certificate_file.c_str()) == 1);
    REQUIRE(SSL_CTX_use_PrivateKey_file(context_, identity.key_file.c_str(), SSL_FILETYPE_PEM) == 1);
    if (!wish.client_ca.empty()) {
      REQUIRE(SSL_CTX_load_verify_file(context_, wish.client_ca.c_str()) == 1);
      SSL_CTX_set_verify(context_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    }
    ssl_ = SSL_new(context_);
    SSL_set_bio(ssl_, input_, output_);
    SSL_set_accept_state(ssl_);
  }
  ~TlsServerSession() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
    ERR_clear_error();
  }
  TlsServerSession(const TlsServerSession&) = delete;
  TlsServerSession& operator=(const TlsServerSession&) = delete;

  /// What the server says to this. Plaintext that arrives is appended to `read`.
  std::string answer(std::string_view bytes) {
    if (!bytes.empty()) BIO_write(input_, bytes.data(), static_cast<int>(bytes.size()));
    is_done_ = is_done_ || SSL_do_handshake(ssl_) == 1;
    char plaintext[4096];
    std::size_t size = 0;
    while (is_done_ && SSL_read_ex(ssl_, plaintext, sizeof plaintext, &size) == 1) read.append(plaintext, size);
    return said();
  }
  std::string say(std::string_view plaintext) {
    REQUIRE(SSL_write(ssl_, plaintext.data(), static_cast<int>(plaintext.size())) > 0);
    return said();
  }
  std::string said() {
    ERR_clear_error();
    std::string bytes(BIO_ctrl_pending(output_), '\0');
    if (!bytes.empty()) BIO_read(output_, bytes.data(), static_cast<int>(bytes.size()));
    return bytes;
  }

  SSL* ssl() { return ssl_; }
  bool is_done() const { return is_done_; }
  std::string read;

 private:
  SSL_CTX* context_;
  BIO* input_;
  BIO* output_;
  SSL* ssl_;
  bool is_done_ = false;
};

}  // namespace sake::test
