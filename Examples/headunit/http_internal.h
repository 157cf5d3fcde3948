/* Shared by the files that make up the HTTP side. */
#ifndef LINTELD_HTTP_INTERNAL_H
#define LINTELD_HTTP_INTERNAL_H

#include <microhttpd.h>

#include "http.h"
#include "openai.h"

/* One connection, from accept to close. */
struct peer {
  int descriptor;
  bool is_unix;
  uint64_t deadline_ns; /* when a whole request must have come; 0 while one is answered */
  struct exchange *exchange;
  struct peer *next, *previous;
};

#define HTTP_HEARTBEAT_NS 15000000000u /* a stream says something at least this often */

enum exchange_kind { EXCHANGE_PLAIN, EXCHANGE_CHAT, EXCHANGE_FEED, EXCHANGE_EVENTS };

/* One request and its answer. */
struct exchange {
  struct peer *peer;
  struct MHD_Connection *connection;
  enum exchange_kind kind;
  const struct application *application; /* valid during one call of the handler */
  char application_name[33];
  bool may_act;
  struct text body;
  bool is_suspended;
  bool is_gone;      /* the peer hung up */
  bool is_answered;  /* a response is queued */
  bool is_streaming; /* and it is one that grows */
  bool is_ended;     /* all of the answer is in `out` */
  struct chat chat;
  struct text records;
  struct text out;
  size_t sent;        /* bytes of `out` */
  uint64_t moved_ns;  /* when the reader last took something */
  uint64_t next_event; /* of the vehicle */
  uint64_t beat_ns;   /* when the stream last said something */
  uint32_t code;      /* of the answer */
};

extern const struct config *http_config;
extern bool http_is_stopping;
extern struct http_hooks http_hooks;
extern struct peer *http_peers;

/* http_answers.c */
enum MHD_Result answer(struct exchange *exchange, uint32_t code, const char *type,
                       const char *bytes, size_t count, const char *header, const char *value);
enum MHD_Result answer_error(struct exchange *exchange, const struct api_error *error,
                             const char *header, const char *value);
void exchange_suspend(struct exchange *exchange);
void exchange_wake(struct exchange *exchange);
enum MHD_Result begin_event_stream(struct exchange *exchange);

/* http_chat.c */
enum MHD_Result chat_begin(struct exchange *exchange);
/* Called again after each wake. */
enum MHD_Result chat_continue(struct exchange *exchange);
/* Appends to exchange->out what there is to send now. */
void chat_pump(struct exchange *exchange);
void chat_end(struct exchange *exchange);

/* http_routes.c */
enum MHD_Result handle(void *unused, struct MHD_Connection *connection, const char *url,
                       const char *method, const char *version, const char *upload,
                       size_t *upload_bytes, void **state);
void completed(void *unused, struct MHD_Connection *connection, void **state,
               enum MHD_RequestTerminationCode code);

#endif
