// The tree of one layer, filled while the layer is read: what stage0/render does with the layer alone, for the usual entries.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <string>
#include <unordered_map>
#include <unordered_set>

#include "layer_flusher.h"
#include "layer_tar.h"
#include "sys.h"

namespace layer {

/** The directory a path is in; empty at the top. */
inline std::string parent_of(const std::string &path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}
inline std::string base_of(const std::string &path) { return path.substr(path.rfind('/') + 1); }

/**
 * Every path is walked one component at a time, each opened beneath its open parent: nothing leads out of the tree, whatever a name
 * says and whoever swaps a directory for a link meanwhile. Paths have no `.`, `..` or empty components, and none is there twice.
 *
 * What cannot be made loses the tree, and nothing else: whoever wants it renders the layer again, and meets the same error.
 */
class Tree {
 public:
  /** @param root an empty directory, which stays the caller's and open; -1: there is no tree */
  explicit Tree(int root);
  ~Tree() { lose(); }
  Tree(const Tree &) = delete;
  Tree &operator=(const Tree &) = delete;

  void directory(const std::string &path, const Metadata &metadata);
  void symlink(const std::string &path, const Entry &entry);
  void hard_link(const std::string &path, const std::string &target);
  /** A file whose `size` bytes of content come in pieces, each with `content`, and then `end_file`. */
  void begin_file(const std::string &path, const Entry &entry);
  void content(const uint8_t *bytes, size_t size);
  void end_file();
  /** There is something for the directory, but no entry of its own. */
  void imply(const std::string &path) {
    if (is_there_) require(find_directory(path) >= 0);
  }
  /** Hides what layers below have at `path`, in a directory that is there. */
  void hide(const std::string &path) { hidden_.insert(path); }
  /** Hides what layers below have in the directory, which is there. */
  void make_opaque(const std::string &path) { opaque_.insert(path); }

  /** The layer is complete. False if the tree was lost. */
  bool finish();
  /** Nothing is made from now on, and what is open is closed. */
  void lose();

  /** Of all files. */
  uint64_t bytes() const { return bytes_; }
  uint64_t entries() const { return entries_; }

 private:
  void require(bool is_done) {
    if (!is_done) lose();
  }
  int find_directory(const std::string &path);
  int open_directory(const std::string &path);
  void close_directories();
  bool open_file();
  bool set_metadata(int fd, const Metadata &metadata);
  bool set_attributes(int dir_fd, const std::string &name, const Attributes &attributes);
  bool mark();
  bool mark_hidden(const std::string &path);
  bool is_in_opaque(const std::string &path) const;

  int root_;
  bool is_there_;
  Flusher flusher_;
  uint64_t bytes_ = 0, entries_ = 0;
  /** All directories, with what they will look like once everything is in them. */
  std::unordered_map<std::string, Metadata> directories_;
  std::unordered_map<std::string, int> open_;
  /** The one that was used last: most entries are in the directory of the one before. */
  std::string last_path_;
  int last_ = -1;
  std::unordered_set<std::string> hidden_, opaque_;

  /** The file whose content is coming. */
  struct File {
    int directory = -1;
    /** -1 until it is known that the content comes in more than one piece. */
    int fd = -1;
    std::string name;
    uint64_t size = 0, at = 0;
    bool has_hole = false;
    Metadata metadata;
  };
  File file_;
};

}  // namespace layer
