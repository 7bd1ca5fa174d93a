// What a start leaves for the next one (stage0/usecases/replay.ts writes it): lines of a name and words, quoted like a plan's.
#pragma once

#include "arena.h"
#include "error.h"

namespace podctl {

struct Line {
  Text name{};
  const Text *words = nullptr;
  size_t count = 0;

  Text operator[](size_t index) const { return words[index]; }
};

struct Record {
  const Line *lines = nullptr;
  size_t count = 0;

  const Line *begin() const { return lines; }
  const Line *end() const { return lines + count; }
};

/** Where records are, one for each cgroup. A tmpfs: none outlives the boot whose kernel and devices it saw. */
constexpr Text kRecords = "/run/podctl/replay";

/** Most bytes of a record: it holds a plan, quoted once more. */
constexpr size_t kMaxRecord = 8 * 1024 * 1024;

/** Decodes in place. Every line has as many words as its name wants. The first is `run`. */
Outcome<Record> decode_record(Arena &arena, Text bytes);

/** The first line of this name. */
Outcome<const Line *> line_of(const Record &record, Text name);

}  // namespace podctl
