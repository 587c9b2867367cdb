"""The few CUDA driver calls of gpu_peer.py: by NVIDIA's cuda-bindings where they are installed, else by ctypes."""

from __future__ import annotations

import ctypes

SCHED_SPIN = 1
STREAM_NON_BLOCKING = 1
CAPTURE_THREAD_LOCAL = 1


def open_cuda(device: int):
    try:
        from cuda.bindings import driver
    except ImportError:
        return CtypesCuda(device)
    return BindingsCuda(driver, device)


class BindingsCuda:
    def __init__(self, driver, device: int) -> None:
        import cuda.bindings

        self.driver = driver
        self.description = f"cuda-bindings {cuda.bindings.__version__}"
        self.call(driver.cuInit(0))
        handle = self.call(driver.cuDeviceGet(device))
        self.call(driver.cuDevicePrimaryCtxSetFlags(handle, SCHED_SPIN))
        self.context = self.call(driver.cuDevicePrimaryCtxRetain(handle))
        self.call(driver.cuCtxSetCurrent(self.context))
        # The calls of the measured loop, as they are.
        self.h2d = driver.cuMemcpyHtoDAsync
        self.d2h = driver.cuMemcpyDtoHAsync
        self.record = driver.cuEventRecord
        self.launch = driver.cuGraphLaunch

    def call(self, result):
        if int(result[0]) != 0:
            raise RuntimeError(f"CUDA says {result[0]!r}")
        return result[1] if len(result) == 2 else None

    def host_alloc(self, size: int):
        return self.call(self.driver.cuMemHostAlloc(size, 0))

    def host_free(self, pointer) -> None:
        self.call(self.driver.cuMemFreeHost(pointer))

    def device_alloc(self, size: int):
        return self.call(self.driver.cuMemAlloc(size))

    def device_free(self, pointer) -> None:
        self.call(self.driver.cuMemFree(pointer))

    def stream(self):
        return self.call(self.driver.cuStreamCreate(STREAM_NON_BLOCKING))

    def event(self):
        return self.call(self.driver.cuEventCreate(0))

    def synchronize(self, stream) -> None:
        self.call(self.driver.cuStreamSynchronize(stream))

    def begin_capture(self, stream) -> None:
        mode = self.driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
        self.call(self.driver.cuStreamBeginCapture(stream, mode))

    def end_capture(self, stream):
        graph = self.call(self.driver.cuStreamEndCapture(stream))
        return self.call(self.driver.cuGraphInstantiate(graph, 0))

    def elapsed(self, start, end) -> float:
        return self.call(self.driver.cuEventElapsedTime(start, end))


class CtypesCuda:
    description = "ctypes on libcuda.so.1"

    def __init__(self, device: int) -> None:
        library = ctypes.CDLL("libcuda.so.1")
        pointer, size, uint = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint
        device_pointer = ctypes.c_uint64
        self.library = library

        def function(name: str, *types):
            found = getattr(library, name)
            found.argtypes = types
            found.restype = ctypes.c_int
            return found

        handle = ctypes.c_int()
        self.call(function("cuInit", uint)(0))
        self.call(function("cuDeviceGet", pointer, ctypes.c_int)(ctypes.addressof(handle), device))
        set_flags = function("cuDevicePrimaryCtxSetFlags_v2", ctypes.c_int, uint)
        self.call(set_flags(handle.value, SCHED_SPIN))
        retain = function("cuDevicePrimaryCtxRetain", pointer, ctypes.c_int)
        self.context = self.created(retain, handle.value)
        self.call(function("cuCtxSetCurrent", pointer)(self.context))
        self.h2d = function("cuMemcpyHtoDAsync_v2", device_pointer, pointer, size, pointer)
        self.d2h = function("cuMemcpyDtoHAsync_v2", pointer, device_pointer, size, pointer)
        self.record = function("cuEventRecord", pointer, pointer)
        self.mem_host_alloc = function("cuMemHostAlloc", pointer, size, uint)
        self.mem_free_host = function("cuMemFreeHost", pointer)
        self.mem_alloc = function("cuMemAlloc_v2", pointer, size)
        self.mem_free = function("cuMemFree_v2", device_pointer)
        self.stream_create = function("cuStreamCreate", pointer, uint)
        self.stream_synchronize = function("cuStreamSynchronize", pointer)
        self.event_create = function("cuEventCreate", pointer, uint)
        self.event_elapsed = function("cuEventElapsedTime", pointer, pointer, pointer)
        self.launch = function("cuGraphLaunch", pointer, pointer)
        self.stream_begin_capture = function("cuStreamBeginCapture_v2", pointer, ctypes.c_int)
        self.stream_end_capture = function("cuStreamEndCapture", pointer, pointer)
        self.graph_instantiate = function("cuGraphInstantiateWithFlags", pointer, pointer, ctypes.c_ulonglong)

    def call(self, code: int) -> None:
        if code != 0:
            raise RuntimeError(f"CUDA says error {code}")

    def created(self, function, *arguments) -> int:
        """For the calls that write a handle or a pointer to their first argument."""
        value = ctypes.c_uint64()
        self.call(function(ctypes.addressof(value), *arguments))
        return value.value

    def host_alloc(self, size: int) -> int:
        return self.created(self.mem_host_alloc, size, 0)

    def host_free(self, pointer: int) -> None:
        self.call(self.mem_free_host(pointer))

    def device_alloc(self, size: int) -> int:
        return self.created(self.mem_alloc, size)

    def device_free(self, pointer: int) -> None:
        self.call(self.mem_free(pointer))

    def stream(self) -> int:
        return self.created(self.stream_create, STREAM_NON_BLOCKING)

    def event(self) -> int:
        return self.created(self.event_create, 0)

    def synchronize(self, stream: int) -> None:
        self.call(self.stream_synchronize(stream))

    def begin_capture(self, stream: int) -> None:
        self.call(self.stream_begin_capture(stream, CAPTURE_THREAD_LOCAL))

    def end_capture(self, stream: int) -> int:
        graph = ctypes.c_uint64()
        self.call(self.stream_end_capture(stream, ctypes.addressof(graph)))
        return self.created(self.graph_instantiate, graph.value, 0)

    def elapsed(self, start: int, end: int) -> float:
        milliseconds = ctypes.c_float()
        self.call(self.event_elapsed(ctypes.addressof(milliseconds), start, end))
        return milliseconds.value
