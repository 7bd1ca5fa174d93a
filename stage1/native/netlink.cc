#include "netlink.h"

#include <linux/if.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "kernel.h"

namespace podctl {
namespace {

/** What the kernel fills a dump's message up to, and more. */
constexpr size_t kAnswerSize = 32768;

/** Walks the messages of one read(2). */
struct Messages {
  const char *next;
  size_t left;

  const nlmsghdr *take() {
    const auto *const header = reinterpret_cast<const nlmsghdr *>(next);
    if (left < sizeof *header || header->nlmsg_len < sizeof *header || header->nlmsg_len > left) return nullptr;
    const size_t step = NLMSG_ALIGN(header->nlmsg_len);
    next += step < left ? step : left;
    left -= step < left ? step : left;
    return header;
  }
};

/** The errno that an answer brings; 0 for one that brings none. */
int error_of(const nlmsghdr &message) {
  if (message.nlmsg_type != NLMSG_ERROR || message.nlmsg_len < NLMSG_LENGTH(sizeof(nlmsgerr))) return 0;
  return -reinterpret_cast<const nlmsgerr *>(NLMSG_DATA(&message))->error;
}

Outcome<> send_request(const Fd &socket, NetlinkRequest &request) {
  const Text bytes = request.bytes();
  if (request.overflowed()) return problem("too large for its buffer", "a netlink request");
  TRY(check(sys::send(socket.get(), bytes.data, bytes.size, 0), "sendto", "netlink"));
  return kDone;
}

}  // namespace

NetlinkRequest::NetlinkRequest(uint16_t type, uint16_t flags) {
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
  put(&header, sizeof header);
}

void NetlinkRequest::put(const void *data, size_t size) {
  const size_t padded = NLMSG_ALIGN(size);
  overflowed_ |= sizeof buffer_ - size_ < padded;
  if (overflowed_) return;
  __builtin_memset(buffer_ + size_, 0, padded);
  __builtin_memcpy(buffer_ + size_, data, size);
  size_ += padded;
}

size_t NetlinkRequest::begin(uint16_t type) {
  const size_t nest = size_;
  rtattr header{};
  header.rta_type = type;
  put(&header, sizeof header);
  return nest;
}

void NetlinkRequest::end(size_t nest) {
  if (!overflowed_) reinterpret_cast<rtattr *>(buffer_ + nest)->rta_len = static_cast<unsigned short>(size_ - nest);
}

void NetlinkRequest::attribute(uint16_t type, const void *data, size_t size) {
  const size_t nest = begin(type);
  put(data, size);
  // Its length is without the padding.
  if (!overflowed_) reinterpret_cast<rtattr *>(buffer_ + nest)->rta_len = static_cast<unsigned short>(sizeof(rtattr) + size);
}

void NetlinkRequest::attribute(uint16_t type, Text text) { attribute(type, text.data, text.size + 1); }

Text NetlinkRequest::bytes() {
  reinterpret_cast<nlmsghdr *>(buffer_)->nlmsg_len = static_cast<uint32_t>(size_);
  return {buffer_, size_};
}

Outcome<Fd> open_netlink() {
  return Fd(TRY(check(sys::socket(kAfNetlink, kSockRaw | kSockCloexec, NETLINK_ROUTE), "socket", "AF_NETLINK")));
}

Outcome<> transact(const Fd &socket, NetlinkRequest &request, Text object) {
  TRY(send_request(socket, request));
  alignas(8) char answer[4096];
  const long got = TRY(check(sys::read(socket.get(), answer, sizeof answer), "read", "netlink"));
  Messages messages{answer, static_cast<size_t>(got)};
  const nlmsghdr *const message = messages.take();
  if (message == nullptr || message->nlmsg_type != NLMSG_ERROR) return problem("an answer that is none", "netlink");
  if (const int error = error_of(*message)) return Failure{"netlink", error, object};
  return kDone;
}

Outcome<size_t> list_interfaces(const Fd &socket, int *indexes, size_t capacity) {
  NetlinkRequest request(RTM_GETLINK, NLM_F_DUMP);
  const ifinfomsg any{};
  request.put(&any, sizeof any);
  TRY(send_request(socket, request));
  alignas(8) char answer[kAnswerSize];
  size_t count = 0;
  for (;;) {
    const long got = TRY(check(sys::read(socket.get(), answer, sizeof answer), "read", "netlink"));
    Messages messages{answer, static_cast<size_t>(got)};
    while (const nlmsghdr *const message = messages.take()) {
      if (message->nlmsg_type == NLMSG_DONE) return count;
      if (const int error = error_of(*message)) return Failure{"netlink", error, "the network's interfaces"};
      if (message->nlmsg_type != RTM_NEWLINK || message->nlmsg_len < NLMSG_LENGTH(sizeof(ifinfomsg))) continue;
      const auto *const link = reinterpret_cast<const ifinfomsg *>(NLMSG_DATA(message));
      if ((link->ifi_flags & IFF_LOOPBACK) != 0) continue;
      if (count == capacity) return problem("more interfaces than can be limited", "netlink");
      indexes[count++] = link->ifi_index;
    }
  }
}

}  // namespace podctl
