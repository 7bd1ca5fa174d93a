#include "units.h"

#include <linux/fcntl.h>

#include "files.h"
#include "report.h"

namespace podctl {
namespace {

constexpr Text kSuffix = ".service";
constexpr Text kUnitPaths = "/org/freedesktop/systemd1/unit/";

bool is_plain(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9');
}

uint64_t number_in(Text record, Text key) {
  uint64_t number = 0;
  return parse_decimal(value_in(record, key), number) ? number : 0;
}

Text cgroup_of(Arena &arena, const App &app) {
  const Text pod = cgroup_of_pod(arena);
  Buffer<4096> path;
  if (!pod.empty()) path << pod << "/apps/" << app.cgroup_name;
  return arena.copy(path.text());
}

Text result_of(Text reason, uint64_t status) {
  if (reason == "stopped" || (reason == "exit" && status == 0)) return "success";
  if (reason == "exit") return "exit-code";
  if (reason == "signal" || reason == "seccomp") return "signal";
  if (reason == "oom") return "oom-kill";
  return "resources";  // it was not executed
}

/** Nanoseconds have more digits than a number here may have. */
uint64_t microseconds_in(Text record, Text key) {
  const Text digits = value_in(record, key);
  uint64_t time = 0;
  return digits.size > 3 && parse_decimal(digits.first(digits.size - 3), time) ? time : 0;
}

void read_state(Unit &unit, Text record) {
  const Text state = value_in(record, "state");
  unit.started = microseconds_in(record, "started");
  unit.finished = microseconds_in(record, "finished");
  unit.pid = number_in(record, "pid");
  unit.exit_status = number_in(record, "exit");
  unit.signal = number_in(record, "signal");
  unit.restarts = number_in(record, "restarts");
  if (state == "running") {
    unit.active = "active";
    unit.sub = "running";
    return;
  }
  unit.result = result_of(value_in(record, "reason"), unit.exit_status);
  if (state == "restarting") {
    unit.active = "activating";
    unit.sub = "auto-restart";
  } else if (unit.result != "success") {
    unit.active = unit.sub = "failed";
  }
}

}  // namespace

Text cgroup_of_pod(Arena &arena) {
  auto *const buffer = static_cast<char *>(arena.bytes(4096));
  const Outcome<Text> read = read_file(AT_FDCWD, "/proc/self/cgroup", buffer, 4096);
  Text rest = read.ok() ? read.value : Text();
  while (!rest.empty()) {
    const Text line = split(rest, '\n');
    constexpr Text kUnified = "0::";
    constexpr Text kOwn = "/supervisor";
    if (!line.starts_with(kUnified) || line.size < kUnified.size + kOwn.size) continue;
    const Text pod = line.first(line.size - kOwn.size).from(kUnified.size);
    return line.from(line.size - kOwn.size) == kOwn ? pod : Text();
  }
  return {};
}

const App *find_app(const Pod &pod, Text name) {
  for (const App &app : pod) {
    if (app.name == name) return &app;
  }
  return nullptr;
}

const App *app_of_unit(const Pod &pod, Text unit) {
  if (unit.size <= kSuffix.size || unit.from(unit.size - kSuffix.size) != kSuffix) return nullptr;
  return find_app(pod, unit.first(unit.size - kSuffix.size));
}

Text unit_of(Arena &arena, Text app) {
  Buffer<kMaxUnitName> name;
  name << app << kSuffix;
  return arena.copy(name.text());
}

Unit look_at(Arena &arena, const Premises &premises, Text name) {
  Unit unit;
  unit.name = name;
  unit.app = app_of_unit(premises.pod, name);
  if (unit.app == nullptr) return unit;
  unit.load = "loaded";
  unit.cgroup = cgroup_of(arena, *unit.app);
  char buffer[4096];
  const Outcome<Text> record = read_file(premises.statuses, unit.app->name, buffer, sizeof buffer);
  if (record.ok()) read_state(unit, record.value);
  return unit;
}

Text path_of_unit(Arena &arena, Text name) {
  constexpr Text kDigits = "0123456789abcdef";
  Buffer<kMaxUnitName * 3 + 64> path;
  path << kUnitPaths;
  for (size_t i = 0; i < name.size; ++i) {
    const auto byte = static_cast<uint8_t>(name[i]);
    const bool is_leading_digit = i == 0 && name[i] >= '0' && name[i] <= '9';
    if (is_plain(name[i]) && !is_leading_digit) {
      path << name[i];
    } else {
      path << '_' << kDigits[byte >> 4] << kDigits[byte & 15];
    }
  }
  return arena.copy(path.text());
}

Text unit_of_path(Arena &arena, Text path) {
  if (!path.starts_with(kUnitPaths)) return {};
  Buffer<kMaxUnitName> name;
  for (size_t i = kUnitPaths.size; i < path.size; ++i) {
    if (path[i] != '_') {
      name << path[i];
      continue;
    }
    const int high = i + 2 < path.size ? hex_digit(path[i + 1]) : -1;
    const int low = i + 2 < path.size ? hex_digit(path[i + 2]) : -1;
    if (high < 0 || low < 0) return {};
    name << static_cast<char>(high * 16 + low);
    i += 2;
  }
  return name.overflowed() ? Text() : arena.copy(name.text());
}

bool matches(Text pattern, Text name) {
  // Goes back to the last star only, so that no pattern takes long.
  size_t at = 0;
  size_t star = pattern.size;
  size_t mark = 0;
  size_t i = 0;
  while (i < name.size) {
    if (at < pattern.size && pattern[at] == '*') {
      star = at++;
      mark = i;
    } else if (at < pattern.size && (pattern[at] == '?' || pattern[at] == name[i])) {
      ++at;
      ++i;
    } else if (star < pattern.size) {
      at = star + 1;
      i = ++mark;
    } else {
      return false;
    }
  }
  while (at < pattern.size && pattern[at] == '*') ++at;
  return at == pattern.size;
}

}  // namespace podctl
