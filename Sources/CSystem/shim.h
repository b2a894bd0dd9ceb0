// What Swift's Glibc module does not import: epoll, eventfd, accept4, flock.
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>

// accept4 hides behind _GNU_SOURCE. Setting it here would give the types that Swift's Glibc module
// imports, too, a second and different form, and no file could import both.
extern int accept4(int, struct sockaddr *, socklen_t *, int);

// memfd_create hides there too. MFD_CLOEXEC is 1.
extern int memfd_create(const char *, unsigned int);
static const unsigned int ts_memfd_cloexec = 1;

// O_PATH hides behind _GNU_SOURCE too.
static const int ts_o_path = __O_PATH;

// prctl is variadic, which Swift does not import.
static inline int cs_die_with_parent(int signal) { return prctl(PR_SET_PDEATHSIG, signal); }

// prctl is variadic, which Swift does not import.
static inline int ts_hide_memory(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

// dl_iterate_phdr hides behind _GNU_SOURCE too; this is what it hands over, as far as it is read.
struct cs_loaded {
  ElfW(Addr) base;
  const char *name;
  const ElfW(Phdr) *headers;
  ElfW(Half) count;
};
extern int dl_iterate_phdr(int (*)(struct cs_loaded *, size_t, void *), void *);

static inline int cs_forget_segments(struct cs_loaded *object, size_t size, void *nothing) {
  (void)size, (void)nothing;
  for (int i = 0; i < object->count; i++) {
    const ElfW(Phdr) *segment = &object->headers[i];
    // Only what nobody may write: the loader has written addresses into the rest.
    if (segment->p_type != PT_LOAD || segment->p_flags & PF_W) continue;
    ElfW(Addr) start = object->base + (segment->p_vaddr & ~(ElfW(Addr))4095);
    ElfW(Addr) end = (object->base + segment->p_vaddr + segment->p_memsz + 4095) & ~(ElfW(Addr))4095;
    madvise((void *)start, end - start, MADV_DONTNEED);
  }
  return 0;
}

// Unmaps the code and constants of the program and its libraries until they are next used.
static inline void cs_forget_code(void) { dl_iterate_phdr(cs_forget_segments, NULL); }
