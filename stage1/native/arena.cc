#include "arena.h"

#include "sys.h"

namespace podctl {
namespace {

constexpr size_t kAlignment = 16;
/** What is asked of the kernel at once. Only pages that are used become resident. */
constexpr size_t kChunk = 64 * 1024;

}  // namespace

void *Arena::bytes(size_t size) {
  const size_t rounded = (size + kAlignment - 1) & ~(kAlignment - 1);
  if (rounded > static_cast<size_t>(end_ - next_)) {
    const size_t whole = rounded + sizeof(Chunk);
    const size_t size = whole > kChunk ? whole : kChunk;
    const sys::Result got = sys::mmap(size);
    if (sys::failed(got)) {
      constexpr Text kMessage = "podctl-stage1: mmap: ENOMEM\n";
      sys::write(2, kMessage.data, kMessage.size);  // ignored: nothing is left to tell a failure of this to
      sys::exit_group(254);
    }
    auto *const chunk = reinterpret_cast<Chunk *>(got);
    *chunk = {chunks_, size};
    chunks_ = chunk;
    next_ = reinterpret_cast<char *>(chunk + 1);
    end_ = reinterpret_cast<char *>(got) + size;
  }
  void *const result = next_;
  next_ += rounded;
  return result;
}

Text Arena::copy(Text text) {
  auto *data = static_cast<char *>(bytes(text.size + 1));
  __builtin_memcpy(data, text.data, text.size);
  return {data, text.size};
}

void Arena::take(Arena &other) {
  chunks_ = other.chunks_;
  next_ = other.next_;
  end_ = other.end_;
  other.chunks_ = nullptr;
  other.next_ = other.end_ = nullptr;
}

void Arena::release() {
  while (chunks_ != nullptr) {
    Chunk *const chunk = chunks_;
    chunks_ = chunk->next;
    static_cast<void>(sys::munmap(chunk, chunk->size));  // ignored: it is a mapping of this arena's
  }
  next_ = end_ = nullptr;
}

}  // namespace podctl
