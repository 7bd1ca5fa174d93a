// The entry of podctl-stage1: without libc nothing comes before _start, and the kernel leaves argc, argv and envp on the
// stack.
#include "main.h"
#include "sys.h"

#if defined(__x86_64__)
asm(R"(
.globl _start
.type _start, @function
_start:
  xor %ebp, %ebp
  mov %rsp, %rdi
  and $-16, %rsp
  call start_with_stack
)");
#elif defined(__aarch64__)
asm(R"(
.globl _start
.type _start, %function
_start:
  mov x29, #0
  mov x30, #0
  mov x0, sp
  bl start_with_stack
)");
#endif

extern "C" [[noreturn]] __attribute__((used)) void start_with_stack(const long *stack) {
  const long argc = stack[0];
  const auto *argv = reinterpret_cast<const char *const *>(stack + 1);
  sys::exit_group(podctl::run(static_cast<int>(argc), argv, argv + argc + 1));
}
