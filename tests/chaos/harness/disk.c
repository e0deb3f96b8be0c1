/* Stands between a process and its disk (LD_PRELOAD): writes down every change of a folder, or fails one of them.

   disk_record(LOG, ROOT): what changes below ROOT goes to LOG, one record each, so that the disk can be put together
   again as it may be after a power cut at any moment: what no fsync covers may be there, or not, or in part.
   disk_fail(KINDS, FIRST, ERROR, FLAG, FILTER): from the FIRST change of the KINDS (bits of `enum kind`) on a path with
   FILTER in it, calls fail with ERROR: once where FLAG is empty, else for as long as a file FLAG exists.

   Calls are those that CPython and SQLite make. Memory maps are not seen: of ours only SQLite's index of the log is
   mapped, which a start makes anew. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum kind { WRITE = 1, SYNC = 2, NAME = 4, CUT = 8 };
enum what { DATA = 1, LENGTH, SYNCED, ADDED, REMOVED, RENAMED };

struct __attribute__((packed)) record {
    uint32_t what;
    uint64_t begin_ns, end_ns, inode, folder, offset, other;
    uint32_t name_length, other_length, data_length;
};

static int log_file = -1;
static char root[4096], flag[4096], filter[256];
static int failing_kinds, failing_error;
static long failing_first, failing_seen;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static ssize_t raw_write(int file, const void *data, size_t size) {
    static ssize_t (*real)(int, const void *, size_t);
    if (!real) real = dlsym(RTLD_NEXT, "write");
    return real(file, data, size);
}

static uint64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static const char *path_of(int file, char *path, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = file == AT_FDCWD ? -1 : readlink(link, path, size - 1);
    if (length < 0 && !getcwd(path, size)) return "";
    if (length >= 0) path[length] = 0;
    return path;
}

static int below(const char *path) { return root[0] && !strncmp(path, root, strlen(root)); }

static int mapped(const char *path) {
    size_t length = strlen(path);
    return length > 4 && !strcmp(path + length - 4, "-shm");
}

/* Where a name lies: the folder's path with the name behind it. */
static const char *place(int folder, const char *name, char *path, size_t size) {
    if (name[0] == '/') return snprintf(path, size, "%s", name), path;
    char base[4096];
    snprintf(path, size, "%s/%s", path_of(folder, base, sizeof base), name);
    return path;
}

static uint64_t inode_of(int folder, const char *name) {
    struct stat found;
    return fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW) ? 0 : found.st_ino;
}

static uint64_t parent_of(const char *path) {
    char folder[4096];
    snprintf(folder, sizeof folder, "%s", path);
    *strrchr(folder, '/') = 0;
    return inode_of(AT_FDCWD, folder);
}

static const char *last(const char *path) { return strrchr(path, '/') + 1; }

static void note(struct record record, const char *name, const char *other, const void *data, size_t size) {
    record.end_ns = now_ns();
    record.name_length = name ? strlen(name) : 0;
    record.other_length = other ? strlen(other) : 0;
    record.data_length = size;
    int saved = errno;
    pthread_mutex_lock(&lock);
    raw_write(log_file, &record, sizeof record);
    raw_write(log_file, name, record.name_length);
    raw_write(log_file, other, record.other_length);
    raw_write(log_file, data, size);
    pthread_mutex_unlock(&lock);
    errno = saved;
}

/* Whether this change is the one to fail; errno is set where it is. */
static int refused(enum kind kind, const char *path) {
    if (!(failing_kinds & kind) || mapped(path) || (root[0] && !below(path)) || !strstr(path, filter)) return 0;
    long seen = __sync_add_and_fetch(&failing_seen, 1);
    if (seen < failing_first || (flag[0] ? access(flag, F_OK) != 0 : seen > failing_first)) return 0;
    char line[4400];
    int length = snprintf(line, sizeof line, "disk %d %ld %s\n", kind, seen, path);
    if (log_file >= 0) raw_write(log_file, line, length);
    errno = failing_error;
    return 1;
}

void disk_record(const char *log, const char *folder) {
    snprintf(root, sizeof root, "%s", folder);
    log_file = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
}

void disk_fail(const char *log, const char *folder, int kinds, long first, int error, const char *until, const char *part) {
    disk_record(log, folder);
    failing_kinds = kinds, failing_first = first, failing_error = error, failing_seen = 0;
    snprintf(flag, sizeof flag, "%s", until);
    snprintf(filter, sizeof filter, "%s", part);
}

static int recording(const char *path) { return log_file >= 0 && !failing_kinds && below(path) && !mapped(path); }

static ssize_t put(int file, const void *data, size_t size, off64_t offset) {
    char path[4096];
    if (log_file < 0 || file == log_file) return offset < 0 ? raw_write(file, data, size) : -2;
    int saved = errno;
    path_of(file, path, sizeof path);
    errno = saved;
    if (refused(WRITE, path)) return -1;
    if (!recording(path)) return offset < 0 ? raw_write(file, data, size) : -2;
    struct record record = {.what = DATA, .begin_ns = now_ns(), .offset = offset};
    static ssize_t (*positioned)(int, const void *, size_t, off64_t);
    if (!positioned) positioned = dlsym(RTLD_NEXT, "pwrite64");
    if (offset < 0) record.offset = lseek64(file, 0, SEEK_CUR);
    ssize_t done = offset < 0 ? raw_write(file, data, size) : positioned(file, data, size, offset);
    struct stat found;
    if (done > 0 && !fstat(file, &found) && S_ISREG(found.st_mode)) {
        record.inode = found.st_ino;
        note(record, path, NULL, data, done);
    }
    return done;
}

ssize_t write(int file, const void *data, size_t size) { return put(file, data, size, -1); }

ssize_t pwrite64(int file, const void *data, size_t size, off64_t offset) {
    REAL(pwrite64);
    ssize_t done = put(file, data, size, offset);
    return done == -2 ? real(file, data, size, offset) : done;
}

ssize_t pwrite(int file, const void *data, size_t size, off_t offset) { return pwrite64(file, data, size, offset); }

static int synced(int file, int (*real)(int)) {
    char path[4096];
    if (log_file < 0) return real(file);
    path_of(file, path, sizeof path);
    if (refused(SYNC, path)) return -1;
    struct record record = {.what = SYNCED, .begin_ns = now_ns()};
    int done = real(file);
    struct stat found;
    if (!done && recording(path) && !fstat(file, &found)) {
        record.inode = found.st_ino;
        note(record, path, NULL, NULL, 0);
    }
    return done;
}

int fsync(int file) { REAL(fsync); return synced(file, real); }

int fdatasync(int file) { REAL(fdatasync); return synced(file, real); }

int ftruncate64(int file, off64_t length) {
    REAL(ftruncate64);
    char path[4096];
    if (log_file < 0) return real(file, length);
    path_of(file, path, sizeof path);
    if (refused(CUT, path)) return -1;
    struct record record = {.what = LENGTH, .begin_ns = now_ns(), .offset = length};
    int done = real(file, length);
    struct stat found;
    if (!done && recording(path) && !fstat(file, &found)) {
        record.inode = found.st_ino;
        note(record, path, NULL, NULL, 0);
    }
    return done;
}

int ftruncate(int file, off_t length) { return ftruncate64(file, length); }

/* A name that a call added or removed. */
static void named(enum what what, uint64_t begin_ns, const char *path, uint64_t inode) {
    struct record record = {.what = what, .begin_ns = begin_ns, .inode = inode, .folder = parent_of(path)};
    note(record, last(path), NULL, NULL, 0);
}

static int opened(int folder, const char *name, int flags, mode_t mode) {
    static int (*real)(int, const char *, int, ...);
    if (!real) real = dlsym(RTLD_NEXT, "openat64");
    char path[8192];
    if (log_file < 0 || !(flags & O_CREAT)) return real(folder, name, flags, mode);
    place(folder, name, path, sizeof path);
    int there = inode_of(folder, name) != 0;
    if (!there && refused(NAME, path)) return -1;
    uint64_t begin_ns = now_ns();
    int file = real(folder, name, flags, mode);
    struct stat found;
    if (file >= 0 && !there && recording(path) && !fstat(file, &found)) named(ADDED, begin_ns, path, found.st_ino);
    return file;
}

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | __O_TMPFILE)) { va_list list; va_start(list, flags); mode = va_arg(list, mode_t); va_end(list); }

int open(const char *name, int flags, ...) { MODE(flags); return opened(AT_FDCWD, name, flags, mode); }
int open64(const char *name, int flags, ...) { MODE(flags); return opened(AT_FDCWD, name, flags, mode); }
int openat(int folder, const char *name, int flags, ...) { MODE(flags); return opened(folder, name, flags, mode); }
int openat64(int folder, const char *name, int flags, ...) { MODE(flags); return opened(folder, name, flags, mode); }

int mkdirat(int folder, const char *name, mode_t mode) {
    REAL(mkdirat);
    char path[8192];
    if (log_file < 0) return real(folder, name, mode);
    place(folder, name, path, sizeof path);
    if (!inode_of(folder, name) && refused(NAME, path)) return -1;
    uint64_t begin_ns = now_ns();
    int done = real(folder, name, mode);
    if (!done && recording(path)) {
        struct record record = {.what = ADDED, .begin_ns = begin_ns, .inode = inode_of(folder, name), .offset = 1};
        record.folder = parent_of(path);
        note(record, last(path), NULL, NULL, 0);
    }
    return done;
}

int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

int linkat(int from, const char *old, int to, const char *name, int flags) {
    REAL(linkat);
    char path[8192];
    if (log_file < 0) return real(from, old, to, name, flags);
    place(to, name, path, sizeof path);
    if (refused(NAME, path)) return -1;
    uint64_t begin_ns = now_ns();
    int done = real(from, old, to, name, flags);
    if (!done && recording(path)) {
        struct record record = {.what = ADDED, .begin_ns = begin_ns, .inode = inode_of(to, name), .offset = 2};
        record.folder = parent_of(path);
        note(record, last(path), NULL, NULL, 0);
    }
    return done;
}

int link(const char *old, const char *name) { return linkat(AT_FDCWD, old, AT_FDCWD, name, 0); }

int renameat(int from, const char *old, int to, const char *name) {
    REAL(renameat);
    char source[8192], path[8192];
    if (log_file < 0) return real(from, old, to, name);
    place(from, old, source, sizeof source);
    place(to, name, path, sizeof path);
    if (refused(NAME, path)) return -1;
    uint64_t inode = inode_of(from, old), same = inode_of(to, name) == inode;
    struct record record = {.what = RENAMED, .begin_ns = now_ns(), .inode = inode, .folder = parent_of(source)};
    int done = real(from, old, to, name);
    record.other = parent_of(path);
    if (!done && !same && recording(path)) note(record, last(source), last(path), NULL, 0);
    return done;
}

int rename(const char *old, const char *name) { return renameat(AT_FDCWD, old, AT_FDCWD, name); }

int unlinkat(int folder, const char *name, int flags) {
    REAL(unlinkat);
    char path[8192];
    if (log_file < 0) return real(folder, name, flags);
    place(folder, name, path, sizeof path);
    if (inode_of(folder, name) && refused(NAME, path)) return -1;
    uint64_t inode = inode_of(folder, name), begin_ns = now_ns();
    int done = real(folder, name, flags);
    if (!done && recording(path)) named(REMOVED, begin_ns, path, inode);
    return done;
}

int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }
