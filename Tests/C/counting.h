/* A program that includes this counts its heap calls and mappings: its own malloc and friends stand
 * before the C library's. The kernel's account of the address space sees calls made inside the C
 * library as well. Include it first, and once. */
#ifndef COUNTING_H
#define COUNTING_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static atomic_int heap_calls, map_calls;

void *malloc(size_t n) {
  heap_calls++;
  return __libc_malloc(n);
}
void *calloc(size_t n, size_t m) {
  heap_calls++;
  return __libc_calloc(n, m);
}
void *realloc(void *p, size_t n) {
  heap_calls++;
  return __libc_realloc(p, n);
}
void *aligned_alloc(size_t a, size_t n) {
  heap_calls++;
  return __libc_memalign(a, n);
}
int posix_memalign(void **p, size_t a, size_t n) {
  heap_calls++;
  *p = __libc_memalign(a, n);
  return *p ? 0 : 12;
}
void free(void *p) {
  heap_calls++;
  __libc_free(p);
}
void *mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset) {
  map_calls++;
  return (void *)syscall(SYS_mmap, at, n, protection, flags, fd, offset);
}
int munmap(void *p, size_t n) {
  map_calls++;
  return (int)syscall(SYS_munmap, p, n);
}

/* Pages of address space. */
static long address_space(void) {
  char text[64] = {0};
  int fd = open("/proc/self/statm", O_RDONLY);
  if (fd < 0 || read(fd, text, sizeof text - 1) <= 0) return -1;
  close(fd);
  return atol(text);
}

#endif
