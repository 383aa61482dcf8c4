/* Where an HTTP/1.1 message ends, for the faulty wire: enough of RFC 9112 to
 * tell the exchanges of a kept connection apart, and no more. It is given
 * bytes and says how many of them are of the message at hand. What it cannot
 * read (TLS, a head without end, nonsense) is opaque: it ends with the
 * connection. */
#ifndef EM_FRAME_H
#define EM_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum em_frame_state {
  EM_FRAME_HEAD,     /* before the empty line */
  EM_FRAME_LENGTH,   /* so many bytes are left */
  EM_FRAME_SIZE,     /* in the line with a chunk's size */
  EM_FRAME_CHUNK,    /* in a chunk and the line end after it */
  EM_FRAME_TRAILER,  /* after the last chunk */
  EM_FRAME_TILL_END, /* the connection's end is the message's */
  EM_FRAME_DONE,
};

enum { EM_FRAME_HEAD_MAX = 65536, EM_FRAME_PATH_SIZE = 512 };

struct em_frame {
  enum em_frame_state state;
  uint64_t left;  /* of the body or the chunk */
  uint64_t total; /* head and body; 0 while nobody can know */
  size_t column;  /* in a line of the chunked coding */
};

/* What the first line of a request says. */
struct em_request_line {
  char method[16];
  char path[EM_FRAME_PATH_SIZE]; /* without the query; "" when opaque */
};

/* The bytes up to and with the empty line; 0 when it has not come yet. */
size_t em_frame_head_size(const char *data, size_t size);

/* Can this be the beginning of a request? */
bool em_frame_is_http(const char *data, size_t size);

/* Takes a head of that size; the body comes next. */
void em_frame_begin_request(struct em_frame *frame, const char *head,
                            size_t size, struct em_request_line *line);

/* Returns false for an interim answer (100, 103): the answer is yet to come.
 * A HEAD is answered without a body. */
bool em_frame_begin_response(struct em_frame *frame, const char *head,
                             size_t size, bool to_head);

void em_frame_make_opaque(struct em_frame *frame);

/* How many of the bytes are of the message's body. */
size_t em_frame_take(struct em_frame *frame, const char *data, size_t size);

#endif
