"""What untrusted media may be: formats, codecs, sizes and counts.

The lists are short on purpose. The wheel of PyAV carries several hundred decoders and demuxers and dozens of network
protocols; every one that is reachable is an attack surface.
"""

import dataclasses

# Demuxers, by FFmpeg's names. None of them opens a second file.
FORMATS = (
    "mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "mpegts", "mpeg", "flv", "ogg", "mp3", "aac", "wav",
    "flac",
)  # fmt: skip

# AVI is what older cameras wrote. Its way to other files led through a playlist posing as subtitles (GAB2), which the
# AVI demuxer hands to a second demuxer, and through text drawn as pictures (XBIN). Neither is open here: that second
# demuxer is bound by this same list, which has no playlist and no subtitle format, and no text codec is on the lists
# below. The AVI demuxer itself is offered only to files that begin as AVI files do.
AVI_FORMATS = ("avi",)
HEADER_BYTES = 12  # `RIFF`, a length, and the kind

VIDEO_DECODERS = (
    "h264", "hevc", "vp8", "vp9", "libvpx", "libvpx-vp9", "av1", "libdav1d", "mpeg4", "mpeg2video", "mpeg1video",
    "prores", "mjpeg", "h263",
)  # fmt: skip

AUDIO_DECODERS = (
    "aac", "aac_latm", "mp3", "mp3float", "mp2", "mp2float", "opus", "libopus", "vorbis", "flac", "alac", "ac3", "eac3",
    "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_f32le", "pcm_u8", "pcm_alaw", "pcm_mulaw",
    "amrnb", "amrwb", "libopencore_amrnb", "libopencore_amrwb",
)  # fmt: skip

DECODERS = VIDEO_DECODERS + AUDIO_DECODERS


@dataclasses.dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one file.

    Attributes:
        pixels_max: Largest picture, in pixels; 8K.
        samples_max: Largest audio frame, in samples.
        streams_max: Streams in a container.
        probe_bytes: Bytes that may be read to learn what the streams are.
        probe_us: Media time that may be read to learn what the streams are, in microseconds.
        packets_max: Packets that are read; 60 hours of video at 60 frames/s with its sound.
        read_timeout_s: Longest single read, in seconds; a courtesy, for the wall deadline of the worker is what holds.
    """

    pixels_max: int = 7680 * 4320
    samples_max: int = 192_000 * 4
    streams_max: int = 32
    probe_bytes: int = 5_000_000
    probe_us: int = 5_000_000
    packets_max: int = 25_000_000
    read_timeout_s: float = 30.0

    def decoder_options(self) -> dict[str, str]:
        """Options that a codec context must be given, each time anew: `av.open` does not hand its own on."""
        return {
            "codec_whitelist": ",".join(DECODERS),
            "max_pixels": str(self.pixels_max),
            "max_samples": str(self.samples_max),
        }

    def container_options(self, header: bytes) -> dict[str, str]:
        """Options for opening a container.

        Args:
            header: The first `HEADER_BYTES` of the file.
        """
        return {
            "protocol_whitelist": "none",  # a name that no protocol has
            "format_whitelist": ",".join(formats(header)),
            "codec_whitelist": ",".join(DECODERS),
            "probesize": str(self.probe_bytes),
            "analyzeduration": str(self.probe_us),
            "max_streams": str(self.streams_max),
            "max_probe_packets": "2500",
            "enable_drefs": "0",  # MP4 may name other files as its data
            "use_absolute_path": "0",
        }


def formats(header: bytes) -> tuple[str, ...]:
    """Demuxers that a file with these first bytes may be opened by."""
    avi = header[:4] == b"RIFF" and header[8:11] == b"AVI"
    return FORMATS + AVI_FORMATS if avi else FORMATS
