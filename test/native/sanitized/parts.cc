// The executor's parts that need no pod, one after the other: what is said of them holds, and the sanitizers find nothing.
#include <sys/socket.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "conduit.h"
#include "devices.h"
#include "excerpt.h"
#include "harness.h"
#include "kernel.h"
#include "plan.h"
#include "relay.h"
#include "report.h"
#include "seccomp.h"

using namespace podctl;

namespace {

struct Pipe {
  Fd reads;
  Fd writes;

  explicit Pipe(int flags = 0) {
    int ends[2];
    REQUIRE(sys::pipe2(ends, 02000000 | flags) == 0);
    reads = Fd(ends[0]);
    writes = Fd(ends[1]);
  }
};

constexpr int kNonblocking = 04000;

std::string read_all(const Fd &file) {
  std::string all;
  char buffer[4096];
  for (long got; (got = sys::read(file.get(), buffer, sizeof buffer)) > 0;) all.append(buffer, static_cast<size_t>(got));
  return all;
}

void texts() {
  uint64_t value = 7;
  for (const char *wrong : {"", "a", "1a", "-1", "1234567890123456789", " 1"}) REQUIRE(!parse_decimal(wrong, value));
  REQUIRE(parse_decimal("999999999999999999", value) && value == 999999999999999999);
  REQUIRE(octal("0755") == 0755 && hexadecimal("00ff") == 255);
  REQUIRE(hexadecimal("ffffffffffffffff") == ~uint64_t{0});
  Text rest = "a  b";
  REQUIRE(split(rest, ' ') == "a" && split(rest, ' ') == "" && split(rest, ' ') == "b" && rest.empty());
  Buffer<8> small;
  small << "123456" << int64_t{-5} << uint64_t{99};
  REQUIRE(small.text() == "123456-" && small.overflowed() && strlen(small.c_str()) == 7);
  Buffer<32> extremes;
  extremes << INT64_MIN << ' ' << UINT32_MAX;
  REQUIRE(extremes.text() == "-9223372036854775808 4294967295");
}

/** The same kept in a string, whatever the pieces were. */
void excerpts() {
  constexpr size_t kRoom = 16;
  for (size_t first = 0; first <= 2 * kRoom; ++first) {
    for (size_t second = 0; second <= 2 * kRoom; ++second) {
      char *const memory = static_cast<char *>(malloc(kRoom));  // the sanitizer watches its ends
      Excerpt excerpt(memory, kRoom);
      std::string all;
      for (const size_t size : {first, second, size_t{3}}) {
        std::string piece;
        while (piece.size() < size) piece += static_cast<char>('a' + (all.size() + piece.size()) % 26);
        excerpt.add(Text(piece.data(), piece.size()));
        all += piece;
      }
      const std::string end = all.size() > kRoom ? all.substr(all.size() - kRoom) : all;
      REQUIRE(excerpt.text() == Text(end.data(), end.size()));
      free(memory);
    }
  }
  Buffer<64> line;
  put_line_of(line, " \r\n two\twords \n\n\x1b[1m\xc3\xa9 ");
  REQUIRE(line.text() == "two words ?[1m??");
  Buffer<4> small;
  put_line_of(small, "a b c d");
  REQUIRE(small.text() == "a b");
}

Outcome<Plan> decoded(Arena &arena, const char *plan) {
  const Text copy = arena.copy(plan);
  return decode_plan(arena, copy);
}

void plans() {
  Arena arena;
  const Outcome<Plan> plan = decoded(arena, "podctl-plan 2\npod u /p%20q\nhostname %\n");
  REQUIRE(plan.ok() && plan.value.count == 2);
  REQUIRE(plan.value.ops[0][1] == "/p q" && plan.value.ops[1][0].empty() && plan.value.ops[1][0].c_str()[0] == '\0');
  for (const char *wrong :
       {"", "\n", "podctl-plan 2", "podctl-plan 2\n", "podctl-plan 3\npod u /p\n", "podctl-plan 2\npod u /p", "podctl-plan 2\npod u\n",
        "podctl-plan 2\npod u /p \n", "podctl-plan 2\npod u /p%\n", "podctl-plan 2\npod u /%0\n", "podctl-plan 2\npod u /%00\n",
        "podctl-plan 2\npod u /p q\n", "podctl-plan 2\nhostname a\n", "podctl-plan 2\npod u /p\nloopback \n"}) {
    const Outcome<Plan> refused = decoded(arena, wrong);
    REQUIRE(!refused.ok() && refused.failure->operation == "plan");
  }
  free_arenas();
}

void reports() {
  const Pipe pipe;
  Failure failure{"openat2", 2, "/a%b\n\x1b", "why", "exec", 31, "web"};
  send_report(pipe.writes.get(), failure);
  char message[kMaxReport];
  const long size = sys::read(pipe.reads.get(), message, sizeof message);
  REQUIRE(size > 0);
  const Report report = parse_report(Text(message, static_cast<size_t>(size)));
  REQUIRE(report.record == "app=web\noperation=exec\nline=31\nsyscall=openat2\nerrno=ENOENT\nobject=/a%25b%0a%1b\ndetail=why\n");
  REQUIRE(report.sentence == "podctl-stage1: app web: exec (plan line 31): openat2 /a%25b%0a%1b: ENOENT: why\n");
  // Whatever is said, one report fits a pipe at once.
  const std::string endless(100000, '\x01');
  failure.detail = failure.object = text_of(endless);
  send_report(pipe.writes.get(), failure);
  const long most = sys::read(pipe.reads.get(), message, sizeof message);
  REQUIRE(most > 0 && static_cast<size_t>(most) <= kMaxReport);
  for (int error = -1; error < 5000; ++error) error_name(error);
  parse_report("");
  parse_report(Text("\0", 1));
}

/** Writes `piece` into the app's end, and has the stream relay it. */
void relay_piece(Stream &stream, const Fd &app, const std::string &piece) {
  REQUIRE(sys::write(app.get(), piece.data(), piece.size()) == static_cast<long>(piece.size()));
  REQUIRE(stream.fill());
}

/** A journal that takes nothing holds the caller back until it is left behind; what it missed is counted, a cut line ended. */
void stuck_journal(Arena &arena) {
  Pipe from(kNonblocking);
  Pipe to(kNonblocking);
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
  const Fd journal(ends[1]);
  Sink caller;
  caller.kind = Sink::Kind::nonblocking;
  caller.fd = static_cast<Fd &&>(to.writes);
  Stream stream;
  stream.pipe = static_cast<Fd &&>(from.reads);
  stream.journal.kind = Sink::Kind::socket;
  stream.journal.fd = Fd(ends[0]);
  stream.caller = &caller;
  stream.buffer = static_cast<char *>(arena.bytes(kStreamBuffer));
  stream.capacity = kStreamBuffer;
  std::string sent;
  std::string seen;
  while (!stream.journal_holds_others_back()) {
    const std::string piece = std::string(30000, 'x') + "\nbegun";
    relay_piece(stream, from.writes, piece);
    sent += piece;
    seen += read_all(to.reads);
    while (stream.caller_waits()) {
      REQUIRE(stream.pass_on());
      seen += read_all(to.reads);
    }
  }
  REQUIRE(seen == sent && !stream.is_empty());
  stream.leave_journal_behind();
  REQUIRE(stream.pass_on() && stream.is_empty() && stream.lost > 0 && stream.journal_is_stuck);
  relay_piece(stream, from.writes, "unseen\n");
  REQUIRE(stream.is_empty() && read_all(to.reads) == "unseen\n");
  std::string had;
  for (std::string piece; !(piece = read_all(journal)).empty();) had += piece;
  REQUIRE(had.size() + stream.lost == sent.size() + 7);
  relay_piece(stream, from.writes, "again\n");
  REQUIRE(!stream.journal_is_stuck);
  REQUIRE(read_all(journal) == (had.back() == '\n' ? "again\n" : "\nagain\n"));
  REQUIRE(stream.largest > kCalm);
  stream.calm_down();
  relay_piece(stream, from.writes, "calm\n");
  REQUIRE(read_all(journal) == "calm\n" && stream.largest == 5);
}

/** A stream to a slow caller: nothing is lost, nothing is read ahead. */
void relays() {
  Arena arena;
  Pipe from(kNonblocking);
  Pipe to(kNonblocking);
  Sink caller;
  caller.kind = Sink::Kind::nonblocking;
  caller.fd = static_cast<Fd &&>(to.writes);
  Stream stream;
  stream.pipe = static_cast<Fd &&>(from.reads);
  stream.caller = &caller;
  stream.buffer = static_cast<char *>(arena.bytes(kStreamBuffer));
  stream.capacity = kStreamBuffer;
  std::string sent;
  std::string got;
  for (int round = 0; round < 100; ++round) {
    const std::string piece(997, static_cast<char>('a' + round % 26));
    REQUIRE(sys::write(from.writes.get(), piece.data(), piece.size()) == 997);
    sent += piece;
    REQUIRE(stream.fill() && stream.pass_on());
    if (round % 40 == 39) got += read_all(to.reads);
  }
  from.writes.close();
  while (!stream.is_over()) {
    REQUIRE(stream.is_empty() ? stream.fill() : stream.pass_on());
    got += read_all(to.reads);
  }
  REQUIRE(got == sent);
  // A caller that goes away is forgotten, a journal that breaks is told.
  Pipe more(kNonblocking);
  stream.pipe = static_cast<Fd &&>(more.reads);
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  stream.journal.kind = Sink::Kind::socket;
  stream.journal.fd = Fd(ends[0]);
  Fd(ends[1]).close();
  to.reads.close();
  REQUIRE(sys::write(more.writes.get(), "line\n", 5) == 5);
  REQUIRE(!stream.fill() && stream.filled == 5 && !stream.journal.fd.is_open());
  REQUIRE(stream.pass_on() && stream.is_empty() && !caller.fd.is_open());
  stream.abandon();
  REQUIRE(stream.is_over());
  stuck_journal(arena);
  free_arenas();
}

void conduits() {
  Arena arena;
  PollSet set(arena);
  Pipe from;
  Pipe to(kNonblocking);
  Sink sink;
  sink.kind = Sink::Kind::nonblocking;
  sink.fd = static_cast<Fd &&>(to.writes);
  Conduit conduit(arena, static_cast<Fd &&>(from.reads), static_cast<Sink &&>(sink));
  conduit.end_with('\4');
  std::string sent;
  std::string got;
  for (int round = 0; round < 200; ++round) {
    const std::string piece(static_cast<size_t>(round), 'x');
    sys::write(from.writes.get(), piece.data(), piece.size());
    sent += piece;
    set.clear(2);
    conduit.gather(set);
    set.wait(0);
    conduit.handle(set);
    got += read_all(to.reads);
  }
  from.writes.close();
  for (int turn = 0; turn < 3; ++turn) {
    set.clear(2);
    conduit.gather(set);
    set.wait(0);
    conduit.handle(set);
    got += read_all(to.reads);
  }
  REQUIRE(got == sent + "\4\4");  // behind a begun line
  to.reads.close();
  set.clear(2);
  conduit.gather(set);
  set.wait(0);
  conduit.handle(set);
  REQUIRE(conduit.is_over());
  free_arenas();
}

void rules() {
  DeviceRule rule;
  REQUIRE(parse_device_rule("c 1:3 rwm", rule) && rule.major == 1 && rule.minor == 3 && rule.access == 7);
  for (const char *wrong : {"", "c", "c 1", "c 1:", "c :3 r", "d 1:3 r", "c 1:3", "c 1:3 ", "c 1:3 rr", "c 1:3 x", "c 9999999:0 r", "c 1:3 r "}) {
    DeviceRule other;
    REQUIRE(!parse_device_rule(wrong, other));
  }
  REQUIRE(fault_of_filter("") != nullptr && fault_of_filter("00") != nullptr && fault_of_filter("0011223344556677") == nullptr);
}

}  // namespace

/** The executor's code calls this wherever it goes; here nobody wants to know. */
extern "C" void __sanitizer_cov_trace_pc() {}

int main() {
  sys::rt_sigprocmask(kSigBlock, signal_bit(kSignalPipe));
  texts();
  excerpts();
  plans();
  reports();
  relays();
  conduits();
  rules();
  puts("parts: ok");
  return 0;
}
