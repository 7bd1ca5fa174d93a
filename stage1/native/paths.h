// Paths below a root that an image may have filled: symbolic links lead nowhere else, and magic links nowhere at all.
#pragma once

#include "error.h"
#include "fd.h"

namespace podctl {

/** What a symbolic link on the way is: followed inside the root, or an error (ELOOP). */
enum class Links : uint8_t { inside, refused };

/** Opens what is there, for what it names (O_PATH). `flags`: O_DIRECTORY, O_NOFOLLOW. */
Outcome<Fd> open_below(int root, Text path, uint64_t flags = 0, Links links = Links::inside);

/** Opens a directory, making it with `mode` and its parents with 0755 where they are missing. */
Outcome<Fd> make_directory(int root, Text path, uint32_t mode, Links links = Links::inside);

/** Opens a file for what it names, making an empty one and its parents where they are missing. */
Outcome<Fd> make_file(int root, Text path, uint32_t mode, Links links = Links::inside);

/**
 * Removes what is at `path`, through no link, if it is one itself, or a file where a directory is wanted; fails where
 * a directory is in the place of a file. */
Outcome<> clear_for(int root, Text path, bool directory);

/** Writes a regular file whole; anything else at its path but a dangling link is an error. */
Outcome<> write_file_below(int root, Text path, uint32_t mode, Text content);

/** Makes a symbolic link unless something is there. */
Outcome<> make_symlink(int root, Text path, Text target);

/** The file mode, with its type. */
Outcome<uint32_t> mode_of(int fd, Text object);

}  // namespace podctl
