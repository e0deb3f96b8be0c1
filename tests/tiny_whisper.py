"""A Whisper model of a few megabytes, made here: real files for the real engine, with a text that is known beforehand.

Its layers add next to nothing, so that what is said depends on the place alone: each place has a direction of its own,
the output layer turns it into the token that is due, and the attention of the first layer looks at the moment when that
token is said. So it says the same of any sound, letter by letter.
"""

import dataclasses
import json
import pathlib
import string
from collections.abc import Sequence

import numpy as np
import tokenizers
from ctranslate2.specs import whisper_spec
from tokenizers import decoders, models, pre_tokenizers

PLACES, FRAMES, MELS = 448, 1500, 80
LANGUAGES = ("en", "de", "ja")
TASKS = ("<|translate|>", "<|transcribe|>", "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>")
SPACE = "\u0120"  # as the letters of bytes write it
PROMPT = 3  # tokens before the first that is said: start, language, task
FRAME_S = 0.02  # of what the encoder gives
TURNS = (0.02, 2.5)  # slowest and fastest in radians per second: all moments of a window differ, and none by too much
FAINT = 1e-4  # of what a layer adds
SURE, SHARP = 40.0, 7.5  # how much the due token, and the due moment, stand out

Phrase = tuple[float, str, float]


@dataclasses.dataclass(frozen=True, slots=True)
class Shape:
    """How large a model is: a benchmark takes that of real ones, which then costs as much per token.

    Attributes:
        layers: Of the encoder, and as many of the decoder.
        heads: Of each layer.
        width: Of each layer; more than tokens are said in a window.
        unused: Tokens that are never said.
    """

    layers: int = 1
    heads: int = 1
    width: int = 128
    unused: int = 0


def write(folder: pathlib.Path, says: Sequence[Phrase], language: str = "de", shape: Shape = Shape()) -> pathlib.Path:
    """Writes a model that says some phrases in every window.

    Args:
        folder: Where to; it is made.
        says: Start in seconds, text with a space before each word, and end in seconds.
        language: The one that it detects, of LANGUAGES.
        shape: How large it is; its file has 16 bits per number, as those of real ones have.
    """
    folder.mkdir(parents=True)
    tokenizer, vocabulary = _tokenizer(shape.unused)
    tokenizer.save(str(folder / "tokenizer.json"))
    token = {name: index for index, name in enumerate(vocabulary)}
    due = {0: token[f"<|{language}|>"]}
    for place, name in enumerate(_said(tokenizer, says), start=PROMPT - 1):
        due[place] = token[name]
    spec = _spec(due, len(vocabulary), _moments(tokenizer, says), shape)
    spec.register_vocabulary(vocabulary)
    spec.config.suppress_ids, spec.config.suppress_ids_begin = [], []
    spec.config.lang_ids = [token[f"<|{name}|>"] for name in LANGUAGES]
    spec.config.alignment_heads = [[0, 0]]
    spec.validate()
    spec.optimize(quantization="float16")
    spec.save(str(folder))
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": MELS}))
    return folder


def _tokenizer(unused: int) -> tuple[tokenizers.Tokenizer, list[str]]:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    marks = ["<|endoftext|>", "<|startoftranscript|>", *(f"<|{name}|>" for name in LANGUAGES), *TASKS]
    stamps = [f"<|{index * FRAME_S:.2f}|>" for index in range(FRAMES + 1)]
    begun = [(SPACE, letter) for letter in string.ascii_letters]  # a space alone is never said
    known = [*letters, *map("".join, begun), *(f"unused{index}" for index in range(unused + 1))]
    tokenizer = tokenizers.Tokenizer(models.BPE({name: index for index, name in enumerate(known)}, begun))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(marks)
    tokenizer.add_tokens(stamps)
    # By the empty token the engine tells a model that knows several languages.
    return tokenizer, [*known[:-1], "", *marks, *stamps]


def _said(tokenizer: tokenizers.Tokenizer, says: Sequence[Phrase]) -> list[str]:
    names: list[str] = []
    for start_s, text, end_s in says:
        names += [f"<|{start_s:.2f}|>", *tokenizer.encode(text).tokens, f"<|{end_s:.2f}|>"]
    return [*names, "<|endoftext|>"]


def _moments(tokenizer: tokenizers.Tokenizer, says: Sequence[Phrase]) -> np.ndarray:
    """When each place looks while words are given times: then the prompt is one longer, and no stamp is among them."""
    spoken = [np.linspace(start_s, end_s, len(tokenizer.encode(text).ids), False) for start_s, text, end_s in says]
    return np.concatenate([np.zeros(PROMPT), *spoken, [says[-1][2]]])


def _spec(due: dict[int, int], tokens: int, moments_s: np.ndarray, shape: Shape) -> whisper_spec.WhisperSpec:
    noise, width = np.random.default_rng(0), shape.width
    spec = whisper_spec.WhisperSpec(shape.layers, shape.heads, shape.layers, shape.heads)
    encoder, decoder = spec.encoder, spec.decoder
    for layer in (*encoder.layer, *decoder.layer):
        _faint(layer, width, noise)
    for part in (encoder, decoder):
        _plain(part.layer_norm, width)
    for convolution, inputs in ((encoder.conv1, MELS), (encoder.conv2, width)):
        convolution.weight = noise.normal(0, 1e-6, (width, inputs, 3)).astype(np.float32)
        convolution.bias = np.zeros(width, np.float32)
    encoder.position_encodings.encodings = _waves(np.arange(FRAMES) * FRAME_S, width)
    # Orthogonal to each other and to the mean, which the norm of a layer takes away; those not due share one.
    count = max(due) + 2
    places = np.linalg.qr(np.concatenate([np.ones((width, 1)), noise.normal(size=(width, count))], axis=1))[0].T[1:]
    places = (places * np.sqrt(width)).astype(np.float32)
    decoder.embeddings.weight = np.zeros((tokens, width), np.float32)
    decoder.position_encodings.encodings = places[np.minimum(np.arange(PLACES), count - 1)]
    decoder.projection.weight = np.zeros((tokens, width), np.float32)
    for place, index in due.items():
        decoder.projection.weight[index] += places[place] * (SURE / width)
    attention = decoder.layer[0].attention
    looked = places[: len(moments_s)]
    attention.linear[0].weight = (SHARP / width * _waves(moments_s, width).T @ looked).astype(np.float32)
    attention.linear[1].weight[:width] = np.eye(width, dtype=np.float32)
    return spec


def _waves(times_s: np.ndarray, width: int) -> np.ndarray:
    """A direction for each time, (n, width): the closer two times, the more alike."""
    angles = times_s[:, None] * np.geomspace(*TURNS, width // 2)
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)


def _faint(layer: object, width: int, noise: np.random.Generator) -> None:
    """A layer that adds next to nothing."""
    for name, joined in (("self_attention", 3), ("attention", 1)):
        attention = getattr(layer, name, None)
        if attention is None:
            continue
        _plain(attention.layer_norm, width)
        for index, linear in enumerate(attention.linear):
            parts = joined if index == 0 else 2 if len(attention.linear) == 3 and index == 1 else 1
            _dim(linear, (parts * width, width), noise)
    _plain(layer.ffn.layer_norm, width)
    _dim(layer.ffn.linear_0, (4 * width, width), noise)
    _dim(layer.ffn.linear_1, (width, 4 * width), noise)


def _dim(linear: object, size: tuple[int, int], noise: np.random.Generator) -> None:
    linear.weight = noise.standard_normal(size, np.float32) * np.float32(FAINT)  # equal ones would be stored once
    linear.bias = np.zeros(size[0], np.float32)


def _plain(norm: object, width: int) -> None:
    norm.gamma, norm.beta = np.ones(width, np.float32), np.zeros(width, np.float32)
