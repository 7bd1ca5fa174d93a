#include "main.h"

#include <linux/fcntl.h>
#include <linux/prctl.h>

#include "ask.h"
#include "attach.h"
#include "enter.h"
#include "entry.h"
#include "files.h"
#include "graft.h"
#include "kernel.h"
#include "launch.h"
#include "plan.h"
#include "report.h"
#include "seal.h"

namespace podctl {
namespace {

int fail(Failure failure, Text operation) {
  if (failure.operation.empty()) failure.operation = operation;
  complain(failure);
  return kOwnFailure;
}

int print_version() {
  Buffer<64> line;
  line << "podctl-stage1 interface " << kInterfaceVersion << " plan " << kPlanVersion << '\n';
  write_all(1, line.text());
  return 0;
}

Text kind_name(ArgKind kind) {
  constexpr Text kNames[] = {"none", "text", "path", "num", "oct", "hex", "texts"};
  return kNames[static_cast<size_t>(kind)];
}

struct SectionName {
  Section section;
  Text name;
};
constexpr SectionName kSectionNames[] = {{kHead, "head"}, {kPod, "pod"}, {kApp, "app"}};

/** One line per operation, as op.ts has it: name, sections, kinds of the arguments. */
int print_ops() {
  for (size_t i = 0; i < kOpCount; ++i) {
    const OpSyntax &op = kOps[i];
    Buffer<128> line;
    line << op.name << ' ';
    Text comma = "";
    for (const SectionName &section : kSectionNames) {
      if ((op.sections & section.section) == 0) continue;
      line << comma << section.name;
      comma = ",";
    }
    for (const ArgKind kind : op.args) {
      if (kind != ArgKind::none) line << ' ' << kind_name(kind);
    }
    line << '\n';
    write_all(1, line.text());
  }
  return 0;
}

/** One line per event of the init: name, MESSAGE_ID. */
int print_events() {
  for (size_t i = 0; i < kEventCount; ++i) {
    Buffer<128> line;
    line << kEvents[i].name << ' ' << kEvents[i].id << '\n';
    write_all(1, line.text());
  }
  return 0;
}

int check_only(const char *path) {
  Arena arena;
  const Outcome<Text> bytes = read_plan(arena, path);
  if (!bytes.ok()) return fail(*bytes.failure, "plan");
  const Outcome<Plan> plan = decode_plan(arena, bytes.value);
  if (!plan.ok()) return fail(*plan.failure, "plan");
  const Outcome<> checked = check_plan(plan.value);
  return checked.ok() ? 0 : fail(*checked.failure, "plan");
}

/** Returns when nobody holds the pod's lock exclusively any more: its init has ended. Ends with the caller. */
Outcome<> wait_for_end(const char *pod_directory) {
  TRY(check(sys::prctl(PR_SET_PDEATHSIG, kSignalKill), "prctl", "PR_SET_PDEATHSIG"));
  const Fd directory = TRY(open_at(AT_FDCWD, pod_directory, O_RDONLY | O_DIRECTORY));
  TRY(check(sys::flock(directory.get(), LOCK_SH), "flock", pod_directory));
  return kDone;
}

int usage() {
  write_all(2, "usage: podctl-stage1 run PLAN | enter POD_DIRECTORY APP [OPTION…] -- [COMMAND…] | graft POD_DIRECTORY FRAGMENT | "
               "attach POD_DIRECTORY APP ENDPOINTS [OPTION…] | foreground FD POD_DIRECTORY [OPTION…] | control POD_DIRECTORY WORD… | wait POD_DIRECTORY | check PLAN | ops | events | version\n");
  return kOwnFailure;
}

}  // namespace

int run(int argc, const char *const argv[], const char *const envp[]) {
  const Text verb = argc > 1 ? argv[1] : "";
  if (argc == 2 && verb == "version") return print_version();
  if (argc == 2 && verb == "ops") return print_ops();
  if (argc == 2 && verb == "events") return print_events();
  if (argc == 3 && verb == "check") return check_only(argv[2]);
  if (argc == 3 && verb == "wait") {
    const Outcome<> ended = wait_for_end(argv[2]);
    return ended.ok() ? 0 : fail(*ended.failure, "wait");
  }
  if (argc == 4 && verb == "graft") return graft(argv[2], argv[3]);
  if (argc >= 4 && verb == "control") return control(argc - 2, argv + 2);
  if (argc >= 5 && verb == "attach") return attach(argc - 2, argv + 2);
  if (argc >= 4 && verb == "foreground") return foreground(argc - 2, argv + 2);
  const bool enters = verb == "enter";
  if (!enters && (argc != 3 || verb != "run")) return usage();
  const Outcome<> sealed = seal(argv, envp);
  if (enters && sealed.ok()) return enter(argc - 2, argv + 2);
  return sealed.ok() ? launch(argv[2], envp) : fail(*sealed.failure, "seal");
}

}  // namespace podctl
