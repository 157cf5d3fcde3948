/* Nothing is allocated, mapped or freed between the creation of a session and its destruction. The
 * program's own malloc and friends stand before the C library's and count (counting.h); so does the
 * kernel's account of the address space, which sees calls made inside the C library as well.
 *
 *   heap MODEL
 */
#include "counting.h"

#include "adapter_file.h"
#include "check.h"

static int32_t count_text(void *user, const lintel_event *event) {
  *(size_t *)user += event->text_bytes + 1;
  return LINTEL_CONTINUE;
}

static int32_t pause_once(void *user, const lintel_event *event) {
  (void)user;
  return event->index == 3 ? LINTEL_PAUSE : LINTEL_CONTINUE;
}

static int32_t take(void *user, uint64_t position, const float *logits, uint32_t count) {
  (void)position;
  *(float *)user += logits[count - 1];
  return 1;
}

/* An adapter for any model of `info`'s architecture that has an output layer of its own. */
static void make_adapter(adapter_file *f, const lintel_model_info *info) {
  begin_adapter(f, info->architecture, 8);
  add_pair(f, "output.weight", info->embedding_width, info->vocabulary_count, 1, 2, 0.1f);
  end_adapter(f);
}

static lintel_session *open_full_session(lintel_model *model) {
  lintel_session_options options = LINTEL_SESSION_OPTIONS_INIT;
  lintel_session *session = NULL;
  options.context_tokens = 512;
  options.marks = 1;
  options.draft_tokens = 4;
  options.rewind_tokens = 3;
  CHECK(lintel_session_create(model, &options, &session, NULL) == LINTEL_OK);
  return session;
}

/* Every way to keep a conversation. */
static void keep(lintel_session *session, lintel_session *other) {
  static unsigned char snapshot[8 << 20];
  static const char path[] = "build/heap.session";
  lintel_error error = LINTEL_ERROR_INIT;
  uint64_t bytes;
  CHECK(lintel_session_mark(session, "here", NULL) == LINTEL_OK);
  CHECK(lintel_session_rewind(session, "here", NULL) == LINTEL_OK);
  CHECK(lintel_session_rewind(session, "there", &error) == LINTEL_ERR_MISSING);
  CHECK(lintel_session_fork(session, other, NULL) == LINTEL_OK);
  CHECK(lintel_session_snapshot_bytes(session, &bytes) == LINTEL_OK);
  CHECK(lintel_session_save(session, snapshot, sizeof snapshot, &bytes, NULL) == LINTEL_OK);
  CHECK(lintel_session_restore(other, snapshot, bytes, NULL) == LINTEL_OK);
  CHECK(lintel_session_restore(other, snapshot, bytes - 1, &error) == LINTEL_ERR_TRUNCATED);
  CHECK(lintel_session_save_file(session, path, NULL) == LINTEL_OK);
  CHECK(lintel_session_restore_file(other, path, NULL) == LINTEL_OK);
  CHECK(unlink(path) == 0);
  CHECK(lintel_session_restore_file(other, path, &error) == LINTEL_ERR_FILE);
}

static void live(lintel_model *model, int has_chat, const adapter_file *adapter) {
  static const char text[] = "The quick brown fox, na\xC3\xAFve and 12345 times \xE4\xBD\xA0.";
  static const char *const stops[] = {"never to be seen"};
  lintel_generate_options o = LINTEL_GENERATE_OPTIONS_INIT;
  lintel_result result = LINTEL_RESULT_INIT;
  lintel_position position = {(uint32_t)sizeof(lintel_position), 0, 0, 0};
  lintel_session *session, *other;
  lintel_status status;
  lintel_error error = LINTEL_ERROR_INIT;
  size_t seen = 0;
  float sum = 0;

  session = open_full_session(model);
  other = open_full_session(model);
  const int heap_before = heap_calls, map_before = map_calls;
  const long pages_before = address_space();

  if (adapter) {
    const lintel_adapter_use use = {1, 0.5f};
    CHECK(lintel_adapter_load_bytes(model, 1, adapter->out, adapter->out_bytes, "a", NULL) ==
          LINTEL_OK);
    CHECK(lintel_adapter_load_bytes(model, 1, adapter->out, adapter->out_bytes - 1, "b", &error) ==
          LINTEL_ERR_TRUNCATED);
    CHECK(lintel_session_set_adapters(session, &use, 1, NULL) == LINTEL_OK);
  }
  CHECK(lintel_session_feed_text(session, text, strlen(text), 0, NULL) == LINTEL_OK);
  if (has_chat)
    CHECK(lintel_session_feed_message(session, LINTEL_ROLE_USER, text, strlen(text), NULL) ==
          LINTEL_OK);
  o.max_tokens = 40;
  o.flags = LINTEL_GENERATE_IGNORE_END;
  o.temperature = 0.9f;
  o.top_k = 40;
  o.top_p = 0.9f;
  o.min_p = 0.01f;
  o.repetition_penalty = 1.1f;
  o.stops = stops;
  o.stop_count = 1;
  CHECK(lintel_session_generate(session, &o, count_text, &seen, &result, NULL) == LINTEL_DONE);
  CHECK(result.generated_tokens == 40 && seen > 40);
  o.max_tokens = 10;
  CHECK(lintel_session_generate(session, &o, pause_once, NULL, NULL, NULL) == LINTEL_PAUSED);
  CHECK(lintel_session_generate(session, NULL, NULL, NULL, NULL, NULL) == LINTEL_DONE);
  CHECK(lintel_session_feed_text(session, "a\xFF", 2, 0, &error) == LINTEL_ERR_UTF8);
  CHECK(lintel_session_begin(session, &o, count_text, &seen, NULL) == LINTEL_OK);
  while ((status = lintel_session_step(session, 100, NULL, NULL)) == LINTEL_MORE) {}
  CHECK(status == LINTEL_DONE);
  CHECK(lintel_session_rewind_tokens(session, 3, NULL) == LINTEL_OK);
  o.draft = LINTEL_DRAFT_UNGATED;
  o.temperature = 0;
  CHECK(lintel_session_generate(session, &o, count_text, &seen, &result, NULL) == LINTEL_DONE);
  CHECK(lintel_session_begin(session, &o, count_text, &seen, NULL) == LINTEL_OK);
  CHECK(lintel_session_cancel(session) == LINTEL_OK);
  CHECK(lintel_session_step(session, 0, NULL, NULL) == LINTEL_CANCELLED);
  CHECK(lintel_session_position(session, &position) == LINTEL_OK && position.tokens > 40);
  while (lintel_session_step(session, UINT64_MAX, NULL, NULL) == LINTEL_MORE) {}
  keep(session, other);
  CHECK(lintel_session_reset(session, NULL) == LINTEL_OK);
  CHECK(lintel_session_feed_text(session, text, strlen(text), 0, NULL) == LINTEL_OK);
  CHECK(lintel_session_logits(session, 0, take, &sum, NULL) == LINTEL_DONE);
  if (adapter) {
    CHECK(lintel_session_set_adapters(session, NULL, 0, NULL) == LINTEL_OK);
    CHECK(lintel_session_set_adapters(other, NULL, 0, NULL) == LINTEL_OK);
    CHECK(lintel_adapter_unload(model, 1, NULL) == LINTEL_OK);
  }

  const int heap = heap_calls - heap_before, maps = map_calls - map_before;
  const long pages = address_space() - pages_before;
  CHECK(lintel_session_destroy(session) == LINTEL_OK);
  CHECK(lintel_session_destroy(other) == LINTEL_OK);
  printf("heap: %d heap calls, %d mappings, %ld pages\n", heap, maps, pages);
  CHECK(heap == 0);
  CHECK(maps == 0);
  CHECK(pages == 0);
}

int main(int argc, char **argv) {
  /* Standard output gets its buffer now. */
  static char buffer[4096];
  setvbuf(stdout, buffer, _IOLBF, sizeof buffer);
  for (uint32_t threads = 1; threads <= 2; threads++) {
    INIT(lintel_model_info, info);
    static adapter_file adapter;
    lintel_model_options options = LINTEL_MODEL_OPTIONS_INIT;
    host h = open_host(argc > 1 ? argv[1] : "", 48u << 20, threads);
    CHECK(lintel_model_get_info(h.model, &info) == LINTEL_OK);
    CHECK(lintel_model_close(h.model) == LINTEL_OK);
    options.adapter_slots = 2;
    options.adapter_slot_bytes = 1 << 20;
    options.adapter_rank = 8;
    CHECK(lintel_model_open(h.engine, argc > 1 ? argv[1] : "", &options, &h.model, NULL) ==
          LINTEL_OK);
    make_adapter(&adapter, &info);
    live(h.model, info.chat == 1, strcmp(info.architecture, "kimi-linear") ? NULL : &adapter);
    close_host(h);
  }
  return report("heap");
}
