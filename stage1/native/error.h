// How failures travel: as values, never as a printed line where they happen.
//
// A function that can fail returns Outcome<T> (or Outcome<> without a value) and passes others' failures on with TRY. The
// place where it happened fills in the system call, errno and object; perform.cc adds the operation and its line. They are
// told to people and recorded for machines in one place, report.cc.
#pragma once

#include "sys.h"
#include "text.h"

namespace podctl {

/** What failed. All text lives as long as the process: literals, arguments of the plan, or copies in the arena. */
struct Failure {
  /** Null if no system call failed, and then there is a detail. */
  const char *syscall = nullptr;
  /** Positive errno; 0 if no system call failed. */
  int error = 0;
  /** The path or name the call was made on. */
  Text object{};
  Text detail{};
  /** The operation of the plan, or what stage1 was doing. */
  Text operation{};
  /** Line of the plan, 0 if it was none. */
  uint32_t line = 0;
  Text app{};
};

/**
 * Keeps a failure, so that an Outcome is small: a pointer and its value. The store is a ring of a few entries, and a failure is
 * told, or dropped, long before it comes round again.
 */
Failure *keep(const Failure &failure);

struct Nothing {};

template <class T = Nothing>
struct [[nodiscard]] Outcome {
  /** Null if all went well. */
  Failure *failure = nullptr;
  T value{};

  Outcome(T result) : value(static_cast<T &&>(result)) {}
  Outcome(const Failure &what) : failure(keep(what)) {}
  Outcome(Failure *kept) : failure(kept) {}

  bool ok() const { return failure == nullptr; }
};

/** The value of an Outcome, or the return from the calling function with its failure. */
#define TRY(expression)                                       \
  ({                                                          \
    auto outcome_ = (expression);                             \
    if (!outcome_.ok()) return outcome_.failure;              \
    static_cast<decltype(outcome_.value) &&>(outcome_.value); \
  })

constexpr Nothing kDone{};

/** The outcome of a system call that was made on `object`. */
Outcome<long> check(sys::Result result, const char *syscall, Text object = {});

/** A failure that is no system call's. */
inline Failure problem(Text detail, Text object = {}) { return Failure{nullptr, 0, object, detail}; }

/** "ENOENT" for 2; null for numbers the kernel does not use. */
const char *error_name(int error);

}  // namespace podctl
