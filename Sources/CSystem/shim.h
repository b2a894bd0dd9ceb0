// What Swift's Glibc module does not import: epoll, eventfd, accept4, flock.
#pragma once
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>

// accept4 hides behind _GNU_SOURCE. Setting it here would give the types that Swift's Glibc module
// imports, too, a second and different form, and no file could import both.
extern int accept4(int, struct sockaddr *, socklen_t *, int);

// prctl is variadic, which Swift does not import.
static inline int cs_die_with_parent(int signal) { return prctl(PR_SET_PDEATHSIG, signal); }

// prctl is variadic, which Swift does not import.
static inline int ts_hide_memory(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }
