// The executable podctl: what can be answered without Node is, and all else is Node's.
#include <linux/fcntl.h>
#include <linux/limits.h>

#include "files.h"
#include "kernel.h"
#include "main.h"
#include "replay.h"

namespace podctl {
namespace {

/** The directory that this program is in. */
Outcome<> find_home(Writer &home) {
  char buffer[PATH_MAX];
  const long size = TRY(check(sys::readlinkat(AT_FDCWD, "/proc/self/exe", buffer, sizeof buffer), "readlinkat", "/proc/self/exe"));
  Text path(buffer, static_cast<size_t>(size));
  while (!path.empty() && path[path.size - 1] != '/') path = path.first(path.size - 1);
  home << path;
  return kDone;
}

/** What the build wrote down (bundle.mjs). */
Outcome<> print_version(Text home) {
  Buffer<PATH_MAX + 16> path;
  path << home << "lib/version";
  char buffer[1024];
  write_all(1, TRY(read_file(AT_FDCWD, path.text(), buffer, sizeof buffer)));
  return kDone;
}

/** Node's own program, by its `#!` line: processes of it are called podctl, too. */
int execute_node(Text home, const char *const argv[], const char *const envp[]) {
  Buffer<PATH_MAX + 16> path;
  path << home << "lib/podctl";
  const Outcome<long> executed = check(sys::execve(path.c_str(), argv, envp), "execve", path.text());
  Buffer<PATH_MAX + 160> line;
  const char *const name = error_name(executed.failure->error);
  line << "podctl: cannot execute " << path.text() << ": " << (name == nullptr ? "?" : name)
       << ": it begins with the Node that podctl was built for (hint: build it again)\n";
  write_all(2, line.text());
  return kOwnFailure;
}

}  // namespace

int run(int argc, const char *const argv[], const char *const envp[]) {
  Buffer<PATH_MAX> home;
  if (!find_home(home).ok()) {
    write_all(2, "podctl: /proc is not there\n");
    return kOwnFailure;
  }
  const Text verb = argc == 2 ? argv[1] : "";
  if ((verb == "--version" || verb == "version") && print_version(home.text()).ok()) return 0;
  static_cast<void>(replay(argc, argv, envp));  // has failed, and so Node does it, and says what is wrong if something is
  return execute_node(home.text(), argv, envp);
}

}  // namespace podctl
