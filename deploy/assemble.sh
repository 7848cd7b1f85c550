#!/bin/sh
# Puts together what the container image runs, after `npm run build`: the command, and beside it the one dependency that
# has a native part and is not in the bundle. `deploy/assemble.sh OUT [DIST]`
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
out=$1
dist=${2:-$root/packages/cli/dist}
mkdir -p "$out/node_modules"
cp -R "$dist" "$out/dist"
cp "$root/packages/cli/package.json" "$root/LICENSE" "$out/"
# What it needs lies next to it in pnpm's store; links become copies, and binaries for other systems stay behind.
for package in "$root"/node_modules/.pnpm/zeromq@*/node_modules/*; do
  cp -RL "$package" "$out/node_modules/"
done
rm -rf "$out"/node_modules/*/node_modules "$out"/node_modules/zeromq/build/darwin "$out"/node_modules/zeromq/build/win32
