/* One line per event, to the journal: with fields if libsystemd is linked in, otherwise to standard
 * error with the priority in front, which the service manager reads. */
#ifndef LINTELD_JOURNAL_H
#define LINTELD_JOURNAL_H

#define JOURNAL_ERROR 3
#define JOURNAL_WARNING 4
#define JOURNAL_NOTICE 5
#define JOURNAL_INFO 6

__attribute__((format(printf, 2, 3))) void journal(int priority, const char *format, ...);
/* A line about one request: APPLICATION= and REQUEST= are its fields. */
__attribute__((format(printf, 4, 5))) void journal_request(int priority, const char *application,
                                                           const char *request,
                                                           const char *format, ...);
#endif
