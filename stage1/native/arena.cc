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
    const size_t chunk = rounded > kChunk ? rounded : kChunk;
    const sys::Result got = sys::mmap(chunk);
    if (sys::failed(got)) {
      constexpr Text kMessage = "podctl-stage1: mmap: ENOMEM\n";
      sys::write(2, kMessage.data, kMessage.size);  // ignored: nothing is left to tell a failure of this to
      sys::exit_group(254);
    }
    next_ = reinterpret_cast<char *>(got);
    end_ = next_ + chunk;
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

}  // namespace podctl
