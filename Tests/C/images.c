/* Image models through the shipped archive: the plan is what is used, nothing is allocated between open
 * and close, what a host can do wrong gets a pinned status and a sentence, and text goes on beside it.
 *
 *   images IMAGE_MODEL TEXT_MODEL
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"

extern void *__libc_malloc(size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static atomic_int calls;

void *malloc(size_t n) {
  calls++;
  return __libc_malloc(n);
}
void *aligned_alloc(size_t a, size_t n) {
  calls++;
  return __libc_memalign(a, n);
}
void free(void *p) {
  calls++;
  __libc_free(p);
}
void *mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset) {
  calls++;
  return (void *)syscall(SYS_mmap, at, n, protection, flags, fd, offset);
}
int munmap(void *p, size_t n) {
  calls++;
  return (int)syscall(SYS_munmap, p, n);
}

static const char *path, *text_path;
static uint8_t pixels[48 * 48 * 3];

static lintel_engine *engine_of(uint64_t bytes, uint32_t threads) {
  lintel_engine_options o = LINTEL_ENGINE_OPTIONS_INIT;
  lintel_error error = LINTEL_ERROR_INIT;
  lintel_engine *engine;
  o.memory_bytes = bytes;
  o.threads = threads;
  if (lintel_engine_create(&o, &engine, &error)) {
    printf("no engine: %s\n", error.message);
    exit(1);
  }
  return engine;
}

static void plan_and_heap(void) {
  for (uint32_t threads = 1; threads <= 2; threads++) {
    lintel_engine_options eo = LINTEL_ENGINE_OPTIONS_INIT;
    lintel_memory plan = LINTEL_MEMORY_INIT, used = LINTEL_MEMORY_INIT;
    lintel_image_result result = {0};
    lintel_image_model *model;
    lintel_engine *engine;
    int before;
    result.struct_size = sizeof result;
    eo.threads = threads;
    CHECK(lintel_image_plan(path, &eo, NULL, &plan, NULL) == LINTEL_OK);
    CHECK(plan.scratch_bytes > 0 && plan.model_bytes > 0 && plan.weights_bytes > 0);
    engine = engine_of(plan.total_bytes - 64, threads);
    REFUSED(lintel_image_open(engine, path, NULL, &model, &error), LINTEL_ERR_BUDGET,
            "the image model needs");
    CHECK(model == NULL);
    CHECK(lintel_engine_destroy(engine) == LINTEL_OK);
    engine = engine_of(plan.total_bytes, threads);
    CHECK(lintel_image_open(engine, path, NULL, &model, NULL) == LINTEL_OK);
    CHECK(lintel_engine_memory(engine, &used) == LINTEL_OK);
    CHECK(used.total_bytes == plan.total_bytes && used.model_bytes == plan.model_bytes);
    before = calls;
    for (int i = 0; i < 3; i++)
      CHECK(lintel_image_run(model, pixels, 48, 48, 144, NULL, &result, NULL) == LINTEL_OK);
    CHECK(lintel_image_begin(model, pixels, 40, 30, 144, NULL, NULL) == LINTEL_OK);
    while (lintel_image_step(model, 100, NULL) == LINTEL_MORE) {}
    CHECK(lintel_image_get_result(model, &result, NULL) == LINTEL_OK);
    CHECK(calls == before);
    CHECK(result.top_count == 5 && result.top[0].logit >= result.top[4].logit);
    CHECK(lintel_image_close(model) == LINTEL_OK);
    CHECK(lintel_image_close(model) == LINTEL_ERR_HANDLE);
    CHECK(lintel_engine_memory(engine, &used) == LINTEL_OK);
    CHECK(used.total_bytes == used.engine_bytes);
    CHECK(lintel_engine_destroy(engine) == LINTEL_OK);
  }
}

static void mistakes(void) {
  lintel_engine *engine = engine_of(32 << 20, 1);
  lintel_image_options o = LINTEL_IMAGE_OPTIONS_INIT;
  lintel_image_run_options r = LINTEL_IMAGE_RUN_OPTIONS_INIT;
  lintel_image_model *model = NULL;
  lintel_model *text = NULL;
  REFUSED(lintel_image_open(NULL, path, NULL, &model, &error), LINTEL_ERR_ARGUMENT, "engine");
  REFUSED(lintel_image_open(engine, NULL, NULL, &model, &error), LINTEL_ERR_ARGUMENT, "path");
  REFUSED(lintel_image_open(engine, path, NULL, NULL, &error), LINTEL_ERR_ARGUMENT, "out_model");
  REFUSED(lintel_image_open(engine, text_path, NULL, &model, &error), LINTEL_ERR_UNSUPPORTED,
          "general.architecture is");
  REFUSED(lintel_model_open(engine, path, NULL, &text, &error), LINTEL_ERR_UNSUPPORTED,
          "polaformer, an image network: lintel_image_open");
  REFUSED(lintel_image_open(engine, "/no/such.gguf", NULL, &model, &error), LINTEL_ERR_FILE,
          "no such file");
  o.flags = LINTEL_MODEL_VOCABULARY_ONLY;
  REFUSED(lintel_image_open(engine, path, &o, &model, &error), LINTEL_ERR_RESERVED, "flags");
  o.flags = 0;
  o.reserved[3] = 1;
  REFUSED(lintel_image_open(engine, path, &o, &model, &error), LINTEL_ERR_RESERVED, "reserved");
  o.reserved[3] = 0;
  o.load = 3;
  REFUSED(lintel_image_open(engine, path, &o, &model, &error), LINTEL_ERR_ARGUMENT, "load is 3");
  o.load = 0;
  o.struct_size = 4;
  REFUSED(lintel_image_open(engine, path, &o, &model, &error), LINTEL_ERR_STRUCT_SIZE,
          "lintel_image_options");
  o.struct_size = sizeof o;
  o.input_width = 31;
  REFUSED(lintel_image_open(engine, path, &o, &model, &error), LINTEL_ERR_INPUT_SIZE, "31 x 31");
  o.input_width = 1 << 20;
  REFUSED(lintel_image_open(engine, path, &o, &model, &error), LINTEL_ERR_INPUT_SIZE, "16384");
  o.input_width = 16384;
  REFUSED(lintel_image_open(engine, path, &o, &model, &error), LINTEL_ERR_BUDGET, "input_width");
  o.input_width = 0;
  CHECK(lintel_image_open(engine, path, &o, &model, NULL) == LINTEL_OK);
  REFUSED(lintel_image_run(model, NULL, 4, 4, 12, &r, NULL, &error), LINTEL_ERR_ARGUMENT, "pixels");
  REFUSED(lintel_image_run(model, pixels, 0, 4, 12, &r, NULL, &error), LINTEL_ERR_PICTURE, "0 x 4");
  REFUSED(lintel_image_run(model, pixels, 4, 4, 0, &r, NULL, &error), LINTEL_ERR_PICTURE,
          "stride_bytes is 0");
  REFUSED(lintel_image_run(model, pixels, UINT32_MAX, UINT32_MAX, UINT64_MAX, &r, NULL, &error),
          LINTEL_ERR_PICTURE, "4294967295");
  REFUSED(lintel_image_step(model, 0, &error), LINTEL_ERR_STATE, "no pass is under way");
  REFUSED(lintel_image_step((lintel_image_model *)(void *)engine, 0, &error), LINTEL_ERR_HANDLE,
          "image model");
  CHECK(lintel_image_cancel(model) == LINTEL_OK);
  CHECK(lintel_image_run(model, pixels, 48, 48, 144, &r, NULL, NULL) == LINTEL_OK);
  CHECK(strcmp(lintel_status_name(LINTEL_ERR_PICTURE), "LINTEL_ERR_PICTURE") == 0);
  CHECK(strcmp(lintel_status_name(LINTEL_ERR_INPUT_SIZE), "LINTEL_ERR_INPUT_SIZE") == 0);
  /* The engine closes what is open. */
  CHECK(lintel_engine_destroy(engine) == LINTEL_OK);
}

/* A picture between two tokens changes neither. */
static void beside_text(void) {
  host h = open_host(text_path, 64 << 20, 2);
  lintel_session *session = open_session(h.model, 128);
  lintel_image_model *model;
  lintel_image_result first = {0}, second = {0};
  static const int32_t ids[5] = {5, 17, 300, 2, 9};
  float logit;
  first.struct_size = second.struct_size = sizeof first;
  CHECK(lintel_image_open(h.engine, path, NULL, &model, NULL) == LINTEL_OK);
  CHECK(lintel_image_run(model, pixels, 48, 48, 144, NULL, &first, NULL) == LINTEL_OK);
  logit = first.logits[0];
  CHECK(lintel_session_feed_tokens(session, ids, 5, NULL) == LINTEL_OK);
  CHECK(lintel_image_begin(model, pixels, 48, 48, 144, NULL, NULL) == LINTEL_OK);
  while (lintel_session_step(session, 0, NULL, NULL) == LINTEL_MORE)
    lintel_image_step(model, 0, NULL);
  while (lintel_image_step(model, 0, NULL) == LINTEL_MORE) {}
  CHECK(lintel_image_get_result(model, &second, NULL) == LINTEL_OK);
  CHECK(second.logits[0] == logit);
  close_host(h);
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  path = argv[1];
  text_path = argv[2];
  for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * i / 7);
  plan_and_heap();
  mistakes();
  beside_text();
  return report("images");
}
