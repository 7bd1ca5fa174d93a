// The keys that end a visit to an app, found among what is typed.
#pragma once

#include "text.h"

namespace podctl {

class LeavingKeys {
 public:
  static constexpr size_t kMost = 8;

  /** @param keys at most kMost; empty: nothing is found */
  explicit LeavingKeys(Text keys) : keys_(keys) {}

  /**
   * Puts what is typed for the app into `out`, which has room for kMost bytes more than that, and its size into `size`. The
   * beginning of the keys is kept back until it is clear what it is. True if they were typed: what follows them is nobody's.
   */
  bool find(Text typed, char *out, size_t &size) {
    size = 0;
    for (size_t i = 0; i < typed.size; ++i) {
      while (matched_ > 0 && typed[i] != keys_[matched_]) step_back(out, size);
      if (keys_.empty() || typed[i] != keys_[matched_]) {
        out[size++] = typed[i];
      } else if (++matched_ == keys_.size) {
        return true;
      }
    }
    return false;
  }

 private:
  /** Gives up one kept byte, and as many more as it takes for the rest to be a beginning of the keys again. */
  void step_back(char *out, size_t &size) {
    size_t shift = 1;
    while (shift < matched_ && keys_.from(shift).first(matched_ - shift) != keys_.first(matched_ - shift)) ++shift;
    for (size_t i = 0; i < shift; ++i) out[size++] = keys_[i];
    matched_ -= shift;
  }

  Text keys_;
  size_t matched_ = 0;
};

}  // namespace podctl
