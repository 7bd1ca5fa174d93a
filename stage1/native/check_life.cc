// What the operations about an app's life must be beyond their syntax.
#include "check_life.h"

#include "kernel.h"
#include "sockets.h"

namespace podctl {
namespace {

constexpr uint64_t kLongestPause = 24 * 3600 * 1000;
constexpr uint64_t kLongestCheck = uint64_t{366} * 24 * 3600 * 1000;
constexpr uint64_t kMostRestarts = 1000000000;
constexpr uint64_t kLongestSide = 65535;
constexpr size_t kMaxSocketPath = 107;  // sun_path, less its NUL

bool is_app_before(const Plan &plan, const Op *end, Text name) {
  for (const Op *op = plan.begin(); op != end; ++op) {
    if (op->kind == OpKind::app && op->args[0] == name) return true;
  }
  return false;
}

/** The operation `app` of the section that `op` stands in. */
const Op *section_of(const Op *op) {
  while (op->kind != OpKind::app) --op;
  return op;
}

/** Whether an operation of the same kind, and for handlers of the same name, precedes `op` in its section. */
bool is_repeated(const Op &op) {
  for (const Op *other = section_of(&op); other != &op; ++other) {
    if (other->kind == op.kind && (op.kind != OpKind::handler || other->args[0] == op[0])) return true;
  }
  return false;
}

const char *fault_of_exit_policy(const Plan &plan, const Op &op) {
  const bool is_main = op[0] == "main";
  if (!is_main && op[0] != "any" && op[0] != "all" && op[0] != "stop") return "neither any, all, main nor stop";
  if (op.count != (is_main ? 2U : 1U)) return "main takes one app, the others none";
  return !is_main || is_app_before(plan, plan.end(), op[1]) ? nullptr : "no such app";
}

/** Apps stand behind those they wait for, so that none can wait for itself. */
const char *fault_of_after(const Plan &plan, const Op &op) {
  for (size_t i = 0; i < op.count; ++i) {
    if (!is_app_before(plan, section_of(&op), op[i])) return "not an app that stands before this one";
  }
  return nullptr;
}

const char *fault_of_restart(const Op &op) {
  if (op[0] != "never" && op[0] != "on-unhealthy" && op[0] != "on-failure" && op[0] != "always") {
    return "neither never, on-unhealthy, on-failure nor always";
  }
  if (op.number(1) > op.number(2) || op.number(2) > kLongestPause) return "delays are not ascending, or above a day";
  return op.number(3) <= kMostRestarts ? nullptr : "more than 1000000000 restarts";
}

/** Whether the section that `op` stands in has an operation of this kind behind it. */
bool is_followed_by(const Op *op, OpKind kind) {
  for (++op; op->kind != OpKind::exec; ++op) {
    if (op->kind == kind) return true;
  }
  return false;
}

/** A terminal's output comes where its app's stdout goes. */
const char *fault_of_stdio(const Op &op) {
  for (size_t i = 0; i < 3; ++i) {
    const bool is_known = op[i] == "null" || op[i] == "stream" || op[i] == "tty" || (op[i] == "log" && i > 0);
    if (!is_known) return i == 0 ? "neither null, stream nor tty" : "neither null, log, stream nor tty";
  }
  const bool is_terminal = op[1] == "tty";
  if (!is_terminal && (op[0] == "tty" || op[2] == "tty")) return "a terminal without stdout";
  return is_terminal == is_followed_by(&op, OpKind::terminal) ? nullptr : "a terminal and no size, or a size and no terminal";
}

const char *fault_of_handler(const Op &op) {
  if (op[0] != "pre-start" && op[0] != "post-stop") return "neither pre-start nor post-stop";
  if (op.number(1) < 1 || op.number(1) > kMaxArgs) return "no arguments";
  return op.count > 2 + op.number(1) ? nullptr : "no candidates for its program";
}

const char *fault_of_health(const Op &op) {
  if (op[0] != "none" && op[0] != "restart" && op[0] != "kill" && op[0] != "stop") return "neither none, restart, kill nor stop";
  for (size_t i = 1; i <= 4; ++i) {
    const bool may_be_none = i == 3;  // the start period
    if (op.number(i) > kLongestCheck || (op.number(i) == 0 && !may_be_none)) return "times are not 1 ms to a year";
  }
  if (op.number(5) < 1 || op.number(5) > kMostRestarts) return "not 1 to 1000000000 failures";
  if (op.number(6) < 1 || op.number(6) > kMaxArgs) return "no arguments";
  return op.count > 7 + op.number(6) ? nullptr : "no candidates for its program";
}

/** Something must say when it is healthy. */
const char *fault_of_readiness(const Op &op) {
  for (const Op *other = section_of(&op); other != &op; ++other) {
    if (other->kind == OpKind::health) return nullptr;
  }
  return "no health check stands before it";
}

}  // namespace

const char *fault_of_life(const Plan &plan, const Op &op) {
  const char *fault = nullptr;
  switch (op.kind) {
    case OpKind::exit_policy: return fault_of_exit_policy(plan, op);
    case OpKind::after: fault = fault_of_after(plan, op); break;
    case OpKind::notify: fault = op[0].size <= kMaxSocketPath ? nullptr : "too long for a socket"; break;
    case OpKind::restart: fault = fault_of_restart(op); break;
    case OpKind::listen: fault = fault_of_listen(plan, op); break;
    case OpKind::reload_signal:
    case OpKind::stop_signal:
      fault = op.number(0) >= 1 && op.number(0) <= static_cast<uint64_t>(kLastSignal) ? nullptr : "no such signal";
      break;
    case OpKind::stdio: fault = fault_of_stdio(op); break;
    case OpKind::terminal: fault = op.number(0) <= kLongestSide && op.number(1) <= kLongestSide ? nullptr : "above 65535"; break;
    case OpKind::handler: fault = fault_of_handler(op); break;
    case OpKind::health: fault = fault_of_health(op); break;
    case OpKind::ready_when_healthy: fault = fault_of_readiness(op); break;
    default: return nullptr;
  }
  return fault == nullptr && is_repeated(op) ? "given twice" : fault;
}

}  // namespace podctl
