#include "text/stream_decoder.h"

namespace facet {

std::string StreamDecoder::Push(int32_t id) {
  std::string text;
  stream_.Push(tokenizer_->TokenBytes(id), text);
  return text;
}

std::string StreamDecoder::Finish() {
  std::string text;
  stream_.Finish(text);
  return text;
}

}  // namespace facet
