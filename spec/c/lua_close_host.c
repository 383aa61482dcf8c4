/* A host that lives on after lua_close, as a program with plugins does: it
 * opens the module in a Lua state of its own, submits a job, and closes the
 * state while libcurl's resolver thread waits in a name look-up.
 *
 * lua_close unloads the modules of its state. The threads that segmind and
 * libcurl started still run their code then, so the module is linked with
 * -z nodelete (csrc/lua/CMakeLists.txt). Without it this program crashes, or
 * finds the module gone.
 *
 *   lua_close_host LUA_FOLDER MODULE_FOLDER */
#include <dirent.h>
#include <dlfcn.h>
#include <lauxlib.h>
#include <lualib.h>
#include <netdb.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static sem_t begun, released;

/* libcurl calls this one: the program's symbols come first. */
__attribute__((visibility("default"))) int
getaddrinfo(const char *restrict node, const char *restrict service,
            const struct addrinfo *restrict hints,
            struct addrinfo **restrict result) {
  (void)node;
  (void)service;
  (void)hints;
  (void)result;
  sem_post(&begun);
  sem_wait(&released);
  return EAI_AGAIN;
}

static const char script[] =
    "local lua, modules = ...\n"
    "package.path = lua .. '/?.lua;' .. lua .. '/?/init.lua;' .. package.path\n"
    "package.cpath = modules .. '/?.so;' .. package.cpath\n"
    "local sm = assert(require('segmind').new({\n"
    "  base_url = 'https://nowhere.invalid', api_key = 'SG_0123456789abcdef' "
    "}))\n"
    "assert(sm:submit('flux-kontext-pro', { prompt = 'x' }))\n";

static int submit(lua_State *L, char **folders) {
  if (luaL_loadstring(L, script) != LUA_OK)
    return -1;
  lua_pushstring(L, folders[1]);
  lua_pushstring(L, folders[2]);
  return lua_pcall(L, 2, 0, 0) == LUA_OK ? 0 : -1;
}

static int count_threads(void) {
  int count = 0;
  DIR *tasks = opendir("/proc/self/task");
  while (tasks && readdir(tasks))
    count++;
  if (tasks)
    closedir(tasks);
  return count - 2; /* . and .. */
}

/* Until the threads of the module and of libcurl have ended, five seconds at
 * most. */
static bool become_alone(int threads_before) {
  const struct timespec moment = {.tv_nsec = 1000000};
  for (int i = 0; i < 5000; i++) {
    if (count_threads() <= threads_before)
      return true;
    nanosleep(&moment, NULL);
  }
  return false;
}

static int fail(const char *what) {
  fprintf(stderr, "lua_close_host: %s\n", what);
  return EXIT_FAILURE;
}

int main(int argc, char **argv) {
  char module[4096];
  if (argc != 3)
    return fail("usage: lua_close_host LUA_FOLDER MODULE_FOLDER");
  sem_init(&begun, 0, 0);
  sem_init(&released, 0, 0);
  int threads_before = count_threads();
#ifdef __SANITIZE_THREAD__
  threads_before++; /* its own, which comes with the first other one */
#endif
  lua_State *L = luaL_newstate();
  if (!L)
    return fail("no Lua state");
  luaL_openlibs(L);
  if (submit(L, argv))
    return fail(lua_tostring(L, -1));
  sem_wait(&begun);
  lua_close(L);
  sem_post(&released); /* the threads go on, in code that must be there */
  if (!become_alone(threads_before))
    return fail("a thread did not end");
  snprintf(module, sizeof module, "%s/segmind/core.so", argv[2]);
  if (!dlopen(module, RTLD_LAZY | RTLD_NOLOAD))
    return fail("lua_close unmapped the module");
  return EXIT_SUCCESS;
}
