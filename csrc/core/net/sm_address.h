/* sm_address: whether an IP address is one of the public internet.
 *
 * A finished picture's address comes from the service's answer, hence may be
 * chosen by someone else; it must not make this machine fetch from its own
 * network. Names prove nothing (a public name may resolve to 10.0.0.1), so the
 * question is asked where a socket opens, of the address that it opens to, and
 * of a host that is written as a number in any spelling the resolver takes.
 */
#ifndef SM_ADDRESS_H
#define SM_ADDRESS_H

#include <stdbool.h>

struct sockaddr;
struct sockaddr_storage;

/* False for loopback, private, link-local, unspecified, multicast and reserved
 * addresses, also behind ::ffff:0:0/96 and 64:ff9b::/96. */
bool sm_address_is_public(const struct sockaddr *address);

/* 127.0.0.0/8 and ::1. */
bool sm_address_is_loopback(const struct sockaddr *address);

/* The address that `host` is, when it is written as one: IPv6 without its
 * brackets, or IPv4 as inet_aton reads it ("127.1", "0x7f000001"). */
bool sm_address_read(struct sockaddr_storage *out, const char *host);

#endif
