// Who listens to the pod's apps beside the journal, and speaks to them: whoever is attached, and the caller who waits in the
// foreground with an input or a terminal. Messages of one kind each go over a SOCK_SEQPACKET connection (stage1/README.md).
//
// The caller's pipes and terminal are no business of this class: app output is copied to them directly (relay.h), and what is
// slow there holds its app back, as in any pipe. Who is attached does not: a connection holds so much, and whoever is not taking
// it while there is more to take is let go.
#pragma once

#include "pod.h"
#include "poll_set.h"

namespace podctl {

class Audience {
 public:
  /** At most so many, each with a bit in Stream::listeners. The first place is the caller's. */
  static constexpr size_t kPlaces = 17;
  static constexpr size_t kSlots = kPlaces;
  static constexpr uint8_t kIn = 1;
  static constexpr uint8_t kOut = 2;
  static constexpr uint8_t kErr = 4;

  explicit Audience(Pod &pod) : pod_(pod) {}

  /** Takes the caller over, if there is one. */
  void adopt_caller();
  void gather(PollSet &set);
  void handle(const PollSet &set);
  /** Monotonic milliseconds: when somebody is let go; 0 for never. */
  uint64_t deadline() const;

  bool is_full();
  /**
   * The app's terminal is to be the caller's, who has not said anything yet: that is, has not made ready the terminal that the
   * output goes to. It waits in the app's.
   */
  bool awaits_caller(const App &app) const;
  /** Takes `socket` over as one that has asked for `what` of the app, if there is a place. */
  void admit(Fd &socket, App &app, uint8_t what);
  /** The app leaves the pod. */
  void forget(const App &app);
  /** The piece of `stream` to those who have not had it. */
  void deliver(App &app, Stream &stream);
  /** Nobody listens to what is said to the app. */
  void tell_deaf(const App &app);
  /** Somebody has not been told yet that an app has ended. */
  bool is_owed() const;
  /** The pod ends with this status. */
  void end(int exit_status);

 private:
  struct Place {
    Fd socket{};
    App *app = nullptr;
    uint8_t what = 0;
    int slot = -1;
    /** The pipe of what is said was full, or its end came: told once. */
    bool is_told_deaf = false;
    /** Since when it has not taken all that there is, in monotonic milliseconds; 0: it has. And the bytes since then. */
    uint64_t stuck_since = 0;
    size_t taken = 0;
  };

  Place *begin() { return places_; }
  Place *end() { return places_ + count_; }
  const Place *begin() const { return places_; }
  const Place *end() const { return places_ + count_; }
  void make_places();
  bool is_caller(const Place &place) const { return &place == places_; }
  uint32_t bit_of(const Place &place) const { return 1U << (&place - places_); }
  void hear(Place &place);
  void resize(App &app, Text size);
  void follow_up(Place &place);
  void judge(Place &place, uint64_t now);
  void let_go(Place &place);
  bool is_behind(const Place &place) const;

  Pod &pod_;
  /** Made for the first who comes: most pods never have anybody. */
  Place *places_ = nullptr;
  size_t count_ = 0;
  bool is_caller_heard_ = false;
};

}  // namespace podctl
