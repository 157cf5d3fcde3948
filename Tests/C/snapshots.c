/* Snapshots, forks and marks: what goes on from one is what went on without it, to the bit; every
 * refusal has its status and leaves the session as it was; snapshots that are cut, damaged or forged
 * never do worse than that; files are replaced whole.
 *
 *   snapshots MODEL OTHER [MORE...]      kimi-kq-tiny, whose tensors' names and shapes are used, and
 *                                        others; more models, more mutations
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter_file.h"
#include "check.h"
#include "xxh64.h"

enum { CONTEXT = 160, ROOM = 8 << 20, AT_VERSION = 8, AT_FLAGS = 12, AT_TOTAL = 16, AT_MODEL = 24,
       AT_RECURRENT = 32, AT_HISTORY = 40, AT_CACHE = 48, AT_VOCABULARY = 56, AT_READ = 60,
       AT_TOKENS = 64, AT_LAST = 68, AT_ADAPTERS = 72, AT_ADAPTER = 80, AT_ZERO = 208, HEADER = 256 };

static unsigned char *snapshot, *copy; /* ROOM each */
static uint64_t size, copied;
static char made[] = "build/lintel-snapshots-XXXXXX", directory[4096], path[4200], partial[4300];
static adapter_file file;

static uint32_t noise = 1;
static int32_t token(void) {
  noise = noise * 1664525u + 1013904223u;
  return (int32_t)(noise >> 24);
}

static void feed(lintel_session *session, int count) {
  int32_t ids[CONTEXT];
  for (int i = 0; i < count; i++) ids[i] = token();
  CHECK(lintel_session_feed_tokens(session, ids, (size_t)count, NULL) == LINTEL_OK);
}

static void read_all(lintel_session *session) {
  while (lintel_session_step(session, UINT64_MAX, NULL, NULL) == LINTEL_MORE) {}
}

static lintel_position where(const lintel_session *session) {
  INIT(lintel_position, p);
  CHECK(lintel_session_position(session, &p) == LINTEL_OK);
  return p;
}

static int32_t mix_event(void *user, const lintel_event *e) {
  uint64_t *hash = user;
  *hash = (*hash ^ (uint32_t)e->token) * 1099511628211u;
  uint32_t bits;
  memcpy(&bits, &e->log_probability, 4);
  *hash = (*hash ^ bits) * 1099511628211u;
  for (size_t i = 0; i < e->text_bytes; i++)
    *hash = (*hash ^ (unsigned char)e->text[i]) * 1099511628211u;
  return LINTEL_CONTINUE;
}

static int32_t mix_logits(void *user, uint64_t position, const float *logits, uint32_t count) {
  uint64_t *hash = user;
  *hash = (*hash ^ position ^ xxh64(logits, count * sizeof *logits)) * 1099511628211u;
  return 1;
}

/* What comes next: a few sampled tokens, the logits after some more text, an answer to a message.
 * The session has read more afterwards. */
static uint64_t future(lintel_session *session) {
  lintel_generate_options o = LINTEL_GENERATE_OPTIONS_INIT;
  uint64_t hash = 14695981039346656037u;
  const uint32_t before = noise;
  o.max_tokens = 5;
  o.temperature = 0.9f;
  o.seed = 3;
  o.repetition_penalty = 1.3f;
  o.flags = LINTEL_GENERATE_IGNORE_END;
  const lintel_status status = lintel_session_generate(session, &o, mix_event, &hash, NULL, NULL);
  CHECK(status == LINTEL_DONE || status == LINTEL_ERR_STATE);
  noise = 77;
  feed(session, 3);
  CHECK(lintel_session_logits(session, 0, mix_logits, &hash, NULL) == LINTEL_DONE);
  if (lintel_session_feed_message(session, LINTEL_ROLE_USER, "hello", 5, NULL) == LINTEL_OK)
    CHECK(lintel_session_generate(session, &o, mix_event, &hash, NULL, NULL) == LINTEL_DONE);
  noise = before;
  return hash ^ where(session).tokens;
}

static void save(const lintel_session *session) {
  uint64_t bytes = 0;
  CHECK(lintel_session_snapshot_bytes(session, &bytes) == LINTEL_OK && bytes <= ROOM);
  memset(snapshot, 0xEE, bytes + 64 < ROOM ? bytes + 64 : ROOM);
  size = 0;
  CHECK(lintel_session_save(session, snapshot, ROOM, &size, NULL) == LINTEL_OK && size == bytes);
  CHECK(snapshot[size] == 0xEE && xxh64(snapshot, size - 8) == xxh_word(snapshot + size - 8, 8));
}

static lintel_session *create(lintel_model *model, uint32_t context, uint32_t marks, uint32_t cache) {
  lintel_session_options options = LINTEL_SESSION_OPTIONS_INIT;
  lintel_session *session = NULL;
  lintel_error error = LINTEL_ERROR_INIT;
  options.context_tokens = context;
  options.marks = marks;
  options.cache = cache;
  if (lintel_session_create(model, &options, &session, &error)) {
    printf("no session: %s\n", error.message);
    exit(1);
  }
  return session;
}

static int32_t stop_early(void *user, const lintel_event *e) {
  (void)user;
  return e->index == 2 ? LINTEL_STOP : LINTEL_CONTINUE;
}

/* Brings the session into one of several kinds of places. */
static void go_to(lintel_session *session, int place) {
  lintel_generate_options o = LINTEL_GENERATE_OPTIONS_INIT;
  noise = 5;
  CHECK(lintel_session_reset(session, NULL) == LINTEL_OK);
  if (place == 0) return;
  feed(session, 37);
  if (place == 1) return; /* nothing read */
  read_all(session);
  if (place == 2) return; /* all read */
  feed(session, 4);
  if (place == 3) return; /* read and not read */
  o.max_tokens = 6;
  o.flags = LINTEL_GENERATE_RAW | LINTEL_GENERATE_IGNORE_END;
  if (place == 4) { /* after an answer of some length */
    CHECK(lintel_session_generate(session, &o, NULL, NULL, NULL, NULL) == LINTEL_DONE);
  } else if (place == 5) { /* in an open turn */
    CHECK(lintel_session_feed_message(session, LINTEL_ROLE_USER, "a", 1, NULL) == LINTEL_OK);
    o.flags = 0;
    CHECK(lintel_session_generate(session, &o, stop_early, NULL, NULL, NULL) == LINTEL_DONE);
  } else { /* cancelled on the way */
    CHECK(lintel_session_step(session, 0, NULL, NULL) == LINTEL_MORE);
    CHECK(lintel_session_cancel(session) == LINTEL_OK);
    CHECK(lintel_session_step(session, 0, NULL, NULL) == LINTEL_CANCELLED);
    read_all(session);
    feed(session, 20);
    CHECK(lintel_session_cancel(session) == LINTEL_OK);
    CHECK(lintel_session_step(session, 0, NULL, NULL) == LINTEL_CANCELLED);
  }
}
enum { PLACES = 7 };

/* From every kind of place, by every way; where the state lags behind the text by some tokens, too. */
static void goes_on(const char *model_path, uint32_t threads, uint32_t guesses, int has_chat) {
  host h = open_host(model_path, 64u << 20, threads);
  host h2 = open_host(model_path, 64u << 20, 1);
  lintel_session_options options = LINTEL_SESSION_OPTIONS_INIT;
  lintel_session *a, *b = create(h.model, CONTEXT + 40, 1, 0);
  options.context_tokens = CONTEXT;
  options.marks = 2;
  options.draft_tokens = guesses;
  options.rewind_tokens = guesses;
  CHECK(lintel_session_create(h.model, &options, &a, NULL) == LINTEL_OK);
  lintel_session *c = create(h2.model, CONTEXT - 40, 0, 0);
  for (int place = 0; place < PLACES; place++) {
    if (place == 5 && !has_chat) continue;
    go_to(a, place);
    const lintel_position p = where(a);
    const uint64_t straight = future(a);

    go_to(a, place);
    save(a);
    CHECK(lintel_session_mark(a, "here", NULL) == LINTEL_OK);
    CHECK(lintel_session_save_file(a, path, NULL) == LINTEL_OK);
    CHECK(lintel_session_fork(a, b, NULL) == LINTEL_OK);
    CHECK(where(b).tokens == p.tokens && where(b).pending_tokens == p.pending_tokens);
    /* Nobody notices what another does; a session that is copied from goes on as well. */
    CHECK(future(b) == straight);
    CHECK(future(a) == straight);
    CHECK(lintel_session_rewind(a, "here", NULL) == LINTEL_OK);
    CHECK(where(a).tokens == p.tokens && where(a).pending_tokens == p.pending_tokens);
    CHECK(future(a) == straight);
    CHECK(lintel_session_rewind(a, "here", NULL) == LINTEL_OK);
    CHECK(future(a) == straight);
    CHECK(lintel_session_restore(b, snapshot, size, NULL) == LINTEL_OK);
    CHECK(future(b) == straight);
    /* At an odd address, in another engine with another context; and from the file. */
    memcpy(copy + 1, snapshot, size);
    CHECK(lintel_session_restore(c, copy + 1, size, NULL) == LINTEL_OK);
    CHECK(where(c).tokens == p.tokens && where(c).pending_tokens == p.pending_tokens);
    CHECK(future(c) == straight);
    CHECK(lintel_session_restore_file(c, path, NULL) == LINTEL_OK);
    CHECK(future(c) == straight);
    /* Saved again, it is the same; the reading of fed text may be under way where it comes to. */
    feed(c, 3);
    CHECK(lintel_session_step(c, 0, NULL, NULL) == LINTEL_MORE);
    CHECK(lintel_session_restore(c, snapshot, size, NULL) == LINTEL_OK);
    uint64_t again = 0;
    CHECK(lintel_session_save(c, copy, ROOM, &again, NULL) == LINTEL_OK && again == size);
    CHECK(!memcmp(copy, snapshot, size));
  }
  close_host(h);
  close_host(h2);
}

static void marks(const char *model_path) {
  host h = open_host(model_path, 32u << 20, 1);
  lintel_session *s = create(h.model, CONTEXT, 2, 0), *none = create(h.model, CONTEXT, 0, 0);
  char long_name[80];
  memset(long_name, 'n', sizeof long_name);
  long_name[64] = 0;
  REFUSED(lintel_session_rewind(s, "one", &error), LINTEL_ERR_MISSING, "one");
  REFUSED(lintel_session_mark(none, "one", &error), LINTEL_ERR_LIMIT, "marks");
  REFUSED(lintel_session_mark(s, "", &error), LINTEL_ERR_ARGUMENT, "63");
  REFUSED(lintel_session_mark(s, long_name, &error), LINTEL_ERR_ARGUMENT, "63");
  REFUSED(lintel_session_mark(s, NULL, &error), LINTEL_ERR_ARGUMENT, "NULL");
  REFUSED(lintel_session_rewind(s, NULL, &error), LINTEL_ERR_ARGUMENT, "NULL");
  long_name[63] = 0;
  CHECK(lintel_session_mark(s, long_name, NULL) == LINTEL_OK); /* at nothing */
  feed(s, 10);
  read_all(s);
  CHECK(lintel_session_mark(s, "two", NULL) == LINTEL_OK);
  REFUSED(lintel_session_mark(s, "three", &error), LINTEL_ERR_LIMIT, "2 places");
  feed(s, 10);
  read_all(s);
  CHECK(lintel_session_mark(s, "two", NULL) == LINTEL_OK); /* moves */
  feed(s, 5);
  CHECK(lintel_session_rewind(s, "two", NULL) == LINTEL_OK && where(s).tokens == 20);
  CHECK(lintel_session_rewind(s, long_name, NULL) == LINTEL_OK && where(s).tokens == 0);
  REFUSED(lintel_session_rewind(s, "two", &error), LINTEL_ERR_MISSING, "two");
  CHECK(lintel_session_mark(s, "three", NULL) == LINTEL_OK);
  CHECK(lintel_session_fork(s, none, NULL) == LINTEL_OK);
  feed(none, 2);
  CHECK(lintel_session_fork(none, s, NULL) == LINTEL_OK);
  REFUSED(lintel_session_rewind(s, "three", &error), LINTEL_ERR_MISSING, "three");
  CHECK(lintel_session_mark(s, "four", NULL) == LINTEL_OK);
  CHECK(lintel_session_mark(s, "five", NULL) == LINTEL_OK);
  save(s);
  CHECK(lintel_session_restore(s, snapshot, size, NULL) == LINTEL_OK);
  REFUSED(lintel_session_rewind(s, "four", &error), LINTEL_ERR_MISSING, "four");
  CHECK(lintel_session_mark(s, "six", NULL) == LINTEL_OK);
  CHECK(lintel_session_reset(s, NULL) == LINTEL_OK);
  REFUSED(lintel_session_rewind(s, "six", &error), LINTEL_ERR_MISSING, "six");
  lintel_session_options o = LINTEL_SESSION_OPTIONS_INIT;
  o.marks = 65;
  REFUSED(lintel_session_create(h.model, &o, &s, &error), LINTEL_ERR_ARGUMENT, "64");
  o.marks = 64;
  lintel_error full = LINTEL_ERROR_INIT;
  while (lintel_session_create(h.model, &o, &s, &full) == LINTEL_OK) {}
  CHECK(full.status == LINTEL_ERR_BUDGET && strstr(full.message, "marks"));
  o.marks = 0;
  o.reserved0 = 1;
  REFUSED(lintel_session_create(h.model, &o, &s, &error), LINTEL_ERR_RESERVED, "reserved0");
  close_host(h);
}

/* The call is refused, and the session is what it was. */
#define UNCHANGED(session, call, wanted, word) \
  do { \
    const lintel_position before_ = where(session); \
    REFUSED(call, wanted, word); \
    const lintel_position after_ = where(session); \
    CHECK(before_.tokens == after_.tokens && before_.pending_tokens == after_.pending_tokens); \
  } while (0)

static void put(uint64_t at, unsigned width, uint64_t v) {
  for (unsigned i = 0; i < width; i++) copy[at + i] = (unsigned char)(v >> 8 * i);
}

static void fresh(void) {
  memcpy(copy, snapshot, size);
  copied = size;
}

static void seal(void) { put(copied - 8, 8, xxh64(copy, copied - 8)); }

#define GETS(status, word) \
  do { \
    UNCHANGED(to, lintel_session_restore(to, copy, copied, &error), LINTEL_ERR_##status, word); \
    fresh(); \
  } while (0)

/* Forged, with a checksum that is right. */
#define FORGED(at, width, value, status, word) \
  do { \
    put(at, width, value); \
    seal(); \
    GETS(status, word); \
  } while (0)

static void refusals(const char *model_path, const char *other_path) {
  host h = open_host(model_path, 96u << 20, 1);
  lintel_session *s = create(h.model, CONTEXT, 0, 0), *to = create(h.model, CONTEXT, 1, 0);
  uint64_t bytes = 0;
  go_to(s, 3);
  go_to(to, 2);
  const uint64_t straight = future(to);
  go_to(to, 2);
  save(s);
  fresh();

  /* Arguments. */
  REFUSED(lintel_session_save(s, NULL, ROOM, &bytes, &error), LINTEL_ERR_ARGUMENT, "NULL");
  memset(copy, 0xEE, size);
  REFUSED(lintel_session_save(s, copy, size - 1, &bytes, &error), LINTEL_ERR_CAPACITY, "bytes");
  CHECK(bytes == size && copy[0] == 0xEE);
  REFUSED(lintel_session_save(NULL, copy, ROOM, &bytes, &error), LINTEL_ERR_ARGUMENT, "NULL");
  CHECK(lintel_session_save(s, copy, size, NULL, NULL) == LINTEL_OK);
  CHECK(lintel_session_snapshot_bytes(s, NULL) == LINTEL_ERR_ARGUMENT);
  CHECK(lintel_session_snapshot_bytes(NULL, &bytes) == LINTEL_ERR_ARGUMENT && bytes == 0);
  CHECK(lintel_session_snapshot_bytes((lintel_session *)h.model, &bytes) == LINTEL_ERR_HANDLE);
  REFUSED(lintel_session_restore(to, NULL, 9, &error), LINTEL_ERR_ARGUMENT, "NULL");
  REFUSED(lintel_session_restore(to, copy, UINT64_MAX, &error), LINTEL_ERR_ARGUMENT, "byte_count");
  REFUSED(lintel_session_fork(s, NULL, &error), LINTEL_ERR_ARGUMENT, "NULL");
  REFUSED(lintel_session_fork(NULL, s, &error), LINTEL_ERR_ARGUMENT, "NULL");
  REFUSED(lintel_session_fork(s, s, &error), LINTEL_ERR_ARGUMENT, "same");
  REFUSED(lintel_session_fork(s, (lintel_session *)h.engine, &error), LINTEL_ERR_HANDLE, "fork");
  REFUSED(lintel_session_save_file(s, NULL, &error), LINTEL_ERR_ARGUMENT, "NULL");
  REFUSED(lintel_session_restore_file(s, NULL, &error), LINTEL_ERR_ARGUMENT, "NULL");

  /* The header. */
  fresh();
  copy[0] ^= 1;
  GETS(SNAPSHOT, "LINTELSN");
  put(AT_VERSION, 4, 2);
  GETS(VERSION, "version 2");
  put(AT_FLAGS, 4, 1u << 4);
  GETS(SNAPSHOT, "byte 12");
  put(AT_TOTAL, 8, size + 1);
  GETS(TRUNCATED, "bytes");
  put(AT_TOTAL, 8, UINT64_MAX);
  GETS(TRUNCATED, "bytes");
  put(AT_TOTAL, 8, size - 1);
  GETS(SNAPSHOT, "bytes");
  copied = size + 1;
  GETS(SNAPSHOT, "bytes");
  put(AT_MODEL, 8, 1);
  GETS(CHECKSUM, "damaged");
  put(HEADER, 1, copy[HEADER] ^ 1);
  GETS(CHECKSUM, "damaged");
  put(size - 1, 1, copy[size - 1] ^ 0x80);
  GETS(CHECKSUM, "damaged");
  FORGED(AT_MODEL, 8, 1, OTHER_MODEL, "0000000000000001");
  FORGED(AT_FLAGS, 4, copy[AT_FLAGS] ^ 4, OTHER_MODEL, "FLOAT_ACTIVATIONS");
  FORGED(AT_FLAGS, 4, copy[AT_FLAGS] ^ 8, OTHER_MODEL, "cache");
  FORGED(AT_RECURRENT, 8, UINT64_MAX, SNAPSHOT, "byte 32");
  FORGED(AT_RECURRENT, 8, UINT64_MAX / 16, SNAPSHOT, "byte 16");
  FORGED(AT_RECURRENT, 8, 0, SNAPSHOT, "byte 16");
  FORGED(AT_HISTORY, 8, 1ull << 62, SNAPSHOT, "byte 40");
  FORGED(AT_HISTORY, 8, xxh_word(copy + AT_HISTORY, 8) + 1, SNAPSHOT, "byte 16");
  FORGED(AT_CACHE, 8, UINT64_MAX >> 4, SNAPSHOT, "byte 16");
  FORGED(AT_CACHE, 8, UINT64_MAX >> 2, SNAPSHOT, "byte 48");
  FORGED(AT_CACHE, 8, 0, SNAPSHOT, "byte 16");
  FORGED(AT_VOCABULARY, 4, 1, SNAPSHOT, "byte 16");
  FORGED(AT_READ, 4, 42, SNAPSHOT, "byte 60");
  FORGED(AT_READ, 4, 0, SNAPSHOT, "byte 60");
  FORGED(AT_READ, 4, 36, SNAPSHOT, "byte 16");
  FORGED(AT_TOKENS, 4, UINT32_MAX, SNAPSHOT, "byte 16");
  FORGED(AT_LAST, 4, 3, SNAPSHOT, "byte 68");
  FORGED(AT_ADAPTERS, 4, 9, SNAPSHOT, "byte 72");
  FORGED(AT_ADAPTERS, 4, 1, OTHER_ADAPTERS, "0000000000000000");
  FORGED(AT_ADAPTERS + 4, 1, 1, SNAPSHOT, "byte 76");
  FORGED(AT_ADAPTER + 127, 1, 1, SNAPSHOT, "byte 207");
  FORGED(AT_ZERO + 47, 1, 1, SNAPSHOT, "byte 255");
  FORGED(HEADER, 4, UINT32_MAX, SNAPSHOT, "token");
  FORGED(HEADER + 4 * 40, 4, 768, SNAPSHOT, "token");
  { /* Consistent, but of a model of other sizes: one float moved from one part to the other. */
    put(AT_RECURRENT, 8, xxh_word(copy + AT_RECURRENT, 8) + 1);
    FORGED(AT_HISTORY, 8, xxh_word(copy + AT_HISTORY, 8) - 1, SNAPSHOT, "sizes");
  }
  /* All truncations. */
  int refused = 0, tried = 0;
  for (uint64_t n = 0; n < size; n += n < 2048 || n + 64 > size ? 1 : 997) {
    lintel_error error = LINTEL_ERROR_INIT;
    tried++;
    const lintel_status got = lintel_session_restore(to, snapshot, n, &error);
    refused += got == LINTEL_ERR_TRUNCATED && error.status == got && error.message[0];
  }
  CHECK(refused == tried);
  /* Every bit of the header and some of the rest. */
  refused = tried = 0;
  for (uint64_t n = 0; n < 8 * size; n += n < 8 * HEADER ? 1 : 99991) {
    lintel_error error = LINTEL_ERROR_INIT;
    snapshot[n / 8] ^= (unsigned char)(1 << n % 8);
    const lintel_status got = lintel_session_restore(to, snapshot, size, &error);
    snapshot[n / 8] ^= (unsigned char)(1 << n % 8);
    tried++;
    refused += (got == LINTEL_ERR_CHECKSUM || got == LINTEL_ERR_SNAPSHOT ||
                got == LINTEL_ERR_VERSION || got == LINTEL_ERR_TRUNCATED) &&
               error.status == got && error.message[0];
  }
  CHECK(refused == tried);

  /* What does not fit. */
  lintel_session *small = create(h.model, 40, 0, 0), *floats = create(h.model, CONTEXT, 0, 1);
  UNCHANGED(small, lintel_session_restore(small, snapshot, size, &error), LINTEL_ERR_CONTEXT_FULL,
            "41");
  UNCHANGED(small, lintel_session_fork(s, small, &error), LINTEL_ERR_CONTEXT_FULL, "41");
  REFUSED(lintel_session_restore(floats, snapshot, size, &error), LINTEL_ERR_OTHER_MODEL, "cache");
  REFUSED(lintel_session_fork(s, floats, &error), LINTEL_ERR_OTHER_MODEL, "cache");
  lintel_model *other, *exact;
  lintel_model_options mo = LINTEL_MODEL_OPTIONS_INIT;
  CHECK(lintel_model_open(h.engine, other_path, NULL, &other, NULL) == LINTEL_OK);
  mo.flags = LINTEL_MODEL_FLOAT_ACTIVATIONS;
  CHECK(lintel_model_open(h.engine, model_path, &mo, &exact, NULL) == LINTEL_OK);
  lintel_session *foreign = create(other, CONTEXT, 0, 0), *of_exact = create(exact, CONTEXT, 0, 2);
  REFUSED(lintel_session_restore(foreign, snapshot, size, &error), LINTEL_ERR_OTHER_MODEL, "model");
  REFUSED(lintel_session_fork(s, foreign, &error), LINTEL_ERR_ARGUMENT, "models");
  REFUSED(lintel_session_restore(of_exact, snapshot, size, &error), LINTEL_ERR_OTHER_MODEL,
          "FLOAT");

  /* In the middle of things. */
  lintel_generate_options o = LINTEL_GENERATE_OPTIONS_INIT;
  o.flags = LINTEL_GENERATE_RAW;
  CHECK(lintel_session_step(s, 0, NULL, NULL) == LINTEL_MORE);
  for (int i = 0; i < 2; i++) {
    const char *const word = i ? "generation" : "pass";
    const lintel_status state = LINTEL_ERR_STATE;
    CHECK(lintel_session_snapshot_bytes(s, &bytes) == state && bytes == 0);
    REFUSED(lintel_session_save(s, copy, ROOM, &bytes, &error), state, word);
    REFUSED(lintel_session_save_file(s, path, &error), state, word);
    REFUSED(lintel_session_fork(s, to, &error), state, word);
    REFUSED(lintel_session_mark(s, "x", &error), state, word);
    if (i) {
      REFUSED(lintel_session_restore(s, snapshot, size, &error), state, word);
      REFUSED(lintel_session_restore_file(s, path, &error), state, word);
      REFUSED(lintel_session_fork(to, s, &error), state, word);
      REFUSED(lintel_session_rewind(s, "x", &error), state, word);
    } else {
      read_all(s);
      CHECK(lintel_session_begin(s, &o, NULL, NULL, NULL) == LINTEL_OK);
    }
  }
  CHECK(lintel_session_cancel(s) == LINTEL_OK);
  CHECK(lintel_session_step(s, 0, NULL, NULL) == LINTEL_CANCELLED);
  CHECK(lintel_session_save(s, copy, ROOM, &bytes, NULL) == LINTEL_OK);

  /* After all of it. */
  CHECK(future(to) == straight);
  close_host(h);
}

/* Seeded noise in a snapshot, with a right checksum: a status, or a session that works. */
static void mutations(const char *model_path, int count) {
  host h = open_host(model_path, 32u << 20, 1);
  lintel_session *s = create(h.model, CONTEXT, 0, 0);
  uint64_t hash = 0;
  int restored = 0, refused = 0;
  go_to(s, 3);
  save(s);
  const uint64_t part = size - HEADER - 8;
  for (int i = 0; i < count; i++) {
    lintel_error error = LINTEL_ERROR_INIT;
    fresh();
    for (int k = 0; k <= i % 3; k++) {
      uint64_t r = 0;
      for (int b = 0; b < 8; b++) r = r << 8 | (unsigned char)token();
      const uint64_t at = i % 2 ? r % HEADER : HEADER + r % part;
      switch (i % 5) {
        case 0: copy[at] = (unsigned char)(r >> 40); break;
        case 1: copy[at] ^= (unsigned char)(1 << (r >> 32 & 7)); break;
        case 2: /* not a number, infinite, huge */
          put(at & ~3ull, 4, (r >> 8 & 1 ? 0x7FC00000u : 0x7F800000u) | (uint32_t)(r >> 63) << 31);
          break;
        case 3: memset(copy + at, (int)(r >> 24 & 0xFF), at + 64 < size ? 64 : size - at); break;
        default: put(at & ~7ull, 8, r >> (r & 63)); break;
      }
    }
    seal();
    const lintel_status got = lintel_session_restore(s, copy, copied, &error);
    if (got == LINTEL_OK) {
      lintel_generate_options o = LINTEL_GENERATE_OPTIONS_INIT;
      o.max_tokens = 3;
      o.flags = LINTEL_GENERATE_RAW;
      restored++;
      feed(s, 2);
      const lintel_status status = lintel_session_generate(s, &o, mix_event, &hash, NULL, NULL);
      if (status < 0) CHECK(lintel_session_reset(s, NULL) == LINTEL_OK);
    } else {
      refused += error.status == got && error.message[0] != 0;
    }
  }
  printf("snapshots: of %d forged ones %d restored, %d refused\n", count, restored, refused);
  CHECK(restored + refused == count && restored > count / 4 && refused > count / 10);
  CHECK(lintel_session_restore(s, snapshot, size, NULL) == LINTEL_OK);
  close_host(h);
}

/* Which adapters the text was read with. */
static void adapters(const char *model_path) {
  host h;
  lintel_engine_options eo = LINTEL_ENGINE_OPTIONS_INIT;
  lintel_model_options mo = LINTEL_MODEL_OPTIONS_INIT;
  const lintel_adapter_use first = {0, 1}, weak = {0, 0.5f}, moved = {2, 1};
  const lintel_adapter_use both[2] = {{1, 1}, {0, 1}};
  lintel_adapter_use uses[8];
  uint32_t count;
  h.block = NULL;
  eo.memory_bytes = 64u << 20;
  mo.adapter_slots = 3;
  mo.adapter_slot_bytes = 1 << 20;
  mo.adapter_rank = 8;
  CHECK(lintel_engine_create(&eo, &h.engine, NULL) == LINTEL_OK);
  CHECK(lintel_model_open(h.engine, model_path, &mo, &h.model, NULL) == LINTEL_OK);
  for (uint32_t slot = 0; slot < 2; slot++) {
    begin_adapter(&file, "kimi-linear", 8);
    add_pair(&file, "blk.0.attn_q.weight", 256, 256, 1, 4, 0.2f + (float)slot);
    add_pair(&file, "output.weight", 256, 768, 1, 4, 0.2f);
    end_adapter(&file);
    CHECK(lintel_adapter_load_bytes(h.model, slot, file.out, file.out_bytes, NULL, NULL) ==
          LINTEL_OK);
  }
  lintel_session *a = create(h.model, CONTEXT, 2, 0), *b = create(h.model, CONTEXT, 0, 0);
  CHECK(lintel_session_set_adapters(a, &first, 1, NULL) == LINTEL_OK);
  go_to(a, 2);
  save(a);
  const uint64_t straight = future(a);
  /* To a session that has none; that has the same, in another slot too; that has others. */
  CHECK(lintel_session_restore(b, snapshot, size, NULL) == LINTEL_OK);
  CHECK(lintel_session_get_adapters(b, uses, 8, &count) == LINTEL_OK && count == 1 &&
        uses[0].slot == 0 && uses[0].scale == 1);
  CHECK(future(b) == straight);
  CHECK(lintel_session_restore(b, snapshot, size, NULL) == LINTEL_OK);
  CHECK(future(b) == straight);
  CHECK(lintel_session_set_adapters(b, &weak, 1, NULL) == LINTEL_OK);
  UNCHANGED(b, lintel_session_restore(b, snapshot, size, &error), LINTEL_ERR_OTHER_ADAPTERS, "scale");
  UNCHANGED(b, lintel_session_fork(a, b, &error), LINTEL_ERR_OTHER_ADAPTERS, "same, or none");
  CHECK(lintel_session_set_adapters(b, both, 2, NULL) == LINTEL_OK);
  UNCHANGED(b, lintel_session_restore(b, snapshot, size, &error), LINTEL_ERR_OTHER_ADAPTERS, "same");
  CHECK(lintel_session_set_adapters(b, NULL, 0, NULL) == LINTEL_OK);
  CHECK(lintel_session_restore(a, snapshot, size, NULL) == LINTEL_OK);
  CHECK(lintel_session_fork(a, b, NULL) == LINTEL_OK);
  CHECK(future(b) == straight);
  /* Text without adapters does not come to a session with some. */
  lintel_session *plain = create(h.model, CONTEXT, 0, 0);
  go_to(plain, 2);
  UNCHANGED(b, lintel_session_fork(plain, b, &error), LINTEL_ERR_OTHER_ADAPTERS, "0 adapters");

  /* Rewinding brings back those of the mark. */
  CHECK(lintel_session_restore(a, snapshot, size, NULL) == LINTEL_OK);
  CHECK(lintel_session_mark(a, "first", NULL) == LINTEL_OK);
  CHECK(lintel_session_set_adapters(a, both, 2, NULL) == LINTEL_OK);
  CHECK(lintel_session_mark(a, "both", NULL) == LINTEL_OK);
  const uint64_t other = future(a);
  CHECK(other != straight);
  CHECK(lintel_session_rewind(a, "first", NULL) == LINTEL_OK);
  CHECK(future(a) == straight);
  CHECK(lintel_session_rewind(a, "both", NULL) == LINTEL_OK);
  CHECK(lintel_session_get_adapters(a, uses, 8, &count) == LINTEL_OK && count == 2 &&
        uses[0].slot == 1);
  CHECK(future(a) == other);

  /* Found wherever it is loaded, and missed where it is not. */
  const lintel_session *const users[2] = {a, b};
  for (int i = 0; i < 2; i++)
    CHECK(lintel_session_set_adapters((lintel_session *)users[i], NULL, 0, NULL) == LINTEL_OK);
  CHECK(lintel_adapter_unload(h.model, 0, NULL) == LINTEL_OK);
  UNCHANGED(b, lintel_session_restore(b, snapshot, size, &error), LINTEL_ERR_OTHER_ADAPTERS,
            "no slot");
  UNCHANGED(a, lintel_session_rewind(a, "first", &error), LINTEL_ERR_OTHER_ADAPTERS, "no slot");
  begin_adapter(&file, "kimi-linear", 8);
  add_pair(&file, "blk.0.attn_q.weight", 256, 256, 1, 4, 0.2f);
  add_pair(&file, "output.weight", 256, 768, 1, 4, 0.2f);
  end_adapter(&file);
  CHECK(lintel_adapter_load_bytes(h.model, 2, file.out, file.out_bytes, NULL, NULL) == LINTEL_OK);
  CHECK(lintel_session_restore(b, snapshot, size, NULL) == LINTEL_OK);
  CHECK(lintel_session_get_adapters(b, uses, 8, &count) == LINTEL_OK && count == 1 &&
        uses[0].slot == 2);
  CHECK(future(b) == straight);
  CHECK(lintel_session_rewind(a, "first", NULL) == LINTEL_OK);
  CHECK(future(a) == straight);
  REFUSED(lintel_adapter_unload(h.model, 2, &error), LINTEL_ERR_BUSY, "2 sessions");
  CHECK(lintel_session_set_adapters(b, &moved, 1, NULL) == LINTEL_OK);

  /* A forged snapshot with an adapter that is loaded, twice; and one without a finite scale. */
  lintel_session *to = create(h.model, CONTEXT, 0, 0);
  fresh();
  memcpy(copy + AT_ADAPTER + 16, copy + AT_ADAPTER, 16);
  FORGED(AT_ADAPTERS, 4, 2, OTHER_ADAPTERS, "no slot");
  FORGED(AT_ADAPTER + 8, 4, 0x7FC00000, ARGUMENT, "scale");
  CHECK(lintel_session_restore(to, snapshot, size, NULL) == LINTEL_OK);
  CHECK(lintel_engine_destroy(h.engine) == LINTEL_OK);
}

static int exists(const char *name) {
  struct stat st;
  return lstat(name, &st) == 0;
}

static void files(const char *model_path) {
  host h = open_host(model_path, 32u << 20, 1);
  lintel_session *s = create(h.model, CONTEXT, 0, 0), *to = create(h.model, CONTEXT, 0, 0);
  char name[5000];
  struct stat st;
  go_to(s, 2);
  save(s);
  (void)unlink(path);
  CHECK(lintel_session_save_file(s, path, NULL) == LINTEL_OK);
  CHECK(stat(path, &st) == 0 && (uint64_t)st.st_size == size && (st.st_mode & 0777) == 0600);
  CHECK(!exists(partial));
  { /* What lies there is a snapshot like any other. */
    int fd = open(path, O_RDONLY);
    CHECK(fd >= 0 && read(fd, copy, size) == (ssize_t)size && !memcmp(copy, snapshot, size));
    close(fd);
  }
  /* Something stale, long and locked by nobody is taken over. */
  int fd = open(partial, O_WRONLY | O_CREAT, 0600);
  CHECK(fd >= 0 && write(fd, snapshot, size) == (ssize_t)size && write(fd, snapshot, size) > 0);
  CHECK(flock(fd, LOCK_EX) == 0);
  REFUSED(lintel_session_save_file(s, path, &error), LINTEL_ERR_BUSY, "somebody else");
  CHECK(exists(partial));
  close(fd);
  CHECK(lintel_session_save_file(s, path, NULL) == LINTEL_OK && !exists(partial));
  CHECK(stat(path, &st) == 0 && (uint64_t)st.st_size == size);
  CHECK(lintel_session_restore_file(to, path, NULL) == LINTEL_OK);
  /* By its name alone, from the directory it is in. */
  CHECK(chdir(directory) == 0);
  CHECK(lintel_session_save_file(s, "name", NULL) == LINTEL_OK);
  CHECK(lintel_session_restore_file(to, "name", NULL) == LINTEL_OK && unlink("name") == 0);

  /* What cannot be. */
  REFUSED(lintel_session_save_file(s, "/nowhere/at/all", &error), LINTEL_ERR_FILE, "no such file");
  REFUSED(lintel_session_save_file(s, "", &error), LINTEL_ERR_FILE, "");
  REFUSED(lintel_session_restore_file(s, "/nowhere/at/all", &error), LINTEL_ERR_FILE, "nowhere");
  REFUSED(lintel_session_restore_file(s, directory, &error), LINTEL_ERR_FILE, "directory");
  memset(name, 'n', sizeof name - 1);
  name[sizeof name - 1] = 0;
  REFUSED(lintel_session_save_file(s, name, &error), LINTEL_ERR_FILE, "too long");
  CHECK(mkdir(partial, 0700) == 0);
  REFUSED(lintel_session_save_file(s, path, &error), LINTEL_ERR_FILE, "directory");
  CHECK(rmdir(partial) == 0 && symlink(path, partial) == 0);
  REFUSED(lintel_session_save_file(s, path, &error), LINTEL_ERR_FILE, "");
  CHECK(unlink(partial) == 0 && mkfifo(partial, 0600) == 0);
  REFUSED(lintel_session_save_file(s, path, &error), LINTEL_ERR_FILE, "");
  REFUSED(lintel_session_restore_file(s, partial, &error), LINTEL_ERR_FILE, "regular");
  CHECK(unlink(partial) == 0);
  CHECK(mkdir("taken", 0700) == 0);
  REFUSED(lintel_session_save_file(s, "taken", &error), LINTEL_ERR_FILE, "directory");
  CHECK(!exists("taken.partial") && rmdir("taken") == 0);
  if (exists("/dev/full")) {
    CHECK(symlink("/dev/full", "full") == 0);
    REFUSED(lintel_session_restore_file(to, "full", &error), LINTEL_ERR_FILE, "regular");
    CHECK(unlink("full") == 0);
  }
  /* Cut and damaged on the storage. */
  CHECK(truncate(path, (off_t)size - 1) == 0);
  UNCHANGED(to, lintel_session_restore_file(to, path, &error), LINTEL_ERR_TRUNCATED, "bytes");
  CHECK(truncate(path, 100) == 0);
  UNCHANGED(to, lintel_session_restore_file(to, path, &error), LINTEL_ERR_TRUNCATED, "264");
  CHECK(truncate(path, 0) == 0);
  UNCHANGED(to, lintel_session_restore_file(to, path, &error), LINTEL_ERR_TRUNCATED, "0 are");
  CHECK(truncate(path, (off_t)size) == 0);
  UNCHANGED(to, lintel_session_restore_file(to, path, &error), LINTEL_ERR_SNAPSHOT, "LINTELSN");
  CHECK(lintel_session_save_file(s, path, NULL) == LINTEL_OK);
  fd = open(path, O_WRONLY);
  CHECK(fd >= 0 && pwrite(fd, "x", 1, (off_t)size / 2) == 1 && close(fd) == 0);
  UNCHANGED(to, lintel_session_restore_file(to, path, &error), LINTEL_ERR_CHECKSUM, "damaged");
  CHECK(unlink(path) == 0);
  close_host(h);
}

int main(int argc, char **argv) {
  char real[4096];
  snapshot = malloc(ROOM);
  copy = malloc(ROOM + 1);
  if (!snapshot || !copy || argc < 2 || !mkdtemp(made) || !realpath(made, directory)) return 1;
  snprintf(path, sizeof path, "%s/session", directory);
  snprintf(partial, sizeof partial, "%s.partial", path);
  if (!realpath(argv[1], real)) return 1;
  for (int i = 1; i < argc; i++)
    for (uint32_t threads = 1; threads <= 2; threads++)
      goes_on(argv[i], threads, threads == 1 ? 0 : 4, i == 1);
  marks(argv[1]);
  refusals(argv[1], argc > 2 ? argv[2] : argv[1]);
  mutations(argv[1], argc > 3 ? 3000 : 300);
  adapters(argv[1]);
  files(real);
  rmdir(directory);
  free(snapshot);
  free(copy);
  return report("snapshots");
}
