#include "wire.h"

namespace podctl {
namespace {

constexpr size_t kFixedHeader = 16;
/** As deep as the specification lets arrays and structs be nested, together and in variants. */
constexpr int kMaxDepth = 64;

constexpr uint8_t kFieldPath = 1;
constexpr uint8_t kFieldInterface = 2;
constexpr uint8_t kFieldMember = 3;
constexpr uint8_t kFieldSignature = 8;
constexpr uint8_t kFieldFiles = 9;

/** What the first type of a signature is aligned to; 0 if it is none. */
size_t alignment_of(char type) {
  switch (type) {
    case 'y': case 'g': case 'v': return 1;
    case 'n': case 'q': return 2;
    case 'b': case 'i': case 'u': case 'h': case 's': case 'o': case 'a': return 4;
    case 'x': case 't': case 'd': case '(': case '{': return 8;
    default: return 0;
  }
}

/** How long the first type of `signature` is: of an array without elements nothing else tells. 0 if it is none. */
size_t type_size(Text signature) {
  int open = 0;
  for (size_t at = 0; at < signature.size; ++at) {
    const char type = signature[at];
    const bool is_end = type == ')' || type == '}';
    if (is_end && --open < 0) return 0;
    if (!is_end && alignment_of(type) == 0) return 0;
    if (type == '(' || type == '{') ++open;
    if (open == 0 && type != 'a') return at + 1;
  }
  return 0;
}

uint32_t word_at(Text bytes, size_t offset) {
  uint32_t word;
  __builtin_memcpy(&word, bytes.data + offset, sizeof word);
  return word;
}

/** Reads one of the header's fields into `message`; unknown ones are left out, as the specification wants. */
void read_field(BusReader &in, BusMessage &message) {
  in.structure();
  const uint8_t code = in.byte();
  Text type = in.signature();
  if ((code == kFieldPath && type == "o") || ((code == kFieldInterface || code == kFieldMember) && type == "s")) {
    (code == kFieldPath ? message.path : code == kFieldInterface ? message.interface : message.member) = in.string();
  } else if (code == kFieldSignature && type == "g") {
    message.signature = in.signature();
  } else if (code == kFieldFiles && type == "u") {
    message.files = in.number();
  } else {
    in.skip(type);
  }
}

}  // namespace

const char *BusReader::take(size_t size) {
  if (!ok_ || size > bytes_.size - at_) {
    fail();
    return nullptr;
  }
  const char *const found = bytes_.data + at_;
  at_ += size;
  return found;
}

void BusReader::align(size_t to) {
  const size_t padding = aligned(at_, to) - at_;
  take(padding);
}

uint8_t BusReader::byte() {
  const char *const found = take(1);
  return found == nullptr ? 0 : static_cast<uint8_t>(*found);
}

uint32_t BusReader::number() {
  align(4);
  uint32_t value = 0;
  const char *const found = take(sizeof value);
  if (found != nullptr) __builtin_memcpy(&value, found, sizeof value);
  return value;
}

uint64_t BusReader::large() {
  align(8);
  uint64_t value = 0;
  const char *const found = take(sizeof value);
  if (found != nullptr) __builtin_memcpy(&value, found, sizeof value);
  return value;
}

Text BusReader::string() {
  const size_t size = number();
  const char *const found = take(size);
  const char *const end = take(1);
  if (end == nullptr) return {};
  const Text text(found, size);
  if (*end == '\0' && text.find('\0') == size) return text;
  fail();
  return {};
}

Text BusReader::signature() {
  const size_t size = byte();
  const char *const found = take(size);
  const char *const end = take(1);
  if (end == nullptr) return {};
  const Text text(found, size);
  if (*end == '\0' && text.find('\0') == size) return text;
  fail();
  return {};
}

size_t BusReader::array(size_t alignment) {
  const size_t size = number();
  align(alignment);
  if (ok_ && size <= bytes_.size - at_) return at_ + size;
  fail();
  return at_;
}

bool BusReader::has_more(size_t end) {
  if (at_ > end) fail();  // an element was longer than the array said
  return ok_ && at_ < end;
}

void BusReader::skip(Text &signature, int depth) {
  const size_t alignment = signature.empty() ? 0 : alignment_of(signature[0]);
  if (alignment == 0 || depth > kMaxDepth) return fail();
  const char type = signature[0];
  align(alignment);
  if (type == 'a' || type == '(' || type == '{' || type == 'v') return skip_container(signature, depth + 1);
  signature = signature.from(1);
  if (type == 's' || type == 'o') {
    string();
  } else if (type == 'g') {
    this->signature();
  } else {
    take(alignment);  // the numbers: each is as long as it is aligned
  }
}

void BusReader::skip_container(Text &signature, int depth) {
  const char type = signature[0];
  signature = signature.from(1);
  if (type == 'v') {
    Text inner = this->signature();
    skip(inner, depth);
    if (!inner.empty()) fail();
    return;
  }
  if (type == 'a') {
    const size_t size = type_size(signature);
    if (size == 0) return fail();
    const Text element = signature.first(size);
    const size_t end = array(alignment_of(element[0]));
    while (has_more(end)) {
      Text one = element;
      skip(one, depth);
    }
    signature = signature.from(size);
    return;
  }
  const char closing = type == '(' ? ')' : '}';
  if (!signature.empty() && signature[0] == closing) return fail();  // an empty struct would never end an array
  while (ok_ && !signature.empty() && signature[0] != closing) skip(signature, depth);
  if (signature.empty()) return fail();
  signature = signature.from(1);
}

Outcome<size_t> size_of_message(Text bytes) {
  if (!bytes.empty() && bytes[0] != 'l') return problem("not a little-endian D-Bus message");
  if (bytes.size < kFixedHeader) return size_t{0};
  const size_t fields = word_at(bytes, 12);
  const size_t body = word_at(bytes, 4);
  if (fields > kMaxBusMessage || body > kMaxBusMessage) return problem("a D-Bus message that is too large");
  const size_t size = aligned(kFixedHeader + fields, 8) + body;
  if (size > kMaxBusMessage) return problem("a D-Bus message that is too large");
  return size;
}

Outcome<BusMessage> parse_message(Text bytes) {
  BusMessage message;
  const auto type = static_cast<uint8_t>(bytes[1]);
  message.serial = word_at(bytes, 8);
  if (type < 1 || type > 4 || static_cast<uint8_t>(bytes[3]) != kBusVersion || message.serial == 0) {
    return problem("not a D-Bus message");
  }
  message.type = static_cast<BusType>(type);
  message.wants_answer = (static_cast<uint8_t>(bytes[2]) & kNoAnswer) == 0;
  const size_t body = word_at(bytes, 4);
  message.body = bytes.from(bytes.size - body);
  // The fields are an array of structs, whose length stands before it.
  BusReader in(bytes.first(bytes.size - body));
  in.large();
  in.number();
  const size_t end = in.array(8);
  while (in.has_more(end)) read_field(in, message);
  if (!in.ok()) return problem("a D-Bus message whose header is none");
  const bool is_call = message.type == BusType::call;
  if (is_call && (message.path.empty() || message.member.empty())) return problem("a D-Bus call of nothing");
  return message;
}

}  // namespace podctl
