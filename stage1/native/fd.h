// An open file that closes itself.
#pragma once

#include "sys.h"

namespace podctl {

class Fd {
 public:
  Fd() = default;
  explicit Fd(long number) : number_(static_cast<int>(number)) {}
  Fd(Fd &&other) : number_(other.release()) {}
  Fd &operator=(Fd &&other) {
    if (this != &other) {
      close();
      number_ = other.release();
    }
    return *this;
  }
  ~Fd() { close(); }

  int get() const { return number_; }
  bool is_open() const { return number_ >= 0; }
  int release() {
    const int number = number_;
    number_ = -1;
    return number;
  }
  void close() {
    // ignored: close(2) reports errors of earlier writes only, and the descriptor is gone either way.
    if (number_ >= 0) sys::close(number_);
    number_ = -1;
  }

 private:
  int number_ = -1;
};

}  // namespace podctl
