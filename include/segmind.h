/* segmind: for hosts in C that link libsegmind_lua_static and run Lua 5.4.
 *
 * The opener of the module segmind.core. Put it into package.preload under that
 * name, and the folder that holds segmind/init.lua on package.path;
 * require "segmind" then works as in any Lua. There is no other interface in C.
 */
#ifndef SEGMIND_H
#define SEGMIND_H

#include <lua.h>

#ifdef __cplusplus
extern "C" {
#endif

int luaopen_segmind_core(lua_State *L);

#ifdef __cplusplus
}
#endif

#endif
