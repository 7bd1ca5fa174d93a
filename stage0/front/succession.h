// One pod goes, the next takes its name and its place: the steps of usecases/claim-name.ts, garbage.ts and prepare.ts, in their
// order, so that what a SIGKILL between two of them leaves is what they leave.
#pragma once

#include "arena.h"
#include "fd.h"
#include "record.h"

namespace podctl {

/** The length of a UUID as text. */
constexpr size_t kUuidSize = 36;

/** The pods of a data directory, and the two in question. */
struct Heirs {
  /** O_PATH. */
  Fd pods{};
  Text last{};
  Text next{};
};

/** A failure if anything holds the pods, images or names that this start needs: it does not wait. */
class Succession {
 public:
  /** @param old the record as the last start left it. @param next the same, about the next pod */
  Succession(Arena &arena, const Record &old, const Record &next, const Heirs &heirs)
      : arena_(arena), old_(old), next_(next), heirs_(heirs) {}

  /** Keeps images and trees from being collected until the next pod is there. */
  Outcome<> hold_images();
  /** Takes the lock of the last pod, which is over. Nothing has been changed until then. */
  Outcome<> hold_last();
  /** Makes the next pod, in `run`, and removes the last. */
  Outcome<> make_next();
  /** Executes the pod's executor with the lock. */
  Outcome<> execute();

 private:
  Outcome<> make_embryo();
  Outcome<> hand_name_over();
  Outcome<> remove_last();
  Outcome<> move_next(Text from, Text to);
  Outcome<> make(const Line &line, const Fd &pod);
  Outcome<> make_all(Text kind, const Fd &pod);
  Outcome<> note_uses();
  void tell(const Record &record, Text event);

  Arena &arena_;
  const Record &old_;
  const Record &next_;
  const Heirs &heirs_;
  Fd images_{};
  Fd last_lock_{};
  Fd lock_{};
  Fd journal_{};
};

}  // namespace podctl
