// A backend by its name.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "kernels/backend.h"

namespace facet {

/// What "auto" is on this machine, and why.
struct BackendChoice {
  std::string name;    ///< "cuda" or "cpu"
  std::string reason;  ///< for people
};
BackendChoice ChooseBackend();

enum class BackendKind { kRef, kCpu, kCuda };

/// What a backend's name says, "auto" resolved.
struct BackendName {
  BackendKind kind = BackendKind::kCpu;
  int device = 0;  ///< the card, for kCuda
};
/// kUsage for an unknown name; the message lists the names. Whether there is such a card is not
/// looked at.
Result<BackendName> ResolveBackend(std::string_view name);

/// "ref", "cpu", "cuda" or "cuda:N" for card N; "auto" is what ChooseBackend()
/// says. `threads` of 0 means every processor this process may use; ref uses one.
/// kUsage for an unknown name (the message lists the names), kUnsupported for a processor or card
/// that facet cannot use, or a build without CUDA.
Result<std::unique_ptr<Backend>> MakeBackend(std::string_view name, int threads = 0);

}  // namespace facet
