/* A game engine's pattern: a program that owns its loop, with Lua 5.4 inside
 * and segmind linked in. Nothing is loaded from a shared object: the module's
 * opener stands in package.preload, where require "segmind.core" finds it.
 *
 * The loop turns 60 times a second. Each turn moves the host's own world and
 * calls client:step once, which takes what the network's thread has brought
 * and never waits. Every script it runs (edit.lua) returns
 *
 *   client       a segmind client
 *   is_over()    true once there is nothing left to wait for
 *   succeeded()  whether it went well; it may print
 */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <math.h>
#include <segmind.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host_clock.h"

enum { CLIENT = 1, IS_OVER, SUCCEEDED }; /* where the script's values lie */

struct host {
  const char *script, *lua_folder, *output;
  double hertz, limit_s;
  struct host_times frames, steps, late;
};

static const char usage[] =
    "usage: c-host [options] [SCRIPT [ARGUMENT]]\n\n"
    "Runs a Lua script that edits pictures through segmind, inside a loop of\n"
    "a fixed rate, and prints what that cost the loop. SCRIPT is edit.lua of\n"
    "this example unless given; ARGUMENT is handed to it: the folder for the\n"
    "pictures (\"out\").\n\n"
    "  --hz N          turns of the loop a second (60)\n"
    "  --limit SECONDS give up after so long (600)\n"
    "  --lua FOLDER    where segmind's Lua files are\n"
    "  --help          this text\n\n"
    "SEGMIND_API_KEY is the key. SEGMIND_BASE_URL is the service, if it is\n"
    "another than Segmind's own: an emulator's, for example.\n";

static int complain(const char *what, const char *why) {
  fprintf(stderr, "c-host: %s%s%s\n", what, why ? ": " : "", why ? why : "");
  return -1;
}

static int read_number(const char *option, const char *text, double *value) {
  char *end;
  if (!text)
    return complain(option, "a number is missing");
  *value = strtod(text, &end);
  if (*end != '\0' || !(*value > 0 && *value <= 1e6))
    return complain(option, "not a number above 0");
  return 0;
}

/* Returns how many words the option takes, 0 if it is none, -1 if it is bad. */
static int read_option(struct host *host, char **words) {
  if (strcmp(words[0], "--hz") == 0)
    return read_number("--hz", words[1], &host->hertz) == 0 ? 2 : -1;
  if (strcmp(words[0], "--limit") == 0)
    return read_number("--limit", words[1], &host->limit_s) == 0 ? 2 : -1;
  if (strcmp(words[0], "--lua") == 0) {
    host->lua_folder = words[1];
    return words[1] ? 2 : complain("--lua", "a folder is missing");
  }
  if (words[0][0] == '-')
    return complain(words[0], "no such option; --help lists them");
  return 0;
}

static int read_arguments(struct host *host, char **words) {
  int taken;
  while (*words && (taken = read_option(host, words)) != 0) {
    if (taken < 0)
      return -1;
    words += taken;
  }
  if (*words)
    host->script = *words++;
  if (*words)
    host->output = *words++;
  return *words ? complain(*words, "one script and one argument at most") : 0;
}

/* -- Lua ----------------------------------------------------------------- */

/* A mistake in a script is shown with the way to it; an error that is a value
 * (what segmind returns, raised by assert) says all by itself. */
static int add_traceback(lua_State *L) {
  const char *message = luaL_tolstring(L, 1, NULL);
  if (lua_type(L, 1) == LUA_TSTRING)
    luaL_traceback(L, L, message, 1);
  return 1;
}

/* Calls what lies on the stack; an error is printed. */
static int call(lua_State *L, int arguments, int results) {
  int handler = lua_gettop(L) - arguments;
  lua_pushcfunction(L, add_traceback);
  lua_insert(L, handler);
  int status = lua_pcall(L, arguments, results, handler);
  lua_remove(L, handler);
  if (status == LUA_OK)
    return 0;
  complain(lua_tostring(L, -1), NULL);
  lua_pop(L, 1);
  return -1;
}

/* All that may raise while the state is made, run protected. */
static int prepare(lua_State *L) {
  const struct host *host = lua_touserdata(L, 1);
  luaL_openlibs(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_segmind_core);
  lua_setfield(L, -2, "segmind.core");
  lua_getglobal(L, "package");
  lua_pushfstring(L, "%s/?.lua;%s/?/init.lua;", host->lua_folder,
                  host->lua_folder);
  lua_getfield(L, -2, "path");
  lua_concat(L, 2);
  lua_setfield(L, -2, "path");
  return 0;
}

static int open_lua(lua_State *L, const struct host *host) {
  lua_pushcfunction(L, prepare);
  lua_pushlightuserdata(L, (void *)(uintptr_t)host);
  return call(L, 1, 0);
}

static int run_script(lua_State *L, const struct host *host) {
  if (luaL_loadfile(L, host->script) != LUA_OK)
    return complain(lua_tostring(L, -1), NULL);
  lua_pushstring(L, host->output);
  if (call(L, 1, 3) != 0)
    return -1;
  if (lua_type(L, CLIENT) != LUA_TTABLE ||
      lua_type(L, IS_OVER) != LUA_TFUNCTION ||
      lua_type(L, SUCCEEDED) != LUA_TFUNCTION)
    return complain(host->script,
                    "returns a client, is_over and succeeded; see main.c");
  return 0;
}

static int step(lua_State *L) {
  lua_getfield(L, CLIENT, "step");
  lua_pushvalue(L, CLIENT);
  lua_pushinteger(L, 32); /* events in one frame, at most */
  return call(L, 2, 0);
}

static int ask(lua_State *L, int function, int *answer) {
  lua_pushvalue(L, function);
  if (call(L, 0, 1) != 0)
    return -1;
  *answer = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return 0;
}

static int close_client(lua_State *L) {
  lua_getfield(L, CLIENT, "close");
  lua_pushvalue(L, CLIENT);
  return call(L, 1, 0);
}

/* -- the loop ------------------------------------------------------------ */

/* Stands for what a host does in a frame: balls under gravity. */
static void move_world(double seconds) {
  static struct ball { double height, speed; } balls[1000];
  for (size_t i = 0; i < sizeof balls / sizeof *balls; i++) {
    balls[i].speed -= 9.81 * seconds;
    balls[i].height += balls[i].speed * seconds;
    if (balls[i].height < 0) {
      balls[i].height = -balls[i].height;
      balls[i].speed = fabs(balls[i].speed) * 0.9 + (double)(i % 7);
    }
  }
}

static int turn(lua_State *L, struct host *host, int *is_over) {
  int64_t began = host_now_ns();
  move_world(1 / host->hertz);
  int64_t before = host_now_ns();
  int failed = step(L);
  host_times_add(&host->steps, host_now_ns() - before);
  if (failed || ask(L, IS_OVER, is_over) != 0)
    return -1;
  host_times_add(&host->frames, host_now_ns() - began);
  return 0;
}

static int loop(lua_State *L, struct host *host) {
  int is_over = 0;
  int64_t length = (int64_t)(1e9 / host->hertz);
  int64_t next = host_now_ns();
  int64_t end = next + (int64_t)(host->limit_s * 1e9);
  while (!is_over) {
    if (turn(L, host, &is_over) != 0)
      return -1;
    if (next > end)
      return complain("not over within the limit", NULL);
    next += length;
    host_sleep_until(next);
    host_times_add(&host->late, host_now_ns() - next);
    if (host_now_ns() - next > length)
      next = host_now_ns(); /* frames that were lost are not caught up */
  }
  return 0;
}

static void report(struct host *host) {
  printf("%llu frames at %.0f Hz: the worst took %.2f ms of its %.2f\n",
         (unsigned long long)host->frames.count, host->hertz,
         (double)host->frames.worst_ns / 1e6, 1e3 / host->hertz);
  printf("client:step: median %.1f us, p99 %.1f us, worst %.1f us\n",
         host_times_us(&host->steps, 50), host_times_us(&host->steps, 99),
         (double)host->steps.worst_ns / 1e3);
  printf("woken late by the system: median %.1f us, worst %.1f us\n",
         host_times_us(&host->late, 50), (double)host->late.worst_ns / 1e3);
}

static int run(lua_State *L, struct host *host) {
  int succeeded = 0;
  if (open_lua(L, host) != 0 || run_script(L, host) != 0)
    return -1;
  if (loop(L, host) != 0 || ask(L, SUCCEEDED, &succeeded) != 0 ||
      close_client(L) != 0)
    return -1;
  report(host);
  return succeeded ? 0 : -1;
}

int main(int argc, char **argv) {
  static struct host host = {.script = HOST_SCRIPT,
                             .lua_folder = HOST_LUA_FOLDER,
                             .output = "out",
                             .hertz = 60,
                             .limit_s = 600};
  if (argc > 1 && strcmp(argv[1], "--help") == 0) {
    fputs(usage, stdout);
    return EXIT_SUCCESS;
  }
  if (read_arguments(&host, argv + 1) != 0)
    return 2;
  lua_State *L = luaL_newstate();
  if (!L)
    return complain("no memory for Lua", NULL), EXIT_FAILURE;
  int result = run(L, &host);
  lua_close(L);
  return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
