// agent: runs the commands of `vm exec` inside the virtual machine. One process for each virtio-serial port.
//
// A port carries one session at a time. The client opens it with kHello and 32 hexadecimal digits of its choice, which come
// back as they are; whatever came before, of a client that was killed, is skipped. Without an answer the client says it
// again, with other digits. Then frames, in both directions: one byte for the kind, four for the length (little endian),
// the payload.
//   to the agent   R directory, environment, "", command: each ended by NUL · I input, empty at its end · S a signal's number
//   from it        O stdout · E stderr · X the status as an unsigned byte, which ends the session
// Exit status: the command's, 128+n if signal n killed it, 127 not found, 126 not executable, 125 never started.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace {

constexpr std::string_view kHello{"\0podctl-vm\0hello\0", 17};
constexpr size_t kNonce = 32, kHeader = 5, kFrame = 64 * 1024, kRequest = 1024 * 1024;
constexpr int kPatience = 1000;  // milliseconds
constexpr const char* kCgroup = "/sys/fs/cgroup/vm-exec";

[[noreturn]] void die(int status, const char* what, const char* object) {
  dprintf(STDERR_FILENO, "vm: %s %s: %s\n", what, object, strerror(errno));
  _exit(status);
}

struct Command {
  pid_t pid = -1;
  int input = -1, output = -1, errors = -1;  // our ends of its pipes
};

class Session {
 public:
  Session(int port, int clients, int children, const sigset_t& before)
      : port_(port), clients_(clients), children_(children), before_(before) {}

  // Serves one event after the other, for ever.
  [[noreturn]] void serve() {
    for (;;) {
      bool wants_port = pending_.empty();  // a command that does not read its input holds back the client
      pollfd fds[] = {{children_, POLLIN, 0},
                      {port_quiet_ ? -1 : port_, static_cast<short>(wants_port ? POLLIN : 0), 0},
                      {command_.output, POLLIN, 0},
                      {command_.errors, POLLIN, 0},
                      {pending_.empty() ? -1 : command_.input, POLLOUT, 0},
                      {clients_, POLLIN, 0}};
      if (poll(fds, 6, -1) < 0 && errno != EINTR) die(1, "poll", "the port");
      if (fds[5].revents != 0) hears_of_client(0);
      if (fds[0].revents != 0) reap();
      if (fds[2].revents != 0) forward('O', command_.output);
      if (fds[3].revents != 0) forward('E', command_.errors);
      if (fds[4].revents != 0) write_input();
      if (fds[1].revents & POLLIN) read_port();
      else if (fds[1].revents & POLLHUP) hang_up();
    }
  }

 private:
  void reap() {
    signalfd_siginfo signal;
    while (read(children_, &signal, sizeof signal) == sizeof signal) {}
    int state;
    for (pid_t ended; (ended = waitpid(-1, &state, WNOHANG)) > 0;)
      if (ended == command_.pid) finish(WIFSIGNALED(state) ? 128 + WTERMSIG(state) : WEXITSTATUS(state));
  }

  // A port without a client is always "hung up" to poll(2), and readable, without end; SIGIO tells when one comes or goes,
  // or says something. The kernel may pass on what a client says before it knows of it, and even before it knows that the
  // client before it has gone.
  bool hears_of_client(int milliseconds) {
    pollfd fd{clients_, POLLIN, 0};
    if (poll(&fd, 1, milliseconds) <= 0) return false;
    signalfd_siginfo signal;
    while (read(clients_, &signal, sizeof signal) == sizeof signal) {}
    port_quiet_ = false;
    return true;
  }

  void hang_up() {
    if (open_ && hears_of_client(kPatience)) return;  // to look again
    abandon();
    port_quiet_ = true;
  }

  void read_port() {
    char bytes[kFrame];
    ssize_t size = read(port_, bytes, sizeof bytes);
    if (size == 0) hang_up();
    if (size <= 0) return;
    inbox_.append(bytes, static_cast<size_t>(size));
    while (take_frame()) {}
  }

  // Whether there may be another one.
  bool take_frame() {
    if (inbox_.empty()) return false;
    if (!open_ || inbox_[0] == '\0') return take_hello();
    if (inbox_.size() < kHeader) return false;
    uint32_t size;
    memcpy(&size, inbox_.data() + 1, sizeof size);
    if (size > kRequest) {
      abandon();
      return true;
    }
    if (inbox_.size() < kHeader + size) return false;
    char kind = inbox_[0];
    std::string payload = inbox_.substr(kHeader, size);
    inbox_.erase(0, kHeader + size);
    handle(kind, payload);
    return pending_.empty();
  }

  // No frame's kind is NUL: what begins with it is a hello, or fills a frame that a killed client had begun.
  bool take_hello() {
    size_t at = inbox_.find(kHello);
    if (at == std::string::npos) {
      if (inbox_.size() > kHello.size()) inbox_.erase(0, inbox_.size() - kHello.size());
      return false;
    }
    inbox_.erase(0, at);
    std::string hello = inbox_.substr(0, kHello.size() + kNonce);
    // A killed client may have said half of one.
    if (hello.find_first_not_of("0123456789abcdef", kHello.size()) != std::string::npos) {
      inbox_.erase(0, kHello.size());
      return true;
    }
    if (hello.size() < kHello.size() + kNonce) return false;
    std::string rest = inbox_.substr(hello.size());
    abandon();
    inbox_ = rest;
    open_ = true;
    write_all(hello);
    return true;
  }

  void handle(char kind, const std::string& payload) {
    if (kind == 'R' && command_.pid < 0) start(payload);
    else if (kind == 'S' && command_.pid > 0 && payload.size() == 1) kill(-command_.pid, payload[0]);
    else if (kind == 'I' && payload.empty()) close_end(command_.input);
    else if (kind == 'I' && command_.input >= 0) pending_ += payload, write_input();
  }

  void start(const std::string& request) {
    std::vector<std::string> words;
    for (size_t at = 0, end; (end = request.find('\0', at)) != std::string::npos; at = end + 1)
      words.push_back(request.substr(at, end - at));
    int in[2], out[2], err[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) die(1, "make", "pipes");
    pid_t child = fork();
    if (child < 0) die(1, "fork", "a command");
    if (child == 0) {
      dup2(in[0], STDIN_FILENO), dup2(out[1], STDOUT_FILENO), dup2(err[1], STDERR_FILENO);
      become(words);
    }
    close(in[0]), close(out[1]), close(err[1]);
    command_ = {child, in[1], out[0], err[0]};
    for (int fd : {in[1], out[0], err[0]}) fcntl(fd, F_SETFL, O_NONBLOCK);
  }

  [[noreturn]] void become(std::vector<std::string>& words) {
    setsid();
    mkdir(kCgroup, 0755);
    int cgroup = open((std::string(kCgroup) + "/cgroup.procs").c_str(), O_WRONLY | O_CLOEXEC);
    if (cgroup < 0 || write(cgroup, "0", 1) != 1) die(125, "enter", kCgroup);
    clearenv();
    size_t at = 1;
    for (; at < words.size() && !words[at].empty(); at++) putenv(words[at].data());
    // A directory of the machine may not exist inside.
    if (words.empty() || chdir(words[0].c_str()) != 0) {
      if (chdir("/") != 0) die(125, "chdir", "/");
      setenv("PWD", "/", 1);
    }
    std::vector<char*> argv;
    for (size_t i = at + 1; i < words.size(); i++) argv.push_back(words[i].data());
    argv.push_back(nullptr);
    if (argv[0] == nullptr) _exit(125);
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    sigprocmask(SIG_SETMASK, &before_, nullptr);
    execvp(argv[0], argv.data());
    die(errno == ENOENT ? 127 : 126, "run", argv[0]);
  }

  // False at the end, or if there is nothing now.
  bool forward(char kind, int& fd) {
    char bytes[kFrame];
    ssize_t size = fd < 0 ? 0 : read(fd, bytes, sizeof bytes);
    if (size > 0) send(kind, {bytes, static_cast<size_t>(size)});
    else if (size == 0 || errno != EAGAIN) close_end(fd);
    return size > 0;
  }

  void write_input() {
    ssize_t size = write(command_.input, pending_.data(), pending_.size());
    if (size > 0) pending_.erase(0, static_cast<size_t>(size));
    else if (errno != EAGAIN) close_end(command_.input);
    if (pending_.empty())
      while (take_frame()) {}
  }

  // What it left in the background may hold the pipes open: take only what is there.
  void finish(int status) {
    while (forward('O', command_.output)) {}
    while (forward('E', command_.errors)) {}
    forget();
    char byte = static_cast<char>(status);
    if (open_) send('X', {&byte, 1});
    open_ = false;
  }

  // The client is gone: its command is told to end.
  void abandon() {
    open_ = false;
    inbox_.clear();
    if (command_.pid < 0) return;
    kill(-command_.pid, SIGTERM);
    forget();  // the next client does not wait for its end
  }

  void forget() {
    close_end(command_.input), close_end(command_.output), close_end(command_.errors);
    command_ = {};
  }

  void close_end(int& fd) {
    if (&fd == &command_.input) pending_.clear();
    if (fd >= 0) close(fd);
    fd = -1;
  }

  void send(char kind, std::string_view payload) {
    std::string frame(1, kind);
    auto size = static_cast<uint32_t>(payload.size());
    frame.append(reinterpret_cast<const char*>(&size), sizeof size);
    frame.append(payload);
    write_all(frame);
  }

  void write_all(std::string_view bytes) {
    while (!bytes.empty()) {
      ssize_t size = write(port_, bytes.data(), bytes.size());
      if (size > 0) {
        bytes.remove_prefix(static_cast<size_t>(size));
        continue;
      }
      pollfd fd{port_, POLLOUT, 0};
      if (poll(&fd, 1, -1) > 0 && fd.revents & POLLHUP && !hears_of_client(kPatience)) return;  // nobody reads it
    }
  }

  int port_, clients_, children_;
  sigset_t before_;
  bool port_quiet_ = false, open_ = false;
  std::string inbox_, pending_;
  Command command_;
};

[[noreturn]] void serve(const char* device) {
  sigset_t io, child, before;
  sigemptyset(&io), sigaddset(&io, SIGIO);
  sigemptyset(&child), sigaddset(&child, SIGCHLD);
  sigprocmask(SIG_BLOCK, &io, &before), sigprocmask(SIG_BLOCK, &child, nullptr);
  signal(SIGPIPE, SIG_IGN);
  int clients = signalfd(-1, &io, SFD_CLOEXEC | SFD_NONBLOCK), children = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
  int port = open(device, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (port < 0 || clients < 0 || children < 0) die(1, "open", device);
  if (fcntl(port, F_SETOWN, getpid()) != 0 || fcntl(port, F_SETFL, O_NONBLOCK | O_ASYNC) != 0) die(1, "watch", device);
  Session(port, clients, children, before).serve();
}

}  // namespace

int main() {
  const char* ports = "/sys/class/virtio-ports";
  DIR* directory = opendir(ports);
  if (directory == nullptr) die(1, "list", ports);
  int count = 0;
  while (dirent* entry = readdir(directory)) {
    if (entry->d_name[0] == '.') continue;
    if (fork() == 0) serve((std::string("/dev/") + entry->d_name).c_str());
    count++;
  }
  dprintf(STDERR_FILENO, "%d ports\n", count);
  return wait(nullptr) > 0 ? 1 : 2;  // none of them ends unless something is wrong; the service starts again then
}
