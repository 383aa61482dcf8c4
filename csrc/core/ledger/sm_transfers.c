#include "sm_transfers.h"

#include <string.h>

static bool has_picture(const struct sm_write *write) {
  return write->kind == SM_WRITE_PICTURE ||
         (!write->is_moved && write->file &&
          (write->kind == SM_WRITE_KEEP || write->kind == SM_WRITE_SHARE ||
           write->kind == SM_WRITE_COMPLETE));
}

void sm_transfers_take(struct sm_transfers *transfers,
                       const struct sm_pictures *pictures,
                       struct sm_writes *writes) {
  struct sm_writes rest = {0};
  if (!pictures->is_in_database)
    return;
  while (writes->head) {
    struct sm_write *write = sm_writes_pop(writes);
    sm_writes_push(has_picture(write) ? &transfers->waiting : &rest, write);
  }
  *writes = rest;
}

/* What is not the picture that was kept is none (M10). */
static enum sm_db_status finish_file(struct sm_transfers *transfers,
                                     const struct sm_pictures *pictures,
                                     struct sm_write *write,
                                     struct sm_error *e) {
  struct sm_error why;
  enum sm_code code = transfers->pieces > 0
                          ? sm_file_commit(transfers->file, &why)
                          : SM_PROTOCOL;
  bool is_it = code == SM_OK &&
               strcmp(sm_file_sha256(transfers->file), write->sha256) == 0;
  write->standing = is_it ? SM_STANDING_DONE : SM_STANDING_FREE;
  return code == SM_OK || code == SM_PROTOCOL
             ? SM_DB_OK
             : sm_pictures_fail(pictures, &why, e);
}

static enum sm_db_status receive(struct sm_transfers *transfers,
                                 const struct sm_pictures *pictures,
                                 const struct sm_picture *picture,
                                 bool *is_over, struct sm_error *e) {
  bool is_there = false;
  enum sm_db_status status = SM_DB_OK;
  if (!transfers->file)
    status = sm_pictures_new_file(pictures, picture, &transfers->file, e);
  if (!status)
    status = sm_pictures_get_piece(pictures, picture, transfers->pieces,
                                   transfers->file, &is_there, e);
  *is_over = !is_there;
  return status || is_there
             ? status
             : finish_file(transfers, pictures, transfers->waiting.head, e);
}

enum sm_db_status sm_transfers_step(struct sm_transfers *transfers,
                                    const struct sm_pictures *pictures,
                                    bool *is_over, struct sm_error *e) {
  struct sm_write *write = transfers->waiting.head;
  const struct sm_picture picture = {.key = write->key,
                                     .generation = write->generation,
                                     .file = write->file,
                                     .sha256 = write->sha256};
  enum sm_db_status status =
      write->kind == SM_WRITE_PICTURE
          ? receive(transfers, pictures, &picture, is_over, e)
          : sm_pictures_put_piece(pictures, &picture, transfers->pieces,
                                  is_over, e);
  if (!status)
    transfers->pieces++;
  write->is_moved = !status && *is_over;
  return status;
}

struct sm_write *sm_transfers_pop(struct sm_transfers *transfers) {
  sm_file_delete(transfers->file);
  transfers->file = NULL;
  transfers->pieces = 0;
  return sm_writes_pop(&transfers->waiting);
}
