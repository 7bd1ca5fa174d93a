#include "replay.h"

#include <linux/fcntl.h>
#include <linux/stat.h>

#include "files.h"
#include "kernel.h"
#include "looks.h"
#include "question.h"
#include "succession.h"

namespace podctl {
namespace {

/** systemd.exec(5), INVOCATION_ID. */
constexpr size_t kInvocationSize = 32;

/** This run of the unit, if it is systemd itself that executed this process. */
Outcome<Text> own_invocation(const Call &call) {
  const char *const executed = value_of(call, "SYSTEMD_EXEC_PID");
  const char *const invocation = value_of(call, "INVOCATION_ID");
  Buffer<24> own;
  own << static_cast<int64_t>(sys::getpid());
  if (executed == nullptr || own.text() != executed || invocation == nullptr) return problem("not executed by systemd");
  const char *const watched = value_of(call, "WATCHDOG_PID");
  if (watched != nullptr && own.text() != watched) return problem("another process is watched");
  const Text text = invocation;
  if (text.size != kInvocationSize) return problem("not an invocation's ID");
  for (size_t i = 0; i < text.size; ++i) {
    if (hex_digit(text[i]) < 0) return problem("not an invocation's ID");
  }
  return text;
}

/** The record's file: the cgroup with `|` for `/` (usecases/replay.ts). Two cgroups of one name tell each other by their content. */
Outcome<> name_record(Writer &name) {
  char buffer[4096];
  Text cgroups = TRY(read_file(AT_FDCWD, "/proc/self/cgroup", buffer, sizeof buffer));
  while (!cgroups.empty()) {
    Text path = split(cgroups, '\n');
    if (!path.starts_with("0::/")) continue;
    for (path = path.from(3); !path.empty(); path = path.from(1)) name << (path[0] == '/' ? '|' : path[0]);
    if (!name.overflowed()) return kDone;
  }
  return problem("no cgroup that can have a record");
}

/** Only what root alone can have written counts. */
Outcome<Text> read_record(Arena &arena, const Fd &directory, Text name) {
  const Fd file = TRY(open_at(directory.get(), name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  struct statx info{};
  TRY(check(sys::statx(file.get(), "", AT_EMPTY_PATH, STATX_BASIC_STATS, &info), "statx", name));
  const bool is_ours = info.stx_uid == 0 && (info.stx_mode & kFileType) == kRegularFile && (info.stx_mode & 022) == 0;
  if (!is_ours || info.stx_size > kMaxRecord) return problem("not a record", name);
  const size_t size = info.stx_size;
  const Text bytes = TRY(read_text(file.get(), static_cast<char *>(arena.bytes(size)), size));
  if (bytes.size != size) return problem("changed meanwhile", name);
  return bytes;
}

void put_hex(Writer &out, Text bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (size_t i = 0; i < bytes.size; ++i) out << kDigits[static_cast<uint8_t>(bytes[i]) >> 4] << kDigits[bytes[i] & 15];
}

/** A UUID as it stands in a record: as text, as the bytes of a D-Bus message in hex, and as text in such a message. */
struct UuidForms {
  Buffer<kUuidSize + 1> text{};
  Buffer<33> bytes{};
  Buffer<2 * kUuidSize + 1> text_in_hex{};

  explicit UuidForms(Text uuid) {
    text << uuid;
    put_hex(text_in_hex, uuid);
    for (Text rest = uuid; !rest.empty();) bytes << split(rest, '-');
  }
};

struct Exchange {
  Text from{};
  Text to{};
};

/** In place: both texts of an exchange are of one size. */
void exchange_all(Text bytes, const Exchange *exchanges, size_t count) {
  auto *const data = const_cast<char *>(bytes.data);
  for (size_t at = 0; at < bytes.size; ++at) {
    for (size_t i = 0; i < count; ++i) {
      const auto &[from, to] = exchanges[i];
      if (data[at] == from[0] && bytes.from(at).starts_with(from)) __builtin_memcpy(data + at, to.data, to.size);
    }
  }
}

/** The record about the next pod and this run of the unit. */
Outcome<Text> rewrite(Arena &arena, Text bytes, const Line &run, Text uuid, Text invocation) {
  if (run[0].size != kUuidSize || run[1].size != kInvocationSize || uuid.size != kUuidSize) return problem("not an ID");
  const UuidForms last(run[0]);
  const UuidForms next(uuid);
  const Exchange exchanges[] = {{last.text.text(), next.text.text()},
                                {last.text_in_hex.text(), next.text_in_hex.text()},
                                {last.bytes.text(), next.bytes.text()},
                                {run[1], invocation}};
  const Text copy = arena.copy(bytes);
  exchange_all(copy, exchanges, sizeof exchanges / sizeof exchanges[0]);
  return copy;
}

Outcome<Text> random_uuid(Arena &arena) {
  char buffer[kUuidSize + 1];
  const Text text = TRY(read_file(AT_FDCWD, "/proc/sys/kernel/random/uuid", buffer, kUuidSize));
  return arena.copy(text);
}

}  // namespace

Outcome<> replay(int argc, const char *const argv[], const char *const envp[]) {
  const Call call{argc, argv, envp};
  const Text invocation = TRY(own_invocation(call));
  Arena arena;
  Buffer<256> name;
  TRY(name_record(name));
  const Fd records = TRY(open_at(AT_FDCWD, kRecords, kOpenDirectory));
  const Text bytes = TRY(read_record(arena, records, name.text()));
  const Record old = TRY(decode_record(arena, arena.copy(bytes)));
  const Line &run = *old.begin();
  const Line &question = *TRY(line_of(old, "ask"));
  const Fd bus = TRY(ask_systemd(arena, question[0], question[1]));
  const Text uuid = TRY(random_uuid(arena));
  const Text rewritten = TRY(rewrite(arena, bytes, run, uuid, invocation));
  const Record next = TRY(decode_record(arena, arena.copy(rewritten)));
  const Heirs heirs{TRY(open_at(AT_FDCWD, run[2], kOpenDirectory)), run[0], uuid};
  Succession succession(arena, old, next, heirs);
  TRY(succession.hold_images());
  TRY(look_again(arena, call, old));
  TRY(succession.hold_last());
  TRY(hear_systemd(arena, bus));
  TRY(succession.make_next());
  // ignored: without it, or with one about a pod that is no more, the next start is Node's
  static_cast<void>(replace_file(records.get(), name.text(), rewritten, 0600));
  return succession.execute();
}

}  // namespace podctl
