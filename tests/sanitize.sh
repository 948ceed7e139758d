#!/bin/bash
# sanitize — every test again on a build with AddressSanitizer and UndefinedBehaviorSanitizer, in a copy of
# the tree, so that the ordinary build stays as it is.
set -euo pipefail
cd "$(dirname "$0")/.."
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
tar -cf - --exclude=./out --exclude=./.git --exclude='*.o' --exclude='*.a' . | tar -xf - -C "$copy"
cd "$copy"
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
make -s clean
make -s test CFLAGS="-O1 -g -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=all"
