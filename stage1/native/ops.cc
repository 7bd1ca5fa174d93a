// The table of operations.
#include "plan.h"

namespace podctl {
namespace {

constexpr auto text = ArgKind::text;
constexpr auto path = ArgKind::path;
constexpr auto num = ArgKind::num;
constexpr auto oct = ArgKind::oct;
constexpr auto hex = ArgKind::hex;
constexpr auto texts = ArgKind::texts;
constexpr uint8_t kPodApp = kPod | kApp;

}  // namespace

constexpr OpSyntax kOps[] = {
    {OpKind::pod, "pod", kHead, {text, path}},
    {OpKind::adopt, "adopt", kHead, {text, num, num}},
    {OpKind::inherit, "inherit", kHead, {text, num}},
    {OpKind::namespaces, "namespaces", kHead, {texts}},
    {OpKind::user_namespace, "user-namespace", kHead, {num, num}},
    {OpKind::join_network, "join-network", kHead, {path}},
    {OpKind::stop_grace, "stop-grace", kHead, {num}},
    {OpKind::exit_policy, "exit-policy", kHead, {text, texts}},

    {OpKind::machine, "machine", kPod, {path, hex}},
    {OpKind::hostname, "hostname", kPod, {text}},
    {OpKind::loopback, "loopback", kPod, {}},
    {OpKind::sysctl, "sysctl", kPod, {text, text}},
    {OpKind::bandwidth, "bandwidth", kPod, {num}},
    {OpKind::overlay, "overlay", kPod, {path, path, path, texts}},

    {OpKind::pod_root, "pod-root", kPod, {path, num}},
    {OpKind::root, "root", kApp, {path}},
    {OpKind::mkdir, "mkdir", kPodApp, {path, oct}},
    {OpKind::file, "file", kPodApp, {path, oct, text}},
    {OpKind::symlink, "symlink", kPodApp, {path, text}},
    {OpKind::bind, "bind", kPodApp, {path, path, texts}},
    {OpKind::mount, "mount", kPodApp, {text, path, texts}},
    {OpKind::mask, "mask", kApp, {path}},
    {OpKind::readonly, "readonly", kApp, {path}},
    {OpKind::root_readonly, "root-readonly", kApp, {}},
    {OpKind::facade, "facade", kPod, {path}},
    {OpKind::credentials, "credentials", kPod, {path, num, num, texts}},
    {OpKind::pivot, "pivot", kPodApp, {}},

    {OpKind::app, "app", kApp, {text, text}},
    {OpKind::log, "log", kApp, {text, text}},
    {OpKind::cgroup, "cgroup", kApp, {text, text}},
    {OpKind::devices, "devices", kApp, {texts}},
    {OpKind::after, "after", kApp, {texts}},
    {OpKind::notify, "notify", kApp, {path}},
    {OpKind::restart, "restart", kApp, {text, num, num, num}},
    {OpKind::stop_signal, "stop-signal", kApp, {num}},
    {OpKind::stdio, "stdio", kApp, {text, text, text}},
    {OpKind::terminal, "terminal", kApp, {num, num}},
    {OpKind::listen, "listen", kApp, {texts}},
    {OpKind::reload_signal, "reload-signal", kApp, {num}},
    {OpKind::handler, "handler", kApp, {text, num, texts}},
    {OpKind::health, "health", kApp, {text, num, num, num, num, num, num, texts}},
    {OpKind::ready_when_healthy, "ready-when-healthy", kApp, {}},
    {OpKind::cwd, "cwd", kApp, {path}},
    {OpKind::groups, "groups", kApp, {texts}},
    {OpKind::user, "user", kApp, {num, num}},
    {OpKind::caps, "caps", kApp, {hex}},
    {OpKind::no_new_privs, "no-new-privs", kApp, {}},
    {OpKind::may_gain_privs, "may-gain-privs", kApp, {}},
    {OpKind::rlimit, "rlimit", kApp, {text, text, text}},
    {OpKind::oom_score_adj, "oom-score-adj", kApp, {text}},
    {OpKind::selinux, "selinux", kApp, {text}},
    {OpKind::apparmor, "apparmor", kApp, {text}},
    {OpKind::seccomp, "seccomp", kApp, {hex}},
    {OpKind::env, "env", kApp, {text}},
    {OpKind::args, "args", kApp, {texts}},
    {OpKind::exec, "exec", kApp, {texts}},
};

constexpr size_t kOpCount = sizeof kOps / sizeof kOps[0];

namespace {
constexpr bool in_order() {
  for (size_t i = 0; i < kOpCount; ++i) {
    if (static_cast<size_t>(kOps[i].kind) != i) return false;
  }
  return kOpCount == static_cast<size_t>(OpKind::exec) + 1;
}
static_assert(in_order(), "kOps is indexed by OpKind");
}  // namespace

}  // namespace podctl
