/* The built-in price book, embedded: data, no code. */
#include "CPrices.h"
/* The path is relative to this file. #embed is C23 (-std=gnu2x). */
const unsigned char cprices_builtin[] = {
#embed "../../fixtures/prices/builtin.json"
};
const size_t cprices_builtin_count = sizeof cprices_builtin;
