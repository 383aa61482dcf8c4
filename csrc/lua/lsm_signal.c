/* SIGTERM and SIGINT, noted for who wants to end well. The only state of the
 * module: a handler is the process's. */
#include <signal.h>
#include <string.h>

#include "lsm.h"

static const int wanted[] = {SIGTERM, SIGINT};

static volatile sig_atomic_t count;
static struct sigaction before[sizeof wanted / sizeof wanted[0]];
static bool is_set;

/* The second of them is meant at once. */
static void note(int number) {
  if (count++ == 0)
    return;
  (void)signal(number, SIG_DFL);
  (void)raise(number);
}

static void set(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = note;
  count = 0;
  for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
    (void)sigaction(wanted[i], &action, &before[i]);
}

static void put_back(void) {
  for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
    (void)sigaction(wanted[i], &before[i], NULL);
}

int lsm_signals(lua_State *L) {
  if (!lua_isnoneornil(L, 1) && lua_toboolean(L, 1) != is_set) {
    is_set = !is_set;
    if (is_set)
      set();
    else
      put_back();
  }
  lua_pushinteger(L, count);
  return 1;
}
