/* keep_mapped: loaded before everything else into an interpreter that runs the
 * suite with sanitized modules (see CMakeLists.txt here).
 *
 * It makes dlclose do nothing. lua_close unloads the modules of others, and
 * the leak check, which comes later, could then neither name a function in
 * its report nor match it against spec/support/lsan.supp.
 *
 * And it takes itself and the sanitizer's runtime out of the environment, so
 * that the shells and tools that a spec starts run as they are. */
#include <dlfcn.h>
#include <stdlib.h>

__attribute__((visibility("default"))) int dlclose(void *handle) {
  (void)handle;
  return 0;
}

__attribute__((constructor)) static void spare_children(void) {
  unsetenv("LD_PRELOAD");
}
