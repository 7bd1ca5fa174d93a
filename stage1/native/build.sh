#!/bin/sh
# Builds the native parts into dist/native: podctl-stage1 (freestanding, static) and podctl.node (the addon). Needs g++ and
# the headers of libc6-dev and linux-libc-dev. What is newer than all of its sources is left alone. CXX chooses the compiler.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=${OUT:-$root/dist/native}
cxx=${CXX:-g++}
mkdir -p "$out"

warnings='-std=c++17 -Wall -Wextra -Werror'
# No libc and no unwinding. Small, and without the inlining that would add up the stack frames of all of a pod's set-up: text
# and stack are what an idle pod keeps in memory.
freestanding='-Oz -fno-inline-functions-called-once -ffreestanding -fno-exceptions -fno-rtti -fno-stack-protector -fno-asynchronous-unwind-tables
  -fno-threadsafe-statics -fcf-protection=none -fno-pie -flto=auto -fno-builtin -U_FORTIFY_SOURCE'
linking='-static -nostdlib -no-pie -Wl,--gc-sections -Wl,--build-id=none -Wl,-z,norelro -Wl,-z,noexecstack -Wl,-z,noseparate-code -s'
addon='-O2 -shared -fPIC -fvisibility=hidden -ffunction-sections -DNAPI_VERSION=8 -DNAPI_CPP_EXCEPTIONS
  -static-libstdc++ -static-libgcc -Wl,--gc-sections -s'

# True if $1 is missing or older than any file that follows.
is_stale() {
  target=$1
  shift
  [ -e "$target" ] || return 0
  [ -n "$(find "$@" -newer "$target")" ]
}

# A finished file appears under its name at once: a build that is killed leaves none that looks up to date.
build() {
  target=$1
  shift
  echo "building ${target#"$root"/}" >&2
  # shellcheck disable=SC2086 # the flags are lists
  "$cxx" $warnings "$@" -o "$target.new"
  mv "$target.new" "$target"
}

executable_sources=$(find "$here" -name '*.cc' ! -name 'addon*.cc' | sort)
case $($cxx -dumpmachine) in
  x86_64*) ;;
  *) freestanding=$(echo "$freestanding" | sed 's/-fcf-protection=none//') ;;
esac
# shellcheck disable=SC2086
if is_stale "$out/podctl-stage1" "$here"/*.cc "$here"/*.h "$here/build.sh"; then
  build "$out/podctl-stage1" $freestanding $executable_sources $linking
fi

if [ -e "$here/addon.cc" ]; then
  modules=$root/node_modules
  # shellcheck disable=SC2086
  if is_stale "$out/podctl.node" "$here"/addon*.cc "$here/sys.cc" "$here/sys.h" "$here/build.sh"; then
    build "$out/podctl.node" $addon -isystem "$modules/node-api-headers/include" -isystem "$modules/node-addon-api" \
      "$here"/addon*.cc "$here/sys.cc"
  fi
fi
