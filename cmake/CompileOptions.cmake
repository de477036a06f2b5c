# Warnings, sanitizers and the CPU baseline, for our own code only.
add_library(facet_options INTERFACE)
set(facet_warnings -Wall -Wextra -Wconversion -Wshadow -Wpedantic -Werror)
target_compile_options(facet_options INTERFACE
  # nvcc's own host code is not ours to warn about.
  "$<$<COMPILE_LANGUAGE:CXX>:${facet_warnings}>"
  # Baseline of every file; kernels/cpu adds wider instructions through Highway's run-time dispatch.
  "$<$<COMPILE_LANGUAGE:CXX>:-march=x86-64-v3>"
  # The number formats state one rounding per operation: a fused multiply-add changes bytes.
  "$<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off;-fno-omit-frame-pointer>")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports uninitialized vectors inside its own intrinsics headers and false overlaps in std::string.
  target_compile_options(facet_options INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:-Wno-maybe-uninitialized;-Wno-restrict>")
endif()
if(FACET_SANITIZE)
  target_compile_options(facet_options INTERFACE -fsanitize=${FACET_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(facet_options INTERFACE -fsanitize=${FACET_SANITIZE})
endif()
if(FACET_FUZZ)
  target_compile_options(facet_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
find_program(FACET_CCACHE ccache)
if(FACET_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${FACET_CCACHE})
endif()
