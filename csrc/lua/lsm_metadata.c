/* What a picture says of how it was made, for segmind.provenance. The file is
 * read on the caller's thread, in pieces. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lsm.h"
#include "sm_disk.h"
#include "sm_metadata.h"

/* Lua's memory for the packet: pushing a string may raise. */
static const char *push_xmp(lua_State *L, int fd,
                            const struct sm_metadata_found *found) {
  size_t size = (size_t)found->xmp_size;
  char *room = lua_newuserdata(L, size + 1);
  return sm_disk_read(fd, room, &size, found->xmp_at) &&
                 size == (size_t)found->xmp_size
             ? room
             : NULL;
}

struct open_file { /* closed by the collector, should pushing raise */
  int fd;
};

static int close_file(lua_State *L) {
  struct open_file *file = lua_touserdata(L, 1);
  if (file->fd >= 0)
    (void)close(file->fd);
  file->fd = -1;
  return 0;
}

static struct open_file *push_file(lua_State *L) {
  struct open_file *file = lua_newuserdata(L, sizeof *file);
  file->fd = -1;
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, close_file);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  return file;
}

static void push_found(lua_State *L, int fd, const struct sm_source *source,
                       const struct sm_metadata_found *found, bool has_hash) {
  char hex[SM_SHA256_HEX];
  lua_createtable(L, 0, 4);
  int table = lua_gettop(L);
  lua_pushstring(L, sm_format_name(found->image.format));
  lua_setfield(L, table, "format");
  lua_pushboolean(L, found->is_signed);
  lua_setfield(L, table, "is_signed");
  if (found->xmp_size > 0 && found->xmp_size <= SM_METADATA_MAX) {
    const char *xmp = push_xmp(L, fd, found);
    if (xmp)
      lua_pushlstring(L, xmp, (size_t)found->xmp_size);
    else
      lua_pushnil(L);
    lua_setfield(L, table, "xmp");
  }
  if (has_hash && sm_metadata_sha256(source, hex, NULL) == SM_OK) {
    lua_pushstring(L, hex);
    lua_setfield(L, table, "sha256");
  }
  lua_settop(L, table);
}

int lsm_metadata(lua_State *L) {
  const char *path = lsm_check_text(L, 1);
  bool has_hash = lua_toboolean(L, 2);
  struct sm_metadata_found found;
  struct stat facts;
  struct open_file *file = push_file(L);
  /* O_NONBLOCK: a FIFO without a writer would hold open() for ever. */
  file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (file->fd < 0 || fstat(file->fd, &facts) != 0) {
    lua_pushnil(L);
    lua_pushstring(L, strerror(errno));
    return 2;
  }
  const struct sm_source source = {
      .fd = file->fd,
      .size = S_ISREG(facts.st_mode) ? (uint64_t)facts.st_size : 0};
  if (!sm_metadata_find(&source, &found)) {
    lua_pushnil(L);
    lua_pushliteral(L, "it is no PNG, JPEG, WebP or GIF");
    return 2;
  }
  push_found(L, file->fd, &source, &found, has_hash);
  (void)close(file->fd);
  file->fd = -1;
  return 1;
}
