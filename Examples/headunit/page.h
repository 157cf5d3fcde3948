/* The page's files, read into memory at start and at a reload. */
#ifndef LINTELD_PAGE_H
#define LINTELD_PAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "text.h"

struct page_file {
  char name[64];
  const char *type;
  struct text text;
};

bool page_open(const char *directory, char *message, size_t message_bytes);
void page_close(void);
/* By the path of a URL; "/" is index.html. NULL if there is none. */
const struct page_file *page_find(const char *url);

#endif
