#include "calls.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "harness.h"
#include "transient.h"
#include "wire.h"

using namespace podctl;

std::string call(bool is_transient) {
  alignas(8) char body_bytes[4096];
  BusWriter body(body_bytes, sizeof body_bytes);
  const auto text = [&body](Text name, Text value) {
    body.structure();
    body.string(name);
    body.signature("s");
    body.string(value);
  };
  body.string("container-shell@0.service");
  body.string("fail");
  const BusWriter::Array properties = body.open_array(8);
  text("TTYPath", "/dev/pts/0");
  text("User", "web");
  for (const Text name : {Text("StandardInputFileDescriptor"), Text("StandardErrorFileDescriptor")}) {
    body.structure();
    body.string(name);
    body.signature("h");
    body.number(0);
  }
  body.structure();
  body.string("Environment");
  body.signature("as");
  const BusWriter::Array environment = body.open_array(4);
  body.string("TERM=xterm");
  body.string("A=b");
  body.close_array(environment);
  body.structure();
  body.string("ExecStart");
  body.signature("a(sasb)");
  const BusWriter::Array commands = body.open_array(8);
  body.structure();
  body.string("/bin/sh");
  const BusWriter::Array arguments = body.open_array(4);
  for (const Text argument : {Text("sh"), Text("-c"), Text("x")}) body.string(argument);
  body.close_array(arguments);
  body.boolean(true);
  body.close_array(commands);
  body.structure();
  body.string("Odd");
  body.signature("a{sv}");
  const BusWriter::Array odd = body.open_array(8);
  body.structure();
  body.string("k");
  body.signature("(yntv)");
  body.structure();
  body.byte(1);
  body.align(2);
  body.bytes(Text("\1\2", 2));
  body.large(7);
  body.signature("ay");
  body.close_array(body.open_array(1));
  body.close_array(odd);
  body.close_array(properties);
  body.close_array(body.open_array(8));
  alignas(8) char head_bytes[512];
  BusWriter head(head_bytes, sizeof head_bytes);
  BusHeader header;
  header.type = BusType::call;
  header.serial = 3;
  header.path = "/org/freedesktop/systemd1";
  header.interface = "org.freedesktop.systemd1.Manager";
  header.member = is_transient ? Text("StartTransientUnit") : Text("ListUnits");
  header.signature = is_transient ? Text("ssa(sv)a(sa(sv))") : Text("");
  put_header(head, header, is_transient ? body.text().size : 0);
  REQUIRE(!head.overflowed() && !body.overflowed());
  return string_of(head.text()) + (is_transient ? string_of(body.text()) : "");
}

void check_call(const std::string &bytes) {
  const Text seed = text_of(bytes);
  Arena arena;
  const Outcome<BusMessage> whole = parse_message(seed);
  REQUIRE(whole.ok() && size_of_message(seed).value == seed.size);
  BusReader reader(whole.value.body);
  for (Text signature = whole.value.signature; !signature.empty();) reader.skip(signature);
  REQUIRE(reader.ok() && reader.position() == whole.value.body.size);
  const Outcome<Transient> transient = read_transient(arena, whole.value.body);
  REQUIRE(transient.ok() && transient.value.user == "web" && transient.value.argument_count == 3 && transient.value.environment_count == 2);
  free_arenas();
}

void try_calls(const std::string &bytes) {
  // Of exactly this size, so that a read behind it shows.
  auto *const copy = static_cast<char *>(malloc(bytes.size() == 0 ? 1 : bytes.size()));
  memcpy(copy, bytes.data(), bytes.size());
  Arena arena;
  for (Text rest(copy, bytes.size()); !rest.empty();) {
    const Outcome<size_t> size = size_of_message(rest);
    if (!size.ok() || size.value == 0 || size.value > rest.size) break;
    const Outcome<BusMessage> message = parse_message(rest.first(size.value));
    rest = rest.from(size.value);
    if (!message.ok()) continue;
    BusReader in(message.value.body);
    for (Text signature = message.value.signature; in.ok() && !signature.empty();) in.skip(signature);
    const Outcome<Transient> what = read_transient(arena, message.value.body);
    if (!what.ok()) continue;
    for (size_t i = 0; i < what.value.argument_count; ++i) REQUIRE(strlen(what.value.arguments[i].c_str()) == what.value.arguments[i].size);
    for (size_t i = 0; i < what.value.environment_count; ++i) REQUIRE(strlen(what.value.environment[i].c_str()) == what.value.environment[i].size);
  }
  free(copy);
  free_arenas();
}
