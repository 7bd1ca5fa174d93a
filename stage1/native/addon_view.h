// An overlay seen from Node: mounted nowhere, it goes with its descriptor.
#pragma once

#include <string>
#include <vector>

#include "addon_io.h"

namespace addon {

/**
 * The root of a read-only overlay of these directories, uppermost first (two at least): a descriptor (O_PATH) of a mount that
 * is attached nowhere, so that no process sees it and closing it is all there is to undo.
 */
Outcome view_overlay(const std::vector<std::string> &layers);

}  // namespace addon
