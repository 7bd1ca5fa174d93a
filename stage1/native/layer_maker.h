// Makes the ACI of a layer of its tar, and the layer's tree, in one pass: what stage0/image/docker/layer.ts and stage0/render do
// with the usual layers, which it does exactly so or not at all.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "layer_output.h"
#include "layer_tar.h"
#include "layer_tree.h"

namespace layer {

/** What stage0/render/layer-facts.ts says of a layer; lists of more than it tells are cut. */
struct Facts {
  bool links = false, opaque = false;
  std::vector<std::string> implicit, hiding;
};

/**
 * Gives up at what is not usual, or not valid: then neither what it wrote nor the tree is of any use, and the layer is to be read again
 * by code that knows everything, and says what is wrong.
 */
class Maker {
 public:
  /** @param tar an empty file @param root an empty directory, or -1; both stay the caller's @param start of the ACI */
  Maker(int tar, int root, const std::string &start);

  /** The next bytes of the layer's tar. False: it gave up. */
  bool write(const uint8_t *bytes, size_t size);
  /** No more bytes come. False: it gave up. */
  bool complete();
  Facts facts() const;
  /** The rest of the ACI, which has nothing for the tree. False: it gave up. */
  bool finish(const std::string &rest);

  /** After `finish`. */
  uint64_t size() const { return out_.size(); }
  std::string digest() { return out_.digest(); }
  /** The tree, if it was not lost. */
  const Tree *tree() const { return has_tree_ ? &tree_ : nullptr; }

  /** Closes what is open. Idempotent. */
  void close();

 private:
  enum class State { header, content, extension, padding, end, given_up };
  enum class Kind : uint8_t { directory, implicit, symlink, other };

  size_t take(const uint8_t *bytes, size_t size);
  size_t take_header(const uint8_t *bytes, size_t size);
  bool header(const uint8_t *block);
  bool begin_extension(const uint8_t *block);
  bool entry(const uint8_t *block);
  bool add(const std::string &path, Entry &entry);
  bool add_whiteout(const std::string &path, Entry &entry);
  bool add_parents(const std::string &path);
  bool begin_content(uint64_t size);
  bool end_content();
  void pad(size_t size) {
    state_ = size == 0 ? State::header : State::padding;
    left_ = size;
  }
  bool give_up();

  Output out_;
  Tree tree_;
  bool has_tree_ = false;
  State state_ = State::header;
  /** Of the content, extension or padding. */
  uint64_t left_ = 0;
  size_t padding_ = 0;
  std::string block_, extension_;
  char flag_ = 0;
  int zero_blocks_ = 0;
  uint32_t entries_ = 0;
  Pending pending_;
  std::unordered_map<std::string, Kind> kinds_;
  bool links_ = false, opaque_ = false;
  std::unordered_set<std::string> hiding_;
};

}  // namespace layer
