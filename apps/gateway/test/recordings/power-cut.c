/*
 * Preloaded into a process under test. Keeps, beside the files below ROOT, what a disk would hold after a power cut:
 * a file's content as of its last fdatasync or fsync that succeeded, and a folder's names as of its last fsync.
 * WEIR_SHIM_ROOT, WEIR_SHIM_DURABLE: folders. WEIR_SHIM_FAIL=CALL:AFTER:ERRNO makes CALL (fdatasync, pwrite) fail on journal
 * segments in use after AFTER successes.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_int unique;
static atomic_int seen;

static int path_of(int fd, char *path, size_t size) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, size - 1);
  if (length < 0) return 0;
  path[length] = 0;
  const char *root = getenv("WEIR_SHIM_ROOT");
  return root != NULL && strncmp(path, root, strlen(root)) == 0;
}

/* Inode and birth time: an inode's number may be used again. */
static int name_of(int at, const char *path, int flags, char *name, size_t size, int *folder) {
  struct statx facts;
  if (statx(at, path, flags, STATX_BASIC_STATS | STATX_BTIME, &facts) != 0) return 0;
  *folder = S_ISDIR(facts.stx_mode);
  snprintf(name, size, "%llu-%lld-%u", (unsigned long long)facts.stx_ino, (long long)facts.stx_btime.tv_sec,
           facts.stx_btime.tv_nsec);
  return 1;
}

static void take_content(int fd, FILE *out) {
  char path[64], buffer[65536];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  int in = open(path, O_RDONLY);
  if (in < 0) abort();
  for (ssize_t got; (got = read(in, buffer, sizeof buffer)) > 0;) fwrite(buffer, 1, (size_t)got, out);
  close(in);
}

static void take_names(const char *path, FILE *out) {
  DIR *folder = opendir(path);
  if (folder == NULL) abort();
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    char name[96];
    int is_folder;
    if (entry->d_name[0] == '.') continue;
    if (!name_of(dirfd(folder), entry->d_name, AT_SYMLINK_NOFOLLOW, name, sizeof name, &is_folder)) continue;
    fprintf(out, "%s %s %s\n", is_folder ? "d" : "f", name, entry->d_name);
  }
  closedir(folder);
}

static int fails(const char *call, const char *path) {
  const char *plan = getenv("WEIR_SHIM_FAIL");
  if (plan == NULL || strncmp(plan, call, strlen(call)) != 0 || strstr(path, "/journal-") == NULL) return 0;
  int after = 0, number = EIO;
  sscanf(plan + strlen(call), ":%d:%d", &after, &number);
  if (atomic_fetch_add(&seen, 1) != after) return 0; /* Once only: who tries again would succeed. */
  errno = number;
  return 1;
}

/* The state is taken before the sync and becomes the durable one only after its success. */
static int synced(int fd, const char *call) {
  int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, call);
  char path[4096], name[96], aside[4400], durable[4400];
  int is_folder;
  if (!path_of(fd, path, sizeof path)) return real(fd);
  if (fails(call, path)) return -1;
  if (!name_of(fd, "", AT_EMPTY_PATH, name, sizeof name, &is_folder)) abort();
  const char *store = getenv("WEIR_SHIM_DURABLE");
  snprintf(durable, sizeof durable, "%s/%s", store, name);
  snprintf(aside, sizeof aside, "%s/tmp.%d.%d", store, getpid(), atomic_fetch_add(&unique, 1));
  FILE *out = fopen(aside, "w");
  if (out == NULL) abort();
  if (is_folder) take_names(path, out);
  else take_content(fd, out);
  fclose(out);
  int result = real(fd);
  if (result == 0) rename(aside, durable);
  else unlink(aside);
  return result;
}

int fdatasync(int fd) { return synced(fd, "fdatasync"); }
int fsync(int fd) { return synced(fd, "fsync"); }

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
  static ssize_t (*real)(int, const void *, size_t, off64_t);
  if (real == NULL) real = (ssize_t (*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
  char path[4096];
  if (path_of(fd, path, sizeof path) && fails("pwrite", path)) return -1;
  return real(fd, bytes, count, offset);
}
