#include "sys.h"

#include <asm/unistd.h>
#include <linux/openat2.h>

namespace sys {
namespace {

#if defined(__x86_64__)
Result call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  long result;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
Result call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  register long x8 asm("x8") = number;
  register long x0 asm("x0") = a;
  register long x1 asm("x1") = b;
  register long x2 asm("x2") = c;
  register long x3 asm("x3") = d;
  register long x4 asm("x4") = e;
  register long x5 asm("x5") = f;
  asm volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
}
#else
#error "podctl-stage1 knows the system call conventions of x86_64 and aarch64 only"
#endif

long arg(const void *pointer) { return reinterpret_cast<long>(pointer); }

}  // namespace

Result openat2(int dir_fd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
  open_how how{};
  how.flags = flags;
  how.mode = mode;
  how.resolve = resolve;
  return call(__NR_openat2, dir_fd, arg(path), arg(&how), sizeof how);
}

Result close(int fd) { return call(__NR_close, fd); }
Result read(int fd, void *buffer, size_t size) { return call(__NR_read, fd, arg(buffer), static_cast<long>(size)); }
Result write(int fd, const void *buffer, size_t size) {
  return call(__NR_write, fd, arg(buffer), static_cast<long>(size));
}

}  // namespace sys
