// The pod's apps as units of systemd: names, object paths, states and properties (org.freedesktop.systemd1(5)).
#pragma once

#include "pod.h"
#include "wire.h"

namespace podctl {

/** What the process that serves a caller has of the pod: its memory at the caller's arrival, and directories, by number. */
struct Premises {
  const Pod &pod;
  int directory;
  int statuses;
  /** The cgroup `apps`. */
  int cgroups;
};

/** An app as a unit, from what the init has noted of it. */
struct Unit {
  /** Null: there is no such app. */
  const App *app = nullptr;
  Text name{};
  Text load = "not-found";
  Text active = "inactive";
  Text sub = "dead";
  Text result = "success";
  /** In the pod; 0: none. */
  uint64_t pid = 0;
  /** Microseconds since the epoch; 0: never. */
  uint64_t started = 0;
  uint64_t finished = 0;
  uint64_t exit_status = 0;
  uint64_t signal = 0;
  uint64_t restarts = 0;
  /** Absolute, as the host has it; empty if that is unknown. */
  Text cgroup{};
};

/** Longer ones are no app's. */
constexpr size_t kMaxUnitName = 300;

/** The pod's cgroup on the host, which holds the init's own; empty if that is unknown. */
Text cgroup_of_pod(Arena &arena);

const App *find_app(const Pod &pod, Text name);
/** The app whose unit has this name; null without. */
const App *app_of_unit(const Pod &pod, Text unit);
/** "APP.service" */
Text unit_of(Arena &arena, Text app);
/** What there is to know of the unit now. */
Unit look_at(Arena &arena, const Premises &premises, Text name);

Text path_of_unit(Arena &arena, Text name);
/** The unit with this object path; empty if it is no unit's. */
Text unit_of_path(Arena &arena, Text path);

/** Whether `name` matches the glob `pattern`, in which `*` and `?` are special. */
bool matches(Text pattern, Text name);

/** Writes all properties of a unit that belong to `interface` (empty: to any), as entries of a{sv}. */
void put_properties(BusWriter &out, const Premises &premises, const Unit &unit, Text interface);
/** Writes one as a variant; false if there is none. */
bool put_property(BusWriter &out, const Premises &premises, const Unit &unit, Text interface, Text name);
/** The same for systemd's own, which here are the pod's. */
void put_manager_properties(Arena &arena, BusWriter &out, const Premises &premises);
bool put_manager_property(Arena &arena, BusWriter &out, const Premises &premises, Text name);

}  // namespace podctl
