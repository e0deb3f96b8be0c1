from reelsmith.media.v1 import media_pb2 as _media_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Measure(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MEASURE_UNSPECIFIED: _ClassVar[Measure]
    MEASURE_SHOTS: _ClassVar[Measure]
    MEASURE_PICTURE: _ClassVar[Measure]
    MEASURE_LOUDNESS: _ClassVar[Measure]
    MEASURE_SPEECH: _ClassVar[Measure]
    MEASURE_TRANSCRIPT: _ClassVar[Measure]
    MEASURE_MUSIC: _ClassVar[Measure]
    MEASURE_SUBJECTS: _ClassVar[Measure]
MEASURE_UNSPECIFIED: Measure
MEASURE_SHOTS: Measure
MEASURE_PICTURE: Measure
MEASURE_LOUDNESS: Measure
MEASURE_SPEECH: Measure
MEASURE_TRANSCRIPT: Measure
MEASURE_MUSIC: Measure
MEASURE_SUBJECTS: Measure

class FetchRequest(_message.Message):
    __slots__ = ("source_uri", "output")
    SOURCE_URI_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    source_uri: str
    output: _media_pb2.Output
    def __init__(self, source_uri: _Optional[str] = ..., output: _Optional[_Union[_media_pb2.Output, _Mapping]] = ...) -> None: ...

class FetchResponse(_message.Message):
    __slots__ = ("progress", "result")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: _media_pb2.Progress
    result: FetchResult
    def __init__(self, progress: _Optional[_Union[_media_pb2.Progress, _Mapping]] = ..., result: _Optional[_Union[FetchResult, _Mapping]] = ...) -> None: ...

class FetchResult(_message.Message):
    __slots__ = ("artifact",)
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    artifact: _media_pb2.Artifact
    def __init__(self, artifact: _Optional[_Union[_media_pb2.Artifact, _Mapping]] = ...) -> None: ...

class ProbeRequest(_message.Message):
    __slots__ = ("source_uri", "output")
    SOURCE_URI_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    source_uri: str
    output: _media_pb2.Output
    def __init__(self, source_uri: _Optional[str] = ..., output: _Optional[_Union[_media_pb2.Output, _Mapping]] = ...) -> None: ...

class ProbeResponse(_message.Message):
    __slots__ = ("media", "artifact")
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    media: MediaInfo
    artifact: _media_pb2.Artifact
    def __init__(self, media: _Optional[_Union[MediaInfo, _Mapping]] = ..., artifact: _Optional[_Union[_media_pb2.Artifact, _Mapping]] = ...) -> None: ...

class MediaInfo(_message.Message):
    __slots__ = ("format", "size_bytes", "sha256", "declared_duration_s", "video_streams", "audio_streams", "other_streams", "selected_video_stream", "selected_audio_stream", "faults")
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    DECLARED_DURATION_S_FIELD_NUMBER: _ClassVar[int]
    VIDEO_STREAMS_FIELD_NUMBER: _ClassVar[int]
    AUDIO_STREAMS_FIELD_NUMBER: _ClassVar[int]
    OTHER_STREAMS_FIELD_NUMBER: _ClassVar[int]
    SELECTED_VIDEO_STREAM_FIELD_NUMBER: _ClassVar[int]
    SELECTED_AUDIO_STREAM_FIELD_NUMBER: _ClassVar[int]
    FAULTS_FIELD_NUMBER: _ClassVar[int]
    format: str
    size_bytes: int
    sha256: str
    declared_duration_s: float
    video_streams: _containers.RepeatedCompositeFieldContainer[VideoStream]
    audio_streams: _containers.RepeatedCompositeFieldContainer[AudioStream]
    other_streams: _containers.RepeatedCompositeFieldContainer[OtherStream]
    selected_video_stream: int
    selected_audio_stream: int
    faults: _containers.RepeatedCompositeFieldContainer[Fault]
    def __init__(self, format: _Optional[str] = ..., size_bytes: _Optional[int] = ..., sha256: _Optional[str] = ..., declared_duration_s: _Optional[float] = ..., video_streams: _Optional[_Iterable[_Union[VideoStream, _Mapping]]] = ..., audio_streams: _Optional[_Iterable[_Union[AudioStream, _Mapping]]] = ..., other_streams: _Optional[_Iterable[_Union[OtherStream, _Mapping]]] = ..., selected_video_stream: _Optional[int] = ..., selected_audio_stream: _Optional[int] = ..., faults: _Optional[_Iterable[_Union[Fault, _Mapping]]] = ...) -> None: ...

class VideoStream(_message.Message):
    __slots__ = ("index", "codec", "profile", "width", "height", "rotation", "sample_aspect_ratio", "pixel_format", "frame_rate", "time_base", "variable_frame_rate", "interlaced", "color", "hdr", "declared_frames", "packets", "key_frames_s", "cover_art", "duration_s")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    ROTATION_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_ASPECT_RATIO_FIELD_NUMBER: _ClassVar[int]
    PIXEL_FORMAT_FIELD_NUMBER: _ClassVar[int]
    FRAME_RATE_FIELD_NUMBER: _ClassVar[int]
    TIME_BASE_FIELD_NUMBER: _ClassVar[int]
    VARIABLE_FRAME_RATE_FIELD_NUMBER: _ClassVar[int]
    INTERLACED_FIELD_NUMBER: _ClassVar[int]
    COLOR_FIELD_NUMBER: _ClassVar[int]
    HDR_FIELD_NUMBER: _ClassVar[int]
    DECLARED_FRAMES_FIELD_NUMBER: _ClassVar[int]
    PACKETS_FIELD_NUMBER: _ClassVar[int]
    KEY_FRAMES_S_FIELD_NUMBER: _ClassVar[int]
    COVER_ART_FIELD_NUMBER: _ClassVar[int]
    DURATION_S_FIELD_NUMBER: _ClassVar[int]
    index: int
    codec: str
    profile: str
    width: int
    height: int
    rotation: int
    sample_aspect_ratio: _media_pb2.Rational
    pixel_format: str
    frame_rate: _media_pb2.Rational
    time_base: _media_pb2.Rational
    variable_frame_rate: bool
    interlaced: bool
    color: Color
    hdr: bool
    declared_frames: int
    packets: int
    key_frames_s: _containers.RepeatedScalarFieldContainer[float]
    cover_art: bool
    duration_s: float
    def __init__(self, index: _Optional[int] = ..., codec: _Optional[str] = ..., profile: _Optional[str] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., rotation: _Optional[int] = ..., sample_aspect_ratio: _Optional[_Union[_media_pb2.Rational, _Mapping]] = ..., pixel_format: _Optional[str] = ..., frame_rate: _Optional[_Union[_media_pb2.Rational, _Mapping]] = ..., time_base: _Optional[_Union[_media_pb2.Rational, _Mapping]] = ..., variable_frame_rate: _Optional[bool] = ..., interlaced: _Optional[bool] = ..., color: _Optional[_Union[Color, _Mapping]] = ..., hdr: _Optional[bool] = ..., declared_frames: _Optional[int] = ..., packets: _Optional[int] = ..., key_frames_s: _Optional[_Iterable[float]] = ..., cover_art: _Optional[bool] = ..., duration_s: _Optional[float] = ...) -> None: ...

class Color(_message.Message):
    __slots__ = ("primaries", "transfer", "matrix", "range")
    PRIMARIES_FIELD_NUMBER: _ClassVar[int]
    TRANSFER_FIELD_NUMBER: _ClassVar[int]
    MATRIX_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    primaries: str
    transfer: str
    matrix: str
    range: str
    def __init__(self, primaries: _Optional[str] = ..., transfer: _Optional[str] = ..., matrix: _Optional[str] = ..., range: _Optional[str] = ...) -> None: ...

class AudioStream(_message.Message):
    __slots__ = ("index", "codec", "sample_rate_hz", "channels", "channel_layout", "language", "duration_s", "default")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_RATE_HZ_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_LAYOUT_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    DURATION_S_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_FIELD_NUMBER: _ClassVar[int]
    index: int
    codec: str
    sample_rate_hz: int
    channels: int
    channel_layout: str
    language: str
    duration_s: float
    default: bool
    def __init__(self, index: _Optional[int] = ..., codec: _Optional[str] = ..., sample_rate_hz: _Optional[int] = ..., channels: _Optional[int] = ..., channel_layout: _Optional[str] = ..., language: _Optional[str] = ..., duration_s: _Optional[float] = ..., default: _Optional[bool] = ...) -> None: ...

class OtherStream(_message.Message):
    __slots__ = ("index", "kind", "codec", "language")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CODEC_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    index: int
    kind: str
    codec: str
    language: str
    def __init__(self, index: _Optional[int] = ..., kind: _Optional[str] = ..., codec: _Optional[str] = ..., language: _Optional[str] = ...) -> None: ...

class Fault(_message.Message):
    __slots__ = ("code", "detail")
    CODE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    code: str
    detail: str
    def __init__(self, code: _Optional[str] = ..., detail: _Optional[str] = ...) -> None: ...

class AnalyzeRequest(_message.Message):
    __slots__ = ("source_uri", "output", "range", "measures", "transcript_uri", "evidence", "language")
    SOURCE_URI_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    MEASURES_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_URI_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    source_uri: str
    output: _media_pb2.Output
    range: _media_pb2.TimeRange
    measures: _containers.RepeatedScalarFieldContainer[Measure]
    transcript_uri: str
    evidence: bool
    language: str
    def __init__(self, source_uri: _Optional[str] = ..., output: _Optional[_Union[_media_pb2.Output, _Mapping]] = ..., range: _Optional[_Union[_media_pb2.TimeRange, _Mapping]] = ..., measures: _Optional[_Iterable[_Union[Measure, str]]] = ..., transcript_uri: _Optional[str] = ..., evidence: _Optional[bool] = ..., language: _Optional[str] = ...) -> None: ...

class AnalyzeResponse(_message.Message):
    __slots__ = ("progress", "result")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: _media_pb2.Progress
    result: AnalyzeResult
    def __init__(self, progress: _Optional[_Union[_media_pb2.Progress, _Mapping]] = ..., result: _Optional[_Union[AnalyzeResult, _Mapping]] = ...) -> None: ...

class AnalyzeResult(_message.Message):
    __slots__ = ("analysis", "artifact", "timings", "cached")
    ANALYSIS_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_FIELD_NUMBER: _ClassVar[int]
    CACHED_FIELD_NUMBER: _ClassVar[int]
    analysis: Analysis
    artifact: _media_pb2.Artifact
    timings: _containers.RepeatedCompositeFieldContainer[Timing]
    cached: bool
    def __init__(self, analysis: _Optional[_Union[Analysis, _Mapping]] = ..., artifact: _Optional[_Union[_media_pb2.Artifact, _Mapping]] = ..., timings: _Optional[_Iterable[_Union[Timing, _Mapping]]] = ..., cached: _Optional[bool] = ...) -> None: ...

class Analysis(_message.Message):
    __slots__ = ("media", "frame_count", "duration_s", "transitions", "shots", "speech", "silence", "loudness", "curve", "transcript", "tempo_bpm", "subjects", "black", "frozen")
    MEDIA_FIELD_NUMBER: _ClassVar[int]
    FRAME_COUNT_FIELD_NUMBER: _ClassVar[int]
    DURATION_S_FIELD_NUMBER: _ClassVar[int]
    TRANSITIONS_FIELD_NUMBER: _ClassVar[int]
    SHOTS_FIELD_NUMBER: _ClassVar[int]
    SPEECH_FIELD_NUMBER: _ClassVar[int]
    SILENCE_FIELD_NUMBER: _ClassVar[int]
    LOUDNESS_FIELD_NUMBER: _ClassVar[int]
    CURVE_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_FIELD_NUMBER: _ClassVar[int]
    TEMPO_BPM_FIELD_NUMBER: _ClassVar[int]
    SUBJECTS_FIELD_NUMBER: _ClassVar[int]
    BLACK_FIELD_NUMBER: _ClassVar[int]
    FROZEN_FIELD_NUMBER: _ClassVar[int]
    media: MediaInfo
    frame_count: int
    duration_s: float
    transitions: _containers.RepeatedCompositeFieldContainer[Transition]
    shots: _containers.RepeatedCompositeFieldContainer[Shot]
    speech: _containers.RepeatedCompositeFieldContainer[_media_pb2.TimeRange]
    silence: _containers.RepeatedCompositeFieldContainer[_media_pb2.TimeRange]
    loudness: Loudness
    curve: Curve
    transcript: Transcript
    tempo_bpm: float
    subjects: _containers.RepeatedCompositeFieldContainer[Subject]
    black: _containers.RepeatedCompositeFieldContainer[_media_pb2.TimeRange]
    frozen: _containers.RepeatedCompositeFieldContainer[_media_pb2.TimeRange]
    def __init__(self, media: _Optional[_Union[MediaInfo, _Mapping]] = ..., frame_count: _Optional[int] = ..., duration_s: _Optional[float] = ..., transitions: _Optional[_Iterable[_Union[Transition, _Mapping]]] = ..., shots: _Optional[_Iterable[_Union[Shot, _Mapping]]] = ..., speech: _Optional[_Iterable[_Union[_media_pb2.TimeRange, _Mapping]]] = ..., silence: _Optional[_Iterable[_Union[_media_pb2.TimeRange, _Mapping]]] = ..., loudness: _Optional[_Union[Loudness, _Mapping]] = ..., curve: _Optional[_Union[Curve, _Mapping]] = ..., transcript: _Optional[_Union[Transcript, _Mapping]] = ..., tempo_bpm: _Optional[float] = ..., subjects: _Optional[_Iterable[_Union[Subject, _Mapping]]] = ..., black: _Optional[_Iterable[_Union[_media_pb2.TimeRange, _Mapping]]] = ..., frozen: _Optional[_Iterable[_Union[_media_pb2.TimeRange, _Mapping]]] = ...) -> None: ...

class Transcript(_message.Message):
    __slots__ = ("source", "format", "language", "stream", "name", "cues", "sentences", "word_times", "model", "language_probability")
    class Source(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        SOURCE_UNSPECIFIED: _ClassVar[Transcript.Source]
        SOURCE_EMBEDDED: _ClassVar[Transcript.Source]
        SOURCE_SIDECAR: _ClassVar[Transcript.Source]
        SOURCE_RECOGNITION: _ClassVar[Transcript.Source]
    SOURCE_UNSPECIFIED: Transcript.Source
    SOURCE_EMBEDDED: Transcript.Source
    SOURCE_SIDECAR: Transcript.Source
    SOURCE_RECOGNITION: Transcript.Source
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CUES_FIELD_NUMBER: _ClassVar[int]
    SENTENCES_FIELD_NUMBER: _ClassVar[int]
    WORD_TIMES_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    source: Transcript.Source
    format: str
    language: str
    stream: int
    name: str
    cues: int
    sentences: int
    word_times: bool
    model: str
    language_probability: float
    def __init__(self, source: _Optional[_Union[Transcript.Source, str]] = ..., format: _Optional[str] = ..., language: _Optional[str] = ..., stream: _Optional[int] = ..., name: _Optional[str] = ..., cues: _Optional[int] = ..., sentences: _Optional[int] = ..., word_times: _Optional[bool] = ..., model: _Optional[str] = ..., language_probability: _Optional[float] = ...) -> None: ...

class Subject(_message.Message):
    __slots__ = ("id", "shot", "time", "score", "speaking")
    ID_FIELD_NUMBER: _ClassVar[int]
    SHOT_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    SPEAKING_FIELD_NUMBER: _ClassVar[int]
    id: int
    shot: int
    time: _media_pb2.TimeRange
    score: float
    speaking: float
    def __init__(self, id: _Optional[int] = ..., shot: _Optional[int] = ..., time: _Optional[_Union[_media_pb2.TimeRange, _Mapping]] = ..., score: _Optional[float] = ..., speaking: _Optional[float] = ...) -> None: ...

class Transition(_message.Message):
    __slots__ = ("kind", "frame", "start_frame", "end_frame")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[Transition.Kind]
        KIND_CUT: _ClassVar[Transition.Kind]
        KIND_FADE: _ClassVar[Transition.Kind]
        KIND_DISSOLVE: _ClassVar[Transition.Kind]
    KIND_UNSPECIFIED: Transition.Kind
    KIND_CUT: Transition.Kind
    KIND_FADE: Transition.Kind
    KIND_DISSOLVE: Transition.Kind
    KIND_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    START_FRAME_FIELD_NUMBER: _ClassVar[int]
    END_FRAME_FIELD_NUMBER: _ClassVar[int]
    kind: Transition.Kind
    frame: int
    start_frame: int
    end_frame: int
    def __init__(self, kind: _Optional[_Union[Transition.Kind, str]] = ..., frame: _Optional[int] = ..., start_frame: _Optional[int] = ..., end_frame: _Optional[int] = ...) -> None: ...

class Shot(_message.Message):
    __slots__ = ("frames", "time", "camera", "content")
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    frames: _media_pb2.FrameRange
    time: _media_pb2.TimeRange
    camera: Camera
    content: Content
    def __init__(self, frames: _Optional[_Union[_media_pb2.FrameRange, _Mapping]] = ..., time: _Optional[_Union[_media_pb2.TimeRange, _Mapping]] = ..., camera: _Optional[_Union[Camera, _Mapping]] = ..., content: _Optional[_Union[Content, _Mapping]] = ...) -> None: ...

class Content(_message.Message):
    __slots__ = ("left", "top", "right", "bottom")
    LEFT_FIELD_NUMBER: _ClassVar[int]
    TOP_FIELD_NUMBER: _ClassVar[int]
    RIGHT_FIELD_NUMBER: _ClassVar[int]
    BOTTOM_FIELD_NUMBER: _ClassVar[int]
    left: int
    top: int
    right: int
    bottom: int
    def __init__(self, left: _Optional[int] = ..., top: _Optional[int] = ..., right: _Optional[int] = ..., bottom: _Optional[int] = ...) -> None: ...

class Camera(_message.Message):
    __slots__ = ("kind", "pan", "tilt", "zoom", "roll", "shake", "object_motion")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[Camera.Kind]
        KIND_STATIC: _ClassVar[Camera.Kind]
        KIND_PAN_LEFT: _ClassVar[Camera.Kind]
        KIND_PAN_RIGHT: _ClassVar[Camera.Kind]
        KIND_TILT_UP: _ClassVar[Camera.Kind]
        KIND_TILT_DOWN: _ClassVar[Camera.Kind]
        KIND_ZOOM_IN: _ClassVar[Camera.Kind]
        KIND_ZOOM_OUT: _ClassVar[Camera.Kind]
        KIND_HANDHELD: _ClassVar[Camera.Kind]
    KIND_UNSPECIFIED: Camera.Kind
    KIND_STATIC: Camera.Kind
    KIND_PAN_LEFT: Camera.Kind
    KIND_PAN_RIGHT: Camera.Kind
    KIND_TILT_UP: Camera.Kind
    KIND_TILT_DOWN: Camera.Kind
    KIND_ZOOM_IN: Camera.Kind
    KIND_ZOOM_OUT: Camera.Kind
    KIND_HANDHELD: Camera.Kind
    KIND_FIELD_NUMBER: _ClassVar[int]
    PAN_FIELD_NUMBER: _ClassVar[int]
    TILT_FIELD_NUMBER: _ClassVar[int]
    ZOOM_FIELD_NUMBER: _ClassVar[int]
    ROLL_FIELD_NUMBER: _ClassVar[int]
    SHAKE_FIELD_NUMBER: _ClassVar[int]
    OBJECT_MOTION_FIELD_NUMBER: _ClassVar[int]
    kind: Camera.Kind
    pan: float
    tilt: float
    zoom: float
    roll: float
    shake: float
    object_motion: float
    def __init__(self, kind: _Optional[_Union[Camera.Kind, str]] = ..., pan: _Optional[float] = ..., tilt: _Optional[float] = ..., zoom: _Optional[float] = ..., roll: _Optional[float] = ..., shake: _Optional[float] = ..., object_motion: _Optional[float] = ...) -> None: ...

class Loudness(_message.Message):
    __slots__ = ("integrated_lufs", "true_peak_dbtp", "range_lu", "momentary_max_lufs", "short_term_max_lufs")
    INTEGRATED_LUFS_FIELD_NUMBER: _ClassVar[int]
    TRUE_PEAK_DBTP_FIELD_NUMBER: _ClassVar[int]
    RANGE_LU_FIELD_NUMBER: _ClassVar[int]
    MOMENTARY_MAX_LUFS_FIELD_NUMBER: _ClassVar[int]
    SHORT_TERM_MAX_LUFS_FIELD_NUMBER: _ClassVar[int]
    integrated_lufs: float
    true_peak_dbtp: float
    range_lu: float
    momentary_max_lufs: float
    short_term_max_lufs: float
    def __init__(self, integrated_lufs: _Optional[float] = ..., true_peak_dbtp: _Optional[float] = ..., range_lu: _Optional[float] = ..., momentary_max_lufs: _Optional[float] = ..., short_term_max_lufs: _Optional[float] = ...) -> None: ...

class Curve(_message.Message):
    __slots__ = ("interval_s", "highlight")
    INTERVAL_S_FIELD_NUMBER: _ClassVar[int]
    HIGHLIGHT_FIELD_NUMBER: _ClassVar[int]
    interval_s: float
    highlight: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, interval_s: _Optional[float] = ..., highlight: _Optional[_Iterable[float]] = ...) -> None: ...

class Timing(_message.Message):
    __slots__ = ("stage", "wall_s", "cpu_s")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    WALL_S_FIELD_NUMBER: _ClassVar[int]
    CPU_S_FIELD_NUMBER: _ClassVar[int]
    stage: str
    wall_s: float
    cpu_s: float
    def __init__(self, stage: _Optional[str] = ..., wall_s: _Optional[float] = ..., cpu_s: _Optional[float] = ...) -> None: ...

class ProposeClipsRequest(_message.Message):
    __slots__ = ("output", "analysis_path", "count", "duration_min_s", "duration_max_s", "weights", "keywords", "exclusions", "gap_min_s", "genre", "diversity", "durations", "durations_apart", "explain", "config_path")
    class WeightsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    ANALYSIS_PATH_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    DURATION_MIN_S_FIELD_NUMBER: _ClassVar[int]
    DURATION_MAX_S_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    KEYWORDS_FIELD_NUMBER: _ClassVar[int]
    EXCLUSIONS_FIELD_NUMBER: _ClassVar[int]
    GAP_MIN_S_FIELD_NUMBER: _ClassVar[int]
    GENRE_FIELD_NUMBER: _ClassVar[int]
    DIVERSITY_FIELD_NUMBER: _ClassVar[int]
    DURATIONS_FIELD_NUMBER: _ClassVar[int]
    DURATIONS_APART_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    CONFIG_PATH_FIELD_NUMBER: _ClassVar[int]
    output: _media_pb2.Output
    analysis_path: str
    count: int
    duration_min_s: float
    duration_max_s: float
    weights: _containers.ScalarMap[str, float]
    keywords: _containers.RepeatedScalarFieldContainer[str]
    exclusions: _containers.RepeatedCompositeFieldContainer[_media_pb2.TimeRange]
    gap_min_s: float
    genre: str
    diversity: float
    durations: _containers.RepeatedCompositeFieldContainer[_media_pb2.ClipDuration]
    durations_apart: bool
    explain: int
    config_path: str
    def __init__(self, output: _Optional[_Union[_media_pb2.Output, _Mapping]] = ..., analysis_path: _Optional[str] = ..., count: _Optional[int] = ..., duration_min_s: _Optional[float] = ..., duration_max_s: _Optional[float] = ..., weights: _Optional[_Mapping[str, float]] = ..., keywords: _Optional[_Iterable[str]] = ..., exclusions: _Optional[_Iterable[_Union[_media_pb2.TimeRange, _Mapping]]] = ..., gap_min_s: _Optional[float] = ..., genre: _Optional[str] = ..., diversity: _Optional[float] = ..., durations: _Optional[_Iterable[_Union[_media_pb2.ClipDuration, _Mapping]]] = ..., durations_apart: _Optional[bool] = ..., explain: _Optional[int] = ..., config_path: _Optional[str] = ...) -> None: ...

class ProposeClipsResponse(_message.Message):
    __slots__ = ("proposals", "artifact", "config_version", "genre", "genre_reason", "left_out")
    PROPOSALS_FIELD_NUMBER: _ClassVar[int]
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    CONFIG_VERSION_FIELD_NUMBER: _ClassVar[int]
    GENRE_FIELD_NUMBER: _ClassVar[int]
    GENRE_REASON_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    proposals: _containers.RepeatedCompositeFieldContainer[Proposal]
    artifact: _media_pb2.Artifact
    config_version: int
    genre: str
    genre_reason: str
    left_out: _containers.RepeatedCompositeFieldContainer[LeftOutClip]
    def __init__(self, proposals: _Optional[_Iterable[_Union[Proposal, _Mapping]]] = ..., artifact: _Optional[_Union[_media_pb2.Artifact, _Mapping]] = ..., config_version: _Optional[int] = ..., genre: _Optional[str] = ..., genre_reason: _Optional[str] = ..., left_out: _Optional[_Iterable[_Union[LeftOutClip, _Mapping]]] = ...) -> None: ...

class LeftOutClip(_message.Message):
    __slots__ = ("clip", "reason", "ranks", "detail")
    class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        REASON_UNSPECIFIED: _ClassVar[LeftOutClip.Reason]
        REASON_EXCLUDED: _ClassVar[LeftOutClip.Reason]
        REASON_OVERLAPS: _ClassVar[LeftOutClip.Reason]
        REASON_TOO_NEAR: _ClassVar[LeftOutClip.Reason]
        REASON_TOO_ALIKE: _ClassVar[LeftOutClip.Reason]
        REASON_LOWER_SCORE: _ClassVar[LeftOutClip.Reason]
    REASON_UNSPECIFIED: LeftOutClip.Reason
    REASON_EXCLUDED: LeftOutClip.Reason
    REASON_OVERLAPS: LeftOutClip.Reason
    REASON_TOO_NEAR: LeftOutClip.Reason
    REASON_TOO_ALIKE: LeftOutClip.Reason
    REASON_LOWER_SCORE: LeftOutClip.Reason
    CLIP_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RANKS_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    clip: Proposal
    reason: LeftOutClip.Reason
    ranks: _containers.RepeatedScalarFieldContainer[int]
    detail: str
    def __init__(self, clip: _Optional[_Union[Proposal, _Mapping]] = ..., reason: _Optional[_Union[LeftOutClip.Reason, str]] = ..., ranks: _Optional[_Iterable[int]] = ..., detail: _Optional[str] = ...) -> None: ...

class Proposal(_message.Message):
    __slots__ = ("rank", "time", "frames", "score", "terms", "target_s")
    RANK_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    TARGET_S_FIELD_NUMBER: _ClassVar[int]
    rank: int
    time: _media_pb2.TimeRange
    frames: _media_pb2.FrameRange
    score: float
    terms: _containers.RepeatedCompositeFieldContainer[Term]
    target_s: float
    def __init__(self, rank: _Optional[int] = ..., time: _Optional[_Union[_media_pb2.TimeRange, _Mapping]] = ..., frames: _Optional[_Union[_media_pb2.FrameRange, _Mapping]] = ..., score: _Optional[float] = ..., terms: _Optional[_Iterable[_Union[Term, _Mapping]]] = ..., target_s: _Optional[float] = ...) -> None: ...

class Term(_message.Message):
    __slots__ = ("name", "value", "weight", "contribution", "state", "reason")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Term.State]
        STATE_MEASURED: _ClassVar[Term.State]
        STATE_UNKNOWN: _ClassVar[Term.State]
    STATE_UNSPECIFIED: Term.State
    STATE_MEASURED: Term.State
    STATE_UNKNOWN: Term.State
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    CONTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: float
    weight: float
    contribution: float
    state: Term.State
    reason: str
    def __init__(self, name: _Optional[str] = ..., value: _Optional[float] = ..., weight: _Optional[float] = ..., contribution: _Optional[float] = ..., state: _Optional[_Union[Term.State, str]] = ..., reason: _Optional[str] = ...) -> None: ...

class GetCapabilitiesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetCapabilitiesResponse(_message.Message):
    __slots__ = ("backend", "devices", "decoders", "formats", "capacity", "protections", "version", "backend_detail", "device_decoders", "recognition")
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    DEVICES_FIELD_NUMBER: _ClassVar[int]
    DECODERS_FIELD_NUMBER: _ClassVar[int]
    FORMATS_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    PROTECTIONS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    BACKEND_DETAIL_FIELD_NUMBER: _ClassVar[int]
    DEVICE_DECODERS_FIELD_NUMBER: _ClassVar[int]
    RECOGNITION_FIELD_NUMBER: _ClassVar[int]
    backend: str
    devices: _containers.RepeatedScalarFieldContainer[str]
    decoders: _containers.RepeatedScalarFieldContainer[str]
    formats: _containers.RepeatedScalarFieldContainer[str]
    capacity: _media_pb2.Capacity
    protections: _containers.RepeatedCompositeFieldContainer[_media_pb2.Protection]
    version: str
    backend_detail: str
    device_decoders: _containers.RepeatedScalarFieldContainer[str]
    recognition: Recognition
    def __init__(self, backend: _Optional[str] = ..., devices: _Optional[_Iterable[str]] = ..., decoders: _Optional[_Iterable[str]] = ..., formats: _Optional[_Iterable[str]] = ..., capacity: _Optional[_Union[_media_pb2.Capacity, _Mapping]] = ..., protections: _Optional[_Iterable[_Union[_media_pb2.Protection, _Mapping]]] = ..., version: _Optional[str] = ..., backend_detail: _Optional[str] = ..., device_decoders: _Optional[_Iterable[str]] = ..., recognition: _Optional[_Union[Recognition, _Mapping]] = ...) -> None: ...

class Recognition(_message.Message):
    __slots__ = ("available", "detail", "model", "sha256", "languages", "capacity")
    AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    LANGUAGES_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    available: bool
    detail: str
    model: str
    sha256: str
    languages: int
    capacity: _media_pb2.Capacity
    def __init__(self, available: _Optional[bool] = ..., detail: _Optional[str] = ..., model: _Optional[str] = ..., sha256: _Optional[str] = ..., languages: _Optional[int] = ..., capacity: _Optional[_Union[_media_pb2.Capacity, _Mapping]] = ...) -> None: ...
