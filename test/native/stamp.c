// stamp PROGRAM ARG…: appends CLOCK_MONOTONIC ns to $STAMP and execs; without arguments prints the clock.
#include <time.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <fcntl.h>
int main(int argc, char **argv) {
  struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t);
  char b[64]; int n = snprintf(b, sizeof b, "%ld\n", t.tv_sec * 1000000000L + t.tv_nsec);
  if (argc == 1) return write(1, b, n) != n;
  int fd = open(getenv("STAMP"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (write(fd, b, n) != n) return 1;
  execv(argv[1], argv + 1); return 127;
}
