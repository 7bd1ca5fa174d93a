#include "attach.h"

#include <linux/fcntl.h>

#include "arena.h"
#include "ask.h"
#include "control.h"
#include "files.h"
#include "kernel.h"
#include "leaving_keys.h"
#include "talk.h"

namespace podctl {
namespace {

constexpr Text kUsage =
    "usage: podctl-stage1 attach POD_DIRECTORY APP ENDPOINTS [--leave HEX] | foreground FD POD_DIRECTORY [--input] [--terminal] "
    "[--leave HEX]\n";
constexpr int64_t kPatienceMs = 10000;

/** Bytes of an even number of hexadecimal digits; false if they are none, or too many. */
bool read_keys(Arena &arena, Text digits, Text &keys) {
  if (digits.size % 2 != 0 || digits.size / 2 > LeavingKeys::kMost) return false;
  auto *const bytes = static_cast<char *>(arena.bytes(LeavingKeys::kMost));
  for (size_t i = 0; i < digits.size; i += 2) {
    const int high = hex_digit(digits[i]);
    const int low = hex_digit(digits[i + 1]);
    if (high < 0 || low < 0) return false;
    bytes[i / 2] = static_cast<char>(high * 16 + low);
  }
  keys = Text(bytes, digits.size / 2);
  return true;
}

bool read_flags(Arena &arena, int count, const char *const words[], Talk &talk) {
  for (int i = 0; i < count; ++i) {
    const Text word(words[i]);
    if (word == "--input") {
      talk.gives_input = true;
    } else if (word == "--terminal") {
      talk.has_terminal = true;
    } else if (word != "--leave" || ++i == count || !read_keys(arena, words[i], talk.leaving_keys)) {
      return false;
    }
  }
  return true;
}

/** The init as the pod's directory names it: held, so that no other process can take its number. */
Outcome<Fd> hold_init(const Fd &directory) {
  char buffer[64];
  const Text text = TRY(read_file(directory.get(), "pid", buffer, sizeof buffer));
  uint64_t pid = 0;
  if (!parse_decimal(text.first(text.find('\n')), pid)) return problem("not the number of a process", "pid");
  return Fd(TRY(check(sys::pidfd_open(static_cast<long>(pid)), "pidfd_open")));
}

bool names(Text list, Text wanted) {
  while (!list.empty()) {
    if (split(list, ',') == wanted) return true;
  }
  return false;
}

int complain(Text caller, Text words) {
  Buffer<2048> line;
  line << "podctl: " << caller << ": " << words << '\n';
  write_all(2, line.text());
  return kOwnFailure;
}

int complain(Text caller, const Failure &failure) {
  Buffer<1024> words;
  words << "control-failed: " << failure.object << ": ";
  if (!failure.detail.empty()) {
    words << failure.detail;
  } else {
    words << failure.syscall << ": " << error_name(failure.error);
  }
  return complain(caller, words.text());
}

Outcome<int> go_on(Talk &talk) {
  Outcome<Fd> init = hold_init(talk.directory);
  if (init.ok()) talk.init = static_cast<Fd &&>(init.value);  // else it has ended, and the connection tells how
  return hold_talk(talk);
}

Outcome<int> join(Talk &talk, const char *const words[]) {
  talk.directory = TRY(open_at(AT_FDCWD, words[0], kOpenDirectory));
  talk.socket = TRY(connect_control(talk.directory));
  Buffer<kMaxRequest> request;
  request << "attach " << words[1] << ' ' << words[2];
  TRY(ask(talk.socket, request.text(), Fd()));
  char buffer[kMaxAnswer];
  const Text answer = TRY(hear_answer(talk.socket, buffer, kPatienceMs));
  if (answer.starts_with("error ")) return complain(talk.caller, answer.from(6));
  if (!answer.starts_with("ok ")) return problem("not an answer", "control");
  const Text joined = answer.from(3);
  talk.has_terminal = names(joined, "tty-in") || names(joined, "tty-out");
  talk.gives_input = names(joined, "tty-in") || names(joined, "stdin");
  return go_on(talk);
}

Outcome<int> return_to(Talk &talk, const char *const words[]) {
  uint64_t fd = 0;
  if (!parse_decimal(words[0], fd) || fd > 0x7fffffff) return problem("not a file descriptor", words[0]);
  talk.socket = Fd(static_cast<long>(fd));
  TRY(check(sys::fcntl(talk.socket.get(), F_SETFD, FD_CLOEXEC), "fcntl", words[0]));
  talk.directory = TRY(open_at(AT_FDCWD, words[1], kOpenDirectory));
  return go_on(talk);
}

}  // namespace

int attach(int count, const char *const words[]) {
  Arena arena;
  Talk talk;
  if (count < 3 || !read_flags(arena, count - 3, words + 3, talk)) {
    write_all(2, kUsage);
    return kOwnFailure;
  }
  block_talk_signals();
  const Outcome<int> status = join(talk, words);
  return status.ok() ? status.value : complain(talk.caller, *status.failure);
}

int foreground(int count, const char *const words[]) {
  Arena arena;
  Talk talk;
  talk.caller = "run";
  talk.is_owner = true;
  if (count < 2 || !read_flags(arena, count - 2, words + 2, talk)) {
    write_all(2, kUsage);
    return kOwnFailure;
  }
  block_talk_signals();
  const Outcome<int> status = return_to(talk, words);
  return status.ok() ? status.value : complain(talk.caller, *status.failure);
}

}  // namespace podctl
