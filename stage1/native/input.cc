#include "input.h"

#include <linux/errno.h>

namespace podctl {

void Input::flush() {
  if (!to.is_open()) return;
  if (!is_empty()) {
    const sys::Result wrote = sys::write(to.get(), buffer + start, end - start);
    if (wrote == -EAGAIN || wrote == -EINTR) return;
    if (sys::failed(wrote)) return close();
    start += static_cast<size_t>(wrote);
  }
  if (is_empty() && is_ended) close();
}

void Input::finish() {
  is_ended = true;
  flush();
}

void Input::close() {
  pause();
  is_over = true;
}

void Input::pause() {
  to.close();
  start = end = 0;
}

}  // namespace podctl
