#include "layer_tar.h"

#include <string.h>


namespace layer {
namespace {

// As in stage0/render/tar.ts and tar-header.ts.
constexpr size_t kMaxPax = size_t{1} << 20, kMaxGnuName = 4096;
constexpr uint64_t kMaxId = 0xffff'fffe, kMaxSafe = (uint64_t{1} << 53) - 1;
/** What 7 and 11 octal digits hold, and the longest name of a header. */
constexpr uint64_t kOctal7 = 07777777, kOctal11 = 077777777777;
constexpr size_t kMaxName = 100;
/** Digits of a decimal number that is safe whatever they are, and of the length of a PAX record. */
constexpr size_t kMaxDigits = 15, kMaxLengthDigits = 8;
constexpr std::string_view kAttribute = "SCHILY.xattr.", kSparse = "GNU.sparse.";

std::string text_field(const uint8_t *field, size_t size) {
  const char *start = reinterpret_cast<const char *>(field);
  return std::string(start, strnlen(start, size));
}

/** Octal text. Base-256, which is for what octal cannot hold, is not understood here. */
bool read_octal(const uint8_t *field, size_t size, uint64_t max, uint64_t *value) {
  size_t at = 0;
  while (at < size && field[at] == ' ') at++;
  uint64_t number = 0;
  for (; at < size && field[at] != 0 && field[at] != ' '; at++) {
    if (field[at] < '0' || field[at] > '7') return false;
    number = number * 8 + (field[at] - '0');  // 12 digits at most
  }
  for (; at < size; at++) {
    if (field[at] != 0 && field[at] != ' ') return false;
  }
  *value = number;
  return number <= max;
}

bool read_decimal(std::string_view text, uint64_t *value) {
  if (text.empty() || text.size() > kMaxDigits) return false;
  uint64_t number = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return false;
    number = number * 10 + static_cast<uint64_t>(digit - '0');
  }
  *value = number;
  return true;
}

bool set_name(std::optional<std::string> &field, std::string_view value) {
  field = std::string(value);
  return !value.empty() && value.find('\0') == std::string_view::npos;
}

bool set_number(std::optional<uint64_t> &field, std::string_view value) {
  uint64_t number = 0;
  const bool is_valid = read_decimal(value, &number);
  field = number;
  return is_valid;
}

/** Seconds before the epoch are not understood here. */
bool set_time(Records &records, std::string_view value) {
  const size_t point = value.find('.');
  const std::string_view fraction = point == std::string_view::npos ? "" : value.substr(point + 1);
  if (!set_number(records.seconds, value.substr(0, point))) return false;
  uint32_t nanoseconds = 0;
  for (size_t at = 0; at < 9 || at < fraction.size(); at++) {
    const char digit = at < fraction.size() ? fraction[at] : '0';
    if (digit < '0' || digit > '9') return false;
    if (at < 9) nanoseconds = nanoseconds * 10 + static_cast<uint32_t>(digit - '0');
  }
  records.nanoseconds = nanoseconds;
  return true;
}

bool set_attribute(Records &records, std::string_view name, std::string_view value) {
  if (name.empty() || name.find('\0') != std::string_view::npos) return false;
  // Those of overlayfs are refused.
  if (starts_with(name, "trusted.overlay.") || starts_with(name, "user.overlay.")) return false;
  records.attributes[std::string(name)] = value;
  return true;
}

bool take_record(Records &records, std::string_view key, std::string_view value) {
  if (key == "path") return set_name(records.path, value);
  if (key == "linkpath") return set_name(records.link, value);
  if (key == "size") return set_number(records.size, value);
  if (key == "uid") return set_number(records.uid, value);
  if (key == "gid") return set_number(records.gid, value);
  if (key == "mtime") return set_time(records, value);
  if (starts_with(key, kAttribute)) return set_attribute(records, key.substr(kAttribute.size()), value);
  return !starts_with(key, kSparse);  // everything else says nothing that is kept
}

bool read_pax(Records &records, std::string_view data) {
  while (!data.empty()) {
    const size_t space = data.find(' ');
    uint64_t length = 0;
    if (space == std::string_view::npos || space > kMaxLengthDigits || data[0] == '0') return false;
    if (!read_decimal(data.substr(0, space), &length) || length > data.size()) return false;
    const std::string_view record = data.substr(0, static_cast<size_t>(length));
    const size_t equals = record.find('=', space);
    if (equals == std::string_view::npos || record.back() != '\n') return false;
    if (!take_record(records, record.substr(space + 1, equals - space - 1), record.substr(equals + 1, record.size() - equals - 2)))
      return false;
    data.remove_prefix(record.size());
  }
  return true;
}

/** ustar splits long names in two; GNU's format has other things in the second field. */
std::string header_name(const uint8_t *block) {
  std::string name = text_field(block, kMaxName);
  if (memcmp(block + 257, "ustar", 6) != 0) return name;
  const std::string prefix = text_field(block + 345, 155);
  return prefix.empty() ? name : prefix + "/" + name;
}

bool read_type(char flag, const std::string &name, Type *type) {
  switch (flag) {
    case '\0':
    case '0':
    case '7':
      // Before POSIX a directory was a file whose name ends in a slash.
      *type = name.back() == '/' ? Type::directory : Type::file;
      return true;
    case '1': *type = Type::hard_link; return true;
    case '2': *type = Type::symlink; return true;
    case '5': *type = Type::directory; return true;
    default: return false;
  }
}

void put_record(std::string &out, std::string_view key, std::string_view value) {
  const size_t rest = key.size() + value.size() + 3;
  size_t length = rest + 1;
  while (std::to_string(length).size() + rest > length) length++;
  out.append(std::to_string(length)).append(" ").append(key).append("=").append(value).append("\n");
}

std::string decimal_time(const Metadata &metadata) {
  std::string text = std::to_string(metadata.seconds);
  if (metadata.nanoseconds == 0) return text;
  std::string fraction = std::to_string(metadata.nanoseconds);
  fraction.insert(0, 9 - fraction.size(), '0');
  fraction.erase(fraction.find_last_not_of('0') + 1);
  return text + "." + fraction;
}

std::string records_of(const Entry &entry) {
  std::string out;
  const Metadata &metadata = entry.metadata;
  const auto seconds = static_cast<uint64_t>(metadata.seconds);
  if (entry.name.size() > kMaxName) put_record(out, "path", entry.name);
  if (entry.link.size() > kMaxName) put_record(out, "linkpath", entry.link);
  if (entry.size > kOctal11) put_record(out, "size", std::to_string(entry.size));
  if (metadata.uid > kOctal7) put_record(out, "uid", std::to_string(metadata.uid));
  if (metadata.gid > kOctal7) put_record(out, "gid", std::to_string(metadata.gid));
  if (metadata.nanoseconds != 0 || seconds > kOctal11) put_record(out, "mtime", decimal_time(metadata));
  for (const auto &[name, value] : metadata.attributes) put_record(out, std::string(kAttribute) + name, value);
  return out;
}

/** Digits in a field of so many bytes, of which the last stays NUL. What does not fit is in a PAX record. */
void put_octal(char *field, size_t size, uint64_t value, uint64_t max) {
  uint64_t rest = value <= max ? value : 0;
  for (size_t at = size - 1; at > 0; rest /= 8) field[--at] = static_cast<char>('0' + rest % 8);
}

uint32_t checksum(const uint8_t *block) {
  uint32_t sum = 8 * ' ';  // its own field counts as spaces
  for (size_t at = 0; at < kBlock; at++) sum += at < 148 || at >= 156 ? block[at] : 0;
  return sum;
}

struct Fields {
  std::string_view name, link;
  uint64_t size;
  uint32_t mode, uid, gid;
  uint64_t seconds;
};

void put_block(std::string &out, char flag, const Fields &fields) {
  char block[kBlock] = {};
  memcpy(block, fields.name.data(), fields.name.size() < kMaxName ? fields.name.size() : kMaxName);
  put_octal(block + 100, 8, fields.mode, kOctal7);
  put_octal(block + 108, 8, fields.uid, kOctal7);
  put_octal(block + 116, 8, fields.gid, kOctal7);
  put_octal(block + 124, 12, fields.size, kOctal11);
  put_octal(block + 136, 12, fields.seconds, kOctal11);
  block[156] = flag;
  memcpy(block + 157, fields.link.data(), fields.link.size() < kMaxName ? fields.link.size() : kMaxName);
  memcpy(block + 257, "ustar\0" "00", 8);
  put_octal(block + 329, 8, 0, kOctal7);
  put_octal(block + 337, 8, 0, kOctal7);
  put_octal(block + 148, 7, checksum(reinterpret_cast<uint8_t *>(block)), kOctal7);
  block[155] = ' ';
  out.append(block, kBlock);
}

}  // namespace

bool is_zero(const uint8_t *bytes, size_t size) {
  // Every byte is like the one before it, and the first is zero.
  return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

bool is_sound(const uint8_t *block) {
  uint64_t stored = 0;
  return read_octal(block + 148, 8, kMaxSafe, &stored) && stored == checksum(block);
}

size_t extension_size(const uint8_t *block) {
  const char flag = type_flag(block);
  const size_t limit = flag == 'x' ? kMaxPax : flag == 'L' || flag == 'K' ? kMaxGnuName : 0;
  uint64_t size = 0;
  return read_octal(block + 124, 12, limit, &size) ? static_cast<size_t>(size) : 0;
}

bool extend(Pending &pending, char flag, const std::string &body) {
  const auto *bytes = reinterpret_cast<const uint8_t *>(body.data());
  if (flag == 'L') pending.name = text_field(bytes, body.size());
  if (flag == 'K') pending.link = text_field(bytes, body.size());
  return flag != 'x' || read_pax(pending.records, body);
}

bool read_entry(const uint8_t *block, const Pending &pending, Entry *entry) {
  const Records &records = pending.records;
  entry->name = records.path.value_or(pending.name ? *pending.name : header_name(block));
  entry->link = records.link.value_or(pending.link ? *pending.link : text_field(block + 157, kMaxName));
  if (entry->name.empty() || !read_type(type_flag(block), entry->name, &entry->type)) return false;
  uint64_t size = 0, mode = 0, uid = 0, gid = 0, seconds = 0;
  // Where a record says otherwise, the field may be anything; it is a number in what is usual.
  if (!read_octal(block + 124, 12, kMaxSafe, &size) || !read_octal(block + 100, 8, kMaxSafe, &mode)) return false;
  if (!read_octal(block + 108, 8, kMaxId, &uid) || !read_octal(block + 116, 8, kMaxId, &gid)) return false;
  if (!read_octal(block + 136, 12, kMaxSafe, &seconds)) return false;
  entry->size = records.size.value_or(size);
  if (entry->type != Type::file && entry->size != 0) return false;
  uid = records.uid.value_or(uid);
  gid = records.gid.value_or(gid);
  if (uid > kMaxId || gid > kMaxId) return false;
  entry->metadata = {static_cast<uint32_t>(mode & 07777), static_cast<uint32_t>(uid), static_cast<uint32_t>(gid),
                     static_cast<int64_t>(records.seconds.value_or(seconds)), records.seconds ? records.nanoseconds : 0,
                     records.attributes};
  return true;
}

void put_header(std::string &out, const Entry &entry) {
  const Metadata &metadata = entry.metadata;
  const std::string records = records_of(entry);
  if (!records.empty()) {
    put_block(out, 'x', {"PaxHeaders/x", "", records.size(), 0644, 0, 0, 0});
    out.append(records).append(padding(records.size()), '\0');
  }
  put_block(out, static_cast<char>(entry.type),
            {entry.name, entry.link, entry.size, metadata.mode, metadata.uid, metadata.gid,
             static_cast<uint64_t>(metadata.seconds)});
}

}  // namespace layer
