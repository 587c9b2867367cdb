"""TensorRT's Python bindings as the peer of bench/calibration.mjs: one int8 build with a calibrator, told by a JSON file.

    python3 calibration_peer.py request.json

The request gives its data in one of two ways: a raw file of float32 for one `input`, whose `dims` are batches, samples and the rest; or
an .npz file with an array of samples for each of `inputs`, a profile by name, which are cut to batches of `batch`.

What it measured goes as one JSON line to file descriptor 3. Written as a careful user of the bindings would: all batches in
memory before the clock starts, one page-locked copy to the device for each, the clock around parsing and building alone.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import sys
from dataclasses import dataclass
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


@dataclass
class Input:
    batches: np.ndarray
    """Batches, samples of each, and the dims of a sample."""
    profile: dict


def inputs_of(request: dict) -> dict[str, Input]:
    if "inputs" not in request:
        batches = np.fromfile(request["data"], dtype=np.float32).reshape(request["dims"])
        return {request["input"]: Input(batches, request["profile"])}
    with np.load(request["data"]) as arrays:
        return {
            name: Input(in_batches(arrays[name], request["batch"]), profile)
            for name, profile in request["inputs"].items()
        }


def in_batches(samples: np.ndarray, size: int) -> np.ndarray:
    """Samples that do not fill a last batch are left out, as trt-node leaves them out."""
    count = len(samples) // size
    return samples[: count * size].reshape(count, size, *samples.shape[1:])


class Feed:
    """One input's batches on their way to the device."""

    def __init__(self, batches: np.ndarray, cuda) -> None:
        self.batches = batches
        self.cuda = cuda
        size = batches[0].nbytes
        self.device = cuda.device_alloc(size)
        self.host = cuda.host_alloc(size)
        memory = (ctypes.c_uint8 * size).from_address(int(self.host))
        self.staging = np.frombuffer(memory, dtype=batches.dtype).reshape(batches[0].shape)

    def start(self, index: int) -> None:
        np.copyto(self.staging, self.batches[index])
        # The default stream waits for what TensorRT still does with the last batch.
        self.cuda.h2d(self.device, self.host, self.staging.nbytes, 0)


def calibrator_of(algorithm: str, inputs: dict[str, Input], cuda):
    base = CALIBRATORS[algorithm]
    counts = {len(given.batches) for given in inputs.values()}
    if len(counts) != 1:
        raise ValueError(f"expected as many batches of each input but found {sorted(counts)}")
    (count,) = counts

    class Calibrator(base):
        def __init__(self) -> None:
            base.__init__(self)
            self.feeds = {name: Feed(given.batches, cuda) for name, given in inputs.items()}
            self.served = 0
            self.first = self.last = self.written = None
            self.cache = b""

        def get_batch_size(self) -> int:
            return next(iter(inputs.values())).batches.shape[1]

        def get_batch(self, names):
            if self.served == count:
                self.last = perf_counter()
                return None
            for feed in self.feeds.values():
                feed.start(self.served)
            cuda.synchronize(0)
            self.served += 1
            if self.served == 1:
                self.first = perf_counter()
            return [int(self.feeds[name].device) for name in names]

        def read_calibration_cache(self):
            return None

        def write_calibration_cache(self, cache) -> None:
            self.written = perf_counter()
            self.cache = bytes(cache)

    return Calibrator()


def profile_of(builder, dims: dict[str, dict]):
    profile = builder.create_optimization_profile()
    for name, of_input in dims.items():
        profile.set_shape(name, of_input["min"], of_input["opt"], of_input["max"])
    return profile


def same_dims(dims) -> dict:
    return {"min": dims, "opt": dims, "max": dims}


def build(request: dict) -> dict:
    inputs = inputs_of(request)
    cuda = open_cuda(request["device"])
    logger = trt.Logger(trt.Logger.ERROR)
    calibrator = calibrator_of(request["algorithm"], inputs, cuda)

    started = perf_counter()
    builder = trt.Builder(logger)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, logger)
    if not parser.parse_from_file(request["model"]):
        raise RuntimeError(str([parser.get_error(i).desc() for i in range(parser.num_errors)]))
    config = builder.create_builder_config()
    config.set_flag(trt.BuilderFlag.INT8)
    if request.get("fp16", False):
        config.set_flag(trt.BuilderFlag.FP16)
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    if request["optimizationLevel"] is not None:
        config.builder_optimization_level = request["optimizationLevel"]
    if request["timingCache"] is not None:
        with open(request["timingCache"], "rb") as file:
            timing_cache = config.create_timing_cache(file.read())
        config.set_timing_cache(timing_cache, ignore_mismatch=False)
    profiles = {name: given.profile for name, given in inputs.items()}
    config.add_optimization_profile(profile_of(builder, profiles))
    calibrated = {name: same_dims(given.batches.shape[1:]) for name, given in inputs.items()}
    config.set_calibration_profile(profile_of(builder, calibrated))
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
        "python": platform.python_version(),
        "numpy": np.__version__,
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
