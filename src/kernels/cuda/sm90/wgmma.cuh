// wgmma m64nNk16, BF16 x BF16 + float32: the warpgroup's matrix product of Hopper.
//
// A warpgroup's accumulator D [64, N]: warp w has rows 16w .. 16w + 15; with g = lane / 4 and
// t = lane % 4, of each group of eight columns 8i .. 8i + 7 a thread has
//
//   d[4i + 0], d[4i + 1]: row g,     columns 8i + 2t, 8i + 2t + 1
//   d[4i + 2], d[4i + 3]: row g + 8, the same columns
//
// A from registers has the layout of pack_format.h's words. A and B in shared memory are K-major:
// rows of 64 BF16 numbers, 128 bytes, in the copy engine's 128-byte swizzle.
#pragma once

#include <cstdint>

namespace facet::cuda::sm90 {

/// The descriptor of a K-major operand at a shared-memory address whose swizzle begins at a
/// multiple of 1024 bytes: eight rows are 1024 bytes apart from the next eight.
__device__ inline uint64_t MatrixDescriptor(uint32_t address) {
  constexpr uint64_t kSwizzle128 = uint64_t{1} << 62;
  constexpr uint64_t kEightRows = uint64_t{1024 >> 4} << 32;
  constexpr uint64_t kLeading = uint64_t{1} << 16;  // unused in this layout
  return kSwizzle128 | kEightRows | kLeading | ((address & 0x3FFFFu) >> 4);
}

/// What a descriptor advances by for the next 16 columns.
inline constexpr uint64_t kDescriptorK16 = 16 * 2 >> 4;

/// Registers written before are ready for the matrix unit.
__device__ inline void WgmmaFence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
__device__ inline void WgmmaCommit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
/// Waits until at most kPending committed groups are unfinished.
template <int kPending>
__device__ inline void WgmmaWait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
}

// Operand lists of the instructions below: N / 2 accumulators.
// clang-format off
#define FACET_D32 "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15"
#define FACET_D64 FACET_D32 ", " \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define FACET_D128 FACET_D64 ", " \
  "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47" ", " \
  "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define FACET_D256 FACET_D128 ", " \
  "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79" ", " \
  "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95" ", " \
  "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111" ", " \
  "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"
#define FACET_OUT4(d, i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define FACET_OUT16(d, i) FACET_OUT4(d, i), FACET_OUT4(d, i + 4), FACET_OUT4(d, i + 8), FACET_OUT4(d, i + 12)
#define FACET_OUT32(d) FACET_OUT16(d, 0)
#define FACET_OUT64(d) FACET_OUT16(d, 0), FACET_OUT16(d, 16)
#define FACET_OUT128(d) FACET_OUT64(d), FACET_OUT16(d, 32), FACET_OUT16(d, 48)
#define FACET_OUT256(d) FACET_OUT128(d), FACET_OUT16(d, 64), FACET_OUT16(d, 80), FACET_OUT16(d, 96), FACET_OUT16(d, 112)
// clang-format on

// N; then the operand numbers of a[0..3], b and accumulate.
#define FACET_WGMMA_RS(N, A0, A1, A2, A3, B, P)                                          \
  if constexpr (kN == N) {                                                               \
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #P                                 \
                 ", 0;\n"                                                                \
                 "wgmma.mma_async.sync.aligned.m64n" #N "k16.f32.bf16.bf16 {" FACET_D##N \
                 "}, "                                                                   \
                 "{%" #A0 ", %" #A1 ", %" #A2 ", %" #A3 "}, %" #B ", p, 1, 1, 0;\n}"     \
                 : FACET_OUT##N(d)                                                       \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(accumulate)); \
  }
#define FACET_WGMMA_SS(N, A, B, P)                                                       \
  if constexpr (kN == N) {                                                               \
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #P                                 \
                 ", 0;\n"                                                                \
                 "wgmma.mma_async.sync.aligned.m64n" #N "k16.f32.bf16.bf16 {" FACET_D##N \
                 "}, "                                                                   \
                 "%" #A ", %" #B ", p, 1, 1, 0, 0;\n}"                                   \
                 : FACET_OUT##N(d)                                                       \
                 : "l"(a), "l"(b), "r"(accumulate));                                     \
  }

/// d = a b^T + (accumulate ? d : 0). a: the warp's 16 rows in registers; b: descriptor of [kN, 16].
template <int kN>
__device__ inline void WgmmaRegisters(float (&d)[kN / 2], const uint32_t (&a)[4], uint64_t b,
                                      int accumulate) {
  static_assert(kN == 32 || kN == 64 || kN == 128 || kN == 256);
  FACET_WGMMA_RS(32, 16, 17, 18, 19, 20, 21)
  FACET_WGMMA_RS(64, 32, 33, 34, 35, 36, 37)
  FACET_WGMMA_RS(128, 64, 65, 66, 67, 68, 69)
  FACET_WGMMA_RS(256, 128, 129, 130, 131, 132, 133)
}

/// The same with a a descriptor of [64, 16].
template <int kN>
__device__ inline void WgmmaShared(float (&d)[kN / 2], uint64_t a, uint64_t b, int accumulate) {
  static_assert(kN == 32 || kN == 64 || kN == 128 || kN == 256);
  FACET_WGMMA_SS(32, 16, 17, 18)
  FACET_WGMMA_SS(64, 32, 33, 34)
  FACET_WGMMA_SS(128, 64, 65, 66)
  FACET_WGMMA_SS(256, 128, 129, 130)
}

#undef FACET_WGMMA_RS
#undef FACET_WGMMA_SS
#undef FACET_D32
#undef FACET_OUT32
#undef FACET_D64
#undef FACET_OUT64
#undef FACET_D128
#undef FACET_OUT128
#undef FACET_D256
#undef FACET_OUT256
#undef FACET_OUT4
#undef FACET_OUT16

}  // namespace facet::cuda::sm90
