// Numbers of the kernel's interface that its own headers leave to libc's. Equal on x86_64 and aarch64.
#pragma once

#include <cstdint>

namespace podctl {

constexpr int kAfUnix = 1;
constexpr int kAfInet = 2;
constexpr int kAfNetlink = 16;
constexpr int kSockStream = 1;
constexpr int kSockDgram = 2;
constexpr int kSockRaw = 3;
constexpr int kSockSeqpacket = 5;
constexpr int kSockCloexec = 02000000;
constexpr int kSockNonblock = 04000;
constexpr int kMsgControlTruncated = 0x8;
constexpr int kMsgTruncate = 0x20;
constexpr int kMsgDontWait = 0x40;
constexpr int kMsgNoSignal = 0x4000;
constexpr int kMsgCloseOnExec = 0x40000000;  // of descriptors that come with it
constexpr int kShutdownWrite = 1;
constexpr int kSolSocket = 1;
constexpr int kScmRights = 1;
constexpr int kSendBufferForce = 32;  // SO_SNDBUFFORCE
constexpr int kPeerCredentials = 17;  // SO_PEERCRED

constexpr int kSignalKill = 9;
constexpr int kSignalHangup = 1;
constexpr int kSignalInterrupt = 2;
constexpr int kSignalQuit = 3;
constexpr int kSignalAbort = 6;
constexpr int kSignalUser1 = 10;
constexpr int kSignalUser2 = 12;
constexpr int kSignalTerminate = 15;
constexpr int kSignalPipe = 13;
constexpr int kSignalChild = 17;
constexpr int kSignalContinue = 18;
constexpr int kSignalStop = 19;
constexpr int kSignalStopKey = 20;       // SIGTSTP
constexpr int kSignalBackgroundRead = 21;   // SIGTTIN
constexpr int kSignalBackgroundWrite = 22;  // SIGTTOU
constexpr int kSignalWindow = 28;           // SIGWINCH
constexpr int kSignalSystemCall = 31;     // SIGSYS
constexpr int kSignalRealTime = 34;  // what libc calls SIGRTMIN: it keeps the kernel's first two for itself
constexpr int kLastSignal = 64;

constexpr uint64_t signal_bit(int signal) { return uint64_t{1} << (signal - 1); }
constexpr uint64_t kAllSignals = ~uint64_t{0};
/** The signals that stage1 acts on, in the launcher and in the init. */
constexpr uint64_t kHandledSignals = signal_bit(kSignalChild) | signal_bit(kSignalTerminate) | signal_bit(kSignalInterrupt) |
                                     signal_bit(kSignalHangup) | signal_bit(kSignalAbort) | signal_bit(kSignalUser1) | signal_bit(kSignalUser2) |
                                     signal_bit(kSignalRealTime + 3) | signal_bit(kSignalRealTime + 4);

constexpr int kSigBlock = 0;
constexpr int kSigSetMask = 2;

constexpr int kWaitNoHang = 1;
constexpr int kClockRealtime = 0;
constexpr int kClockMonotonic = 1;

constexpr int kMountDetach = 2;             // MNT_DETACH
constexpr int kMountNoFollow = 8;           // UMOUNT_NOFOLLOW
constexpr uint64_t kMountReadOnlyFlag = 1;  // ST_RDONLY of statfs

/** Types in a file's mode: S_IFMT and what it leaves. */
constexpr uint32_t kFileType = 0170000;
constexpr uint32_t kRegularFile = 0100000;
constexpr uint32_t kDirectory = 0040000;
constexpr uint32_t kCharacterDevice = 0020000;
constexpr uint32_t kPipe = 0010000;
constexpr uint32_t kSocket = 0140000;
constexpr uint32_t kSymbolicLink = 0120000;

constexpr int kAddSeals = 1033;  // F_ADD_SEALS
constexpr int kGetSeals = 1034;  // F_GET_SEALS
/** F_SEAL_SEAL, _SHRINK, _GROW and _WRITE: a memfd with these neither changes nor makes its reader wait. */
constexpr int kAllSeals = 15;

/** Exit status of every failure of stage1 itself, as of rkt. */
constexpr int kOwnFailure = 254;

}  // namespace podctl
