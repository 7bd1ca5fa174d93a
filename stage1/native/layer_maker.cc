#include "layer_maker.h"

#include <algorithm>

namespace layer {
namespace {

// As in stage0/image/docker/layer.ts and stage0/render/entry-path.ts, or less: `rootfs/` comes before each path.
constexpr uint32_t kMaxEntries = 1'000'000;
constexpr size_t kMaxPath = 4000, kMaxDepth = 250, kMaxComponent = 255;
/** More than stage0/render/layer-facts.ts tells. */
constexpr size_t kMaxTold = 129;
constexpr std::string_view kWhiteout = ".wh.", kOpaqueMark = ".wh..wh..opq", kOfAufs = ".wh..wh.";

/** The path without its spelling; empty for the top. False if it leads out, or is too long. */
bool normalise(std::string_view name, std::string *path) {
  path->clear();
  if (name.size() > kMaxPath) return false;
  size_t depth = 0;
  while (!name.empty()) {
    const size_t slash = std::min(name.find('/'), name.size());
    const std::string_view part = name.substr(0, slash);
    name.remove_prefix(std::min(slash + 1, name.size()));
    if (part.empty() || part == ".") continue;
    depth++;
    if (part == ".." || part.size() > kMaxComponent || depth > kMaxDepth) return false;
    if (!path->empty()) path->push_back('/');
    path->append(part);
  }
  return true;
}

}  // namespace

Maker::Maker(int tar, int root, const std::string &start) : out_(tar), tree_(root), has_tree_(root >= 0) {
  if (!out_.put(start)) give_up();
}

bool Maker::give_up() {
  state_ = State::given_up;
  has_tree_ = false;
  close();
  return false;
}

void Maker::close() {
  tree_.lose();
  out_.stop();
}

bool Maker::write(const uint8_t *bytes, size_t size) {
  for (size_t at = 0; at < size && state_ != State::given_up;) at += take(bytes + at, size - at);
  return state_ != State::given_up;
}

/** Takes some bytes, at least one, and says how many. */
size_t Maker::take(const uint8_t *bytes, size_t available) {
  if (state_ == State::header) return take_header(bytes, available);
  if (state_ == State::end) {
    if (!is_zero(bytes, available)) give_up();
    return available;
  }
  const auto size = static_cast<size_t>(std::min<uint64_t>(available, left_));
  left_ -= size;
  bool is_fine = true;
  if (state_ == State::content) {
    tree_.content(bytes, size);
    is_fine = out_.put(bytes, size) && (left_ > 0 || end_content());
  } else if (state_ == State::extension) {
    extension_.append(reinterpret_cast<const char *>(bytes), size);
    if (left_ == 0) {
      is_fine = extend(pending_, flag_, extension_);
      pad(padding_);
    }
  } else if (left_ == 0) {
    state_ = State::header;
  }
  if (!is_fine) give_up();
  return size;
}

size_t Maker::take_header(const uint8_t *bytes, size_t available) {
  size_t size = kBlock;
  bool is_fine = true;
  if (block_.empty() && available >= kBlock) {
    is_fine = header(bytes);
  } else {
    size = std::min(available, kBlock - block_.size());
    block_.append(reinterpret_cast<const char *>(bytes), size);
    if (block_.size() == kBlock) {
      is_fine = header(reinterpret_cast<const uint8_t *>(block_.data()));
      block_.clear();
    }
  }
  if (!is_fine) give_up();
  return size;
}

bool Maker::header(const uint8_t *block) {
  if (is_zero(block, kBlock)) {
    if (!pending_.seen.empty()) return false;
    zero_blocks_++;
    if (zero_blocks_ == 2) state_ = State::end;
    return true;
  }
  if (zero_blocks_ > 0 || !is_sound(block)) return false;
  const char flag = type_flag(block);
  return flag == 'x' || flag == 'L' || flag == 'K' ? begin_extension(block) : entry(block);
}

bool Maker::begin_extension(const uint8_t *block) {
  flag_ = type_flag(block);
  left_ = extension_size(block);
  if (left_ == 0 || pending_.seen.find(flag_) != std::string::npos) return false;
  pending_.seen.push_back(flag_);
  padding_ = padding(left_);
  extension_.clear();
  state_ = State::extension;
  return true;
}

bool Maker::entry(const uint8_t *block) {
  Entry entry;
  std::string path;
  entries_++;
  if (entries_ > kMaxEntries || !read_entry(block, pending_, &entry) || !normalise(entry.name, &path)) return false;
  pending_ = {};
  if (path.empty()) return entry.type == Type::directory;  // the top has an entry already
  const size_t slash = path.rfind('/');
  const std::string_view base = std::string_view(path).substr(slash + 1);
  if (starts_with(path, kWhiteout) ? slash != std::string::npos : path.rfind("/.wh.", slash - 1) < slash) return false;
  if (starts_with(base, kWhiteout)) return add_whiteout(path, entry);
  return add(path, entry);
}

bool Maker::add_whiteout(const std::string &path, Entry &entry) {
  const std::string parent = parent_of(path), base = base_of(path), name = base.substr(kWhiteout.size());
  if (entry.type == Type::directory || entry.size > 0 || !add_parents(path)) return false;
  tree_.imply(parent);
  if (base == kOpaqueMark) {
    opaque_ = opaque_ || parent.empty();
    tree_.make_opaque(parent);
  } else if (!starts_with(base, kOfAufs)) {
    if (name.empty() || name == "." || name == "..") return false;
    if (!parent.empty()) hiding_.insert(parent);
    tree_.hide(parent.empty() ? name : parent + "/" + name);
  }
  entry.type = Type::file;
  entry.name = "rootfs/" + path;
  entry.link.clear();
  entry.metadata.attributes.clear();
  std::string head;
  put_header(head, entry);
  return out_.put(head);
}

bool Maker::add(const std::string &path, Entry &entry) {
  if (!add_parents(path)) return false;
  Kind kind = entry.type == Type::directory ? Kind::directory : entry.type == Type::symlink ? Kind::symlink : Kind::other;
  std::string target;
  if (entry.type == Type::hard_link) {
    if (!normalise(entry.link, &target) || target.empty() || target == path) return false;
    const auto found = kinds_.find(target);
    if (found == kinds_.end()) {
      // Of a layer below: the tree cannot be made without that.
      links_ = true;
      tree_.lose();
    } else {
      kind = found->second;
    }
    if (kind == Kind::directory || kind == Kind::implicit) return false;
    entry.link = "rootfs/" + target;
  } else if (entry.type == Type::symlink) {
    if (entry.link.empty()) return false;
  } else {
    entry.link.clear();
  }
  const auto [place, is_new] = kinds_.try_emplace(path, kind);
  if (!is_new) {
    // Of two entries of one name the last counts, which is simple for directories only.
    if (kind != Kind::directory || (place->second != Kind::directory && place->second != Kind::implicit)) return false;
    place->second = kind;
  }
  entry.name = "rootfs/" + path + (kind == Kind::directory ? "/" : "");
  std::string head;
  put_header(head, entry);
  if (!out_.put(head)) return false;
  switch (entry.type) {
    case Type::directory: tree_.directory(path, entry.metadata); return true;
    case Type::symlink: tree_.symlink(path, entry); return true;
    case Type::hard_link: tree_.hard_link(path, target); return true;
    case Type::file: break;
  }
  tree_.begin_file(path, entry);
  return begin_content(entry.size);
}

/** False if the way leads through what is no directory. */
bool Maker::add_parents(const std::string &path) {
  for (std::string parent = parent_of(path); !parent.empty(); parent = parent_of(parent)) {
    const auto [place, is_new] = kinds_.try_emplace(parent, Kind::implicit);
    if (!is_new) return place->second == Kind::directory || place->second == Kind::implicit;
  }
  return true;
}

bool Maker::begin_content(uint64_t size) {
  state_ = State::content;
  left_ = size;
  padding_ = padding(size);
  return size > 0 || end_content();
}

bool Maker::end_content() {
  static const uint8_t zeros[kBlock] = {};
  tree_.end_file();
  pad(padding_);
  return out_.put(zeros, padding_);
}

bool Maker::complete() {
  const bool is_between = state_ == State::header && block_.empty() && pending_.seen.empty();
  if (state_ != State::end && !is_between) return give_up();
  return true;
}

Facts Maker::facts() const {
  Facts facts{links_, opaque_, {}, {}};
  for (const auto &[path, kind] : kinds_) {
    if (kind == Kind::implicit && facts.implicit.size() < kMaxTold) facts.implicit.push_back(path);
  }
  for (const std::string &path : hiding_) {
    if (facts.hiding.size() < kMaxTold) facts.hiding.push_back(path);
  }
  return facts;
}

bool Maker::finish(const std::string &rest) {
  if (!out_.put(rest) || !out_.finish()) return give_up();
  has_tree_ = has_tree_ && tree_.finish();
  close();
  return true;
}

}  // namespace layer
