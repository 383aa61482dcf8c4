/* c_stream: an upload and a download as a straightforward C program streams
 * them: base64 made in the read callback, bytes written to a file as they come.
 */
#include <curl/curl.h>
#include <stdbool.h>
#include <stdlib.h>

#include "gauge.h"

static const char head[] = "{\"data_urls\":[\"data:image/png;base64,";
static const char tail[] = "\"]}";

struct upload {
  FILE *file;
  size_t at, size; /* of what is encoded */
  bool is_over;
  char encoded[65536];
};

static void die(const char *what) {
  (void)fprintf(stderr, "c_stream: %s\n", what);
  exit(1);
}

static size_t encode(char *out, const unsigned char *in, size_t size) {
  static const char digits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  char *at = out;
  for (size_t i = 0; i < size; i += 3) {
    unsigned b = i + 1 < size ? in[i + 1] : 0, c = i + 2 < size ? in[i + 2] : 0;
    unsigned bits = (unsigned)in[i] << 16 | b << 8 | c;
    *at++ = digits[bits >> 18];
    *at++ = digits[bits >> 12 & 63];
    *at++ = i + 1 < size ? digits[bits >> 6 & 63] : '=';
    *at++ = i + 2 < size ? digits[bits & 63] : '=';
  }
  return (size_t)(at - out);
}

static void fill(struct upload *upload) {
  unsigned char raw[48 * 1024];
  size_t got = fread(raw, 1, sizeof raw, upload->file);
  upload->at = 0;
  upload->size = encode(upload->encoded, raw, got);
  if (got < sizeof raw && !upload->is_over) {
    upload->is_over = true;
    memcpy(upload->encoded + upload->size, tail, sizeof tail - 1);
    upload->size += sizeof tail - 1;
  }
}

static size_t on_read(char *out, size_t size, size_t count, void *user) {
  struct upload *upload = user;
  if (upload->at == upload->size && !upload->is_over)
    fill(upload);
  size_t got = upload->size - upload->at;
  if (got > size * count)
    got = size * count;
  memcpy(out, upload->encoded + upload->at, got);
  upload->at += got;
  return got;
}

static struct curl_slist *prepare_upload(CURL *easy, struct upload *upload,
                                         const char *path) {
  struct curl_slist *headers = NULL;
  upload->file = fopen(path, "rb");
  if (!upload->file || fseek(upload->file, 0, SEEK_END) != 0)
    die(path);
  curl_off_t size = ftell(upload->file);
  rewind(upload->file);
  memcpy(upload->encoded, head, sizeof head - 1);
  upload->size = sizeof head - 1;
  headers = curl_slist_append(headers, "x-api-key: SG_0123456789abcdef");
  headers = curl_slist_append(headers, "Content-Type: application/json");
  headers = curl_slist_append(headers, "Expect:");
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(easy, CURLOPT_POST, 1L);
  curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
  curl_easy_setopt(easy, CURLOPT_READDATA, upload);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                   (size + 2) / 3 * 4 + (curl_off_t)sizeof head - 1 +
                       (curl_off_t)sizeof tail - 1);
  return headers;
}

static size_t on_write(char *bytes, size_t size, size_t count, void *user) {
  return fwrite(bytes, size, count, user) * size;
}

static size_t on_answer(char *bytes, size_t size, size_t count, void *user) {
  (void)user;
  (void)fwrite(bytes, size, count, stderr);
  return size * count;
}

int main(int argc, char **argv) {
  static struct upload upload;
  if (argc != 4) {
    puts("usage: c_stream upload|download URL FILE\n\n"
         "Streams a file to the emulator's upload-asset at URL, or from URL,\n"
         "and prints what that took, as name=value.");
    return 2;
  }
  bool is_upload = strcmp(argv[1], "upload") == 0;
  curl_global_init(CURL_GLOBAL_DEFAULT);
  CURL *easy = curl_easy_init();
  long kib = gauge_kib("VmRSS:");
  gauge_forget_peak();
  int64_t cpu_us = gauge_cpu_us();
  FILE *out = is_upload ? NULL : fopen(argv[3], "wb");
  curl_easy_setopt(easy, CURLOPT_URL, argv[2]);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION,
                   is_upload ? on_answer : on_write);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, out);
  if (is_upload)
    prepare_upload(easy, &upload, argv[3]);
  CURLcode rc = curl_easy_perform(easy);
  if (rc != CURLE_OK)
    die(curl_easy_strerror(rc));
  if (out && fclose(out) != 0)
    die(argv[3]);
  printf("cpu_us=%lld kib=%ld\n", (long long)(gauge_cpu_us() - cpu_us),
         gauge_kib("VmHWM:") - kib);
  return 0;
}
