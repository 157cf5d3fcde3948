/* lintel.h - small language models inside your program, in a number of bytes that you fix.
 *
 * If it is not in this file, it is not the API.
 *
 *   engine    the budget: one block of memory, a pool of threads
 *     model     one memory-mapped GGUF file: weights, tokenizer. Immutable, shared by sessions;
 *               its adapter slots hold LoRA adapters, which sessions choose from
 *       grammar   what an answer must fit: compiled for the model, shared by its sessions
 *       session   one conversation: recurrent state, attention cache, sampler. One timeline
 *     image model   one GGUF file that sorts pictures into classes, and the buffers of one pass
 *
 * A complete program (without error handling):
 *
 *   static unsigned char memory[16 << 20];
 *   static int32_t print(void *user, const lintel_event *e) {
 *     fwrite(e->text, 1, e->text_bytes, stdout);
 *     return LINTEL_CONTINUE;
 *   }
 *   lintel_engine_options eo = LINTEL_ENGINE_OPTIONS_INIT;
 *   lintel_engine *engine; lintel_model *model; lintel_session *session;
 *   eo.memory = memory; eo.memory_bytes = sizeof memory;
 *   lintel_engine_create(&eo, &engine, NULL);
 *   lintel_model_open(engine, "cabin.gguf", NULL, &model, NULL);
 *   lintel_session_create(model, NULL, &session, NULL);
 *   lintel_session_feed_message(session, LINTEL_ROLE_USER, "it's too cold back here", 23, NULL);
 *   lintel_session_generate(session, NULL, print, NULL, NULL, NULL);
 *   lintel_engine_destroy(engine);
 *
 * MEMORY. The engine owns one block, yours or its own mapping, and never takes a byte more: models'
 * directories and vocabularies, activations, sessions, thread stacks all live there. Weights stay in
 * the read-only mapping of the file. lintel_plan() says beforehand, to the byte, what a configuration
 * needs, by category. Between session creation and destruction nothing is allocated, mapped or freed.
 *
 * ERRORS. Every fallible call returns a lintel_status: 0 is success, positive values are ordinary
 * outcomes, negative ones errors. Pass a lintel_error to get the sentence that says what is wrong,
 * where, and what to do; NULL is always allowed. Unless a function says otherwise, an error leaves
 * every object as it was. An object is never half-changed: either it is unchanged, or it is poisoned
 * and says LINTEL_ERR_POISONED until it is reset or destroyed.
 *
 * THREADS. An engine's creation, destruction, and the opening and closing of its models and sessions
 * belong to one thread at a time. Models are shareable. A session belongs to one thread at a time; a
 * second one gets LINTEL_ERR_BUSY. Sessions of one engine may be driven from different threads and
 * take turns. lintel_session_cancel() may be called from any thread and from signal handlers.
 *
 * STRINGS are UTF-8, given by pointer and byte count, and need no terminator unless the parameter is
 * called `path`. STRUCTS start with struct_size (use the _INIT macros); zero means default in every
 * field; `reserved` must be zero, so that a later version can give it a meaning.
 */
#ifndef LINTEL_H
#define LINTEL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LINTEL_VERSION_MAJOR 0
#define LINTEL_VERSION_MINOR 1
#define LINTEL_VERSION_PATCH 0
/* major * 10000 + minor * 100 + patch */
#define LINTEL_VERSION 100

/* ---- Status. Numbers are pinned and never reused. ---- */

typedef int32_t lintel_status;

#define LINTEL_OK 0
#define LINTEL_MORE 1       /* step: there is more to do; call again */
#define LINTEL_DONE 2       /* the generation ended; see its result for the reason */
#define LINTEL_CANCELLED 3  /* lintel_session_cancel took effect; work done so far is kept */
#define LINTEL_PAUSED 4     /* the callback asked to pause; step or generate again to resume */

#define LINTEL_ERR_ARGUMENT (-1)      /* NULL, a value out of range, a contradiction */
#define LINTEL_ERR_HANDLE (-2)        /* not a live object of this type */
#define LINTEL_ERR_STRUCT_SIZE (-3)   /* struct_size is zero or not one this version knows */
#define LINTEL_ERR_RESERVED (-4)      /* a reserved field or unknown flag is not zero */
#define LINTEL_ERR_BUSY (-5)          /* another thread is inside this object, or it has users */
#define LINTEL_ERR_REENTRY (-6)       /* called from inside this session's own callback */
#define LINTEL_ERR_POISONED (-7)      /* an earlier error left the session undefined: reset it */
#define LINTEL_ERR_STATE (-8)         /* not possible now, such as generating before any text */
#define LINTEL_ERR_BUDGET (-10)       /* needed and available are bytes */
#define LINTEL_ERR_SYSTEM (-11)       /* a system call failed; needed is its errno */
#define LINTEL_ERR_LIMIT (-12)        /* a number beyond what this engine supports */
#define LINTEL_ERR_LOCK (-13)         /* memory could not be locked: RLIMIT_MEMLOCK */
#define LINTEL_ERR_FILE (-20)         /* the file cannot be opened, mapped, read or written; needed is
                                         errno */
#define LINTEL_ERR_FORMAT (-21)       /* the file breaks its format */
#define LINTEL_ERR_TRUNCATED (-22)    /* the file ends too early */
#define LINTEL_ERR_UNSUPPORTED (-23)  /* well-formed, but a feature that this engine lacks */
#define LINTEL_ERR_MISSING (-24)      /* a key or tensor is missing */
#define LINTEL_ERR_SHAPE (-25)        /* a tensor or array has the wrong shape */
#define LINTEL_ERR_DUPLICATE (-26)    /* a key or tensor occurs twice */
#define LINTEL_ERR_CONTEXT_FULL (-30) /* needed and available are tokens */
#define LINTEL_ERR_TOKEN (-31)        /* a token id outside the vocabulary */
#define LINTEL_ERR_UTF8 (-32)         /* text is not UTF-8; needed is the byte offset */
#define LINTEL_ERR_CAPACITY (-33)     /* a buffer is too small; needed says how large it must be */
#define LINTEL_ERR_SNAPSHOT (-40)     /* the bytes are no snapshot, or one that contradicts itself */
#define LINTEL_ERR_VERSION (-41)      /* a snapshot of another format version */
#define LINTEL_ERR_OTHER_MODEL (-42)  /* a snapshot of another model, or of other options */
#define LINTEL_ERR_OTHER_ADAPTERS (-43) /* the text was read with other adapters */
#define LINTEL_ERR_CHECKSUM (-44)     /* a snapshot is damaged */

#define LINTEL_ERR_JSON (-50)         /* the text is not JSON */
#define LINTEL_ERR_KEY (-51)          /* a key that a configuration does not have */
#define LINTEL_ERR_VALUE (-52)        /* a value of the wrong type, out of range, or naming nothing */
#define LINTEL_ERR_HASH (-53)         /* a file is not the one whose SHA-256 was given */
#define LINTEL_ERR_SCHEMA (-60)       /* a schema, tools file or grammar is malformed; needed is the
                                         byte offset */
#define LINTEL_ERR_KEYWORD (-61)      /* a schema asks for what is not supported; needed as above */
#define LINTEL_ERR_UNSATISFIABLE (-62) /* nothing can satisfy the schema or grammar */
#define LINTEL_ERR_GRAMMAR_SIZE (-63) /* a grammar goes beyond its limits or grammar_bytes */

#define LINTEL_ERR_PICTURE (-70)      /* a picture's size or stride is impossible, or beyond a limit */
#define LINTEL_ERR_INPUT_SIZE (-71)   /* an input that an image network or its buffers cannot take */

/* What went wrong, in the caller's memory. Written on failure only. */
typedef struct lintel_error {
  uint32_t struct_size;
  lintel_status status;
  int64_t needed;    /* what would have been needed; its unit is given at the status */
  int64_t available; /* what there was */
  char message[320]; /* one sentence, UTF-8, NUL-terminated */
} lintel_error;
#define LINTEL_ERROR_INIT { (uint32_t)sizeof(lintel_error), 0, 0, 0, { 0 } }

/* The run-time version, as LINTEL_VERSION. Any thread. */
uint32_t lintel_version(void);

/* The name of a status, such as "LINTEL_ERR_BUDGET"; "LINTEL_UNKNOWN" for numbers that are none.
 * A static string. Any thread. */
const char *lintel_status_name(lintel_status status);

/* ---- Objects ---- */

typedef struct lintel_engine lintel_engine;
typedef struct lintel_model lintel_model;
typedef struct lintel_session lintel_session;
typedef struct lintel_grammar lintel_grammar;
typedef struct lintel_image_model lintel_image_model;

/* ---- Options ---- */

/* Returns nonzero to go on, 0 to stop (the call then answers LINTEL_CANCELLED). Counts are bytes. */
typedef int32_t (*lintel_progress_fn)(void *user, uint64_t done, uint64_t total);

typedef struct lintel_engine_options {
  uint32_t struct_size;
  uint32_t threads;      /* threads that compute, the caller's included; default 1, at most 64 */
  void *memory;          /* the block, 64-byte aligned and yours until destroy; NULL: own mapping */
  uint64_t memory_bytes; /* the budget; required */
  int32_t first_cpu;     /* 1 + n pins worker i to processor n + i; 0 leaves threads unpinned */
  uint32_t flags;        /* must be 0 */
  uint64_t reserved[4];
} lintel_engine_options;
#define LINTEL_ENGINE_OPTIONS_INIT \
  { (uint32_t)sizeof(lintel_engine_options), 0, NULL, 0, 0, 0, { 0, 0, 0, 0 } }

/* How a file's weights come into memory. Where the kernel and the file system have pages of 2 MiB for
 * files (ext4 since Linux 6.16), prefault and locked get them, and decoding is up to an eighth faster
 * than in small ones. A file that was just written lies in small pages until it is read anew: after a
 * restart, or, while nobody has it mapped, after `sync FILE; dd if=FILE iflag=nocache count=0`. */
#define LINTEL_LOAD_LAZY 0     /* pages come in as they are touched, small ones as a rule */
#define LINTEL_LOAD_PREFAULT 1 /* every page is read before open returns */
#define LINTEL_LOAD_LOCKED 2   /* prefaulted and held with mlock */

/* Weights are expanded to 32-bit floats instead of rounding activations to 8 bits: slower, and as
 * exact as the reference implementations. For verification. */
#define LINTEL_MODEL_FLOAT_ACTIVATIONS 1u

/* Only the vocabulary: tokenize and token_bytes work, sessions answer LINTEL_ERR_STATE. Files that
 * hold nothing but a vocabulary open this way. */
#define LINTEL_MODEL_VOCABULARY_ONLY 2u

typedef struct lintel_model_options {
  uint32_t struct_size;
  uint32_t load;         /* LINTEL_LOAD_... */
  uint32_t chunk_tokens; /* most prompt tokens in one pass; default 128, at most 1024. Sizes the
                            scratch memory and bounds the time of a step */
  uint32_t flags;        /* LINTEL_MODEL_... */
  lintel_progress_fn progress; /* for prefault and locked */
  void *progress_user;
  uint64_t adapter_slot_bytes; /* of each slot; lintel_adapter_inspect says what an adapter takes */
  uint32_t adapter_slots;      /* places for adapters; default 0, at most 64 */
  uint32_t adapter_rank;       /* the greatest sum of the ranks of a session's adapters; default 64,
                                  at most 256. Sizes scratch memory */
  uint64_t grammar_bytes;      /* memory for grammars; default 0, none. Holds a tree of all tokens
                                  (about 40 bytes per token while it is built), then grammars */
  uint64_t reserved[1];
} lintel_model_options;
#define LINTEL_MODEL_OPTIONS_INIT \
  { (uint32_t)sizeof(lintel_model_options), 0, 0, 0, NULL, NULL, 0, 0, 0, 0, { 0 } }

#define LINTEL_CACHE_AUTO 0 /* 8 bits beside quantised weights, else 32-bit floats */
#define LINTEL_CACHE_F32 1
#define LINTEL_CACHE_Q8 2 /* floats all the same where a row is no multiple of 32 elements */

typedef struct lintel_session_options {
  uint32_t struct_size;
  uint32_t context_tokens; /* most tokens of the conversation; default 2048, or less if the model
                              was trained for less. Sizes the attention cache */
  uint32_t cache;          /* LINTEL_CACHE_... */
  uint32_t priority;       /* 0 to 7; lintel_step_many serves higher ones first */
  uint32_t draft_tokens;   /* most guesses a pass (see Drafting); default 0, at most 16 */
  uint32_t rewind_tokens;  /* how many read tokens lintel_session_rewind_tokens can take back
                              whenever it is called, 0 to 64. Each costs about 1 % of a token's time */
  uint32_t marks;          /* places for lintel_session_mark; default 0, at most 64. Each takes a copy
                              of the recurrent state and of the logits, and 4 bytes per token of the
                              context */
  uint32_t reserved0;
  uint64_t reserved[2];
} lintel_session_options;
#define LINTEL_SESSION_OPTIONS_INIT \
  { (uint32_t)sizeof(lintel_session_options), 0, 0, 0, 0, 0, 0, 0, { 0, 0 } }

typedef struct lintel_logit_bias {
  int32_t token;
  float bias; /* added to the logit; -INFINITY forbids the token */
} lintel_logit_bias;

/* How to continue the text. All-zero is greedy decoding until the model ends its turn. */
typedef struct lintel_generate_options {
  uint32_t struct_size;
  uint32_t max_tokens;      /* default: until the context is full */
  float temperature;        /* 0: greedy */
  uint32_t top_k;           /* keep the k most likely; 0: all */
  float top_p;              /* keep the likeliest tokens up to this mass; 0 or 1: all */
  float min_p;              /* drop tokens below this fraction of the likeliest one; 0: none */
  float repetition_penalty; /* divides the logits of recent tokens; 0 or 1: none */
  float frequency_penalty;  /* subtracted per recent occurrence */
  float presence_penalty;   /* subtracted once if it occurred recently */
  uint32_t penalty_tokens;  /* how many recent tokens count; default 64, at most 1024 */
  uint64_t seed;            /* same seed, same text, on every platform */
  const lintel_logit_bias *logit_bias; /* read during the call that starts the generation */
  uint32_t logit_bias_count;           /* at most 64 */
  uint32_t stop_count;                 /* at most 8 */
  const char *const *stops; /* NUL-terminated stop strings, each at most 128 bytes, not emitted */
  const int32_t *stop_tokens; /* further ids that end the generation, beside the model's own */
  uint32_t stop_token_count;  /* at most 16 */
  uint32_t flags;             /* LINTEL_GENERATE_... */
  uint32_t draft_tokens;      /* most guesses a pass; default and limit: the session's */
  uint32_t draft;             /* LINTEL_DRAFT_...; default: all sources, gated */
  const lintel_grammar *grammar; /* what the answer must fit; NULL: anything */
  uint64_t reserved[2];
} lintel_generate_options;
#define LINTEL_GENERATE_OPTIONS_INIT \
  { (uint32_t)sizeof(lintel_generate_options), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, 0, 0, NULL, \
    NULL, 0, 0, 0, 0, NULL, { 0, 0 } }

/* Do not end at the model's end-of-turn tokens. */
#define LINTEL_GENERATE_IGNORE_END 1u
/* Open the answer with the model family's thinking block, where it has one. */
#define LINTEL_GENERATE_THINK 2u
/* Continue the text as it is: no end of the user's turn, no opening of the answer. */
#define LINTEL_GENERATE_RAW 4u

/* ---- Drafting ----
 *
 * A pass can read several tokens for little more than the price of one. A session with draft_tokens
 * guesses what comes next, runs the guesses behind the next token in the same pass, and keeps those
 * that turn out right. Every token is still drawn from the logits behind the token before it, with the
 * random number of its place: greedy or with a seed, the text is what it would be without drafting, to
 * the bit, and so is the session afterwards. Only the time differs.
 *
 * What is wrong is taken back without copies of the state: the session keeps, beside a state that may
 * stay behind, a record of each of the last tokens. Each of the draft_tokens and rewind_tokens takes
 * one record (part of lintel_memory.state_bytes), each of draft_tokens a row of logits as well
 * (session_bytes). Without both there is nothing of all this.
 *
 * A gate measures what passes cost and how often guesses are right, and guesses only where that pays.
 *
 * STOP STRINGS. In a session with draft_tokens or rewind_tokens the text after a stop string is no
 * part of the conversation: the session ends before the first token that has no text before the stop
 * string, as if the tokens from there on had never been sampled. A token with text on both sides of
 * that border stays whole. If more than draft_tokens + rewind_tokens + 1 read tokens would have to go,
 * all stay. In other sessions they always stay. */

/* Sources of guesses. With none of their bits set, all are used. */
#define LINTEL_DRAFT_LOOKUP 1u /* what followed the same tokens before, in all text of the session
                                  since its creation: lintel_session_reset keeps this memory */
#define LINTEL_DRAFT_MODEL 2u  /* the session's draft session: lintel_session_set_draft */
#define LINTEL_DRAFT_PREDICTOR 4u /* the multi-token-prediction block of a Qwen3.5 file that has one.
                                     Its cache is part of cache_bytes. Text that was restored or was
                                     read by lintel_step_many silences it until the next reset */
#define LINTEL_DRAFT_OFF 0x40000000u     /* no guesses */
#define LINTEL_DRAFT_UNGATED 0x80000000u /* guess whether it pays or not */

/* ---- The plan ---- */

typedef struct lintel_memory {
  uint32_t struct_size;
  uint32_t reserved0;
  uint64_t engine_bytes;   /* bookkeeping, worker threads and their stacks */
  uint64_t model_bytes;    /* tensor directory, layers, vocabulary index */
  uint64_t scratch_bytes;  /* activations of the largest chunk */
  uint64_t state_bytes;    /* sessions: recurrent states and convolution histories */
  uint64_t cache_bytes;    /* sessions: attention caches */
  uint64_t session_bytes;  /* sessions: everything else (tokens, logits, sampler, text, marks) */
  uint64_t total_bytes;    /* all of these, adapter_bytes and grammar_bytes: the smallest budget that
                              works */
  uint64_t budget_bytes;   /* the engine's block; 0 in a plan */
  uint64_t weights_bytes;  /* the read-only mapping; not part of the total */
  uint64_t adapter_bytes;  /* adapter slots and what computing with them needs; part of the total */
  uint64_t deployment_bytes; /* names, prompts and tools of a deployment; part of its total */
  uint64_t transient_bytes;  /* the most that reading a deployment's files takes outside the block and
                                gives back before its engine is created: libcjson's heap, buffers */
  uint64_t grammar_bytes;    /* memory for grammars; part of the total */
} lintel_memory;
#define LINTEL_MEMORY_INIT \
  { (uint32_t)sizeof(lintel_memory), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/* The exact number of bytes that one model with `session_count` equal sessions will take, before
 * anything is reserved. NULL options are defaults. engine_options' memory fields are ignored.
 *
 * Maps the file, and some hundred kilobytes for its tensor directory, and unmaps both before it
 * returns. Any thread. Errors: those of lintel_model_open; the file is checked as there, its
 * vocabulary excepted. */
lintel_status lintel_plan(const char *path, const lintel_engine_options *engine_options,
                          const lintel_model_options *model_options,
                          const lintel_session_options *session_options, uint32_t session_count,
                          lintel_memory *out_memory, lintel_error *error);

/* ---- Engine ---- */

/* CONSTRUCTOR. Takes the block, starts threads - 1 workers on stacks inside it.
 *   options     required: memory_bytes has no default
 *   out_engine  NULL on failure
 * Errors: ARGUMENT, STRUCT_SIZE, RESERVED; BUDGET if the block cannot hold the engine itself;
 * SYSTEM if memory or threads cannot be had. */
lintel_status lintel_engine_create(const lintel_engine_options *options,
                                   lintel_engine **out_engine, lintel_error *error);

/* DESTRUCTOR. Destroys its sessions, closes its models, joins its threads. NULL is ignored; BUSY if
 * a session is in a call or a callback. The host's block can be reused when it returns LINTEL_OK. */
lintel_status lintel_engine_destroy(lintel_engine *engine);

/* What is in use now, by category; equal to the plan of what is open. Any thread that owns the
 * engine. */
lintel_status lintel_engine_memory(const lintel_engine *engine, lintel_memory *out_memory);

/* ---- Model ---- */

/* CONSTRUCTOR. Maps the GGUF file at `path`, checks all of it that will be used, and builds the
 * vocabulary index. Weights are not read (unless the load policy says so) and never copied.
 * Errors: FILE, FORMAT, TRUNCATED, UNSUPPORTED, MISSING, SHAPE, DUPLICATE, LIMIT name the key, tensor
 * or byte offset; BUDGET says how many bytes are needed and free; GRAMMAR_SIZE the same of
 * grammar_bytes; LOCK; CANCELLED from progress. */
lintel_status lintel_model_open(lintel_engine *engine, const char *path,
                                const lintel_model_options *options, lintel_model **out_model,
                                lintel_error *error);

/* The same, from bytes that the host keeps readable and unchanged until lintel_model_close: for hosts
 * that cannot accept SIGBUS when a file's storage fails. `bytes` must be 64-byte aligned. */
lintel_status lintel_model_open_bytes(lintel_engine *engine, const void *bytes,
                                      uint64_t byte_count, const lintel_model_options *options,
                                      lintel_model **out_model, lintel_error *error);

/* DESTRUCTOR. BUSY while the model has sessions. NULL is ignored. */
lintel_status lintel_model_close(lintel_model *model);

typedef struct lintel_model_info {
  uint32_t struct_size;
  uint32_t vocabulary_count;
  uint32_t context_tokens;   /* what the model was trained for */
  uint32_t layer_count;
  uint32_t embedding_width;
  uint32_t delta_layers;     /* layers with a constant state */
  uint32_t attention_layers; /* layers with a cache */
  uint32_t expert_count;
  uint64_t parameter_count;
  uint64_t file_bytes;
  uint64_t state_bytes;           /* of one session, whatever its context */
  uint64_t cache_bytes_per_token; /* of one session */
  const char *architecture; /* static string */
  char name[128];           /* general.name, cut to fit, NUL-terminated */
  uint32_t chat;            /* 1 if the model has a chat format that is known here */
  uint32_t reserved0;
  uint64_t reserved[4];
} lintel_model_info;

/* Facts about an open model. `out_info`->struct_size must be set. Any thread. */
lintel_status lintel_model_get_info(const lintel_model *model, lintel_model_info *out_info);

#define LINTEL_PARSE_SPECIAL 1u /* the text may contain control tokens by name */

/* Text to token ids. Writes up to `capacity` ids and always the full count; CAPACITY if they do not
 * fit (out_ids may be NULL with capacity 0 to ask). No chat format, nothing added.
 * Errors: UTF8 with the byte offset; CAPACITY also for a single word beyond the engine's limit.
 * Uses the model's scratch: takes turns with sessions of the same engine. */
lintel_status lintel_model_tokenize(lintel_model *model, const char *text, size_t text_bytes,
                                    uint32_t flags, int32_t *out_ids, size_t capacity,
                                    size_t *out_count, lintel_error *error);

/* The bytes of one token: text for ordinary tokens, the name for control tokens. Not necessarily
 * whole characters. Writes up to `capacity` bytes and always the full count. Any thread. */
lintel_status lintel_model_token_bytes(const lintel_model *model, int32_t token, char *out_bytes,
                                       size_t capacity, size_t *out_count);

/* ---- Adapters ----
 *
 * A LoRA adapter is a GGUF file that changes some linear maps of its base model:
 *
 *     W x  becomes  W x + scale * alpha / rank * B (A x)      (scale * B (A x) where alpha is 0)
 *
 * Every linear map of every supported architecture can be changed, experts and router included, the
 * token embedding excepted. A model has lintel_model_options.adapter_slots places for adapters; each
 * session names those that it computes with. Sessions with different adapters can be stepped
 * together.
 *
 * In a slot an adapter is kept in the half-precision format of its file; otherwise in F16, or in F32
 * with LINTEL_MODEL_FLOAT_ACTIVATIONS. Loading reads and checks the whole file, copies, and keeps
 * nothing of it. It does not hold up the model's sessions. It belongs to the one thread at a time that
 * opens and closes models and sessions. */

typedef struct lintel_adapter_info {
  uint32_t struct_size;
  uint32_t rank;              /* the greatest of its tensors */
  uint32_t map_count;         /* linear maps that it changes */
  uint32_t session_count;     /* sessions that use the slot; 0 from lintel_adapter_inspect */
  uint64_t slot_bytes;        /* what it takes in a slot */
  uint64_t float_slot_bytes;  /* the same with LINTEL_MODEL_FLOAT_ACTIVATIONS; 0 for a slot */
  uint64_t content_hash;      /* of the file (XXH64): what snapshots know an adapter by */
  float alpha;                /* of the file; 0 if it has none */
  uint32_t is_loaded;         /* 0: the slot is empty, and all other fields are 0 */
  char name[128];             /* of the slot, or general.name of the file; NUL-terminated */
  char architecture[32];      /* of the base model */
  uint64_t reserved[4];
} lintel_adapter_info;

/* What the adapter file at `path` is, without its base model. Whether it fits a model, only
 * lintel_adapter_load finds out; slot_bytes is exact unless the file changes attn_kv_b.
 * Maps the file and some kilobytes for its directory, and unmaps both. Any thread.
 * Errors: those of lintel_adapter_load that need no model. */
lintel_status lintel_adapter_inspect(const char *path, lintel_adapter_info *out_info,
                                     lintel_error *error);

/* Loads the adapter at `path` into slot `slot`, in place of what it holds. `name` is the slot's, at
 * most 127 bytes, for lintel_adapter_find; NULL takes the file's general.name.
 * Errors name the key or tensor, and leave the slot as it was: BUSY while a session uses the slot;
 * ARGUMENT if there is no such slot; BUDGET with the bytes needed and those of a slot; LIMIT if a rank
 * exceeds adapter_rank; UNSUPPORTED for another architecture, a tensor that belongs to no linear map
 * of the model, DoRA, invocation tokens; SHAPE, MISSING (one half of a pair), DUPLICATE; FILE, FORMAT,
 * TRUNCATED. */
lintel_status lintel_adapter_load(lintel_model *model, uint32_t slot, const char *path,
                                  const char *name, lintel_error *error);

/* The same from bytes, which are the host's again when it returns. */
lintel_status lintel_adapter_load_bytes(lintel_model *model, uint32_t slot, const void *bytes,
                                        uint64_t byte_count, const char *name,
                                        lintel_error *error);

/* Empties a slot; an empty one stays empty. BUSY while a session uses it. */
lintel_status lintel_adapter_unload(lintel_model *model, uint32_t slot, lintel_error *error);

/* What a slot holds. `out_info`->struct_size must be set. */
lintel_status lintel_adapter_get_info(const lintel_model *model, uint32_t slot,
                                      lintel_adapter_info *out_info);

/* The first slot called `name`; MISSING if there is none. */
lintel_status lintel_adapter_find(const lintel_model *model, const char *name,
                                  uint32_t *out_slot, lintel_error *error);

/* One of a session's adapters. */
typedef struct lintel_adapter_use {
  uint32_t slot;
  float scale; /* 1 applies it as it was trained, 0 not at all */
} lintel_adapter_use;

/* ---- Grammars ----
 *
 * A grammar says what an answer may be: lintel_generate_options.grammar. It is compiled once, into a
 * deterministic automaton over bytes in the model's grammar memory, and then serves any number of
 * sessions. Before each token is chosen, tokens that do not fit get the logit -INFINITY (after
 * penalties and logit_bias, before everything else); the tokens that end a turn are allowed exactly
 * where the text is complete. So the text always fits as far as it goes, and is complete if it ended
 * with LINTEL_FINISH_END; max_tokens, stops, callbacks and a full context may end it earlier.
 * Where the grammar leaves no choice about the text it is taken as the tokenizer writes it, without
 * computing logits, and is read in one pass with its neighbours; its events have the log_probability 0,
 * and what comes before the first choice has them before the prompt is read. Tokens that the text
 * behind them might become part of, that have a logit_bias or end a turn are chosen as everywhere, and
 * then log_probability is that of the model's raw distribution, as always. With or without drafting the
 * tokens are the same.
 *
 * Whether a grammar can be followed is known when it is compiled, not while text is generated: there
 * is always a token that goes on, unless logit_bias forbids it. The mask of a step takes a bounded
 * time; states where it would take long have it precomputed, in grammar_bytes.
 *
 * JSON SCHEMA (LINTEL_GRAMMAR_JSON_SCHEMA). Everything that the grammar accepts satisfies the schema.
 *   type (or a list), enum, const, anyOf, oneOf (if no value can satisfy two of its schemas; that is
 *   checked), allOf of one schema, $ref within the document, $defs, definitions,
 *   properties, required, additionalProperties, items, prefixItems, minItems, maxItems,
 *   minLength, maxLength, pattern (regular expressions without look-around and back-references; not
 *   together with a length), minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf
 * title, description, default, examples, $schema, $id, $comment, deprecated, readOnly and writeOnly
 * are passed over. Every other keyword is refused by name, format included.
 * Not everything that satisfies the schema is accepted:
 *   - Properties come in the order in which the schema has them, then additional ones. Where
 *     `properties` is given and additionalProperties is not, there are no additional ones. Their names
 *     have no escapes.
 *   - Numbers have no exponent, at most 6 digits behind the point (more if a bound or step has more),
 *     and at most 15 before it where nothing bounds them.
 *   - enum and const are spelled in one way, a pattern's characters too. Free strings may use escapes.
 *   - Between tokens there is nothing, or one blank behind a colon and a comma (see flags).
 *   - Values that the schema leaves open nest `depth` levels, as do $refs within themselves.
 *
 * TOOLS (LINTEL_GRAMMAR_TOOLS). An array of functions in the form of OpenAI's API ({"type": "function",
 * "function": {"name", "description", "parameters"}}, or the inner object alone), or an object with it
 * as "tools". The answer is one call: {"name": NAME, "arguments": what parameters ask for}.
 *
 * GBNF (LINTEL_GRAMMAR_GBNF). llama.cpp's grammars: rules from `root` on, literals, classes, groups,
 * alternatives, * + ? {m,n}. A rule nests in itself `depth` times at most; a rule that can begin with
 * itself is refused.
 *
 * Grammars are compiled and destroyed by the one thread at a time that opens and closes models and
 * sessions. A model takes its grammars along when it is closed. */

#define LINTEL_GRAMMAR_JSON_SCHEMA 1
#define LINTEL_GRAMMAR_TOOLS 2
#define LINTEL_GRAMMAR_GBNF 3

/* No blanks at all; without a flag there may be one behind each colon and comma. */
#define LINTEL_GRAMMAR_COMPACT 1u
/* Exactly one blank behind each colon and comma: {"name": "x", "arguments": {"a": 1}} */
#define LINTEL_GRAMMAR_SPACED 2u

typedef struct lintel_grammar_options {
  uint32_t struct_size;
  uint32_t kind;       /* LINTEL_GRAMMAR_..., required */
  const char *text;    /* the schema, tools file or grammar, at most 1 MiB; read during the call */
  uint64_t text_bytes;
  uint32_t states_max; /* most states before minimisation; default 65536, at most 1048576 */
  uint32_t depth;      /* how deep what is open or recursive nests; default 3, at most 16 */
  uint32_t flags;      /* LINTEL_GRAMMAR_COMPACT or _SPACED */
  uint32_t reserved0;
  uint64_t reserved[4];
} lintel_grammar_options;
#define LINTEL_GRAMMAR_OPTIONS_INIT \
  { (uint32_t)sizeof(lintel_grammar_options), 0, NULL, 0, 0, 0, 0, 0, { 0, 0, 0, 0 } }

/* CONSTRUCTOR. Compiles a grammar for `model`, which must have been opened with grammar_bytes. Uses
 * what is free of these as scratch, and no other memory.
 *   out_grammar  NULL on failure; nothing is left behind then
 * Errors: SCHEMA, KEYWORD and UNSATISFIABLE say where (a JSON pointer, or the line of a GBNF text);
 * GRAMMAR_SIZE names the limit; MISSING if the vocabulary has no token for a byte that is wanted;
 * STATE without grammar_bytes; LIMIT beyond 64 grammars. */
lintel_status lintel_grammar_compile(lintel_model *model, const lintel_grammar_options *options,
                                     lintel_grammar **out_grammar, lintel_error *error);

/* DESTRUCTOR. BUSY while an unfinished generation uses the grammar. NULL is ignored. */
lintel_status lintel_grammar_destroy(lintel_grammar *grammar);

typedef struct lintel_grammar_info {
  uint32_t struct_size;
  uint32_t state_count;
  uint32_t edge_count;
  uint32_t mask_count;      /* precomputed token masks */
  uint64_t bytes;           /* of grammar_bytes, taken by this grammar */
  uint64_t compile_ns;
  uint64_t reserved[4];
} lintel_grammar_info;

/* Facts about a grammar. `out_info`->struct_size must be set. Any thread. */
lintel_status lintel_grammar_get_info(const lintel_grammar *grammar,
                                      lintel_grammar_info *out_info);

/* ---- Session ---- */

/* CONSTRUCTOR. Carves the state, the cache for context_tokens, sampler and buffers.
 * Errors: BUDGET with the bytes needed and free; LIMIT if the context exceeds what is possible. */
lintel_status lintel_session_create(lintel_model *model, const lintel_session_options *options,
                                    lintel_session **out_session, lintel_error *error);

/* DESTRUCTOR. BUSY from inside its own callback or while another thread is in it. NULL is ignored. */
lintel_status lintel_session_destroy(lintel_session *session);

/* Back to the state before any text; clears poison, cancellation, marks and any unfinished
 * generation. */
lintel_status lintel_session_reset(lintel_session *session, lintel_error *error);

/* Lets `draft`, a session of a smaller model with the same vocabulary on the same engine, guess for
 * `session`; NULL ends that. The draft session must have been created with rewind_tokens of at least
 * the other's draft_tokens; its memory is its own, planned like any session's. While it is lent all
 * calls on it answer BUSY; it is given back when `session` gets another one, or none, or is destroyed.
 * It reads what `session` reads, in steps of its own, and some guesses; reset it afterwards.
 * lintel_step_many does not ask it.
 * Errors leave both as they were: ARGUMENT (no draft_tokens, too few rewind_tokens, another engine, the
 * same session, one that has a draft session itself), UNSUPPORTED (another vocabulary), STATE (an
 * unfinished generation), BUSY (in use or lent). The vocabularies are compared token by token. */
lintel_status lintel_session_set_draft(lintel_session *session, lintel_session *draft,
                                       lintel_error *error);

/* Takes back the last `count` tokens, read or not, as if they had never been fed or sampled. Tokens are
 * taken back as they are, those of the chat format included: inside a message the message is open
 * again. A generation can continue what is left if no more than rewind_tokens were taken back;
 * otherwise it may answer STATE until something is fed.
 * Errors leave the session as it was: LIMIT if that is not possible, with the number that is in
 * `available`: the unread tokens, and of those that have been read since the last call the last
 * rewind_tokens or more; STATE while a generation or pass is unfinished. */
lintel_status lintel_session_rewind_tokens(lintel_session *session, uint32_t count,
                                           lintel_error *error);

/* Gives the session the `count` adapters of `uses` (at most 8) instead of those it has, for all text
 * that it reads from now on; 0 means none. What it has read stays as it was read. They are kept by
 * lintel_session_reset. Takes microseconds.
 * Errors leave the session as it was: ARGUMENT (no such slot, one named twice, a scale that is not
 * finite), STATE (an empty slot; an unfinished generation or pass), BUSY (a slot being loaded), LIMIT
 * if the ranks add up to more than adapter_rank. */
lintel_status lintel_session_set_adapters(lintel_session *session, const lintel_adapter_use *uses,
                                          uint32_t count, lintel_error *error);

/* The session's adapters. Writes up to `capacity` of them and always the full count. */
lintel_status lintel_session_get_adapters(const lintel_session *session,
                                          lintel_adapter_use *out_uses, uint32_t capacity,
                                          uint32_t *out_count);

/* Adds text to what the model has read or will read. These only queue token ids; the next step or
 * generate runs them. Errors leave the session as it was: CONTEXT_FULL with the tokens needed and
 * free, TOKEN, UTF8, CAPACITY. While a generation is unfinished: STATE. */
lintel_status lintel_session_feed_tokens(lintel_session *session, const int32_t *ids,
                                         size_t count, lintel_error *error);
lintel_status lintel_session_feed_text(lintel_session *session, const char *text,
                                       size_t text_bytes, uint32_t flags, lintel_error *error);

#define LINTEL_ROLE_SYSTEM 0
#define LINTEL_ROLE_USER 1
#define LINTEL_ROLE_ASSISTANT 2
#define LINTEL_ROLE_TOOL 3

/* One message in the model family's chat format. Control tokens inside the text are plain text.
 * UNSUPPORTED if the model has no chat format. */
lintel_status lintel_session_feed_message(lintel_session *session, int32_t role,
                                          const char *text, size_t text_bytes,
                                          lintel_error *error);

/* What a callback answers. */
#define LINTEL_CONTINUE 0
#define LINTEL_PAUSE 1 /* return LINTEL_PAUSED after this token; stepping resumes */
#define LINTEL_STOP 2  /* end the generation; finish reason LINTEL_FINISH_CALLBACK */

#define LINTEL_EVENT_TOKEN 0 /* one token was sampled; text may be empty while bytes are held back */
#define LINTEL_EVENT_END 1   /* the last event; text is what was held back */

#define LINTEL_FINISH_NONE 0
#define LINTEL_FINISH_END 1      /* the model ended its turn */
#define LINTEL_FINISH_LENGTH 2   /* max_tokens */
#define LINTEL_FINISH_STOP 3     /* a stop string */
#define LINTEL_FINISH_CONTEXT 4  /* the context is full */
#define LINTEL_FINISH_CALLBACK 5 /* the callback said stop */
#define LINTEL_FINISH_CANCEL 6   /* lintel_session_cancel */
#define LINTEL_FINISH_ERROR 7

typedef struct lintel_event {
  uint32_t struct_size;
  uint32_t kind;         /* LINTEL_EVENT_... */
  const char *text;      /* whole UTF-8 characters; valid during the call; not NUL-terminated */
  size_t text_bytes;
  int32_t token;         /* -1 in LINTEL_EVENT_END */
  uint32_t index;        /* 0 for the first token of the generation */
  float log_probability; /* of the token, under the model's raw distribution; natural logarithm.
                            0 for a token of text that a grammar left no alternative to */
  uint32_t finish;       /* LINTEL_FINISH_..., in LINTEL_EVENT_END */
  uint64_t elapsed_ns;   /* since the generation began */
} lintel_event;

/* Called on the thread that steps. Exactly one END event per generation, and none after it. It must
 * not call back into its own session, cancel excepted: such a call answers LINTEL_ERR_REENTRY. */
typedef int32_t (*lintel_event_fn)(void *user, const lintel_event *event);

/* Figures of a generation. */
typedef struct lintel_result {
  uint32_t struct_size;
  uint32_t finish;             /* LINTEL_FINISH_... */
  uint64_t prompt_tokens;      /* run by this generation */
  uint64_t generated_tokens;
  uint64_t prompt_ns;          /* time in prompt passes */
  uint64_t generate_ns;        /* time in decode passes, sampling and callbacks included */
  uint64_t first_token_ns;     /* from the start to the first token's event */
  uint64_t longest_step_ns;    /* the longest single unit of work */
  uint64_t passes;             /* decode passes: generated_tokens - 1 without drafting and grammar */
  uint64_t drafted_tokens;     /* guesses that were run, without what a grammar forced behind them */
  uint64_t accepted_tokens;    /* guesses that were right: passes that were saved */
  uint64_t reserved[1];
} lintel_result;
#define LINTEL_RESULT_INIT \
  { (uint32_t)sizeof(lintel_result), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, { 0 } }

/* Starts a generation over the text fed so far: unless told otherwise, opens the answer in the chat
 * format if the last thing fed was a message. Nothing is computed yet; lintel_session_step does.
 * `on_event` may be NULL. The session keeps copies of all options.
 * Errors: STATE if a generation is unfinished, or there is nothing to continue from (no text, or its
 * reading was cancelled half-way); ARGUMENT names the field; HANDLE if the grammar is none. */
lintel_status lintel_session_begin(lintel_session *session,
                                   const lintel_generate_options *options,
                                   lintel_event_fn on_event, void *user, lintel_error *error);

/* Works for `slice_us` microseconds and returns: MORE, DONE, CANCELLED, PAUSED or an error. Begins no
 * unit of work once they are over, at least one; 0 does exactly one. A unit is one layer of one chunk,
 * the output layer, or the sampling of one token with its callback: a call overruns its slice by less
 * than one, and lintel_result.longest_step_ns is the longest so far. lintel_model_options.chunk_tokens
 * shortens the units of prompts. Without a generation it reads the text fed so far and answers DONE
 * when there is none left. `out_result` may be NULL; it is filled whenever a generation is or was
 * under way. */
lintel_status lintel_session_step(lintel_session *session, uint64_t slice_us,
                                  lintel_result *out_result, lintel_error *error);

/* begin, then step until DONE, CANCELLED, PAUSED or an error. After PAUSED, call it again with NULL
 * options and callback to resume the same generation. */
lintel_status lintel_session_generate(lintel_session *session,
                                      const lintel_generate_options *options,
                                      lintel_event_fn on_event, void *user,
                                      lintel_result *out_result, lintel_error *error);

#define LINTEL_STEP_MANY_MAX 8

/* Steps `count` different sessions of one model together (at most LINTEL_STEP_MANY_MAX): each weight
 * is read once for all of them, and each gets the text that it would have got alone, to the bit.
 * Sessions may be anywhere: reading a prompt, generating, idle.
 *
 * Works in rounds. In a round every generating session whose text is read samples its next token (and
 * its callback runs, in the order of `sessions`), then one pass reads what is pending: one token of
 * every session that generates, and what its grammar has forced behind it; then, while the model's
 * chunk_tokens allow, the prompts in order of priority, then of `sessions`. Beside a session of higher
 * priority a prompt gets at most 8 tokens a pass, so that it does not hold that session up. Begins
 * rounds until `slice_us` microseconds are over, at least one, and ends when a session pauses.
 *
 *   out_statuses  [count]: per session what lintel_session_step would answer: MORE, DONE, CANCELLED,
 *                 PAUSED, or an error that concerns this session alone, with its sentence (the first
 *                 one's, if several fail) in `error`
 * Returns MORE while a session has more to do, PAUSED if the others wait for paused ones, else DONE.
 * Errors: ARGUMENT (none, too many, twice the same, models that differ), HANDLE, BUSY, REENTRY,
 * POISONED; nothing was done then. Callbacks must not call into any of the sessions, cancel excepted. */
lintel_status lintel_step_many(lintel_session *const *sessions, size_t count, uint64_t slice_us,
                               lintel_status *out_statuses, lintel_error *error);

/* Ends the generation under way at the next unit of work, with an END event. Everything read so far
 * stays. Without a generation it stops the reading of fed text: what is not read yet is dropped, and
 * the next step answers CANCELLED. A chunk whose layers have begun is kept: later steps read it to its
 * end, as units like any other, before whatever comes next. A cancel that comes before
 * lintel_session_begin does not outlive it: it is for what is under way. Any thread, signal handlers,
 * and the session's own callback. The session must not be destroyed meanwhile. */
lintel_status lintel_session_cancel(lintel_session *session);

typedef struct lintel_position {
  uint32_t struct_size;
  uint32_t tokens;         /* read by the model */
  uint32_t pending_tokens; /* fed or generated, not read yet */
  uint32_t context_tokens; /* the session's capacity */
} lintel_position;

/* Where the session stands. `out_position`->struct_size must be set. */
lintel_status lintel_session_position(const lintel_session *session,
                                      lintel_position *out_position);

/* Receives the logits of one position: `vocabulary_count` floats, valid during the call. Returns
 * nonzero to go on. */
typedef int32_t (*lintel_logits_fn)(void *user, uint64_t position, const float *logits,
                                    uint32_t vocabulary_count);

/* Reads all pending text now and hands out the logits of its last `last` positions (0: all of them),
 * in order. For evaluation. STATE while a generation is unfinished; CANCELLED if the callback ends it,
 * and then what was not read is dropped. */
lintel_status lintel_session_logits(lintel_session *session, uint64_t last,
                                    lintel_logits_fn on_logits, void *user, lintel_error *error);

/* ---- Snapshots ----
 *
 * What a session has read can be kept: as bytes in memory or in a file, in another session, or at a
 * named mark of its own. What continues from there is the same, to the bit, as if it had gone on:
 *
 *   lintel_session_mark, _rewind    try something, and come back
 *   lintel_session_fork             read a system prompt and a list of tools once, in a session that
 *                                   is kept for it, and copy it into a session for each request
 *   lintel_session_save, _restore   outlive the process, move to another machine or processor
 *
 * All of them copy the whole conversation: tokens (those not read yet included), recurrent state,
 * attention cache, logits, whether a turn is open, and which adapters with which scales the session
 * has. Not the options of a generation, nor marks. They are taken between generations: STATE while one
 * is unfinished (cancel it, or step it to its end) or, where the state is copied from, while a pass
 * over a chunk is (step once more). lintel_session_rewind_tokens cannot take back what was read before
 * one of them. Nothing is allocated or mapped.
 *
 * A snapshot begins with its format version, the identity of its model, the hashes and scales of its
 * adapters and its sizes, and ends with a checksum of all of it. It is the same on every machine, and
 * may lie at any address. The identity of a model stands for its size, all of its metadata and tensor
 * directory, and samples of every tensor; it is worked out when a model's first snapshot is taken or
 * restored, without reading the weights whole. Checksum and identity find mistakes, not forgeries; bytes that
 * were forged get a refusal or a conversation of nonsense, and nothing worse.
 *
 * ADAPTERS. Restored and forked text goes on with the adapters that it was read with. The session that
 * it comes to has the same ones with the same scales; or it has none, and gets them, found by their
 * content hash in the slots of its model. Anything else is OTHER_ADAPTERS. */

/* Copies the conversation of `from` into `to`, another session of the same model, whose own is dropped.
 * `to` may have another context size. Takes what copying the bytes takes.
 * Errors leave both as they were: CONTEXT_FULL with the tokens of the conversation and of `to`;
 * OTHER_ADAPTERS; OTHER_MODEL if their caches are of different formats; ARGUMENT (the same session, or
 * of different models); STATE, BUSY, REENTRY, POISONED of either. */
lintel_status lintel_session_fork(const lintel_session *from, lintel_session *to,
                                  lintel_error *error);

/* The size of a snapshot taken now: that of the state, and of the text so far. Errors: STATE. */
lintel_status lintel_session_snapshot_bytes(const lintel_session *session, uint64_t *out_bytes);

/* Writes a snapshot of at most `capacity` bytes to `out`. `out_bytes` may be NULL; it gets the size,
 * also if that is beyond the capacity.
 * Errors leave the session as it was and `out` untouched: CAPACITY with the bytes needed; STATE. */
lintel_status lintel_session_save(const lintel_session *session, void *out, uint64_t capacity,
                                  uint64_t *out_bytes, lintel_error *error);

/* Makes the session what it was when the `byte_count` bytes were saved; its own conversation is
 * dropped. The bytes are the host's again when it returns, and must not change before.
 * Errors leave the session as it was: SNAPSHOT, VERSION, TRUNCATED, CHECKSUM for the bytes;
 * OTHER_MODEL (also if LINTEL_MODEL_FLOAT_ACTIVATIONS or the cache's format differ), OTHER_ADAPTERS,
 * CONTEXT_FULL with the tokens of the conversation and of the session; LIMIT as from
 * lintel_session_set_adapters; STATE. */
lintel_status lintel_session_restore(lintel_session *session, const void *bytes,
                                     uint64_t byte_count, lintel_error *error);

/* Saves to the file at `path`, which is replaced whole or not at all, whatever happens meanwhile, a
 * loss of power included: the bytes go to `path` with ".partial" behind it, are synced to the storage,
 * and get their name; then the directory is synced. What a process that was killed leaves under that
 * other name is taken over by the next save. The file is readable by its owner alone.
 * Errors leave the session and the file as they were, and nothing behind: FILE with errno (no space,
 * no permission, no such directory); BUSY if another save to the same path is under way; STATE. SYSTEM
 * says that the new file is there, but its directory could not be synced. */
lintel_status lintel_session_save_file(const lintel_session *session, const char *path,
                                       lintel_error *error);

/* Restores from the file at `path`. Reads it twice: for its checksum, then into the session. Errors:
 * those of lintel_session_restore, and FILE. If the file changes or cannot be read any more during
 * the second reading, the session is reset, and has the adapters of the snapshot. */
lintel_status lintel_session_restore_file(lintel_session *session, const char *path,
                                          lintel_error *error);

/* Notes this place of the conversation as `name` (1 to 63 bytes, NUL-terminated), instead of an older
 * mark of that name. Copies what has a fixed size; the attention cache stays where it is.
 * Errors leave the session as it was: LIMIT if all places of lintel_session_options.marks are taken,
 * ARGUMENT for the name, STATE. */
lintel_status lintel_session_mark(lintel_session *session, const char *name, lintel_error *error);

/* Back to the mark `name`, with the adapters that the session had there. The mark stays; those set
 * after more text had been read than at this one are forgotten. Marks are also forgotten when the
 * session is reset, restored or forked into.
 * Errors leave the session as it was: MISSING if there is no such mark; OTHER_ADAPTERS if an adapter
 * that it had there is in no slot any more; STATE. */
lintel_status lintel_session_rewind(lintel_session *session, const char *name, lintel_error *error);

/* ---- Deployment ----
 *
 * An engine with its models, their adapters, and its sessions, each by the name that one JSON file
 * gives it: several applications on one base model, in one block of memory.
 *
 *   { "engine": { "budget": "24 MiB", "threads": 2 },
 *     "models": {
 *       "base": { "path": "cabin.gguf",
 *                 "adapters": { "media": { "path": "adapters/media.gguf" } } } },
 *     "sessions": {
 *       "media": { "model": "base", "context_tokens": 512, "adapters": { "media": 1 },
 *                  "system": "You play music.", "sampling": { "max_tokens": 64 } } } }
 *
 * Examples/deployment.schema.json (JSON Schema 2020-12) names every key. Paths are relative to the
 * file. A key that is unknown or occurs twice, a value of the wrong type or out of range, a name of
 * nothing: each is refused with its line and path. A file of more than 1 MiB, 16 levels or 16,384
 * values is refused before anything is built from it.
 *
 * These functions are a member of the archive of their own: a program that calls one of them links
 * libcjson too (-lcjson); no other needs it. libcjson allocates while lintel_deployment_open and
 * _check read JSON, a bounded amount (transient_bytes), and all of it is freed before the engine is
 * created. cJSON_InitHooks is never called: it is process-wide, and yours. What cJSON_GetErrorPtr
 * answers is process-wide too, and changes.
 *
 * Engine, models and sessions are the deployment's: use them like others of their kind, create further
 * ones where the budget allows, and do not destroy or close those that it names. */

typedef struct lintel_deployment lintel_deployment;

typedef struct lintel_deployment_options {
  uint32_t struct_size;
  uint32_t flags;        /* must be 0 */
  void *memory;          /* the block, 64-byte aligned and yours until close; NULL: own mapping */
  uint64_t memory_bytes; /* of the block; without one, the most that the mapping may have, 0: what
                            the file says */
  lintel_progress_fn progress; /* while files are verified (sha256) and prefaulted */
  void *progress_user;
  uint64_t reserved[4];
} lintel_deployment_options;
#define LINTEL_DEPLOYMENT_OPTIONS_INIT \
  { (uint32_t)sizeof(lintel_deployment_options), 0, NULL, 0, NULL, NULL, { 0, 0, 0, 0 } }

/* CONSTRUCTOR. Reads the file at `path`, verifies what has a "sha256", plans, takes the block, and
 * opens everything; sessions have their adapters, and their system prompts are fed, not read yet.
 * The block gets "budget" bytes, or without one exactly the plan.
 *   options         NULL: all defaults
 *   out_deployment  NULL on failure
 * Errors begin with the line and the path of the value that they concern, and leave nothing behind:
 * FILE, TRUNCATED (empty), JSON, KEY, VALUE, MISSING, DUPLICATE, UTF8, LIMIT; HASH; BUDGET with the
 * bytes that the plan needs and that there are; those of lintel_plan, lintel_engine_create,
 * lintel_model_open, lintel_adapter_load, lintel_session_create and lintel_session_feed_message.
 * CANCELLED from progress. */
lintel_status lintel_deployment_open(const char *path, const lintel_deployment_options *options,
                                     lintel_deployment **out_deployment, lintel_error *error);

/* DESTRUCTOR. Destroys the engine with all that it has. NULL is ignored; BUSY if a session is in a call
 * or a callback. The host's block can be reused when it returns LINTEL_OK. */
lintel_status lintel_deployment_close(lintel_deployment *deployment);

/* What is wrong with a deployment, in one place. */
typedef struct lintel_problem {
  uint32_t struct_size;
  lintel_status status;
  uint32_t line;        /* of the file, from 1; 0 if it concerns the file as a whole */
  uint32_t reserved0;
  int64_t needed;       /* as in lintel_error */
  int64_t available;
  const char *path;     /* of the value, such as "sessions.media.model"; "" for the whole */
  const char *sentence; /* what is wrong and what to do. Both are valid during the call */
} lintel_problem;

typedef void (*lintel_problem_fn)(void *user, const lintel_problem *problem);

/* Reports every problem of the deployment at `path`, in the order in which they are found. What can be
 * read is planned; where the plan is known, everything is opened once in a mapping of that many bytes
 * and closed again, so that an adapter that does not fit or a prompt that is too long is found too.
 *   on_problem  may be NULL
 *   out_memory  the plan, transient_bytes included; all zero if problems leave it unknown. May be NULL
 * Returns LINTEL_OK if lintel_deployment_open will open it here, otherwise the first problem's status,
 * with its sentence in `error`. A text that is not JSON has no second problem. Any thread. */
lintel_status lintel_deployment_check(const char *path, lintel_problem_fn on_problem, void *user,
                                      lintel_memory *out_memory, lintel_error *error);

/* What is in use now; equal to the plan until the host opens or closes something itself. */
lintel_status lintel_deployment_memory(const lintel_deployment *deployment,
                                       lintel_memory *out_memory);

typedef struct lintel_deployment_info {
  uint32_t struct_size;
  uint32_t model_count;
  uint32_t adapter_count; /* of all models */
  uint32_t session_count;
  uint64_t reserved[4];
} lintel_deployment_info;

/* How much there is. `out_info`->struct_size must be set. This and the look-ups below: any thread. */
lintel_status lintel_deployment_get_info(const lintel_deployment *deployment,
                                         lintel_deployment_info *out_info);

lintel_status lintel_deployment_engine(const lintel_deployment *deployment,
                                       lintel_engine **out_engine);

/* By name; MISSING, with the name, if the file has none such. The out parameter is NULL on failure. */
lintel_status lintel_deployment_model(const lintel_deployment *deployment, const char *name,
                                      lintel_model **out_model, lintel_error *error);
lintel_status lintel_deployment_session(const lintel_deployment *deployment, const char *name,
                                        lintel_session **out_session, lintel_error *error);

/* An adapter's model, name and slot. lintel_adapter_find knows it by the same name. */
typedef struct lintel_deployment_adapter {
  uint32_t struct_size;
  uint32_t slot;
  lintel_model *model;
  const char *name;
} lintel_deployment_adapter;

/* By index, in the order of the file, with the name, which is valid until close. ARGUMENT if `index` is
 * not below the count; out parameters may be NULL, `out_adapter` and its struct_size excepted. */
lintel_status lintel_deployment_model_at(const lintel_deployment *deployment, uint32_t index,
                                         const char **out_name, lintel_model **out_model);
lintel_status lintel_deployment_session_at(const lintel_deployment *deployment, uint32_t index,
                                           const char **out_name, lintel_session **out_session);
lintel_status lintel_deployment_adapter_at(const lintel_deployment *deployment, uint32_t index,
                                           lintel_deployment_adapter *out_adapter);

/* A session's "sampling": what it is to be generated with. `out_options`->struct_size must be set; its
 * pointers are valid until close. Fields may be changed before use. */
lintel_status lintel_deployment_generate_options(const lintel_deployment *deployment,
                                                 const char *session_name,
                                                 lintel_generate_options *out_options,
                                                 lintel_error *error);

/* The bytes of a session's tools file: JSON, an array of functions. NULL and 0 where it has none.
 * Valid until close. */
lintel_status lintel_deployment_tools(const lintel_deployment *deployment, const char *session_name,
                                      const char **out_bytes, size_t *out_count,
                                      lintel_error *error);

/* Brings a session back to where lintel_deployment_open left it: reset, with the adapters and the
 * system prompt of the file. Belongs to the session's thread. Errors: MISSING, those of
 * lintel_session_reset; an unfinished generation is given up. */
lintel_status lintel_deployment_restart(const lintel_deployment *deployment,
                                        const char *session_name, lintel_error *error);

/* ---- Images ----
 *
 * An image model is a PolaFormer (pvt or swin) in a GGUF file of architecture `polaformer`. Pictures
 * go in as RGB of 8 bits a channel, whatever their size: they are resized (bicubically, smoothed where
 * they shrink, as PIL does) to the network's input and normalised inside the engine's memory. Classes
 * and features come out. It is a handle of its own, under the engine's budget, and holds all that a
 * pass needs: from open to close nothing is allocated, mapped or freed.
 *
 * An image model belongs to one thread at a time; a second one gets LINTEL_ERR_BUSY. It takes turns,
 * unit by unit, with the sessions of its engine. */

typedef struct lintel_image_options {
  uint32_t struct_size;
  uint32_t load;         /* LINTEL_LOAD_... */
  uint32_t input_width;  /* pixels of the largest input; default: the input_height if that is set, */
  uint32_t input_height; /* else what the file was trained for; and the other way round */
  uint32_t flags;        /* LINTEL_MODEL_FLOAT_ACTIVATIONS or 0 */
  uint32_t reserved0;
  lintel_progress_fn progress; /* for prefault and locked */
  void *progress_user;
  uint64_t reserved[4];
} lintel_image_options;
#define LINTEL_IMAGE_OPTIONS_INIT \
  { (uint32_t)sizeof(lintel_image_options), 0, 0, 0, 0, 0, NULL, NULL, { 0, 0, 0, 0 } }

/* The exact number of bytes that one image model will take with its engine, before anything is
 * reserved: scratch_bytes are activations, model_bytes the rest. Maps the file and unmaps it. The
 * file's header is checked as by lintel_image_open, its tensors are not. Any thread. */
lintel_status lintel_image_plan(const char *path, const lintel_engine_options *engine_options,
                                const lintel_image_options *options, lintel_memory *out_memory,
                                lintel_error *error);

/* CONSTRUCTOR. Maps the file at `path` and checks all of it that will be used.
 * Errors: those of lintel_model_open; INPUT_SIZE if the network cannot take the input. */
lintel_status lintel_image_open(lintel_engine *engine, const char *path,
                                const lintel_image_options *options,
                                lintel_image_model **out_model, lintel_error *error);

/* The same, from bytes that the host keeps readable and unchanged until lintel_image_close. `bytes`
 * must be 64-byte aligned. */
lintel_status lintel_image_open_bytes(lintel_engine *engine, const void *bytes,
                                      uint64_t byte_count, const lintel_image_options *options,
                                      lintel_image_model **out_model, lintel_error *error);

/* DESTRUCTOR. BUSY while another thread is in it. NULL is ignored. */
lintel_status lintel_image_close(lintel_image_model *model);

typedef struct lintel_image_info {
  uint32_t struct_size;
  uint32_t class_count;
  uint32_t feature_count;
  uint32_t input_width;   /* of the largest input */
  uint32_t input_height;
  uint32_t image_size;    /* the edge of the square input that it was trained for */
  uint32_t stage_count;
  uint32_t block_count;
  uint64_t parameter_count;
  uint64_t file_bytes;
  const char *variant;    /* "pvt" or "swin"; static string */
  char name[128];         /* general.name, cut to fit, NUL-terminated */
  char licence[64];       /* general.license, likewise */
  uint64_t reserved[4];
} lintel_image_info;

/* Facts about an open image model. `out_info`->struct_size must be set. Any thread. */
lintel_status lintel_image_get_info(const lintel_image_model *model, lintel_image_info *out_info);

/* The label of a class, in the file's own bytes: valid until the model is closed, not NUL-terminated.
 * ARGUMENT if there is no such class. Takes longer the higher the class. Any thread. */
lintel_status lintel_image_label(const lintel_image_model *model, uint32_t class_index,
                                 const char **out_label, size_t *out_label_bytes);

#define LINTEL_IMAGE_STRETCH 0 /* the whole picture, stretched to the input */
#define LINTEL_IMAGE_CROP 1    /* the middle 7/8 of both directions: how the authors evaluate */

typedef struct lintel_image_run_options {
  uint32_t struct_size;
  uint32_t fit;          /* LINTEL_IMAGE_STRETCH or _CROP */
  uint32_t input_width;  /* of this input, at most the model's; defaults as in lintel_image_options, */
  uint32_t input_height; /* or the model's largest */
  uint32_t top_count;    /* classes in the result; default 5, at most 16 */
  uint32_t reserved0;
  uint64_t reserved[2];
} lintel_image_run_options;
#define LINTEL_IMAGE_RUN_OPTIONS_INIT \
  { (uint32_t)sizeof(lintel_image_run_options), 0, 0, 0, 0, 0, { 0, 0 } }

typedef struct lintel_image_class {
  uint32_t index;
  float logit;
  float probability;  /* under the softmax of all logits */
  uint32_t reserved0;
  const char *label;  /* as from lintel_image_label */
  size_t label_bytes;
} lintel_image_class;

/* What came of a picture. The pointers are into the model's memory, valid until its next begin, run or
 * close. */
typedef struct lintel_image_result {
  uint32_t struct_size;
  uint32_t class_count;
  uint32_t feature_count;
  uint32_t top_count;        /* of `top`, at most class_count */
  const float *logits;       /* [class_count] */
  const float *features;     /* [feature_count] what the last layer sees */
  uint64_t elapsed_ns;       /* of all units of work */
  uint64_t longest_step_ns;  /* the longest unit */
  lintel_image_class top[16]; /* highest logit first; equal ones in order of class */
  uint64_t reserved[2];
} lintel_image_result;

/* Reads a picture and starts a pass over it: nothing but the resizing is computed yet, and the pixels
 * are the host's again when it returns. Gives up a pass under way.
 *   pixels        rows of width * 3 bytes, red first, each stride_bytes after the one before
 *   width, height 1 to 16384
 *   stride_bytes  at least 3 * width
 * Errors leave the model as it was: PICTURE, INPUT_SIZE, ARGUMENT. */
lintel_status lintel_image_begin(lintel_image_model *model, const void *pixels, uint32_t width,
                                 uint32_t height, uint64_t stride_bytes,
                                 const lintel_image_run_options *options, lintel_error *error);

/* Works for about `slice_us` microseconds and returns MORE, DONE or CANCELLED. The unit of work is the
 * patches of a stage or one block; 0 does exactly one. STATE without a pass under way. */
lintel_status lintel_image_step(lintel_image_model *model, uint64_t slice_us, lintel_error *error);

/* The result of the last pass. `out_result`->struct_size must be set. STATE before it is done. */
lintel_status lintel_image_get_result(lintel_image_model *model, lintel_image_result *out_result,
                                      lintel_error *error);

/* begin, step until DONE or CANCELLED, and the result, which may be NULL. */
lintel_status lintel_image_run(lintel_image_model *model, const void *pixels, uint32_t width,
                               uint32_t height, uint64_t stride_bytes,
                               const lintel_image_run_options *options,
                               lintel_image_result *out_result, lintel_error *error);

/* Gives up the pass under way at its next unit of work; without one it does nothing. Any thread and
 * signal handlers. The model must not be closed meanwhile. */
lintel_status lintel_image_cancel(lintel_image_model *model);

#ifdef __cplusplus
}
#endif

#endif
