#include "devices.h"

#include <linux/bpf.h>
#include <linux/errno.h>

namespace podctl {
namespace {

/** Of a rule, and what stands before and behind them all. */
constexpr size_t kMostPerRule = 8;
constexpr size_t kMostBeside = 16;
constexpr size_t kMostDeviceInstructions = kMostBeside + kMostPerRule * kMostDeviceRules;
constexpr uint32_t kEveryAccess = BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE;

bool parse_number(Text digits, bool &any, uint32_t &number) {
  any = digits == "*";
  if (any) return true;
  constexpr uint64_t kMost = (1U << 20) - 1;  // the kernel's MINORMASK; majors have twelve bits
  uint64_t value;
  if (!parse_decimal(digits, value) || value > kMost) return false;
  number = static_cast<uint32_t>(value);
  return true;
}

bool parse_access(Text letters, uint32_t &access) {
  for (size_t i = 0; i < letters.size; ++i) {
    uint32_t one = 0;
    if (letters[i] == 'r') one = BPF_DEVCG_ACC_READ;
    if (letters[i] == 'w') one = BPF_DEVCG_ACC_WRITE;
    if (letters[i] == 'm') one = BPF_DEVCG_ACC_MKNOD;
    if (one == 0 || (access & one) != 0) return false;
    access |= one;
  }
  return access != 0;
}

/** Instructions as they are put together. */
struct Assembly {
  bpf_insn instructions[kMostDeviceInstructions];
  uint32_t count;

  uint32_t put(uint8_t code, uint8_t to, uint8_t from, int16_t offset, int32_t value) {
    instructions[count] = bpf_insn{code, static_cast<uint8_t>(to & 15), static_cast<uint8_t>(from & 15), offset, value};
    return count++;
  }
  /** Makes a jump lead to the instruction that is put next. */
  void land(uint32_t jump) { instructions[jump].off = static_cast<int16_t>(count - jump - 1); }
};

constexpr uint8_t kLoad = BPF_LDX | BPF_MEM | BPF_W;
constexpr uint8_t kMove = BPF_ALU64 | BPF_MOV | BPF_K;
constexpr uint8_t kCopy = BPF_ALU64 | BPF_MOV | BPF_X;
constexpr uint8_t kUnlessValue = BPF_JMP | BPF_JNE | BPF_K;
constexpr uint8_t kUnlessSame = BPF_JMP | BPF_JNE | BPF_X;
constexpr uint8_t kReturn = BPF_JMP | BPF_EXIT;

/** Registers: the context, then of it the type, the access that is asked for, and the numbers. */
enum : uint8_t { kAnswer = 0, kContext = 1, kType = 2, kAccess = 3, kMajor = 4, kMinor = 5, kScratch = 6 };

void put_answer(Assembly &program, int32_t allowed) {
  program.put(kMove, kAnswer, 0, 0, allowed);
  program.put(kReturn, 0, 0, 0, 0);
}

/** Answers yes if the rule allows all that is asked for; else goes on behind it. */
void put_rule(Assembly &program, const DeviceRule &rule) {
  uint32_t exits[4];
  size_t count = 0;
  const auto value = [](uint32_t number) { return static_cast<int32_t>(number); };
  if (rule.type != 0) exits[count++] = program.put(kUnlessValue, kType, 0, 0, value(rule.type));
  if (rule.access != kEveryAccess) {
    program.put(kCopy, kScratch, kAccess, 0, 0);
    program.put(BPF_ALU64 | BPF_AND | BPF_K, kScratch, 0, 0, value(rule.access));
    exits[count++] = program.put(kUnlessSame, kScratch, kAccess, 0, 0);
  }
  if (!rule.any_major) exits[count++] = program.put(kUnlessValue, kMajor, 0, 0, value(rule.major));
  if (!rule.any_minor) exits[count++] = program.put(kUnlessValue, kMinor, 0, 0, value(rule.minor));
  put_answer(program, 1);
  for (size_t i = 0; i < count; ++i) program.land(exits[i]);
}

void put_head(Assembly &program) {
  // struct bpf_cgroup_dev_ctx: the access in the upper half of the first word, the type in the lower one.
  program.put(kLoad, kType, kContext, 0, 0);
  program.put(kCopy, kAccess, kType, 0, 0);
  program.put(BPF_ALU64 | BPF_AND | BPF_K, kType, 0, 0, 0xffff);
  program.put(BPF_ALU64 | BPF_RSH | BPF_K, kAccess, 0, 0, 16);
  program.put(kLoad, kMajor, kContext, 4, 0);
  program.put(kLoad, kMinor, kContext, 8, 0);
}

Outcome<Fd> load(const Assembly &program) {
  bpf_attr request{};
  request.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  request.insns = reinterpret_cast<uintptr_t>(program.instructions);
  request.insn_cnt = program.count;
  request.license = reinterpret_cast<uintptr_t>("Apache-2.0");
  return Fd(TRY(check(sys::bpf(BPF_PROG_LOAD, &request, sizeof request), "bpf", "BPF_PROG_LOAD")));
}

Outcome<> attach(const Fd &cgroup, const Fd &program) {
  bpf_attr request{};
  request.target_fd = static_cast<uint32_t>(cgroup.get());
  request.attach_bpf_fd = static_cast<uint32_t>(program.get());
  request.attach_type = BPF_CGROUP_DEVICE;
  request.attach_flags = BPF_F_ALLOW_MULTI;  // beside systemd's, which the unit has
  TRY(check(sys::bpf(BPF_PROG_ATTACH, &request, sizeof request), "bpf", "BPF_PROG_ATTACH"));
  return kDone;
}

Outcome<> explain(Outcome<> &&done) {
  if (!done.ok() && (done.failure->error == EPERM || done.failure->error == ENOSYS)) {
    done.failure->detail = "this host does not let podctl restrict devices: the kernel has no BPF for cgroups, or forbids it";
  }
  return static_cast<Outcome<> &&>(done);
}

Outcome<> load_and_attach(const Fd &cgroup, const Assembly &program) {
  const Fd loaded = TRY(load(program));
  return attach(cgroup, loaded);
}

}  // namespace

bool parse_device_rule(Text text, DeviceRule &rule) {
  const Text type = split(text, ' ');
  Text numbers = split(text, ' ');
  if (type != "a" && type != "b" && type != "c") return false;
  if (type != "a") rule.type = type == "b" ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;
  const Text major = split(numbers, ':');
  return parse_number(major, rule.any_major, rule.major) && parse_number(numbers, rule.any_minor, rule.minor) &&
         parse_access(text, rule.access);
}

Outcome<> restrict_devices(const Fd &cgroup, const Op &op) {
  Assembly program;
  program.count = 0;
  put_head(program);
  for (size_t i = 0; i < op.count; ++i) {
    DeviceRule rule;
    if (!parse_device_rule(op[i], rule)) return problem("not a device rule", op[i]);
    put_rule(program, rule);
  }
  put_answer(program, 0);
  return explain(load_and_attach(cgroup, program));
}

}  // namespace podctl
