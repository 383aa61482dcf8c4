#include "em_server.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "em_clock.h"
#include "em_endpoints.h"

/* More than the service takes; uploads of 64 MiB as base64 fit. */
static const size_t body_max_bytes = (size_t)128 << 20;

enum stage {
  ARRIVED,  /* received whole; faults not yet looked at */
  ADMITTED, /* any delay before it is over */
  WAITING,  /* for its v1 job */
  ANSWERED, /* the reply is there; any delay after it is not over */
  READY,
};

struct em_exchange {
  struct em_waiting *waiting;
  struct em_request request;
  struct em_rule *fault; /* a reference, or NULL */
  enum stage stage;
  bool suspended; /* guarded by the waiting list's lock, as the links */
  bool released;
  LIST_ENTRY(em_exchange) entry;
};

int em_waiting_create(struct em_waiting *waiting) {
  *waiting =
      (struct em_waiting){.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  pthread_mutex_init(&waiting->lock, NULL);
  return waiting->wake < 0 ? -1 : 0;
}

void em_waiting_destroy(struct em_waiting *waiting) {
  pthread_mutex_destroy(&waiting->lock);
  if (waiting->wake >= 0)
    close(waiting->wake);
}

/* Errors: false when the server is ending: nobody would take it up again. */
static bool suspend(struct em_exchange *exchange) {
  struct em_waiting *waiting = exchange->waiting;
  pthread_mutex_lock(&waiting->lock);
  exchange->released = waiting->closed;
  exchange->suspended = !waiting->closed;
  if (exchange->suspended) {
    LIST_INSERT_HEAD(&waiting->exchanges, exchange, entry);
    MHD_suspend_connection(exchange->request.connection);
  }
  pthread_mutex_unlock(&waiting->lock);
  return !exchange->released;
}

/* The exchange may be gone as soon as it is resumed. */
static void resume_locked(struct em_exchange *exchange) {
  struct em_waiting *waiting = exchange->waiting;
  LIST_REMOVE(exchange, entry);
  exchange->suspended = false;
  MHD_resume_connection(exchange->request.connection);
  eventfd_write(waiting->wake, 1);
}

static void resume(void *arg) {
  struct em_exchange *exchange = arg;
  struct em_waiting *waiting = exchange->waiting;
  pthread_mutex_lock(&waiting->lock);
  if (exchange->suspended)
    resume_locked(exchange);
  pthread_mutex_unlock(&waiting->lock);
}

static void resume_later(void *arg, bool run) {
  if (run)
    resume(arg);
}

void em_waiting_release(struct em_waiting *waiting) {
  pthread_mutex_lock(&waiting->lock);
  waiting->closed = true;
  struct em_exchange *exchange;
  while ((exchange = LIST_FIRST(&waiting->exchanges))) {
    exchange->released = true;
    resume_locked(exchange);
  }
  eventfd_write(waiting->wake, 1);
  pthread_mutex_unlock(&waiting->lock);
}

/* The origin as the client named it, so that URLs in answers lead back the
 * same way; the emulator's own when the Host header is odd. */
static void set_base(struct em_request *request, const char *own_base) {
  const char *host = em_request_header(request, "Host");
  const char *scheme = strncmp(own_base, "https", 5) ? "http" : "https";
  bool odd = !host || !*host || strlen(host) > 200;
  for (const char *c = host; !odd && *c; c++)
    odd = !isalnum((unsigned char)*c) && !strchr(".:-[]", *c);
  if (odd)
    snprintf(request->base, sizeof request->base, "%s", own_base);
  else
    snprintf(request->base, sizeof request->base, "%s://%s", scheme, host);
}

struct em_exchange *em_exchange_new(struct em_service *service,
                                    struct em_waiting *waiting,
                                    struct MHD_Connection *connection,
                                    const char *method, const char *path,
                                    const char *own_base) {
  struct em_exchange *exchange = calloc(1, sizeof *exchange);
  if (!exchange)
    return NULL;
  exchange->waiting = waiting;
  exchange->request.service = service;
  exchange->request.connection = connection;
  exchange->request.method = method;
  exchange->request.path = path;
  em_route_find(&exchange->request.route, path);
  set_base(&exchange->request, own_base);
  atomic_fetch_add_explicit(
      &service->stats.requests[exchange->request.route.endpoint], 1,
      memory_order_relaxed);
  return exchange;
}

void em_exchange_delete(struct em_exchange *exchange) {
  if (!exchange)
    return;
  em_request_destroy(&exchange->request);
  em_rule_drop(exchange->fault);
  free(exchange);
}

void em_exchange_receive(struct em_exchange *exchange, const char *data,
                         size_t size) {
  struct em_request *request = &exchange->request;
  if (!request->too_large && request->body.size + size < body_max_bytes)
    em_text_add_bytes(&request->body, data, size);
  else
    request->too_large = true;
  request->too_large |= request->body.failed;
}

/* The job that a request speaks of; of a submit, there is none yet. */
static void find_job(struct em_request *request) {
  struct em_store *store = &request->service->store;
  pthread_mutex_lock(&store->lock);
  struct em_job *job = em_store_find_locked(store, request->route.argument);
  request->job = job ? em_job_keep(job) : NULL;
  pthread_mutex_unlock(&store->lock);
}

static bool is_submit(const struct em_request *request) {
  return request->route.endpoint == EM_AT_SUBMIT ||
         request->route.endpoint == EM_AT_V1;
}

static void find_fault(struct em_exchange *exchange) {
  const struct em_request *request = &exchange->request;
  struct em_fault_subject subject = {.endpoint = request->route.endpoint,
                                     .method = request->method,
                                     .path = request->path};
  struct em_rules *faults = &exchange->request.service->faults;
  if (!atomic_load_explicit(&faults->active, memory_order_acquire) ||
      subject.endpoint == EM_AT_CONTROL)
    return;
  json_t *body = NULL;
  if (is_submit(request)) {
    body = json_loadb(request->body.data ? request->body.data : "",
                      request->body.size, 0, NULL);
    subject.model = request->route.argument;
    subject.prompt = json_string_value(json_object_get(body, "prompt"));
  } else if (request->job) {
    subject.model = request->job->model->name;
    subject.prompt = request->job->prompt;
  }
  pthread_mutex_lock(&faults->lock);
  exchange->fault = em_rules_match_locked(faults, &subject);
  pthread_mutex_unlock(&faults->lock);
  json_decref(body);
}

/* What a fault does beside the answer: to the account, and to the job. */
static void change_account_locked(const struct em_rule *fault,
                                  struct em_store *store) {
  const json_t *credits = em_fault_get(fault, "credits");
  const json_t *rate = em_fault_get(fault, "rate_limit");
  if (credits)
    store->credits = json_number_value(credits);
  if (rate)
    store->rpm = (int)json_number_value(rate);
}

static void change_job_locked(const struct em_rule *fault, struct em_job *job) {
  json_t *states = em_fault_get(fault, "states");
  if (states) {
    json_decref(job->script);
    job->script = json_incref(states);
    job->script_next = 0;
  }
  if (em_fault_get(fault, "lose_record"))
    job->lost = json_is_true(em_fault_get(fault, "lose_record"));
  if (em_fault_get(fault, "lose_history"))
    job->forgotten = json_is_true(em_fault_get(fault, "lose_history"));
}

static void change(struct em_exchange *exchange, bool with_account,
                   bool with_job) {
  struct em_store *store = &exchange->request.service->store;
  pthread_mutex_lock(&store->lock);
  if (with_job && exchange->request.job)
    change_job_locked(exchange->fault, exchange->request.job);
  if (with_account)
    change_account_locked(exchange->fault, store);
  pthread_mutex_unlock(&store->lock);
}

/* Suspends for the rule's delay; false when there is none. */
static bool delay(struct em_exchange *exchange) {
  int64_t delay_us =
      em_clock_us(json_number_value(em_fault_get(exchange->fault, "delay")));
  if (!delay_us || !suspend(exchange))
    return false;
  em_tasks_at(exchange->request.service->timer, em_clock_now_us() + delay_us,
              resume_later, exchange);
  return true;
}

/* Each stage returns true to go on at once. */
static bool arrive(struct em_exchange *exchange) {
  exchange->stage = ADMITTED;
  if (!is_submit(&exchange->request))
    find_job(&exchange->request);
  find_fault(exchange);
  const struct em_rule *fault = exchange->fault;
  if (!fault || em_fault_is_after(fault))
    return true;
  change(exchange, true, true); /* but for a submit's job: see answer() */
  return !delay(exchange);
}

static bool admit(struct em_exchange *exchange) {
  struct em_request *request = &exchange->request;
  exchange->stage = ANSWERED;
  if (exchange->fault && em_fault_prevents(exchange->fault))
    return true;
  em_endpoints_answer(request);
  if (!request->waits)
    return true;
  exchange->stage = WAITING;
  if (!suspend(exchange))
    return true;
  if (!em_production_wait(request->job, resume, exchange))
    resume(exchange);
  return false;
}

static bool finish_v1(struct em_exchange *exchange) {
  exchange->stage = ANSWERED;
  exchange->request.reports_end = true;
  em_submit_v1_finish(&exchange->request);
  return true;
}

/* How late the client learns of a job's end counts from an answer that reports
 * it, not from one that a fault takes away. */
static void note_learned(struct em_exchange *exchange) {
  const struct em_rule *fault = exchange->fault;
  struct em_job *job = exchange->request.job;
  if (!exchange->request.reports_end || (fault && em_fault_hides(fault)))
    return;
  pthread_mutex_lock(&exchange->request.service->store.lock);
  if (!job->learned_us)
    job->learned_us = em_clock_now_us();
  pthread_mutex_unlock(&exchange->request.service->store.lock);
}

static bool answer(struct em_exchange *exchange) {
  exchange->stage = READY;
  const struct em_rule *fault = exchange->fault;
  if (!fault)
    return true;
  bool is_after = em_fault_is_after(fault);
  change(exchange, is_after, is_after || is_submit(&exchange->request));
  em_fault_apply(fault, &exchange->request);
  return !is_after || !delay(exchange);
}

struct em_request *em_exchange_step(struct em_exchange *exchange) {
  struct em_request *request = &exchange->request;
  static bool (*const stages[])(struct em_exchange *) = {
      [ARRIVED] = arrive,
      [ADMITTED] = admit,
      [WAITING] = finish_v1,
      [ANSWERED] = answer,
  };
  while (exchange->stage != READY && !exchange->released)
    if (!stages[exchange->stage](exchange))
      return NULL;
  if (exchange->released)
    request->reply.drop = true;
  else
    note_learned(exchange);
  if (exchange->request.service->options->verbose)
    fprintf(stderr, "%s %s %zu -> %d\n", request->method, request->path,
            request->body.size,
            request->reply.drop ? 0 : request->reply.status);
  return request;
}
