// The properties of units and of systemd itself, which here are those of the pod.
#include "files.h"
#include "units.h"

namespace podctl {
namespace {

constexpr Text kUnitInterface = "org.freedesktop.systemd1.Unit";
constexpr Text kServiceInterface = "org.freedesktop.systemd1.Service";
constexpr uint64_t kUnset = ~uint64_t{0};
constexpr uint32_t kExited = 1;  // CLD_EXITED
constexpr uint32_t kKilled = 2;  // CLD_KILLED

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
