// The file that a layer's ACI becomes (stage1/native/layer_output.cc), with system calls that behave as the test says.
//
// usage: test-output HOW FILE: writes some ten megabytes in pieces of all sizes, and prints whether that was done, and the sha512 of it
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <vector>

#include "../../stage1/native/layer_output.h"
#include "../../stage1/native/sys.h"

namespace {

constexpr int kTurn = 3;
/** Longer than it takes to fill all pieces. */
constexpr useconds_t kSlowMicroseconds = 50'000;

const char *how = "";
int writes = 0;

bool is(const char *name) { return strcmp(how, name) == 0; }
sys::Result told(long result) { return result < 0 ? -errno : result; }

}  // namespace

namespace sys {

Result fcntl(int fd, int command, long argument) {
  if (is("never-direct") && command == F_SETFL && (argument & O_DIRECT) != 0) return -EINVAL;
  return told(::fcntl(fd, command, argument));
}

Result write(int fd, const void *buffer, size_t size) {
  writes++;
  if (is("slow")) usleep(kSlowMicroseconds);
  if (writes == kTurn) {
    const bool is_direct = (::fcntl(fd, F_GETFL) & O_DIRECT) != 0;
    if (is("not-so-direct") && is_direct) return -EINVAL;
    if (is("interrupted")) return -EINTR;
    if (is("full")) return -ENOSPC;
    if (is("short")) size = 1000;
  }
  return told(::write(fd, buffer, size));
}

Result sync_file_range(int fd, int64_t offset, int64_t size, uint32_t flags) {
  return told(::sync_file_range(fd, offset, size, flags));
}

}  // namespace sys

int main(int count, char **arguments) {
  if (count != 3) return 2;
  how = arguments[1];
  const int fd = open(arguments[2], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  layer::Output output(fd);
  uint32_t next = 1;
  const auto dice = [&next] { return (next = next * 1103515245 + 12345) >> 16; };
  bool is_done = true;
  for (int i = 0; i < 3000 && is_done; i++) {
    std::vector<uint8_t> piece(1 + dice() % 7000);
    for (uint8_t &byte : piece) byte = static_cast<uint8_t>(dice());
    is_done = output.put(piece.data(), piece.size());
  }
  if (is("stopped")) output.stop();
  is_done = is_done && !is("stopped") && output.finish();
  output.stop();
  printf("%s %d ", is_done ? "done" : "failed", (::fcntl(fd, F_GETFL) & O_DIRECT) != 0);
  if (is_done) {
    for (const char byte : output.digest()) printf("%02x", static_cast<unsigned char>(byte));
  }
  puts("");
  return 0;
}
