#include "support/certificates.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace sake::test {
namespace {

void require(bool is_done, const char* what) {
  if (!is_done) throw std::runtime_error(std::string("certificates: ") + what);
}

struct Close {
  void operator()(BIO* bio) const noexcept { BIO_free_all(bio); }
};
using File = std::unique_ptr<BIO, Close>;

File open(const std::string& path, const char* mode) {
  File file(BIO_new_file(path.c_str(), mode));
  require(file != nullptr, path.c_str());
  return file;
}

void add_extension(X509* certificate, X509* issuer, int id, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
  require(extension != nullptr, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

std::string alternatives(const Certificates::Wish& wish) {
  std::string list;
  for (const std::string& name : wish.names) list += (list.empty() ? "DNS:" : ",DNS:") + name;
  for (const std::string& address : wish.addresses) list += (list.empty() ? "IP:" : ",IP:") + address;
  return list;
}

std::string sha256(const X509* certificate) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  require(X509_digest(certificate, EVP_sha256(), digest, &size) == 1, "digest");
  std::string text;
  for (unsigned i = 0; i < size; ++i) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", digest[i]);
    text += digits;
  }
  return text;
}

}  // namespace

void Certificates::Free::operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
void Certificates::Free::operator()(X509* certificate) const noexcept { X509_free(certificate); }

Certificates::Certificates(const std::string& authority) : key_(make_key()) {
  certificate_ = make(authority, key_.get(), {}, true);
  PEM_write_bio_X509(open(ca_file(), "w").get(), certificate_.get());
  std::filesystem::create_directory(ca_directory());
  char name[16];
  std::snprintf(name, sizeof name, "%08lx.0", X509_subject_name_hash(certificate_.get()));
  std::filesystem::copy_file(ca_file(), ca_directory() + "/" + name);
}

Certificates::~Certificates() = default;

Certificates::Key Certificates::make_key() {
  Key key(EVP_EC_gen("P-256"));
  require(key != nullptr, "making a key");
  return key;
}

Certificates::Certificate Certificates::make(const std::string& subject, EVP_PKEY* key, const Wish& wish,
                                             bool is_authority) {
  Certificate made(X509_new());
  X509* certificate = made.get();
  X509* issuer = is_authority ? certificate : certificate_.get();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++issued_);
  X509_gmtime_adj(X509_getm_notBefore(certificate), wish.begins.count());
  X509_gmtime_adj(X509_getm_notAfter(certificate), wish.ends.count());
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(subject.c_str()), -1, -1,
                             0);
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
  add_extension(certificate, issuer, NID_basic_constraints, is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
  add_extension(certificate, issuer, NID_subject_key_identifier, "hash");
  if (!is_authority && !alternatives(wish).empty())
    add_extension(certificate, issuer, NID_subject_alt_name, alternatives(wish));
  require(X509_sign(certificate, key_.get(), EVP_sha256()) > 0, "signing");
  return made;
}

Identity Certificates::issue(const Wish& wish) {
  const Key key = make_key();
  const Certificate certificate = make("a subject", key.get(), wish, false);
  const std::string stem = directory_.file(std::to_string(issued_));
  Identity identity{stem + ".pem", stem + ".key", sha256(certificate.get())};
  require(PEM_write_bio_X509(open(identity.certificate_file, "w").get(), certificate.get()) == 1, "writing");
  require(PEM_write_bio_PrivateKey(open(identity.key_file, "w").get(), key.get(), nullptr, nullptr, 0, nullptr,
                                   nullptr) == 1,
          "writing");
  return identity;
}

std::string Certificates::lock(const Identity& identity) const {
  const Key key(PEM_read_bio_PrivateKey(open(identity.key_file, "r").get(), nullptr, nullptr, nullptr));
  const std::string path = identity.key_file + ".locked";
  char passphrase[] = "a passphrase";
  require(key != nullptr && PEM_write_bio_PrivateKey(open(path, "w").get(), key.get(), EVP_aes_256_cbc(), nullptr, 0,
                                                     nullptr, passphrase) == 1,
          "writing");
  return path;
}

std::string Certificates::file(const std::string& name, const std::string& text) const {
  std::ofstream(directory_.file(name)) << text;
  return directory_.file(name);
}

}  // namespace sake::test
