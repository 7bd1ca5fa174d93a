#include "record.h"

#include "quoting.h"

namespace podctl {
namespace {

constexpr Text kHeader = "podctl-replay 1";

struct Syntax {
  Text name;
  size_t words;
  /** More words may follow. */
  bool is_open = false;
};

constexpr Syntax kSyntax[] = {
    {"run", 3},       {"arguments", 0, true}, {"environment", 0, true}, {"directory", 1}, {"look", 4},
    {"absent", 1},    {"present", 1},         {"link", 2},              {"text", 2},      {"field", 3},
    {"output", 2},    {"until", 1},           {"machine", 2},           {"ask", 2},       {"lock", 1},
    {"name", 2},      {"used", 1},            {"collected", 1},         {"prepared", 1},  {"incoming", 1},
    {"mkdir", 4},     {"file", 4, true},      {"late-file", 4, true},   {"execute", 3, true},
};

bool is_well_formed(const Line &line) {
  for (const Syntax &syntax : kSyntax) {
    if (syntax.name == line.name) return line.count == syntax.words || (syntax.is_open && line.count > syntax.words);
  }
  return false;
}

}  // namespace

Outcome<Record> decode_record(Arena &arena, Text bytes) {
  if (bytes.empty() || bytes[bytes.size - 1] != '\n') return problem("the last line is not ended");
  const size_t count = bytes.count('\n') - 1;
  auto *const lines = arena.array<Line>(count);
  auto *words = arena.array<Text>(bytes.count(' '));
  if (split(bytes, '\n') != kHeader) return problem("another version");
  for (size_t i = 0; i < count; ++i) {
    Line &line = lines[i];
    line.words = words;
    if (!split_line(split(bytes, '\n'), line.name, words, line.count)) return problem("a word is not quoted");
    words += line.count;
    if (!is_well_formed(line)) return problem("not a line of a record", line.name);
  }
  if (count == 0 || lines[0].name != "run") return problem("the first line is not \"run\"");
  return Record{lines, count};
}

Outcome<const Line *> line_of(const Record &record, Text name) {
  for (const Line &line : record) {
    if (line.name == name) return &line;
  }
  return problem("a line is missing", name);
}

}  // namespace podctl
