#include "sm_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "sm_system.h"

struct block {
  uint32_t address;
  unsigned bits;
};

/* https://www.iana.org/assignments/iana-ipv4-special-registry: whatever is not
 * globally reachable, with multicast and the retired 6to4 relays. */
static const struct block closed_blocks[] = {
    {0x00000000, 8},  {0x0a000000, 8},  {0x64400000, 10}, {0x7f000000, 8},
    {0xa9fe0000, 16}, {0xac100000, 12}, {0xc0000000, 24}, {0xc0000200, 24},
    {0xc0586300, 24}, {0xc0a80000, 16}, {0xc6120000, 15}, {0xc6336400, 24},
    {0xcb007100, 24}, {0xe0000000, 4},  {0xf0000000, 4},
};

static bool is_public_v4(uint32_t address) {
  size_t count = sizeof closed_blocks / sizeof closed_blocks[0];
  for (size_t i = 0; i < count; i++)
    if (((address ^ closed_blocks[i].address) >>
         (32 - closed_blocks[i].bits)) == 0)
      return false;
  return true;
}

static uint32_t read_be32(const unsigned char *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 |
         at[3];
}

/* ::ffff:0:0/96 is how a socket shows IPv4; 64:ff9b::/96 is how a network
 * without IPv4 reaches it (RFC 6052). Both open a connection to the address
 * that they hold. */
static bool is_v4_inside(const unsigned char *a) {
  static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
  static const unsigned char nat64[12] = {0x00, 0x64, 0xff, 0x9b};
  return memcmp(a, mapped, 12) == 0 || memcmp(a, nat64, 12) == 0;
}

/* Global unicast is 2000::/3 and nothing else; inside it stand the blocks for
 * protocols (2001::/23, Teredo among them), documentation (2001:db8::/32,
 * 3fff::/20) and 6to4 (2002::/16), none of which serves pictures. */
static bool is_public_v6(const unsigned char *a) {
  if (is_v4_inside(a))
    return is_public_v4(read_be32(a + 12));
  if ((a[0] & 0xe0) != 0x20)
    return false;
  uint32_t head = read_be32(a);
  return head >> 9 != 0x20010000 >> 9 && head != 0x20010db8 &&
         head >> 16 != 0x2002 && head >> 12 != 0x3fff0000 >> 12;
}

static bool is_loopback_v6(const unsigned char *a) {
  static const unsigned char one[16] = {[15] = 1};
  return memcmp(a, one, 16) == 0 || (is_v4_inside(a) && a[12] == 127);
}

/* The bytes are copied out: a caller's sockaddr may be aligned as char. */
static bool v4_of(const struct sockaddr *address, uint32_t *out) {
  struct sockaddr_in v4;
  if (address->sa_family != AF_INET)
    return false;
  memcpy(&v4, address, sizeof v4);
  *out = ntohl(v4.sin_addr.s_addr);
  return true;
}

static bool v6_of(const struct sockaddr *address, unsigned char out[16]) {
  struct sockaddr_in6 v6;
  if (address->sa_family != AF_INET6)
    return false;
  memcpy(&v6, address, sizeof v6);
  memcpy(out, v6.sin6_addr.s6_addr, 16);
  return true;
}

bool sm_address_is_public(const struct sockaddr *address) {
  uint32_t v4;
  unsigned char v6[16];
  if (address == NULL)
    return false;
  if (v4_of(address, &v4))
    return is_public_v4(v4);
  return v6_of(address, v6) && is_public_v6(v6);
}

bool sm_address_is_loopback(const struct sockaddr *address) {
  uint32_t v4;
  unsigned char v6[16];
  if (address == NULL)
    return false;
  if (v4_of(address, &v4))
    return v4 >> 24 == 127;
  return v6_of(address, v6) && is_loopback_v6(v6);
}

bool sm_address_read(struct sockaddr_storage *out, const char *host) {
  struct sockaddr_in v4 = {.sin_family = AF_INET};
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
  memset(out, 0, sizeof *out);
  if (sm_system_address(&v4.sin_addr, host))
    memcpy(out, &v4, sizeof v4);
  else if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1)
    memcpy(out, &v6, sizeof v6);
  else
    return false;
  return true;
}
