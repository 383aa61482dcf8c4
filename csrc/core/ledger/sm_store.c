#include "sm_store.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sm_file.h"

#define NAME_MAX_BYTES 200
#define MOST 9007199254740992.0 /* 2^53: doubles count up to it */

/* -- columns --------------------------------------------------------------- */

/* IS_DISPENSABLE: as good as absent where it makes no sense, for a finished
 * step is not lost for the sake of it. Without a cost its price counts, without
 * a seed that in the result or the parameters. */
enum { IS_REQUIRED = 1, IS_NAME = 2, IS_MONEY = 4, IS_DISPENSABLE = 8 };

struct column {
  const char *name;
  enum sm_db_type type;
  unsigned rules; /* IS_NAME: becomes a part of a URL or of a path */
};

static const struct column columns[SM_ROW_COLUMNS] = {
    [SM_ROW_STEP_KEY] = {"step_key", SM_DB_TEXT, IS_REQUIRED | IS_NAME},
    [SM_ROW_GENERATION] = {"generation", SM_DB_NUMBER, IS_REQUIRED},
    [SM_ROW_NAME] = {"name", SM_DB_TEXT, 0},
    [SM_ROW_MODEL] = {"model", SM_DB_TEXT, IS_REQUIRED | IS_NAME},
    [SM_ROW_API] = {"api", SM_DB_TEXT, IS_REQUIRED},
    [SM_ROW_PARAMS] = {"params", SM_DB_TEXT, IS_REQUIRED},
    [SM_ROW_STATE] = {"state", SM_DB_TEXT, IS_REQUIRED},
    [SM_ROW_BODY] = {"body", SM_DB_TEXT, IS_REQUIRED},
    [SM_ROW_SEED] = {"seed", SM_DB_NUMBER, IS_DISPENSABLE},
    [SM_ROW_REQUEST_ID] = {"request_id", SM_DB_TEXT, IS_NAME},
    [SM_ROW_SUBMITS] = {"submits", SM_DB_NUMBER, IS_REQUIRED},
    [SM_ROW_PRICE] = {"price", SM_DB_NUMBER, IS_MONEY},
    [SM_ROW_DOUBT] = {"doubt", SM_DB_NUMBER, IS_REQUIRED | IS_MONEY},
    [SM_ROW_COST] = {"cost", SM_DB_NUMBER, IS_MONEY | IS_DISPENSABLE},
    [SM_ROW_SUBMITTED_AT] = {"submitted_at", SM_DB_NUMBER, IS_REQUIRED},
    [SM_ROW_ACCEPTED_AT] = {"accepted_at", SM_DB_NUMBER, IS_DISPENSABLE},
    [SM_ROW_ENDED_AT] = {"ended_at", SM_DB_NUMBER, IS_DISPENSABLE},
    [SM_ROW_RESULT] = {"result", SM_DB_TEXT, 0},
    [SM_ROW_PROBLEM] = {"problem", SM_DB_TEXT, 0},
    [SM_ROW_FILE] = {"file", SM_DB_TEXT, IS_NAME},
    [SM_ROW_FILE_SHA256] = {"file_sha256", SM_DB_TEXT, 0},
    [SM_ROW_LEASE_OWNER] = {"lease_owner", SM_DB_TEXT, IS_REQUIRED},
    [SM_ROW_LEASE_UNTIL] = {"lease_until", SM_DB_NUMBER, IS_REQUIRED},
};

const char *sm_column_name(enum sm_column column) {
  return columns[column].name;
}

static bool is_name(const struct sm_db_value *value) {
  return sm_file_is_name(value->text, value->size, NAME_MAX_BYTES);
}

static bool is_state(const struct sm_db_value *value) {
  static const char *const states[] = {"intent", "accepted", "completed",
                                       "failed", "unknown",  "expired"};
  for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
    if (strcmp(value->text, states[i]) == 0)
      return true;
  return false;
}

/* Not of the comparisons the other way round: a NAN is no number here. */
static bool is_sound_number(double number, unsigned rules) {
  return number < MOST && (rules & IS_MONEY ? number >= 0 : number > -MOST);
}

static bool is_sound(enum sm_column at, const struct sm_db_value *value) {
  const struct column *column = &columns[at];
  if (value->type == SM_DB_NULL)
    return !(column->rules & IS_REQUIRED);
  if (value->type != column->type)
    return false;
  if (value->type == SM_DB_NUMBER)
    return is_sound_number(value->number, column->rules);
  return (!(column->rules & IS_NAME) || is_name(value)) &&
         (at != SM_ROW_STATE || is_state(value));
}

static enum sm_code name_damage(const struct sm_db_value *values, int at,
                                struct sm_error *e) {
  const struct sm_db_value *value = &values[at];
  const char *key = values[SM_ROW_STEP_KEY].type == SM_DB_TEXT
                        ? values[SM_ROW_STEP_KEY].text
                        : "?";
  char shown[64] = "nothing";
  if (value->type == SM_DB_NUMBER)
    (void)snprintf(shown, sizeof shown, "%.15g", value->number);
  else if (value->type == SM_DB_TEXT)
    (void)snprintf(shown, sizeof shown, "\"%.60s\"", value->text);
  return sm_fail(e, SM_LEDGER,
                 "the row of step %.200s is damaged: %s cannot "
                 "be %s",
                 key, columns[at].name, shown);
}

enum sm_code sm_row_check(const struct sm_db_value *values,
                          struct sm_error *e) {
  for (int i = 0; i < SM_ROW_COLUMNS; i++)
    if (!is_sound((enum sm_column)i, &values[i]) &&
        !(columns[i].rules & IS_DISPENSABLE))
      return name_damage(values, i, e);
  return SM_OK;
}

/* -- rows ------------------------------------------------------------------ */

/* What a row is taken to hold in a column. */
static struct sm_db_value value_of(const struct sm_db_value *values, int at) {
  bool is_of_use = is_sound((enum sm_column)at, &values[at]) ||
                   !(columns[at].rules & IS_DISPENSABLE);
  /* No column of ours has bytes. */
  return is_of_use && values[at].type != SM_DB_BYTES ? values[at]
                                                     : sm_db_null();
}

static const char *keep_text(char **room, const char *text, size_t size) {
  char *kept = *room;
  if (size > 0)
    memcpy(kept, text, size);
  kept[size] = '\0';
  *room += size + 1;
  return kept;
}

struct sm_row *sm_row_new(const struct sm_db_value *values,
                          enum sm_standing standing, const char *damage) {
  size_t texts = damage ? strlen(damage) + 1 : 0;
  for (int i = 0; i < SM_ROW_COLUMNS; i++)
    texts += values[i].type == SM_DB_TEXT ? values[i].size + 1 : 0;
  struct sm_row *row = malloc(sizeof *row + texts);
  if (!row)
    return NULL;
  char *room = (char *)(row + 1);
  row->next = NULL;
  row->standing = standing;
  row->damage = damage ? keep_text(&room, damage, strlen(damage)) : NULL;
  for (int i = 0; i < SM_ROW_COLUMNS; i++) {
    struct sm_db_value *value = &row->value[i];
    *value = value_of(values, i);
    if (value->type == SM_DB_TEXT)
      value->text = keep_text(&room, value->text, value->size);
  }
  return row;
}

void sm_row_delete(struct sm_row *row) {
  while (row) {
    struct sm_row *next = row->next;
    free(row);
    row = next;
  }
}

const char *sm_row_text(const struct sm_row *row, enum sm_column column) {
  const struct sm_db_value *value = &row->value[column];
  return value->type == SM_DB_TEXT ? value->text : NULL;
}

bool sm_row_is_in(const struct sm_row *row, const char *state) {
  return strcmp(sm_row_text(row, SM_ROW_STATE), state) == 0;
}

double sm_row_number(const struct sm_row *row, enum sm_column column) {
  const struct sm_db_value *value = &row->value[column];
  return value->type == SM_DB_NUMBER ? value->number : (double)NAN;
}

#define MOST_SUBMITS 1000000000 /* that are told apart */

int32_t sm_row_submits(const struct sm_row *row) {
  double submits = sm_row_number(row, SM_ROW_SUBMITS);
  return submits > -MOST_SUBMITS && submits < MOST_SUBMITS ? (int32_t)submits
                                                           : MOST_SUBMITS;
}

struct sm_ledger_step sm_row_step(const struct sm_row *row, const char *key) {
  if (!row)
    return (struct sm_ledger_step){.key = key,
                                   .params = "{}",
                                   .model = "unknown",
                                   .api = "v2",
                                   .body = "{}",
                                   .body_size = 2,
                                   .seed = (double)NAN,
                                   .price = (double)NAN};
  return (struct sm_ledger_step){
      .key = key,
      .params = sm_row_text(row, SM_ROW_PARAMS),
      .name = sm_row_text(row, SM_ROW_NAME),
      .model = sm_row_text(row, SM_ROW_MODEL),
      .api = sm_row_text(row, SM_ROW_API),
      .body = sm_row_text(row, SM_ROW_BODY),
      .body_size = row->value[SM_ROW_BODY].size,
      .seed = sm_row_number(row, SM_ROW_SEED),
      .price = sm_row_number(row, SM_ROW_PRICE),
  };
}

/* -- writes ---------------------------------------------------------------- */

/* For a write that fails when there is no memory to say how. */
static const struct sm_error no_words = {
    .code = SM_LEDGER,
    .retry_after_ms = -1,
    .message = "the ledger fails, and there is no memory to say how",
};

void sm_write_create(struct sm_write *write, enum sm_write_kind kind,
                     const struct sm_ledger_step *step) {
  void *owner = write->owner;
  *write = (struct sm_write){.owner = owner,
                             .kind = kind,
                             .key = step ? step->key : NULL,
                             .step = step,
                             .deadline_ms = INT64_MAX,
                             .cost = (double)NAN,
                             .seed = (double)NAN};
  if (kind == SM_WRITE_END)
    write->refund = 0;
}

void sm_write_clear(struct sm_write *write) {
  sm_row_delete(write->row);
  if (write->error != &no_words)
    free((void *)write->error);
  write->row = NULL;
  write->error = NULL;
  write->is_broken = false;
}

void sm_write_fail(struct sm_write *write, const struct sm_error *e) {
  sm_write_clear(write);
  struct sm_error *kept = malloc(sizeof *kept);
  if (kept)
    *kept = *e;
  write->error = kept ? kept : &no_words;
}

bool sm_write_is_after_submit(const struct sm_write *write) {
  return write->kind >= SM_WRITE_ACCEPT && write->kind <= SM_WRITE_END;
}

bool sm_write_is_minor(const struct sm_write *write) {
  return write->kind == SM_WRITE_RECALL || write->kind == SM_WRITE_LEARN;
}

void sm_writes_push(struct sm_writes *writes, struct sm_write *write) {
  write->next = NULL;
  if (writes->tail)
    writes->tail->next = write;
  else
    writes->head = write;
  writes->tail = write;
}

struct sm_write *sm_writes_pop(struct sm_writes *writes) {
  struct sm_write *write = writes->head;
  if (!write)
    return NULL;
  writes->head = write->next;
  if (!writes->head)
    writes->tail = NULL;
  write->next = NULL;
  return write;
}

void sm_writes_move(struct sm_writes *to, struct sm_writes *from) {
  if (!from->head)
    return;
  if (to->tail)
    to->tail->next = from->head;
  else
    to->head = from->head;
  to->tail = from->tail;
  from->head = from->tail = NULL;
}
