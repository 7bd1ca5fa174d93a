// What the programs of this folder share. They are built of the executor's own sources, for the host's libc, with the address
// and undefined-behaviour sanitizers (test/native/fuzz).
#pragma once

#include <string>

#include "text.h"

/** Gives back what every arena has given so far. */
void free_arenas();

inline podctl::Text text_of(const std::string &bytes) { return {bytes.data(), bytes.size()}; }
inline std::string string_of(podctl::Text text) { return {text.data, text.size}; }

/** Ends the program if `holds` is false. */
#define REQUIRE(holds)                                                      \
  do {                                                                      \
    if (!(holds)) {                                                         \
      fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #holds); \
      abort();                                                              \
    }                                                                       \
  } while (false)
