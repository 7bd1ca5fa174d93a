// What the bus façade answers for logind (org.freedesktop.login1(5)), which is not in a pod: there are no sessions, users and seats.
// Who has come in by machinectl shell is a process of the app, shown as one.
#include "caller.h"

namespace podctl {
namespace {

constexpr Text kLogins = "/org/freedesktop/login1";

struct List {
  Text member;
  Text signature;
};
constexpr List kLists[] = {{"ListSessions", "a(susso)"}, {"ListUsers", "a(uso)"}, {"ListSeats", "a(so)"}};

/** What loginctl asks of a single one, by a method of the manager (`GetSession`) or of an object (`…/session/auto`). */
struct Kind {
  Text path;
  Text members[8];
  Text error;
  Text reason;
};
constexpr Kind kKinds[] = {
    {"/session/",
     {"GetSession", "GetSessionByPID", "ActivateSession", "LockSession", "UnlockSession", "KillSession", "TerminateSession"},
     "org.freedesktop.login1.NoSuchSession",
     "no logind runs in a pod, and it has no sessions; `machinectl status` shows the processes of shells"},
    {"/user/",
     {"GetUser", "GetUserByPID", "KillUser", "TerminateUser", "SetUserLinger"},
     "org.freedesktop.login1.NoSuchUser",
     "no logind runs in a pod, and no user is logged in"},
    {"/seat/",
     {"GetSeat", "TerminateSeat", "AttachDevice", "FlushDevices"},
     "org.freedesktop.login1.NoSuchSeat",
     "no logind runs in a pod, and it has no seats"},
};

bool is_about(const BusMessage &call, const Kind &kind) {
  if (call.path.size > kLogins.size && call.path.from(kLogins.size).starts_with(kind.path)) return true;
  for (const Text member : kind.members) {
    if (!member.empty() && call.member == member) return true;
  }
  return false;
}

}  // namespace

bool is_of_logins(const BusMessage &call) { return call.path == kLogins || (call.path.starts_with(kLogins) && call.path[kLogins.size] == '/'); }

void Caller::obey_logins(const BusMessage &call) {
  for (const Kind &kind : kKinds) {
    if (is_about(call, kind)) return refuse(call, kind.error, kind.reason);
  }
  for (const List &list : kLists) {
    if (call.member != list.member) continue;
    body_.close_array(body_.open_array(8));
    return answer(call, list.signature);
  }
  if (call.member == "LockSessions" || call.member == "UnlockSessions") return answer(call, "");  // all there are
  if (call.member == "GetAll") return obey_properties(call);
  refuse(call, kUnknownMethod, "no logind runs in a pod", call.member);
}

}  // namespace podctl
