// The decoder of plans: text to operations, in place. It mirrors stage1/plan/codec.ts.
#include "plan.h"
#include "quoting.h"

namespace podctl {
namespace {

constexpr Text kHeader = "podctl-plan 2";
static_assert(kPlanVersion == 2, "the header carries the version");

const OpSyntax *find_op(Text name) {
  for (size_t i = 0; i < kOpCount; ++i) {
    if (name == kOps[i].name) return &kOps[i];
  }
  return nullptr;
}

bool every_byte(Text text, bool (*allowed)(char)) {
  for (size_t i = 0; i < text.size; ++i) {
    if (!allowed(text[i])) return false;
  }
  return true;
}

bool is_of_kind(Text argument, ArgKind kind) {
  constexpr size_t kMostOctalDigits = 5;
  uint64_t ignored_value;
  switch (kind) {
    case ArgKind::none: return false;
    case ArgKind::text:
    case ArgKind::texts: return true;
    case ArgKind::path: return argument.starts_with("/");
    case ArgKind::num:
      return parse_decimal(argument, ignored_value) && (argument.size == 1 || argument[0] != '0');
    case ArgKind::oct:
      return !argument.empty() && argument.size <= kMostOctalDigits &&
             every_byte(argument, [](char digit) { return digit >= '0' && digit <= '7'; });
    case ArgKind::hex:
      return !argument.empty() && argument.size % 2 == 0 &&
             every_byte(argument, [](char digit) { return hex_digit(digit) >= 0; });
  }
  return false;
}

Outcome<> check_args(const Op &op) {
  const OpSyntax &syntax = syntax_of(op.kind);
  size_t fixed = 0;
  while (fixed < kMostKinds && syntax.args[fixed] != ArgKind::none && syntax.args[fixed] != ArgKind::texts) ++fixed;
  const bool open = fixed < kMostKinds && syntax.args[fixed] == ArgKind::texts;
  if (op.count < fixed || (!open && op.count > fixed)) return plan_problem(op.line, "wrong number of arguments", op.name());
  if (op.count > kMaxArgs) return plan_problem(op.line, "too many arguments", op.name());
  for (size_t i = 0; i < op.count; ++i) {
    if (!is_of_kind(op[i], syntax.args[i < fixed ? i : fixed])) {
      return plan_problem(op.line, "argument is not of its kind", op[i]);
    }
  }
  return kDone;
}

/** The section that `op` stands in, after one in `section`. */
Outcome<Section> advance(Section section, const Op &op) {
  const uint8_t allowed = syntax_of(op.kind).sections;
  if (section == kHead && (allowed & kHead) != 0) return kHead;
  if (section <= kPod && (allowed & kPod) != 0) return kPod;
  if ((allowed & kApp) != 0 && (section == kApp || op.kind == OpKind::app)) return kApp;
  return plan_problem(op.line, "operation cannot stand here", op.name());
}

/** Decodes one line; its arguments go to `args`, which has room for them. */
Outcome<Op> decode_line(Text line, uint32_t number, Text *args) {
  Op op;
  op.line = number;
  op.args = args;
  Text name;
  size_t count = 0;
  const bool is_quoted = split_line(line, name, args, count);
  op.count = static_cast<uint32_t>(count);
  const OpSyntax *const syntax = find_op(name);
  if (syntax == nullptr) return plan_problem(number, "unknown operation", name);
  op.kind = syntax->kind;
  if (!is_quoted) return plan_problem(number, "an argument is empty or not quoted", op.name());
  TRY(check_args(op));
  return op;
}

}  // namespace

Failure plan_problem(uint32_t line, Text detail, Text object) {
  Failure failure = problem(detail, object);
  failure.operation = "plan";
  failure.line = line;
  return failure;
}

uint64_t Op::number(size_t index) const {
  uint64_t value = 0;
  parse_decimal(args[index], value);
  return value;
}

Outcome<Plan> decode_plan(Arena &arena, Text bytes) {
  if (bytes.empty() || bytes[bytes.size - 1] != '\n') return plan_problem(0, "the last line is not ended");
  const size_t lines = bytes.count('\n') - 1;
  if (lines > kMaxOps) return plan_problem(0, "too many operations");
  auto *const ops = arena.array<Op>(lines);
  auto *args = arena.array<Text>(bytes.count(' '));
  if (split(bytes, '\n') != kHeader) return plan_problem(1, "line 1 is not \"podctl-plan 2\"");
  Section section = kHead;
  for (size_t i = 0; i < lines; ++i) {
    ops[i] = TRY(decode_line(split(bytes, '\n'), static_cast<uint32_t>(i + 2), args));
    ops[i].section = section = TRY(advance(section, ops[i]));
    args += ops[i].count;
  }
  if (lines == 0 || ops[0].kind != OpKind::pod) return plan_problem(2, "the first operation is not \"pod\"");
  return Plan{ops, lines};
}

}  // namespace podctl
