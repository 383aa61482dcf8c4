# Checks cmake/requirements.txt, a sentence for each line that is not met:
#
#   segmind_find(PREFIX name [NEEDED [hint]])   by pkg-config, as the imported
#       target PkgConfig::PREFIX; PREFIX_FOUND is false where it is missing or
#       too old. NEEDED: the build then stops, after all have been looked for.
#   segmind_lacks(name problem)                 notes that one is missing
#   segmind_stop_if_lacking()                   ends the build with what was noted
set(SEGMIND_REQUIREMENTS ${CMAKE_CURRENT_LIST_DIR}/requirements.txt)

# row_*: the line of which `name` is the command, or the first name for
# pkg-config.
macro(segmind_read_row name)
  file(STRINGS ${SEGMIND_REQUIREMENTS} row REGEX "[|][a-z]+:${name}[ |]")
  list(GET row 0 row)
  if(NOT row MATCHES "^[^|]+[|]([^|]+)[|]([^|]+)[|]([^|]+)[|]([^|]+)[|][a-z]+:([^|]+)[|]([^|]*)[|]([^|]*)[|](.*)$")
    message(FATAL_ERROR "cmake/requirements.txt has no line for ${name}")
  endif()
  set(row_packages "${CMAKE_MATCH_1} (Debian)")
  set(others "${CMAKE_MATCH_2} (Fedora)" "${CMAKE_MATCH_3} (Alpine)"
    "${CMAKE_MATCH_4} (Homebrew)")
  set(row_names ${CMAKE_MATCH_5})
  set(row_oldest "${CMAKE_MATCH_6}")
  set(row_purpose ${CMAKE_MATCH_7})
  set(row_without ${CMAKE_MATCH_8})
  list(FILTER others EXCLUDE REGEX "^-")
  list(JOIN others ", " others)
  if(others)
    string(APPEND row_packages ", ${others}")
  endif()
endmacro()

# What is needed, as the beginning of a sentence.
macro(segmind_describe name)
  segmind_read_row(${name})
  set(row_need "segmind needs ${name}")
  if(row_oldest)
    string(APPEND row_need " ${row_oldest} or newer")
  endif()
  string(APPEND row_need " (${row_purpose})")
endmacro()

function(segmind_lacks name problem)
  segmind_describe(${name})
  list(JOIN ARGN "" hint)
  set_property(GLOBAL APPEND_STRING PROPERTY SEGMIND_LACKS
    "  ${row_need}, ${problem}: install ${row_packages}${hint}.\n")
endfunction()

function(segmind_stop_if_lacking)
  get_property(lacks GLOBAL PROPERTY SEGMIND_LACKS)
  if(lacks)
    message(FATAL_ERROR "\n${lacks}")
  endif()
endfunction()

# Is this version old? Notes it.
function(segmind_check_version name version)
  segmind_read_row(${name})
  if(version VERSION_LESS row_oldest)
    segmind_lacks(${name} "and this is ${version}")
  endif()
endfunction()

function(segmind_find prefix name)
  cmake_parse_arguments(ASKED "NEEDED" "HINT" "" ${ARGN})
  segmind_read_row(${name})
  pkg_check_modules(${prefix} QUIET IMPORTED_TARGET ${name})
  set(problem "which pkg-config does not find")
  if(${prefix}_FOUND)
    if(NOT ${prefix}_VERSION VERSION_LESS "${row_oldest}")
      return()
    endif()
    set(problem "and pkg-config finds ${${prefix}_VERSION}")
    set(${prefix}_FOUND FALSE CACHE INTERNAL "too old")
  endif()
  if(ASKED_NEEDED)
    segmind_lacks(${name} ${problem} "${ASKED_HINT}")
  else()
    message(STATUS "${name}, ${problem}: ${row_without} (to have one, install "
      "${row_packages})")
  endif()
endfunction()
