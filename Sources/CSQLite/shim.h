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

// A file as SQLite has it open, by its interface for file systems: SQLITE_FCNTL_FILE_POINTER is the
// database, SQLITE_FCNTL_JOURNAL_POINTER its log. A descriptor of our own would not do: closing it
// would drop the locks that SQLite holds on the file.
static inline sqlite3_file *csqlite_file(sqlite3 *database, int which) {
  sqlite3_file *file = (void *)0;
  if (sqlite3_file_control(database, "main", which, &file) != SQLITE_OK) return (void *)0;
  return file && file->pMethods ? file : (void *)0;
}

// Copies the beginning of the index of the write-ahead log, which every commit of every process
// changes before it is acknowledged. It is in shared memory, so this is no system call.
// https://sqlite.org/walformat.html#the_wal_index_header
static inline int csqlite_log_index(sqlite3 *database, void *bytes, int byte_count) {
  sqlite3_file *file = csqlite_file(database, SQLITE_FCNTL_FILE_POINTER);
  void volatile *region = (void *)0;
  if (!file || file->pMethods->iVersion < 2) return 0;
  if (file->pMethods->xShmMap(file, 0, 32768, 0, &region) != SQLITE_OK || !region) return 0;
  memcpy(bytes, (const void *)region, byte_count);
  return 1;
}

// Reads the first bytes of the database's file, without looking into its log; what the file does
// not have is zero.
static inline int csqlite_read_start(sqlite3 *database, void *bytes, int byte_count) {
  sqlite3_file *file = csqlite_file(database, SQLITE_FCNTL_FILE_POINTER);
  int code = file ? file->pMethods->xRead(file, bytes, byte_count, 0) : SQLITE_CANTOPEN;
  return code == SQLITE_IOERR_SHORT_READ ? SQLITE_OK : code;
}

// Whether no other connection of any process uses the database's log: each holds a shared lock.
// SQLITE_OK if so, SQLITE_BUSY if not. Only before the first statement, which takes such a lock too.
static inline int csqlite_is_alone(sqlite3 *database) {
  sqlite3_file *file = csqlite_file(database, SQLITE_FCNTL_FILE_POINTER);
  if (!file) return SQLITE_CANTOPEN;
  int code = file->pMethods->xLock(file, SQLITE_LOCK_SHARED);
  if (code == SQLITE_OK) code = file->pMethods->xLock(file, SQLITE_LOCK_EXCLUSIVE);
  file->pMethods->xUnlock(file, SQLITE_LOCK_NONE);
  return code;
}

// The size of the log that a connection has open, be it deleted; -1 where there is none.
static inline sqlite3_int64 csqlite_log_size(sqlite3 *database) {
  sqlite3_file *file = csqlite_file(database, SQLITE_FCNTL_JOURNAL_POINTER);
  sqlite3_int64 size = -1;
  return file && file->pMethods->xFileSize(file, &size) == SQLITE_OK ? size : -1;
}
