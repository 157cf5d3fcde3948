#include "journal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef LINTELD_SYSTEMD
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>
#endif

static void send(int priority, const char *application, const char *request, const char *line) {
#ifdef LINTELD_SYSTEMD
  if (getenv("JOURNAL_STREAM")) {
    sd_journal_send("PRIORITY=%d", priority, "MESSAGE=%s", line, "APPLICATION=%s", application,
                    "REQUEST=%s", request, NULL);
    return;
  }
#endif
  if (request[0])
    fprintf(stderr, "<%d>%s (%s, %s)\n", priority, line, application, request);
  else
    fprintf(stderr, "<%d>%s\n", priority, line);
}

void journal(int priority, const char *format, ...) {
  char line[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  send(priority, "", "", line);
}

void journal_request(int priority, const char *application, const char *request,
                     const char *format, ...) {
  char line[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  send(priority, application, request, line);
}
