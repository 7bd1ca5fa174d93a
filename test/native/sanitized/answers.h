// Answers of the system bus to the init: what the fuzzer begins with, and what it does with what it has made of that.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

/** Four bytes of a message. */
inline std::string word(uint32_t value) { return {reinterpret_cast<const char *>(&value), sizeof value}; }

std::vector<std::string> answers();

/** What is put among their bytes. */
std::vector<std::string> words_of_answers();

/** Has the init read these bytes as what the bus sends, up to their end or the first refusal. */
void try_bus(const std::string &bytes);
