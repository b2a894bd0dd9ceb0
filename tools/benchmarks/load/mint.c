/* Signs access tokens of sessions that exist, faster than asking for them one by one.
 *
 * usage: mint KEY.pem ALG KID ISSUER LIFETIME COUNT [SITE] < SESSIONS
 *
 * With SITE they are gate tokens for this site.
 *
 * Each line of standard input is `username account session generation version`; COUNT different
 * tokens are printed for each, one a line. They are what `login` and `refresh` issue: RFC 9068. */

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static EVP_PKEY *key;

/* Base64url without padding, RFC 4648 section 5; returns the end. */
static char *base64url(char *out, const void *from, size_t count) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const unsigned char *bytes = from;
  unsigned long bits = 0;
  int pending = 0;
  for (size_t i = 0; i < count; i++) {
    bits = bits << 8 | bytes[i];
    for (pending += 8; pending >= 6;) *out++ = digits[bits >> (pending -= 6) & 63];
  }
  if (pending > 0) *out++ = digits[bits << (6 - pending) & 63];
  return out;
}

/* Signs; an ES256 signature is r and s of 32 bytes each, RFC 7518 section 3.4. */
static void sign(const char *text, size_t count, unsigned char signature[64]) {
  unsigned char bytes[128];
  size_t length = sizeof bytes;
  int is_ecdsa = EVP_PKEY_get_base_id(key) == EVP_PKEY_EC;
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  if (EVP_DigestSignInit(context, NULL, is_ecdsa ? EVP_sha256() : NULL, NULL, key) != 1 ||
      EVP_DigestSign(context, bytes, &length, (const unsigned char *)text, count) != 1)
    exit(111);
  EVP_MD_CTX_free(context);
  if (!is_ecdsa) {
    memcpy(signature, bytes, 64);
    return;
  }
  const unsigned char *from = bytes;
  ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &from, (long)length);
  if (!pair) exit(111);
  BN_bn2binpad(ECDSA_SIG_get0_r(pair), signature, 32);
  BN_bn2binpad(ECDSA_SIG_get0_s(pair), signature + 32, 32);
  ECDSA_SIG_free(pair);
}

/* An identifier of 26 characters that no other call has given. */
static void identifier(char out[27]) {
  static unsigned long number;
  unsigned long rest = ++number;
  memset(out, 'a', 26);
  for (int i = 25; rest > 0; rest >>= 5) out[i--] = "abcdefghijklmnopqrstuvwxyz234567"[rest & 31];
  out[26] = 0;
}

int main(int count, char **words) {
  FILE *file = count == 7 || count == 8 ? fopen(words[1], "r") : NULL;
  key = file ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
  if (!key) {
    fputs("usage: mint KEY.pem ALG KID ISSUER LIFETIME COUNT [SITE] < SESSIONS\n", stderr);
    return 100;
  }
  char head[512], claims[2048], token[8192], username[65], account[27], session[27], number[27];
  long long generation, version, issued = time(NULL);
  const char *site = count == 8 ? words[7] : NULL;
  snprintf(head, sizeof head, "{\"alg\":\"%s\",\"kid\":\"%s\",\"typ\":\"%s\"}", words[2], words[3],
           site ? "gt+jwt" : "at+jwt");
  while (scanf("%64s %26s %26s %lld %lld", username, account, session, &generation, &version) == 5) {
    for (int i = 0; i < atoi(words[6]); i++) {
      identifier(number);
      int length = snprintf(
          claims, sizeof claims,
          "{\"iss\":\"%s\",\"aud\":\"%s\",\"sub\":\"%s\",\"iat\":%lld,\"exp\":%lld,\"jti\":\"%s\","
          "\"sid\":\"%s\",\"ver\":%lld",
          words[4], site ? site : words[4], account, issued, issued + atoll(words[5]), number, session,
          version);
      if (!site)
        length += snprintf(claims + length, sizeof claims - (size_t)length,
                           ",\"gen\":%lld,\"preferred_username\":\"%s\",\"groups\":[]", generation, username);
      claims[length++] = '}';
      char *end = base64url(token, head, strlen(head));
      *end++ = '.';
      end = base64url(end, claims, (size_t)length);
      unsigned char signature[64];
      sign(token, (size_t)(end - token), signature);
      *end++ = '.';
      end = base64url(end, signature, sizeof signature);
      printf("%.*s\n", (int)(end - token), token);
    }
  }
  return 0;
}
