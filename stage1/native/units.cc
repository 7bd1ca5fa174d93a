#include "units.h"

#include <linux/fcntl.h>

#include "files.h"
#include "report.h"

namespace podctl {
namespace {

constexpr Text kSuffix = ".service";
constexpr Text kUnitPaths = "/org/freedesktop/systemd1/unit/";
constexpr Text kUnitInterface = "org.freedesktop.systemd1.Unit";
constexpr Text kServiceInterface = "org.freedesktop.systemd1.Service";
constexpr uint64_t kUnset = ~uint64_t{0};
constexpr uint32_t kExited = 1;  // CLD_EXITED
constexpr uint32_t kKilled = 2;  // CLD_KILLED

bool is_plain(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9');
}

uint64_t number_in(Text record, Text key) {
  uint64_t number = 0;
  return parse_decimal(value_in(record, key), number) ? number : 0;
}

/** The pod's cgroup on the host, which holds the init's own; empty if that is unknown. */
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

/** A number of the app's cgroup: bytes, processes. */
uint64_t count_in_cgroup(const Premises &premises, const Unit &unit, Text file) {
  if (unit.app == nullptr) return kUnset;
  Buffer<kMaxUnitName + 64> path;
  path << unit.app->cgroup_name << '/' << file;
  char buffer[32];
  const Outcome<Text> read = read_file(premises.cgroups, path.text(), buffer, sizeof buffer);
  uint64_t count = 0;
  return read.ok() && parse_decimal(read.value.first(read.value.find('\n')), count) ? count : kUnset;
}

void put_text(BusWriter &out, Text text) {
  out.signature("s");
  out.string(text);
}
void put_flag(BusWriter &out, bool flag) {
  out.signature("b");
  out.boolean(flag);
}
void put_number(BusWriter &out, uint64_t number) {
  out.signature("u");
  out.number(static_cast<uint32_t>(number));
}
void put_integer(BusWriter &out, uint64_t number) {
  out.signature("i");
  out.number(static_cast<uint32_t>(number));
}
void put_large(BusWriter &out, uint64_t number) {
  out.signature("t");
  out.large(number);
}
void put_list(BusWriter &out, Text only) {
  out.signature("as");
  const BusWriter::Array list = out.open_array(4);
  if (!only.empty()) out.string(only);
  out.close_array(list);
}
void put_no_job(BusWriter &out) {
  out.signature("(uo)");
  out.structure();
  out.number(0);
  out.string("/");
}

using Put = void (*)(BusWriter &, const Premises &, const Unit &);

struct Property {
  Text interface;
  Text name;
  Put put;
};

#define PODCTL_PUT [](BusWriter & out, const Premises &premises, const Unit &unit)
#define PODCTL_UNUSED static_cast<void>(premises), static_cast<void>(unit)

/** What `systemctl status`, `show` and `is-active` ask for. */
const Property kProperties[] = {
    {kUnitInterface, "Id", PODCTL_PUT { PODCTL_UNUSED; put_text(out, unit.name); }},
    {kUnitInterface, "Names", PODCTL_PUT { PODCTL_UNUSED; put_list(out, unit.name); }},
    {kUnitInterface, "Following", PODCTL_PUT { PODCTL_UNUSED; put_text(out, ""); }},
    {kUnitInterface, "Description", PODCTL_PUT {
       PODCTL_UNUSED;
       Buffer<kMaxUnitName + 32> text;
       if (unit.app != nullptr) text << "app " << unit.app->name << " of a podctl pod";
       put_text(out, unit.app == nullptr ? unit.name : text.text());
     }},
    {kUnitInterface, "LoadState", PODCTL_PUT { PODCTL_UNUSED; put_text(out, unit.load); }},
    {kUnitInterface, "ActiveState", PODCTL_PUT { PODCTL_UNUSED; put_text(out, unit.active); }},
    {kUnitInterface, "SubState", PODCTL_PUT { PODCTL_UNUSED; put_text(out, unit.sub); }},
    {kUnitInterface, "FragmentPath", PODCTL_PUT { PODCTL_UNUSED; put_text(out, ""); }},
    {kUnitInterface, "UnitFileState", PODCTL_PUT { PODCTL_UNUSED; put_text(out, unit.app == nullptr ? "" : "transient"); }},
    {kUnitInterface, "UnitFilePreset", PODCTL_PUT { PODCTL_UNUSED; put_text(out, ""); }},
    {kUnitInterface, "Job", PODCTL_PUT { PODCTL_UNUSED; put_no_job(out); }},
    {kUnitInterface, "NeedDaemonReload", PODCTL_PUT { PODCTL_UNUSED; put_flag(out, false); }},
    {kUnitInterface, "Transient", PODCTL_PUT { PODCTL_UNUSED; put_flag(out, true); }},
    {kUnitInterface, "CanStart", PODCTL_PUT { PODCTL_UNUSED; put_flag(out, unit.app != nullptr); }},
    {kUnitInterface, "CanStop", PODCTL_PUT { PODCTL_UNUSED; put_flag(out, unit.app != nullptr); }},
    {kUnitInterface, "CanReload", PODCTL_PUT { PODCTL_UNUSED; put_flag(out, false); }},
    {kUnitInterface, "TriggeredBy", PODCTL_PUT { PODCTL_UNUSED; put_list(out, ""); }},
    {kUnitInterface, "Triggers", PODCTL_PUT { PODCTL_UNUSED; put_list(out, ""); }},
    {kUnitInterface, "StateChangeTimestamp", PODCTL_PUT {
       PODCTL_UNUSED;
       put_large(out, unit.active == "active" ? unit.started : unit.finished);
     }},
    {kUnitInterface, "InactiveExitTimestamp", PODCTL_PUT { PODCTL_UNUSED; put_large(out, unit.started); }},
    {kUnitInterface, "ActiveEnterTimestamp", PODCTL_PUT { PODCTL_UNUSED; put_large(out, unit.started); }},
    {kUnitInterface, "ActiveExitTimestamp", PODCTL_PUT { PODCTL_UNUSED; put_large(out, unit.finished); }},
    {kUnitInterface, "InactiveEnterTimestamp", PODCTL_PUT { PODCTL_UNUSED; put_large(out, unit.finished); }},
    {kServiceInterface, "Type", PODCTL_PUT { PODCTL_UNUSED; put_text(out, "exec"); }},
    {kServiceInterface, "Result", PODCTL_PUT { PODCTL_UNUSED; put_text(out, unit.result); }},
    {kServiceInterface, "NRestarts", PODCTL_PUT { PODCTL_UNUSED; put_number(out, unit.restarts); }},
    {kServiceInterface, "MainPID", PODCTL_PUT { PODCTL_UNUSED; put_number(out, unit.pid); }},
    {kServiceInterface, "ExecMainPID", PODCTL_PUT { PODCTL_UNUSED; put_number(out, unit.pid); }},
    {kServiceInterface, "ExecMainStartTimestamp", PODCTL_PUT { PODCTL_UNUSED; put_large(out, unit.started); }},
    {kServiceInterface, "ExecMainExitTimestamp", PODCTL_PUT { PODCTL_UNUSED; put_large(out, unit.finished); }},
    {kServiceInterface, "ExecMainCode", PODCTL_PUT {
       PODCTL_UNUSED;
       put_integer(out, unit.finished == 0 || unit.active == "active" ? 0 : unit.signal != 0 ? kKilled : kExited);
     }},
    {kServiceInterface, "ExecMainStatus", PODCTL_PUT { PODCTL_UNUSED; put_integer(out, unit.signal != 0 ? unit.signal : unit.exit_status); }},
    {kServiceInterface, "ControlGroup", PODCTL_PUT { PODCTL_UNUSED; put_text(out, unit.cgroup); }},
    {kServiceInterface, "MemoryCurrent", PODCTL_PUT { put_large(out, count_in_cgroup(premises, unit, "memory.current")); }},
    {kServiceInterface, "TasksCurrent", PODCTL_PUT { put_large(out, count_in_cgroup(premises, unit, "pids.current")); }},
};

#undef PODCTL_PUT
#undef PODCTL_UNUSED

/** What `systemctl status` and `is-system-running` ask of the manager. */
constexpr Text kManagerProperties[] = {"Version", "SystemState", "NNames", "NJobs", "NFailedUnits", "UserspaceTimestamp", "ControlGroup", "Virtualization"};

}  // namespace

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

void put_properties(BusWriter &out, const Premises &premises, const Unit &unit, Text interface) {
  for (const Property &property : kProperties) {
    if (!interface.empty() && property.interface != interface) continue;
    out.structure();
    out.string(property.name);
    property.put(out, premises, unit);
  }
}

bool put_property(BusWriter &out, const Premises &premises, const Unit &unit, Text interface, Text name) {
  for (const Property &property : kProperties) {
    if (property.name != name || (!interface.empty() && property.interface != interface)) continue;
    property.put(out, premises, unit);
    return true;
  }
  return false;
}

bool put_manager_property(Arena &arena, BusWriter &out, const Premises &premises, Text name) {
  uint64_t failed = 0;
  uint64_t since = 0;
  for (const App &app : premises.pod) {
    const Unit unit = look_at(arena, premises, unit_of(arena, app.name));
    failed += unit.active == "failed" ? 1 : 0;
    if (unit.started != 0 && (since == 0 || unit.started < since)) since = unit.started;
  }
  if (name == "Version") return put_text(out, "podctl"), true;
  if (name == "SystemState") return put_text(out, failed == 0 ? "running" : "degraded"), true;
  if (name == "NNames") return put_number(out, premises.pod.app_count), true;
  if (name == "NJobs") return put_number(out, 0), true;
  if (name == "NFailedUnits") return put_number(out, failed), true;
  if (name == "UserspaceTimestamp") return put_large(out, since), true;
  if (name == "Virtualization") return put_text(out, "podctl"), true;
  if (name != "ControlGroup") return false;
  put_text(out, cgroup_of_pod(arena));
  return true;
}

void put_manager_properties(Arena &arena, BusWriter &out, const Premises &premises) {
  for (const Text name : kManagerProperties) {
    out.structure();
    out.string(name);
    put_manager_property(arena, out, premises, name);
  }
}

}  // namespace podctl
