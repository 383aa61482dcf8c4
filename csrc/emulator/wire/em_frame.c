#include "em_frame.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

size_t em_frame_head_size(const char *data, size_t size) {
  const char *end = data + size;
  for (const char *line = data;
       (line = memchr(line, '\n', (size_t)(end - line)));) {
    line++;
    if (line < end && *line == '\n')
      return (size_t)(line + 1 - data);
    if (end - line > 1 && line[0] == '\r' && line[1] == '\n')
      return (size_t)(line + 2 - data);
  }
  return 0;
}

bool em_frame_is_http(const char *data, size_t size) {
  for (size_t i = 0; i < size && data[i] != ' '; i++)
    if (!isupper((unsigned char)data[i]) || i > 14)
      return false;
  return true;
}

/* The value of a header, "\nName:", in a head that is terminated, or NULL. */
static const char *find_header(const char *head, const char *name) {
  const char *found = strcasestr(head, name);
  if (found)
    found += strlen(name);
  return found ? found + strspn(found, " \t") : NULL;
}

static bool is_chunked(const char *head) {
  const char *coding = find_header(head, "\nTransfer-Encoding:");
  size_t length = coding ? strcspn(coding, "\r\n") : 0;
  while (length && isblank((unsigned char)coding[length - 1]))
    length--;
  return length >= 7 && !strncasecmp(coding + length - 7, "chunked", 7);
}

/* -1 without one. */
static long long content_length(const char *head) {
  const char *text = find_header(head, "\nContent-Length:");
  size_t length = text ? strspn(text, "0123456789") : 0;
  bool is_number =
      length && length < 20 && isspace((unsigned char)text[length]);
  return is_number ? atoll(text) : -1;
}

/* Out of memory, the body's end is not found. */
static void begin_body(struct em_frame *frame, const char *bytes, size_t size,
                       bool may_lack_length) {
  char *head = strndup(bytes, size);
  long long length = head ? content_length(head) : -1;
  if (head && is_chunked(head)) {
    *frame = (struct em_frame){.state = EM_FRAME_SIZE};
  } else if (!head || (length < 0 && may_lack_length)) {
    em_frame_make_opaque(frame);
  } else {
    uint64_t left = length > 0 ? (uint64_t)length : 0;
    *frame = (struct em_frame){.state = left ? EM_FRAME_LENGTH : EM_FRAME_DONE,
                               .left = left,
                               .total = size + left};
  }
  free(head);
}

static const char *copy_word(char *out, size_t room, const char *from,
                             const char *end, const char *stops) {
  size_t size = 0;
  while (from < end && !strchr(stops, *from)) {
    if (size + 1 < room)
      out[size++] = *from;
    from++;
  }
  out[size] = '\0';
  return from;
}

/* A proxy is given whole URLs: the path begins after the host. */
static const char *skip_origin(const char *target, const char *end) {
  const char *p = target;
  if (end - p < 7 || strncasecmp(p, "http", 4) != 0)
    return target;
  while (p < end && *p != '/' && *p != ' ')
    p++;
  for (p += 2; p < end && *p != '/' && *p != ' ';)
    p++;
  return p < end ? p : target;
}

void em_frame_begin_request(struct em_frame *frame, const char *head,
                            size_t size, struct em_request_line *line) {
  const char *end = head + size;
  const char *p =
      copy_word(line->method, sizeof line->method, head, end, " \r\n");
  if (p < end && *p == ' ')
    p = skip_origin(p + 1, end);
  copy_word(line->path, sizeof line->path, p, end, " ?\r\n");
  begin_body(frame, head, size, false);
}

bool em_frame_begin_response(struct em_frame *frame, const char *head,
                             size_t size, bool to_head) {
  const char *space = memchr(head, ' ', size);
  int status = space ? atoi(space + 1) : 0;
  if (status >= 100 && status < 200)
    return false;
  if (to_head || status == 204 || status == 304)
    *frame = (struct em_frame){.state = EM_FRAME_DONE, .total = size};
  else
    begin_body(frame, head, size, true);
  return true;
}

void em_frame_make_opaque(struct em_frame *frame) {
  *frame = (struct em_frame){.state = EM_FRAME_TILL_END};
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  c = (char)tolower((unsigned char)c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A byte of the line with a chunk's size; extensions are passed over. */
static void take_size(struct em_frame *frame, char c) {
  int digit = hex_digit(c);
  if (c == '\n') {
    frame->column = 0;
    frame->state = frame->left ? EM_FRAME_CHUNK : EM_FRAME_TRAILER;
    frame->left += 2; /* the line end after it */
  } else if (digit >= 0 && frame->column < 16) {
    frame->left = frame->left * 16 + (uint64_t)digit;
    frame->column++;
  } else {
    frame->column = 16;
  }
}

static void take_trailer(struct em_frame *frame, char c) {
  if (c == '\n' && !frame->column)
    frame->state = EM_FRAME_DONE;
  else if (c == '\n')
    frame->column = 0;
  else if (c != '\r')
    frame->column++;
}

static size_t take_left(struct em_frame *frame, size_t size) {
  size_t count = size < frame->left ? size : (size_t)frame->left;
  frame->left -= count;
  if (!frame->left)
    frame->state =
        frame->state == EM_FRAME_CHUNK ? EM_FRAME_SIZE : EM_FRAME_DONE;
  return count;
}

size_t em_frame_take(struct em_frame *frame, const char *data, size_t size) {
  size_t taken = 0;
  if (frame->state == EM_FRAME_TILL_END)
    return size;
  while (taken < size && frame->state != EM_FRAME_DONE) {
    if (frame->state == EM_FRAME_LENGTH || frame->state == EM_FRAME_CHUNK)
      taken += take_left(frame, size - taken);
    else if (frame->state == EM_FRAME_SIZE)
      take_size(frame, data[taken++]);
    else if (frame->state == EM_FRAME_TRAILER)
      take_trailer(frame, data[taken++]);
    else
      break;
  }
  return taken;
}
