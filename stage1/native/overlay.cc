// The overlay of an app's root.
//
// Its directories are given to the kernel as numbers of descriptors, relative to /proc/self/fd: so a list of 500 layers fits
// into the one page that mount(2) takes, no path needs escaping, and the app's /proc/self/mounts tells nothing of the host.
// (fsconfig(2) takes 255 bytes per value before Linux 6.5, and "lowerdir+" comes with 6.7. The development kernel is 6.1.)
#include <linux/fcntl.h>

#include "mounts.h"
#include "paths.h"

namespace podctl {
namespace {

constexpr size_t kFirstLower = 3;
constexpr size_t kMostLayers = 500;  // check.cc refuses more
constexpr size_t kPage = 4096;

Outcome<> mount_from_descriptors(const Places &places, const Op &op, Fd *lowers) {
  const int source = places.source.get();
  const Fd target = TRY(make_directory(places.root.get(), op[0], 0755));
  const Fd upper = TRY(open_below(source, op[1], O_DIRECTORY));
  const Fd work = TRY(open_below(source, op[2], O_DIRECTORY));
  Buffer<kPage> options;
  options << "upperdir=" << upper.get() << ",workdir=" << work.get() << ",lowerdir=";
  for (size_t i = kFirstLower; i < op.count; ++i) {
    lowers[i] = TRY(open_below(source, op[i], O_DIRECTORY));
    if (i > kFirstLower) options << ':';
    options << lowers[i].get();
  }
  if (options.overflowed()) return problem("too many layers for one mount", op[0]);
  Buffer<16> target_number;
  target_number << target.get();
  TRY(check(sys::chdir("/proc/self/fd"), "chdir", "/proc/self/fd"));
  const sys::Result mounted = sys::mount("overlay", target_number.c_str(), "overlay", 0, options.c_str());
  TRY(check(sys::chdir("/"), "chdir", "/"));
  TRY(check(mounted, "mount", op[0]));
  return kDone;
}

}  // namespace

Outcome<> mount_overlay(const Places &places, const Op &op) {
  Fd lowers[kFirstLower + kMostLayers];
  return mount_from_descriptors(places, op, lowers);
}

}  // namespace podctl
