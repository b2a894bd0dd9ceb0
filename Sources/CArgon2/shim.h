#pragma once
#include <argon2.h>
#include <malloc.h>

// The blocks of hashes are kept and used again, and no more of them than run at once. Left alone,
// glibc gives every thread an arena that keeps 19 MiB of its own; mapped anew for each hash, half
// of its time goes into page faults.
static inline void ts_keep_large_blocks(void) {
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 128 << 20);
}
