#include "access.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "text.h"

#define TOKEN_BYTES_MAX 256
#define GROUPS_MAX 64

/* One if equal, without a branch on what the bytes are. */
static unsigned equal(const char *expected, const char *given) {
  char left[TOKEN_BYTES_MAX + 1] = {0}, right[TOKEN_BYTES_MAX + 1] = {0};
  const size_t given_bytes = strnlen(given, TOKEN_BYTES_MAX + 1);
  volatile unsigned char difference = given_bytes > TOKEN_BYTES_MAX;
  snprintf(left, sizeof left, "%s", expected);
  snprintf(right, sizeof right, "%s", given);
  for (size_t i = 0; i < sizeof left; i++)
    difference = (unsigned char)(difference | (unsigned char)(left[i] ^ right[i]));
  return difference == 0;
}

const struct application *access_by_token(const struct config *config, const char *authorization) {
  static const char scheme[] = "Bearer ";
  const struct application *found = NULL;
  if (!authorization || strncmp(authorization, scheme, sizeof scheme - 1) != 0) return NULL;
  for (uint32_t i = 0; i < config->application_count; i++) {
    const struct application *application = &config->applications[i];
    if (application->token && equal(application->token, authorization + sizeof scheme - 1))
      found = application;
  }
  return found;
}

static bool is_listed(const uint32_t *list, uint32_t count, uint32_t id) {
  for (uint32_t i = 0; i < count; i++)
    if (list[i] == id) return true;
  return false;
}

const struct application *access_by_peer(const struct config *config, int descriptor) {
  struct ucred credentials;
  socklen_t size = sizeof credentials;
  gid_t groups[GROUPS_MAX];
  socklen_t groups_size = sizeof groups;
  uint32_t group_count = 0;
  if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size)) return NULL;
#ifdef SO_PEERGROUPS
  if (getsockopt(descriptor, SOL_SOCKET, SO_PEERGROUPS, groups, &groups_size) == 0)
    group_count = (uint32_t)(groups_size / sizeof *groups);
#endif
  for (uint32_t i = 0; i < config->application_count; i++) {
    const struct application *application = &config->applications[i];
    if (is_listed(application->users, application->user_count, credentials.uid) ||
        is_listed(application->groups, application->group_count, credentials.gid))
      return application;
    for (uint32_t j = 0; j < group_count; j++)
      if (is_listed(application->groups, application->group_count, groups[j])) return application;
  }
  return NULL;
}

/* A bucket that fills at the permitted rate and holds ten seconds' worth, at least one. */
bool access_take(const struct config *config, const struct application *application,
                 uint32_t *out_wait_seconds) {
  static struct {
    double level;
    uint64_t time_ns;
  } buckets[APPLICATIONS_MAX];
  const size_t index = (size_t)(application - config->applications);
  const double rate = application->requests_per_minute / 60.0;
  const double capacity = rate * 10 > 1 ? rate * 10 : 1;
  const uint64_t now = now_ns();
  if (!application->requests_per_minute) return true;
  if (!buckets[index].time_ns)
    buckets[index].level = capacity;
  else
    buckets[index].level += (double)(now - buckets[index].time_ns) * 1e-9 * rate;
  if (buckets[index].level > capacity) buckets[index].level = capacity;
  buckets[index].time_ns = now;
  if (buckets[index].level >= 1) {
    buckets[index].level -= 1;
    return true;
  }
  *out_wait_seconds = (uint32_t)((1 - buckets[index].level) / rate) + 1;
  return false;
}
