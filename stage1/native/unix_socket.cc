#include "unix_socket.h"

#include "kernel.h"

namespace podctl {
namespace {

struct Address {
  uint16_t family = kAfUnix;
  char path[108] = {};
};

}  // namespace

Outcome<Fd> connect_unix(Text path, int type) {
  Address address;
  if (path.empty() || path.size >= sizeof address.path) return problem("not a socket's path", path);
  __builtin_memcpy(address.path, path.data, path.size);
  const bool is_abstract = path[0] == '@';
  if (is_abstract) address.path[0] = '\0';
  const size_t size = sizeof address.family + path.size + (is_abstract ? 0 : 1);
  Fd socket(TRY(check(sys::socket(kAfUnix, type | kSockCloexec, 0), "socket", path)));
  TRY(check(sys::connect(socket.get(), &address, size), "connect", path));
  return socket;
}

}  // namespace podctl
