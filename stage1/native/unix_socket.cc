#include "unix_socket.h"

#include <linux/fcntl.h>

#include "kernel.h"
#include "message.h"

namespace podctl {
namespace {

struct Address {
  uint16_t family = kAfUnix;
  char path[108] = {};
};

Outcome<size_t> write_address(Address &address, Text path) {
  if (path.empty() || path.size >= sizeof address.path) return problem("not a socket's path", path);
  __builtin_memcpy(address.path, path.data, path.size);
  const bool is_abstract = path[0] == '@';
  if (is_abstract) address.path[0] = '\0';
  return sizeof address.family + path.size + (is_abstract ? 0 : 1);
}

}  // namespace

Outcome<Fd> connect_unix(Text path, int type) {
  Address address;
  const size_t size = TRY(write_address(address, path));
  Fd socket(TRY(check(sys::socket(kAfUnix, type | kSockCloexec, 0), "socket", path)));
  TRY(check(sys::connect(socket.get(), &address, size), "connect", path));
  return socket;
}

Outcome<Fd> bind_unix(Text path, int type) {
  Address address;
  const size_t size = TRY(write_address(address, path));
  Fd socket(TRY(check(sys::socket(kAfUnix, type | kSockCloexec, 0), "socket", path)));
  TRY(check(sys::bind(socket.get(), &address, size), "bind", path));
  return socket;
}

Outcome<> make_socket_pair(Fd &ours, Fd &theirs) {
  int ends[2];
  TRY(check(sys::socketpair(kAfUnix, kSockSeqpacket | kSockCloexec, ends), "socketpair"));
  ours = Fd(ends[0]);
  theirs = Fd(ends[1]);
  TRY(check(sys::fcntl(ours.get(), F_SETFL, O_NONBLOCK), "fcntl"));
  return kDone;
}

sys::Result receive_message(const Fd &socket, char *buffer, size_t size, Received &received) {
  IoVector vector{buffer, size};
  Rights rights;
  rights.size = 0;
  Message message;
  message.vectors = &vector;
  message.vector_count = 1;
  message.control = &rights;
  message.control_size = sizeof rights - sizeof rights.padding;  // else there is room for a second descriptor
  const sys::Result got = sys::recvmsg(socket.get(), &message, kMsgDontWait | kMsgCloseOnExec);
  if (sys::failed(got)) return got;
  if (message.control_size >= rights.size && rights.size != 0 && rights.type == kScmRights) received.file = Fd(rights.fd);
  received.bytes = Text(buffer, static_cast<size_t>(got));
  received.has_lost_files = (message.flags & kMsgControlTruncated) != 0;
  return got;
}

Outcome<Fd> receive_file(const Fd &socket) {
  char byte;
  Received received;
  TRY(check(receive_message(socket, &byte, sizeof byte, received), "recvmsg"));
  return static_cast<Fd &&>(received.file);
}

Outcome<> send_message(const Fd &socket, Text text, const Fd &file, Text object) {
  IoVector vector{text.data, text.size};
  Rights rights;
  rights.fd = file.get();
  Message message;
  message.vectors = &vector;
  message.vector_count = 1;
  if (file.is_open()) {
    message.control = &rights;
    message.control_size = sizeof rights;
  }
  TRY(check(sys::sendmsg(socket.get(), &message, kMsgNoSignal), "sendmsg", object));
  return kDone;
}

}  // namespace podctl
