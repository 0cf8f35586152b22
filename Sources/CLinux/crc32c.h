#pragma once
/* CRC-32C (Castagnoli, reflected polynomial 0x82F63B78) with the processor's own instruction.
   These functions work on the raw register: the caller inverts before and after.
   Three streams run side by side, since the instruction takes three cycles and one may start every
   cycle; they are joined by a carry-less multiplication with x^n mod P and one more step. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

static inline int sh_crc32c_available(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
  return (c & bit_SSE4_2) && (c & bit_PCLMUL);
}

static inline uint64_t sh_crc32c_load(const uint8_t *p) {
  uint64_t v;
  memcpy(&v, p, 8);
  return v;
}

#define SH_CRC32C __attribute__((target("sse4.2,pclmul")))

/* `lane` is a constant at every call; k2 = x^(16 lane + 31) mod P, k1 = x^(8 lane + 31) mod P. */
SH_CRC32C static inline __attribute__((always_inline)) uint32_t sh_crc32c_lanes(
    uint32_t crc, const uint8_t **at, size_t *count, size_t lane, uint32_t k2, uint32_t k1) {
  const uint8_t *p = *at;
  size_t n = *count;
  while (n >= lane * 3 + 8) {
    uint64_t a = crc, b = 0, c = 0;
    const uint8_t *end = p + lane;
    do {
      a = _mm_crc32_u64(a, sh_crc32c_load(p));
      b = _mm_crc32_u64(b, sh_crc32c_load(p + lane));
      c = _mm_crc32_u64(c, sh_crc32c_load(p + lane * 2));
      p += 8;
    } while (p < end);
    __m128i va = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)a), _mm_cvtsi32_si128((int)k2), 0);
    __m128i vb = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)b), _mm_cvtsi32_si128((int)k1), 0);
    uint64_t joined = (uint64_t)_mm_cvtsi128_si64(_mm_xor_si128(va, vb));
    p += lane * 2;
    crc = (uint32_t)_mm_crc32_u64(c, sh_crc32c_load(p) ^ joined);
    p += 8;
    n -= lane * 3 + 8;
  }
  *at = p;
  *count = n;
  return crc;
}

SH_CRC32C static inline uint32_t sh_crc32c(uint32_t crc, const uint8_t *p, size_t n) {
  crc = sh_crc32c_lanes(crc, &p, &n, 1024, 0xf7506984u, 0xfe314258u);
  crc = sh_crc32c_lanes(crc, &p, &n, 256, 0xbd6f81f8u, 0xdcb17aa4u);
  for (; n >= 8; p += 8, n -= 8) crc = (uint32_t)_mm_crc32_u64(crc, sh_crc32c_load(p));
  for (; n > 0; p++, n--) crc = _mm_crc32_u8(crc, *p);
  return crc;
}
#else
static inline int sh_crc32c_available(void) { return 0; }
static inline uint32_t sh_crc32c(uint32_t crc, const uint8_t *p, size_t n) {
  (void)p; (void)n;
  return crc;
}
#endif
