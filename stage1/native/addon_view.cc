#include "addon_view.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>

namespace addon {
namespace {

// One value of fsconfig takes 255 bytes before Linux 6.5, so paths are given as numbers of descriptors.
std::string path_of(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

Outcome set(int fs, const char *key, const std::string &value) {
  return {sys::fsconfig(fs, FSCONFIG_SET_STRING, key, value.c_str()), "fsconfig"};
}

// "lowerdir+" came with Linux 6.7; before, all layers have to fit into one value.
Outcome set_layers(int fs, const std::vector<int> &layers) {
  std::string all;
  for (const int layer : layers) {
    const Outcome one = set(fs, "lowerdir+", path_of(layer));
    if (one.result == -EINVAL && layer == layers.front()) {
      for (const int each : layers) all += (all.empty() ? "" : ":") + path_of(each);
      return set(fs, "lowerdir", all);
    }
    if (sys::failed(one.result)) return one;
  }
  return {0, "fsconfig"};
}

Outcome mount_view(const std::vector<int> &layers) {
  const Descriptor fs(sys::fsopen("overlay"));
  if (fs.get() < 0) return {fs.get(), "fsopen"};
  const Outcome given = set_layers(fs.get(), layers);
  if (sys::failed(given.result)) return given;
  const sys::Result made = sys::fsconfig(fs.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr);
  if (sys::failed(made)) return {made, "fsconfig"};
  return {sys::fsmount(fs.get(), MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC), "fsmount"};
}

}  // namespace

Outcome view_overlay(const std::vector<std::string> &layers) {
  std::vector<int> open;
  Outcome outcome{0, "openat2"};
  for (const std::string &layer : layers) {
    outcome = {sys::openat2(AT_FDCWD, layer.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0, 0), "openat2"};
    if (sys::failed(outcome.result)) break;
    open.push_back(static_cast<int>(outcome.result));
  }
  if (!sys::failed(outcome.result)) outcome = mount_view(open);
  for (const int fd : open) sys::close(fd);
  return outcome;
}

}  // namespace addon
