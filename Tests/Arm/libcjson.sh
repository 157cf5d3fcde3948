#!/usr/bin/env bash
# Debian's libcjson for 64-bit Arm as build/aarch64/libcjson.so.1, for the deployments under qemu; this
# stays a machine of one architecture. Without it those tests are left out.
set -eu
cd "$(dirname "$0")/../.."
lists=$(mktemp -d)
trap 'rm -rf "$lists"' EXIT
mkdir -p "$lists/lists/partial" "$lists/cache/archives/partial" build/aarch64
options="-qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State::status=/dev/null \
  -o Dir::State::Lists=$lists/lists -o Dir::Cache=$lists/cache -o APT::Sandbox::User=root"
checkout=$PWD
cd "$lists"
# shellcheck disable=SC2086
apt-get $options update </dev/null
# shellcheck disable=SC2086
apt-get $options download libcjson1 </dev/null
dpkg-deb -x libcjson1_*.deb root
cp -L root/usr/lib/aarch64-linux-gnu/libcjson.so.1 "$checkout/build/aarch64/libcjson.so.1"
