/* sm_ledger_latency: how long each model takes, kept from run to run.
 *
 * One row of `segmind_latencies` for a base URL and a model, made when
 * something was learned first. The ledger knows no learner: it keeps what it is
 * given, and says how old that is.
 *
 * Several processes write the same row, and the last one has it: each began
 * with what it found there, so to add up what they know would count that twice;
 * all have asked the same service, and the last has asked it last. What nobody
 * has written for three months goes.
 *
 * None of this is worth a failure. A table that is damaged, another program's
 * or not to be made is nothing known, and is not asked again by this process;
 * who looks into it with tools of his own and locks it holds it up once, by the
 * time that the database gives a statement.
 */
#ifndef SM_LEDGER_LATENCY_H
#define SM_LEDGER_LATENCY_H

#include "sm_ledger_transaction.h"

/* Fills in the figures of a service and a model; `jobs` is 0 where there are
 * none that make sense. */
enum sm_db_status sm_ledger_latency_recall(struct sm_transaction *transaction,
                                           struct sm_latency *latency,
                                           struct sm_error *e);

enum sm_db_status sm_ledger_latency_learn(struct sm_transaction *transaction,
                                          const struct sm_latency *latency,
                                          struct sm_error *e);

#endif
