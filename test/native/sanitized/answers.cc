#include "answers.h"

#include <sys/socket.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "bus.h"
#include "harness.h"
#include "report.h"

using namespace podctl;

namespace {

/** A whole message: method return (2) or error (3) to serial 3. */
std::string message(char type, const std::string &body, const std::string &error = "a.b.c") {
  std::string fields = std::string("\5\1u\0", 4) + word(3) + std::string("\10\1g\0\1s\0\0", 8);
  if (type == 3) fields += std::string("\4\1s\0", 4) + word(static_cast<uint32_t>(error.size())) + error + '\0';
  std::string bytes = std::string("l") + type + std::string("\0\1", 2) + word(static_cast<uint32_t>(body.size())) + word(9) +
                      word(static_cast<uint32_t>(fields.size())) + fields;
  bytes.resize((bytes.size() + 7) & ~size_t{7});
  return bytes + body;
}

}  // namespace

std::vector<std::string> answers() {
  const std::string ok = "OK 0123\r\n";
  return {ok + message(2, ""), ok + message(3, word(4) + "oops"), ok + message(4, "") + message(2, ""), "REJECTED\r\n",
          ok + message(3, word(1) + "x", "org.freedesktop.machine1.MachineExists") + message(2, "")};
}

std::vector<std::string> words_of_answers() {
  return {word(0), word(0xffffffff), word(0x7fffffff), word(2032), "l", "\n", message(2, ""), std::string("\5\1u\0", 4), std::string(300, 'x')};
}

void try_bus(const std::string &bytes) {
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  const Fd theirs(ends[1]);
  Arena arena;
  Bus bus;
  bus.socket = Fd(ends[0]);
  bus.buffer = static_cast<char *>(arena.bytes(2048));
  static const std::string call = std::string(8, 'l') + std::string("\3\0\0\0", 4) + std::string(4, '\0');  // serial 3
  bus.last = Text(call.data(), call.size());
  bus.is_replacement = true;
  bus.deadline = ~uint64_t{0};
  REQUIRE(sys::write(theirs.get(), bytes.data(), bytes.size()) == static_cast<long>(bytes.size()));
  sys::shutdown(theirs.get(), SHUT_WR);
  while (bus.socket.is_open()) {
    const Outcome<> read = read_answers(bus);
    if (read.ok()) continue;
    Buffer<256> sentence;
    put_sentence(sentence, *read.failure);
    REQUIRE(strlen(sentence.c_str()) == sentence.text().size);
    break;
  }
  free_arenas();
}
