/* Preloaded into saddle and its workers: a machine whose clock was set, or whose disk is on a network.
 *
 * SADDLE_CLOCK: a file with the seconds that the wall clock is off; read at each look, so that it can be set
 * while they run. SADDLE_FILE_SYSTEM: the type that statfs gives of every folder, in hexadecimal. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

static long seconds_off(void) {
  const char* file = getenv("SADDLE_CLOCK");
  if (!file) return 0;
  const int error = errno;
  const int fd = (int)syscall(SYS_openat, AT_FDCWD, file, O_RDONLY | O_CLOEXEC, 0);
  char text[32] = "";
  if (fd >= 0) {
    if (syscall(SYS_read, fd, text, sizeof text - 1) < 0) *text = 0;
    syscall(SYS_close, fd);
  }
  errno = error;
  return atol(text);
}

int clock_gettime(clockid_t clock, struct timespec* now) {
  const int result = (int)syscall(SYS_clock_gettime, clock, now);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    now->tv_sec += seconds_off();
  return result;
}

int gettimeofday(struct timeval* restrict now, void* restrict zone) {
  struct timespec exact;
  (void)zone;
  clock_gettime(CLOCK_REALTIME, &exact);
  now->tv_sec = exact.tv_sec;
  now->tv_usec = exact.tv_nsec / 1000;
  return 0;
}

time_t time(time_t* now) {
  struct timespec exact;
  clock_gettime(CLOCK_REALTIME, &exact);
  if (now) *now = exact.tv_sec;
  return exact.tv_sec;
}

int statfs(const char* path, struct statfs* information) {
  const int result = (int)syscall(SYS_statfs, path, information);
  const char* type = getenv("SADDLE_FILE_SYSTEM");
  if (result == 0 && type) information->f_type = (__typeof__(information->f_type))strtol(type, NULL, 16);
  return result;
}
