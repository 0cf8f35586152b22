#pragma once
/* The built-in price book (fixtures/prices/builtin.json), embedded at build time. */
#include <stddef.h>
extern const unsigned char cprices_builtin[];
extern const size_t cprices_builtin_count;
