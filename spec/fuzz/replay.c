/* Runs a target over the files of a folder, without a fuzzer:
 *   NAME_fuzz corpus/NAME…
 */
#include <dirent.h>
#include <sys/stat.h>

#include "fuzz.h"

static void run_file(const char *path) {
  struct stat facts;
  FILE *file = fopen(path, "rb");
  if (file == NULL || fstat(fileno(file), &facts) != 0) {
    perror(path);
    exit(1);
  }
  /* As large as the input and no larger: a read past it is seen. */
  size_t size = (size_t)facts.st_size;
  uint8_t *data = malloc(size + (size == 0));
  if (data == NULL || fread(data, 1, size, file) != size)
    exit(1);
  (void)fclose(file);
  (void)LLVMFuzzerTestOneInput(data, size);
  free(data);
}

static int run_folder(const char *folder) {
  struct dirent **entries;
  int found = scandir(folder, &entries, NULL, alphasort), count = 0;
  for (int i = 0; i < found; i++) {
    char path[4096];
    int length =
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
    if (entries[i]->d_name[0] != '.' && length > 0) {
      run_file(path);
      count++;
    }
    free(entries[i]);
  }
  if (found >= 0)
    free(entries);
  return count;
}

int main(int argc, char **argv) {
  int count = 0;
  for (int i = 1; i < argc; i++)
    count += run_folder(argv[i]);
  printf("%d inputs\n", count);
  return count > 0 ? 0 : 1;
}
