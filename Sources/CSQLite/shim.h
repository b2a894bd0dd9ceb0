// What Swift does not import from SQLite: casts to function pointers and variadic functions.
#pragma once
#include <sqlite3.h>

// Binds a copy of the text, so that it may go as soon as the call returns; never NULL.
static inline int csqlite_bind_text(
    sqlite3_stmt *statement, int index, const char *text, int byte_count) {
  return sqlite3_bind_text(statement, index, text ? text : "", byte_count, SQLITE_TRANSIENT);
}

// Turns a SQLITE_DBCONFIG_… switch on or off.
static inline int csqlite_switch(sqlite3 *database, int option, int on) {
  return sqlite3_db_config(database, option, on, (int *)0);
}
