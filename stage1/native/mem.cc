// The five functions that the compiler calls on its own, even in freestanding code.
#include <cstddef>
#include <cstdint>

// Else the compiler recognises the loops below as what they implement, and makes them call themselves.
#pragma GCC optimize("no-tree-loop-distribute-patterns")

extern "C" {

void *memcpy(void *to, const void *from, size_t size) {
  auto *out = static_cast<uint8_t *>(to);
  const auto *in = static_cast<const uint8_t *>(from);
  for (size_t i = 0; i < size; ++i) out[i] = in[i];
  return to;
}

void *memmove(void *to, const void *from, size_t size) {
  auto *out = static_cast<uint8_t *>(to);
  const auto *in = static_cast<const uint8_t *>(from);
  if (out <= in) return memcpy(to, from, size);
  for (size_t i = size; i > 0; --i) out[i - 1] = in[i - 1];
  return to;
}

void *memset(void *to, int byte, size_t size) {
  auto *out = static_cast<uint8_t *>(to);
  for (size_t i = 0; i < size; ++i) out[i] = static_cast<uint8_t>(byte);
  return to;
}

int memcmp(const void *left, const void *right, size_t size) {
  const auto *a = static_cast<const uint8_t *>(left);
  const auto *b = static_cast<const uint8_t *>(right);
  for (size_t i = 0; i < size; ++i) {
    if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
  }
  return 0;
}

size_t strlen(const char *text) {
  size_t size = 0;
  while (text[size] != '\0') ++size;
  return size;
}
}
