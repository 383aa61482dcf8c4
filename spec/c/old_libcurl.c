/* A preload for the loader's spec: libcurl says that it is 7.79. */
#include <curl/curl.h>

#undef curl_version_info
curl_version_info_data *curl_version_info(CURLversion age) {
  static curl_version_info_data info = {.version = "7.79.1",
                                        .version_num = 0x074f01};
  info.age = age;
  return &info;
}
