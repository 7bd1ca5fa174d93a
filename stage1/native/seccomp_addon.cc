// The second addon for Node: makes BPF programs of system call filters, by libseccomp. Apart from the first one, since a start
// needs it only for a filter that was never compiled here before. seccomp_addon.d.ts documents it.
#include <dlfcn.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <napi.h>
#include <seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

namespace {

using Napi::CallbackInfo;
using Napi::Value;

/** Of this machine: the one Node runs on, and the one whose programs the kernel runs as well. */
#if defined(__x86_64__)
constexpr uint32_t kCompat = SCMP_ARCH_X86;
constexpr uint32_t kAuditNative = AUDIT_ARCH_X86_64;
constexpr uint32_t kAuditCompat = AUDIT_ARCH_I386;
constexpr uint32_t kForeignBit = 0x40000000;  // __X32_SYSCALL_BIT
#elif defined(__aarch64__)
constexpr uint32_t kCompat = SCMP_ARCH_ARM;
constexpr uint32_t kAuditNative = AUDIT_ARCH_AARCH64;
constexpr uint32_t kAuditCompat = AUDIT_ARCH_ARM;
constexpr uint32_t kForeignBit = 0;
#endif

using Context = std::unique_ptr<void, decltype(&seccomp_release)>;

[[noreturn]] void fail(Napi::Env env, int error, const std::string &what) {
  throw Napi::Error::New(env, "libseccomp: " + what + ": " + strerror(-error));
}

void check(Napi::Env env, int result, const std::string &what) {
  if (result < 0) fail(env, result, what);
}

/** `allow`, `kill`, or the number of an error. */
uint32_t action_of(const Value &value) {
  if (value.IsNumber()) return SCMP_ACT_ERRNO(value.As<Napi::Number>().Uint32Value());
  return value.As<Napi::String>().Utf8Value() == "allow" ? SCMP_ACT_ALLOW : SCMP_ACT_KILL_PROCESS;
}

scmp_arg_cmp comparison_of(const Napi::Object &when) {
  const std::string is = when.Get("is").As<Napi::String>().Utf8Value();
  const auto number = [&](const char *name) {
    return static_cast<scmp_datum_t>(when.Get(name).As<Napi::Number>().Int64Value());
  };
  scmp_arg_cmp comparison{};
  comparison.arg = static_cast<unsigned>(number("argument"));
  comparison.datum_a = number("value");
  comparison.op = is == "equal" ? SCMP_CMP_EQ : SCMP_CMP_NE;
  if (is == "masked") {
    comparison.op = SCMP_CMP_MASKED_EQ;
    comparison.datum_a = number("mask");
    comparison.datum_b = number("value");
  }
  return comparison;
}

/** False if no architecture of this libseccomp has a call of this name. */
bool add_rule(Napi::Env env, void *context, const Napi::Object &rule, uint32_t otherwise) {
  const std::string name = rule.Get("syscall").As<Napi::String>().Utf8Value();
  const int number = seccomp_syscall_resolve_name(name.c_str());
  if (number == __NR_SCMP_ERROR) return false;
  const uint32_t action = action_of(rule.Get("action"));
  if (action == otherwise) return true;  // libseccomp refuses rules that change nothing
  const Value when = rule.Get("when");
  int result;
  if (when.IsObject()) {
    const scmp_arg_cmp comparison = comparison_of(when.As<Napi::Object>());
    result = seccomp_rule_add_array(context, action, number, 1, &comparison);
  } else {
    result = seccomp_rule_add_array(context, action, number, 0, nullptr);
  }
  // EDOM: none of the architectures has it.
  if (result != -EDOM) check(env, result, name);
  return true;
}

/** What a filter begins with whose list must not answer for calls that were not thought of when it was written. */
std::vector<sock_filter> newer_are_unknown(const Napi::Array &rules) {
  int newest[2] = {0, 0};
  const uint32_t tokens[2] = {seccomp_arch_native(), kCompat};
  for (uint32_t i = 0; i < rules.Length(); ++i) {
    const std::string name = rules.Get(i).As<Napi::Object>().Get("syscall").As<Napi::String>().Utf8Value();
    for (int arch = 0; arch < 2; ++arch) {
      const int number = seccomp_syscall_resolve_name_arch(tokens[arch], name.c_str());
      if (number > newest[arch] && number < 0x10000) newest[arch] = number;
    }
  }
  const uint32_t unknown = SECCOMP_RET_ERRNO | ENOSYS;
  const auto newest_native = static_cast<uint32_t>(newest[0]);
  const auto newest_compat = static_cast<uint32_t>(newest[1]);
  constexpr uint32_t kForeign = kForeignBit == 0 ? 0xffffffffU : kForeignBit - 1;
  return {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kAuditNative, 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kAuditCompat, 4, 0),
      BPF_JUMP(BPF_JMP | BPF_JA, 6, 0, 0),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, kForeign, 4, 0),
      BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, newest_native, 2, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, newest_compat, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, unknown),
  };
}

/** A file in memory that closes itself. */
class Memory {
 public:
  Memory() : fd_(memfd_create("seccomp", MFD_CLOEXEC)) {}
  ~Memory() {
    if (fd_ >= 0) close(fd_);
  }
  Memory(const Memory &) = delete;
  Memory &operator=(const Memory &) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

std::string exported(Napi::Env env, void *context) {
  const Memory memory;
  if (memory.get() < 0) fail(env, -errno, "memfd_create");
  check(env, seccomp_export_bpf(context, memory.get()), "seccomp_export_bpf");
  std::string program;
  char piece[4096];
  for (;;) {
    const ssize_t got = pread(memory.get(), piece, sizeof piece, static_cast<off_t>(program.size()));
    if (got < 0) fail(env, -errno, "pread");
    if (got == 0) return program;
    program.append(piece, static_cast<size_t>(got));
  }
}

Value compile(const CallbackInfo &info) {
  const Napi::Env env = info.Env();
  const auto filter = info[0].As<Napi::Object>();
  const uint32_t otherwise = action_of(filter.Get("otherwise"));
  const Context context(seccomp_init(otherwise), seccomp_release);
  if (!context) fail(env, -ENOMEM, "seccomp_init");
  check(env, seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, action_of(filter.Get("foreign"))), "ACT_BADARCH");
  // The executor decides on no_new_privs; here nothing is loaded.
  check(env, seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_NNP, 0), "CTL_NNP");
  check(env, seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2), "CTL_OPTIMIZE");  // a binary tree
  check(env, seccomp_arch_add(context.get(), kCompat), "seccomp_arch_add");

  const auto rules = filter.Get("rules").As<Napi::Array>();
  Napi::Array unknown = Napi::Array::New(env);
  for (uint32_t i = 0; i < rules.Length(); ++i) {
    const auto rule = rules.Get(i).As<Napi::Object>();
    if (!add_rule(env, context.get(), rule, otherwise)) unknown.Set(unknown.Length(), rule.Get("syscall"));
  }
  std::string program;
  if (filter.Get("newerAreUnknown").As<Napi::Boolean>().Value()) {
    const std::vector<sock_filter> head = newer_are_unknown(rules);
    program.assign(reinterpret_cast<const char *>(head.data()), head.size() * sizeof(sock_filter));
  }
  program += exported(env, context.get());

  Napi::Object result = Napi::Object::New(env);
  result.Set("program", Napi::Buffer<char>::Copy(env, program.data(), program.size()));
  result.Set("unknown", unknown);
  return result;
}

/** Where libseccomp is: what it compiles changes with it. */
Value library(const CallbackInfo &info) {
  Dl_info found{};
  if (dladdr(reinterpret_cast<const void *>(&seccomp_init), &found) == 0) fail(info.Env(), -ENOENT, "dladdr");
  return Napi::String::New(info.Env(), found.dli_fname);
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("compile", Napi::Function::New(env, compile, "compile"));
  exports.Set("library", Napi::Function::New(env, library, "library"));
  return exports;
}

}  // namespace

NODE_API_MODULE(podctl_seccomp, init)
