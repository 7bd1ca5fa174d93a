// Removal of directories with what is below them, as hostile as that may be. For the addon, and for the executable podctl.
#pragma once

namespace podctl {

/**
 * Removes `name` in an open directory, whatever it is, with all below it: no link is followed, no mount entered. False if something
 * is in the way, or deeper than 32 levels; then some of it is left.
 */
bool remove_shallow(int parent, const char *name);

}  // namespace podctl
