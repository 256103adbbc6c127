/* Preloaded into saddle and its workers: rings a bell when one of them comes to a chosen instant, and may
 * hold it there. The programs know nothing of it: an instant is a call into the C library that saddle makes
 * only there.
 *
 * SADDLE_INSTANT="POINT N WHEN HOLD" in the folder SADDLE_BELL: at the Nth such call of all processes
 * together, WHEN is before, middle (half of the bytes written) or after the call; HOLD 1: there it stays
 * while the file "hold" is there. The bell is the file "rung", with the process's number. N 0: only counts,
 * in the file "count". */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

enum When { BEFORE, MIDDLE, AFTER };
enum { FRAMES = 3 }; /* what a worker tells saddle through */

static char point[32], bell[512], role[32];
static long chosen;
static enum When when;
static int hold, is_saddle, is_worker;
static atomic_int claimed, ending; /* of saddle: it has begun an attempt; a worker of it has ended */

static void in_bell(char* path, size_t size, const char* name) { snprintf(path, size, "%s/%s", bell, name); }

static void ring(void) {
  char path[600], text[32];
  in_bell(path, sizeof path, "rung.part");
  const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  const int size = snprintf(text, sizeof text, "%d %s\n", (int)getpid(), role);
  if (fd < 0 || syscall(SYS_write, fd, text, size) != size) abort();
  close(fd);
  char rung[600];
  in_bell(rung, sizeof rung, "rung");
  if (syscall(SYS_renameat2, AT_FDCWD, path, AT_FDCWD, rung, 0) != 0) abort();
  in_bell(path, sizeof path, "hold");
  while (hold && access(path, F_OK) == 0) usleep(200);
}

/* Whether this call is the chosen one. */
static int comes(const char* name) {
  const int error = errno;
  if (strcmp(name, point) != 0) return 0;
  char path[600];
  in_bell(path, sizeof path, "count");
  const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0 || syscall(SYS_write, fd, "x", 1) != 1) abort();
  const long number = lseek(fd, 0, SEEK_CUR);
  close(fd);
  errno = error;
  return number == chosen;
}

static void at(enum When now) {
  const int error = errno;
  if (now == when) ring();
  errno = error;
}

static int ends_with(const char* text, const char* end) {
  const size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

/* What the descriptor is open on. */
static const char* file_of(int fd, char* path, size_t size) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t n = readlink(link, path, size - 1);
  path[n < 0 ? 0 : n] = 0;
  return path;
}

/* Which point a write of saddle's to the database is, or "". */
static const char* database_point(int fd, int sync) {
  char path[600];
  if (!is_saddle || !*point) return "";
  file_of(fd, path, sizeof path);
  if (ends_with(path, ".db")) return atomic_load(&claimed) ? "final" : "plan";
  if (!ends_with(path, ".db-wal")) return "";
  if (atomic_load(&ending)) return "final";
  if (!atomic_load(&claimed)) return "plan";
  return sync ? "claim" : "flush";
}

__attribute__((constructor)) static void begin(void) {
  const char* instant = getenv("SADDLE_INSTANT");
  const char* folder = getenv("SADDLE_BELL");
  is_saddle = strcmp(program_invocation_short_name, "saddle") == 0;
  is_worker = strcmp(program_invocation_short_name, "saddle-worker") == 0;
  if (!instant || !folder || (!is_saddle && !is_worker)) return;
  char word[16] = "";
  if (sscanf(instant, "%31s %ld %15s %d", point, &chosen, word, &hold) != 4) abort();
  when = *word == 'b' ? BEFORE : *word == 'm' ? MIDDLE : AFTER;
  snprintf(bell, sizeof bell, "%s", folder);
  FILE* arguments = fopen("/proc/self/cmdline", "r");
  char line[600] = "";
  const size_t size = arguments ? fread(line, 1, sizeof line - 1, arguments) : 0;
  if (arguments) fclose(arguments);
  const char* second = line + strlen(line) + 1;
  snprintf(role, sizeof role, "%s", is_saddle ? "saddle" : second < line + size ? second : "");
  /* A process that describes plugins or proves configs has just been started. */
  if (is_worker && (!strcmp(role, "describe") || !strcmp(role, "prove")) && (comes("plan") || comes("ask")))
    ring();
}

int mkdir(const char* path, mode_t mode) {
  if (!is_saddle || !strstr(path, "/attempt-")) return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
  atomic_store(&claimed, 1);
  const int mine = comes("claim");
  if (mine) at(BEFORE), at(MIDDLE);
  const int result = (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
  if (mine) at(AFTER);
  return result;
}

int rename(const char* from, const char* to) {
  const int mine = *point && ((is_worker && strstr(to, "checkpoint") && comes("checkpoint")) ||
                              (is_saddle && strstr(to, "/attempt-") && comes("claim")) ||
                              (is_saddle && !atomic_load(&claimed) && comes("plan")));
  if (mine) at(BEFORE), at(MIDDLE);
  const int result = (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
  if (mine) at(AFTER);
  return result;
}

int fsync(int fd) {
  char path[600];
  const int mine =
      is_worker && *point && strstr(file_of(fd, path, sizeof path), "checkpoint.") && comes("checkpoint");
  if (mine) at(BEFORE), at(MIDDLE);
  const int result = (int)syscall(SYS_fsync, fd);
  if (mine) at(AFTER);
  return result;
}

/* saddle asks the fork server for a worker. */
ssize_t sendmsg(int fd, const struct msghdr* message, int flags) {
  const int mine = is_saddle && comes("claim");
  if (mine) at(BEFORE), at(MIDDLE);
  const ssize_t result = syscall(SYS_sendmsg, fd, message, flags);
  if (mine) at(AFTER);
  return result;
}

static ssize_t write_in_parts(int fd, const char* bytes, size_t size, int mine) {
  if (mine) at(BEFORE);
  if (mine && when == MIDDLE && size > 1) {
    const ssize_t half = syscall(SYS_write, fd, bytes, size / 2);
    if (half <= 0) return half;
    ring();
    const ssize_t rest = syscall(SYS_write, fd, bytes + half, size - (size_t)half);
    return rest < 0 ? rest : half + rest;
  }
  const ssize_t result = syscall(SYS_write, fd, bytes, size);
  if (mine) at(AFTER);
  return result;
}

ssize_t write(int fd, const void* bytes, size_t size) {
  int mine = 0;
  if (*point && is_worker && fd == FRAMES && strcmp(role, "describe") && strcmp(role, "prove")) {
    const int finished = memmem(bytes, size, "\"finished\"", 10) != NULL;
    mine = comes(finished ? "final" : "flush") || comes("training");
  } else if (*point && is_saddle && size == 1 && atomic_load(&claimed)) {
    mine = comes("claim"); /* "go" to a forked worker */
  }
  return write_in_parts(fd, bytes, size, mine);
}

ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t offset) {
  const int mine = comes(database_point(fd, 0));
  if (mine) at(BEFORE);
  if (mine && when == MIDDLE && size > 1) {
    const ssize_t half = syscall(SYS_pwrite64, fd, bytes, size / 2, offset);
    if (half > 0) ring();
  }
  const ssize_t result = syscall(SYS_pwrite64, fd, bytes, size, offset);
  if (mine) at(AFTER);
  return result;
}

int fdatasync(int fd) {
  const char* name = database_point(fd, 1);
  const int mine = comes(name);
  if (mine) at(BEFORE), at(MIDDLE);
  const int result = (int)syscall(SYS_fdatasync, fd);
  if (mine) at(AFTER);
  if (!strcmp(name, "final")) atomic_store(&ending, 0);
  return result;
}

int ftruncate64(int fd, off64_t size) {
  const int mine = comes(database_point(fd, 0));
  if (mine) at(BEFORE), at(MIDDLE);
  const int result = (int)syscall(SYS_ftruncate, fd, size);
  if (mine) at(AFTER);
  return result;
}

pid_t waitpid(pid_t pid, int* status, int options) {
  const pid_t result = (pid_t)syscall(SYS_wait4, pid, status, options, NULL);
  if (is_saddle && options == 0 && result > 0 && atomic_load(&claimed)) {
    atomic_store(&ending, 1);
    if (comes("final")) ring();
  }
  return result;
}

void _exit(int code) {
  if (is_worker && strcmp(role, "describe") && strcmp(role, "prove") && comes("final")) ring();
  syscall(SYS_exit_group, code);
  __builtin_unreachable();
}
