#include "wire.h"

namespace podctl {
namespace {

constexpr uint8_t kFieldPath = 1;
constexpr uint8_t kFieldInterface = 2;
constexpr uint8_t kFieldMember = 3;
constexpr uint8_t kFieldErrorName = 4;
constexpr uint8_t kFieldReplySerial = 5;
constexpr uint8_t kFieldDestination = 6;
constexpr uint8_t kFieldSender = 7;
constexpr uint8_t kFieldSignature = 8;

void put_field(BusWriter &out, uint8_t code, Text type, Text value) {
  if (value.empty()) return;
  out.structure();
  out.byte(code);
  out.signature(type);
  if (type == "g") {
    out.signature(value);
  } else {
    out.string(value);
  }
}

}  // namespace

void BusWriter::put(const void *bytes, size_t size) {
  if (size > capacity_ - size_) {
    overflowed_ = true;
    return;
  }
  __builtin_memcpy(buffer_ + size_, bytes, size);
  size_ += size;
}

void BusWriter::align(size_t to) {
  constexpr char kZeroes[8] = {};
  put(kZeroes, aligned(size_, to) - size_);
}

void BusWriter::number(uint32_t value) {
  align(4);
  put(&value, sizeof value);
}

void BusWriter::large(uint64_t value) {
  align(8);
  put(&value, sizeof value);
}

void BusWriter::string(Text value) {
  number(static_cast<uint32_t>(value.size));
  put(value.data, value.size);
  byte(0);
}

void BusWriter::signature(Text value) {
  byte(static_cast<uint8_t>(value.size));
  put(value.data, value.size);
  byte(0);
}

BusWriter::Array BusWriter::open_array(size_t alignment) {
  align(4);
  Array array;
  array.length_at = size_;
  number(0);
  align(alignment);
  array.start = size_;
  return array;
}

void BusWriter::close_array(const Array &array) {
  if (overflowed_) return;
  const auto size = static_cast<uint32_t>(size_ - array.start);
  __builtin_memcpy(buffer_ + array.length_at, &size, sizeof size);
}

void put_header(BusWriter &out, const BusHeader &header, size_t body_size) {
  out.byte('l');
  out.byte(static_cast<uint8_t>(header.type));
  out.byte(kNoAnswer);
  out.byte(kBusVersion);
  out.number(static_cast<uint32_t>(body_size));
  out.number(header.serial);
  const BusWriter::Array fields = out.open_array(8);
  put_field(out, kFieldPath, "o", header.path);
  put_field(out, kFieldInterface, "s", header.interface);
  put_field(out, kFieldMember, "s", header.member);
  put_field(out, kFieldErrorName, "s", header.error_name);
  if (header.reply_to != 0) {
    out.structure();
    out.byte(kFieldReplySerial);
    out.signature("u");
    out.number(header.reply_to);
  }
  put_field(out, kFieldDestination, "s", ":1.1");
  put_field(out, kFieldSender, "s", "org.freedesktop.systemd1");
  put_field(out, kFieldSignature, "g", header.signature);
  out.close_array(fields);
  out.align(8);
}

}  // namespace podctl
