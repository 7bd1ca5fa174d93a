#include "command.h"

#include <asm/ioctls.h>

#include "files.h"
#include "kernel.h"

namespace podctl {
namespace {

constexpr Text kShells[] = {"/bin/bash", "/bin/sh"};
constexpr Text kFallbackPath = "/bin:/usr/bin";  // as in stage2/exec.ts

bool names_same(Text left, Text right) {
  const size_t name = left.find('=');
  return name < left.size && right.size > name && left.first(name + 1) == right.first(name + 1);
}

/** The app's; but the kind of a terminal is the caller's to say, and so is what the caller wants beside that. */
const char *const *environment_of(const Entry &entry) {
  constexpr Text kTerm = "TERM=";
  const EnterRequest &request = entry.request;
  const bool has_term = entry.has_terminal && !request.term.empty();
  const size_t most = static_cast<size_t>(entry.last - entry.first) + request.environment_count + 2;
  const char **const result = entry.arena.array<const char *>(most);
  size_t next = 0;
  for (size_t i = 0; i < request.environment_count; ++i) {
    if (!has_term || !request.environment[i].starts_with(kTerm)) result[next++] = request.environment[i].c_str();
  }
  const size_t own = next;
  for (const Op *op = entry.first; op != entry.last; ++op) {
    bool is_covered = op->kind != OpKind::env || (has_term && op->args[0].starts_with(kTerm));
    for (size_t i = 0; i < own && !is_covered; ++i) is_covered = names_same(result[i], op->args[0]);
    if (!is_covered) result[next++] = op->args[0].c_str();
  }
  if (!has_term) return result;
  const size_t room = kTerm.size + request.term.size + 1;
  Writer term(static_cast<char *>(entry.arena.bytes(room)), room);
  term << kTerm << request.term;
  result[next] = term.c_str();
  return result;
}

/** PATH as the command will have it. */
Text search_path(const char *const *environment) {
  for (; *environment != nullptr; ++environment) {
    const Text variable(*environment);
    if (variable.starts_with("PATH=") && variable.size > 5) return variable.from(5);
  }
  return kFallbackPath;
}

/** One path for each directory of PATH, unless the name has a slash: as execvp(3), and stage2/exec.ts for apps. */
void find_candidates(Arena &arena, Text name, Text path, Program &program) {
  size_t count = 1;
  for (size_t i = 0; i < path.size; ++i) count += path[i] == ':' ? 1 : 0;
  auto *const candidates = arena.array<Text>(count);
  program.candidates = candidates;
  if (name.find('/') < name.size || name.empty()) {
    candidates[program.candidate_count++] = name;
    return;
  }
  while (program.candidate_count < count) {
    const Text directory = split(path, ':');
    const size_t room = directory.size + name.size + 3;
    Writer candidate(static_cast<char *>(arena.bytes(room)), room);
    candidate << (directory.empty() ? Text(".") : directory) << '/' << name;
    candidates[program.candidate_count++] = candidate.text();
  }
}

/** What --privileged does without. Limits of resources stay: they are there for the host's sake. */
bool is_confinement(OpKind kind) {
  switch (kind) {
    case OpKind::user: case OpKind::groups: case OpKind::caps: case OpKind::no_new_privs: case OpKind::seccomp:
    case OpKind::selinux: case OpKind::apparmor: return true;
    default: return false;
  }
}

Outcome<> become(Entry &entry, const Identity &identity) {
  const EnterRequest &request = entry.request;
  TRY(check(sys::setsid(), "setsid"));
  if (entry.has_terminal) TRY(check(sys::ioctl(0, TIOCSCTTY, nullptr), "ioctl", "TIOCSCTTY"));
  TRY(check(sys::umask(022), "umask"));
  TRY(reset_signals());
  Program program{kShells, 2, request.arguments, request.argument_count, environment_of(entry)};
  if (request.argument_count != 0) {
    program.candidate_count = 0;
    find_candidates(entry.arena, request.arguments[0], search_path(program.environment), program);
  }
  TRY(assume(identity));
  Failure failure = execute(entry.arena, identity, program);
  failure.operation = "exec-failed";
  return failure;
}

}  // namespace

Identity identity_of(const Entry &entry) {
  const bool is_privileged = entry.request.is_privileged;
  Identity identity;
  for (const Op *op = entry.first; op != entry.last; ++op) {
    if (!is_privileged || !is_confinement(op->kind)) note(identity, *op);
  }
  if (is_privileged) identity.capabilities = ~uint64_t{0};
  if (!entry.request.working_directory.empty()) identity.working_directory = entry.request.working_directory;
  identity.lifeline = kLifelinePlace;
  return identity;
}

void run_command(Entry &entry, const Identity &identity) {
  sys::close(kBornPlace);
  const Outcome<> failed = become(entry, identity);
  report_refusal(kReportPlace, entry, *failed.failure);
  sys::exit_group(kOwnFailure);
}

void report_refusal(int report, const Entry &entry, const Failure &failure) {
  Failure whole = failure;
  whole.app = entry.request.app;
  Buffer<2048> line;
  put_refusal(line, entry.request.caller, whole);
  write_all(report, line.text());
}

}  // namespace podctl
