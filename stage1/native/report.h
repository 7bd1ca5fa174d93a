// Telling a failure: one sentence for people, one record for stage0 (the file `failure` of the contract).
#pragma once

#include "error.h"
#include "pod.h"

namespace podctl {

/** A failure put into words, so that it can cross from an app's child to the init: as one write to a pipe. */
struct Report {
  Text record;
  Text sentence;
};

/** Most bytes of a Report on its way through a pipe: such a write is atomic (PIPE_BUF). */
constexpr size_t kMaxReport = 4096;

/** What every sentence begins with. */
constexpr Text kOwnPrefix = "podctl-stage1: ";

/** A failure's Report, in memory of its own. */
class Wording {
 public:
  explicit Wording(const Failure &failure);
  Report report() const { return {record_.text(), sentence_.text()}; }

 private:
  Buffer<kMaxReport / 2> record_;
  Buffer<kMaxReport / 2> sentence_;
};

/** The value of `key` in a record, as it is written there; empty without. */
Text value_in(Text record, Text key);

/** Sends `failure` to whoever reads `fd`. */
void send_report(int fd, const Failure &failure);
/** Takes apart what send_report sent. */
Report parse_report(Text message);

/** Bytes that would break a line or hide in a terminal become %XX, and so does the % that marks them. */
void put_escaped(Writer &out, Text text);

/** "app web: exec (plan line 31): execve /bin/x: ENOENT: tried /bin/x" */
void put_sentence(Writer &out, const Failure &failure);

/** Writes the record into the pod's directory and says the sentence. */
void publish(const Pod &pod, const Report &report);
void publish(const Pod &pod, const Failure &failure);

/** Says it on fd 2, unless that has to wait: it may be a stream to a journal that takes nothing. */
void tell(Text line);

/** Says a failure's sentence on fd 2 only: there is no pod yet, or it is none of its business. */
void complain(const Failure &failure);
/** "podctl-stage1: warning: …", for failures that the pod can live with. */
void warn(const Pod &pod, const Failure &failure);

}  // namespace podctl
