// What of an app can be attached to: stdin, stdout, stderr; tty-in and tty-out of its terminal. As a mask it is Audience's.
#include "audience.h"
#include "control.h"

namespace podctl {
namespace {

struct Endpoint {
  Text name;
  uint8_t bit;
  bool is_of_terminal;
};

constexpr Endpoint kEndpoints[] = {
    {"stdin", Audience::kIn, false}, {"stdout", Audience::kOut, false}, {"stderr", Audience::kErr, false},
    {"tty-in", Audience::kIn, true}, {"tty-out", Audience::kOut, true},
};

/** An app with a terminal for its stdout may have a pipe for the others. */
bool is_of(const Endpoint &endpoint, const App &app) {
  const size_t file = endpoint.bit == Audience::kIn ? 0 : endpoint.bit == Audience::kOut ? 1 : 2;
  if (app.stdio[file] == Stdio::null) return false;
  return endpoint.is_of_terminal == (app.stdio[file] == Stdio::tty);
}

uint8_t endpoints_of(const App &app) {
  uint8_t bits = 0;
  for (const Endpoint &endpoint : kEndpoints) bits |= is_of(endpoint, app) ? endpoint.bit : 0;
  return bits;
}

void put_endpoints(Writer &out, const App &app, uint8_t bits) {
  Text comma = "";
  for (const Endpoint &endpoint : kEndpoints) {
    if (!is_of(endpoint, app) || (bits & endpoint.bit) == 0) continue;
    out << comma << endpoint.name;
    comma = ",";
  }
}

/** `stdin,stdout`; 0 if one of them is none of the app's. `tty` is both of a terminal's. */
uint8_t parse_endpoints(const App &app, Text rest) {
  uint8_t bits = 0;
  while (!rest.empty()) {
    const Text name = split(rest, ',');
    uint8_t found = 0;
    for (const Endpoint &endpoint : kEndpoints) {
      const bool is_named = name == endpoint.name || (name == "tty" && endpoint.is_of_terminal);
      if (is_named && is_of(endpoint, app)) found |= endpoint.bit;
    }
    if (found == 0) return 0;
    bits |= found;
  }
  return bits;
}

}  // namespace

void Control::endpoints(Connection &connection, Text name) {
  const App *const app = find(name);
  if (app == nullptr) return refuse(connection, "app-not-found", "the pod has no such app", name);
  Buffer<64> text;
  text << "ok ";
  put_endpoints(text, *app, endpoints_of(*app));
  answer(connection, text.text());
}

void Control::attach(Connection &connection, Text name, Text wish) {
  App *const app = find(name);
  if (app == nullptr) return refuse(connection, "app-not-found", "the pod has no such app", name);
  if (app->is_over()) return refuse(connection, "app-not-running", "it has ended, or was not started", name);
  const uint8_t there = endpoints_of(*app);
  const uint8_t wanted = wish == "auto" ? there : parse_endpoints(*app, wish);
  if (wanted == 0 || (wanted & ~there) != 0) return refuse(connection, "not-attachable", "it has no such input or output", name);
  if (audience_.is_full()) return refuse(connection, "control-busy", "too many are attached already", name);
  Buffer<64> text;
  text << "ok ";
  put_endpoints(text, *app, wanted);
  answer(connection, text.text());
  if (!connection.socket.is_open()) return;
  audience_.admit(connection.socket, *app, wanted);
  end(connection);
}

}  // namespace podctl
