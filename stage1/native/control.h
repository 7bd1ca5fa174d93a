// The pod's control socket, `control` in its directory: a SOCK_SEQPACKET socket on which the host's root asks for things to be
// done with the pod's apps (stage1/README.md). One message is one request, one message its answer; `list` has several.
//
// Nobody can make the init wait, or take its memory: messages, connections and the time to ask in are bounded, whatever is not a
// request is answered and disconnected, and an answer that nobody takes is dropped with its connection. Nor can others for long
// be kept out: when all places are taken, silence ends a connection soon, and some places are not for those who wait for an app.
#pragma once

#include "facade.h"
#include "poll_set.h"
#include "pod.h"
#include "unix_socket.h"

namespace podctl {

class Audience;
class Supervisor;

/** The longest request. */
constexpr size_t kMaxRequest = 4096;
/** More wait in the kernel's backlog. */
constexpr size_t kMaxConnections = 16;

/** Listens at `control` in the pod's directory. Only root can connect. */
Outcome<Fd> listen_control(const Fd &directory);

class Control {
 public:
  Control(Pod &pod, Supervisor &supervisor, Audience &audience) : pod_(pod), supervisor_(supervisor), audience_(audience) {}

  /** Slots it needs in the poll set at most. */
  static constexpr size_t kSlots = kMaxConnections + kMaxCallers + 2;

  void gather(PollSet &set);
  void handle(const PollSet &set);
  /** Monotonic milliseconds: when a connection is closed for its silence; 0 for none. */
  uint64_t deadline() const;

 private:
  enum class Wait : uint8_t { request, start, stop };

  struct Connection {
    Fd socket{};
    int slot = -1;
    /** For what it waits, and of which app. */
    Wait wait = Wait::request;
    App *app = nullptr;
    uint64_t deadline = 0;
    /** Of a process of the init's own, which serves a caller of the bus façade: it may be silent. */
    bool is_own = false;
    /** Since when it has said nothing. */
    uint64_t since = 0;
  };

  void accept();
  void receive();
  void set_patience(Connection &connection);
  void hear(Connection &connection);
  void obey(Connection &connection, const Received &request);
  void wait_for(Connection &connection, Wait wait, App *app);
  void follow_up(Connection &connection);

  void list(Connection &connection);
  bool read_grace(Connection &connection, Text written, uint64_t &grace_ms);
  void stop(Connection &connection, Text name, Text grace);
  void give(Connection &connection, Text grace);
  void begin(Connection &connection, Text name, Text grace, bool anew);
  void remove(Connection &connection, Text name);
  void add(Connection &connection, const Fd &file);
  void endpoints(Connection &connection, Text name);
  void attach(Connection &connection, Text name, Text wish);

  bool is_full() const;
  bool may_wait(const Connection &connection) const;
  uint64_t end_of(const Connection &connection) const;
  App *find(Text name);
  /** Closes the connection if the answer cannot be sent at once. */
  void answer(Connection &connection, Text text);
  void refuse(Connection &connection, Text code, Text reason, Text object = {});
  void end(Connection &connection) { connection = Connection(); }

  Pod &pod_;
  Supervisor &supervisor_;
  Audience &audience_;
  int slot_ = -1;
  int facade_slot_ = -1;
  /** Those of the control socket, and behind them those of the façade. */
  Connection connections_[kMaxConnections + kMaxCallers]{};
};

}  // namespace podctl
