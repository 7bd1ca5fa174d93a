#include "network.h"

#include <asm/statfs.h>
#include <linux/fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <linux/sched.h>

#include "files.h"
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

Outcome<Fd> open_network(Text path) {
  // Without O_PATH the type cannot be asked for, and with it nothing but a namespace's file is ever opened for good.
  constexpr Text kNot = "not the file of a network namespace";
  const Fd place = TRY(open_at(AT_FDCWD, path, O_PATH));
  struct statfs info{};
  TRY(check(sys::fstatfs(place.get(), &info), "fstatfs", path));
  if (info.f_type != NSFS_MAGIC) return problem(kNot, path);
  Fd space = TRY(open_at(AT_FDCWD, path, O_RDONLY));
  if (sys::ioctl(space.get(), NS_GET_NSTYPE, nullptr) != CLONE_NEWNET) return problem(kNot, path);
  return space;
}

}  // namespace podctl
