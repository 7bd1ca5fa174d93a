// Memory that is given back all at once, mostly by the end of the process: a plan, the pod made from it, and short names.
#pragma once

#include <cstddef>

#include "text.h"

namespace podctl {
/** Tells the placement new below from those of the standard library, whose headers a freestanding program lacks. */
struct InPlace {};
}  // namespace podctl

inline void *operator new(size_t, void *place, podctl::InPlace) { return place; }

namespace podctl {

class Arena {
 public:
  Arena() = default;
  Arena(const Arena &) = delete;
  Arena &operator=(const Arena &) = delete;

  /** Zeroed bytes, aligned for any type. Ends the process with status 254 if the kernel has no memory to give. */
  void *bytes(size_t size);

  /** `count` default-constructed objects. */
  template <class T>
  T *array(size_t count) {
    auto *objects = static_cast<T *>(bytes(count * sizeof(T)));
    for (size_t i = 0; i < count; ++i) ::new (static_cast<void *>(objects + i), InPlace{}) T();
    return objects;
  }

  /** A copy of `text`, NUL-terminated. */
  Text copy(Text text);

  /** Takes over all that `other` has given out. Only for an arena that has given out nothing itself. */
  void take(Arena &other);
  /** Gives all of it back to the kernel. */
  void release();

 private:
  /** The beginning of what was asked of the kernel at once. */
  struct Chunk {
    Chunk *next;
    size_t size;
  };

  Chunk *chunks_ = nullptr;
  char *next_ = nullptr;
  char *end_ = nullptr;
};

}  // namespace podctl
