// What this machine can do, and why facet chose what it chose. Nothing is guessed: what the
// processor and the system report, and the rule applied to it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace facet {

/// The processor's features that decide, as processor and operating system report them together.
struct CpuFeatures {
  bool avx2 = false;    ///< with FMA, F16C and BMI2: the level x86-64-v3 that facet is compiled for
  bool avx512 = false;  ///< F, CD, BW, DQ and VL
};

enum class InstructionSet { kNone, kAvx2, kAvx512 };

/// "avx2", "avx512", "none".
std::string_view NameOf(InstructionSet set);

struct InstructionSetChoice {
  InstructionSet set = InstructionSet::kNone;
  std::string reason;  ///< one sentence for people
};

/// The widest set that the cpu backend has code for; a pure function of the features.
InstructionSetChoice ChooseInstructionSet(const CpuFeatures& features);

struct DeviceInfo {
  std::string processor;  ///< "AMD EPYC 7763 64-Core Processor"; "unknown" if not reported
  CpuFeatures features;
  InstructionSetChoice choice;
  int threads = 1;           ///< that this process may use
  int64_t memory_bytes = 0;  ///< that this process may use: installed, or its group's limit
};

DeviceInfo DetectDevice();

/// Bytes that the system can give this process now without swapping, within its group's limit.
/// Pages of files count as free: they can be read again.
int64_t AvailableHostMemory();

}  // namespace facet
