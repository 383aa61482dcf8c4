/* gauge: what a measuring program reads off itself: processor time of all its
 * threads, the clock, resident memory (proc(5)), what malloc has given out
 * (mallinfo(3)). */
#ifndef BENCH_GAUGE_H
#define BENCH_GAUGE_H

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static inline int64_t gauge_us(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static inline int64_t gauge_cpu_us(void) {
  return gauge_us(CLOCK_PROCESS_CPUTIME_ID);
}

/* Of the calling thread alone: what a host pays. */
static inline int64_t gauge_thread_us(void) {
  return gauge_us(CLOCK_THREAD_CPUTIME_ID);
}

static inline int64_t gauge_wall_us(void) { return gauge_us(CLOCK_MONOTONIC); }

/* A field of /proc/self/status: "VmRSS:" now, "VmHWM:" at the most; in KiB. */
static inline long gauge_kib(const char *field) {
  char line[128];
  long kib = 0;
  FILE *file = fopen("/proc/self/status", "r");
  while (file && fgets(line, sizeof line, file))
    if (strncmp(line, field, strlen(field)) == 0)
      (void)sscanf(line + strlen(field), "%ld", &kib);
  if (file)
    (void)fclose(file);
  return kib;
}

/* Bytes in use, with what malloc needs for each block. */
static inline long gauge_heap(void) {
  struct mallinfo2 info = mallinfo2();
  return (long)(info.uordblks + info.hblkhd);
}

/* From here on VmHWM counts anew. */
static inline void gauge_forget_peak(void) {
  FILE *file = fopen("/proc/self/clear_refs", "w");
  if (!file)
    return;
  (void)fputs("5", file);
  (void)fclose(file);
}

#endif
