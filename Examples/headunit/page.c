#include "page.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES_MAX 32
#define FILE_BYTES_MAX (1u << 20)

static struct page_file files[FILES_MAX];
static size_t file_count;

static const char *type_of(const char *name) {
  static const char *const types[][2] = {
      {".html", "text/html; charset=utf-8"}, {".css", "text/css; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"}, {".svg", "image/svg+xml"}};
  const char *dot = strrchr(name, '.');
  for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
    if (strcmp(types[i][0], dot) == 0) return types[i][1];
  return NULL;
}

void page_close(void) {
  for (size_t i = 0; i < file_count; i++) text_free(&files[i].text);
  file_count = 0;
}

bool page_open(const char *directory, char *message, size_t message_bytes) {
  DIR *list = directory ? opendir(directory) : NULL;
  const struct dirent *entry;
  bool done = true;
  if (!directory) return true;
  if (!list) {
    snprintf(message, message_bytes, "page %s: %s", directory, strerror(errno));
    return false;
  }
  page_close();
  while (done && file_count < FILES_MAX && (entry = readdir(list))) {
    struct page_file *file = &files[file_count];
    struct text path = {0};
    file->type = type_of(entry->d_name);
    if (!file->type || entry->d_name[0] == '.' || strlen(entry->d_name) >= sizeof file->name)
      continue;
    strcpy(file->name, entry->d_name);
    text_format(&path, "%s/%s", directory, entry->d_name);
    done = text_read_file(&file->text, path.bytes, FILE_BYTES_MAX, message, message_bytes);
    file_count += done;
    text_free(&path);
  }
  closedir(list);
  return done;
}

const struct page_file *page_find(const char *url) {
  const char *name = strcmp(url, "/") == 0 ? "index.html" : url + 1;
  for (size_t i = 0; i < file_count; i++)
    if (strcmp(files[i].name, name) == 0) return &files[i];
  return NULL;
}
