#include "audience.h"

#include <linux/errno.h>

#include "clock.h"
#include "kernel.h"
#include "message.h"
#include "terminal.h"

namespace podctl {
namespace {

/** What waits in a connection at most: so much may come at once for somebody who is busy for a moment. */
constexpr int kHeld = 1024 * 1024;
/** Whoever takes less than this in so long, although there is more, is too slow. So long an app is held back at most. */
constexpr uint64_t kPatienceMs = 250;
constexpr size_t kLeast = 256 * 1024;

sys::Result tell(const Fd &socket, char kind, Text text = {}) {
  IoVector vectors[] = {{&kind, 1}, {text.data, text.size}};
  Message message;
  message.vectors = vectors;
  message.vector_count = 2;
  return sys::sendmsg(socket.get(), &message, kMsgDontWait | kMsgNoSignal);
}

sys::Result tell_end(const Fd &socket, int exit_status) {
  Buffer<16> status;
  status << exit_status;
  return tell(socket, 'x', status.text());
}

}  // namespace

void Audience::gather(PollSet &set) {
  for (Place &place : *this) {
    // Who gives no input is heard all the same: what it says may be a window's size, or is wrong.
    const bool is_heard = place.app == nullptr || (place.what & kIn) == 0 || place.app->in.is_over || place.app->in.can_take();
    const int events = POLLRDHUP | (is_heard ? POLLIN : 0) | (place.stuck_since != 0 ? POLLOUT : 0);
    place.slot = set.add(place.socket, static_cast<short>(events));
  }
}

/** What it says is for the first app that has an input or a terminal. */
void Audience::adopt_caller() {
  if (!pod_.caller.is_open()) return;
  make_places();
  Place &place = places_[0];
  place.socket = static_cast<Fd &&>(pod_.caller);
  for (App &app : pod_) {
    if (place.app != nullptr || (app.stdio[0] == Stdio::null && !app.has_terminal())) continue;
    place.app = &app;
    place.what = app.stdio[0] == Stdio::null ? 0 : kIn;
  }
}

void Audience::handle(const PollSet &set) {
  for (Place &place : *this) {
    if (!place.socket.is_open()) continue;
    const int slot = place.slot;
    place.slot = -1;
    if (set.has_input(slot)) {
      hear(place);
    } else if (set.is_left(slot)) {
      let_go(place);
    }
    if (place.socket.is_open()) follow_up(place);
  }
}

uint64_t Audience::deadline() const {
  uint64_t soonest = 0;
  for (const Place &place : *this) {
    if (place.stuck_since == 0) continue;
    const uint64_t end = place.stuck_since + kPatienceMs;
    if (soonest == 0 || end < soonest) soonest = end;
  }
  return soonest;
}

void Audience::make_places() {
  if (count_ != 0) return;
  places_ = pod_.arena.array<Place>(kPlaces);
  count_ = kPlaces;
}

bool Audience::is_full() {
  make_places();
  for (const Place &place : *this) {
    if (!is_caller(place) && !place.socket.is_open()) return false;
  }
  return true;
}

bool Audience::awaits_caller(const App &app) const {
  return app.has_terminal() && !is_caller_heard_ && count_ != 0 && places_[0].socket.is_open() && places_[0].app == &app;
}

void Audience::admit(Fd &socket, App &app, uint8_t what) {
  for (Place &place : *this) {
    if (is_caller(place) || place.socket.is_open()) continue;
    // ignored: without the right to ask for more, there is as much as the host gives everybody
    static_cast<void>(sys::setsockopt(socket.get(), kSolSocket, kSendBufferForce, &kHeld, sizeof kHeld));
    place.socket = static_cast<Fd &&>(socket);
    place.app = &app;
    place.what = what;
    if ((what & kOut) != 0) app.out.listeners |= bit_of(place);
    if ((what & kErr) != 0) app.err.listeners |= bit_of(place);
    return;
  }
}

void Audience::forget(const App &app) {
  for (Place &place : *this) {
    if (place.app != &app) continue;
    if (is_caller(place)) {
      place.app = nullptr;
    } else {
      let_go(place);
    }
  }
}

void Audience::deliver(App &app, Stream &stream) {
  const char kind = &stream == &app.out ? 'o' : 'e';
  for (Place &place : *this) {
    if ((stream.behind & bit_of(place)) == 0) continue;
    const sys::Result sent = tell(place.socket, kind, Text(stream.buffer, stream.filled));
    if (sent == -EAGAIN || sent == -EINTR || sent == -ENOMEM || sent == -ENOBUFS) {
      if (place.stuck_since == 0) {
        place.stuck_since = monotonic_ms();
        place.taken = 0;
      }
      continue;
    }
    stream.behind &= ~bit_of(place);
    place.taken += stream.filled;
    if (sys::failed(sent)) let_go(place);
  }
  stream.settle();
}

void Audience::hear(Place &place) {
  App *const app = place.app;
  const bool gives = app != nullptr && (place.what & kIn) != 0;
  const bool takes = gives && app->in.can_take();
  if (takes && app->in.buffer == nullptr) app->in.buffer = static_cast<char *>(pod_.arena.bytes(kMaxInput));
  char kind = 0;
  char scratch[64];
  IoVector vectors[] = {{&kind, 1}, {scratch, sizeof scratch}};
  if (takes) vectors[1] = {app->in.buffer, kMaxInput};
  Message message;
  message.vectors = vectors;
  message.vector_count = 2;
  // Files that come with it have nowhere to go, and the kernel closes them.
  const sys::Result got = sys::recvmsg(place.socket.get(), &message, kMsgDontWait);
  if (got == -EAGAIN || got == -EINTR) return;
  if (got <= 0) return let_go(place);
  is_caller_heard_ |= is_caller(place);
  const auto size = static_cast<size_t>(got - 1);
  const bool is_whole = (message.flags & kMsgTruncate) == 0;
  if (kind == 'i' && (gives || is_caller(place)) && (is_whole || !takes)) {
    if (!takes) {
      if (app == nullptr || app->in.is_over) place.is_told_deaf = place.is_told_deaf || !sys::failed(tell(place.socket, 'z'));
      return;
    }
    app->in.start = 0;
    app->in.end = size;
    app->in.flush();
  } else if (kind == 'z' && size == 0 && (gives || is_caller(place))) {
    // To a terminal the end of a file is a key.
    if (gives && !app->has_terminal()) app->in.finish();
  } else if (kind == 'w' && is_whole && app != nullptr && app->has_terminal()) {
    resize(*app, Text(static_cast<const char *>(vectors[1].base), size));
  } else {
    let_go(place);
  }
}

/** `ROWS COLUMNS`. Whoever says it last is whose window it is. */
void Audience::resize(App &app, Text size) {
  uint64_t rows = 0;
  uint64_t columns = 0;
  const Text first = split(size, ' ');
  if (!parse_decimal(first, rows) || !parse_decimal(size, columns) || rows > UINT16_MAX || columns > UINT16_MAX) return;
  app.terminal.rows = static_cast<uint16_t>(rows);
  app.terminal.columns = static_cast<uint16_t>(columns);
  const Fd *const masters[] = {&app.out.pipe, &app.terminal.next};
  for (const Fd *master : masters) {
    if (master->is_open()) set_window_size(master->get(), app.terminal.rows, app.terminal.columns);
  }
}

/** What it has not had yet, as far as it takes it. */
void Audience::follow_up(Place &place) {
  if (is_caller(place)) return;
  App &app = *place.app;
  if (place.stuck_since != 0) {
    Stream *const streams[] = {&app.out, &app.err};
    for (Stream *stream : streams) {
      if ((stream->behind & bit_of(place)) != 0) deliver(app, *stream);
    }
  }
  if (!place.socket.is_open()) return;
  if (app.is_over() && app.is_drained()) {
    const sys::Result told = tell_end(place.socket, app.exit_status);
    if (told != -EAGAIN) return let_go(place);
    if (place.stuck_since == 0) place.stuck_since = monotonic_ms();
  }
  judge(place, monotonic_ms());
}

bool Audience::is_behind(const Place &place) const {
  return ((place.app->out.behind | place.app->err.behind) & bit_of(place)) != 0;
}

void Audience::judge(Place &place, uint64_t now) {
  if (place.stuck_since == 0 || now < place.stuck_since + kPatienceMs) return;
  const bool is_owed_end = place.app->is_over() && place.app->is_drained();
  const bool is_fast = place.taken >= kLeast;
  const bool has_all = !is_behind(place) && !is_owed_end;
  if (!has_all && !is_fast) return let_go(place);
  place.stuck_since = has_all ? 0 : now;
  place.taken = 0;
}

/** Without the caller nobody is left whom the pod's output should reach but the journal. */
void Audience::let_go(Place &place) {
  App *const app = place.app;
  const uint32_t others = ~bit_of(place);
  const bool was_caller = is_caller(place);
  if (was_caller) {
    pod_.output.fd.close();
    pod_.errors.fd.close();
  }
  // Behind what it may wait for: its end tells the caller that nothing is written to its files any more.
  place = Place();
  for (App &each : pod_) {
    if (!was_caller && &each != app) continue;
    Stream *const streams[] = {&each.out, &each.err};
    for (Stream *stream : streams) {
      stream->listeners &= others;
      stream->behind &= others;
      stream->settle();
    }
  }
}

void Audience::tell_deaf(const App &app) {
  for (Place &place : *this) {
    if (!place.socket.is_open() || place.app != &app || (place.what & kIn) == 0 || place.is_told_deaf) continue;
    place.is_told_deaf = !sys::failed(tell(place.socket, 'z'));
  }
}

bool Audience::is_owed() const {
  for (const Place &place : *this) {
    if (!is_caller(place) && place.socket.is_open() && place.app->is_over()) return true;
  }
  return false;
}

void Audience::end(int exit_status) {
  // ignored: whoever has gone does not ask
  if (count_ != 0 && places_[0].socket.is_open()) static_cast<void>(tell_end(places_[0].socket, exit_status));
}

}  // namespace podctl
