// What the bus façade tells of the apps: units, their properties, their processes.
#include <linux/fcntl.h>

#include "caller.h"
#include "files.h"

namespace podctl {
namespace {

constexpr Text kUnknownProperty = "org.freedesktop.DBus.Error.UnknownProperty";
constexpr size_t kMaxProcesses = 64 * 1024;  // bytes of cgroup.procs that are shown

/** The list of strings at `in`: whether it is empty, or one of them satisfies `holds`. */
template <class Test>
bool any_of(BusReader &in, Test holds) {
  const size_t end = in.array(4);
  bool is_empty = true;
  bool found = false;
  while (in.has_more(end)) {
    const Text text = in.string();
    is_empty = false;
    found = found || holds(text);
  }
  return is_empty || found;
}

bool is_wanted(const BusMessage &call, const Unit &unit) {
  BusReader in(call.body);
  const auto is_state = [&unit](Text state) { return state == unit.load || state == unit.active || state == unit.sub; };
  const auto is_name = [&unit](Text pattern) { return matches(pattern, unit.name); };
  if (call.member == "ListUnitsByPatterns" || call.member == "ListUnitFilesByPatterns") {
    const bool has_state = call.member == "ListUnitFilesByPatterns" ? any_of(in, [](Text state) { return state == "transient"; })
                                                                    : any_of(in, is_state);
    return any_of(in, is_name) && has_state;
  }
  return call.member == "ListUnitsFiltered" ? any_of(in, is_state) : true;
}

}  // namespace

void Caller::obey_properties(const BusMessage &call) {
  if (call.member == "GetAll" && call.signature == "s") return get_all(call);
  if (call.member == "Get" && call.signature == "ss") return get_one(call);
  refuse(call, kUnknownMethod, "properties of a pod can be read only", call.member);
}

void Caller::get_all(const BusMessage &call) {
  BusReader in(call.body);
  const Text interface = in.string();
  const Text name = unit_of_path(arena_, call.path);
  if (!in.ok()) return refuse(call, kInvalidArguments, "not an interface");
  const BusWriter::Array all = body_.open_array(8);
  if (call.path == kManagerPath) {
    put_manager_properties(arena_, body_, premises_);
  } else if (!name.empty()) {
    put_properties(body_, premises_, look_at(arena_, premises_, name), interface);
  }
  body_.close_array(all);
  answer(call, "a{sv}");
}

void Caller::get_one(const BusMessage &call) {
  BusReader in(call.body);
  const Text interface = in.string();
  const Text property = in.string();
  const Text name = unit_of_path(arena_, call.path);
  if (!in.ok()) return refuse(call, kInvalidArguments, "not a property");
  const bool is_there = call.path == kManagerPath
                            ? put_manager_property(arena_, body_, premises_, property)
                            : !name.empty() && put_property(body_, premises_, look_at(arena_, premises_, name), interface, property);
  if (is_there) return answer(call, "v");
  refuse(call, kUnknownProperty, "the pod's bus does not know this property", property);
}

void Caller::list_units(const BusMessage &call) {
  const BusWriter::Array all = body_.open_array(8);
  for (const App &app : premises_.pod) {
    const Unit unit = look_at(arena_, premises_, unit_of(arena_, app.name));
    if (!is_wanted(call, unit)) continue;
    body_.structure();
    body_.string(unit.name);
    Buffer<kMaxUnitName + 32> description;
    description << "app " << app.name << " of a podctl pod";
    body_.string(description.text());
    const Text states[] = {unit.load, unit.active, unit.sub, ""};
    for (const Text state : states) body_.string(state);
    body_.string(path_of_unit(arena_, unit.name));
    body_.number(0);
    body_.string("");
    body_.string("/");
  }
  body_.close_array(all);
  answer(call, "a(ssssssouso)");
}

void Caller::list_files(const BusMessage &call) {
  const BusWriter::Array all = body_.open_array(8);
  for (const App &app : premises_.pod) {
    Unit unit;
    unit.name = unit_of(arena_, app.name);
    if (!is_wanted(call, unit)) continue;
    Buffer<kMaxUnitName + 64> path;
    path << "/run/systemd/transient/" << unit.name;
    body_.structure();
    body_.string(path.text());
    body_.string("transient");
  }
  body_.close_array(all);
  answer(call, "a(ss)");
}

/** Of one app, or, asked for what systemd calls the root slice, of all. */
void Caller::list_processes(const BusMessage &call) {
  BusReader in(call.body);
  const Text name = in.string();
  const App *const one = app_of_unit(premises_.pod, name);
  if (!in.ok() || (one == nullptr && name != "-.slice")) return refuse(call, kNoSuchUnit, "the pod has no such app", name);
  const BusWriter::Array all = body_.open_array(8);
  for (const App &app : premises_.pod) {
    if (one == nullptr || one == &app) put_processes(app);
  }
  body_.close_array(all);
  answer(call, "a(sus)");
}

/** (sus): the cgroup, the number and the command line of each process. */
void Caller::put_processes(const App &app) {
  const Unit unit = look_at(arena_, premises_, unit_of(arena_, app.name));
  Text rest = processes_of(app);
  while (!rest.empty()) {
    uint64_t pid = 0;
    if (!parse_decimal(split(rest, '\n'), pid) || pid == 0) continue;
    Buffer<64> file;
    file << "/proc/" << pid << "/cmdline";
    char words[256];
    const Outcome<Text> line = read_file(AT_FDCWD, file.text(), words, sizeof words);
    size_t size = line.ok() ? line.value.size : 0;
    while (size != 0 && words[size - 1] == '\0') --size;
    for (size_t i = 0; i < size; ++i) words[i] = words[i] == '\0' ? ' ' : words[i] < ' ' || words[i] > '~' ? '?' : words[i];
    body_.structure();
    body_.string(unit.cgroup);
    body_.number(static_cast<uint32_t>(pid));
    body_.string(Text(words, size));
  }
}

/** Numbers of an app's processes, a line each. */
Text Caller::processes_of(const App &app) {
  Buffer<kMaxUnitName + 32> path;
  path << app.cgroup_name << "/cgroup.procs";
  auto *const buffer = static_cast<char *>(arena_.bytes(kMaxProcesses));
  const Outcome<Text> read = read_file(premises_.cgroups, path.text(), buffer, kMaxProcesses);
  return read.ok() ? read.value : Text();  // one that never ran has no cgroup
}

void Caller::find_unit(const BusMessage &call, bool must_be) {
  BusReader in(call.body);
  const Text name = in.string();
  if (!in.ok() || name.size >= kMaxUnitName) return refuse(call, kInvalidArguments, "not a unit's name");
  if (must_be && app_of_unit(premises_.pod, name) == nullptr) return refuse(call, kNoSuchUnit, "the pod has no such app", name);
  answer_text(call, "o", path_of_unit(arena_, name));
}

}  // namespace podctl
