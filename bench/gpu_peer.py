"""TensorRT's Python bindings as the peer of trt-node: runs blocks of inferences when told to, one JSON line a request on stdin, one a response on
file descriptor 3.

    {"op": "load", "plan": path, "device": 0}
    {"op": "run", "timed": false, "inputs": [{"name", "dims", "file"}], "warmUps": 20, "iterations": 500, "outputFolder": path,
     "profile": 0, "arrays": "ordinary", "graph": false}
    {"op": "loadTimes", "plan": path, "device": 0, "inputs": [...], "profile": 0, "iterations": 3}
    {"op": "loadDrift", "plan": path, "device": 0, "inputs": [...], "profile": 0, "count": 1000}
    {"op": "quit"}

`arrays: pinned` leaves out the copies between ordinary and page-locked memory, `graph` replays a CUDA graph of the network. `loadTimes`
are from the file to the first result, with an engine of their own each time; `loadDrift` is the process's memory over many of them.

Written as a careful user of the bindings would: page-locked staging, a stream of its own, addresses and shapes set once
per batch size, a spinning synchronize, one enqueue an inference. Like trt-node it copies the caller's array into the
staging and hands out arrays of the caller's own, so both do the same work.
"""

from __future__ import annotations

import ctypes
import gc
import os
import platform
from time import perf_counter_ns

import numpy as np

try:
    import tensorrt as trt
except ImportError:
    # The wheel tensorrt-cu12-bindings without the umbrella package around it.
    import tensorrt_bindings as trt

from gpu_peer_cuda import open_cuda
from peer_requests import serve


class Buffer:
    """One input or output: page-locked host memory with a numpy view on it, and its device memory."""

    def __init__(self, cuda, name: str, dims: tuple[int, ...], dtype: np.dtype) -> None:
        self.cuda = cuda
        self.name = name
        self.bytes = int(np.prod(dims, dtype=np.int64)) * dtype.itemsize
        self.host = cuda.host_alloc(max(self.bytes, 1))
        self.device = cuda.device_alloc(max(self.bytes, 1))
        memory = (ctypes.c_uint8 * self.bytes).from_address(int(self.host))
        self.view = np.frombuffer(memory, dtype=dtype).reshape(dims)

    def free(self) -> None:
        self.view = None
        self.cuda.host_free(self.host)
        self.cuda.device_free(self.device)


class Peer:
    def __init__(self, plan: str, device: int) -> None:
        self.cuda = open_cuda(device)
        self.stream = self.cuda.stream()
        self.events = [self.cuda.event() for _ in range(4)]
        self.logger = trt.Logger(trt.Logger.WARNING)
        self.runtime = trt.Runtime(self.logger)
        with open(plan, "rb") as file:
            self.engine = self.runtime.deserialize_cuda_engine(file.read())
        if self.engine is None:
            raise RuntimeError(f"TensorRT {trt.__version__} did not deserialize {plan}; its log is above")
        self.context = self.engine.create_execution_context()
        names = [self.engine.get_tensor_name(i) for i in range(self.engine.num_io_tensors)]
        is_input = {n: self.engine.get_tensor_mode(n) == trt.TensorIOMode.INPUT for n in names}
        self.input_names = [n for n in names if is_input[n]]
        self.output_names = [n for n in names if not is_input[n]]
        self.prepared: tuple | None = None
        self.profile = 0
        self.graph = None
        self.inputs: list[Buffer] = []
        self.outputs: list[Buffer] = []
        self.sources: list[np.ndarray] = []

    def dtype(self, name: str) -> np.dtype:
        return np.dtype(trt.nptype(self.engine.get_tensor_dtype(name)))

    def free(self) -> None:
        for buffer in (*self.inputs, *self.outputs):
            buffer.free()
        self.inputs, self.outputs, self.sources = [], [], []
        self.prepared = self.graph = None

    def prepare(self, inputs: list[dict], profile: int) -> None:
        """Sets profile, shapes and addresses, unless they are set already."""
        if (inputs, profile) == self.prepared:
            return
        self.free()
        if profile != self.profile:
            if not self.context.set_optimization_profile_async(profile, int(self.stream)):
                raise RuntimeError(f"TensorRT refused profile {profile}")
            self.cuda.synchronize(self.stream)
            self.profile = profile
        by_name = {entry["name"]: entry for entry in inputs}
        for name in self.input_names:
            dims = tuple(by_name[name]["dims"])
            if not self.context.set_input_shape(name, dims):
                raise RuntimeError(f"TensorRT refused {dims} for {name}")
            self.inputs.append(Buffer(self.cuda, name, dims, self.dtype(name)))
            self.sources.append(np.fromfile(by_name[name]["file"], dtype=self.dtype(name)).reshape(dims))
        missing = self.context.infer_shapes()
        if missing:
            raise RuntimeError(f"shapes of {missing} are not set")
        for name in self.output_names:
            dims = tuple(self.context.get_tensor_shape(name))
            if any(size < 0 for size in dims):
                raise RuntimeError(f"the dims of {name} depend on data ({dims}): not measured here")
            self.outputs.append(Buffer(self.cuda, name, dims, self.dtype(name)))
        for buffer in (*self.inputs, *self.outputs):
            if not self.context.set_tensor_address(buffer.name, int(buffer.device)):
                raise RuntimeError(f"TensorRT refused the address of {buffer.name}")
        self.prepared = (inputs, profile)

    def capture(self) -> None:
        """The network as a CUDA graph, for the shapes and addresses that are set."""
        if self.graph is not None:
            return
        # TensorRT does on the first run of a shape what it may not do while it is captured.
        self.context.execute_async_v3(int(self.stream))
        self.cuda.synchronize(self.stream)
        self.cuda.begin_capture(self.stream)
        self.context.execute_async_v3(int(self.stream))
        self.graph = self.cuda.end_capture(self.stream)

    def run(self, request: dict) -> dict:
        self.prepare(request["inputs"], request.get("profile", 0))
        block = self.timed_block if request["timed"] else self.block
        if request.get("graph", False):
            self.capture()
            block = self.graph_block
        elif request.get("arrays", "ordinary") == "pinned":
            raise RuntimeError("pinned arrays are measured with a graph alone")
        block(request["warmUps"])
        result = block(request["iterations"])
        for index, buffer in enumerate(self.outputs):
            buffer.view.tofile(os.path.join(request["outputFolder"], f"{index}.bin"))
        return result

    # Of the calls in the two loops below only the enqueue and the synchronize are checked: an error of a copy is a
    # CUDA error that the synchronize returns, and the other side compares the outputs.

    def block(self, iterations: int) -> dict:
        cuda, context, stream = self.cuda, self.context, self.stream
        h2d, d2h, synchronize, handle = cuda.h2d, cuda.d2h, cuda.synchronize, int(stream)
        pairs = [(buffer.view, source) for buffer, source in zip(self.inputs, self.sources)]
        ins = [(b.device, b.host, b.bytes) for b in self.inputs]
        outs = [(b.host, b.device, b.bytes) for b in self.outputs]
        views = [b.view for b in self.outputs]
        wall = np.empty(iterations, dtype=np.int64)
        for i in range(iterations):
            start = perf_counter_ns()
            for view, source in pairs:
                np.copyto(view, source)
            for device, host, size in ins:
                h2d(device, host, size, stream)
            if not context.execute_async_v3(handle):
                raise RuntimeError("execute_async_v3 failed; TensorRT's log is above")
            for host, device, size in outs:
                d2h(host, device, size, stream)
            synchronize(stream)
            results = [view.copy() for view in views]
            wall[i] = perf_counter_ns() - start
        del results
        return {"wall": microseconds(wall)}

    def graph_block(self, iterations: int) -> dict:
        """From page-locked memory to page-locked memory, by a CUDA graph: the shortest way that the bindings have."""
        cuda, stream, graph = self.cuda, self.stream, self.graph
        h2d, d2h, synchronize, launch = cuda.h2d, cuda.d2h, cuda.synchronize, cuda.launch
        for buffer, source in zip(self.inputs, self.sources):
            np.copyto(buffer.view, source)
        ins = [(b.device, b.host, b.bytes) for b in self.inputs]
        outs = [(b.host, b.device, b.bytes) for b in self.outputs]
        wall = np.empty(iterations, dtype=np.int64)
        for i in range(iterations):
            start = perf_counter_ns()
            for device, host, size in ins:
                h2d(device, host, size, stream)
            launch(graph, stream)
            for host, device, size in outs:
                d2h(host, device, size, stream)
            synchronize(stream)
            wall[i] = perf_counter_ns() - start
        return {"wall": microseconds(wall)}

    def timed_block(self, iterations: int) -> dict:
        cuda, context, stream = self.cuda, self.context, self.stream
        h2d, d2h, synchronize, handle = cuda.h2d, cuda.d2h, cuda.synchronize, int(stream)
        record, elapsed = cuda.record, cuda.elapsed
        e0, e1, e2, e3 = self.events
        pairs = [(buffer.view, source) for buffer, source in zip(self.inputs, self.sources)]
        ins = [(b.device, b.host, b.bytes) for b in self.inputs]
        outs = [(b.host, b.device, b.bytes) for b in self.outputs]
        views = [b.view for b in self.outputs]
        wall, enqueue = np.empty(iterations, np.int64), np.empty(iterations, np.int64)
        spans = np.empty((3, iterations))
        for i in range(iterations):
            start = perf_counter_ns()
            for view, source in pairs:
                np.copyto(view, source)
            staged = perf_counter_ns()
            record(e0, stream)
            for device, host, size in ins:
                h2d(device, host, size, stream)
            record(e1, stream)
            if not context.execute_async_v3(handle):
                raise RuntimeError("execute_async_v3 failed; TensorRT's log is above")
            record(e2, stream)
            for host, device, size in outs:
                d2h(host, device, size, stream)
            record(e3, stream)
            enqueue[i] = perf_counter_ns() - staged
            synchronize(stream)
            spans[:, i] = elapsed(e0, e1), elapsed(e1, e2), elapsed(e2, e3)
            results = [view.copy() for view in views]
            wall[i] = perf_counter_ns() - start
        del results
        h2d_us, compute_us, d2h_us = (np.round(spans * 1000, 2)).tolist()
        return {
            "wall": microseconds(wall),
            "enqueue": microseconds(enqueue),
            "h2d": h2d_us,
            "compute": compute_us,
            "d2h": d2h_us,
        }


def load_times(request: dict) -> dict:
    milliseconds = []
    for _ in range(request["iterations"]):
        start = perf_counter_ns()
        peer = Peer(request["plan"], request["device"])
        peer.prepare(request["inputs"], request["profile"])
        peer.block(1)
        milliseconds.append((perf_counter_ns() - start) / 1e6)
        peer.free()
        del peer
    return {"milliseconds": milliseconds}


def load_drift(request: dict) -> dict:
    """The process's resident bytes before, and after each tenth of the cycles, with the garbage collector run each time."""

    def cycles(count: int) -> None:
        for _ in range(count):
            peer = Peer(request["plan"], request["device"])
            peer.prepare(request["inputs"], request["profile"])
            peer.block(1)
            peer.free()
            del peer

    def resident() -> int:
        gc.collect()
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    count = request["count"]
    cycles(count // 20)
    samples = [resident()]
    for _ in range(10):
        cycles(count // 10)
        samples.append(resident())
    return {"rss": samples}


def microseconds(nanoseconds: np.ndarray) -> list[float]:
    return np.round(nanoseconds / 1000, 2).tolist()


def mapped_libraries() -> list[str]:
    """Which libnvinfer and libcuda this process really has."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        paths = {line.split(None, 5)[5].strip() for line in maps if len(line.split(None, 5)) == 6}
    return sorted(p for p in paths if os.path.basename(p).startswith(("libnvinfer.so", "libcuda.so")))


class Answers:
    def __init__(self) -> None:
        self.peer: Peer | None = None

    def __call__(self, request: dict) -> dict:
        if request["op"] == "loadTimes":
            return load_times(request)
        if request["op"] == "loadDrift":
            return load_drift(request)
        if request["op"] != "load":
            return self.peer.run(request)
        self.peer = Peer(request["plan"], request["device"])
        return {
            "python": platform.python_version(),
            "tensorrt": trt.__version__,
            "numpy": np.__version__,
            "cuda": self.peer.cuda.description,
            "libraries": mapped_libraries(),
        }


if __name__ == "__main__":
    serve(Answers())
