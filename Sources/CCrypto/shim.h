#pragma once
/* OpenSSL's libcrypto: SHA-256, Ed25519, random bytes. */
/* The one-block functions of SHA-256 are deprecated in favour of EVP, which costs several hundred
   nanoseconds a call: more than hashing a record. They are still what EVP itself calls. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/rand.h>
#include <openssl/crypto.h>
#include <stdint.h>
#include <string.h>

static inline void dbk_store_digest(const SHA256_CTX *context, uint8_t *out) {
  for (int i = 0; i < 8; i++) {
    uint32_t word = __builtin_bswap32((uint32_t)context->h[i]);
    memcpy(out + 4 * i, &word, 4);
  }
}

/* SHA-256(tag || bytes): a leaf of RFC 6962 with tag 0. */
static inline void dbk_sha256_tagged(
    uint8_t tag, const uint8_t *bytes, size_t count, uint8_t *out) {
  SHA256_CTX context;
  uint8_t block[128];
  size_t done = 0, rest;
  SHA256_Init(&context);
  if (count >= 63) {
    block[0] = tag;
    memcpy(block + 1, bytes, 63);
    SHA256_Transform(&context, block);
    for (done = 63; count - done >= 64; done += 64) SHA256_Transform(&context, bytes + done);
    rest = count - done;
    if (rest > 0) memcpy(block, bytes + done, rest);
  } else {
    block[0] = tag;
    if (count > 0) memcpy(block + 1, bytes, count);
    rest = count + 1;
  }
  block[rest] = 0x80;
  size_t size = rest + 9 <= 64 ? 64 : 128;
  memset(block + rest + 1, 0, size - rest - 9);
  uint64_t bits = __builtin_bswap64((uint64_t)(count + 1) * 8);
  memcpy(block + size - 8, &bits, 8);
  SHA256_Transform(&context, block);
  if (size == 128) SHA256_Transform(&context, block + 64);
  dbk_store_digest(&context, out);
}

/* SHA-256(1 || left || right): a node of RFC 6962. */
static inline void dbk_sha256_node(const uint8_t *left, const uint8_t *right, uint8_t *out) {
  SHA256_CTX context;
  uint8_t block[128];
  SHA256_Init(&context);
  block[0] = 1;
  memcpy(block + 1, left, 32);
  memcpy(block + 33, right, 32);
  block[65] = 0x80;
  memset(block + 66, 0, 60);
  block[126] = 0x02; /* 65 bytes are 520 bits */
  block[127] = 0x08;
  SHA256_Transform(&context, block);
  SHA256_Transform(&context, block + 64);
  dbk_store_digest(&context, out);
}
