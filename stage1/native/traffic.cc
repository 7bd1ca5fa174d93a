#include "traffic.h"

#include <linux/errno.h>
#include <linux/if_ether.h>
#include <linux/netlink.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "netlink.h"

namespace podctl {
namespace {

constexpr size_t kMostInterfaces = 64;
constexpr uint16_t kReplace = NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK;

/** What may pass at once: 10 ms of the rate, but a large segment at least, or nothing would pass at all. */
uint32_t burst_of(uint64_t rate) {
  constexpr uint64_t kLeast = 65536 + 1024;
  constexpr uint64_t kMost = 1U << 30;
  const uint64_t burst = rate / 100;
  return static_cast<uint32_t>(burst < kLeast ? kLeast : burst > kMost ? kMost : burst);
}

/** Rates beyond 32 bits are told by an attribute of 64. */
tc_ratespec rate_of(uint64_t rate) {
  constexpr uint64_t kMost = ~uint32_t{0};
  tc_ratespec spec{};
  spec.rate = static_cast<uint32_t>(rate < kMost ? rate : kMost);
  spec.linklayer = TC_LINKLAYER_ETHERNET;
  spec.cell_log = 3;  // unused with a link layer, but 0 would be refused
  return spec;
}

tcmsg place(int interface, uint32_t handle, uint32_t parent) {
  tcmsg message{};
  message.tcm_ifindex = interface;
  message.tcm_handle = handle;
  message.tcm_parent = parent;
  return message;
}

Outcome<> limit_egress(const Fd &socket, int interface, uint64_t rate) {
  const uint32_t burst = burst_of(rate);
  NetlinkRequest request(RTM_NEWQDISC, kReplace);
  const tcmsg root = place(interface, 0x10000, TC_H_ROOT);
  request.put(&root, sizeof root);
  request.attribute(TCA_KIND, "tbf");
  const size_t options = request.begin(TCA_OPTIONS);
  tc_tbf_qopt shape{};
  shape.rate = rate_of(rate);
  shape.limit = 4 * burst;  // bytes that wait; more is dropped
  request.attribute(TCA_TBF_PARMS, &shape, sizeof shape);
  request.attribute(TCA_TBF_BURST, &burst, sizeof burst);
  request.attribute(TCA_TBF_RATE64, &rate, sizeof rate);
  request.end(options);
  return transact(socket, request, "tbf");
}

Outcome<> open_ingress(const Fd &socket, int interface) {
  NetlinkRequest request(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_ACK);
  const tcmsg ingress = place(interface, 0xffff0000, TC_H_INGRESS);
  request.put(&ingress, sizeof ingress);
  request.attribute(TCA_KIND, "ingress");
  Outcome<> made = transact(socket, request, "ingress");
  if (!made.ok() && made.failure->error == EEXIST) return kDone;
  return made;
}

tcmsg place_filter(int interface, uint32_t handle) {
  constexpr uint32_t kPriority = 28771;  // nobody else's in a network that others made
  constexpr uint32_t kAllProtocols = static_cast<uint32_t>(__builtin_bswap16(ETH_P_ALL));
  tcmsg filter = place(interface, handle, 0xffff0000);
  filter.tcm_info = kPriority << 16 | kAllProtocols;
  return filter;
}

/** The limit of an earlier pod in the same network: matchall filters cannot be replaced. */
Outcome<> forget_ingress(const Fd &socket, int interface) {
  NetlinkRequest request(RTM_DELTFILTER, NLM_F_ACK);
  const tcmsg filter = place_filter(interface, 0);
  request.put(&filter, sizeof filter);
  Outcome<> gone = transact(socket, request, "an earlier filter");
  if (!gone.ok() && (gone.failure->error == ENOENT || gone.failure->error == EINVAL)) return kDone;
  return gone;
}

void put_police(NetlinkRequest &request, uint64_t rate) {
  constexpr uint64_t kNanoseconds = 1'000'000'000;
  constexpr unsigned kTickShift = 6;  // PSCHED_SHIFT
  const uint32_t burst = burst_of(rate);
  tc_police police{};
  police.action = TC_POLICE_SHOT;
  police.rate = rate_of(rate);
  police.mtu = burst_of(rate);  // else segments that the kernel has not cut yet would all be dropped
  const uint64_t ticks = (burst * kNanoseconds / rate) >> kTickShift;
  police.burst = static_cast<uint32_t>(ticks < ~uint32_t{0} ? ticks : ~uint32_t{0});
  request.attribute(TCA_POLICE_TBF, &police, sizeof police);
  static const char table[TC_RTAB_SIZE] = {};
  request.attribute(TCA_POLICE_RATE, table, sizeof table);
  request.attribute(TCA_POLICE_RATE64, &rate, sizeof rate);
}

Outcome<> limit_ingress(const Fd &socket, int interface, uint64_t rate) {
  TRY(open_ingress(socket, interface));
  TRY(forget_ingress(socket, interface));
  NetlinkRequest request(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_ACK);
  const tcmsg filter = place_filter(interface, 1);
  request.put(&filter, sizeof filter);
  request.attribute(TCA_KIND, "matchall");
  const size_t options = request.begin(TCA_OPTIONS);
  const size_t actions = request.begin(TCA_MATCHALL_ACT);
  const size_t first = request.begin(1);
  request.attribute(TCA_ACT_KIND, "police");
  const size_t police = request.begin(TCA_ACT_OPTIONS);
  put_police(request, rate);
  request.end(police);
  request.end(first);
  request.end(actions);
  request.end(options);
  return transact(socket, request, "police");
}

Outcome<> limit(const Fd &socket, int interface, uint64_t rate) {
  TRY(limit_egress(socket, interface, rate));
  return limit_ingress(socket, interface, rate);
}

}  // namespace

Outcome<> limit_bandwidth(uint64_t bytes_per_second) {
  const Fd socket = TRY(open_netlink());
  int interfaces[kMostInterfaces];
  const size_t count = TRY(list_interfaces(socket, interfaces, kMostInterfaces));
  for (size_t i = 0; i < count; ++i) {
    Outcome<> limited = limit(socket, interfaces[i], bytes_per_second);
    if (limited.ok()) continue;
    if (limited.failure->error == ENOENT || limited.failure->error == EOPNOTSUPP) {
      limited.failure->detail = "this kernel cannot limit traffic that way: it lacks the module sch_tbf, sch_ingress, cls_matchall or act_police";
    }
    return limited;
  }
  return kDone;
}

}  // namespace podctl
