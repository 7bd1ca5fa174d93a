#include "question.h"

#include "kernel.h"
#include "unix_socket.h"
#include "wire.h"

namespace podctl {
namespace {

constexpr int kReceiveTimeout = 20;  // SO_RCVTIMEO
constexpr sys::Time kPatience{1, 0};
constexpr size_t kMaxAnswers = 16 * 1024;

/** What comes from the bus, in the order it comes. */
class Answers {
 public:
  Answers(Arena &arena, const Fd &bus) : bus_(bus), buffer_(static_cast<char *>(arena.bytes(kMaxAnswers))) {}

  Outcome<> read_authentication() {
    for (;;) {
      Text rest(buffer_, filled_);
      const Text line = split(rest, '\n');
      if (line.size < filled_) {
        if (!line.starts_with("OK ")) return problem("refused", "the system bus");
        used_ = line.size + 1;
        return kDone;
      }
      TRY(more());
    }
  }

  /** The body of the next answer; signals are passed over. */
  Outcome<Text> answer() {
    for (;;) {
      const Text rest = Text(buffer_, filled_).from(used_);
      const size_t size = TRY(size_of_message(rest));
      if (size == 0 || rest.size < size) {
        TRY(more());
        continue;
      }
      used_ += size;
      const BusMessage message = TRY(parse_message(rest.first(size)));
      if (message.type == BusType::error) return problem("an error", "the system bus");
      if (message.type == BusType::answer) return message.body;
    }
  }

 private:
  Outcome<> more() {
    const long got = TRY(check(sys::read(bus_.get(), buffer_ + filled_, kMaxAnswers - filled_), "read", "the system bus"));
    if (got == 0) return problem("closed, or too many answers", "the system bus");
    filled_ += static_cast<size_t>(got);
    return kDone;
  }

  const Fd &bus_;
  char *buffer_;
  size_t filled_ = 0;
  size_t used_ = 0;
};

/** Of a property of one type, 'u' or 'b'. */
Outcome<uint32_t> number_in(Text body, Text type) {
  BusReader in(body);
  const Text signature = in.signature();
  const uint32_t value = in.number();
  if (!in.ok() || signature != type) return problem("not what was asked for", "the system bus");
  return value;
}

}  // namespace

Outcome<Fd> ask_systemd(Arena &arena, Text socket, Text question_hex) {
  const size_t size = question_hex.size / 2;
  auto *const question = static_cast<char *>(arena.bytes(size));
  decode_hex(question_hex, question);
  Fd bus = TRY(connect_unix(socket, kSockStream));
  TRY(check(sys::setsockopt(bus.get(), kSolSocket, kReceiveTimeout, &kPatience, sizeof kPatience), "setsockopt", socket));
  const long sent = TRY(check(sys::send(bus.get(), question, size, kMsgNoSignal | kMsgDontWait), "send", socket));
  if (static_cast<size_t>(sent) != size) return problem("the bus did not take it at once", socket);
  return bus;
}

Outcome<> hear_systemd(Arena &arena, const Fd &bus) {
  Answers answers(arena, bus);
  TRY(answers.read_authentication());
  TRY(answers.answer());  // to Hello
  const uint32_t main_pid = TRY(number_in(TRY(answers.answer()), "u"));
  const uint32_t is_delegated = TRY(number_in(TRY(answers.answer()), "b"));
  if (main_pid != static_cast<uint32_t>(sys::getpid()) || is_delegated == 0) return problem("not the unit's to take over");
  return kDone;
}

}  // namespace podctl
