// libpq, loaded by a program when it is asked for and linked by none: it brings 18 libraries (Kerberos,
// LDAP, GnuTLS), which a program with an SQLite file would pay for at every start.
#pragma once
#include <dlfcn.h>
#include <poll.h>
#include <postgresql/libpq-fe.h>

// What is called of libpq 14 or later, each by its own name without PQ.
#define CPQ_FUNCTIONS(f)                                                                            \
  f(connectdbParams) f(finish) f(status) f(errorMessage) f(socket) f(setnonblocking)                \
  f(setNoticeReceiver) f(conninfoParse) f(conninfoFree) f(freemem) f(enterPipelineMode)             \
  f(pipelineSync) f(sendPrepare) f(sendQueryPrepared) f(sendQueryParams) f(flush) f(consumeInput)   \
  f(isBusy) f(getResult) f(clear) f(resultStatus) f(resultErrorField) f(ntuples) f(nfields)         \
  f(ftype) f(getisnull) f(getlength) f(getvalue) f(cmdStatus) f(cmdTuples)

struct cpq_functions {
#define CPQ_FIELD(name) __typeof__(&PQ##name) _Nonnull name;
  CPQ_FUNCTIONS(CPQ_FIELD)
#undef CPQ_FIELD
};

// Loads libpq; what the loader said where it cannot, else NULL.
static inline const char *_Nullable cpq_load(struct cpq_functions *_Nonnull functions) {
  // Its symbols stay its own: nothing of the program is looked up in it.
  void *library = dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL);
  if (!library) return dlerror();
#define CPQ_LOAD(name) \
  if (!(functions->name = (__typeof__(&PQ##name))dlsym(library, "PQ" #name))) return dlerror();
  CPQ_FUNCTIONS(CPQ_LOAD)
#undef CPQ_LOAD
  return (const char *)0;
}

// PG_DIAG_… are character constants, which Swift does not import.
static const int cpq_diag_sqlstate = PG_DIAG_SQLSTATE;
static const int cpq_diag_message = PG_DIAG_MESSAGE_PRIMARY;
static const int cpq_diag_severity = PG_DIAG_SEVERITY_NONLOCALIZED;
