#include "sys.h"

#include <asm/unistd.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/types.h>

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

Result pread(int fd, void *buffer, size_t size, uint64_t offset) {
  return call(__NR_pread64, fd, arg(buffer), static_cast<long>(size), static_cast<long>(offset));
}

Result pwrite(int fd, const void *buffer, size_t size, uint64_t offset) {
  return call(__NR_pwrite64, fd, arg(buffer), static_cast<long>(size), static_cast<long>(offset));
}

Result flock(int fd, int operation) { return call(__NR_flock, fd, operation); }
Result mkdirat(int dir_fd, const char *name, uint32_t mode) { return call(__NR_mkdirat, dir_fd, arg(name), mode); }
Result mknodat(int dir_fd, const char *name, uint32_t mode, uint32_t major, uint32_t minor) {
  const uint32_t device = (minor & 0xffU) | (major << 8U) | ((minor & ~0xffU) << 12U);  // the kernel's new_encode_dev
  return call(__NR_mknodat, dir_fd, arg(name), mode, device);
}
Result symlinkat(const char *target, int dir_fd, const char *name) {
  return call(__NR_symlinkat, arg(target), dir_fd, arg(name));
}
Result linkat(int from_fd, const char *from, int to_fd, const char *to, int flags) {
  return call(__NR_linkat, from_fd, arg(from), to_fd, arg(to), flags);
}
Result unlinkat(int dir_fd, const char *name, int flags) { return call(__NR_unlinkat, dir_fd, arg(name), flags); }
Result getdents64(int fd, void *entries, size_t size) { return call(__NR_getdents64, fd, arg(entries), static_cast<long>(size)); }
Result renameat2(int from_fd, const char *from, int to_fd, const char *to, uint32_t flags) {
  return call(__NR_renameat2, from_fd, arg(from), to_fd, arg(to), flags);
}
Result readlinkat(int dir_fd, const char *name, char *buffer, size_t size) {
  return call(__NR_readlinkat, dir_fd, arg(name), arg(buffer), static_cast<long>(size));
}
Result fchownat(int dir_fd, const char *name, uint32_t uid, uint32_t gid, int flags) {
  return call(__NR_fchownat, dir_fd, arg(name), uid, gid, flags);
}
Result fchmodat(int dir_fd, const char *name, uint32_t mode) { return call(__NR_fchmodat, dir_fd, arg(name), mode); }
Result fchown(int fd, uint32_t uid, uint32_t gid) { return call(__NR_fchown, fd, uid, gid); }
Result fchmod(int fd, uint32_t mode) { return call(__NR_fchmod, fd, mode); }
Result utimensat(int dir_fd, const char *name, const Time times[2], int flags) {
  return call(__NR_utimensat, dir_fd, arg(name), arg(times), flags);
}
Result lsetxattr(const char *path, const char *attribute, const void *value, size_t size, int flags) {
  return call(__NR_lsetxattr, arg(path), arg(attribute), arg(value), static_cast<long>(size), flags);
}
Result llistxattr(const char *path, char *buffer, size_t size) {
  return call(__NR_llistxattr, arg(path), arg(buffer), static_cast<long>(size));
}
Result lgetxattr(const char *path, const char *attribute, void *buffer, size_t size) {
  return call(__NR_lgetxattr, arg(path), arg(attribute), arg(buffer), static_cast<long>(size));
}
Result syncfs(int fd) { return call(__NR_syncfs, fd); }
Result sync_file_range(int fd, int64_t offset, int64_t size, uint32_t flags) {
  return call(__NR_sync_file_range, fd, offset, size, flags);
}
Result copy_file_range(int from_fd, int64_t *from_offset, int to_fd, int64_t *to_offset, size_t size) {
  return call(__NR_copy_file_range, from_fd, arg(from_offset), to_fd, arg(to_offset), static_cast<long>(size), 0);
}

namespace {
constexpr long kSignalSetSize = sizeof(uint64_t);
constexpr long kMmapProtection = 1 | 2;    // PROT_READ | PROT_WRITE
constexpr long kMmapFlags = 0x02 | 0x20;   // MAP_PRIVATE | MAP_ANONYMOUS
constexpr long kSourceWithoutPath = 4;     // MOVE_MOUNT_F_EMPTY_PATH
constexpr long kTargetWithoutPath = 0x40;  // MOVE_MOUNT_T_EMPTY_PATH
constexpr unsigned kCloseOnExec = 1;       // FSOPEN_CLOEXEC and FSMOUNT_CLOEXEC

// struct sigaction as the kernel has it: with a restorer on x86_64, without on aarch64; zero is SIG_DFL either way.
struct KernelSigaction {
  unsigned long words[4];
};
}  // namespace

void exit_group(int status) {
  for (;;) call(__NR_exit_group, status);
}
Result mmap(size_t size) {
  return call(__NR_mmap, 0, static_cast<long>(size), kMmapProtection, kMmapFlags, -1, 0);
}
Result munmap(const void *start, size_t size) { return call(__NR_munmap, arg(start), static_cast<long>(size)); }
Result madvise(const void *start, size_t size, int advice) {
  return call(__NR_madvise, arg(start), static_cast<long>(size), advice);
}
Result getpid() { return call(__NR_getpid); }
Result clone3(const ::clone_args &args) { return call(__NR_clone3, arg(&args), sizeof args); }
Result wait4(long pid, int *status, int options) { return call(__NR_wait4, pid, arg(status), options, 0); }
Result kill(long pid, int signal) { return call(__NR_kill, pid, signal); }
Result pidfd_open(long pid) { return call(__NR_pidfd_open, pid, 0); }
Result pidfd_getfd(int pidfd, int fd) { return call(__NR_pidfd_getfd, pidfd, fd, 0); }
Result pidfd_send_signal(int pidfd, int signal) { return call(__NR_pidfd_send_signal, pidfd, signal, 0, 0); }
Result rt_sigprocmask(int how, uint64_t set) { return call(__NR_rt_sigprocmask, how, arg(&set), 0, kSignalSetSize); }
Result rt_sigaction_default(int signal) {
  const KernelSigaction action{};
  return call(__NR_rt_sigaction, signal, arg(&action), 0, kSignalSetSize);
}
Result rt_sigtimedwait(uint64_t set, const Time *timeout) {
  return call(__NR_rt_sigtimedwait, arg(&set), 0, arg(timeout), kSignalSetSize);
}
Result signalfd(uint64_t set, int flags) { return call(__NR_signalfd4, -1, arg(&set), kSignalSetSize, flags); }
Result execve(const char *path, const char *const argv[], const char *const envp[]) {
  return call(__NR_execve, arg(path), arg(argv), arg(envp));
}
Result execveat(int dir_fd, const char *path, const char *const argv[], const char *const envp[], int flags) {
  return call(__NR_execveat, dir_fd, arg(path), arg(argv), arg(envp), flags);
}
Result prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d) {
  return call(__NR_prctl, option, static_cast<long>(a), static_cast<long>(b), static_cast<long>(c), static_cast<long>(d));
}
Result keyctl(int operation, unsigned long argument) { return call(__NR_keyctl, operation, static_cast<long>(argument)); }
Result clock_gettime(int clock, Time *time) { return call(__NR_clock_gettime, clock, arg(time)); }

Result pipe2(int fds[2], int flags) { return call(__NR_pipe2, arg(fds), flags); }
Result dup3(int from, int to, int flags) { return call(__NR_dup3, from, to, flags); }
Result fcntl(int fd, int command, long argument) { return call(__NR_fcntl, fd, command, argument); }
Result close_range(unsigned first, unsigned last, unsigned flags) {
  return call(__NR_close_range, first, last, flags);
}
Result ppoll(::pollfd *fds, size_t count, const Time *timeout) {
  return call(__NR_ppoll, arg(fds), static_cast<long>(count), arg(timeout), 0, 0);
}
Result statx(int dir_fd, const char *path, int flags, unsigned mask, struct ::statx *result) {
  return call(__NR_statx, dir_fd, arg(path), flags, mask, arg(result));
}
Result fstatfs(int fd, ::statfs *result) { return call(__NR_fstatfs, fd, arg(result)); }
Result ftruncate(int fd, int64_t size) { return call(__NR_ftruncate, fd, size); }
Result fchdir(int fd) { return call(__NR_fchdir, fd); }
Result faccessat2(int dir_fd, const char *path, int mode, int flags) {
  return call(__NR_faccessat2, dir_fd, arg(path), mode, flags);
}
Result chdir(const char *path) { return call(__NR_chdir, arg(path)); }

Result socket(int family, int type, int protocol) { return call(__NR_socket, family, type, protocol); }
Result socketpair(int type, int ends[2]) { return call(__NR_socketpair, 1, type, 0, arg(ends)); }
Result bind(int fd, const void *address, size_t size) {
  return call(__NR_bind, fd, arg(address), static_cast<long>(size));
}
Result recv(int fd, void *buffer, size_t size, int flags) {
  return call(__NR_recvfrom, fd, arg(buffer), static_cast<long>(size), flags, 0, 0);
}
Result listen(int fd, int backlog) { return call(__NR_listen, fd, backlog); }
Result accept4(int fd, int flags) { return call(__NR_accept4, fd, 0, 0, flags); }
Result setsockopt(int fd, int level, int option, const void *value, uint32_t size) {
  return call(__NR_setsockopt, fd, level, option, arg(value), size);
}
Result socketpair(int family, int type, int fds[2]) { return call(__NR_socketpair, family, type, 0, arg(fds)); }
Result getsockopt(int fd, int level, int option, void *value, uint32_t *size) {
  return call(__NR_getsockopt, fd, level, option, arg(value), arg(size));
}
Result recvmsg(int fd, void *message, int flags) { return call(__NR_recvmsg, fd, arg(message), flags); }
Result connect(int fd, const void *address, size_t size) {
  return call(__NR_connect, fd, arg(address), static_cast<long>(size));
}
Result shutdown(int fd, int how) { return call(__NR_shutdown, fd, how); }
Result send(int fd, const void *data, size_t size, int flags) {
  return call(__NR_sendto, fd, arg(data), static_cast<long>(size), flags, 0, 0);
}
Result sendmsg(int fd, const void *message, int flags) { return call(__NR_sendmsg, fd, arg(message), flags); }
Result ioctl(int fd, unsigned long request, void *argument) {
  return call(__NR_ioctl, fd, static_cast<long>(request), arg(argument));
}

Result open_tree(int dir_fd, const char *path, unsigned flags) { return call(__NR_open_tree, dir_fd, arg(path), flags); }
Result move_mount(int from_fd, int to_fd) {
  return call(__NR_move_mount, from_fd, arg(""), to_fd, arg(""), kSourceWithoutPath | kTargetWithoutPath);
}
Result fsopen(const char *type) { return call(__NR_fsopen, arg(type), kCloseOnExec); }
Result fsconfig(int fs_fd, unsigned command, const char *key, const char *value) {
  return call(__NR_fsconfig, fs_fd, command, arg(key), arg(value), 0);
}
Result fsmount(int fs_fd, unsigned attributes) { return call(__NR_fsmount, fs_fd, kCloseOnExec, attributes); }
Result mount_setattr(int dir_fd, const char *path, unsigned flags, const ::mount_attr &attributes) {
  return call(__NR_mount_setattr, dir_fd, arg(path), flags, arg(&attributes), sizeof attributes);
}
Result mount(const char *source, const char *target, const char *type, unsigned long flags, const char *options) {
  return call(__NR_mount, arg(source), arg(target), arg(type), static_cast<long>(flags), arg(options));
}
Result umount2(const char *target, int flags) { return call(__NR_umount2, arg(target), flags); }
Result pivot_root(const char *new_root, const char *put_old) {
  return call(__NR_pivot_root, arg(new_root), arg(put_old));
}
Result unshare(unsigned long flags) { return call(__NR_unshare, static_cast<long>(flags)); }
Result setns(int fd, unsigned long flags) { return call(__NR_setns, fd, static_cast<long>(flags)); }
Result sethostname(const char *name, size_t size) { return call(__NR_sethostname, arg(name), static_cast<long>(size)); }

Result getpgid(long pid) { return call(__NR_getpgid, pid); }
Result setsid() { return call(__NR_setsid); }
Result umask(uint32_t mask) { return call(__NR_umask, mask); }
Result setgroups(size_t count, const uint32_t *groups) {
  return call(__NR_setgroups, static_cast<long>(count), arg(groups));
}
Result setfsuid(uint32_t id) { return call(__NR_setfsuid, id); }
Result setfsgid(uint32_t id) { return call(__NR_setfsgid, id); }
Result setresuid(uint32_t real, uint32_t effective, uint32_t saved) {
  return call(__NR_setresuid, real, effective, saved);
}
Result setresgid(uint32_t real, uint32_t effective, uint32_t saved) {
  return call(__NR_setresgid, real, effective, saved);
}
Result prlimit64(long pid, int resource, const ::rlimit64 *wanted, ::rlimit64 *old) {
  return call(__NR_prlimit64, pid, resource, arg(wanted), arg(old));
}
Result capset(const void *header, const void *data) { return call(__NR_capset, arg(header), arg(data)); }
Result memfd_create(const char *name, uint32_t flags) { return call(__NR_memfd_create, arg(name), flags); }
Result seccomp(unsigned operation, unsigned flags, void *argument) {
  return call(__NR_seccomp, operation, flags, arg(argument));
}
Result bpf(int command, ::bpf_attr *attributes, size_t size) {
  return call(__NR_bpf, command, arg(attributes), static_cast<long>(size));
}

}  // namespace sys
