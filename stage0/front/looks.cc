#include "looks.h"

#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <linux/stat.h>

#include "clock.h"
#include "files.h"
#include "kernel.h"

namespace podctl {
namespace {

/** Most bytes of a file of the kernel's that are compared; replay.ts keeps no more. */
constexpr size_t kMaxText = 16 * 1024;

/** What systemd says anew to each process it executes. What depends on one of them is not in a record. */
constexpr Text kPassing[] = {"INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_EXEC_PID", "WATCHDOG_PID"};

constexpr Text kMachines = "/run/systemd/machines/";

Outcome<> require(bool holds, Text object) {
  if (!holds) return problem("not as it was", object);
  return kDone;
}

bool is_passing(Text variable) {
  const Text name = variable.first(variable.find('='));
  for (const Text passing : kPassing) {
    if (name == passing) return true;
  }
  return false;
}

bool contains(const Line &line, Text wanted) {
  for (size_t i = 0; i < line.count; ++i) {
    if (line[i] == wanted) return true;
  }
  return false;
}

Outcome<> look_at_environment(const Call &call, const Line &line) {
  size_t count = 0;
  for (const char *const *variable = call.envp; *variable != nullptr; ++variable) {
    if (is_passing(*variable)) continue;
    TRY(require(contains(line, *variable), *variable));
    ++count;
  }
  return require(count == line.count, "the environment");
}

/** But for the program's name, which Node does not tell. */
Outcome<> look_at_arguments(const Call &call, const Line &line) {
  TRY(require(static_cast<size_t>(call.argc) == line.count + 1, "the arguments"));
  for (size_t i = 0; i < line.count; ++i) TRY(require(line[i] == call.argv[i + 1], line[i]));
  return kDone;
}

Outcome<> look_at_link(Text path, Text target) {
  char buffer[PATH_MAX];
  const long size = TRY(check(sys::readlinkat(AT_FDCWD, path.c_str(), buffer, sizeof buffer), "readlinkat", path));
  return require(Text(buffer, static_cast<size_t>(size)) == target, path);
}

/** As stat(2) has it, in one number. */
uint64_t device_number(uint32_t major, uint32_t minor) {
  const uint64_t high = (uint64_t{major} & ~uint64_t{0xfff}) << 32 | (uint64_t{minor} & ~uint64_t{0xff}) << 12;
  return high | (uint64_t{major} & 0xfff) << 8 | (uint64_t{minor} & 0xff);
}

uint64_t nanoseconds(const statx_timestamp &time) { return static_cast<uint64_t>(time.tv_sec) * 1000000000U + time.tv_nsec; }

/** The words of witness.ts. */
void put_stamp(Writer &out, const struct statx &info, bool is_whole) {
  out << device_number(info.stx_dev_major, info.stx_dev_minor) << ':' << uint64_t{info.stx_ino} << ':' << uint32_t{info.stx_mode} << ':'
      << uint32_t{info.stx_uid} << ':' << uint32_t{info.stx_gid};
  if (is_whole) out << ':' << uint64_t{info.stx_size} << ':' << nanoseconds(info.stx_mtime) << ':' << nanoseconds(info.stx_ctime);
}

/** Whether links are followed, how closely it was looked at, path, stamp. */
Outcome<> look(const Line &line) {
  struct statx info{};
  const int flags = line[0] == "link" ? AT_SYMLINK_NOFOLLOW : 0;
  TRY(check(sys::statx(AT_FDCWD, line[2].c_str(), flags, STATX_BASIC_STATS, &info), "statx", line[2]));
  Buffer<192> stamp;
  put_stamp(stamp, info, line[1] == "whole");
  return require(stamp.text() == line[3], line[2]);
}

Outcome<> look_for(Text path, bool is_there) {
  const sys::Result found = sys::faccessat2(AT_FDCWD, path.c_str(), 0, 0);
  return require(is_there ? !sys::failed(found) : found == -ENOENT, path);
}

Outcome<Text> text_of(Arena &arena, Text path) {
  return read_file(AT_FDCWD, path, static_cast<char *>(arena.bytes(kMaxText + 1)), kMaxText + 1);
}

Outcome<> look_at_text(Arena &arena, const Line &line) {
  return require(TRY(text_of(arena, line[0])) == line[1], line[0]);
}

/** Behind the first `NAME:` that begins a line, without the tab. */
Outcome<> look_at_field(Arena &arena, const Line &line) {
  Text text = TRY(text_of(arena, line[0]));
  while (!text.empty()) {
    Text value = split(text, '\n');
    if (split(value, ':') != line[1]) continue;
    return require(value.starts_with("\t") && value.from(1) == line[2], line[1]);
  }
  return require(line[2].empty(), line[1]);
}

/** The journal's stream is another one each time; the record has only whether it was one. */
Text kind_of_output(const Call &call, const struct statx &info) {
  Buffer<64> stream;
  stream << device_number(info.stx_dev_major, info.stx_dev_minor) << ':' << uint64_t{info.stx_ino};
  const char *const journal = value_of(call, "JOURNAL_STREAM");
  if (journal != nullptr && stream.text() == journal) return "journal";
  const bool is_null = (info.stx_mode & kFileType) == kCharacterDevice && info.stx_rdev_major == 1 && info.stx_rdev_minor == 3;
  return is_null ? "null" : "elsewhere";
}

Outcome<> look_at_output(const Call &call, const Line &line) {
  uint64_t number = 0;
  TRY(require(parse_decimal(line[0], number), "output"));
  struct statx info{};
  TRY(check(sys::statx(static_cast<int>(number), "", AT_EMPTY_PATH, STATX_BASIC_STATS, &info), "statx", "output"));
  return require(kind_of_output(call, info) == line[1], "output");
}

Outcome<> look_at_clock(const Line &line) {
  uint64_t until = 0;
  return require(parse_decimal(line[0], until) && realtime_ns() / 1000000 < until, "the time");
}

/** Nobody's, or the one that an earlier run of this unit has left: the plan takes that away. */
Outcome<> look_at_machine(Arena &arena, Text name, Text unit) {
  Buffer<PATH_MAX> link;
  link << kMachines << "unit:" << unit;
  char buffer[PATH_MAX];
  const sys::Result size = sys::readlinkat(AT_FDCWD, link.c_str(), buffer, sizeof buffer);
  if (!sys::failed(size)) return require(Text(buffer, static_cast<size_t>(size)) == name, name);
  Buffer<PATH_MAX> path;
  path << kMachines << name;
  if (sys::faccessat2(AT_FDCWD, path.c_str(), 0, 0) == -ENOENT) return kDone;
  Buffer<512> own;
  own << "SCOPE=" << unit;
  Text record = TRY(text_of(arena, path.text()));
  while (!record.empty()) {
    if (split(record, '\n') == own.text()) return kDone;
  }
  return problem("another unit's machine", name);
}

Outcome<> look_at(Arena &arena, const Call &call, const Line &line) {
  if (line.name == "arguments") return look_at_arguments(call, line);
  if (line.name == "environment") return look_at_environment(call, line);
  if (line.name == "directory") return look_at_link("/proc/self/cwd", line[0]);
  if (line.name == "look") return look(line);
  if (line.name == "absent") return look_for(line[0], false);
  if (line.name == "present") return look_for(line[0], true);
  if (line.name == "link") return look_at_link(line[0], line[1]);
  if (line.name == "text") return look_at_text(arena, line);
  if (line.name == "field") return look_at_field(arena, line);
  if (line.name == "output") return look_at_output(call, line);
  if (line.name == "until") return look_at_clock(line);
  if (line.name == "machine") return look_at_machine(arena, line[0], line[1]);
  return kDone;  // not something to look at
}

}  // namespace

const char *value_of(const Call &call, Text name) {
  for (const char *const *variable = call.envp; *variable != nullptr; ++variable) {
    const Text text = *variable;
    if (text.size > name.size && text.starts_with(name) && text[name.size] == '=') return *variable + name.size + 1;
  }
  return nullptr;
}

Outcome<> look_again(Arena &arena, const Call &call, const Record &record) {
  for (const Line &line : record) TRY(look_at(arena, call, line));
  return kDone;
}

}  // namespace podctl
