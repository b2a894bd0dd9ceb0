// What Swift cannot import from OpenSSL 3, or warns of: macros with arguments, variadic functions,
// deprecated ones.
#pragma once
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

static inline EVP_PKEY *ts_generate_p256(void) {
  return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
}

static inline EVP_PKEY *ts_generate_ed25519(void) {
  return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

// A P-256 key of its uncompressed point (65 bytes), private if its number is given (32 bytes,
// little-endian); NULL for a point that is not on the curve. OpenSSL's decoders do the same for
// DER in a millisecond, which is most of a CGI program's start.
static inline EVP_PKEY *ts_p256(const unsigned char *point, const unsigned char *number) {
  EVP_PKEY *key = NULL;
  OSSL_PARAM parameters[4], *next = parameters;
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
  *next++ = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)"P-256", 0);
  *next++ = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)point, 65);
  if (number) *next++ = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, (unsigned char *)number, 32);
  *next = OSSL_PARAM_construct_end();
  if (!context || EVP_PKEY_fromdata_init(context) != 1 ||
      EVP_PKEY_fromdata(context, &key, number ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, parameters) != 1)
    key = NULL;
  EVP_PKEY_CTX_free(context);
  return key;
}

static inline void ts_free(void *memory) { OPENSSL_free(memory); }

// SHA-256 without EVP: the same code, but no start of OpenSSL and no look-up of an algorithm, which
// cost more than the digest of a token. Deprecated since 3.0 in favour of EVP, and still there in 3.5.
static inline void ts_sha256(const unsigned char *bytes, size_t count, unsigned char *digest) {
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, bytes, count);
  SHA256_Final(digest, &context);
}

// Gives a curve a table of multiples of its generator; 0 where it cannot. Deprecated since 3.0, where
// OpenSSL's own curves bring theirs, and still there in 3.5; nothing else makes one for another point.
static inline int ts_make_table(EC_GROUP *curve, BN_CTX *context) {
  return EC_GROUP_precompute_mult(curve, context);
}

// AES-256-GCM with a nonce of 12 bytes and a tag of 16; 1 if it succeeded.
static inline int ts_seal(
    const unsigned char *key, const unsigned char *nonce, const unsigned char *name, size_t name_count,
    const unsigned char *secret, size_t count, unsigned char *sealed, unsigned char *tag) {
  int written = 0, last = 0;
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
  int done = context && EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
             EVP_EncryptUpdate(context, NULL, &written, name, (int)name_count) == 1 &&
             EVP_EncryptUpdate(context, sealed, &written, secret, (int)count) == 1 &&
             EVP_EncryptFinal_ex(context, sealed + written, &last) == 1 &&
             EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, 16, tag) == 1;
  EVP_CIPHER_CTX_free(context);
  return done;
}

static inline int ts_open(
    const unsigned char *key, const unsigned char *nonce, const unsigned char *name, size_t name_count,
    const unsigned char *sealed, size_t count, const unsigned char *tag, unsigned char *secret) {
  int written = 0, last = 0;
  EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
  int done = context && EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
             EVP_DecryptUpdate(context, NULL, &written, name, (int)name_count) == 1 &&
             EVP_DecryptUpdate(context, secret, &written, sealed, (int)count) == 1 &&
             EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, 16, (void *)tag) == 1 &&
             EVP_DecryptFinal_ex(context, secret + written, &last) == 1;
  EVP_CIPHER_CTX_free(context);
  return done;
}
