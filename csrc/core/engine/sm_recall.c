#include "sm_recall.h"

#include "sm_engine_internal.h"

/* Once what is known has settled, it is kept with each of so many jobs. */
#define KEPT_EVERY 8

static void put(struct sm_engine *engine, struct sm_model *model,
                enum sm_write_kind kind) {
  model->latency.service = engine->inflight.limits.base->prefix[SM_HOST_API];
  model->latency.model = model->name;
  sm_write_clear(&model->write);
  model->write.owner = model;
  sm_write_create(&model->write, kind, NULL);
  model->write.latency = &model->latency;
  model->is_writing = true;
  engine->store.put(engine->store.self, &model->write);
}

void sm_recall_ask(struct sm_engine *engine, struct sm_model *model) {
  if (!engine->store.self || model->is_asked)
    return;
  model->is_asked = true;
  model->latency.jobs = 0;
  put(engine, model, SM_WRITE_RECALL);
}

void sm_recall_keep(struct sm_engine *engine, struct sm_model *model) {
  const struct sm_learner *learner = &model->learner;
  uint32_t every = sm_learner_is_new(learner) ? 1 : KEPT_EVERY;
  if (!engine->store.self || model->is_writing ||
      learner->jobs - model->kept_jobs < every)
    return;
  const struct sm_known known = sm_learner_known(learner);
  model->latency.mu = known.mu;
  model->latency.var = known.var;
  model->latency.jobs = known.jobs;
  model->latency.early_worth = known.early_worth;
  model->latency.says_processing = known.says_processing;
  model->kept_jobs = learner->jobs;
  put(engine, model, SM_WRITE_LEARN);
}

void sm_recall_come_home(struct sm_model *model) {
  const struct sm_latency *latency = &model->latency;
  model->is_writing = false;
  if (model->write.error || model->write.kind != SM_WRITE_RECALL)
    return;
  const struct sm_known known = {.mu = latency->mu,
                                 .var = latency->var,
                                 .jobs = latency->jobs,
                                 .early_worth = latency->early_worth,
                                 .says_processing =
                                     latency->says_processing != 0};
  sm_learner_recall(&model->learner, &known, latency->age_s);
}
