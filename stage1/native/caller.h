// One caller of the bus façade and the process that serves it: authentication, method calls, and jobs that the init does.
//
// The caller is the host's root, or the process is never made; yet nothing it says is trusted: what is no D-Bus ends the connection,
// as do silence and answers that nobody takes.
#pragma once

#include "message.h"
#include "pod.h"
#include "units.h"
#include "wire.h"

namespace podctl {

constexpr Text kManagerPath = "/org/freedesktop/systemd1";
constexpr Text kUnknownMethod = "org.freedesktop.DBus.Error.UnknownMethod";
constexpr Text kInvalidArguments = "org.freedesktop.DBus.Error.InvalidArgs";
constexpr Text kNoSuchUnit = "org.freedesktop.systemd1.NoSuchUnit";

/** Serves whoever is at `socket`, asking the init through `init`; then ends the process, a copy of the init. */
[[noreturn]] void serve_caller(const Pod &pod, int socket, int init);

/** Takes the next line of the authentication (D-Bus Specification, "Authentication Protocol"), ended by CR LF, off `rest`. */
bool take_line(Text &rest, Text &line);

/** Whether a call is for logind. */
bool is_of_logins(const BusMessage &call);

class Caller {
 public:
  Caller(const Premises &premises, Fd socket, Fd init);

  void run();

 private:
  /** What systemd would call a job. */
  struct Job {
    uint32_t id = 0;
    Text unit{};
    /** The request of the init, in words. */
    Text words{};
  };
  static constexpr size_t kMaxJobs = 32;

  // caller.cc: the connection.
  bool hear();
  bool hear_all();
  bool hear_line(Text line);
  bool hear_message(Text bytes);
  bool say(Text bytes);
  void hear_init();
  void ask_init();
  bool is_patient() const;
  void drop_files(size_t count);

  // manager.cc: the methods.
  void obey(const BusMessage &call);
  void obey_bus(const BusMessage &call);
  void obey_manager(const BusMessage &call);

  // listing.cc: what there is.
  void obey_properties(const BusMessage &call);
  void get_all(const BusMessage &call);
  void get_one(const BusMessage &call);
  void list_units(const BusMessage &call);
  void list_files(const BusMessage &call);
  void list_processes(const BusMessage &call);
  void put_processes(const App &app);
  Text processes_of(const App &app);
  void find_unit(const BusMessage &call, bool must_be);

  // logins.cc
  void obey_logins(const BusMessage &call);

  // manager.cc: what is done.
  void change_unit(const BusMessage &call);
  void kill_unit(const BusMessage &call);
  void start_transient(const BusMessage &call);
  void log_in(const BusMessage &call, Text number);
  void end_pod(const BusMessage &call, Text verb);
  /** Answers with the job, and has the init do it. Empty words are a job that is done. */
  void add_job(const BusMessage &call, Text unit, Text words);
  void note_end(const Job &job, bool is_done);
  /** Sends body_ as the answer to `call`. */
  void answer(const BusMessage &call, Text signature);
  void answer_text(const BusMessage &call, Text signature, Text text);
  void refuse(const BusMessage &call, Text error, Text reason, Text object = {});
  void send(const BusHeader &header);

  Arena arena_{};
  const Premises &premises_;
  Fd socket_;
  Fd init_;
  char *buffer_;
  size_t filled_ = 0;
  Fd files_[ManyRights::kMost]{};
  size_t file_count_ = 0;
  bool is_greeted_ = false;
  bool is_authenticated_ = false;
  BusWriter body_;
  uint32_t serial_ = 0;
  Job jobs_[kMaxJobs]{};
  size_t job_count_ = 0;
  uint32_t last_job_ = 0;
  uint32_t sessions_ = 0;
  /** Monotonic milliseconds. */
  uint64_t deadline_ = 0;
};

}  // namespace podctl
