// TensorRT's headers include this file for two names only; trt-node links to no CUDA runtime and needs no more of it.
#pragma once
typedef struct CUstream_st* cudaStream_t;
typedef struct CUevent_st* cudaEvent_t;
