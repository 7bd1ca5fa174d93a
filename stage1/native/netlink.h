// Messages to the kernel's routing socket, rtnetlink(7): put together in a fixed buffer, sent, answered.
#pragma once

#include "error.h"
#include "fd.h"

namespace podctl {

/** One request with nested attributes. What does not fit is a defect, and refused when it is sent. */
class NetlinkRequest {
 public:
  /** `type` RTM_*, `flags` NLM_F_*; an answer is always asked for. */
  NetlinkRequest(uint16_t type, uint16_t flags);

  void put(const void *data, size_t size);
  void attribute(uint16_t type, const void *data, size_t size);
  void attribute(uint16_t type, Text text);
  /** Where a nest begins, for end(). */
  size_t begin(uint16_t type);
  void end(size_t nest);

  bool overflowed() const { return overflowed_; }
  Text bytes();

 private:
  alignas(8) char buffer_[2048];
  size_t size_ = 0;
  bool overflowed_ = false;
};

/** The socket, in the network namespace of the calling process. */
Outcome<Fd> open_netlink();

/** Sends, and waits for the kernel to say that it is done. */
Outcome<> transact(const Fd &socket, NetlinkRequest &request, Text object);

/** Indexes of all interfaces but the loopback one, at most `capacity` of them; how many there are. */
Outcome<size_t> list_interfaces(const Fd &socket, int *indexes, size_t capacity);

}  // namespace podctl
