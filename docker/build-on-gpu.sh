#!/bin/sh
# (b) without a GPU in BuildKit: the stage `tools` of Dockerfile.tensorrt, run on the GPU, writes plans/model.engine. Run it in the
# project's folder; arguments go to `trt-node build`.
#
#   docker/build-on-gpu.sh --profile batch:1/8/32
set -eu

image=trt-node-tools
docker build -f docker/Dockerfile.tensorrt --target tools -t "$image" .
mkdir -p plans
docker run --rm --gpus all --user "$(id -u):$(id -g)" --cap-drop ALL --security-opt no-new-privileges \
  --read-only --tmpfs /tmp --env TRT_NODE_HOME=/plans/.trt-node \
  -v "$PWD/models:/models:ro" -v "$PWD/plans:/plans" \
  "$image" build /models/model.onnx --output /plans/model.engine "$@"
