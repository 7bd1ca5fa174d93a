// Headers of tar archives as layers have them (pax(1), GNU tar's basic format): the usual ones, read as strictly as
// stage0/render/tar.ts reads them, and written as stage0/render/tar-writer.ts writes them. What is unusual is not understood here.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace layer {

constexpr size_t kBlock = 512;

/** The bytes behind `size` bytes of content, up to the next block. */
constexpr size_t padding(uint64_t size) { return static_cast<size_t>((kBlock - size % kBlock) % kBlock); }

enum class Type : char { file = '0', hard_link = '1', symlink = '2', directory = '5' };

/** By name; in the order in which they are written. */
using Attributes = std::map<std::string, std::string>;

struct Metadata {
  uint32_t mode = 0755;
  uint32_t uid = 0;
  uint32_t gid = 0;
  int64_t seconds = 0;
  uint32_t nanoseconds = 0;
  Attributes attributes;
};

struct Entry {
  Type type = Type::file;
  std::string name;
  /** Target of a link. */
  std::string link;
  /** Bytes of content; 0 unless a file. */
  uint64_t size = 0;
  Metadata metadata;
};

/** What PAX records say of the next entry. */
struct Records {
  std::optional<std::string> path, link;
  std::optional<uint64_t> size, uid, gid;
  std::optional<uint64_t> seconds;
  uint32_t nanoseconds = 0;
  Attributes attributes;
};

/** Extension headers since the last entry. */
struct Pending {
  /** Their types, of which each may come once. */
  std::string seen;
  Records records;
  /** GNU's. */
  std::optional<std::string> name, link;
};

inline bool starts_with(std::string_view text, std::string_view start) { return text.substr(0, start.size()) == start; }

bool is_zero(const uint8_t *bytes, size_t size);

/** Whether the checksum of a header is right. */
bool is_sound(const uint8_t *block);

inline char type_flag(const uint8_t *block) { return static_cast<char>(block[156]); }

/** The size of an extension header's content; 0 if it is none that is understood, or not valid. */
size_t extension_size(const uint8_t *block);

/** Takes the content of an extension header of this type. False: not understood, or not valid. */
bool extend(Pending &pending, char flag, const std::string &body);

/** The entry of a header and the extensions before it. False: not understood, or not valid. */
bool read_entry(const uint8_t *block, const Pending &pending, Entry *entry);

/** Appends the header of an entry, with a PAX header before it if it needs one. */
void put_header(std::string &out, const Entry &entry);

}  // namespace layer
