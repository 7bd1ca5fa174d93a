// The executor's arena, of one allocation each: so that the sanitizer sees every step beyond one.
#include "arena.h"

#include <cstdlib>
#include <vector>

#include "harness.h"

namespace {
std::vector<void *> &allocations() {
  static std::vector<void *> all;
  return all;
}
}  // namespace

void free_arenas() {
  for (void *one : allocations()) free(one);
  allocations().clear();
}

namespace podctl {

void *Arena::bytes(size_t size) {
  void *const got = calloc(1, size == 0 ? 1 : size);
  if (got == nullptr) abort();
  allocations().push_back(got);
  return got;
}

Text Arena::copy(Text text) {
  auto *data = static_cast<char *>(bytes(text.size + 1));
  __builtin_memcpy(data, text.data, text.size);
  return {data, text.size};
}

}  // namespace podctl
