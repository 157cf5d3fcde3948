/* How long a cancel takes to be answered, and how long the longest unit of work is: one thread steps a
 * session in slices, another cancels it at random moments. Prints times; what is checked does not
 * depend on the machine: the very next step answers, there is one END event, and the session goes on.
 *
 *   latency MODEL [CANCELS] [PROMPT] [THREADS]      with CANCELS only the times
 */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "check.h"

enum { SLICE_US = 5000, CANCELS_MAX = 1000 };

static lintel_session *session;
static atomic_int state; /* 0 idle, 1 stepping, 2 cancelled */
static atomic_llong answered;
static int ends;
static uint64_t longest;

static long long now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static int32_t on_event(void *user, const lintel_event *e) {
  (void)user;
  ends += e->kind == LINTEL_EVENT_END;
  return LINTEL_CONTINUE;
}

/* Steps until somebody cancels. */
static void *drive(void *user) {
  lintel_result result = LINTEL_RESULT_INIT;
  lintel_status status = LINTEL_MORE;
  (void)user;
  state = 1;
  while (status == LINTEL_MORE) {
    status = lintel_session_step(session, SLICE_US, &result, NULL);
    answered = now_ns();
  }
  CHECK(status == LINTEL_CANCELLED);
  state = 2;
  if (result.longest_step_ns > longest) longest = result.longest_step_ns;
  return NULL;
}

static int by_size(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* `before` tokens are read beforehand; the cancel comes within `window_ns`. */
static void measure(const char *what, int cancels, int prompt, int before, long long window_ns) {
  static double times[CANCELS_MAX];
  static int32_t ids[1 << 16];
  uint64_t draws = 7;
  longest = 0;
  for (int i = 0; i < prompt; i++) ids[i] = i * 7 % 256;
  for (int i = 0; i < cancels; i++) {
    lintel_generate_options o = LINTEL_GENERATE_OPTIONS_INIT;
    pthread_t thread;
    o.flags = LINTEL_GENERATE_RAW | LINTEL_GENERATE_IGNORE_END;
    CHECK(lintel_session_reset(session, NULL) == LINTEL_OK);
    if (before) {
      CHECK(lintel_session_feed_tokens(session, ids, (size_t)before, NULL) == LINTEL_OK);
      while (lintel_session_step(session, UINT64_MAX, NULL, NULL) == LINTEL_MORE) {}
    }
    CHECK(lintel_session_feed_tokens(session, ids, (size_t)(prompt - before), NULL) == LINTEL_OK);
    CHECK(lintel_session_begin(session, &o, on_event, NULL, NULL) == LINTEL_OK);
    ends = 0;
    state = 0;
    if (pthread_create(&thread, NULL, drive, NULL)) exit(1);
    while (state == 0) {}
    draws = draws * 6364136223846793005u + 1442695040888963407u;
    const long long wait = (long long)((draws >> 20) % (uint64_t)window_ns);
    const struct timespec pause = {wait / 1000000000, wait % 1000000000};
    nanosleep(&pause, NULL);
    const long long start = now_ns();
    CHECK(lintel_session_cancel(session) == LINTEL_OK);
    pthread_join(thread, NULL);
    times[i] = (double)(answered - start) / 1e6;
    CHECK(state == 2 && ends == 1);
  }
  qsort(times, (size_t)cancels, sizeof *times, by_size);
  printf("%-8s cancelled %d times: answered after %.2f ms (median), %.2f (90 %%), %.2f (longest); "
         "longest unit %.2f ms\n",
         what, cancels, times[cancels / 2], times[cancels * 9 / 10], times[cancels - 1],
         (double)longest / 1e6);
}

/* Cancelled between any two units, the next one answers. */
static void every_unit(int prompt) {
  static int32_t ids[1 << 16];
  for (int units = 0, done = 0; !done && units < 400; units += units < 40 ? 1 : 37) {
    lintel_generate_options o = LINTEL_GENERATE_OPTIONS_INIT;
    o.max_tokens = 2;
    o.flags = LINTEL_GENERATE_RAW | LINTEL_GENERATE_IGNORE_END;
    CHECK(lintel_session_reset(session, NULL) == LINTEL_OK);
    CHECK(lintel_session_feed_tokens(session, ids, (size_t)prompt, NULL) == LINTEL_OK);
    CHECK(lintel_session_begin(session, &o, on_event, NULL, NULL) == LINTEL_OK);
    ends = 0;
    for (int i = 0; i < units && !done; i++)
      done = lintel_session_step(session, 0, NULL, NULL) == LINTEL_DONE;
    if (done) break;
    CHECK(lintel_session_cancel(session) == LINTEL_OK);
    CHECK(lintel_session_step(session, 0, NULL, NULL) == LINTEL_CANCELLED && ends == 1);
    /* All of the text is still read. */
    while (lintel_session_step(session, 0, NULL, NULL) == LINTEL_MORE) {}
    INIT(lintel_position, p);
    CHECK(lintel_session_position(session, &p) == LINTEL_OK);
    CHECK(p.tokens >= (uint32_t)prompt && p.pending_tokens == 0 && ends == 1);
  }
}

int main(int argc, char **argv) {
  int cancels = argc > 2 ? atoi(argv[2]) : 20;
  const int prompt = argc > 3 ? atoi(argv[3]) : 300;
  const int threads = argc > 4 ? atoi(argv[4]) : 1;
  lintel_engine_options eo = LINTEL_ENGINE_OPTIONS_INIT;
  lintel_session_options so = LINTEL_SESSION_OPTIONS_INIT;
  lintel_memory plan = LINTEL_MEMORY_INIT;
  lintel_error error = LINTEL_ERROR_INIT;
  lintel_engine *engine;
  lintel_model *model;
  if (cancels > CANCELS_MAX) cancels = CANCELS_MAX;
  if (cancels < 1 || prompt < 2 || prompt > 1 << 15) return 1;
  so.context_tokens = (uint32_t)prompt + 1024;
  eo.threads = (uint32_t)threads;
  const char *const path = argc > 1 ? argv[1] : "";
  if (lintel_plan(path, &eo, NULL, &so, 1, &plan, &error)) {
    printf("no plan: %s\n", error.message);
    return 1;
  }
  eo.memory_bytes = plan.total_bytes;
  if (lintel_engine_create(&eo, &engine, &error) ||
      lintel_model_open(engine, path, NULL, &model, &error) ||
      lintel_session_create(model, &so, &session, &error)) {
    printf("no session: %s\n", error.message);
    return 1;
  }
  if (argc <= 2) every_unit(prompt);
  /* How long the prompt takes, to cancel anywhere in it. */
  static int32_t ids[1 << 16];
  CHECK(lintel_session_reset(session, NULL) == LINTEL_OK);
  CHECK(lintel_session_feed_tokens(session, ids, (size_t)prompt, NULL) == LINTEL_OK);
  const long long start = now_ns();
  while (lintel_session_step(session, UINT64_MAX, NULL, NULL) == LINTEL_MORE) {}
  const long long whole = now_ns() - start;
  measure("prompt", cancels, prompt, 0, whole * 9 / 10);
  /* Within a time in which no machine generates 1024 tokens. */
  measure("generate", cancels, 32, 31, whole / prompt * 50);
  CHECK(lintel_engine_destroy(engine) == LINTEL_OK);
  return report("latency");
}
