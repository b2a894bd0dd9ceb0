/* The floor of a FastCGI program on libfcgi: many threads that answer 204 to everything.
 *
 * usage: null_threads SOCKET THREADS
 *
 * libfcgi gives a thread to each connection, so THREADS exceeds what nginx keeps open. */

#include <fcgiapp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static int listener;

static void *answer(void *unused) {
  FCGX_Request request;
  FCGX_InitRequest(&request, listener, 0);
  while (FCGX_Accept_r(&request) == 0) {
    FCGX_PutS("Status: 204 No Content\r\n\r\n", request.out);
    FCGX_Finish_r(&request);
  }
  return unused;
}

int main(int count, char **words) {
  int threads = count == 3 ? atoi(words[2]) : 0;
  if (threads < 1) {
    fputs("usage: null_threads SOCKET THREADS\n", stderr);
    return 100;
  }
  if (FCGX_Init() != 0 || (listener = FCGX_OpenSocket(words[1], 1024)) < 0) return 111;
  for (int i = 1; i < threads; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, answer, NULL) != 0) return 111;
  }
  answer(NULL);
  return 0;
}
