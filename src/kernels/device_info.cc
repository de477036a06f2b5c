#include "kernels/device_info.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <optional>
#include <string_view>

#include <hwy/targets.h>
#include <unistd.h>

#include "base/thread_pool.h"

namespace facet {
namespace {

std::string ProcessorName() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    if (!line.starts_with("model name")) continue;
    const size_t colon = line.find(": ");
    if (colon != std::string::npos) return line.substr(colon + 2, 100);
  }
  return "unknown";
}

/// The limit of the control group, if it has one.
int64_t GroupLimit() {
  std::ifstream file("/sys/fs/cgroup/memory.max");
  std::string text;
  int64_t limit = INT64_MAX;
  if (file >> text) std::from_chars(text.data(), text.data() + text.size(), limit);
  return limit;
}

/// The number behind `key` in a file of lines "key number".
std::optional<int64_t> NumberIn(const char* path, std::string_view key) {
  std::ifstream file(path);
  std::string word;
  while (file >> word) {
    if (word != key) continue;
    int64_t number = 0;
    if (file >> number) return number;
  }
  return std::nullopt;
}

/// The number that a file consists of.
std::optional<int64_t> NumberOf(const char* path) {
  std::ifstream file(path);
  int64_t number = 0;
  if (file >> number) return number;
  return std::nullopt;  // "max", or no such file
}

/// What the control group leaves, if it has a limit.
std::optional<int64_t> LeftInGroup() {
  const auto limit = NumberOf("/sys/fs/cgroup/memory.max");
  const auto used = NumberOf("/sys/fs/cgroup/memory.current");
  if (!limit || !used) return std::nullopt;
  constexpr const char* kStatistics = "/sys/fs/cgroup/memory.stat";
  const int64_t files = NumberIn(kStatistics, "active_file").value_or(0) +
                        NumberIn(kStatistics, "inactive_file").value_or(0);
  return std::max<int64_t>(0, *limit - *used + files);
}

int64_t UsableMemory() {
  const int64_t installed = int64_t{::sysconf(_SC_PHYS_PAGES)} * int64_t{::sysconf(_SC_PAGESIZE)};
  return std::min(installed, GroupLimit());
}

}  // namespace

std::string_view NameOf(InstructionSet set) {
  switch (set) {
    case InstructionSet::kAvx512:
      return "avx512";
    case InstructionSet::kAvx2:
      return "avx2";
    case InstructionSet::kNone:
      return "none";
  }
  return "none";
}

InstructionSetChoice ChooseInstructionSet(const CpuFeatures& features) {
  if (features.avx2 && features.avx512) {
    return {InstructionSet::kAvx512, "AVX-512: processor and system report F, CD, BW, DQ and VL"};
  }
  if (features.avx2) {
    return {InstructionSet::kAvx2,
            "AVX2: processor or system does not report AVX-512 F, CD, BW, DQ and VL"};
  }
  return {InstructionSet::kNone,
          "no vector code: facet needs AVX2, FMA and BMI2, which are not reported"};
}

int64_t AvailableHostMemory() {
  constexpr int64_t kKibibyte = 1024;  // the unit of /proc/meminfo
  const auto available = NumberIn("/proc/meminfo", "MemAvailable:");
  const int64_t system = available ? *available * kKibibyte : UsableMemory();
  return std::min(system, LeftInGroup().value_or(system));
}

DeviceInfo DetectDevice() {
  DeviceInfo info;
  info.processor = ProcessorName();
  const auto targets = static_cast<int64_t>(hwy::SupportedTargets());
  info.features = {.avx2 = (targets & HWY_AVX2) != 0, .avx512 = (targets & HWY_AVX3) != 0};
  info.choice = ChooseInstructionSet(info.features);
  info.threads = ThreadPool::UsableProcessors();
  info.memory_bytes = UsableMemory();
  return info;
}

}  // namespace facet
