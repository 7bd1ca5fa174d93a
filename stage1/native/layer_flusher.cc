#include "layer_flusher.h"

#include "sys.h"

namespace layer {
namespace {

/** Each time costs some milliseconds, and what others write waits with us. */
constexpr uint64_t kEvery = 16 << 20;

}  // namespace

void Flusher::wrote(uint64_t bytes) {
  waiting_ += bytes;
  if (waiting_ < kEvery) return;
  waiting_ = 0;
  if (!thread_.joinable()) thread_ = std::thread(&Flusher::work, this);
  {
    const std::lock_guard lock(mutex_);
    is_wanted_ = true;
  }
  changed_.notify_all();
}

void Flusher::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return is_wanted_ || is_over_; });
    if (is_over_) return;
    is_wanted_ = false;
    lock.unlock();
    const sys::Result done = sys::syncfs(root_);
    lock.lock();
    is_failed_ = is_failed_ || sys::failed(done);
  }
}

bool Flusher::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  return !is_failed_;
}

}  // namespace layer
