// The addon for Node: system calls Node lacks, one function each, no policy. addon.d.ts documents them.
// N-API appears in this file only; the calls themselves are in sys.cc.
#include <fcntl.h>
#include <linux/openat2.h>
#include <napi.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "addon_devices.h"
#include "addon_io.h"
#include "remove.h"
#include "addon_view.h"
#include "sys.h"

namespace {

using Napi::CallbackInfo;
using Napi::Value;

// Longest symbolic link and longest attribute list the kernel hands out (PATH_MAX, XATTR_LIST_MAX and XATTR_SIZE_MAX).
constexpr size_t kMaxLink = 4096, kMaxAttribute = 65536;
constexpr const char *kJournalSocket = "/run/systemd/journal/socket";

// Throws an Error shaped like those of node:fs.
[[noreturn]] void fail(Napi::Env env, sys::Result result, const char *syscall, const std::string &path = "") {
  const int number = static_cast<int>(-result);
  const char *known = strerrorname_np(number);
  const std::string code = known != nullptr ? known : "E" + std::to_string(number);
  std::string message = code + ": " + strerror(number) + ", " + syscall;
  if (!path.empty()) message += " '" + path + "'";
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  error.Set("errno", Napi::Number::New(env, -number));
  error.Set("syscall", Napi::String::New(env, syscall));
  if (!path.empty()) error.Set("path", Napi::String::New(env, path));
  throw error;
}

sys::Result check(Napi::Env env, sys::Result result, const char *syscall, const std::string &path = "") {
  if (sys::failed(result)) fail(env, result, syscall, path);
  return result;
}

sys::Result check(Napi::Env env, const addon::Outcome &outcome, const std::string &path = "") {
  return check(env, outcome.result, outcome.syscall, path);
}

int number(const CallbackInfo &info, size_t index) { return info[index].As<Napi::Number>().Int32Value(); }
// -1 becomes the kernel's "leave as it is".
uint32_t word(const CallbackInfo &info, size_t index) { return static_cast<uint32_t>(info[index].As<Napi::Number>().Int64Value()); }
int64_t wide(const CallbackInfo &info, size_t index) { return info[index].As<Napi::Number>().Int64Value(); }

// A name or path as bytes. One with a NUL inside would reach the kernel cut short, and is refused.
std::string bytes(const CallbackInfo &info, size_t index) {
  std::string text;
  if (info[index].IsBuffer()) {
    const auto buffer = info[index].As<Napi::Buffer<char>>();
    text.assign(buffer.Data(), buffer.Length());
  } else {
    text = info[index].As<Napi::String>().Utf8Value();
  }
  if (text.find('\0') != std::string::npos) fail(info.Env(), -EINVAL, "(a name with a NUL byte)", text.c_str());
  return text;
}

// The xattr calls have no *at form before kernel 6.13; a path through /proc resolves the directory by its descriptor.
std::string at(int dir_fd, const std::string &name) { return "/proc/self/fd/" + std::to_string(dir_fd) + "/" + name; }

// Metadata arguments begin at `first`: uid, gid, mode, seconds, nanoseconds.
void apply_metadata(const CallbackInfo &info, size_t first, int fd, const std::string &path) {
  const Napi::Env env = info.Env();
  const uint32_t uid = word(info, first);
  const uint32_t gid = word(info, first + 1);
  if (uid != UINT32_MAX || gid != UINT32_MAX) check(env, sys::fchown(fd, uid, gid), "fchown", path);
  check(env, sys::fchmod(fd, word(info, first + 2)), "fchmod", path);
  const sys::Time time{wide(info, first + 3), wide(info, first + 4)};
  const sys::Time times[2] = {time, time};
  check(env, sys::utimensat(fd, nullptr, times, 0), "utimensat", path);
}

Value flock_(const CallbackInfo &info) {
  const std::string mode = info[1].As<Napi::String>().Utf8Value();
  const bool wait = info[2].As<Napi::Boolean>().Value();
  const int operation = mode == "exclusive" ? LOCK_EX : mode == "shared" ? LOCK_SH : LOCK_UN;
  sys::Result result;
  do {
    result = sys::flock(number(info, 0), wait ? operation : operation | LOCK_NB);
  } while (result == -EINTR);
  if (result == -EWOULDBLOCK) return Napi::Boolean::New(info.Env(), false);
  check(info.Env(), result, "flock");
  return Napi::Boolean::New(info.Env(), true);
}

Value openat2_(const CallbackInfo &info) {
  const std::string path = bytes(info, 1);
  sys::Result fd;
  do {  // EAGAIN: a rename elsewhere raced with the resolution of `..`
    fd = sys::openat2(number(info, 0), path.c_str(), word(info, 2) | O_CLOEXEC, word(info, 3),
                      static_cast<uint64_t>(wide(info, 4)));
  } while (fd == -EINTR || fd == -EAGAIN);
  return Napi::Number::New(info.Env(), static_cast<double>(check(info.Env(), fd, "openat2", path)));
}

void put_file(const CallbackInfo &info) {
  const std::string name = bytes(info, 1);
  const auto content = info[2].As<Napi::Buffer<char>>();
  const addon::Descriptor file(check(info.Env(),
                              sys::openat2(number(info, 0), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                                           0600, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS),
                              "openat2", name));
  check(info.Env(), addon::write_all(file.get(), content.Data(), content.Length()), "write", name);
  apply_metadata(info, 3, file.get(), name);
}

void set_metadata(const CallbackInfo &info) { apply_metadata(info, 1, number(info, 0), ""); }

void mkdirat_(const CallbackInfo &info) {
  const std::string name = bytes(info, 1);
  check(info.Env(), sys::mkdirat(number(info, 0), name.c_str(), word(info, 2)), "mkdirat", name);
}

void mknodat_(const CallbackInfo &info) {
  const std::string name = bytes(info, 1);
  check(info.Env(), sys::mknodat(number(info, 0), name.c_str(), word(info, 2), word(info, 3), word(info, 4)), "mknodat", name);
}

void symlinkat_(const CallbackInfo &info) {
  const std::string target = bytes(info, 0);
  const std::string name = bytes(info, 2);
  check(info.Env(), sys::symlinkat(target.c_str(), number(info, 1), name.c_str()), "symlinkat", name);
}

void linkat_(const CallbackInfo &info) {
  const std::string from = bytes(info, 1);
  const std::string to = bytes(info, 3);
  check(info.Env(), sys::linkat(number(info, 0), from.c_str(), number(info, 2), to.c_str(), 0), "linkat", to);
}

void unlinkat_(const CallbackInfo &info) {
  const std::string name = bytes(info, 1);
  check(info.Env(), sys::unlinkat(number(info, 0), name.c_str(), number(info, 2)), "unlinkat", name);
}

void renameat2_(const CallbackInfo &info) {
  const std::string from = bytes(info, 1);
  const std::string to = bytes(info, 3);
  check(info.Env(), sys::renameat2(number(info, 0), from.c_str(), number(info, 2), to.c_str(), word(info, 4)), "renameat2", to);
}

Value readlinkat_(const CallbackInfo &info) {
  const std::string name = bytes(info, 1);
  char target[kMaxLink];
  const sys::Result size = check(info.Env(), sys::readlinkat(number(info, 0), name.c_str(), target, sizeof target), "readlinkat", name);
  return Napi::Buffer<char>::Copy(info.Env(), target, static_cast<size_t>(size));
}

void lchownat(const CallbackInfo &info) {
  const std::string name = bytes(info, 1);
  check(info.Env(), sys::fchownat(number(info, 0), name.c_str(), word(info, 2), word(info, 3), AT_SYMLINK_NOFOLLOW), "fchownat", name);
}

void fchmodat_(const CallbackInfo &info) {
  const std::string name = bytes(info, 1);
  check(info.Env(), sys::fchmodat(number(info, 0), name.c_str(), word(info, 2)), "fchmodat", name);
}

void utimensat_(const CallbackInfo &info) {
  const std::string name = bytes(info, 1);
  const sys::Time time{wide(info, 2), wide(info, 3)};
  const sys::Time times[2] = {time, time};
  check(info.Env(), sys::utimensat(number(info, 0), name.c_str(), times, AT_SYMLINK_NOFOLLOW), "utimensat", name);
}

void lsetxattrat(const CallbackInfo &info) {
  const std::string name = bytes(info, 1);
  const std::string attribute = bytes(info, 2);
  const auto value = info[3].As<Napi::Buffer<char>>();
  check(info.Env(), sys::lsetxattr(at(number(info, 0), name).c_str(), attribute.c_str(), value.Data(), value.Length(), 0), "lsetxattr", name);
}

Value llistxattrat(const CallbackInfo &info) {
  const std::string name = bytes(info, 1);
  std::vector<char> names(kMaxAttribute);
  const auto size = static_cast<size_t>(
      check(info.Env(), sys::llistxattr(at(number(info, 0), name).c_str(), names.data(), names.size()), "llistxattr", name));
  Napi::Array list = Napi::Array::New(info.Env());
  for (size_t start = 0; start < size;) {
    const size_t length = strlen(&names[start]);
    list.Set(list.Length(), Napi::Buffer<char>::Copy(info.Env(), &names[start], length));
    start += length + 1;
  }
  return list;
}

Value lgetxattrat(const CallbackInfo &info) {
  const std::string name = bytes(info, 1);
  const std::string attribute = bytes(info, 2);
  std::vector<char> value(kMaxAttribute);
  const sys::Result size = check(
      info.Env(), sys::lgetxattr(at(number(info, 0), name).c_str(), attribute.c_str(), value.data(), value.size()), "lgetxattr", name);
  return Napi::Buffer<char>::Copy(info.Env(), value.data(), static_cast<size_t>(size));
}

void copy_content(const CallbackInfo &info) { check(info.Env(), addon::copy_content(number(info, 0), number(info, 1))); }
void syncfs_(const CallbackInfo &info) { check(info.Env(), sys::syncfs(number(info, 0)), "syncfs"); }

void start_writeback(const CallbackInfo &info) {
  check(info.Env(), sys::sync_file_range(number(info, 0), wide(info, 1), wide(info, 2), SYNC_FILE_RANGE_WRITE), "sync_file_range");
}

std::vector<std::string> texts(const CallbackInfo &info, size_t index) {
  const auto array = info[index].As<Napi::Array>();
  std::vector<std::string> list;
  for (uint32_t i = 0; i < array.Length(); i++) {
    list.push_back(array.Get(i).As<Napi::String>().Utf8Value());
    if (list.back().find('\0') != std::string::npos) fail(info.Env(), -EINVAL, "(an argument with a NUL byte)");
  }
  return list;
}

Value view_overlay(const CallbackInfo &info) {
  return Napi::Number::New(info.Env(), static_cast<double>(check(info.Env(), addon::view_overlay(texts(info, 0)))));
}

void execve_(const CallbackInfo &info) {
  const std::string path = bytes(info, 0);
  const std::vector<std::string> argv = texts(info, 1);
  const std::vector<std::string> env = texts(info, 2);
  // Node makes every descriptor it inherited close-on-exec, standard ones included (uv_disable_stdio_inheritance).
  for (const int fd : {0, 1, 2}) check(info.Env(), addon::keep_open(fd));
  const auto keep = info[3].As<Napi::Array>();
  for (uint32_t i = 0; i < keep.Length(); i++) check(info.Env(), addon::keep_open(keep.Get(i).As<Napi::Number>().Int32Value()));
  fail(info.Env(), addon::execute(path, argv, env), "execve", path);
}

void journal_send(const CallbackInfo &info) {
  const auto payload = info[0].As<Napi::Buffer<char>>();
  const std::string path = info[1].IsUndefined() ? kJournalSocket : bytes(info, 1);
  check(info.Env(), addon::send_datagram(path, payload.Data(), payload.Length()), path);
}

Value connect_unix(const CallbackInfo &info) {
  const std::string name = info[0].As<Napi::String>().Utf8Value();
  const int64_t patience = info[1].ToNumber().Int64Value();  // 0 if it is not given
  return Napi::Number::New(info.Env(), static_cast<double>(check(info.Env(), addon::connect_stream(name, patience), name)));
}

Value socket_pair(const CallbackInfo &info) {
  auto ends = Napi::Int32Array::New(info.Env(), 2);
  check(info.Env(), sys::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, ends.Data()), "socketpair");
  return ends;
}

void pidfd_send_signal_(const CallbackInfo &info) { check(info.Env(), sys::pidfd_send_signal(number(info, 0), number(info, 1)), "pidfd_send_signal"); }
void own_new_files(const CallbackInfo &info) { check(info.Env(), addon::own_new_files(word(info, 0))); }
void shutdown_(const CallbackInfo &info) { check(info.Env(), sys::shutdown(number(info, 0), SHUT_RDWR), "shutdown"); }

Napi::Object init(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char *name, auto function) { exports.Set(name, Napi::Function::New(env, function, name)); };
  add("pidfdSendSignal", pidfd_send_signal_);
  add("ownNewFiles", own_new_files);
  add("flock", flock_);
  add("openat2", openat2_);
  add("putFile", put_file);
  add("setMetadata", set_metadata);
  add("mkdirat", mkdirat_);
  add("mknodat", mknodat_);
  add("symlinkat", symlinkat_);
  add("linkat", linkat_);
  add("unlinkat", unlinkat_);
  add("removeShallow", [](const CallbackInfo &info) { return Napi::Boolean::New(info.Env(), podctl::remove_shallow(number(info, 0), bytes(info, 1).c_str())); });
  add("renameat2", renameat2_);
  add("readlinkat", readlinkat_);
  add("lchownat", lchownat);
  add("fchmodat", fchmodat_);
  add("utimensat", utimensat_);
  add("lsetxattrat", lsetxattrat);
  add("llistxattrat", llistxattrat);
  add("lgetxattrat", lgetxattrat);
  add("copyContent", copy_content);
  add("syncfs", syncfs_);
  add("spreadSubdirectories", [](const CallbackInfo &info) { return Napi::Boolean::New(info.Env(), addon::spread_subdirectories(number(info, 0))); });
  add("startWriteback", start_writeback);
  add("viewOverlay", view_overlay);
  add("canRestrictDevices", [](const CallbackInfo &info) { return Napi::Boolean::New(info.Env(), addon::can_restrict_devices()); });
  add("execve", execve_);
  add("journalSend", journal_send);
  add("connectUnix", connect_unix);
  add("socketPair", socket_pair);
  add("shutdown", shutdown_);
  return exports;
}

}  // namespace

NODE_API_MODULE(podctl, init)
