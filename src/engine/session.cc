#include "engine/session.h"

#include <span>
#include <utility>

#include "base/file.h"
#include "checkpoint/summary.h"
#include "engine/generator.h"
#include "kernels/backend_factory.h"
#include "media/audio.h"
#include "media/audio_processor.h"
#include "media/image.h"
#include "media/image_processor.h"
#include "model/memory_plan.h"
#include "model/route_needs.h"

namespace facet {
namespace {

/// Larger files cannot hold a picture or a sound within the decoders' own limits (100 megapixels;
/// half an hour of sound).
constexpr size_t kMaxMediaFileBytes = 1'000'000'000;

/// The bytes of a media file, mapped.
Result<MappedFile> OpenMedia(const std::filesystem::path& path) {
  FACET_TRY(MappedFile file, MappedFile::Open(path));
  if (file.bytes().size() > kMaxMediaFileBytes) {
    return Fail(ErrorCode::kResource, "{}: {} are more than the {} that a media file may have",
                path.string(), HumanBytes(file.bytes().size()), HumanBytes(kMaxMediaFileBytes));
  }
  return file;
}

Result<ImagePart> DecodeAndCut(std::span<const std::byte> file,
                               const ImageProcessorOptions& options) {
  FACET_TRY(const Image image, DecodeImage(file));
  FACET_TRY(ImagePatches patches, ProcessImage(image, options));
  return ImagePart{std::move(patches)};
}

Result<AudioPart> DecodeAndCut(std::span<const std::byte> file, const ProcessorConfig& config,
                               const AudioProcessorOptions& options) {
  FACET_TRY(const AudioClip clip, DecodeAudio(file, static_cast<int>(config.audio_sampling_rate)));
  FACET_TRY(AudioFrames frames, ProcessAudio(clip, options));
  return AudioPart{std::move(frames)};
}

/// A token beyond the embedding table would be an error in the middle of an answer.
Result<void> CheckVocabulary(const Tokenizer& tokenizer, const ModelConfig& config) {
  if (tokenizer.vocabulary_size() <= config.vocabulary) return {};
  return Fail(ErrorCode::kInvalidData,
              "tokenizer.json has ids up to {}, and config.json states a vocabulary of {}",
              tokenizer.vocabulary_size() - 1, config.vocabulary);
}

Result<std::vector<Route>> RoutesHere(const SessionOptions& options, const Checkpoint& checkpoint) {
  FACET_TRY(std::vector<Route> routes,
            RoutesOf(options.backend, RouteNeedsOf(checkpoint.config(), Summarize(checkpoint),
                                                   options.activations)));
  if (options.require_native) FACET_RETURN_IF_ERROR(RequireNative(routes));
  return routes;
}

Result<void> CheckMemory(const Checkpoint& checkpoint, Backend& backend,
                         const SessionOptions& options) {
  const ModelConfig& config = checkpoint.config();
  const int64_t context = std::min(options.context.value_or(kLeastContext), config.max_positions);
  return facet::CheckMemory(config, backend,
                            {.slots = 1,
                             .max_context = context,
                             .max_chunk = std::min(backend.full_step_tokens(), context)},
                            PlacedWeightBytes(checkpoint, backend));
}

}  // namespace

Session::Session(Checkpoint checkpoint, std::unique_ptr<Backend> backend, PromptBuilder prompts,
                 const SessionOptions& options)
    : checkpoint_(std::move(checkpoint)),
      backend_(std::move(backend)),
      prompts_(std::move(prompts)),
      activations_(options.activations),
      max_soft_tokens_(options.max_soft_tokens) {}

Result<std::unique_ptr<Session>> Session::Open(const SessionOptions& options) {
  FACET_TRY(std::unique_ptr<Backend> backend, MakeBackend(options.backend, options.threads));
  FACET_TRY(Checkpoint checkpoint, Checkpoint::Open(options.folder));
  FACET_TRY(std::vector<Route> routes, RoutesHere(options, checkpoint));
  FACET_RETURN_IF_ERROR(CheckMemory(checkpoint, *backend, options));
  FACET_TRY(PromptBuilder prompts, PromptBuilder::Load(options.folder));
  FACET_RETURN_IF_ERROR(CheckVocabulary(prompts.tokenizer(), checkpoint.config()));
  std::unique_ptr<Session> session(
      new Session(std::move(checkpoint), std::move(backend), std::move(prompts), options));
  session->routes_ = std::move(routes);
  FACET_TRY(Model model, Model::Load(session->checkpoint_, *session->backend_));
  session->model_.emplace(std::move(model));
  FACET_RETURN_IF_ERROR(session->model_->CheckMode(options.activations));
  return session;
}

Result<Part> Session::ReadImage(const std::filesystem::path& path) const {
  if (!config().vision) return Fail(ErrorCode::kUnsupported, "this model takes no images");
  const ImageProcessorOptions options{
      .patch_side = config().vision->patch_side,
      .max_soft_tokens = max_soft_tokens_.value_or(checkpoint_.processor().image_max_soft_tokens),
      .position_limit = config().vision->position_limit};
  FACET_TRY(const MappedFile file, OpenMedia(path));
  Result<ImagePart> part = DecodeAndCut(file.bytes(), options);
  if (!part) return Propagate(std::move(part), path.string());
  return *std::move(part);
}

Result<Part> Session::ReadAudio(const std::filesystem::path& path) const {
  if (!config().audio) return Fail(ErrorCode::kUnsupported, "this model takes no audio");
  const AudioProcessorOptions options{.samples_per_token = config().audio->samples_per_token,
                                      .max_tokens = checkpoint_.processor().audio_max_tokens};
  FACET_TRY(const MappedFile file, OpenMedia(path));
  Result<AudioPart> part = DecodeAndCut(file.bytes(), checkpoint_.processor(), options);
  if (!part) return Propagate(std::move(part), path.string());
  return *std::move(part);
}

}  // namespace facet
