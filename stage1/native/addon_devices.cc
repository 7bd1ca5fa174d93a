#include "addon_devices.h"

#include <linux/bpf.h>

#include "addon_io.h"

namespace addon {

bool can_restrict_devices() {
  // r0 = 1; exit
  const bpf_insn allow_all[] = {{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 1}, {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
  bpf_attr request{};
  request.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  request.insns = reinterpret_cast<uintptr_t>(allow_all);
  request.insn_cnt = sizeof allow_all / sizeof allow_all[0];
  request.license = reinterpret_cast<uintptr_t>("Apache-2.0");
  const Descriptor loaded(sys::bpf(BPF_PROG_LOAD, &request, sizeof request));
  return loaded.get() >= 0;
}

}  // namespace addon
