/* What a disk may do to a program, for rigs/power.py. Preloaded into Doorkey, it stands between the program
   and the files below one folder.

   DISK_FOLDER  the folder; files elsewhere are left alone.
   DISK_IMAGE   a folder that holds what has reached the disk: what was synced, and of what was not synced,
                some writes by chance, whole or a few sectors of them, in any order. Whoever looks there after
                the program was killed sees what a machine sees whose power was cut.
   DISK_SEED    where chance begins.
   DISK_DEAF    files that end in this are never synced, whatever the program asks for.
   DISK_ORDERS  a file of `struct orders`: which calls are to fail, and how many there were.

   A new file is on the disk once it or its folder was synced. Renaming and making folders reach it at once. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define SECTOR 512
#define DESCRIPTORS 65536

struct orders { int64_t calls, from, until, error, failed; };

/* A write, or a change of length without data, that is not synced. */
struct change { struct change *next; off_t at; size_t length; char *data; };

struct file {
  struct file *next;
  char *path;           /* below the folder, with a slash before it */
  int image;            /* -1: not open */
  int fresh;            /* made by the program, and not on the disk yet */
  int is_folder, is_removed;
  struct change *first, **last;
};

static const char *folder, *image, *deaf;
static struct orders *orders, no_orders;
static struct file *files, *by_descriptor[DESCRIPTORS];
static uint64_t chance;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int (*real_openat)(int, const char *, int, ...);
static int (*real_close)(int);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_fsync)(int);
static int (*real_unlinkat)(int, const char *, int);
static int (*real_rename)(const char *, const char *);
static int (*real_mkdir)(const char *, mode_t);

static void begin(void) {
  real_openat = dlsym(RTLD_NEXT, "openat");
  real_close = dlsym(RTLD_NEXT, "close");
  real_write = dlsym(RTLD_NEXT, "write");
  real_writev = dlsym(RTLD_NEXT, "writev");
  real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
  real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
  real_fsync = dlsym(RTLD_NEXT, "fsync");
  real_unlinkat = dlsym(RTLD_NEXT, "unlinkat");
  real_rename = dlsym(RTLD_NEXT, "rename");
  real_mkdir = dlsym(RTLD_NEXT, "mkdir");
  folder = getenv("DISK_FOLDER");
  image = getenv("DISK_IMAGE");
  deaf = getenv("DISK_DEAF");
  orders = &no_orders;
  const char *seed = getenv("DISK_SEED"), *path = getenv("DISK_ORDERS");
  chance = (seed ? strtoull(seed, NULL, 10) : 0) * 2654435769u + 88172645463325252u;
  if (path) {
    int descriptor = real_openat(AT_FDCWD, path, O_RDWR | O_CLOEXEC);
    void *shared = mmap(NULL, sizeof *orders, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (descriptor < 0 || shared == MAP_FAILED) abort();
    orders = shared;
    real_close(descriptor);
  }
}

static void enter(void) {
  pthread_once(&once, begin);
  pthread_mutex_lock(&lock);
}

static int leave(int result) {
  pthread_mutex_unlock(&lock);
  return result;
}

static unsigned draw(unsigned below) {
  chance ^= chance << 13;
  chance ^= chance >> 7;
  chance ^= chance << 17;
  return (unsigned)(chance >> 33) % below;
}

/* Whether this call is one of those that are to fail. */
static int fails(void) {
  int64_t call = ++orders->calls;
  if (call < orders->from || call > orders->until) return 0;
  orders->failed++;
  errno = (int)orders->error;
  return 1;
}

/* The part of a path below the folder, or NULL for what lies elsewhere. */
static const char *below(const char *path) {
  size_t length = folder ? strlen(folder) : 0;
  if (!length || strncmp(path, folder, length) || (path[length] && path[length] != '/')) return NULL;
  return path + length;
}

static int ends_in(const char *path, const char *ending) {
  size_t length = strlen(path), part = strlen(ending);
  return length >= part && !strcmp(path + length - part, ending);
}

static int is_deaf(const struct file *file) {
  return deaf && *deaf && ends_in(file->path, deaf);
}

static char *in_image(const char *path) {
  static char full[PATH_MAX];
  snprintf(full, sizeof full, "%s%s", image, path);
  return full;
}

static struct file *find(const char *path) {
  struct file *file = files;
  while (file && (file->is_removed || strcmp(file->path, path))) file = file->next;
  return file;
}

static struct file *note(const char *path, int fresh, int is_folder) {
  struct file *file = find(path);
  if (file) return file;
  file = calloc(1, sizeof *file);
  file->path = strdup(path);
  file->image = -1;
  file->fresh = fresh;
  file->is_folder = is_folder;
  file->last = &file->first;
  file->next = files;
  files = file;
  return file;
}

static int on_disk(struct file *file) {
  if (file->image < 0)
    file->image = real_openat(AT_FDCWD, in_image(file->path),
                              O_WRONLY | O_CREAT | O_CLOEXEC | (file->fresh ? O_TRUNC : 0), 0600);
  if (file->image < 0) abort();
  file->fresh = 0;
  return file->image;
}

static void put(int descriptor, const char *data, size_t length, off_t at) {
  if (real_pwrite(descriptor, data, length, at) != (ssize_t)length) abort();
}

static void apply(struct file *file, const struct change *change) {
  if (change->data)
    put(on_disk(file), change->data, change->length, change->at);
  else if (real_ftruncate(on_disk(file), change->at))
    abort();
}

/* What of an unsynced write reaches the disk by itself: mostly nothing, at times all, at times some sectors. */
static void apply_by_chance(struct file *file, const struct change *change) {
  unsigned lot = draw(10);
  if (lot < 2 || (lot < 4 && !change->data)) apply(file, change);
  if (lot < 2 || lot >= 4 || !change->data) return;
  for (size_t at = 0; at < change->length; at += SECTOR) {
    size_t rest = change->length - at;
    if (draw(2)) put(on_disk(file), change->data + at, rest < SECTOR ? rest : SECTOR, change->at + (off_t)at);
  }
}

static void change(struct file *file, const void *data, size_t length, off_t at) {
  if (!image || !file || file->is_folder || file->is_removed || ends_in(file->path, "-shm")) return;
  struct change *made = calloc(1, sizeof *made);
  made->at = at;
  made->length = length;
  if (data) {
    made->data = malloc(length ? length : 1);
    memcpy(made->data, data, length);
  }
  *file->last = made;
  file->last = &made->next;
  apply_by_chance(file, made);
}

/* A sync that succeeds brings every change to the disk; after one that failed the kernel may have forgotten
   them, and a later success says nothing about them. */
static void settle(struct file *file, int succeeded) {
  if (succeeded && image) on_disk(file);
  while (file->first) {
    struct change *settled = file->first;
    if (succeeded && image) apply(file, settled);
    file->first = settled->next;
    free(settled->data);
    free(settled);
  }
  file->last = &file->first;
}

static void sync_folder(const struct file *synced) {
  size_t length = strlen(synced->path);
  for (struct file *file = files; image && file; file = file->next) {
    int within = !strncmp(file->path, synced->path, length) && file->path[length] == '/';
    if (!within || strchr(file->path + length + 1, '/') || ends_in(file->path, "-shm")) continue;
    if (file->is_removed && !find(file->path)) real_unlinkat(AT_FDCWD, in_image(file->path), 0);
    if (!file->is_removed && file->fresh && !file->is_folder) on_disk(file);
  }
}

static struct file *of(int descriptor) {
  return descriptor >= 0 && descriptor < DESCRIPTORS ? by_descriptor[descriptor] : NULL;
}

static int open_at(int from, const char *path, int flags, mode_t mode) {
  enter();
  const char *name = path[0] == '/' ? below(path) : NULL;
  if (!name) return leave(real_openat(from, path, flags, mode));
  if (fails()) return leave(-1);
  int existed = !access(path, F_OK), descriptor = real_openat(from, path, flags, mode);
  struct stat found;
  if (descriptor < 0 || descriptor >= DESCRIPTORS || fstat(descriptor, &found)) return leave(descriptor);
  by_descriptor[descriptor] = note(name, !existed, S_ISDIR(found.st_mode));
  if (existed && (flags & O_TRUNC)) change(by_descriptor[descriptor], NULL, 0, 0);
  return leave(descriptor);
}

static mode_t mode_of(int flags, va_list rest) {
  return flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
}

/* The rest of a function like `open`. */
#define OPEN(from)                      \
  va_list rest;                         \
  va_start(rest, flags);                \
  mode_t mode = mode_of(flags, rest);   \
  va_end(rest);                         \
  return open_at(from, path, flags, mode)

int open(const char *path, int flags, ...) { OPEN(AT_FDCWD); }
int open64(const char *path, int flags, ...) { OPEN(AT_FDCWD); }
int openat(int from, const char *path, int flags, ...) { OPEN(from); }
int openat64(int from, const char *path, int flags, ...) { OPEN(from); }

int close(int descriptor) {
  enter();
  if (of(descriptor)) by_descriptor[descriptor] = NULL;
  return leave(real_close(descriptor));
}

ssize_t pwrite64(int descriptor, const void *data, size_t length, off_t at) {
  enter();
  struct file *file = of(descriptor);
  int failed = file && fails(), error = errno;
  /* A write that fails may have come half the way. */
  ssize_t written = real_pwrite(descriptor, data, failed ? length / 2 : length, at);
  if (written > 0) change(file, data, (size_t)written, at);
  if (failed) errno = error;
  leave(0);
  return failed ? -1 : written;
}

ssize_t pwrite(int descriptor, const void *data, size_t length, off_t at) {
  return pwrite64(descriptor, data, length, at);
}

ssize_t write(int descriptor, const void *data, size_t length) {
  pthread_once(&once, begin);
  /* Sockets and pipes may block, so nothing is held meanwhile. */
  if (!of(descriptor)) return real_write(descriptor, data, length);
  enter();
  ssize_t written = fails() ? -1 : real_write(descriptor, data, length);
  if (written > 0) change(of(descriptor), data, (size_t)written, lseek(descriptor, 0, SEEK_CUR) - written);
  leave(0);
  return written;
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
  pthread_once(&once, begin);
  if (!of(descriptor)) return real_writev(descriptor, parts, count);
  return count ? write(descriptor, parts->iov_base, parts->iov_len) : 0;
}

int ftruncate64(int descriptor, off_t length) {
  enter();
  struct file *file = of(descriptor);
  if (file && fails()) return leave(-1);
  int result = real_ftruncate(descriptor, length);
  if (!result) change(file, NULL, 0, length);
  return leave(result);
}

int ftruncate(int descriptor, off_t length) { return ftruncate64(descriptor, length); }

int fsync(int descriptor) {
  /* It takes its time, as on a disk, so that power is cut meanwhile, too. Nothing is held. */
  if (of(descriptor)) usleep(2000);
  enter();
  struct file *file = of(descriptor);
  if (!file) return leave(real_fsync(descriptor));
  int failed = fails();
  if (file->is_folder && !failed) sync_folder(file);
  /* The image is the disk: there is no need to wait for the machine's own. */
  if (!file->is_folder && !is_deaf(file) && !ends_in(file->path, "-shm"))
    settle(file, !failed);
  return leave(failed ? -1 : 0);
}

int fdatasync(int descriptor) { return fsync(descriptor); }

static int remove_at(int from, const char *path, int flags) {
  enter();
  const char *name = path[0] == '/' ? below(path) : NULL;
  if (!name) return leave(real_unlinkat(from, path, flags));
  if (fails()) return leave(-1);
  int result = real_unlinkat(from, path, flags);
  if (result || !image) return leave(result);
  struct file *file = note(name, 0, flags & AT_REMOVEDIR);
  file->is_removed = 1;
  if (draw(2)) real_unlinkat(AT_FDCWD, in_image(name), flags);
  return leave(result);
}

int unlink(const char *path) { return remove_at(AT_FDCWD, path, 0); }
int unlinkat(int from, const char *path, int flags) { return remove_at(from, path, flags); }
int rmdir(const char *path) { return remove_at(AT_FDCWD, path, AT_REMOVEDIR); }

int rename(const char *from, const char *to) {
  enter();
  const char *old = below(from), *new = below(to);
  if (!old || !new) return leave(real_rename(from, to));
  if (fails()) return leave(-1);
  int result = real_rename(from, to);
  struct file *file = find(old), *replaced = find(new);
  if (result || !file) return leave(result);
  if (replaced) replaced->is_removed = 1;
  if (image) {
    char source[PATH_MAX];
    on_disk(file);
    strcpy(source, in_image(old));
    real_rename(source, in_image(new));
  }
  file->path = strdup(new);
  return leave(result);
}

int mkdir(const char *path, mode_t mode) {
  enter();
  const char *name = below(path);
  if (!name) return leave(real_mkdir(path, mode));
  if (fails()) return leave(-1);
  int result = real_mkdir(path, mode);
  if (!result && image) real_mkdir(in_image(name), mode);
  return leave(result);
}
