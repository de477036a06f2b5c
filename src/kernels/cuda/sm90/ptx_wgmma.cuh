// Hopper's warpgroup matrix product, one wrapper for each place of A: D[64 x N] (+)= A[64 x 16]
// B[16 x N], BF16 in, float32 out; asynchronous: WgmmaFence before, WgmmaCommit and WgmmaWait
// after.
//
// D in registers, warp w of the warpgroup, lane l = 4 g + t: d[4 j + 0, 1] = rows 16 w + g, columns
// 8 j + 2 t, + 1; d[4 j + 2, 3] = rows 16 w + g + 8, same columns.
// A in registers, same warp and lane, BF16 pairs: a0 = (row g, k 2 t, + 1), a1 = (row g + 8, same),
// a2 = (row g, k 2 t + 8, + 9), a3 = (row g + 8, same): pack_format.h's words, and, rounded to
// BF16, two neighbouring 8-column groups of a D.
#pragma once

#include <cstdint>

namespace facet::cuda {

// Operand lists of the instruction: N / 2 accumulators.
// clang-format off
#define FACET_D32 \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15"
#define FACET_D64 FACET_D32 ", " \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define FACET_D96 FACET_D64 ", " \
  "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47"
#define FACET_D128 FACET_D96 ", " \
  "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define FACET_D256 FACET_D128 ", " \
  "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79" ", " \
  "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95" ", " \
  "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111" ", " \
  "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"
#define FACET_OUT4(d, i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define FACET_OUT16(d, i) FACET_OUT4(d, i), FACET_OUT4(d, i + 4), FACET_OUT4(d, i + 8), FACET_OUT4(d, i + 12)
#define FACET_OUT32(d) FACET_OUT16(d, 0)
#define FACET_OUT64(d) FACET_OUT32(d), FACET_OUT16(d, 16)
#define FACET_OUT96(d) FACET_OUT64(d), FACET_OUT16(d, 32)
#define FACET_OUT128(d) FACET_OUT96(d), FACET_OUT16(d, 48)
#define FACET_OUT256(d) FACET_OUT128(d), FACET_OUT16(d, 64), FACET_OUT16(d, 80), FACET_OUT16(d, 96), FACET_OUT16(d, 112)

// N; then the operand numbers of a0..a3, b, accumulate and kTransposeB.
#define FACET_WGMMA_RS(N, A0, A1, A2, A3, B, P, T)                                             \
  if constexpr (kN == N) {                                                                     \
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #P ", 0;\n"                              \
                 "wgmma.mma_async.sync.aligned.m64n" #N "k16.f32.bf16.bf16 {" FACET_D##N "}, " \
                 "{%" #A0 ", %" #A1 ", %" #A2 ", %" #A3 "}, %" #B ", p, 1, 1, %" #T ";\n}"     \
                 : FACET_OUT##N(d)                                                             \
                 : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "l"(b), "r"(accumulate),                \
                   "n"(kTransposeB));                                                          \
  }
#define FACET_WGMMA_SS(N, A, B, P, T)                                                          \
  if constexpr (kN == N) {                                                                     \
    asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" #P ", 0;\n"                              \
                 "wgmma.mma_async.sync.aligned.m64n" #N "k16.f32.bf16.bf16 {" FACET_D##N "}, " \
                 "%" #A ", %" #B ", p, 1, 1, 0, %" #T ";\n}"                                   \
                 : FACET_OUT##N(d)                                                             \
                 : "l"(a), "l"(b), "r"(accumulate), "n"(kTransposeB));                         \
  }
// clang-format on

template <int kN>
inline constexpr bool kIsWgmmaWidth = kN == 32 || kN == 64 || kN == 96 || kN == 128 || kN == 256;

/// d = A B + (accumulate ? d : 0), A in registers. kTransposeB: 0 where B's k is contiguous in
/// memory, 1 where its columns are.
template <int kN, int kTransposeB = 0>
__device__ __forceinline__ void WgmmaRegisters(float (&d)[kN / 2], uint32_t a0, uint32_t a1,
                                               uint32_t a2, uint32_t a3, uint64_t b,
                                               int accumulate) {
  static_assert(kIsWgmmaWidth<kN>);
  FACET_WGMMA_RS(32, 16, 17, 18, 19, 20, 21, 22)
  FACET_WGMMA_RS(64, 32, 33, 34, 35, 36, 37, 38)
  FACET_WGMMA_RS(96, 48, 49, 50, 51, 52, 53, 54)
  FACET_WGMMA_RS(128, 64, 65, 66, 67, 68, 69, 70)
  FACET_WGMMA_RS(256, 128, 129, 130, 131, 132, 133, 134)
}

/// The same, A in shared memory, k contiguous.
template <int kN, int kTransposeB = 0>
__device__ __forceinline__ void WgmmaShared(float (&d)[kN / 2], uint64_t a, uint64_t b,
                                            int accumulate) {
  static_assert(kIsWgmmaWidth<kN>);
  FACET_WGMMA_SS(32, 16, 17, 18, 19)
  FACET_WGMMA_SS(64, 32, 33, 34, 35)
  FACET_WGMMA_SS(96, 48, 49, 50, 51)
  FACET_WGMMA_SS(128, 64, 65, 66, 67)
  FACET_WGMMA_SS(256, 128, 129, 130, 131)
}

#undef FACET_WGMMA_RS
#undef FACET_WGMMA_SS
#undef FACET_D32
#undef FACET_OUT32
#undef FACET_D64
#undef FACET_OUT64
#undef FACET_D96
#undef FACET_OUT96
#undef FACET_D128
#undef FACET_OUT128
#undef FACET_D256
#undef FACET_OUT256
#undef FACET_OUT4
#undef FACET_OUT16

/// wgmma.fence: registers written before are seen by the products that follow.
__device__ __forceinline__ void WgmmaFence() {
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

/// wgmma.commit_group: the products issued so far become one group.
__device__ __forceinline__ void WgmmaCommit() {
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

/// wgmma.wait_group: all but the newest kPending groups are done.
template <int kPending>
__device__ __forceinline__ void WgmmaWait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
}

/// A shared-memory operand in 128-byte swizzle: bits 0-13 address / 16, 16-29 leading and 32-45
/// stride byte offset / 16, 62-63 the layout. Stride: from 8 rows to the next 8. Leading: between
/// the 128-byte-wide slabs, where columns are contiguous (kTransposeB = 1); unused otherwise.
__device__ __forceinline__ uint64_t SwizzledOperand(uint32_t address, uint32_t leading_bytes,
                                                    uint32_t stride_bytes) {
  return static_cast<uint64_t>((address & 0x3FFFF) >> 4) |
         static_cast<uint64_t>(leading_bytes >> 4) << 16 |
         static_cast<uint64_t>(stride_bytes >> 4) << 32 | uint64_t{1} << 62;
}

/// What an operand with contiguous k advances by for the next 16.
inline constexpr uint64_t kOperandK16 = 16 * 2 >> 4;

/// setmaxnreg: all warps of a warpgroup give back or take registers.
template <int kRegisters>
__device__ __forceinline__ void DecreaseRegisters() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(kRegisters));
}
template <int kRegisters>
__device__ __forceinline__ void IncreaseRegisters() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(kRegisters));
}

}  // namespace facet::cuda
