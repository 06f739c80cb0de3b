#include "net/tls.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include <climits>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "net/tls_alert.h"
#include "net/tls_options.h"

namespace sake::net {
namespace {

template <auto destroy>
struct Destroy {
  template <typename T>
  void operator()(T* object) const noexcept {
    destroy(object);
  }
};

constexpr std::size_t record_bytes_max = 16u << 10;  // Of plaintext, which a session gives out one record at a time.

// ------------------------------------------------------------------------------------------------ Words

std::string words_of_library(unsigned long code) {
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "unknown reason" : reason;
}

std::string words_of_verification(long result, const std::string& host) {
  switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "the server's certificate has expired: renew it, or set the clock of this machine if that is wrong";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "the server's certificate is not valid yet: is the clock of this machine right?";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "the server's certificate is for another host than \"" + host +
             "\": connect to a name it holds, or give that as tls.server_name";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return "the server's certificate is not signed by a known authority: give its CA file (tls.ca_file)";
    case X509_V_ERR_APPLICATION_VERIFICATION:
      return "the server's certificate is not the one of tls.insecure_pinned_sha256";
    default:
      return std::string("the server's certificate is refused: ") + X509_verify_cert_error_string(result);
  }
}

Error failed(std::string text) { return {Errc::backend_error, Cause::tls, false, std::move(text)}; }

// ------------------------------------------------------------------------------------------------ Files

std::string quoted(const std::string& path) { return "\"" + path + "\""; }

Error no_pem(std::string_view option, const std::string& path, std::string_view what) {
  return refused_tls(
      option, quoted(path) + " holds no " + std::string(what) + " in PEM: " + words_of_library(ERR_peek_last_error()));
}

Status trust(SSL_CTX* context, const Tls& options) {
  const std::string& file = options.ca_file;
  const std::string& directory = options.ca_directory;
  if (!file.empty()) {
    if (Status status = check_readable("ca_file", file); !status) return status;
    if (SSL_CTX_load_verify_file(context, file.c_str()) != 1) return no_pem("ca_file", file, "certificate");
  }
  if (!directory.empty()) {
    if (Status status = check_readable("ca_directory", directory); !status) return status;
    if (!is_indexed(directory) || SSL_CTX_load_verify_dir(context, directory.c_str()) != 1) {
      return refused_tls("ca_directory", quoted(directory) + " has no indexed certificate: run `openssl rehash` on it");
    }
  }
  if (file.empty() && directory.empty()) SSL_CTX_set_default_verify_paths(context);
  return {};
}

/// Without this OpenSSL would ask on the terminal.
int refuse_passphrase(char*, int, int, void* asked) noexcept {
  if (asked != nullptr) *static_cast<bool*>(asked) = true;
  return -1;
}

Status identify(SSL_CTX* context, const Tls& options) {
  const std::string& certificate = options.certificate_file;
  if (certificate.empty()) return {};
  if (Status status = check_readable("certificate_file", certificate); !status) return status;
  if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1) {
    return no_pem("certificate_file", certificate, "certificate");
  }
  const bool has_own_file = !options.key_file.empty();
  const char* option = has_own_file ? "key_file" : "certificate_file";
  const std::string& key = has_own_file ? options.key_file : certificate;
  if (Status status = check_readable(option, key); !status) return status;
  ERR_clear_error();
  bool asked = false;
  SSL_CTX_set_default_passwd_cb_userdata(context, &asked);
  const bool is_loaded = SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) == 1;
  SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
  if (asked) return refused_tls(option, "the key in " + quoted(key) + " has a passphrase: store it without one");
  if (is_loaded) return {};
  const int reason = ERR_GET_REASON(ERR_peek_last_error());
  if (reason != X509_R_KEY_VALUES_MISMATCH && reason != X509_R_KEY_TYPE_MISMATCH) {
    return no_pem(option, key, has_own_file ? "private key" : "private key beside the certificate");
  }
  return refused_tls(option, "the key in " + quoted(key) + " is not that of the certificate in " + quoted(certificate));
}

/// Stands for all of the verification: the certificate is the pinned one, or not.
int compare_with_pin(X509_STORE_CTX* store, void* pin) noexcept {
  Sha256 digest;
  unsigned size = 0;
  X509* certificate = X509_STORE_CTX_get0_cert(store);
  if (certificate != nullptr && X509_digest(certificate, EVP_sha256(), digest.data(), &size) == 1 &&
      size == digest.size() && digest == *static_cast<const Sha256*>(pin)) {
    return 1;
  }
  X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
  return 0;
}

}  // namespace

// ------------------------------------------------------------------------------------------------ The context

struct TlsContext::Impl {
  std::unique_ptr<SSL_CTX, Destroy<SSL_CTX_free>> context;
  std::unique_ptr<BIO_METHOD, Destroy<BIO_meth_free>> method;  // How a session reaches its filter's bytes.
  Sha256 pin{};
  bool verifies_host = true;
  std::string server_name;
};

TlsContext::TlsContext(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
TlsContext::~TlsContext() = default;

// ------------------------------------------------------------------------------------------------ The filter

struct TlsFilter::Impl {
  explicit Impl(base::Buffer& to) : out(to) {}

  static int on_read(BIO* bio, char* to, int size) noexcept;
  static int on_write(BIO* bio, const char* from, int size) noexcept;
  static long on_control(BIO*, int command, long, void*) noexcept { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  bool begin(const TlsContext::Impl& context);
  Status shake_hands();
  Error fail(Error error);
  std::optional<Error> error_after(int result);

  base::Buffer& out;
  std::string_view in;  // What has come and was not taken yet.
  std::unique_ptr<SSL, Destroy<SSL_free>> ssl;
  std::string host;
  State state = State::handshaking;
  std::optional<Error> error;
  std::size_t handshake_bytes = 0;
  char plaintext[record_bytes_max];
};

Result<std::unique_ptr<TlsContext>> TlsContext::make(const Tls& options) {
  if (Status status = check(options); !status) return status.error();
  ERR_clear_error();
  auto impl = std::make_unique<Impl>();
  impl->context.reset(SSL_CTX_new(TLS_client_method()));
  impl->method.reset(BIO_meth_new(BIO_TYPE_MEM, "sake"));
  SSL_CTX* context = impl->context.get();
  BIO_METHOD* method = impl->method.get();
  if (context == nullptr || method == nullptr || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) {
    return Error{Errc::invalid_argument, Cause::none, false,
                 "TLS cannot be used: " + words_of_library(ERR_peek_last_error())};
  }
  BIO_meth_set_read(method, TlsFilter::Impl::on_read);
  BIO_meth_set_write(method, TlsFilter::Impl::on_write);
  BIO_meth_set_ctrl(method, TlsFilter::Impl::on_control);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_default_passwd_cb(context, refuse_passphrase);

  Status status;
  SSL_CTX_set_verify(context, options.insecure_no_verification ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
  if (const auto pin = parse_sha256(options.insecure_pinned_sha256)) {
    impl->pin = *pin;
    SSL_CTX_set_cert_verify_callback(context, compare_with_pin, &impl->pin);
    impl->verifies_host = false;
  } else if (options.insecure_no_verification) {
    impl->verifies_host = false;
  } else {
    status = trust(context, options);
  }
  if (status) status = identify(context, options);
  ERR_clear_error();
  if (!status) return status.error();
  impl->server_name = options.server_name;
  return std::unique_ptr<TlsContext>(new TlsContext(std::move(impl)));
}

int TlsFilter::Impl::on_read(BIO* bio, char* to, int size) noexcept {
  std::string_view& in = static_cast<Impl*>(BIO_get_data(bio))->in;
  BIO_clear_retry_flags(bio);
  if (in.empty() || size <= 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const std::size_t taken = std::min(in.size(), static_cast<std::size_t>(size));
  std::memcpy(to, in.data(), taken);
  in.remove_prefix(taken);
  return static_cast<int>(taken);
}

int TlsFilter::Impl::on_write(BIO* bio, const char* from, int size) noexcept {
  BIO_clear_retry_flags(bio);
  if (size > 0) static_cast<Impl*>(BIO_get_data(bio))->out.append(from, static_cast<std::size_t>(size));
  return size;
}

bool TlsFilter::Impl::begin(const TlsContext::Impl& context) {
  ssl.reset(SSL_new(context.context.get()));
  BIO* bio = ssl == nullptr ? nullptr : BIO_new(context.method.get());
  if (bio == nullptr) return false;
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl.get(), bio, bio);
  SSL_set_connect_state(ssl.get());

  // The zone of a link-local address is this machine's matter, and the dot at the end of a name that of DNS.
  in6_addr address;
  const std::string literal = host.substr(0, host.find('%'));
  const bool is_literal = inet_pton(AF_INET, literal.c_str(), &address) == 1 ||  //
                          inet_pton(AF_INET6, literal.c_str(), &address) == 1;
  if (is_literal) host = literal;
  if (!is_literal && host.ends_with('.')) host.pop_back();
  if (host.empty()) return false;  // OpenSSL would take it for "any host".
  if (!is_literal && SSL_set_tlsext_host_name(ssl.get(), host.c_str()) != 1) return false;
  if (!context.verifies_host) return true;
  if (is_literal) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), host.c_str()) == 1;
  SSL_set_hostflags(ssl.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return SSL_set1_host(ssl.get(), host.c_str()) == 1;
}

TlsFilter::TlsFilter(const TlsContext& context, const std::string& host, base::Buffer& out)
    : impl_(std::make_unique<Impl>(out)) {
  impl_->host = context.impl_->server_name.empty() ? host : context.impl_->server_name;
  ERR_clear_error();
  if (!impl_->begin(*context.impl_)) impl_->fail(failed("no session for this host can be made"));
}

TlsFilter::~TlsFilter() = default;

TlsFilter::State TlsFilter::state() const noexcept { return impl_->state; }

Error TlsFilter::Impl::fail(Error why) {
  ERR_clear_error();
  in = {};
  state = State::failed;
  error = std::move(why);
  return *error;
}

/// Empty: more bytes are needed.
std::optional<Error> TlsFilter::Impl::error_after(int result) {
  const int kind = SSL_get_error(ssl.get(), result);
  if (kind == SSL_ERROR_WANT_READ) return std::nullopt;
  if (kind == SSL_ERROR_ZERO_RETURN) {
    return fail({Errc::backend_error, Cause::lost, false, "the server closed the connection"});
  }
  const unsigned long code = ERR_peek_last_error();  // What it means for the session; the cause is behind it.
  const int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
  if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    return fail(failed(words_of_verification(SSL_get_verify_result(ssl.get()), host)));
  }
  if (reason == SSL_R_UNSUPPORTED_PROTOCOL) return fail(failed(alert_words(SSL_AD_PROTOCOL_VERSION, {}, false)));
  if (reason >= SSL_AD_REASON_OFFSET) {
    const int alert = reason - SSL_AD_REASON_OFFSET;
    const bool asked_in_vain =
        SSL_get_certificate(ssl.get()) == nullptr && SSL_get0_certificate_types(ssl.get(), nullptr) != 0;
    return fail(failed(alert_words(alert, SSL_alert_desc_string_long(alert), asked_in_vain)));
  }
  return fail(failed("what the server sends is no proper TLS: " + words_of_library(code)));
}

Status TlsFilter::Impl::shake_hands() {
  constexpr char alert = 21;
  constexpr char handshake = 22;
  if (handshake_bytes == 0 && !in.empty() && in[0] != handshake && in[0] != alert) {
    return fail(failed("the server does not speak TLS on this port: use redis://, or its TLS port"));
  }
  handshake_bytes += in.size();
  if (handshake_bytes > handshake_bytes_max) return fail(failed("the server's handshake has no end"));
  const int result = SSL_do_handshake(ssl.get());
  if (result == 1) {
    state = State::established;
    return {};
  }
  if (auto found = error_after(result)) return *found;
  return {};
}

Status TlsFilter::feed(std::string_view bytes) {
  if (impl_->error) return *impl_->error;
  assert(impl_->in.empty() && "read() was not asked until it gave nothing");
  impl_->in = bytes;
  ERR_clear_error();
  return impl_->state == State::handshaking ? impl_->shake_hands() : Status();
}

Result<std::string_view> TlsFilter::read() {
  if (impl_->error) return *impl_->error;
  assert(impl_->state == State::established);
  ERR_clear_error();
  std::size_t size = 0;
  const int result = SSL_read_ex(impl_->ssl.get(), impl_->plaintext, sizeof impl_->plaintext, &size);
  if (result == 1) return std::string_view(impl_->plaintext, size);
  if (auto found = impl_->error_after(result)) return *found;
  return std::string_view();
}

Status TlsFilter::write(std::string_view plaintext) {
  if (impl_->error) return *impl_->error;
  assert(impl_->state == State::established);
  if (plaintext.empty()) return {};
  ERR_clear_error();
  std::size_t size = 0;
  const int result = SSL_write_ex(impl_->ssl.get(), plaintext.data(), plaintext.size(), &size);
  if (result == 1) return {};
  if (auto found = impl_->error_after(result)) return *found;
  return impl_->fail(failed("the session takes no bytes"));
}

}  // namespace sake::net
