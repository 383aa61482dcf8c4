#include "sm_url.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "check.h"

static bool is_base(const char *url) {
  struct sm_base base;
  struct sm_error e = {.code = SM_OK};
  enum sm_code code = sm_base_read(&base, url, &e);
  CHECK(code == SM_OK || (code == SM_INVALID && e.message[0] != '\0'));
  return code == SM_OK;
}

static void the_public_gateway_has_hosts_for_uploads_and_history(void) {
  struct sm_base base;
  CHECK(sm_base_read(&base, "https://api.segmind.com/", NULL) == SM_OK);
  CHECK(strcmp(base.prefix[SM_HOST_API], "https://api.segmind.com") == 0);
  CHECK(strcmp(base.prefix[SM_HOST_UPLOAD],
               "https://workflows-api.segmind.com") == 0);
  CHECK(strcmp(base.prefix[SM_HOST_CONTROL],
               "https://api.spotprod.segmind.com") == 0);
  CHECK(strcmp(base.origin[SM_HOST_UPLOAD].host, "workflows-api.segmind.com") ==
        0);
  CHECK(!base.is_loopback);
  CHECK(sm_base_read(&base, "HTTPS://API.Segmind.com:443", NULL) == SM_OK);
  CHECK(strcmp(base.prefix[SM_HOST_UPLOAD],
               "https://workflows-api.segmind.com") == 0);
}

static void any_other_base_serves_all_places(void) {
  struct sm_base base;
  const char *url = "https://gate.example:8443/segmind//";
  CHECK(sm_base_read(&base, url, NULL) == SM_OK);
  for (int i = 0; i < SM_HOSTS; i++) {
    CHECK(strcmp(base.prefix[i], "https://gate.example:8443/segmind") == 0);
    CHECK(base.origin[i].port == 8443);
  }
  CHECK(sm_base_read(&base, "https://api.segmind.com/x", NULL) == SM_OK);
  CHECK(strcmp(base.prefix[SM_HOST_CONTROL], "https://api.segmind.com/x") == 0);
}

static void http_is_for_loopback_in_any_spelling(void) {
  static const char *const own[] = {
      "http://localhost:8080",     "http://127.0.0.1:8080/v",
      "http://127.9.8.7",          "http://[::1]:9",
      "http://2130706433/",        "http://0x7f.1/",
      "http://0177.0.0.1",         "http://[0:0:0::1]/",
      "http://[::ffff:127.0.0.1]", "http://LOCALHOST",
  };
  struct sm_base base;
  for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
    CHECK(sm_base_read(&base, own[i], NULL) == SM_OK && base.is_loopback);
  CHECK(sm_base_read(&base, "http://2130706433:81", NULL) == SM_OK);
  CHECK(strcmp(base.prefix[SM_HOST_UPLOAD], "http://127.0.0.1:81") == 0);
  CHECK(sm_base_read(&base, "http://[0:0::1]:81/a", NULL) == SM_OK);
  CHECK(strcmp(base.prefix[SM_HOST_API], "http://[::1]:81/a") == 0);
  CHECK(strcmp(base.origin[SM_HOST_API].host, "::1") == 0);
}

static void a_base_unfit_for_the_key_is_refused(void) {
  static const char *const bad[] = {
      "http://api.segmind.com",
      "http://10.0.0.1",
      "http://localhost.evil.com",
      "http://evil.localhost",
      "ftp://api.segmind.com",
      "file:///etc/passwd",
      "https://",
      "",
      "api.segmind.com",
      "https://user:pass@api.segmind.com",
      "https://@api.segmind.com",
      "https://api.segmind.com\\@evil.com/",
      "https://api.segmind.com/\r\nX: y",
      "https://api.segmind.com/?a=b",
      "https://api.segmind.com/?",
      "https://api.segmind.com/#a",
      "https://api.segmind.com:0",
      "https://api.segmind.com:99999",
      "https://api.segmind.com:x",
      "https://[fe80::1%25eth0]/",
      "https://a b/",
      "https://ex\xc3\xa4mple/",
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    CHECK(!is_base(bad[i]));
  CHECK(!is_base(NULL));
}

static void an_encoded_host_is_judged_decoded(void) {
  CHECK(!is_base("https://%BA.example"));
  /* "%10" once decoded, which no longer is a URL. */
  CHECK(!is_base("https://images%%31%30.example"));
  CHECK(is_base("https://%67w.example"));
}

static void a_base_that_is_too_long_is_refused(void) {
  char url[1024] = "https://h/";
  memset(url + 10, 'a', 900);
  CHECK(!is_base(url));
}

static void origins_are_equal_by_scheme_host_and_port(void) {
  struct sm_origin a, b;
  CHECK(sm_origin_read(&a, "https://Example.com/a?b#c", NULL) == SM_OK);
  CHECK(sm_origin_read(&b, "HTTPS://example.COM:443/d", NULL) == SM_OK);
  CHECK(sm_origin_equal(&a, &b));
  CHECK(sm_origin_read(&b, "https://example.com:444/", NULL) == SM_OK);
  CHECK(!sm_origin_equal(&a, &b));
  CHECK(sm_origin_read(&b, "http://example.com:443/", NULL) == SM_OK);
  CHECK(!sm_origin_equal(&a, &b));
}

static void an_id_is_letters_digits_and_little_else(void) {
  char longest[SM_ID_MAX + 2];
  memset(longest, 'a', sizeof longest);
  longest[SM_ID_MAX] = '\0';
  CHECK(sm_url_is_id("2c7f59ea-13f1-402c-9353-915a2b5a2124"));
  CHECK(sm_url_is_id("a") && sm_url_is_id("A.b_c-9"));
  CHECK(sm_url_is_id(longest));
  longest[SM_ID_MAX] = 'a';
  longest[SM_ID_MAX + 1] = '\0';
  CHECK(!sm_url_is_id(longest));
  static const char *const bad[] = {"",    ".",        "..",   "-a",   "_a",
                                    "a/b", "a b",      "a%2e", "a?b",  "a\nb",
                                    "a\\", "\xc3\xa4", "../a", "a\x7f"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    CHECK(!sm_url_is_id(bad[i]));
  CHECK(!sm_url_is_id(NULL));
}

static void a_path_is_put_behind_its_place(void) {
  struct sm_base base;
  struct sm_buf out;
  sm_buf_create(&out, 4096);
  sm_base_read(&base, "http://localhost:1/p/", NULL);
  CHECK(sm_url_build(&out, &base, SM_HOST_UPLOAD, "/v2/", "id", "", NULL) ==
        SM_OK);
  CHECK(strcmp(sm_buf_text(&out), "http://localhost:1/p/v2/id") == 0);
  CHECK(sm_url_build(&out, &base, SM_HOST_API, "/x", "", "", NULL) == SM_OK);
  CHECK(strcmp(sm_buf_text(&out), "http://localhost:1/p/x") == 0);
  sm_buf_destroy(&out);
}

static void a_path_cannot_change_the_host(void) {
  struct sm_base base;
  struct sm_buf out;
  sm_buf_create(&out, 4096);
  sm_base_read(&base, "https://api.segmind.com", NULL);
  static const char *const bad[] = {"@evil.com/", ".evil.com", "", "/a b",
                                    "/a\r\nX: y"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    CHECK(sm_url_build(&out, &base, SM_HOST_API, bad[i], "", "", NULL) ==
          SM_INVALID);
    CHECK(out.size == 0);
  }
  CHECK(sm_url_build(&out, &base, SM_HOST_API, "/v2/", NULL, "", NULL) ==
        SM_INVALID);
  sm_buf_destroy(&out);
}

static bool may_fetch(const char *base_url, const char *url,
                      const char *const *hosts) {
  struct sm_base base;
  struct sm_error e;
  CHECK(sm_base_read(&base, base_url, NULL) == SM_OK);
  enum sm_code code = sm_url_check_media(url, &base, hosts, &e);
  CHECK(code == SM_OK || code == SM_SECURITY);
  return code == SM_OK;
}

static void the_key_goes_to_its_own_origin_only(void) {
  static const char *const own[] = {"/v2/a", "/p/../v2", "/", "", "?a=1", "#"};
  static const char *const other[] = {
      "@evil.example/",   ".evil.example/", ":1@evil.example/", "0/v2/a",
      "\\@evil.example/", "/v2/\n",         "/v2/ a",           "/\\x",
      "/\xc3\xbc",        ":1/v2/a",        "%2eevil.example/"};
  struct sm_base base;
  char url[640];
  CHECK(sm_base_read(&base, "https://gate.example:8443", NULL) == SM_OK);
  for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
    (void)snprintf(url, sizeof url, "%s%s", base.prefix[0], own[i]);
    CHECK(sm_base_has(&base, SM_HOST_API, url));
  }
  CHECK(sm_base_has(&base, SM_HOST_API, "HTTPS://GATE.example:8443/v2"));
  for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
    (void)snprintf(url, sizeof url, "%s%s", base.prefix[0], other[i]);
    CHECK(!sm_base_has(&base, SM_HOST_API, url));
  }
  CHECK(!sm_base_has(&base, SM_HOST_API, "http://gate.example:8443/v2"));
  CHECK(sm_base_read(&base, "https://api.segmind.com", NULL) == SM_OK);
  CHECK(!sm_base_has(&base, SM_HOST_UPLOAD, "https://api.segmind.com/v2"));
}

static void pictures_come_from_the_service_the_base_and_the_list(void) {
  static const char *const hosts[] = {"cdn.example", ".images.example", NULL};
  const char *gate = "https://api.segmind.com";
  CHECK(may_fetch(gate, "https://images.segmind.com/a.png?x=1", NULL));
  CHECK(may_fetch(gate, "https://segmind.com/a.png", NULL));
  CHECK(may_fetch(gate, "https://A.B.SEGMIND.com/a.png", NULL));
  CHECK(may_fetch(gate, "https://cdn.example/a.png", hosts));
  CHECK(may_fetch(gate, "https://eu.images.example/a.png", hosts));
  CHECK(may_fetch("https://gw.example:8", "https://gw.example:8/a", NULL));
}

static void pictures_come_from_nowhere_else(void) {
  static const char *const hosts[] = {"cdn.example", ".images.example", "", ".",
                                      NULL};
  static const char *const bad[] = {
      "http://images.segmind.com/a.png",
      "https://evil.com/a.png",
      "https://evilsegmind.com/a.png",
      "https://segmind.com.evil.com/a.png",
      "https://images.segmind.com@evil.com/a.png",
      "https://user@images.segmind.com/a.png",
      "https://images.segmind.com\\@evil.com/",
      "https://x.cdn.example/a.png",
      "https://images.example/a.png",
      "https://127.0.0.1/a.png",
      "https://[::1]/a.png",
      "https://169.254.169.254/latest",
      "file:///etc/passwd",
      "//images.segmind.com/a",
      "",
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    CHECK(!may_fetch("https://api.segmind.com", bad[i], hosts));
}

static void a_listed_private_address_is_refused_all_the_same(void) {
  static const char *const hosts[] = {"10.0.0.7", "localhost", "127.0.0.1",
                                      NULL};
  const char *gate = "https://api.segmind.com";
  CHECK(!may_fetch(gate, "https://10.0.0.7/a.png", hosts));
  CHECK(!may_fetch(gate, "https://167772167/a.png", hosts));
  CHECK(!may_fetch(gate, "https://localhost/a.png", hosts));
  CHECK(may_fetch("http://localhost:1", "https://10.0.0.7/a.png", hosts));
}

static void plain_http_is_for_a_loopback_base_only(void) {
  static const char *const hosts[] = {"example.com", NULL};
  const char *own = "http://127.0.0.1:8080";
  CHECK(may_fetch(own, "http://127.0.0.1:8080/a.png", NULL));
  CHECK(!may_fetch(own, "http://127.0.0.1:8081/a.png", NULL));
  CHECK(!may_fetch(own, "http://example.com/a.png", hosts));
  CHECK(may_fetch(own, "https://example.com/a.png", hosts));
}

static const char *resolved(struct sm_buf *out, const char *location) {
  sm_buf_reset(out);
  const char *from = "https://a.example/x/y?q=1";
  enum sm_code code = sm_url_resolve(out, from, location, NULL);
  CHECK(code == SM_OK || code == SM_PROTOCOL);
  return code == SM_OK ? sm_buf_text(out) : "";
}

static void a_redirect_is_made_absolute(void) {
  struct sm_buf out;
  sm_buf_create(&out, 4096);
  CHECK(strcmp(resolved(&out, "https://b.example/z"), "https://b.example/z") ==
        0);
  CHECK(strcmp(resolved(&out, "/z?k=v#frag"), "https://a.example/z?k=v") == 0);
  CHECK(strcmp(resolved(&out, "z"), "https://a.example/x/z") == 0);
  CHECK(strcmp(resolved(&out, "../z"), "https://a.example/z") == 0);
  CHECK(strcmp(resolved(&out, "//b.example/z"), "https://b.example/z") == 0);
  CHECK(strcmp(resolved(&out, "https://b ad/"), "") == 0);
  CHECK(strcmp(resolved(&out, "/a\r\nX: y"), "") == 0);
  CHECK(strcmp(resolved(&out, ""), "") == 0);
  sm_buf_destroy(&out);
}

static bool is_public(const char *text) {
  struct sockaddr_storage address;
  CHECK(sm_address_read(&address, text));
  return sm_address_is_public((const struct sockaddr *)&address);
}

static void addresses_of_the_internet_are_public(void) {
  static const char *const open[] = {
      "1.1.1.1",     "172.15.0.1",           "172.32.0.1",
      "100.63.0.1",  "100.128.0.1",          "223.255.255.255",
      "198.20.0.1",  "2606:4700::1111",      "2a00:1450:4001::200e",
      "192.0.1.1",   "::ffff:1.1.1.1",       "64:ff9b::8.8.8.8",
      "169.253.0.1", "2001:4860:4860::8888",
  };
  for (size_t i = 0; i < sizeof open / sizeof open[0]; i++)
    CHECK(is_public(open[i]));
}

static void addresses_of_this_network_are_not(void) {
  static const char *const closed[] = {
      "0.0.0.0",
      "10.1.2.3",
      "100.64.0.1",
      "127.0.0.1",
      "169.254.169.254",
      "172.16.0.1",
      "172.31.255.255",
      "192.0.0.1",
      "192.168.1.1",
      "198.18.0.1",
      "224.0.0.1",
      "255.255.255.255",
      "240.0.0.1",
      "::",
      "::1",
      "::ffff:127.0.0.1",
      "::ffff:10.0.0.1",
      "64:ff9b::192.168.0.1",
      "64:ff9b:1::1",
      "::127.0.0.1",
      "fe80::1",
      "fc00::1",
      "fd12::1",
      "ff02::1",
      "2001:db8::1",
      "2001::1",
      "2002:7f00:1::",
      "100::1",
      "fec0::1",
      "203.0.113.5",
  };
  for (size_t i = 0; i < sizeof closed / sizeof closed[0]; i++)
    CHECK(!is_public(closed[i]));
  CHECK(!sm_address_is_public(NULL));
  CHECK(!sm_address_is_public(&(struct sockaddr){.sa_family = AF_UNIX}));
}

static void loopback_is_known_behind_a_mapped_address(void) {
  static const char *const own[] = {"127.0.0.1", "127.255.0.1", "::1",
                                    "::ffff:127.0.0.1"};
  struct sockaddr_storage address;
  for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
    CHECK(sm_address_read(&address, own[i]));
    CHECK(sm_address_is_loopback((const struct sockaddr *)&address));
  }
  CHECK(sm_address_read(&address, "128.0.0.1"));
  CHECK(!sm_address_is_loopback((const struct sockaddr *)&address));
  CHECK(!sm_address_read(&address, "localhost"));
}

int main(void) {
  the_public_gateway_has_hosts_for_uploads_and_history();
  any_other_base_serves_all_places();
  http_is_for_loopback_in_any_spelling();
  a_base_unfit_for_the_key_is_refused();
  an_encoded_host_is_judged_decoded();
  a_base_that_is_too_long_is_refused();
  origins_are_equal_by_scheme_host_and_port();
  an_id_is_letters_digits_and_little_else();
  a_path_is_put_behind_its_place();
  a_path_cannot_change_the_host();
  the_key_goes_to_its_own_origin_only();
  pictures_come_from_the_service_the_base_and_the_list();
  pictures_come_from_nowhere_else();
  a_listed_private_address_is_refused_all_the_same();
  plain_http_is_for_a_loopback_base_only();
  a_redirect_is_made_absolute();
  addresses_of_the_internet_are_public();
  addresses_of_this_network_are_not();
  loopback_is_known_behind_a_mapped_address();
  return check_report("sm_url");
}
