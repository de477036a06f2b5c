# The CUDA half of a module: kernels in src/MODULE/cuda/**/*.cu, and the host code that needs the toolkit in
# src/MODULE/cuda/runtime/*.cc; other host code of src/MODULE/cuda is built and tested everywhere. Only where
# FACET_CUDA is on: the other builds need no toolkit.
set(FACET_CUDA_ARCHITECTURES "90a-real" CACHE STRING "Compute capabilities to compile for")

if(FACET_CUDA)
  set(CMAKE_CUDA_ARCHITECTURES ${FACET_CUDA_ARCHITECTURES})
  set(CMAKE_CUDA_RUNTIME_LIBRARY Static)
  enable_language(CUDA)
  # CMake 3.25 does not know the option of nvcc 13.
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
  set(CMAKE_CUDA_STANDARD 20)
  set(CMAKE_CUDA_STANDARD_REQUIRED ON)
  set(CMAKE_CUDA_EXTENSIONS OFF)
  find_package(CUDAToolkit 13 REQUIRED)
  add_library(facet_cuda_options INTERFACE)
  # Lambdas as kernels' bodies; constexpr functions of tensor/ in device code; lines for the profilers.
  target_compile_options(facet_cuda_options INTERFACE
    "$<$<COMPILE_LANGUAGE:CUDA>:--extended-lambda;--expt-relaxed-constexpr;-lineinfo;--Werror=all-warnings>")
endif()

function(facet_cuda_sources module)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${module}/cuda/*.cu
    ${CMAKE_SOURCE_DIR}/src/${module}/cuda/runtime/*.cc)
  target_sources(facet_${module} PRIVATE ${sources})
  target_link_libraries(facet_${module} PRIVATE facet_cuda_options CUDA::cudart_static CUDA::cuda_driver)
  target_compile_definitions(facet_${module} PRIVATE FACET_CUDA)
endfunction()
