/* The floor of whatever verifies ES256 with OpenSSL: null_events, and one verification a request.
 *
 * usage: verify_events SOCKET
 *
 * The same signature each time, over 32 bytes that need no digest; no token is even looked at. One
 * process for each core. What is faster than this verifies with something else than OpenSSL. */

#define WORK
static int start_work(void);
static int work(void);
#include "null_events.c"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <sys/prctl.h>

static const unsigned char digest[32] = {1};
static unsigned char signature[80];
static size_t length = sizeof signature;
static EVP_PKEY_CTX *verifier;

static int start_work(void) {
  EVP_PKEY *key = EVP_EC_gen("P-256");
  EVP_PKEY_CTX *signer = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
  verifier = key ? EVP_PKEY_CTX_new(key, NULL) : NULL;
  if (!signer || !verifier || EVP_PKEY_sign_init(signer) != 1 ||
      EVP_PKEY_sign(signer, signature, &length, digest, sizeof digest) != 1 ||
      EVP_PKEY_verify_init(verifier) != 1)
    return 0;
  for (long more = sysconf(_SC_NPROCESSORS_ONLN) - 1; more > 0; more--) {
    int process = fork();
    if (process < 0) return 0;
    /* The children end with the process that the bench ends. */
    if (process == 0) return prctl(PR_SET_PDEATHSIG, SIGTERM) == 0;
  }
  return 1;
}

static int work(void) { return EVP_PKEY_verify(verifier, signature, length, digest, sizeof digest) == 1; }
