#include "layer_output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>

#include "sys.h"

namespace layer {
namespace {

/** Headers and small files are written together: a call for each would take as long as all the rest. */
constexpr size_t kPiece = 512 << 10;
/** No device wants its memory, places and sizes to be multiples of more. */
constexpr size_t kAlignment = 4096;
/** Where the page cache is used, the disk is kept busy meanwhile, so that little is left to wait for at the end. */
constexpr uint64_t kWriteback = 8 << 20;

}  // namespace

void Output::Free::operator()(uint8_t *memory) const { free(memory); }

Output::Output(int fd) : fd_(fd), hash_(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
  is_failed_ = !hash_ || EVP_DigestInit_ex(hash_.get(), EVP_get_digestbyname("sha512"), nullptr) != 1;
}

bool Output::put(const uint8_t *bytes, size_t size) {
  for (size_t done = 0; done < size;) {
    Piece &piece = pieces_[filling_];
    if (!piece) piece.reset(static_cast<uint8_t *>(aligned_alloc(kAlignment, kPiece)));
    if (!piece) return false;
    const size_t part = std::min(size - done, kPiece - filled_);
    memcpy(piece.get() + filled_, bytes + done, part);
    filled_ += part;
    done += part;
    if (filled_ == kPiece && !hand_over()) return false;
  }
  return true;
}

/** And goes on with the next one, once that was written. */
bool Output::hand_over() {
  if (!writer_.joinable()) {
    if (is_over_ || is_failed_) return false;
    is_direct_ = set_direct(true);
    writer_ = std::thread(&Output::work, this);
  }
  {
    const std::lock_guard lock(mutex_);
    full_++;
  }
  changed_.notify_all();
  filling_ = (filling_ + 1) % pieces_.size();
  filled_ = 0;
  return wait_until_left(pieces_.size() - 1);
}

/** Waits until no more are full. False: something could not be written. */
bool Output::wait_until_left(size_t pieces) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return full_ <= pieces; });
  return !is_failed_;
}

void Output::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return full_ > 0 || is_over_; });
    if (is_over_) return;
    lock.unlock();
    const bool is_done = write(pieces_[writing_].get(), kPiece);
    writing_ = (writing_ + 1) % pieces_.size();
    lock.lock();
    is_failed_ = is_failed_ || !is_done;
    full_--;
    changed_.notify_all();
  }
}

void Output::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
  }
  changed_.notify_all();
  if (writer_.joinable()) writer_.join();
  full_ = 0;
}

bool Output::finish() {
  if (!wait_until_left(0)) return false;
  // The rest is no multiple of anything; and whoever has the file next is to find it as any other.
  if (is_direct_ && !set_direct(false)) return false;
  is_direct_ = false;
  return filled_ == 0 || write(pieces_[filling_].get(), filled_);
}

bool Output::write(const uint8_t *bytes, size_t size) {
  if (EVP_DigestUpdate(hash_.get(), bytes, size) != 1) return false;
  for (size_t done = 0; done < size;) {
    const sys::Result written = sys::write(fd_, bytes + done, size - done);
    if (written == -EINTR) continue;
    if (written == -EINVAL && is_direct_) {  // the device, or the file system, wants something else
      is_direct_ = false;
      if (set_direct(false)) continue;
    }
    if (written <= 0) return false;
    done += static_cast<size_t>(written);
  }
  size_ += size;
  return is_direct_ || write_back();
}

bool Output::set_direct(bool is_direct) {
  const sys::Result flags = sys::fcntl(fd_, F_GETFL, 0);
  return !sys::failed(flags) && !sys::failed(sys::fcntl(fd_, F_SETFL, is_direct ? flags | O_DIRECT : flags & ~O_DIRECT));
}

bool Output::write_back() {
  if (size_ - sent_ < kWriteback) return true;
  const sys::Result begun = sys::sync_file_range(fd_, static_cast<int64_t>(sent_), static_cast<int64_t>(size_ - sent_), SYNC_FILE_RANGE_WRITE);
  sent_ = size_;
  return !sys::failed(begun);
}

std::string Output::digest() {
  uint8_t bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (!hash_ || EVP_DigestFinal_ex(hash_.get(), bytes, &size) != 1) return "";
  return std::string(reinterpret_cast<char *>(bytes), size);
}

}  // namespace layer
