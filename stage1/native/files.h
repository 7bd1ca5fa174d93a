// Small files, read and written whole.
#pragma once

#include "error.h"
#include "fd.h"

namespace podctl {

/** What a directory is opened with to have it at hand: O_PATH | O_DIRECTORY. */
extern const uint64_t kOpenDirectory;

/** Opens by path, with O_CLOEXEC. */
Outcome<Fd> open_at(int dir_fd, Text path, uint64_t flags);

/** Reads at most `capacity` bytes, until the end of the file. */
Outcome<Text> read_text(int fd, char *buffer, size_t capacity);
/** The same for a file by path. */
Outcome<Text> read_file(int dir_fd, Text path, char *buffer, size_t capacity);

/** Both ends with O_CLOEXEC. */
Outcome<> make_pipe(Fd &reads, Fd &writes);

/** Writes everything unless the other side is gone: for messages whose loss cannot be told to anyone. */
void write_all(int fd, Text text);

/** Writes everything, however often the kernel takes less. `object` is what the file is called in a failure. */
Outcome<> write_whole(const Fd &file, Text content, Text object);

/** One write(2) to a file that exists: how the kernel's pseudo-files take their values. */
Outcome<> write_file(int dir_fd, Text path, Text value);

/** Makes or replaces `name` in one step: readers see the old content or all of the new one. */
Outcome<> replace_file(int dir_fd, Text name, Text content, uint32_t mode = 0644);

/** Makes a directory; one that exists already is fine. */
Outcome<> ensure_directory(int dir_fd, Text name, uint32_t mode);

}  // namespace podctl
