// The system calls of stage1, and the only place where they are made (sys.cc). No libc: podctl-stage1 is freestanding,
// and the addon for Node shares these. Every wrapper returns the kernel's result: a value, or -errno.
#pragma once

#include <cstddef>
#include <cstdint>

union bpf_attr;
struct clone_args;
struct mount_attr;
struct pollfd;
struct rlimit64;
struct statfs;
struct statx;

namespace sys {

using Result = long;

inline bool failed(Result r) { return r < 0 && r >= -4095; }

Result openat2(int dir_fd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
Result close(int fd);
Result read(int fd, void *buffer, size_t size);
Result write(int fd, const void *buffer, size_t size);
Result pread(int fd, void *buffer, size_t size, uint64_t offset);
Result pwrite(int fd, const void *buffer, size_t size, uint64_t offset);

// Files and their metadata, relative to an open directory. `name` is one path component where a directory is given and the
// name must not be followed.
struct Time {
  int64_t seconds;
  int64_t nanoseconds;
};
Result flock(int fd, int operation);
Result mkdirat(int dir_fd, const char *name, uint32_t mode);
Result mknodat(int dir_fd, const char *name, uint32_t mode, uint32_t major, uint32_t minor);
Result symlinkat(const char *target, int dir_fd, const char *name);
Result linkat(int from_fd, const char *from, int to_fd, const char *to, int flags);
Result unlinkat(int dir_fd, const char *name, int flags);
Result getdents64(int fd, void *entries, size_t size);
Result renameat2(int from_fd, const char *from, int to_fd, const char *to, uint32_t flags);
Result readlinkat(int dir_fd, const char *name, char *buffer, size_t size);
Result fchownat(int dir_fd, const char *name, uint32_t uid, uint32_t gid, int flags);
Result fchmodat(int dir_fd, const char *name, uint32_t mode);
Result fchown(int fd, uint32_t uid, uint32_t gid);
Result fchmod(int fd, uint32_t mode);
// `name` null means `dir_fd` itself.
Result utimensat(int dir_fd, const char *name, const Time times[2], int flags);
Result lsetxattr(const char *path, const char *attribute, const void *value, size_t size, int flags);
Result llistxattr(const char *path, char *buffer, size_t size);
Result lgetxattr(const char *path, const char *attribute, void *buffer, size_t size);
Result syncfs(int fd);
Result sync_file_range(int fd, int64_t offset, int64_t size, uint32_t flags);
Result copy_file_range(int from_fd, int64_t *from_offset, int to_fd, int64_t *to_offset, size_t size);

// Memory, processes, signals. Structures are those of the kernel's headers; a signal set is 64 bits, signal n at bit n-1.
[[noreturn]] void exit_group(int status);
Result mmap(size_t size);  // private anonymous memory, readable and writable
Result munmap(const void *start, size_t size);
Result madvise(const void *start, size_t size, int advice);
Result getpid();
Result clone3(const ::clone_args &args);
Result wait4(long pid, int *status, int options);
Result kill(long pid, int signal);
Result pidfd_open(long pid);
Result pidfd_getfd(int pidfd, int fd);
// `pidfd` may also be a directory of /proc.
Result pidfd_send_signal(int pidfd, int signal);
Result rt_sigprocmask(int how, uint64_t set);
Result rt_sigaction_default(int signal);
// Waits for a blocked signal of `set`; null `timeout` waits without end.
Result rt_sigtimedwait(uint64_t set, const Time *timeout);
Result signalfd(uint64_t set, int flags);
Result execve(const char *path, const char *const argv[], const char *const envp[]);
Result execveat(int dir_fd, const char *path, const char *const argv[], const char *const envp[], int flags);
Result prctl(int option, unsigned long a, unsigned long b = 0, unsigned long c = 0, unsigned long d = 0);
Result keyctl(int operation, unsigned long argument);
Result clock_gettime(int clock, Time *time);

// File descriptors.
Result pipe2(int fds[2], int flags);
Result dup3(int from, int to, int flags);
Result fcntl(int fd, int command, long argument);
Result close_range(unsigned first, unsigned last, unsigned flags);
Result ppoll(::pollfd *fds, size_t count, const Time *timeout);
Result statx(int dir_fd, const char *path, int flags, unsigned mask, struct ::statx *result);
Result fstatfs(int fd, ::statfs *result);
Result ftruncate(int fd, int64_t size);
Result fchdir(int fd);
Result chdir(const char *path);
Result faccessat2(int dir_fd, const char *path, int mode, int flags);

// Sockets.
Result socket(int family, int type, int protocol);
// AF_UNIX, both ends with `flags` (SOCK_*).
Result socketpair(int type, int ends[2]);
Result bind(int fd, const void *address, size_t size);
Result recv(int fd, void *buffer, size_t size, int flags);
Result listen(int fd, int backlog);
// Without the other side's address. `flags`: SOCK_*.
Result accept4(int fd, int flags);
Result setsockopt(int fd, int level, int option, const void *value, uint32_t size);
Result socketpair(int family, int type, int fds[2]);
Result getsockopt(int fd, int level, int option, void *value, uint32_t *size);
Result recvmsg(int fd, void *message, int flags);
Result connect(int fd, const void *address, size_t size);
Result shutdown(int fd, int how);
Result send(int fd, const void *data, size_t size, int flags);
Result sendmsg(int fd, const void *message, int flags);
Result ioctl(int fd, unsigned long request, void *argument);

// Mounts and namespaces.
Result open_tree(int dir_fd, const char *path, unsigned flags);
// From one descriptor to another, both opened for what they name.
Result move_mount(int from_fd, int to_fd);
Result fsopen(const char *type);
Result fsconfig(int fs_fd, unsigned command, const char *key, const char *value);
Result fsmount(int fs_fd, unsigned attributes);
Result mount_setattr(int dir_fd, const char *path, unsigned flags, const ::mount_attr &attributes);
Result mount(const char *source, const char *target, const char *type, unsigned long flags, const char *options);
Result umount2(const char *target, int flags);
Result pivot_root(const char *new_root, const char *put_old);
Result unshare(unsigned long flags);
// `fd` names one namespace, or a process (pidfd) whose namespaces `flags` are joined.
Result setns(int fd, unsigned long flags);
Result sethostname(const char *name, size_t size);

// Identity.
Result setsid();
Result getpgid(long pid);
Result umask(uint32_t mask);
Result setgroups(size_t count, const uint32_t *groups);
// Both return the ID there was before; one that does not exist changes nothing.
Result setfsuid(uint32_t id);
Result setfsgid(uint32_t id);
Result setresuid(uint32_t real, uint32_t effective, uint32_t saved);
Result setresgid(uint32_t real, uint32_t effective, uint32_t saved);
// `old` may be null.
Result prlimit64(long pid, int resource, const ::rlimit64 *wanted, ::rlimit64 *old);
Result capset(const void *header, const void *data);
Result memfd_create(const char *name, uint32_t flags);
Result seccomp(unsigned operation, unsigned flags, void *argument);
Result bpf(int command, ::bpf_attr *attributes, size_t size);

}  // namespace sys
