/* sm_saving: the picture of a job without a ledger on its way to a file.
 *
 * A usual result names its picture (sm_result), so the job becomes the download
 * of that at once, without a step of the host. From there on it ends well: its
 * last event is the result, with the file's name or with what went wrong. Any
 * other result is the host's to read first, and to refuse or to save. With a
 * ledger this is sm_delivery's.
 */
#ifndef SM_SAVING_H
#define SM_SAVING_H

#include "sm_engine.h"

/* The last event has the result. False when there is nothing to download. */
bool sm_saving_begin(struct sm_engine *engine, struct sm_task *task);

#endif
