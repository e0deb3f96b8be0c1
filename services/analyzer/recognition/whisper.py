"""Runs Whisper models on the CPU: the only file that knows the engine, faster-whisper on CTranslate2.

A model is read from open files, for the process that runs it can open none. What is computed depends on the sound, the
model, and how many threads share the work.
"""

import itertools
from collections.abc import Mapping
from typing import BinaryIO

import ctranslate2
import faster_whisper
import numpy as np

from services.analyzer.transcript import cue, markup

NAME = "whisper"
PRECISION = "int8"  # half the time and a quarter of the memory of float32, and words that are as good
SEED = 0  # of the dice that are thrown where the most likely words repeat themselves
SEGMENTS_MAX = 100  # of one window; a model that gets stuck says the same for ever


class Whisper:
    """A loaded model.

    Args:
        files: The open files of the model, by name.
        threads: That compute at once.
    """

    def __init__(self, files: Mapping[str, BinaryIO], threads: int) -> None:
        ctranslate2.set_random_seed(SEED)
        # The engine takes the files of its own model as they are, and those of the tokenizer as bytes.
        given = {name: file.read() if name.endswith(".json") else file for name, file in files.items()}
        self._model = faster_whisper.WhisperModel(
            "given", device="cpu", compute_type=PRECISION, cpu_threads=threads, files=given
        )

    def language(self, samples: np.ndarray) -> dict[str, float]:
        """How likely each language that it knows is in a window of sound."""
        if not self._model.model.is_multilingual:
            return {"en": 1.0}
        _, _, found = self._model.detect_language(samples)
        return dict(found)

    def transcribe(self, samples: np.ndarray, language: str) -> list[cue.Word]:
        """What is said in a window: words with the space before them, and with times since it begins.

        Args:
            samples: Mono at 16 kHz, (n,) float32, of half a minute at most.
            language: Of what is said.
        """
        found, _ = self._model.transcribe(
            samples, language=language, word_timestamps=True, condition_on_previous_text=False, log_progress=False
        )
        return [
            cue.Word(float(word.start), float(word.end), word.word, float(word.probability))
            for segment in itertools.islice(found, SEGMENTS_MAX)
            for word in segment.words or ()
            if markup.plain(word.word)
        ]
