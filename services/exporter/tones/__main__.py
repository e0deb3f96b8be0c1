"""Works the tables out anew, by FFmpeg's scaler: `python -m services.exporter.tones`."""

import av
import av.filter
import numpy as np

from services.exporter import color, tones

MAPPING = (
    "flags=bicubic+accurate_rnd:in_transfer={transfer}:in_primaries=bt2020:out_transfer=bt709:out_primaries=bt709"
    ":intent=perceptual"
)


def identity() -> np.ndarray:
    """Every color as it is, (SIDE, SIDE, 3) uint16, red first and fastest."""
    steps = np.rint(np.linspace(0, 65535, tones.LEVEL**2)).astype(np.uint16)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    return np.stack((red, green, blue), axis=-1).reshape(tones.SIDE, tones.SIDE, 3)


def made(transfer: str) -> np.ndarray:
    """The table of a transfer curve, by the name that the scaler has for it."""
    graph = av.filter.Graph()
    size = f"{tones.SIDE}x{tones.SIDE}"
    source = graph.add("buffer", f"video_size={size}:pix_fmt={tones.PIXELS}:time_base=1/1:pixel_aspect=1/1")
    said = graph.add("setparams", f"range=full:color_primaries=bt2020:color_trc={transfer}:colorspace=gbr")
    scale = graph.add("scale", MAPPING.format(transfer=transfer))
    plain, sink = graph.add("format", f"pix_fmts={tones.PIXELS}"), graph.add("buffersink")
    graph.link_nodes(source, said, scale, plain, sink)
    graph.configure()
    source.push(av.VideoFrame.from_ndarray(identity(), format=tones.PIXELS))
    return sink.pull().to_ndarray()


if __name__ == "__main__":
    for name in color.HDR.values():
        np.savez_compressed(tones.FOLDER / f"{name}.npz", table=made(name))
