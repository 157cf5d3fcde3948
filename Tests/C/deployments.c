/* Deployments: what one JSON file opens; that the plan is what is used; that libcjson's memory is
 * given back; the sentence that each of the broken ones in FOLDER/broken.txt gets.
 *
 *   deployments FOLDER [table]     Tests/Fixtures/deployments; `table` prints broken.txt anew
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void __libc_free(void *);
extern size_t malloc_usable_size(void *);

/* The program's own malloc and friends stand before the C library's. */
static atomic_long allocations, frees, heap_bytes, heap_peak;

static void took(void *p) {
  if (!p) return;
  allocations++;
  heap_bytes += (long)malloc_usable_size(p);
  if (heap_bytes > heap_peak) heap_peak = heap_bytes;
}
static void gave(void *p) {
  if (!p) return;
  frees++;
  heap_bytes -= (long)malloc_usable_size(p);
}
void *malloc(size_t n) {
  void *p = __libc_malloc(n);
  took(p);
  return p;
}
void *calloc(size_t n, size_t m) {
  void *p = __libc_calloc(n, m);
  took(p);
  return p;
}
void *realloc(void *p, size_t n) {
  gave(p);
  p = __libc_realloc(p, n);
  took(p);
  return p;
}
void free(void *p) {
  gave(p);
  __libc_free(p);
}

static long mappings(void) { /* lines of /proc/self/maps */
  static char text[1 << 16];
  int fd = open("/proc/self/maps", O_RDONLY);
  long n = 0;
  ssize_t got;
  while (fd >= 0 && (got = read(fd, text, sizeof text)) > 0)
    for (ssize_t i = 0; i < got; i++) n += text[i] == '\n';
  close(fd);
  return n;
}

static char folder[PATH_MAX], work[PATH_MAX];

static const char *in(const char *directory, const char *name) {
  static char path[4][PATH_MAX + 64];
  static int turn;
  char *p = path[turn++ & 3];
  snprintf(p, sizeof *path, "%s/%s", directory, name);
  return p;
}

static const char *write_text(const char *name, const void *text, size_t bytes) {
  const char *path = in(work, name);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (fd < 0 || write(fd, text, bytes) != (ssize_t)bytes) {
    printf("cannot write %s\n", path);
    exit(1);
  }
  close(fd);
  return path;
}

static void link_to(const char *target, const char *name) {
  (void)unlink(in(work, name));
  if (symlink(in(folder, target), in(work, name))) exit(1);
}

/* A folder with every file that broken.txt names. */
static void make_work(void) {
  snprintf(work, sizeof work, "/tmp/lintel-deployments-XXXXXX");
  if (!mkdtemp(work)) exit(1);
  link_to("../models/kimi-tiny-IQ4_NL.gguf", "kimi.gguf");
  link_to("../lora/kimi-tiny-L1.gguf", "lora.gguf");
  link_to("../lora/qwen35-tiny-L2.gguf", "qwen-lora.gguf");
  link_to("tools.json", "tools.json");
  link_to("tools-twice.json", "tools-twice.json");
  link_to("tools-nameless.json", "tools-nameless.json");
  link_to("tools-comma.json", "tools-comma.json");
  link_to("system.txt", "system.txt");
  link_to("latin.txt", "latin.txt");
}

static void remove_work(void) {
  static const char *const names[] = {"kimi.gguf",  "lora.gguf",       "qwen-lora.gguf",
                                      "tools.json", "tools-twice.json", "tools-nameless.json",
                                      "tools-comma.json", "system.txt", "latin.txt",
                                      "case.json"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) (void)unlink(in(work, names[i]));
  CHECK(rmdir(work) == 0);
}

static uint64_t sum(const lintel_memory *m) {
  return m->engine_bytes + m->model_bytes + m->scratch_bytes + m->state_bytes + m->cache_bytes +
         m->session_bytes + m->adapter_bytes + m->grammar_bytes + m->deployment_bytes;
}

static void count_problem(void *user, const lintel_problem *problem) {
  CHECK(problem->struct_size == sizeof *problem && problem->status < 0 && problem->sentence[0]);
  ++*(int *)user;
}

static int32_t append(void *user, const lintel_event *event) {
  char *answer = user;
  const size_t n = strlen(answer);
  if (n + event->text_bytes < 1024) {
    memcpy(answer + n, event->text, event->text_bytes);
    answer[n + event->text_bytes] = 0;
  }
  return LINTEL_CONTINUE;
}

/* The whole of full.json, by name and by index. */
static void full(void) {
  const char *path = in(folder, "full.json");
  lintel_memory plan = LINTEL_MEMORY_INIT, used = LINTEL_MEMORY_INIT;
  lintel_memory engine_used = LINTEL_MEMORY_INIT;
  lintel_deployment *d = NULL;
  lintel_engine *engine = NULL;
  lintel_model *base = NULL, *other = NULL, *model = NULL;
  lintel_session *driver = NULL, *passenger = NULL, *session = NULL;
  lintel_error error = LINTEL_ERROR_INIT;
  lintel_generate_options o = LINTEL_GENERATE_OPTIONS_INIT;
  lintel_position position = {(uint32_t)sizeof(lintel_position), 0, 0, 0};
  lintel_adapter_use uses[8];
  INIT(lintel_deployment_info, info);
  INIT(lintel_deployment_adapter, adapter);
  const char *name = NULL, *tools = NULL;
  size_t tools_bytes = 0;
  uint32_t slot = 9, count = 0, pending;
  int problems = 0;

  CHECK(lintel_deployment_check(path, count_problem, &problems, &plan, &error) == LINTEL_OK);
  CHECK(problems == 0 && plan.total_bytes == sum(&plan) && plan.budget_bytes == 0);
  if (lintel_deployment_open(path, NULL, &d, &error)) {
    printf("full.json: %s\n", error.message);
    exit(1);
  }
  CHECK(lintel_deployment_memory(d, &used) == LINTEL_OK);
  CHECK(used.total_bytes == plan.total_bytes && sum(&used) == sum(&plan));
  CHECK(used.engine_bytes == plan.engine_bytes && used.model_bytes == plan.model_bytes);
  CHECK(used.scratch_bytes == plan.scratch_bytes && used.state_bytes == plan.state_bytes);
  CHECK(used.cache_bytes == plan.cache_bytes && used.session_bytes == plan.session_bytes);
  CHECK(used.adapter_bytes == plan.adapter_bytes && used.adapter_bytes > 3 * 300 * 1024);
  CHECK(used.deployment_bytes == plan.deployment_bytes && used.weights_bytes == plan.weights_bytes);
  CHECK(used.budget_bytes == 16 << 20);
  CHECK(lintel_deployment_engine(d, &engine) == LINTEL_OK && engine);
  CHECK(lintel_engine_memory(engine, &engine_used) == LINTEL_OK);
  CHECK(engine_used.total_bytes + used.deployment_bytes == used.total_bytes);
  CHECK(engine_used.budget_bytes + used.deployment_bytes == used.budget_bytes);

  CHECK(lintel_deployment_get_info(d, &info) == LINTEL_OK);
  CHECK(info.model_count == 2 && info.adapter_count == 2 && info.session_count == 5);
  CHECK(lintel_deployment_model(d, "base", &base, NULL) == LINTEL_OK && base);
  CHECK(lintel_deployment_model(d, "other", &other, NULL) == LINTEL_OK && other && other != base);
  CHECK(lintel_deployment_model_at(d, 1, &name, &model) == LINTEL_OK && !strcmp(name, "other"));
  CHECK(model == other && lintel_deployment_model_at(d, 2, &name, &model) == LINTEL_ERR_ARGUMENT);
  CHECK(lintel_deployment_session(d, "driver", &driver, NULL) == LINTEL_OK && driver);
  CHECK(lintel_deployment_session(d, "passenger", &passenger, NULL) == LINTEL_OK && passenger);
  CHECK(lintel_deployment_session_at(d, 1, &name, &session) == LINTEL_OK);
  CHECK(!strcmp(name, "passenger") && session == passenger);
  CHECK(lintel_deployment_session_at(d, 2, &name, NULL) == LINTEL_OK && !strcmp(name, "guest"));
  CHECK(lintel_deployment_session_at(d, 5, NULL, NULL) == LINTEL_ERR_ARGUMENT);
  CHECK(lintel_deployment_adapter_at(d, 0, &adapter) == LINTEL_OK && adapter.slot == 1);
  CHECK(!strcmp(adapter.name, "one") && adapter.model == base);
  CHECK(lintel_deployment_adapter_at(d, 1, &adapter) == LINTEL_OK && adapter.slot == 0);
  CHECK(lintel_deployment_adapter_at(d, 2, &adapter) == LINTEL_ERR_ARGUMENT);
  CHECK(lintel_adapter_find(base, "one", &slot, NULL) == LINTEL_OK && slot == 1);
  CHECK(lintel_session_get_adapters(driver, uses, 8, &count) == LINTEL_OK && count == 2);
  CHECK(uses[0].slot == 1 && uses[0].scale == 1 && uses[1].slot == 0 && uses[1].scale == -0.5f);
  CHECK(lintel_session_get_adapters(passenger, uses, 8, &count) == LINTEL_OK && count == 1);

  CHECK(lintel_deployment_tools(d, "driver", &tools, &tools_bytes, NULL) == LINTEL_OK);
  CHECK(tools_bytes > 100 && tools[0] == '[' && strstr(tools, "set_volume"));
  CHECK(lintel_deployment_tools(d, "guest", &tools, &tools_bytes, NULL) == LINTEL_OK);
  CHECK(tools == NULL && tools_bytes == 0);

  CHECK(lintel_deployment_generate_options(d, "driver", &o, NULL) == LINTEL_OK);
  CHECK(o.temperature == 0.7f && o.top_k == 40 && o.top_p == 0.95f && o.min_p == 0.05f);
  CHECK(o.repetition_penalty == 1.1f && o.frequency_penalty == 0.1f && o.presence_penalty == -0.1f);
  CHECK(o.penalty_tokens == 32 && o.seed == 9007199254740991u && o.max_tokens == 24);
  CHECK(o.stop_count == 2 && !strcmp(o.stops[0], "\n\n") && !strcmp(o.stops[1], "stop here"));
  CHECK(o.stop_token_count == 3 && o.stop_tokens[0] == 5 && o.stop_tokens[2] == 7);
  CHECK(o.flags == (LINTEL_GENERATE_IGNORE_END | LINTEL_GENERATE_RAW) && o.logit_bias_count == 0);

  /* The prompt is fed, tools and all; a restart brings it back. */
  CHECK(lintel_session_position(driver, &position) == LINTEL_OK && position.tokens == 0);
  CHECK(position.context_tokens == 512 && position.pending_tokens > 100);
  pending = position.pending_tokens;
  CHECK(lintel_session_generate(driver, &o, NULL, NULL, NULL, &error) == LINTEL_DONE);
  CHECK(lintel_session_set_adapters(driver, NULL, 0, NULL) == LINTEL_OK);
  CHECK(lintel_deployment_restart(d, "driver", &error) == LINTEL_OK);
  CHECK(lintel_session_position(driver, &position) == LINTEL_OK && position.tokens == 0);
  CHECK(position.pending_tokens == pending);
  CHECK(lintel_session_get_adapters(driver, uses, 8, &count) == LINTEL_OK && count == 2);
  CHECK(lintel_session_position(passenger, &position) == LINTEL_OK);
  CHECK(position.pending_tokens > 5 && position.pending_tokens < pending);
  CHECK(lintel_deployment_session(d, "guest", &session, NULL) == LINTEL_OK);
  CHECK(lintel_session_position(session, &position) == LINTEL_OK && position.pending_tokens == 0);
  CHECK(lintel_deployment_generate_options(d, "guest", &o, NULL) == LINTEL_OK && !o.stops);

  /* The passenger's answers are calls of the tools, whatever the model. */
  lintel_generate_options call = LINTEL_GENERATE_OPTIONS_INIT;
  char answer[1024] = "";
  CHECK(lintel_deployment_generate_options(d, "passenger", &call, NULL) == LINTEL_OK);
  CHECK(call.grammar && call.max_tokens == 200);
  CHECK(lintel_session_feed_message(passenger, LINTEL_ROLE_USER, "Louder!", 7, NULL) == LINTEL_OK);
  CHECK(lintel_session_generate(passenger, &call, append, answer, NULL, &error) == LINTEL_DONE);
  CHECK(!strncmp(answer, "{\"name\":", 8));

  /* The pilot's copilot is lent. */
  CHECK(lintel_deployment_session(d, "copilot", &session, NULL) == LINTEL_OK);
  REFUSED(lintel_session_reset(session, &error), LINTEL_ERR_BUSY, "");
  CHECK(lintel_deployment_session(d, "pilot", &session, NULL) == LINTEL_OK);
  CHECK(lintel_session_feed_text(session, "Home.", 5, 0, NULL) == LINTEL_OK);
  o.flags = LINTEL_GENERATE_IGNORE_END;
  o.max_tokens = 8;
  CHECK(lintel_session_generate(session, &o, NULL, NULL, NULL, &error) == LINTEL_DONE);

  /* What is left of the budget is the host's. */
  session = open_session(base, 64);
  CHECK(lintel_session_destroy(session) == LINTEL_OK);

  /* Names of nothing, and arguments. */
  REFUSED(lintel_deployment_session(d, "conductor", &session, &error), LINTEL_ERR_MISSING,
          "conductor");
  CHECK(session == NULL);
  REFUSED(lintel_deployment_model(d, "", &model, &error), LINTEL_ERR_MISSING, "model");
  REFUSED(lintel_deployment_model(d, NULL, &model, &error), LINTEL_ERR_ARGUMENT, "NULL");
  REFUSED(lintel_deployment_tools(d, "x", &tools, &tools_bytes, &error), LINTEL_ERR_MISSING, "'x'");
  REFUSED(lintel_deployment_restart(d, "x", &error), LINTEL_ERR_MISSING, "'x'");
  REFUSED(lintel_deployment_generate_options(d, "x", &o, &error), LINTEL_ERR_MISSING, "'x'");
  o.struct_size = 1;
  REFUSED(lintel_deployment_generate_options(d, "guest", &o, &error), LINTEL_ERR_STRUCT_SIZE, "1");
  REFUSED(lintel_deployment_session((lintel_deployment *)(void *)engine, "x", &session, &error),
          LINTEL_ERR_HANDLE, "deployment");
  REFUSED(lintel_deployment_session(NULL, "x", &session, &error), LINTEL_ERR_ARGUMENT, "NULL");
  CHECK(lintel_deployment_close(d) == LINTEL_OK);
  CHECK(lintel_deployment_close(NULL) == LINTEL_OK);
}

/* The host's block: exactly the plan is enough, one byte less is refused with what is missing. */
static void blocks(void) {
  static const char text[] =
      "{ \"models\": { \"m\": { \"path\": \"kimi.gguf\", \"chunk_tokens\": 16 } },\n"
      "  \"sessions\": {\n"
      "    \"a\": { \"model\": \"m\", \"context_tokens\": 64, \"system\": \"Hi.\" } } }";
  lintel_deployment_options options = LINTEL_DEPLOYMENT_OPTIONS_INIT;
  lintel_memory plan = LINTEL_MEMORY_INIT, used = LINTEL_MEMORY_INIT;
  lintel_deployment *d = NULL;
  char budget[512];
  const char *path = write_text("case.json", text, sizeof text - 1);
  CHECK(lintel_deployment_check(path, NULL, NULL, &plan, NULL) == LINTEL_OK);
  unsigned char *block = aligned_alloc(64, (plan.total_bytes + 4096) & ~63ull);
  memset(block + plan.total_bytes, 0xA5, 64);
  options.memory = block;
  options.memory_bytes = plan.total_bytes;
  CHECK(lintel_deployment_open(path, &options, &d, NULL) == LINTEL_OK);
  CHECK((void *)d == block && lintel_deployment_memory(d, &used) == LINTEL_OK);
  CHECK(used.total_bytes == plan.total_bytes && used.budget_bytes == plan.total_bytes);
  CHECK(lintel_deployment_close(d) == LINTEL_OK);
  CHECK(lintel_deployment_close(d) == LINTEL_ERR_HANDLE);
  for (int i = 0; i < 64; i++) CHECK(block[plan.total_bytes + (uint64_t)i] == 0xA5);

  lintel_error error = LINTEL_ERROR_INIT;
  options.memory_bytes = plan.total_bytes - 1;
  CHECK(lintel_deployment_open(path, &options, &d, &error) == LINTEL_ERR_BUDGET && d == NULL);
  CHECK(error.needed == (int64_t)plan.total_bytes &&
        error.available == (int64_t)plan.total_bytes - 1);
  options.memory = NULL;
  CHECK(lintel_deployment_open(path, &options, &d, &error) == LINTEL_ERR_BUDGET);
  options.memory = block + 8;
  options.memory_bytes = plan.total_bytes;
  REFUSED(lintel_deployment_open(path, &options, &d, &error), LINTEL_ERR_ARGUMENT, "aligned");
  options.memory = block;
  options.memory_bytes = 0;
  REFUSED(lintel_deployment_open(path, &options, &d, &error), LINTEL_ERR_ARGUMENT, "memory_bytes");
  options.memory_bytes = plan.total_bytes;
  options.flags = 1;
  REFUSED(lintel_deployment_open(path, &options, &d, &error), LINTEL_ERR_RESERVED, "flags");
  options.flags = 0;
  options.struct_size = 3;
  REFUSED(lintel_deployment_open(path, &options, &d, &error), LINTEL_ERR_STRUCT_SIZE, "3");
  REFUSED(lintel_deployment_open(NULL, NULL, &d, &error), LINTEL_ERR_ARGUMENT, "path");
  REFUSED(lintel_deployment_open(path, NULL, NULL, &error), LINTEL_ERR_ARGUMENT, "out_deployment");
  REFUSED(lintel_deployment_check(NULL, NULL, NULL, NULL, &error), LINTEL_ERR_ARGUMENT, "path");
  free(block);

  /* The same in the file: "budget". The deployment's own bytes do not change with it. */
  for (int less = 0; less < 2; less++) {
    const int n = snprintf(budget, sizeof budget, "{ \"engine\": { \"budget\": %llu },\n%s",
                           (unsigned long long)plan.total_bytes - (unsigned)less, text + 1);
    path = write_text("case.json", budget, (size_t)n);
    const lintel_status status = lintel_deployment_open(path, NULL, &d, &error);
    CHECK(status == (less ? LINTEL_ERR_BUDGET : LINTEL_OK));
    if (less) CHECK(error.needed == (int64_t)plan.total_bytes && strstr(error.message, "line 1"));
    if (!less) CHECK(lintel_deployment_close(d) == LINTEL_OK);
  }
}

/* Heap and mappings: nothing stays of what reading took, and it was no more than was said. One
 * thread: the C library allocates for another. */
static void heap(void) {
  static const char text[] =
      "{ \"models\": { \"m\": { \"path\": \"kimi.gguf\", \"adapters\": {\n"
      "    \"one\": { \"path\": \"lora.gguf\" } } } },\n"
      "  \"sessions\": { \"driver\": { \"model\": \"m\", \"context_tokens\": 512,\n"
      "    \"adapters\": { \"one\": 1 }, \"tools\": \"tools.json\", \"tools_in_system\": true,\n"
      "    \"system_file\": \"system.txt\",\n"
      "    \"sampling\": { \"max_tokens\": 8, \"stop\": [ \"one\", \"two\" ] } } } }\n";
  const char *path = write_text("case.json", text, sizeof text - 1);
  lintel_memory plan = LINTEL_MEMORY_INIT;
  lintel_deployment *d = NULL;
  lintel_session *driver = NULL;
  lintel_generate_options o = LINTEL_GENERATE_OPTIONS_INIT;
  long maps_before;
  CHECK(lintel_deployment_check(path, NULL, NULL, &plan, NULL) == LINTEL_OK);

  maps_before = mappings();
  const long taken = allocations, given = frees, bytes = heap_bytes;
  heap_peak = heap_bytes;
  CHECK(lintel_deployment_open(path, NULL, &d, NULL) == LINTEL_OK);
  const long open_taken = allocations - taken, open_given = frees - given;
  const long peak = heap_peak - bytes;
  printf("deployments: %ld allocations, %ld frees, at most %ld bytes of %llu; the plan has %llu\n",
         open_taken, open_given, peak, (unsigned long long)plan.transient_bytes,
         (unsigned long long)plan.total_bytes);
  CHECK(open_taken == open_given && open_taken > 50 && heap_bytes == bytes);
  /* The C library rounds small blocks up. */
  CHECK(peak <= (long)plan.transient_bytes + 24 * open_taken);
  CHECK(lintel_deployment_session(d, "driver", &driver, NULL) == LINTEL_OK);
  CHECK(lintel_deployment_generate_options(d, "driver", &o, NULL) == LINTEL_OK);
  CHECK(lintel_session_generate(driver, &o, NULL, NULL, NULL, NULL) == LINTEL_DONE);
  CHECK(lintel_deployment_restart(d, "driver", NULL) == LINTEL_OK);
  CHECK(lintel_deployment_close(d) == LINTEL_OK);
  CHECK(allocations - taken == open_taken && frees - given == open_given);
  CHECK(mappings() == maps_before);
}

static int32_t stop_at(void *user, uint64_t done, uint64_t total) {
  uint64_t *seen = user;
  CHECK(done > seen[0] && done <= total);
  seen[0] = done;
  seen[1] = total;
  return done < seen[2];
}

static void progress(void) {
  const char *path = in(folder, "full.json");
  lintel_deployment_options options = LINTEL_DEPLOYMENT_OPTIONS_INIT;
  uint64_t seen[3] = {0, 0, UINT64_MAX};
  lintel_deployment *d = NULL;
  lintel_error error = LINTEL_ERROR_INIT;
  options.progress = stop_at;
  options.progress_user = seen;
  CHECK(lintel_deployment_open(path, &options, &d, &error) == LINTEL_OK);
  /* Both models are prefaulted; one of them and one adapter have a hash. */
  CHECK(seen[0] == seen[1] && seen[1] == 2 * 2685056 + 1618496 + 513952);
  CHECK(lintel_deployment_close(d) == LINTEL_OK);
  const uint64_t total = seen[1];
  const long maps = mappings();
  for (int i = 1; i < 4; i++) {
    seen[0] = 0;
    seen[2] = total * (uint64_t)i / 4;
    d = (void *)seen;
    CHECK(lintel_deployment_open(path, &options, &d, &error) == LINTEL_CANCELLED && d == NULL);
  }
  CHECK(mappings() == maps);
}

/* Texts that no file should hold: limits. */
static void limits(void) {
  static char text[(1 << 20) + 64];
  lintel_deployment *d;
  size_t n;
  REFUSED(lintel_deployment_open(write_text("case.json", "", 0), NULL, &d, &error),
          LINTEL_ERR_TRUNCATED, "empty");
  memset(text, ' ', sizeof text);
  REFUSED(lintel_deployment_open(write_text("case.json", text, (1 << 20) + 1), NULL, &d, &error),
          LINTEL_ERR_LIMIT, "1048577");
  REFUSED(lintel_deployment_open(write_text("case.json", text, 1 << 20), NULL, &d, &error),
          LINTEL_ERR_JSON, "but the text ends");
  memset(text, '[', 100000);
  REFUSED(lintel_deployment_open(write_text("case.json", text, 100000), NULL, &d, &error),
          LINTEL_ERR_LIMIT, "16 levels");
  n = 0;
  for (int i = 0; i < 20000; i++) n += (size_t)sprintf(text + n, "%s0", i ? "," : "[");
  text[n++] = ']';
  REFUSED(lintel_deployment_open(write_text("case.json", text, n), NULL, &d, &error),
          LINTEL_ERR_LIMIT, "16384 values");
  n = 0;
  for (int i = 0; i < 2000; i++) n += (size_t)sprintf(text + n, "%s\"%d\":0", i ? "," : "{", i);
  text[n++] = '}';
  REFUSED(lintel_deployment_open(write_text("case.json", text, n), NULL, &d, &error),
          LINTEL_ERR_LIMIT, "1024 keys");
  n = (size_t)sprintf(text, "{\n \"a\": 1%070d }", 0);
  REFUSED(lintel_deployment_open(write_text("case.json", text, n), NULL, &d, &error),
          LINTEL_ERR_LIMIT, "line 2");
  REFUSED(lintel_deployment_open(write_text("case.json", "{\n \"a\": \"\xC3\x28\" }", 14), NULL, &d,
                                 &error),
          LINTEL_ERR_UTF8, "line 2");
  REFUSED(lintel_deployment_open(write_text("case.json", "\xEF\xBB\xBF{}", 5), NULL, &d, &error),
          LINTEL_ERR_JSON, "byte order mark");
  REFUSED(lintel_deployment_open(work, NULL, &d, &error), LINTEL_ERR_FILE, "directory");
  REFUSED(lintel_deployment_open(in(work, "none.json"), NULL, &d, &error), LINTEL_ERR_FILE,
          "no such file");
}

/* ---- broken.txt ---- */

typedef struct found {
  lintel_status status;
  uint32_t line;
  int count;
  char path[320], sentence[320];
} found;

static void first_problem(void *user, const lintel_problem *p) {
  found *f = user;
  if (f->count++) return;
  f->status = p->status;
  f->line = p->line;
  snprintf(f->path, sizeof f->path, "%s", p->path);
  snprintf(f->sentence, sizeof f->sentence, "%s", p->sentence);
}

static void judge(const char *name, const char *text, size_t bytes, const char *schema,
                  const char *expected, int is_table) {
  const char *path = write_text("case.json", text, bytes);
  static found f;
  lintel_error checked = LINTEL_ERROR_INIT, opened = LINTEL_ERROR_INIT;
  lintel_deployment *d = (void *)&f;
  char line[800];
  const long bytes_before = heap_bytes, maps_before = mappings();
  memset(&f, 0, sizeof f);
  const lintel_status status = lintel_deployment_check(path, first_problem, &f, NULL, &checked);
  const lintel_status other = lintel_deployment_open(path, NULL, &d, &opened);
  const long leaked = heap_bytes - bytes_before, mapped = mappings() - maps_before;
  snprintf(line, sizeof line, "%s, line %u%s%s: ", lintel_status_name(f.status), f.line,
           f.path[0] ? ", " : "", f.path);
  const size_t n = strlen(line);
  /* The folder is another one each time. */
  char *at = strstr(f.sentence, work);
  if (at) memmove(at, at + strlen(work) + 1, strlen(at + strlen(work) + 1) + 1);
  snprintf(line + n, sizeof line - n, "%s", f.sentence);
  if (f.status == LINTEL_ERR_BUDGET) { /* numbers of the day */
    char *to = line;
    for (const char *from = line; *from;) {
      const size_t digits = strspn(from, "0123456789");
      if (digits > 4) *to++ = '#';
      else if (digits) memmove(to, from, digits), to += digits;
      else *to++ = *from;
      from += digits ? digits : 1;
    }
    *to = 0;
  }
  if (is_table) {
    printf("# %s\n%.*s> schema %s\n> %s\n", name, (int)bytes, text, schema, line);
    return;
  }
  printf("  %-44s %s\n", name, line);
  if (!CHECK(!strcmp(line, expected))) printf("    wanted: %s\n", expected);
  CHECK(f.count > 0 && status == f.status && checked.status == status && status < 0);
  if (!CHECK(other == status && opened.status == status && d == NULL))
    printf("    opening says %s: %s\n", lintel_status_name(other), opened.message);
  CHECK(strstr(checked.message, f.sentence) || strlen(checked.message) > 300 || at);
  CHECK(leaked == 0 && mapped == 0);
}

static int broken(int is_table) {
  static char text[1 << 16], expected[1024], name[1024], schema[1024];
  char row[1024];
  size_t n = 0;
  int count = 0;
  FILE *file = fopen(in(folder, "broken.txt"), "r");
  if (!file) return 0;
  while (fgets(row, sizeof row, file)) {
    row[strcspn(row, "\n")] = 0;
    if (row[0] == '#') {
      snprintf(name, sizeof name, "%s", row + 2);
      n = 0;
    } else if (!strncmp(row, "> schema ", 9)) {
      snprintf(schema, sizeof schema, "%s", row + 9);
    } else if (row[0] == '>') {
      snprintf(expected, sizeof expected, "%s", row + 2);
      judge(name, text, n, schema, expected, is_table);
      count++;
    } else {
      n += (size_t)snprintf(text + n, sizeof text - n, "%s\n", row);
    }
  }
  fclose(file);
  return count;
}

/* Many things wrong at once: check reports each, open the first and how many more. */
static void many(void) {
  static const char text[] =
      "{\n"
      "  \"engine\": { \"threads\": 0, \"bugdet\": 1 },\n"
      "  \"models\": {\n"
      "    \"m\": { \"path\": \"kimi.gguf\" },\n"
      "    \"n\": { \"path\": \"missing.gguf\" }\n"
      "  },\n"
      "  \"sessions\": {\n"
      "    \"a\": { \"model\": \"x\" },\n"
      "    \"b\": { \"model\": \"m\", \"tools\": \"tools-twice.json\",\n"
      "           \"sampling\": { \"top_p\": 2 } }\n"
      "  }\n"
      "}\n";
  const char *path = write_text("case.json", text, sizeof text - 1);
  lintel_memory plan = LINTEL_MEMORY_INIT;
  lintel_deployment *d;
  lintel_error error = LINTEL_ERROR_INIT;
  int count = 0;
  CHECK(lintel_deployment_check(path, count_problem, &count, &plan, &error) == LINTEL_ERR_VALUE);
  CHECK(count == 6 && plan.total_bytes == 0);
  REFUSED(lintel_deployment_open(path, NULL, &d, &error), LINTEL_ERR_VALUE, "(and 3 more");

  /* A plan that is known in spite of problems, and what only opening finds. */
  static const char late[] =
      "{ \"engine\": { \"budget\": \"1 MiB\" },\n"
      "  \"models\": { \"m\": { \"path\": \"kimi.gguf\", \"adapters\": {\n"
      "    \"x\": { \"path\": \"qwen-lora.gguf\" } } } },\n"
      "  \"sessions\": {\n"
      "    \"a\": { \"model\": \"m\", \"context_tokens\": 4, \"system\": \"Much too long.\" },\n"
      "    \"b\": { \"model\": \"m\", \"adapters\": { \"x\": 1 } } } }\n";
  path = write_text("case.json", late, sizeof late - 1);
  count = 0;
  CHECK(lintel_deployment_check(path, count_problem, &count, &plan, &error) == LINTEL_ERR_BUDGET);
  CHECK(count == 3 && plan.total_bytes > 1 << 20 && error.needed == (int64_t)plan.total_bytes);
}

/* An engine that its host has destroyed, and a session that is in a callback. */
static int32_t close_it(void *user, const lintel_event *event) {
  (void)event;
  CHECK(lintel_deployment_close(user) == LINTEL_ERR_BUSY);
  return LINTEL_STOP;
}

static void closing(void) {
  const char *path = in(folder, "full.json");
  lintel_deployment *d;
  lintel_engine *engine;
  lintel_session *session;
  const long maps = mappings();
  CHECK(lintel_deployment_open(path, NULL, &d, NULL) == LINTEL_OK);
  CHECK(lintel_deployment_session(d, "driver", &session, NULL) == LINTEL_OK);
  CHECK(lintel_session_generate(session, NULL, close_it, d, NULL, NULL) == LINTEL_DONE);
  CHECK(lintel_deployment_engine(d, &engine) == LINTEL_OK);
  CHECK(lintel_engine_destroy(engine) == LINTEL_OK);
  CHECK(lintel_deployment_close(d) == LINTEL_OK);
  CHECK(mappings() == maps);
}

int main(int argc, char **argv) {
  static char buffer[4096];
  const int is_table = argc > 2 && !strcmp(argv[2], "table");
  setvbuf(stdout, buffer, _IOLBF, sizeof buffer);
  if (argc < 2 || !realpath(argv[1], folder)) return 2;
  make_work();
  if (is_table) {
    (void)broken(1);
    remove_work();
    return 0;
  }
  full();
  blocks();
  heap();
  progress();
  limits();
  many();
  closing();
  CHECK(broken(0) >= 30);
  remove_work();
  return report("deployments");
}
