#!/bin/sh
# Generates the Python stubs from the protos into the folder given as the first argument (protos/gen by default).
set -eu
cd "$(dirname "$0")"
out=${1:-gen}
mkdir -p "$out"
find reelsmith -name '*.proto' | sort |
  xargs python -m grpc_tools.protoc -I. -Ithird_party --python_out="$out" --pyi_out="$out" --grpc_python_out="$out"
# The comments of the public API and all that it refers to, which OpenAPI tells.
python -m grpc_tools.protoc -I. -Ithird_party --include_imports --include_source_info --descriptor_set_out=/dev/stdout \
  reelsmith/gateway/v1/gateway.proto | python comments.py >"$out/reelsmith/gateway/v1/comments.json"
