/* How many single-row durable commits a second this disk does: WAL, synchronous FULL, one writer.
 *
 * usage: commits DATABASE SECONDS      prints commits a second
 *
 * The row is as long as one of the sessions; the log is folded back where the programs would. */

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int count, char **words) {
  sqlite3 *database;
  sqlite3_stmt *update;
  double seconds = count == 3 ? atof(words[2]) : 0;
  if (seconds <= 0) {
    fputs("usage: commits DATABASE SECONDS\n", stderr);
    return 100;
  }
  if (sqlite3_open(words[1], &database) != SQLITE_OK ||
      sqlite3_exec(database,
                   "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                   "CREATE TABLE row (id TEXT PRIMARY KEY NOT NULL, generation INTEGER NOT NULL,"
                   " rotated_at INTEGER NOT NULL, rest TEXT NOT NULL) STRICT, WITHOUT ROWID;"
                   "WITH RECURSIVE n (i) AS (VALUES (0) UNION ALL SELECT i + 1 FROM n WHERE i < 999)"
                   " INSERT INTO row SELECT printf('%026d', i), 1, 0, printf('%0160d', i) FROM n",
                   NULL, NULL, NULL) != SQLITE_OK ||
      sqlite3_prepare_v2(database,
                         "UPDATE row SET generation = generation + 1, rotated_at = ?2"
                         " WHERE id = printf('%026d', ?1)",
                         -1, &update, NULL) != SQLITE_OK) {
    fprintf(stderr, "commits: %s\n", sqlite3_errmsg(database));
    return 111;
  }
  long done = 0;
  double start = now(), end = start + seconds;
  while (now() < end) {
    sqlite3_bind_int64(update, 1, done * 7919 % 1000);
    sqlite3_bind_int64(update, 2, done);
    if (sqlite3_step(update) != SQLITE_DONE) return 111;
    sqlite3_reset(update);
    done++;
  }
  printf("%.1f\n", (double)done / (now() - start));
  sqlite3_finalize(update);
  return sqlite3_close(database) == SQLITE_OK ? 0 : 111;
}
