/* The operating system seam: every call that the engine makes outside itself.
 *
 * Header-only, no state, no policy. Embedded Swift cannot import Glibc, and macros such as
 * MAP_FAILED do not import at all, so each call has a small static inline wrapper here. */
#ifndef LINTEL_PLATFORM_H
#define LINTEL_PLATFORM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* ---- files and mappings. Each returns 0 or an errno value. ---- */

static inline int lt_open_readonly(const char *path, int *out_fd, int64_t *out_bytes) {
  int fd;
  /* A pipe without a writer must not hold the host up; regular files know no other way. */
  do {
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) return errno;
  struct stat st;
  if (fstat(fd, &st) != 0) {
    int e = errno;
    close(fd);
    return e;
  }
  if (!S_ISREG(st.st_mode)) {
    close(fd);
    return S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
  }
  *out_fd = fd;
  *out_bytes = (int64_t)st.st_size;
  return 0;
}

/* Reads up to `bytes` into `to`; how many there were comes out. 0 is the end of the file. */
static inline int lt_read(int fd, void *to, size_t bytes, size_t *out_count) {
  ssize_t n;
  do {
    n = read(fd, to, bytes);
  } while (n < 0 && errno == EINTR);
  if (n < 0) return errno;
  *out_count = (size_t)n;
  return 0;
}

static inline void lt_close(int fd) { (void)close(fd); }

static inline int lt_map_readonly(int fd, size_t bytes, const void **out) {
  void *p = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
  if (p == MAP_FAILED) return errno;
  *out = p;
  return 0;
}

static inline int lt_map_private(size_t bytes, void **out) {
  void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return errno;
  *out = p;
  return 0;
}

static inline void lt_unmap(const void *p, size_t bytes) { (void)munmap((void *)p, bytes); }

static inline int lt_lock(const void *p, size_t bytes) {
  return mlock(p, bytes) == 0 ? 0 : errno;
}

static inline void lt_unlock(const void *p, size_t bytes) { (void)munlock(p, bytes); }

static inline uint64_t lt_lock_limit(void) {
  struct rlimit r;
  if (getrlimit(RLIMIT_MEMLOCK, &r) != 0) return 0;
  return r.rlim_cur == RLIM_INFINITY ? UINT64_MAX : (uint64_t)r.rlim_cur;
}

static inline void lt_advise_willneed(const void *p, size_t bytes) {
  (void)madvise((void *)p, bytes, MADV_WILLNEED);
}

/* Asks for pages of 2 MiB as far as they fit, of memory or of a file that is read anew (ext4 since
 * Linux 6.16). */
static inline void lt_advise_huge(const void *p, size_t bytes) {
#ifdef MADV_HUGEPAGE
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  uintptr_t from = ((uintptr_t)p + page - 1) / page * page;
  uintptr_t to = (uintptr_t)p + bytes;
  if (from < to) (void)madvise((void *)from, to - from, MADV_HUGEPAGE);
#else
  (void)p, (void)bytes;
#endif
}

/* Whether the page of p is in memory. p is a multiple of the page size. */
static inline int lt_is_resident(const void *p) {
  unsigned char pages = 0;
  return mincore((void *)p, 1, &pages) == 0 && (pages & 1);
}

/* Reads one byte, and cannot be optimised away. */
static inline uint8_t lt_touch(const void *p) { return *(const volatile uint8_t *)p; }

static inline size_t lt_page_bytes(void) { return (size_t)sysconf(_SC_PAGESIZE); }

/* ---- files that are whole or not there. Each returns 0 or an errno value. ---- */

/* Opens `path` for writing, empty, created if need be, readable by its owner alone, and holds its
 * lock: EWOULDBLOCK if somebody else does. */
static inline int lt_open_locked(const char *path, int *out_fd) {
  for (int attempt = 0; attempt < 16; attempt++) {
    int fd, e = 0;
    do {
      fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) return errno;
    struct stat mine, there;
    if (fstat(fd, &mine) != 0 || flock(fd, LOCK_EX | LOCK_NB) != 0) e = errno;
    else if (!S_ISREG(mine.st_mode)) e = EINVAL;
    /* Between opening and locking the file may have got another name. */
    else if (stat(path, &there) != 0) e = errno;
    else if (mine.st_dev != there.st_dev || mine.st_ino != there.st_ino) e = ENOENT;
    else if (ftruncate(fd, 0) != 0) e = errno;
    if (!e) {
      *out_fd = fd;
      return 0;
    }
    close(fd);
    if (e != ENOENT) return e;
  }
  return EWOULDBLOCK;
}

static inline int lt_write(int fd, const void *p, size_t bytes) {
  const char *at = (const char *)p;
  while (bytes > 0) {
    ssize_t n = write(fd, at, bytes);
    if (n > 0) {
      at += n;
      bytes -= (size_t)n;
    } else if (n == 0 || errno != EINTR) {
      return n == 0 ? EIO : errno;
    }
  }
  return 0;
}

/* Reads up to `bytes`; fewer where the file ends. */
static inline int lt_read_at(int fd, void *p, size_t bytes, int64_t offset, size_t *out_bytes) {
  char *at = (char *)p;
  *out_bytes = 0;
  while (bytes > 0) {
    ssize_t n = pread(fd, at + *out_bytes, bytes, (off_t)offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    if (n == 0) break;
    *out_bytes += (size_t)n;
    bytes -= (size_t)n;
    offset += n;
  }
  return 0;
}

static inline int lt_sync(int fd) { return fsync(fd) == 0 ? 0 : errno; }

static inline int lt_rename(const char *from, const char *to) {
  return rename(from, to) == 0 ? 0 : errno;
}

static inline void lt_remove(const char *path) { (void)unlink(path); }

/* Makes the names in a directory last. Some file systems cannot, and need not. */
static inline int lt_sync_directory(const char *path) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno;
  int e = fsync(fd) == 0 || errno == EINVAL || errno == ENOTSUP ? 0 : errno;
  close(fd);
  return e;
}

/* ---- time ---- */

static inline int64_t lt_now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- threads ---- */

typedef void *(*lt_thread_fn)(void *);

/* One share of a parallel phase: `part` of `parts`, over a context that outlives the phase. */
typedef void (*lt_job_fn)(const void *context, int part, int parts);

/* Starts a thread whose stack is memory that the caller owns. Returns 0 or an errno value. */
static inline int lt_thread_start(pthread_t *out, void *stack, size_t stack_bytes,
                                  lt_thread_fn entry, void *argument) {
  pthread_attr_t attributes;
  int e = pthread_attr_init(&attributes);
  if (e) return e;
  e = pthread_attr_setstack(&attributes, stack, stack_bytes);
  if (!e) e = pthread_create(out, &attributes, entry, argument);
  pthread_attr_destroy(&attributes);
  return e;
}

static inline uintptr_t lt_thread_self(void) { return (uintptr_t)pthread_self(); }

static inline void lt_thread_join(pthread_t thread) { (void)pthread_join(thread, NULL); }

static inline int lt_thread_pin(int cpu) {
  cpu_set_t set;
  if (cpu < 0 || cpu >= CPU_SETSIZE) return EINVAL;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

/* Processors that this process may run on. */
static inline int lt_cpu_count(void) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    int n = CPU_COUNT(&set);
    if (n > 0) return n;
  }
  long n = sysconf(_SC_NPROCESSORS_ONLN);
  return n > 0 ? (int)n : 1;
}

/* Sleeps while *word == expected, or until woken. May return early. */
static inline void lt_futex_wait(const uint32_t *word, uint32_t expected) {
  (void)syscall(SYS_futex, word, 128 /* WAIT | PRIVATE */, expected, NULL, NULL, 0);
}

static inline void lt_futex_wake(const uint32_t *word, int count) {
  (void)syscall(SYS_futex, word, 129 /* WAKE | PRIVATE */, count, NULL, NULL, 0);
}

static inline uint32_t lt_load_acquire(const uint32_t *p) {
  return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}
static inline void lt_store_release(uint32_t *p, uint32_t v) {
  __atomic_store_n(p, v, __ATOMIC_RELEASE);
}
static inline uint32_t lt_add_acq_rel(uint32_t *p, uint32_t v) {
  return __atomic_add_fetch(p, v, __ATOMIC_SEQ_CST);
}
static inline uint32_t lt_exchange(uint32_t *p, uint32_t v) {
  return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);
}
/* Nonzero when *p was `expected` and is now `desired`. */
static inline int lt_compare_exchange(uint32_t *p, uint32_t expected, uint32_t desired) {
  return __atomic_compare_exchange_n(p, &expected, desired, 0, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST);
}

/* ---- processor ---- */

static inline void lt_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* Flushes denormal numbers to zero on this thread; returns the former mode for lt_float_restore.
 * Decaying recurrent states reach denormals, and those cost up to a factor of three. */
static inline uint64_t lt_float_flush(void) {
#if defined(__x86_64__)
  uint32_t old = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(old | 0x8040u);
  return old;
#elif defined(__aarch64__)
  uint64_t old;
  __asm__ volatile("mrs %0, fpcr" : "=r"(old));
  __asm__ volatile("msr fpcr, %0" : : "r"(old | (1ull << 24)));
  return old;
#else
  return 0;
#endif
}

static inline void lt_float_restore(uint64_t old) {
#if defined(__x86_64__)
  __builtin_ia32_ldmxcsr((uint32_t)old);
#elif defined(__aarch64__)
  __asm__ volatile("msr fpcr, %0" : : "r"(old));
#else
  (void)old;
#endif
}

/* What the SIMD shim was compiled for must be what this processor has. */
static inline int lt_cpu_supported(void) {
#if defined(__x86_64__) && defined(__AVX2__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return 1;
#endif
}

/* ---- mathematics: named here so that the undefined symbols of the archive are few and known ---- */

static inline float lt_logf(float x) { return logf(x); }
static inline float lt_sqrtf(float x) { return __builtin_sqrtf(x); }
static inline double lt_pow(double x, double y) { return pow(x, y); }
static inline double lt_cos(double x) { return cos(x); }
static inline double lt_sin(double x) { return sin(x); }
static inline double lt_exp(double x) { return exp(x); }
static inline double lt_log(double x) { return log(x); }

#endif
