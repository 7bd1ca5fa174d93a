// Calls of the bus façade: what the fuzzer begins with, and what it does with what it has made of that.
#pragma once

#include <string>

/** machined's StartTransientUnit, with odd values among its own; else a call without arguments. */
std::string call(bool is_transient);

/** What is said of such a call holds. */
void check_call(const std::string &bytes);

/** What a caller of the façade sends: messages, each taken apart in every way that the façade takes one. */
void try_calls(const std::string &bytes);
