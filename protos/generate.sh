#!/bin/sh
# Generates the Python stubs from the protos into the folder given as the first argument (protos/gen by default).
set -eu
cd "$(dirname "$0")"
out=${1:-gen}
mkdir -p "$out"
find reelsmith -name '*.proto' | sort |
  xargs python -m grpc_tools.protoc -I. -Ithird_party --python_out="$out" --pyi_out="$out" --grpc_python_out="$out"
