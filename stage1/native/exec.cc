// Replacing an app's child by the app's program, and saying precisely why that did not work.
#include <linux/elf.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/openat2.h>

#include "fd.h"
#include "files.h"
#include "identity.h"
#include "seccomp.h"
#include "kernel.h"

namespace podctl {
namespace {

/** As much of a program as is looked at: the kernel reads its "#!" line from 256 bytes, and ELF headers come first. */
constexpr size_t kHeadSize = 1024;

constexpr int kMayExecute = 1;  // X_OK

const char **strings(Arena &arena, size_t count) { return arena.array<const char *>(count + 1); }

/** argv of the program, or the candidate's own path if it says none. */
const char **arguments_of(Arena &arena, const Program &program, Text candidate) {
  const bool is_silent = program.argument_count == 0;
  const size_t count = is_silent ? 1 : program.argument_count;
  const char **const result = strings(arena, count);
  for (size_t i = 0; i < count; ++i) result[i] = is_silent ? candidate.c_str() : program.arguments[i].c_str();
  return result;
}

/** The interpreter that a "#!" line names. */
Text interpreter_of_script(Text head) {
  Text line = split(head, '\n').from(2);
  while (!line.empty() && (line[0] == ' ' || line[0] == '\t')) line = line.from(1);
  return line.first(line.find(' '));
}

/** The loader that an ELF program names, if its name is within `head`. */
Text loader_of_elf(Text head) {
  Elf64_Ehdr header;
  __builtin_memcpy(&header, head.data, sizeof header);
  for (size_t i = 0; i < header.e_phnum; ++i) {
    const uint64_t at = header.e_phoff + i * sizeof(Elf64_Phdr);
    Elf64_Phdr segment;
    if (at > head.size || head.size - at < sizeof segment) return {};
    __builtin_memcpy(&segment, head.data + at, sizeof segment);
    if (segment.p_type != PT_INTERP) continue;
    if (segment.p_offset > head.size || segment.p_filesz > head.size - segment.p_offset) return {};
    const Text name = head.from(segment.p_offset).first(segment.p_filesz);
    return name.first(name.find('\0'));
  }
  return {};
}

/** What a program is executed by: its interpreter or its loader. Empty if it needs none, or if that cannot be seen. */
Text helper_of(Text head) {
  if (head.starts_with("#!")) return interpreter_of_script(head);
  const bool is_elf = head.size >= sizeof(Elf64_Ehdr) && head.starts_with("\177ELF");
  return is_elf ? loader_of_elf(head) : Text();
}

/** What execve(2) missed although the file itself exists: its interpreter or its loader. Empty if there is no file. */
Text explain_missing(Arena &arena, Text path) {
  char head[kHeadSize];
  const Outcome<Text> read = read_file(AT_FDCWD, path, head, sizeof head);
  if (!read.ok()) return {};
  const bool is_script = read.value.starts_with("#!");
  const Text missing = helper_of(read.value);
  Buffer<512> words;
  words << "the file exists, but its " << (is_script ? "interpreter" : "loader") << ' ' << missing << " does not";
  return arena.copy(words.text());
}

Text tried_paths(Arena &arena, const Program &program) {
  Buffer<1024> words;
  words << "tried";
  for (size_t i = 0; i < program.candidate_count; ++i) words << (i == 0 ? " " : ", ") << program.candidates[i];
  return arena.copy(words.text());
}

/** Refuses magic links on the way: /proc/self/exe is stage1's own program until the exec (CVE-2019-5736). */
sys::Result probe(Text path) {
  const sys::Result file = sys::openat2(AT_FDCWD, path.c_str(), O_PATH | O_CLOEXEC, 0, RESOLVE_NO_MAGICLINKS);
  const Fd closes_it(sys::failed(file) ? -1 : file);
  return file;
}

/**
 * What will keep `path` from being executed, as far as can be seen: 0, or -errno. Asked before a filter is loaded, since with it
 * execve(2) may be the last call that is allowed, and nobody could be told of its failure.
 */
sys::Result foresee(Text path) {
  const sys::Result access = sys::faccessat2(AT_FDCWD, path.c_str(), kMayExecute, AT_EACCESS);
  if (sys::failed(access)) return access;
  char head[kHeadSize];
  const Outcome<Text> read = read_file(AT_FDCWD, path, head, sizeof head);
  if (!read.ok()) return 0;  // a program that may be executed, but not read
  const Text helper = helper_of(read.value);
  if (helper.empty()) return 0;
  Buffer<512> name;
  name << helper;
  const sys::Result found = probe(name.text());
  return sys::failed(found) ? found : 0;
}

}  // namespace

Outcome<> reset_signals() {
  for (int signal = 1; signal <= kLastSignal; ++signal) {
    static_cast<void>(sys::rt_sigaction_default(signal));  // ignored: fails for SIGKILL and SIGSTOP only
  }
  TRY(check(sys::rt_sigprocmask(kSigSetMask, 0), "rt_sigprocmask"));
  return kDone;
}

const char *const *environment_of(Arena &arena, const Op *first, const Op *last) {
  const char **const result = strings(arena, static_cast<size_t>(last - first));
  size_t count = 0;
  for (const Op *op = first; op != last; ++op) {
    if (op->kind == OpKind::env) result[count++] = op->args[0].c_str();
  }
  return result;
}

Failure execute(Arena &arena, const Identity &identity, const Program &program) {
  Failure last{"execve", ENOENT, program.candidates[0]};
  bool is_confined = identity.filter.empty();
  for (size_t i = 0; i < program.candidate_count; ++i) {
    const Text path = program.candidates[i];
    sys::Result result = probe(path);
    if (!is_confined && !sys::failed(result)) {
      result = foresee(path);
      if (!sys::failed(result)) {
        const Outcome<> confined = confine(arena, identity.filter);
        if (!confined.ok()) return *confined.failure;
        is_confined = true;
      }
    }
    if (!sys::failed(result)) result = sys::execve(path.c_str(), arguments_of(arena, program, path), program.environment);
    const int error = static_cast<int>(-result);
    const Text explanation = error == ENOENT ? explain_missing(arena, path) : Text();
    const bool is_absent = (error == ENOENT && explanation.empty()) || error == ENOTDIR;
    if (is_absent) continue;
    last = Failure{"execve", error, path, explanation};
    if (error == ENOEXEC) last.detail = "neither a program of this machine nor a script that begins with #!";
    if (error != EACCES) return last;
  }
  last.detail = tried_paths(arena, program);
  return last;
}

}  // namespace podctl
