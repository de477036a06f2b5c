// What a checkpoint asks of a backend.
#pragma once

#include "checkpoint/model_config.h"
#include "checkpoint/summary.h"
#include "kernels/routes.h"
#include "model/model.h"

namespace facet {

RouteNeeds RouteNeedsOf(const ModelConfig& config, const CheckpointSummary& summary,
                        ActivationMode mode);

}  // namespace facet
