#pragma once
/* The built-in price book (fixtures/prices/builtin.json), embedded at build time. */
#include <stddef.h>
extern const unsigned char cprices_builtin[];
extern const size_t cprices_builtin_count;
/* An array of unknown length is no value in Swift: this is its address. */
static inline const unsigned char *cprices_bytes(void) { return cprices_builtin; }
