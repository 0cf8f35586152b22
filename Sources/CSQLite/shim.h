#pragma once
/* libsqlite3, the durable read model. */
#include <sqlite3.h>
/* SQLITE_TRANSIENT is a cast of -1 that Swift does not import: these copy what they are given. */
static inline int sh_bind_text(sqlite3_stmt *s, int i, const char *p, int n) {
  return sqlite3_bind_text(s, i, p, n, SQLITE_TRANSIENT);
}
static inline int sh_bind_blob(sqlite3_stmt *s, int i, const void *p, int n) {
  return n == 0 ? sqlite3_bind_zeroblob(s, i, 0) : sqlite3_bind_blob(s, i, p, n, SQLITE_TRANSIENT);
}
