#include "network.h"

#include "fd.h"
#include "kernel.h"

namespace podctl {
namespace {

constexpr unsigned long kGetFlags = 0x8913;  // SIOCGIFFLAGS
constexpr unsigned long kSetFlags = 0x8914;  // SIOCSIFFLAGS
constexpr int16_t kUp = 1;                   // IFF_UP

/** struct ifreq, whose header wants libc's. */
struct InterfaceRequest {
  char name[16] = "lo";
  int16_t flags = 0;
  char unused[22] = {};
};

}  // namespace

Outcome<> bring_up_loopback() {
  const Fd socket(TRY(check(sys::socket(kAfInet, kSockDgram | kSockCloexec, 0), "socket", "AF_INET")));
  InterfaceRequest request;
  TRY(check(sys::ioctl(socket.get(), kGetFlags, &request), "ioctl", "lo"));
  request.flags = static_cast<int16_t>(request.flags | kUp);
  TRY(check(sys::ioctl(socket.get(), kSetFlags, &request), "ioctl", "lo"));
  return kDone;
}

}  // namespace podctl
