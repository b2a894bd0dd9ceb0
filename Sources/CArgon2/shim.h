#pragma once
#include <argon2.h>
#include <malloc.h>

// Blocks of a hash go back to the system when they are freed. Left alone, glibc raises the limit
// from which it maps a block after the first one is freed, and then every thread's arena keeps
// 19 MiB of its own.
static inline void ts_return_large_blocks(void) { mallopt(M_MMAP_THRESHOLD, 1 << 20); }
