// Between the two halves of the program's text (build.sh): what the supervisor's loop needs, and what only the set-up does.
#include "boundary.h"

extern "C" __attribute__((aligned(4096), used)) void setup_text() {}
