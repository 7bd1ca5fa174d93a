// The file that the ACI of a layer becomes, hashed while it is written.
#pragma once

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace layer {

/**
 * A file that is hashed and written in large pieces by a thread of its own, past the page cache where the file system can do that
 * (open(2), O_DIRECT): nobody reads it soon, so no memory has to be found for it, filled, and written back later.
 */
class Output {
 public:
  /** @param fd empty; stays the caller's */
  explicit Output(int fd);
  ~Output() { stop(); }
  Output(const Output &) = delete;
  Output &operator=(const Output &) = delete;

  /** False: what was put before could not be written. */
  bool put(const uint8_t *bytes, size_t size);
  bool put(const std::string &bytes) { return put(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()); }
  /** Writes what is left: nothing comes any more. */
  bool finish();
  /** Of all that was put, after `finish`. */
  uint64_t size() const { return size_; }
  /** The sha512 of it; to be called once. Empty if there is none. */
  std::string digest();

  /** The file is let go of: what was put and not written is lost. Idempotent. */
  void stop();

 private:
  struct Free {
    void operator()(uint8_t *memory) const;
  };
  using Piece = std::unique_ptr<uint8_t, Free>;

  bool hand_over();
  bool wait_until_left(size_t pieces);
  void work();
  bool write(const uint8_t *bytes, size_t size);
  bool write_back();
  bool set_direct(bool is_direct);

  const int fd_;
  /** They are filled in turn, and written in turn. */
  std::array<Piece, 4> pieces_;
  size_t filling_ = 0, filled_ = 0;
  std::thread writer_;

  std::mutex mutex_;
  std::condition_variable changed_;
  /** Under the mutex: how many pieces are full, and what became of those before. */
  size_t full_ = 0;
  bool is_over_ = false, is_failed_ = false;

  /** The writer's while there are full pieces. */
  size_t writing_ = 0;
  bool is_direct_ = false;
  uint64_t size_ = 0, sent_ = 0;
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> hash_;
};

}  // namespace layer
