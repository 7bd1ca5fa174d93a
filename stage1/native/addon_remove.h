// Removal of directories with what is below them, as hostile as that may be.
#pragma once

#include <string>

namespace addon {

// Removes `name` in an open directory, whatever it is, with all below it: no link is followed, no mount entered. False if something
// is in the way, or too deep: then some of it is left.
bool remove_shallow(int parent, const std::string &name);

}  // namespace addon
