#pragma once
/* libsqlite3, the durable read model. */
#include <sqlite3.h>
