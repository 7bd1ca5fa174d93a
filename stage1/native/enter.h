// The verb `enter`: a command beside an app, with all that the app has and nothing it has not (stage1/README.md).
//
// Three processes. The caller's own, the *relay*, stays on the host and copies between the caller and the command. The *guide*
// goes before: it joins everything of the app's but is still no process of the pod, so that no app can look at it, and has
// closed whatever is the host's when it makes the *command*, the relay's child and the only one that the pod ever sees.
#pragma once

#include "error.h"
#include "plan.h"
#include "target.h"

namespace podctl {

struct EnterRequest {
  enum class Terminal : uint8_t { automatic, always, never };

  /** The command of podctl's that messages name. */
  Text caller = "enter";
  Text pod{};
  Text app{};
  bool is_privileged = false;
  Terminal terminal = Terminal::automatic;
  /** Empty: the app's. */
  Text working_directory{};
  /** Kind of the caller's terminal, or empty. */
  Text term{};
  /** argv; none: a shell. */
  Text *arguments = nullptr;
  size_t argument_count = 0;
  /** `NAME=value` each, beside the app's and before them. */
  Text *environment = nullptr;
  size_t environment_count = 0;
};

/** Where the relay finds the command and the other ends of its files, once it is born. -1: there is no such file. */
struct Born {
  /** In the relay's PID namespace; 0 for none. */
  long pid = 0;
  /** Ends for the relay: of stdin, stdout, stderr. With a terminal, the first is its master, and there is no second. */
  int ours[3] = {-1, -1, -1};
  /** The command's, in the relay's hands as long as the two share their files. */
  int theirs[3] = {-1, -1, -1};
};

struct Entry {
  Arena &arena;
  const EnterRequest &request;
  /** The pod's users are a namespace of its own. */
  bool has_own_users = false;
  /** The app's section. */
  const Op *first = nullptr;
  const Op *last = nullptr;
  Target target{};
  bool has_terminal = false;
  /** stderr is the terminal's as well. */
  bool is_stderr_merged = false;
  /** Where the guide and the command say why they failed, in words; closed by the command's exec. */
  Fd report_in{};
  Fd report_out{};
  /** Where the guide sends Born. */
  Fd born_in{};
  Fd born_out{};
  /** Nothing is ever sent: its end is the relay's. */
  Fd lifeline_in{};
  Fd lifeline_out{};
};

/** From where the app's process is known: sends the command into the app. What has become of it, read_report() tells. */
Outcome<Born> send_command(Entry &entry);

/** What guide and command had to say, once that is known: why there is no command; empty if it was executed. */
Text read_report(Entry &entry, char *buffer, size_t capacity);

/** Performs the verb with the words behind it. Returns the exit status. */
int enter(int count, const char *const words[]);

/** "podctl: enter: CODE: …" The code is one of stage0's table: the failure's operation, if that is one. */
void put_refusal(Writer &out, Text caller, const Failure &failure);

}  // namespace podctl
