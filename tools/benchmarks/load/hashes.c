/* How many argon2id hashes a second: m = 19456 KiB, t = 2, p = 1, as the programs are set.
 *
 * usage: hashes THREADS SECONDS      prints hashes a second of all threads together */

#include <argon2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double seconds;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Each thread counts whole hashes in the time that they took. */
static void *hash(void *rate) {
  const char password[] = "correct horse battery staple";
  unsigned char salt[16] = {1}, out[32];
  long done = 0;
  double start = now();
  do {
    if (argon2id_hash_raw(2, 19456, 1, password, strlen(password), salt, sizeof salt, out, sizeof out) != 0)
      exit(111);
    done++;
  } while (now() < start + seconds);
  *(double *)rate = (double)done / (now() - start);
  return NULL;
}

int main(int count, char **words) {
  int threads = count == 3 ? atoi(words[1]) : 0;
  seconds = count == 3 ? atof(words[2]) : 0;
  if (threads < 1 || threads > 256 || seconds <= 0) {
    fputs("usage: hashes THREADS SECONDS\n", stderr);
    return 100;
  }
  pthread_t running[256];
  double rates[256] = {0}, sum = 0;
  for (int i = 0; i < threads; i++)
    if (pthread_create(&running[i], NULL, hash, &rates[i]) != 0) return 111;
  for (int i = 0; i < threads; i++) {
    pthread_join(running[i], NULL);
    sum += rates[i];
  }
  printf("%.2f\n", sum);
  return 0;
}
