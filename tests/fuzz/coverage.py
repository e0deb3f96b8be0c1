"""Feeds one parser with what atheris finds out about its code: `python -m tests.fuzz.coverage NAME [SECONDS]`.

Without a name it prints those of all parsers.
`make fuzz` gives each parser some minutes. What it learns stays in `out/fuzz/NAME`; an input that is answered with a
bug is written beside it and the exit code is not 0. Needs `uv sync --group fuzz`.
"""

import pathlib
import sys

import atheris

with atheris.instrument_imports(include=["chassis", "gateway", "media", "services"]):
    from tests.fuzz import parsers

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SECONDS = 600
INPUT_BYTES_MAX = 65_536  # longer ones say nothing new and take long
INPUT_TIMEOUT_S = 20  # a parser that takes as long on a busy machine hangs


def main() -> None:
    """Runs until the time is up or a bug is found."""
    if len(sys.argv) == 1:
        print("\n".join(parsers.BY_NAME))
        return
    name, seconds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else SECONDS
    parser, corpus = parsers.BY_NAME[name], ROOT / "out" / "fuzz" / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(parser.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    bounds = (f"-max_total_time={seconds}", f"-max_len={INPUT_BYTES_MAX}", f"-timeout={INPUT_TIMEOUT_S}")
    quiet = ("-print_final_stats=1", "-verbosity=0", f"-artifact_prefix={corpus}-")
    atheris.Setup([sys.argv[0], *bounds, *quiet, str(corpus)], parser.feed)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
