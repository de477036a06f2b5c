#!/usr/bin/env python3
"""Logits of a BF16 checkpoint by transformers, for tests/reference/compare_logits.cc.

Usage: compare_transformers.py CHECKPOINT OUT [--device cuda]

Inputs are made from a seed as the model takes them (ids, patches, frames), so preprocessing has no
part in it. Writes OUT/CASE.safetensors for each case:

  tokens       I32 [tokens]         with the placeholders of media
  image.N      U8  [count, patch]   pixels of the N-th image, image.N.positions I32 [count, 2]
  audio.N      F32 [count, samples] frames of the N-th clip
  logits.f32   F32 [tokens, vocabulary]   float32 throughout, eager attention
  logits.bf16  BF16 [tokens, vocabulary]  BF16 as people run it, SDPA attention
"""

from __future__ import annotations

import argparse
import pathlib
import time
from dataclasses import dataclass, field

import torch
from safetensors.torch import save_file
from transformers import Gemma4UnifiedForConditionalGeneration as Gemma
from transformers import __version__ as transformers_version


@dataclass
class Case:
    """A prompt: token ids, and the media behind its placeholders in the order they stand there."""

    tokens: list[int] = field(default_factory=list)
    images: list[torch.Tensor] = field(default_factory=list)  # U8 [count, patch]
    positions: list[torch.Tensor] = field(default_factory=list)  # I32 [count, 2], column and row
    clips: list[torch.Tensor] = field(default_factory=list)  # F32 [count, samples]


class Inputs:
    """Draws the parts of prompts for one model."""

    def __init__(self, config, seed: int) -> None:
        self._config = config
        self._random = torch.Generator().manual_seed(seed)

    def text(self, case: Case, count: int) -> None:
        config = self._config
        vocabulary = config.text_config.vocab_size
        first = min(1000, vocabulary // 2)
        media = {config.image_token_id, config.audio_token_id, config.video_token_id}
        ids = torch.randint(first, vocabulary, (count,), generator=self._random).tolist()
        case.tokens += [first if token in media else token for token in ids]

    def image(self, case: Case, columns: int, rows: int) -> None:
        """A picture with soft shapes and some noise, cut into patches."""
        side = self._config.vision_config.model_patch_size
        low = torch.rand((1, 3, 4, 5), generator=self._random)
        size = (rows * side, columns * side)
        picture = torch.nn.functional.interpolate(low, size, mode="bicubic")[0]
        picture = picture + 0.05 * torch.randn(picture.shape, generator=self._random)
        pixels = (picture.clamp(0, 1) * 255).round().to(torch.uint8)
        patches = pixels.reshape(3, rows, side, columns, side).permute(1, 3, 2, 4, 0)
        case.images.append(patches.reshape(rows * columns, -1).contiguous())
        grid = [[column, row] for row in range(rows) for column in range(columns)]
        case.positions.append(torch.tensor(grid, dtype=torch.int32))
        case.tokens += [self._config.image_token_id] * (rows * columns)

    def clip(self, case: Case, count: int) -> None:
        """A rising tone in noise."""
        samples = self._config.audio_config.audio_embed_dim
        time_s = torch.arange(count * samples) / 16000
        sound = 0.3 * torch.sin(2 * torch.pi * (200 + 150 * time_s) * time_s)
        sound = sound + 0.05 * torch.randn(sound.shape, generator=self._random)
        case.clips.append(sound.clamp(-1, 1).reshape(count, samples))
        case.tokens += [self._config.audio_token_id] * count


def make_cases(config) -> dict[str, Case]:
    """Text beyond the window, two images beside each other, a clip, and all of it in one prompt."""
    inputs = Inputs(config, seed=20)
    text, images, audio, mixed = Case(), Case(), Case(), Case()
    inputs.text(text, config.text_config.sliding_window + 576)
    inputs.text(images, 30)
    inputs.image(images, columns=12, rows=10)
    inputs.text(images, 1)
    inputs.image(images, columns=5, rows=7)
    inputs.text(images, 60)
    inputs.text(audio, 30)
    inputs.clip(audio, 75)
    inputs.text(audio, 60)
    inputs.text(mixed, 40)
    inputs.clip(mixed, 20)
    inputs.text(mixed, 20)
    inputs.image(mixed, columns=8, rows=8)
    inputs.text(mixed, 60)
    return {"text": text, "images": images, "audio": audio, "mixed": mixed}


def masks(config, case: Case, dtype: torch.dtype, device: str) -> dict[str, torch.Tensor]:
    """Additive masks: full layers causal; sliding layers (causal or same image) and in the window.

    The model-level forward of transformers 5.17 builds others for images: it lets them see ahead on
    full layers too, and beyond the window.
    """
    ids = torch.tensor(case.tokens, device=device)
    position = torch.arange(len(ids), device=device)
    image = ids == config.image_token_id
    previous = torch.roll(image, 1)
    previous[0] = False
    block = torch.cumsum((image & ~previous).int(), 0)
    causal = position[None, :] <= position[:, None]
    same = (block[None, :] == block[:, None]) & image[None, :] & image[:, None]
    window = position[None, :] > position[:, None] - config.text_config.sliding_window
    seen = {"full_attention": causal, "sliding_attention": (causal | same) & window}
    hidden = torch.finfo(dtype).min
    return {kind: ((~mask).to(dtype) * hidden)[None, None] for kind, mask in seen.items()}


def logits_of(model: Gemma, case: Case, device: str) -> torch.Tensor:
    """[tokens, vocabulary] in the model's dtype."""
    media: dict[str, torch.Tensor] = {}
    if case.images:
        pixels = torch.cat(case.images).to(device).float() * torch.tensor(1 / 255, device=device)
        media["pixel_values"] = pixels[None]
        media["image_position_ids"] = torch.cat(case.positions).to(device)[None]
    if case.clips:
        frames = torch.cat(case.clips).to(device)[None]
        media["input_features"] = frames
        media["input_features_mask"] = torch.ones(frames.shape[:2], dtype=torch.bool, device=device)
    with torch.no_grad():
        return model(
            input_ids=torch.tensor([case.tokens], device=device),
            attention_mask=masks(model.config, case, model.dtype, device),
            use_cache=False,
            **media,
        ).logits[0]


def load(folder: str, dtype: torch.dtype, attention: str, device: str) -> Gemma:
    """The model with every weight from the folder: one that is missing would be random."""
    model, report = Gemma.from_pretrained(
        folder, dtype=dtype, attn_implementation=attention, output_loading_info=True
    )
    lost = {key: names for key in ("missing_keys", "unexpected_keys", "mismatched_keys")
            if (names := report.get(key))}
    if lost:
        raise SystemExit(f"compare_transformers: {folder} was not loaded whole: {lost}")
    return model.to(device).eval()


def write(path: pathlib.Path, case: Case, logits: dict[str, torch.Tensor]) -> None:
    tensors = {"tokens": torch.tensor(case.tokens, dtype=torch.int32), **logits}
    for index, (patches, positions) in enumerate(zip(case.images, case.positions)):
        tensors[f"image.{index}"] = patches
        tensors[f"image.{index}.positions"] = positions
    for index, frames in enumerate(case.clips):
        tensors[f"audio.{index}"] = frames
    save_file(tensors, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint")
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--device", default="cuda")
    arguments = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    arguments.out.mkdir(parents=True, exist_ok=True)

    logits: dict[str, dict[str, torch.Tensor]] = {}
    for name, dtype, attention in (
        ("logits.f32", torch.float32, "eager"),
        ("logits.bf16", torch.bfloat16, "sdpa"),
    ):
        begin = time.monotonic()
        model = load(arguments.checkpoint, dtype, attention, arguments.device)
        cases = make_cases(model.config)
        for case_name, case in cases.items():
            made = logits_of(model, case, arguments.device)
            logits.setdefault(case_name, {})[name] = made.cpu().contiguous()
        seconds = time.monotonic() - begin
        print(f"transformers {transformers_version}, {name}, {attention}: {seconds:.1f} s")
        del model
    for case_name, case in cases.items():
        write(arguments.out / f"{case_name}.safetensors", case, logits[case_name])


if __name__ == "__main__":
    main()
