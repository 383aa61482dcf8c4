# What is installed where. LuaRocks says where things go (LIBDIR, LUADIR,
# BINDIR, each already for one Lua) and gets the modules and programs;
# everybody else gets the folders that their Lua searches by itself. Nothing
# names the prefix: an installed tree may be moved.
if(BINDIR)
  set(bin_folder ${BINDIR})
else()
  set(bin_folder ${CMAKE_INSTALL_BINDIR})
endif()
foreach(abi IN LISTS SEGMIND_ABIS)
  if(LIBDIR)
    set(module_folder ${LIBDIR}/segmind)
  else()
    set(module_folder ${CMAKE_INSTALL_LIBDIR}/lua/${abi}/segmind)
  endif()
  if(LUADIR)
    set(lua_folder ${LUADIR})
  else()
    set(lua_folder ${CMAKE_INSTALL_DATADIR}/lua/${abi})
  endif()
  install(TARGETS segmind_lua_${abi} LIBRARY DESTINATION ${module_folder})
  if(TARGET segmind_postgres)
    install(TARGETS segmind_postgres LIBRARY DESTINATION ${module_folder})
  endif()
  # export.lua reads the model tables out of a checkout; it is no module.
  # Neovim, for which the plugin is, runs LuaJIT.
  set(without)
  if(NOT abi STREQUAL "5.1")
    set(without PATTERN "segmind/nvim" EXCLUDE PATTERN "segmind/health.lua" EXCLUDE)
  endif()
  install(DIRECTORY lua/segmind DESTINATION ${lua_folder}
    FILES_MATCHING PATTERN "*.lua" PATTERN "models/export.lua" EXCLUDE ${without})
endforeach()
# It finds its library beside itself.
install(PROGRAMS bin/segmind DESTINATION ${bin_folder})
if(build_emulator)
  install(TARGETS segmind-emulator RUNTIME DESTINATION ${bin_folder})
endif()

# What `make install` builds, and nothing else.
add_custom_target(installed-programs)
foreach(abi IN LISTS SEGMIND_ABIS)
  add_dependencies(installed-programs segmind_lua_${abi})
endforeach()
foreach(target segmind_postgres segmind_lua_static segmind-emulator)
  if(TARGET ${target})
    add_dependencies(installed-programs ${target})
  endif()
endforeach()

if(BINDIR)
  return()
endif()

install(FILES doc/segmind.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
foreach(completion bash-completion/completions/segmind
    zsh/site-functions/_segmind fish/vendor_completions.d/segmind.fish)
  get_filename_component(name ${completion} NAME)
  get_filename_component(folder ${completion} DIRECTORY)
  install(FILES doc/completions/${name}
    DESTINATION ${CMAKE_INSTALL_DATADIR}/${folder})
endforeach()

# The pages keep their places, so that their links lead somewhere.
set(doc_folder ${CMAKE_INSTALL_DATADIR}/doc/segmind)
file(GLOB pages CONFIGURE_DEPENDS doc/*.md)
install(FILES ${pages} doc/segmind.txt DESTINATION ${doc_folder}/doc)
install(FILES LICENSE README.md CHANGELOG.md SECURITY.md ARCHITECTURE.md
  CONTRIBUTING.md DESTINATION ${doc_folder})
install(DIRECTORY examples DESTINATION ${doc_folder} USE_SOURCE_PERMISSIONS
  PATTERN "tags" EXCLUDE)

if(NOT TARGET segmind_lua_static)
  return()
endif()

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/segmind)
set(pc_folder ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH prefix_from_package /${package_folder} /)
file(RELATIVE_PATH prefix_from_pc /${pc_folder} /)
string(REGEX REPLACE "/$" "" prefix_from_pc "${prefix_from_pc}")
segmind_read_row(libcurl)
set(requires "libcurl >= ${row_oldest}" jansson)
if(SEGMIND_CRYPTO_FOUND)
  list(APPEND requires libcrypto)
endif()
if(SEGMIND_SQLITE_FOUND)
  list(APPEND requires sqlite3)
endif()
list(JOIN requires ", " requires)
configure_file(cmake/segmind.pc.in segmind.pc @ONLY)
string(REPLACE ", " " " requires "${requires}")
string(REPLACE " >= " ">=" requires "${requires}")
configure_file(cmake/segmind-config.cmake.in segmind-config.cmake @ONLY)
include(CMakePackageConfigHelpers)
write_basic_package_version_file(segmind-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/segmind.pc DESTINATION ${pc_folder})
install(FILES ${PROJECT_BINARY_DIR}/segmind-config.cmake
  ${PROJECT_BINARY_DIR}/segmind-config-version.cmake
  DESTINATION ${package_folder})
install(FILES include/segmind.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(TARGETS segmind_lua_static ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
# --strip leaves archives alone, and theirs names the folders of the build.
install(CODE "
  if(CMAKE_INSTALL_DO_STRIP)
    execute_process(COMMAND \"${CMAKE_STRIP}\" -S
      \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/libsegmind_lua_static.a\")
  endif()")
