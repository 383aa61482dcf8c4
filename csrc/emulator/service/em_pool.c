#include "em_pool.h"

#include <pthread.h>
#include <stdlib.h>

enum { MAX_THREADS = 16 };

struct node {
  struct node *next;
  em_task *task;
  void *arg;
};

struct em_pool {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  pthread_t threads[MAX_THREADS];
  int thread_count;
  bool stopped;
  struct node *first, **last;
};

static struct node *take_first(struct em_pool *pool) {
  struct node *node = pool->first;
  pool->first = node->next;
  if (!pool->first)
    pool->last = &pool->first;
  return node;
}

static void call(struct node *node, bool run) {
  node->task(node->arg, run);
  free(node);
}

static void *work(void *arg) {
  struct em_pool *pool = arg;
  pthread_mutex_lock(&pool->lock);
  while (!pool->stopped) {
    if (!pool->first) {
      pthread_cond_wait(&pool->changed, &pool->lock);
      continue;
    }
    struct node *node = take_first(pool);
    pthread_mutex_unlock(&pool->lock);
    call(node, true);
    pthread_mutex_lock(&pool->lock);
  }
  pthread_mutex_unlock(&pool->lock);
  return NULL;
}

struct em_pool *em_pool_new(int threads) {
  struct em_pool *pool = calloc(1, sizeof *pool);
  if (!pool)
    return NULL;
  pool->last = &pool->first;
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->changed, NULL);
  while (pool->thread_count < threads && pool->thread_count < MAX_THREADS)
    if (pthread_create(&pool->threads[pool->thread_count], NULL, work, pool))
      break;
    else
      pool->thread_count++;
  if (pool->thread_count)
    return pool;
  em_pool_delete(pool);
  return NULL;
}

void em_pool_stop(struct em_pool *pool) {
  if (!pool)
    return;
  pthread_mutex_lock(&pool->lock);
  pool->stopped = true;
  pthread_cond_broadcast(&pool->changed);
  pthread_mutex_unlock(&pool->lock);
  for (; pool->thread_count; pool->thread_count--)
    pthread_join(pool->threads[pool->thread_count - 1], NULL);
  while (pool->first)
    call(take_first(pool), false);
}

void em_pool_delete(struct em_pool *pool) {
  if (!pool)
    return;
  em_pool_stop(pool);
  pthread_cond_destroy(&pool->changed);
  pthread_mutex_destroy(&pool->lock);
  free(pool);
}

static bool append(struct em_pool *pool, em_task *task, void *arg) {
  struct node *node = malloc(sizeof *node);
  if (!node)
    return false;
  *node = (struct node){NULL, task, arg};
  *pool->last = node;
  pool->last = &node->next;
  pthread_cond_signal(&pool->changed);
  return true;
}

void em_pool_add(struct em_pool *pool, em_task *task, void *arg) {
  pthread_mutex_lock(&pool->lock);
  bool taken = !pool->stopped && append(pool, task, arg);
  pthread_mutex_unlock(&pool->lock);
  if (!taken)
    task(arg, false);
}
