#include "transient.h"

#include "wire.h"

namespace podctl {
namespace {

struct List {
  Text *texts = nullptr;
  size_t count = 0;
};

/** An array of strings, whose end is known beforehand so that its copy is no larger than what came. */
List read_list(Arena &arena, BusReader &in) {
  const size_t end = in.array(4);
  const size_t most = in.ok() ? (end - in.position()) / 5 + 1 : 0;  // a length and a NUL each
  List list{arena.array<Text>(most + 1), 0};
  while (in.has_more(end) && list.count < most) list.texts[list.count++] = arena.copy(in.string());
  return list;
}

/** The first of the commands: path, arguments and what matters to systemd only. */
void read_command(Arena &arena, BusReader &in, Text type, Transient &what) {
  const size_t end = in.array(8);
  while (in.has_more(end)) {
    in.structure();
    const Text program = in.string();
    const List arguments = read_list(arena, in);
    Text flags = type == "a(sasb)" ? "b" : "as";
    in.skip(flags);
    if (!what.program.empty()) continue;
    what.program = arena.copy(program);
    what.arguments = arguments.texts;
    what.argument_count = arguments.count;
  }
}

void read_property(Arena &arena, BusReader &in, Transient &what) {
  constexpr Text kFiles[] = {"StandardInputFileDescriptor", "StandardOutputFileDescriptor", "StandardErrorFileDescriptor"};
  in.structure();
  const Text name = in.string();
  Text type = in.signature();
  if (type == "s" && name == "User") {
    what.user = in.string();
  } else if (type == "s" && name == "TTYPath") {
    what.terminal = arena.copy(in.string());
  } else if (type == "s" && name == "WorkingDirectory") {
    what.working_directory = arena.copy(in.string());
  } else if (type == "as" && name == "Environment") {
    const List list = read_list(arena, in);
    what.environment = list.texts;
    what.environment_count = list.count;
  } else if ((type == "a(sasb)" && name == "ExecStart") || (type == "a(sasas)" && name == "ExecStartEx")) {
    read_command(arena, in, type, what);
  } else if (type == "h" && (name == kFiles[0] || name == kFiles[1] || name == kFiles[2])) {
    const uint32_t index = in.number();
    what.files[name == kFiles[0] ? 0 : name == kFiles[1] ? 1 : 2] = index < 64 ? static_cast<int>(index) : 64;
  } else {
    in.skip(type);
    if (!type.empty()) in.skip(type);  // a variant of two types is none: this fails
  }
}

bool is_terminal_path(Text path) {
  constexpr Text kDirectory = "/dev/pts/";
  uint64_t number = 0;
  return path.starts_with(kDirectory) && parse_decimal(path.from(kDirectory.size), number);
}

}  // namespace

Outcome<Transient> read_transient(Arena &arena, Text body) {
  Transient what;
  BusReader in(body);
  what.unit = in.string();
  in.string();  // the mode
  const size_t end = in.array(8);
  while (in.has_more(end)) read_property(arena, in, what);
  if (!in.ok() || what.unit.empty()) return problem("not a unit's name, mode and properties");
  if (!what.terminal.empty() && !is_terminal_path(what.terminal)) return problem("not a terminal of the pod", what.terminal);
  return what;
}

}  // namespace podctl
