#!/bin/sh
# Builds the native parts into dist/native: podctl-stage1 and podctl-front (freestanding, static; the build of the rest puts
# the latter where users find it), podctl.node (the addon), podctl-seccomp.node (the addon that compiles filters) and
# podctl-gunzip.node (the one that expands gzip). Needs g++, libseccomp-dev, zlib1g-dev, libssl-dev (headers only: the code is
# Node's) and the headers of libc6-dev and linux-libc-dev. What is newer than all of its sources is left alone. CXX chooses the
# compiler, OUT the directory.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
front=$root/stage0/front
out=${OUT:-$root/dist/native}
cxx=${CXX:-g++}

warnings='-std=c++17 -Wall -Wextra -Werror'
# No libc and no unwinding. Small, and without the inlining that would add up the stack frames of all of a pod's set-up: text
# and stack are what an idle pod keeps in memory.
freestanding='-Oz -fno-inline-functions-called-once -fno-reorder-functions -ffreestanding -fno-builtin -fno-exceptions
  -fno-rtti -fno-stack-protector -fno-asynchronous-unwind-tables -fno-threadsafe-statics -fno-pie -flto -flto-partition=one'
case $("$cxx" -dumpmachine) in x86_64*) freestanding="$freestanding -fcf-protection=none" ;; esac
bare='-static -nostdlib -no-pie -s -Wl,--build-id=none -Wl,-z,norelro -Wl,-z,noexecstack -Wl,-z,noseparate-code'
addon='-O2 -shared -fPIC -fvisibility=hidden -ffunction-sections -DNAPI_VERSION=8 -DNAPI_CPP_EXCEPTIONS
  -static-libstdc++ -static-libgcc -Wl,--gc-sections -s'

# What the supervisor's loop needs; all other text is the set-up's, which thrift.cc gives back.
resident='again apps arena audience bus cgroup companions connections control error events excerpt files health input journal lifecycle mem notify readiness relay report restarts service sink status supervise sys text thrift
  unix_socket'

# What the executable podctl is made of, beside its own sources.
shared='arena error files mem quoting remove start sys text unix_socket wire'

# True if $1 is missing or older than any file that follows.
is_stale() {
  target=$1
  shift
  [ -e "$target" ] || return 0
  [ -n "$(find "$@" -newer "$target")" ]
}

# All sources of one half of the program as one object, optimised together.
compile_half() {
  half=$1
  shift
  mkdir "$half"
  # shellcheck disable=SC2086 # the flags are lists, here and below
  (cd "$half" && "$cxx" $warnings $freestanding -c "$@")
  # shellcheck disable=SC2086
  "$cxx" $freestanding -r -nostdlib -flinker-output=nolto-rel "$half"/*.o -o "$half.o"
}

build_executable() {
  halves=$(mktemp -d)
  trap 'rm -rf "$halves"' EXIT
  first='' second=''
  for source in "$here"/*.cc; do
    name=$(basename "$source" .cc)
    case $name in addon* | *_addon | layer_* | boundary | remove) continue ;; esac
    case " $(echo $resident) " in
      *" $name "*) first="$first $source" ;;
      *) second="$second $source" ;;
    esac
  done
  # shellcheck disable=SC2086
  compile_half "$halves/resident" $first
  # shellcheck disable=SC2086
  compile_half "$halves/setup" $second
  # shellcheck disable=SC2086
  "$cxx" $warnings $freestanding -fno-lto -c "$here/boundary.cc" -o "$halves/boundary.o"
  # shellcheck disable=SC2086
  "$cxx" $bare "$halves/resident.o" "$halves/boundary.o" "$halves/setup.o" -o "$1"
}

build_front() {
  # shellcheck disable=SC2046,SC2086
  "$cxx" $warnings $freestanding $bare -I "$here" "$front"/*.cc $(printf "$here/%s.cc " $shared) -o "$1"
}

link_addon() {
  target=$1
  shift
  modules=$root/node_modules
  # shellcheck disable=SC2086
  "$cxx" $warnings $addon -isystem "$modules/node-api-headers/include" -isystem "$modules/node-addon-api" "$@" -o "$target"
}
build_addon() { link_addon "$1" "$here"/addon*.cc "$here/remove.cc" "$here/sys.cc" "$here/text.cc"; }
build_seccomp_addon() { link_addon "$1" "$here/seccomp_addon.cc" -lseccomp; }
build_gunzip_addon() { link_addon "$1" "$here/gunzip_addon.cc" "$here"/layer_*.cc "$here/sys.cc" -lz; }

# A finished file appears under its name at once: a build that is killed leaves none that looks up to date.
build() {
  echo "building ${2#"$root"/}" >&2
  "$1" "$2.new"
  mv "$2.new" "$2"
}

mkdir -p "$out"
if is_stale "$out/podctl-stage1" "$here"/*.cc "$here"/*.h "$here/build.sh"; then
  build build_executable "$out/podctl-stage1"
fi
if is_stale "$out/podctl-front" "$front"/*.cc "$front"/*.h "$here"/*.cc "$here"/*.h "$here/build.sh"; then
  build build_front "$out/podctl-front"
fi
if is_stale "$out/podctl.node" "$here"/addon*.cc "$here"/addon*.h "$here"/remove.* "$here"/sys.* "$here"/text.* "$here/build.sh"; then
  build build_addon "$out/podctl.node"
fi
if is_stale "$out/podctl-seccomp.node" "$here/seccomp_addon.cc" "$here/build.sh"; then
  build build_seccomp_addon "$out/podctl-seccomp.node"
fi
if is_stale "$out/podctl-gunzip.node" "$here/gunzip_addon.cc" "$here"/layer_*.cc "$here"/layer_*.h "$here/sys.cc" "$here/sys.h" "$here/build.sh"; then
  build build_gunzip_addon "$out/podctl-gunzip.node"
fi
