#include "layer_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>

#include <algorithm>
#include <vector>

namespace layer {
namespace {

// As in stage0/render/confined.ts.
constexpr uint64_t kConfined = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;
constexpr uint64_t kDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr uint64_t kNewFile = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
/** Archives go through directories in order, so a few open ones serve nearly every entry. */
constexpr size_t kMaxOpen = 256;
/** So many zeros in one piece become a hole, as in stage0/render/extract.ts. */
constexpr size_t kHole = 64 * 1024;
constexpr uint32_t kCharacterDevice = 0020000;
constexpr char kOpaque[] = "trusted.overlay.opaque";

sys::Result open_beneath(int directory, const std::string &name, uint64_t flags, uint64_t mode) {
  for (;;) {  // EAGAIN: a rename elsewhere raced with the resolution
    const sys::Result fd = sys::openat2(directory, name.c_str(), flags, mode, kConfined);
    if (fd != -EINTR && fd != -EAGAIN) return fd;
  }
}

/** However often the kernel takes less. */
bool write_all(int fd, const uint8_t *bytes, size_t size, uint64_t at) {
  for (size_t done = 0; done < size;) {
    const sys::Result written = sys::pwrite(fd, bytes + done, size - done, at + done);
    if (written == -EINTR) continue;
    if (written <= 0) return false;
    done += static_cast<size_t>(written);
  }
  return true;
}

/** As in stage0/render/xattrs.ts: what programs of the image can see and use. */
bool is_rendered(const std::string &name) {
  return name.compare(0, 5, "user.") == 0 || name == "security.capability" || name == "system.posix_acl_access" ||
         name == "system.posix_acl_default";
}

bool set_times(int directory, const char *name, int64_t seconds, int64_t nanoseconds) {
  const sys::Time time{seconds, nanoseconds};
  const sys::Time times[2] = {time, time};
  return !sys::failed(sys::utimensat(directory, name, times, name == nullptr ? 0 : AT_SYMLINK_NOFOLLOW));
}

}  // namespace

Tree::Tree(int root) : root_(root), is_there_(root >= 0), flusher_(root) {
  if (is_there_) directory("", {});
}

void Tree::lose() {
  is_there_ = false;
  if (file_.fd >= 0) sys::close(file_.fd);
  file_.fd = -1;
  close_directories();
  static_cast<void>(flusher_.stop());
}

void Tree::directory(const std::string &path, const Metadata &metadata) {
  if (!is_there_) return;
  entries_++;
  require(find_directory(path) >= 0);
  directories_[path] = metadata;
}

void Tree::symlink(const std::string &path, const Entry &entry) {
  if (!is_there_) return;
  entries_++;
  const int directory = find_directory(parent_of(path));
  const std::string name = base_of(path);
  const auto &[mode, uid, gid, seconds, nanoseconds, attributes] = entry.metadata;
  require(directory >= 0 && !sys::failed(sys::symlinkat(entry.link.c_str(), directory, name.c_str())) &&
          !sys::failed(sys::fchownat(directory, name.c_str(), uid, gid, AT_SYMLINK_NOFOLLOW)) &&
          set_times(directory, name.c_str(), seconds, nanoseconds) && set_attributes(directory, name, attributes));
}

void Tree::hard_link(const std::string &path, const std::string &target) {
  if (!is_there_) return;
  entries_++;
  const int to = find_directory(parent_of(path));
  const int from = to < 0 ? -1 : open_directory(parent_of(target));
  require(from >= 0 && !sys::failed(sys::linkat(from, base_of(target).c_str(), to, base_of(path).c_str(), 0)));
}

void Tree::begin_file(const std::string &path, const Entry &entry) {
  if (!is_there_) return;
  entries_++;
  file_ = {find_directory(parent_of(path)), -1, base_of(path), entry.size, 0, false, entry.metadata};
  require(file_.directory >= 0);
}

void Tree::content(const uint8_t *bytes, size_t size) {
  if (!is_there_) return;
  bytes_ += size;
  flusher_.wrote(size);
  const bool is_hole = size >= kHole && is_zero(bytes, size);
  if (file_.fd < 0) require(open_file());
  if (is_hole) file_.has_hole = true;
  else if (is_there_) require(write_all(file_.fd, bytes, size, file_.at));
  file_.at += size;
}

void Tree::end_file() {
  if (!is_there_) return;
  if (file_.fd < 0) require(open_file());
  if (!is_there_) return;
  bool is_done = !file_.has_hole || !sys::failed(sys::ftruncate(file_.fd, static_cast<int64_t>(file_.at)));  // a hole may be the end
  is_done = is_done && set_metadata(file_.fd, file_.metadata);
  sys::close(file_.fd);
  file_.fd = -1;
  // Last: chown clears file capabilities.
  require(is_done && set_attributes(file_.directory, file_.name, file_.metadata.attributes));
}

bool Tree::open_file() {
  const sys::Result fd = open_beneath(file_.directory, file_.name, kNewFile, 0600);
  if (!sys::failed(fd)) file_.fd = static_cast<int>(fd);
  return !sys::failed(fd);
}

bool Tree::finish() {
  if (is_there_) require(flusher_.stop() && mark());
  std::vector<const std::pair<const std::string, Metadata> *> deepest_first;
  for (const auto &each : directories_) deepest_first.push_back(&each);
  std::sort(deepest_first.begin(), deepest_first.end(), [](auto *a, auto *b) { return a->first.size() > b->first.size(); });
  for (const auto *each : deepest_first) {
    if (!is_there_) return false;
    const int fd = find_directory(each->first);
    require(fd >= 0 && set_metadata(fd, each->second) && set_attributes(fd, ".", each->second.attributes));
  }
  return is_there_;
}

/**
 * As overlayfs(5) has them: a character device 0:0, and an attribute of the directory. Where the layer has something itself, that
 * hides what is below already, if it is not merged: a directory becomes opaque.
 */
bool Tree::mark() {
  for (const std::string &path : hidden_) {
    if (directories_.count(path) != 0) opaque_.insert(path);
  }
  return std::all_of(hidden_.begin(), hidden_.end(), [this](const std::string &path) { return mark_hidden(path); }) &&
         std::all_of(opaque_.begin(), opaque_.end(), [this](const std::string &path) {
           const int fd = find_directory(path);
           const std::string place = "/proc/self/fd/" + std::to_string(fd) + "/.";
           return fd >= 0 && !sys::failed(sys::lsetxattr(place.c_str(), kOpaque, "y", 1, 0));
         });
}

bool Tree::mark_hidden(const std::string &path) {
  // In an opaque directory there is nothing more to hide.
  if (directories_.count(path) != 0 || is_in_opaque(path)) return true;
  const int directory = find_directory(parent_of(path));
  const std::string name = base_of(path);
  if (directory < 0) return false;
  const sys::Result made = sys::mknodat(directory, name.c_str(), kCharacterDevice, 0, 0);
  if (made == -EEXIST) return true;  // what the layer has itself
  return !sys::failed(made) && set_times(directory, name.c_str(), 0, 0);
}

bool Tree::is_in_opaque(const std::string &path) const {
  for (std::string at = path; !at.empty();) {
    at = parent_of(at);
    if (opaque_.count(at) != 0) return true;
  }
  return false;
}

/** The open directory at `path`, made if it is not there; -1 if that fails. Valid until the next call. */
int Tree::find_directory(const std::string &path) {
  if (last_ >= 0 && path == last_path_) return last_;
  if (open_.size() > kMaxOpen) close_directories();
  last_ = open_directory(path);
  last_path_ = path;
  return last_;
}

/** The same, but what was opened before stays open. */
int Tree::open_directory(const std::string &path) {
  if (path.empty()) {
    directories_.try_emplace(path);
    return root_;
  }
  const auto known = open_.find(path);
  if (known != open_.end()) return known->second;
  const int parent = open_directory(parent_of(path));
  const std::string name = base_of(path);
  if (parent < 0) return -1;
  if (directories_.try_emplace(path).second && sys::failed(sys::mkdirat(parent, name.c_str(), 0700))) return -1;
  const sys::Result fd = open_beneath(parent, name, kDirectory, 0);
  if (sys::failed(fd)) return -1;
  open_[path] = static_cast<int>(fd);
  return static_cast<int>(fd);
}

void Tree::close_directories() {
  for (const auto &[path, fd] : open_) sys::close(fd);
  open_.clear();
  last_ = -1;
}

bool Tree::set_metadata(int fd, const Metadata &metadata) {
  // In this order: a change of the owner takes the setuid bit away.
  return !sys::failed(sys::fchown(fd, metadata.uid, metadata.gid)) && !sys::failed(sys::fchmod(fd, metadata.mode)) &&
         set_times(fd, nullptr, metadata.seconds, metadata.nanoseconds);
}

bool Tree::set_attributes(int directory, const std::string &name, const Attributes &attributes) {
  const std::string place = "/proc/self/fd/" + std::to_string(directory) + "/" + name;
  return std::all_of(attributes.begin(), attributes.end(), [&place](const auto &each) {
    const auto &[attribute, value] = each;
    return !is_rendered(attribute) || !sys::failed(sys::lsetxattr(place.c_str(), attribute.c_str(), value.data(), value.size(), 0));
  });
}

}  // namespace layer
