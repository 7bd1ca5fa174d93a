// fuzz SECONDS SEED FILE…: mutated plans and D-Bus messages, guided by what of the code they reach. Ends with the number of
// inputs tried; what goes wrong ends it at once, with the input in escapes.
#include <sanitizer/asan_interface.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <random>
#include <sstream>
#include <vector>

#include "answers.h"
#include "calls.h"
#include "devices.h"
#include "flags.h"
#include "harness.h"
#include "plan.h"
#include "report.h"

using namespace podctl;

namespace {

// ---- Coverage: a bit for each place of the code, set by the compiler's calls (-fsanitize-coverage=trace-pc) -----------

constexpr size_t kPlaces = 1 << 16;
uint8_t seen[kPlaces];
size_t seen_count = 0;

std::string current;
const char *kind = "";

void tell_input() {
  fprintf(stderr, "the input, a %s:\n", kind);
  for (const char byte : current) {
    if (byte == '\n' || (byte >= ' ' && byte <= '~' && byte != '\\')) {
      fputc(byte, stderr);
    } else {
      fprintf(stderr, "\\x%02x", static_cast<unsigned char>(byte));
    }
  }
  fputc('\n', stderr);
}

// ---- What is tried -------------------------------------------------------------------------------------------------

void try_sentence(const Failure &failure) {
  Buffer<256> sentence;
  put_sentence(sentence, failure);
  REQUIRE(strlen(sentence.c_str()) == sentence.text().size);
}

/** Everything that the executor takes for granted of a plan it has checked. */
void use(const Plan &plan) {
  for (const Op &op : plan) {
    REQUIRE(op.count <= kMaxArgs);
    for (size_t i = 0; i < op.count; ++i) {
      REQUIRE(strlen(op[i].c_str()) == op[i].size);
      op.number(i);
    }
    if (op.kind == OpKind::bind) mount_flags(op, 2);
    if (op.kind == OpKind::mount) mount_flags(op, first_mount_flag(op));
    for (size_t i = 0; op.kind == OpKind::devices && i < op.count; ++i) {
      DeviceRule rule;
      REQUIRE(parse_device_rule(op[i], rule));
    }
  }
}

void try_plan(const std::string &bytes) {
  // Of exactly this size: the decoder works in place.
  auto *const copy = static_cast<char *>(malloc(bytes.size() == 0 ? 1 : bytes.size()));
  memcpy(copy, bytes.data(), bytes.size());
  Arena arena;
  const Outcome<Plan> plan = decode_plan(arena, Text(copy, bytes.size()));
  if (plan.ok()) {
    if (check_fragment(plan.value).ok()) use(plan.value);
    const Outcome<> checked = check_plan(plan.value);
    if (checked.ok()) {
      use(plan.value);
    } else {
      try_sentence(*checked.failure);
    }
  } else {
    try_sentence(*plan.failure);
  }
  free(copy);
  free_arenas();
}

// ---- How inputs are made -------------------------------------------------------------------------------------------

struct Target {
  const char *name;
  void (*run)(const std::string &);
  size_t most_bytes;
  /** What an input that is taken seriously ends with; 0: anything. */
  char end;
  std::vector<std::string> corpus{};
  std::vector<std::string> words{};
};

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  std::string next(const Target &target) {
    std::string bytes = target.corpus[below(target.corpus.size())];
    for (size_t steps = 1 + below(6); steps > 0; --steps) change(bytes, target);
    if (target.end != '\0' && below(8) != 0) bytes += target.end;
    if (bytes.size() > target.most_bytes) bytes.resize(target.most_bytes);
    return bytes;
  }

  size_t below(size_t bound) { return bound == 0 ? 0 : random_() % bound; }

 private:
  void change(std::string &bytes, const Target &target) {
    const size_t at = below(bytes.size() + 1);
    const size_t length = below(1 + (below(4) == 0 ? bytes.size() - at : std::min<size_t>(bytes.size() - at, 16)));
    switch (below(9)) {
      case 0: if (at < bytes.size()) bytes[at] = static_cast<char>(below(256)); break;
      case 1: if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8))); break;
      case 2: bytes.erase(at, length); break;
      case 3: bytes.insert(below(bytes.size() + 1), bytes.substr(at, length)); break;
      case 4: bytes.insert(at, target.words[below(target.words.size())]); break;
      case 5: bytes.resize(at); break;
      case 6: splice(bytes, target.corpus[below(target.corpus.size())]); break;
      case 7: move_line(bytes); break;
      case 8: if (below(20) == 0) lengthen(bytes, at); break;
    }
  }

  void splice(std::string &bytes, const std::string &other) {
    bytes = bytes.substr(0, below(bytes.size() + 1)) + other.substr(below(other.size() + 1));
  }

  /** A line, or a copy of it, elsewhere. */
  void move_line(std::string &bytes) {
    const size_t begin = bytes.rfind('\n', below(bytes.size() + 1));
    if (begin == std::string::npos) return;
    const size_t end = std::min(bytes.find('\n', begin + 1), bytes.size());
    const std::string line = bytes.substr(begin, end - begin);
    if (below(2) == 0) bytes.erase(begin, end - begin);
    const size_t to = bytes.find('\n', below(bytes.size() + 1));
    bytes.insert(to == std::string::npos ? bytes.size() : to, line);
  }

  /** A line gets thousands of arguments more. */
  void lengthen(std::string &bytes, size_t at) {
    std::string many;
    for (size_t i = 0; i < kMaxArgs + below(3); ++i) many += " b";
    // A list, if there is one: elsewhere this is only one argument too many.
    const size_t list = bytes.find(below(2) == 0 ? "\nargs " : "\nexec ", at);
    const size_t end = bytes.find('\n', list == std::string::npos ? at : list + 1);
    if (end != std::string::npos) bytes.insert(end, many);
  }

  std::mt19937_64 random_;
};

/** A line for each operation, with arguments of its kinds. */
std::string every_operation() {
  std::string lines;
  for (size_t i = 0; i < kOpCount; ++i) {
    lines += kOps[i].name;
    for (const ArgKind argument : kOps[i].args) {
      constexpr const char *kSamples[] = {"", " a", " /a", " 1", " 0755", " 00ff", " b c=d"};
      lines += kSamples[static_cast<size_t>(argument)];
    }
    lines += '\n';
  }
  return lines;
}

constexpr const char *kSmall =
    "podctl-plan 2\npod u /p\nnamespaces uts\nexit-policy all\nhostname h\npod-root /r 1\nmount tmpfs /t size=1 - ro\npivot\n"
    "app a app-a\ngroups 1\nroot /a\nbind /x /y ro\npivot\nrlimit core 0 infinity\nuser 0 0\nargs x\nexec /x\n"
    "app b app-b\nroot /b\npivot\nafter a\nrestart never 1 2 3\nhandler pre-start 1 a /b\ndevices c%201:3%20rwm\nexec /x\n";

std::vector<std::string> plan_words() {
  std::vector<std::string> words = {" ", "\n", "%", " %", "%00", "%2f", "%zz", "\0", "/", " /", " 999999999999999999", " 4294967295",
                                    " 18446744073709551616", " 0", " 00", "infinity", "a *:* rwm", "podctl-plan 2\n", "app x x\n",
                                    "pivot\n", "exec /x\n", "root /x\n", "%20", " -", "=", "main", "any", "pre-start 1 a /a"};
  for (size_t i = 0; i < kOpCount; ++i) words.push_back(std::string(kOps[i].name) + " ");
  return words;
}

std::string read_whole(const char *path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file.good());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/** Else nothing behind the first refusal is ever tried. */
bool is_accepted(const std::string &bytes) {
  std::string copy = bytes;
  Arena arena;
  const Outcome<Plan> plan = decode_plan(arena, text_of(copy));
  if (!plan.ok()) return false;
  const Outcome<> checked = check_plan(plan.value);
  if (checked.ok()) return true;
  Buffer<256> why;
  put_sentence(why, *checked.failure);
  fprintf(stderr, "%s\n", why.c_str());
  return false;
}

size_t fuzz(Target &target, double seconds, Mutator &mutator) {
  kind = target.name;
  size_t tried = 0;
  for (const std::string &seed : target.corpus) {
    current = seed;
    target.run(seed);
  }
  timespec start{};
  clock_gettime(CLOCK_MONOTONIC, &start);
  for (;; ++tried) {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (static_cast<double>(now.tv_sec - start.tv_sec) + static_cast<double>(now.tv_nsec - start.tv_nsec) / 1e9 > seconds) break;
    current = mutator.next(target);
    const size_t before = seen_count;
    target.run(current);
    if (seen_count > before && current.size() < 64 * 1024) target.corpus.push_back(current);
  }
  printf("%s: %zu inputs, %zu kept, %zu places of the code\n", target.name, tried, target.corpus.size(), seen_count);
  return tried;
}

}  // namespace

extern "C" void __sanitizer_cov_trace_pc() {
  const auto place = reinterpret_cast<uintptr_t>(__builtin_return_address(0));
  uint8_t &bit = seen[(place ^ place >> 16) % kPlaces];
  seen_count += bit == 0 ? 1 : 0;
  bit = 1;
}

int main(int argc, char **argv) {
  if (argc < 4) return 64;
  __asan_set_death_callback(tell_input);
  const double seconds = atof(argv[1]);
  Mutator mutator(strtoull(argv[2], nullptr, 10));
  Target plans{"plan", try_plan, 5 * 1024 * 1024, '\n'};
  for (int i = 3; i < argc; ++i) plans.corpus.push_back(read_whole(argv[i]));
  for (const std::string &plan : plans.corpus) REQUIRE(is_accepted(plan));
  REQUIRE(is_accepted(kSmall));
  // Small ones are tried most often.
  for (int i = 0; i < 4; ++i) plans.corpus.push_back(kSmall);
  plans.corpus.push_back("podctl-plan 2\npod u /p\n" + every_operation());
  plans.words = plan_words();
  Target buses{"message of the bus", try_bus, 8192, '\0'};
  buses.corpus = answers();
  buses.words = words_of_answers();
  Target calls{"call of the façade", try_calls, 70 * 1024, '\0', {call(false), call(true), call(true) + call(false)}};
  calls.words = {word(0), word(0xffffffff), word(0x10000), "a(sasb)", "a{sv}", "aaaa", "(((", "v", "\1v", "l", std::string("\0\0\0\0", 4), call(true)};
  check_call(calls.corpus[1]);
  const size_t tried = fuzz(plans, seconds * 0.7, mutator) + fuzz(buses, seconds * 0.1, mutator) + fuzz(calls, seconds * 0.2, mutator);
  printf("%zu inputs\n", tried);
  return tried > 0 ? 0 : 1;
}
