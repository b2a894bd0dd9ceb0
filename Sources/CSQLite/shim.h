// What Swift does not import from SQLite: casts to function pointers and variadic functions.
#pragma once
#include <sqlite3.h>
#include <string.h>

// Binds a copy of the text, so that it may go as soon as the call returns; never NULL.
static inline int csqlite_bind_text(
    sqlite3_stmt *statement, int index, const char *text, int byte_count) {
  return sqlite3_bind_text(statement, index, text ? text : "", byte_count, SQLITE_TRANSIENT);
}

// Turns a SQLITE_DBCONFIG_… switch on or off.
static inline int csqlite_switch(sqlite3 *database, int option, int on) {
  return sqlite3_db_config(database, option, on, (int *)0);
}

// Before the first connection: SQLite shall not touch 130 KiB for each before anything is asked, which
// is a tenth of a CGI start. Its allocations come from malloc one by one, its cached pages too.
static inline void csqlite_start_small(void) {
  sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
  sqlite3_config(SQLITE_CONFIG_PAGECACHE, (void *)0, 0, 0);
}

// Copies the header of the write-ahead log's index, which every commit of every process changes
// before it is acknowledged. SQLite keeps it in shared memory and hands it out by its interface
// for file systems, so this is a read of 48 bytes and no system call.
// https://sqlite.org/walformat.html#the_wal_index_header
static inline int csqlite_log_header(sqlite3 *database, void *header) {
  sqlite3_file *file = (void *)0;
  void volatile *region = (void *)0;
  if (sqlite3_file_control(database, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK) return 0;
  if (!file || !file->pMethods || file->pMethods->iVersion < 2) return 0;
  if (file->pMethods->xShmMap(file, 0, 32768, 0, &region) != SQLITE_OK || !region) return 0;
  memcpy(header, (const void *)region, 48);
  return 1;
}
