// Keeps the disk busy while a tree is filled.
#pragma once

#include <stdint.h>

#include <condition_variable>
#include <mutex>
#include <thread>

namespace layer {

/** Makes a file system durable on a thread of its own whenever much was written, so that little is left to wait for at the end. */
class Flusher {
 public:
  /** @param root on the file system; stays the caller's, and open until `stop` */
  explicit Flusher(int root) : root_(root) {}
  ~Flusher() { static_cast<void>(stop()); }
  Flusher(const Flusher &) = delete;
  Flusher &operator=(const Flusher &) = delete;

  void wrote(uint64_t bytes);
  /** Idempotent. False: something could not be written. The kernel tells that once only. */
  bool stop();

 private:
  void work();

  const int root_;
  uint64_t waiting_ = 0;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  /** Under the mutex. */
  bool is_wanted_ = false, is_over_ = false, is_failed_ = false;
};

}  // namespace layer
