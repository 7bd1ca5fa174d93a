#include "report.h"

#include <asm/poll.h>

#include "files.h"

namespace podctl {

void put_escaped(Writer &out, Text text) {
  constexpr char kHexDigits[] = "0123456789abcdef";
  for (size_t i = 0; i < text.size; ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    if (byte >= 0x20 && byte != 0x7f && byte != '%') {
      out << text[i];
    } else {
      out << '%' << kHexDigits[byte >> 4] << kHexDigits[byte & 15];
    }
  }
}

namespace {

void put_error(Writer &out, int error) {
  if (const char *name = error_name(error)) {
    out << name;
  } else {
    out << "errno " << error;
  }
}

void put_key(Writer &record, Text key, Text value) {
  if (value.empty()) return;
  record << key << '=';
  put_escaped(record, value);
  record << '\n';
}

void put_record(Writer &record, const Failure &failure) {
  put_key(record, "app", failure.app);
  put_key(record, "operation", failure.operation);
  if (failure.line != 0) record << "line=" << failure.line << '\n';
  if (failure.syscall != nullptr) {
    record << "syscall=" << failure.syscall << "\nerrno=";
    put_error(record, failure.error);
    record << '\n';
  }
  put_key(record, "object", failure.object);
  put_key(record, "detail", failure.detail);
}

}  // namespace

void put_sentence(Writer &out, const Failure &failure) {
  if (!failure.app.empty()) out << "app " << failure.app << ": ";
  if (!failure.operation.empty()) out << failure.operation;
  if (failure.line != 0) out << " (plan line " << failure.line << ')';
  if (!failure.operation.empty()) out << ": ";
  if (failure.syscall != nullptr) out << failure.syscall;
  if (failure.syscall != nullptr && !failure.object.empty()) out << ' ';
  put_escaped(out, failure.object);
  if (failure.syscall != nullptr) {
    out << ": ";
    put_error(out, failure.error);
  }
  if (failure.detail.empty()) return;
  if (failure.syscall != nullptr || !failure.object.empty()) out << ": ";
  put_escaped(out, failure.detail);
}

namespace {

using SentenceBuffer = Buffer<2048>;

void put_line(Writer &out, Text prefix, const Failure &failure) {
  out << kOwnPrefix << prefix;
  put_sentence(out, failure);
  out << '\n';
}

/** On fd 2, and on the caller's if that is another. */
void say(const Pod &pod, Text line) {
  tell(line);
  if (pod.errors.fd.is_open() && !pod.errors.is_own_stderr) pod.errors.put(line);
}

}  // namespace

void tell(Text line) {
  pollfd poll{2, POLLOUT, 0};
  constexpr sys::Time kNow{0, 0};
  // Writable is what takes a line whole: a pipe with PIPE_BUF bytes free, a socket with most of its buffer.
  if (sys::ppoll(&poll, 1, &kNow) == 1) write_all(2, line);
}

Wording::Wording(const Failure &failure) {
  put_record(record_, failure);
  put_line(sentence_, "", failure);
}

Text value_in(Text record, Text key) {
  while (!record.empty()) {
    Text value = split(record, '\n');
    if (split(value, '=') == key) return value;
  }
  return {};
}

void send_report(int fd, const Failure &failure) {
  const Wording wording(failure);
  Buffer<kMaxReport> message;
  message << wording.report().record << '\0' << wording.report().sentence;
  write_all(fd, message.text());
}

Report parse_report(Text message) {
  const Text record = split(message, '\0');
  return {record, message};
}

void publish(const Pod &pod, const Report &report) {
  bool is_recorded = false;
  if (pod.directory.is_open()) {
    const Outcome<> written = replace_file(pod.directory.get(), "failure", report.record);
    is_recorded = written.ok();
    if (!is_recorded) warn(pod, *written.failure);
  }
  // stage0 tells its caller what it finds in the record; the journal is told here.
  if (is_recorded) {
    tell(report.sentence);
  } else {
    say(pod, report.sentence);
  }
}

void publish(const Pod &pod, const Failure &failure) { publish(pod, Wording(failure).report()); }

void complain(const Failure &failure) {
  SentenceBuffer line;
  put_line(line, "", failure);
  write_all(2, line.text());
}

void warn(const Pod &pod, const Failure &failure) {
  SentenceBuffer line;
  put_line(line, "warning: ", failure);
  say(pod, line.text());
}

}  // namespace podctl
