/* sm_recall: what was learned of a model, from run to run.
 *
 * Where there is a ledger, a model that is met first is asked for there, and
 * what an earlier run knew comes home with the look at its first step, before
 * that is submitted. What is learned since is written as jobs end, in the
 * transaction that their result is written in anyway. No job waits for either,
 * and none hears of it when it fails: then nothing is known.
 */
#ifndef SM_RECALL_H
#define SM_RECALL_H

#include "sm_engine.h"

/* A task of the model begins. */
void sm_recall_ask(struct sm_engine *engine, struct sm_model *model);

/* A job of it was learned from; to be called before its result is put into the
 * store, so that one transaction has both. */
void sm_recall_keep(struct sm_engine *engine, struct sm_model *model);

/* The model's write has come home. */
void sm_recall_come_home(struct sm_model *model);

#endif
