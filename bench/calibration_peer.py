"""TensorRT's Python bindings as the peer of bench/calibration.mjs: one int8 build with a calibrator, told by a JSON file.

    python3 calibration_peer.py request.json

What it measured goes as one JSON line to file descriptor 3. Written as a careful user of the bindings would: all batches in
memory before the clock starts, one page-locked copy to the device for each, the clock around parsing and building alone.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from time import perf_counter

import numpy as np

try:
    import tensorrt as trt
except ImportError:
    # The wheel tensorrt-cu12-bindings without the umbrella package around it.
    import tensorrt_bindings as trt

from gpu_peer_cuda import open_cuda

CALIBRATORS = {
    "entropy2": trt.IInt8EntropyCalibrator2,
    "entropy": trt.IInt8EntropyCalibrator,
    "minmax": trt.IInt8MinMaxCalibrator,
}


def calibrator_of(algorithm: str, batches: np.ndarray, cuda):
    base = CALIBRATORS[algorithm]

    class Calibrator(base):
        def __init__(self) -> None:
            base.__init__(self)
            size = batches[0].nbytes
            self.device = cuda.device_alloc(size)
            self.host = cuda.host_alloc(size)
            memory = (ctypes.c_uint8 * size).from_address(int(self.host))
            self.staging = np.frombuffer(memory, dtype=batches.dtype).reshape(batches[0].shape)
            self.served = 0
            self.first = self.last = self.written = None
            self.cache = b""

        def get_batch_size(self) -> int:
            return batches.shape[1]

        def get_batch(self, names):
            if self.served == len(batches):
                self.last = perf_counter()
                return None
            np.copyto(self.staging, batches[self.served])
            # The default stream waits for what TensorRT still does with the last batch.
            cuda.h2d(self.device, self.host, self.staging.nbytes, 0)
            cuda.synchronize(0)
            self.served += 1
            if self.served == 1:
                self.first = perf_counter()
            return [int(self.device)]

        def read_calibration_cache(self):
            return None

        def write_calibration_cache(self, cache) -> None:
            self.written = perf_counter()
            self.cache = bytes(cache)

    return Calibrator()


def profile_of(builder, name: str, dims: dict):
    profile = builder.create_optimization_profile()
    profile.set_shape(name, dims["min"], dims["opt"], dims["max"])
    return profile


def build(request: dict) -> dict:
    batches = np.fromfile(request["data"], dtype=np.float32).reshape(request["dims"])
    cuda = open_cuda(request["device"])
    logger = trt.Logger(trt.Logger.ERROR)
    calibrator = calibrator_of(request["algorithm"], batches, cuda)

    started = perf_counter()
    builder = trt.Builder(logger)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, logger)
    if not parser.parse_from_file(request["model"]):
        raise RuntimeError(str([parser.get_error(i).desc() for i in range(parser.num_errors)]))
    config = builder.create_builder_config()
    config.set_flag(trt.BuilderFlag.INT8)
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    if request["optimizationLevel"] is not None:
        config.builder_optimization_level = request["optimizationLevel"]
    if request["timingCache"] is not None:
        with open(request["timingCache"], "rb") as file:
            timing_cache = config.create_timing_cache(file.read())
        config.set_timing_cache(timing_cache, ignore_mismatch=False)
    name = request["input"]
    config.add_optimization_profile(profile_of(builder, name, request["profile"]))
    calibration_dims = request["dims"][1:]
    same = {"min": calibration_dims, "opt": calibration_dims, "max": calibration_dims}
    config.set_calibration_profile(profile_of(builder, name, same))
    config.int8_calibrator = calibrator
    building = perf_counter()
    plan = builder.build_serialized_network(network, config)
    ended = perf_counter()
    if plan is None:
        raise RuntimeError("build_serialized_network failed; TensorRT's log is above")

    with open(request["cache"], "wb") as file:
        file.write(calibrator.cache)
    if request["plan"] is not None:
        with open(request["plan"], "wb") as file:
            file.write(plan)
    return {
        "tensorrt": trt.__version__,
        "batches": calibrator.served,
        "batchesSeconds": calibrator.last - calibrator.first,
        "scalesSeconds": calibrator.written - building,
        "buildSeconds": ended - building,
        "wallSeconds": ended - started,
        "planBytes": plan.nbytes,
    }


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        answer = build(json.load(file))
    # Not stdout: what TensorRT prints must not mix with the answer.
    with os.fdopen(3, "w", encoding="utf-8") as answers:
        answers.write(json.dumps(answer))
