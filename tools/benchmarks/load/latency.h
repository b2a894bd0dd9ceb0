/* A histogram of times in microseconds: 32 steps to each power of two, so within 3 %. */

#include <stdint.h>
#include <stdio.h>

enum { LATENCY_STEPS = 32, LATENCY_POWERS = 32 };

struct latency {
  long count, buckets[LATENCY_STEPS * LATENCY_POWERS];
};

static inline void latency_add(struct latency *latency, double microseconds) {
  uint64_t value = microseconds < LATENCY_STEPS ? LATENCY_STEPS : (uint64_t)microseconds;
  int power = 63 - __builtin_clzll(value) - 5;
  if (power >= LATENCY_POWERS) power = LATENCY_POWERS - 1;
  latency->buckets[power * LATENCY_STEPS + (int)(value >> power & (LATENCY_STEPS - 1))]++;
  latency->count++;
}

static inline double latency_at(const struct latency *latency, double share) {
  long seen = 0;
  for (int i = 0; i < LATENCY_STEPS * LATENCY_POWERS; i++) {
    seen += latency->buckets[i];
    if (latency->buckets[i] > 0 && (double)seen >= share * (double)latency->count)
      return (double)((uint64_t)(LATENCY_STEPS + i % LATENCY_STEPS) << (i / LATENCY_STEPS));
  }
  return 0;
}

static inline void latency_print(const struct latency *latency) {
  static const double shares[] = {10, 25, 50, 75, 90, 95, 99, 99.9};
  fputs("\"latency\":{", stdout);
  for (unsigned i = 0; i < sizeof shares / sizeof *shares; i++)
    printf("%s\"%g\":%.0f", i > 0 ? "," : "", shares[i], latency_at(latency, shares[i] / 100));
  fputs("}", stdout);
}
