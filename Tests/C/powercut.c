/* A process that saves again and again is killed at random points. What then lies at the path is one
 * of the states that were saved, whole, or nothing if nothing ever was.
 *
 *   powercut MODEL [KILLS] [SEED]
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"

enum { STATES = 4, ROOM = 4 << 20 };

static char path[] = "build/lintel-powercut-XXXXXX/session";
static struct state {
  unsigned char bytes[ROOM];
  uint64_t size, future;
  uint32_t tokens;
} states[STATES];

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int32_t mix(void *user, uint64_t position, const float *logits, uint32_t count) {
  uint64_t *hash = user;
  (void)position;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, &logits[i], 4);
    *hash = (*hash ^ bits) * 1099511628211u;
  }
  return 1;
}

/* Of the logits after one more token. */
static uint64_t future(lintel_session *session) {
  const int32_t id = 33;
  uint64_t hash = 14695981039346656037u;
  CHECK(lintel_session_feed_tokens(session, &id, 1, NULL) == LINTEL_OK);
  CHECK(lintel_session_logits(session, 1, mix, &hash, NULL) == LINTEL_DONE);
  return hash;
}

static uint32_t tokens(const lintel_session *session) {
  INIT(lintel_position, p);
  CHECK(lintel_session_position(session, &p) == LINTEL_OK);
  return p.tokens;
}

/* The one that is to be killed. */
static void save_forever(lintel_session *session, uint32_t first) {
  for (uint32_t i = first;; i++) {
    const struct state *s = &states[i % STATES];
    if (lintel_session_restore(session, s->bytes, s->size, NULL) ||
        lintel_session_save_file(session, path, NULL))
      _exit(1);
  }
}

int main(int argc, char **argv) {
  const int kills = argc > 2 ? atoi(argv[2]) : 200;
  uint64_t draws = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;
  host h = open_host(argc > 1 ? argv[1] : "", 32u << 20, 1);
  lintel_session *session = open_session(h.model, 256);
  char partial[64];
  char *const end_of_directory = strrchr(path, '/');
  *end_of_directory = 0;
  if (!mkdtemp(path)) return 1;
  *end_of_directory = '/';
  snprintf(partial, sizeof partial, "%s.partial", path);
  for (int i = 0; i < STATES; i++) {
    int32_t ids[64];
    for (int k = 0; k < 64; k++) ids[k] = (k * 37 + i * 11) % 256;
    CHECK(lintel_session_feed_tokens(session, ids, (size_t)(20 + 13 * i), NULL) == LINTEL_OK);
    while (lintel_session_step(session, UINT64_MAX, NULL, NULL) == LINTEL_MORE) {}
    states[i].tokens = tokens(session);
    CHECK(lintel_session_save(session, states[i].bytes, ROOM, &states[i].size, NULL) == LINTEL_OK);
    states[i].future = future(session);
    CHECK(lintel_session_restore(session, states[i].bytes, states[i].size, NULL) == LINTEL_OK);
  }
  /* How long a save takes here. */
  int64_t longest = 0;
  for (int i = 0; i < 8; i++) {
    const int64_t start = now_ns();
    CHECK(lintel_session_save_file(session, path, NULL) == LINTEL_OK);
    longest = now_ns() - start > longest ? now_ns() - start : longest;
  }
  (void)unlink(path);
  int seen[STATES] = {0}, nothing = 0, halves = 0, once = 0;
  for (int i = 0; i < kills; i++) {
    struct stat st;
    /* Now and then there is no file yet. */
    if (i % 4 == 0) {
      (void)unlink(path);
      once = 0;
    }
    const pid_t child = fork();
    if (child < 0) break;
    if (child == 0) save_forever(session, (uint32_t)i);
    draws = draws * 6364136223846793005u + 1442695040888963407u;
    const int64_t wait = (int64_t)((draws >> 33) % (uint64_t)(i % 2 ? 5 * longest : longest + longest / 2));
    const struct timespec pause = {wait / 1000000000, wait % 1000000000};
    nanosleep(&pause, NULL);
    int status = 0;
    CHECK(kill(child, SIGKILL) == 0);
    CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
    halves += stat(partial, &st) == 0;
    if (stat(path, &st) != 0) {
      CHECK(!once);
      nothing++;
      continue;
    }
    once = 1;
    lintel_error error = LINTEL_ERROR_INIT;
    if (!CHECK(lintel_session_restore_file(session, path, &error) == LINTEL_OK)) {
      printf("powercut: kill %d: %s\n", i, error.message);
      continue;
    }
    int which = 0;
    while (which < STATES && states[which].tokens != tokens(session)) which++;
    if (CHECK(which < STATES) && CHECK(future(session) == states[which].future)) seen[which]++;
  }
  /* And the path can be saved to, whatever was left behind. */
  CHECK(lintel_session_save_file(session, path, NULL) == LINTEL_OK);
  struct stat st;
  CHECK(stat(partial, &st) != 0);
  CHECK(unlink(path) == 0);
  *end_of_directory = 0;
  CHECK(rmdir(path) == 0);
  printf("powercut: %d kills, a save takes up to %.1f ms: %d %d %d %d times a state, %d times nothing"
         " yet, %d times half a file beside it\n",
         kills, (double)longest / 1e6, seen[0], seen[1], seen[2], seen[3], nothing, halves);
  CHECK(halves > 0);
  close_host(h);
  return report("powercut");
}
