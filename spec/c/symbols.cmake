# Checks what a module exports and what the core leans on, by nm:
#   cmake -DNM=… -DMODULE=core.so [-DALLOWED=regex] -P symbols.cmake
#   cmake -DNM=… -DOBJECTS=a.o|b.o -P symbols.cmake
if(MODULE)
  execute_process(COMMAND ${NM} -D --defined-only ${MODULE}
    OUTPUT_VARIABLE listing COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "[^ \n]+\n" names "${listing}")
  list(TRANSFORM names STRIP)
  if(ALLOWED)
    list(FILTER names EXCLUDE REGEX "${ALLOWED}")
  endif()
  if(NOT names STREQUAL "luaopen_segmind_core")
    message(FATAL_ERROR "${MODULE} exports, instead of luaopen_segmind_core "
      "alone: ${names}")
  endif()
endif()

if(OBJECTS)
  string(REPLACE "|" ";" OBJECTS "${OBJECTS}")
  execute_process(COMMAND ${NM} --undefined-only ${OBJECTS}
    OUTPUT_VARIABLE listing COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "(lua_|luaL_|luaopen_)[^ \n]*" names "${listing}")
  if(names)
    list(REMOVE_DUPLICATES names)
    message(FATAL_ERROR "the core knows no Lua, yet its objects need: ${names}")
  endif()
endif()
