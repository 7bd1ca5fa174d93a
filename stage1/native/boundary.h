// Where the set-up's half of the program's text begins and ends, in memory.
#pragma once

extern "C" {
void setup_text();
/** The linker's own symbol. */
extern char etext;
}
