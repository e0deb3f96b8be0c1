from reelsmith.media.v1 import media_pb2 as _media_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AspectRatio(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ASPECT_RATIO_UNSPECIFIED: _ClassVar[AspectRatio]
    ASPECT_RATIO_9_16: _ClassVar[AspectRatio]
    ASPECT_RATIO_1_1: _ClassVar[AspectRatio]
    ASPECT_RATIO_4_5: _ClassVar[AspectRatio]
    ASPECT_RATIO_16_9: _ClassVar[AspectRatio]

class Layout(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    LAYOUT_UNSPECIFIED: _ClassVar[Layout]
    LAYOUT_FILL: _ClassVar[Layout]
    LAYOUT_FIT_BLUR: _ClassVar[Layout]
    LAYOUT_LETTERBOX: _ClassVar[Layout]
    LAYOUT_SPLIT: _ClassVar[Layout]
    LAYOUT_STACK: _ClassVar[Layout]
    LAYOUT_AUTO: _ClassVar[Layout]

class ExportMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EXPORT_MODE_UNSPECIFIED: _ClassVar[ExportMode]
    EXPORT_MODE_RENDER: _ClassVar[ExportMode]
    EXPORT_MODE_SMART_CUT: _ClassVar[ExportMode]

class VideoCodec(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VIDEO_CODEC_UNSPECIFIED: _ClassVar[VideoCodec]
    VIDEO_CODEC_H264: _ClassVar[VideoCodec]
    VIDEO_CODEC_HEVC: _ClassVar[VideoCodec]
    VIDEO_CODEC_AV1: _ClassVar[VideoCodec]
    VIDEO_CODEC_VP9: _ClassVar[VideoCodec]
ASPECT_RATIO_UNSPECIFIED: AspectRatio
ASPECT_RATIO_9_16: AspectRatio
ASPECT_RATIO_1_1: AspectRatio
ASPECT_RATIO_4_5: AspectRatio
ASPECT_RATIO_16_9: AspectRatio
LAYOUT_UNSPECIFIED: Layout
LAYOUT_FILL: Layout
LAYOUT_FIT_BLUR: Layout
LAYOUT_LETTERBOX: Layout
LAYOUT_SPLIT: Layout
LAYOUT_STACK: Layout
LAYOUT_AUTO: Layout
EXPORT_MODE_UNSPECIFIED: ExportMode
EXPORT_MODE_RENDER: ExportMode
EXPORT_MODE_SMART_CUT: ExportMode
VIDEO_CODEC_UNSPECIFIED: VideoCodec
VIDEO_CODEC_H264: VideoCodec
VIDEO_CODEC_HEVC: VideoCodec
VIDEO_CODEC_AV1: VideoCodec
VIDEO_CODEC_VP9: VideoCodec

class ExportClipRequest(_message.Message):
    __slots__ = ("source_uri", "output", "time", "frames", "name", "preset", "aspect_ratio", "layout", "analysis_path", "proposal_json", "captions", "overlays", "mode", "video_codec", "edit", "manifest_path", "config_path")
    SOURCE_URI_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PRESET_FIELD_NUMBER: _ClassVar[int]
    ASPECT_RATIO_FIELD_NUMBER: _ClassVar[int]
    LAYOUT_FIELD_NUMBER: _ClassVar[int]
    ANALYSIS_PATH_FIELD_NUMBER: _ClassVar[int]
    PROPOSAL_JSON_FIELD_NUMBER: _ClassVar[int]
    CAPTIONS_FIELD_NUMBER: _ClassVar[int]
    OVERLAYS_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    VIDEO_CODEC_FIELD_NUMBER: _ClassVar[int]
    EDIT_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_PATH_FIELD_NUMBER: _ClassVar[int]
    CONFIG_PATH_FIELD_NUMBER: _ClassVar[int]
    source_uri: str
    output: _media_pb2.Output
    time: _media_pb2.TimeRange
    frames: _media_pb2.FrameRange
    name: str
    preset: str
    aspect_ratio: AspectRatio
    layout: Layout
    analysis_path: str
    proposal_json: str
    captions: CaptionOptions
    overlays: Overlays
    mode: ExportMode
    video_codec: VideoCodec
    edit: Edit
    manifest_path: str
    config_path: str
    def __init__(self, source_uri: _Optional[str] = ..., output: _Optional[_Union[_media_pb2.Output, _Mapping]] = ..., time: _Optional[_Union[_media_pb2.TimeRange, _Mapping]] = ..., frames: _Optional[_Union[_media_pb2.FrameRange, _Mapping]] = ..., name: _Optional[str] = ..., preset: _Optional[str] = ..., aspect_ratio: _Optional[_Union[AspectRatio, str]] = ..., layout: _Optional[_Union[Layout, str]] = ..., analysis_path: _Optional[str] = ..., proposal_json: _Optional[str] = ..., captions: _Optional[_Union[CaptionOptions, _Mapping]] = ..., overlays: _Optional[_Union[Overlays, _Mapping]] = ..., mode: _Optional[_Union[ExportMode, str]] = ..., video_codec: _Optional[_Union[VideoCodec, str]] = ..., edit: _Optional[_Union[Edit, _Mapping]] = ..., manifest_path: _Optional[str] = ..., config_path: _Optional[str] = ...) -> None: ...

class CaptionOptions(_message.Message):
    __slots__ = ("style", "formats", "text_track")
    class Format(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        FORMAT_UNSPECIFIED: _ClassVar[CaptionOptions.Format]
        FORMAT_SRT: _ClassVar[CaptionOptions.Format]
        FORMAT_VTT: _ClassVar[CaptionOptions.Format]
        FORMAT_ASS: _ClassVar[CaptionOptions.Format]
    FORMAT_UNSPECIFIED: CaptionOptions.Format
    FORMAT_SRT: CaptionOptions.Format
    FORMAT_VTT: CaptionOptions.Format
    FORMAT_ASS: CaptionOptions.Format
    STYLE_FIELD_NUMBER: _ClassVar[int]
    FORMATS_FIELD_NUMBER: _ClassVar[int]
    TEXT_TRACK_FIELD_NUMBER: _ClassVar[int]
    style: str
    formats: _containers.RepeatedScalarFieldContainer[CaptionOptions.Format]
    text_track: bool
    def __init__(self, style: _Optional[str] = ..., formats: _Optional[_Iterable[_Union[CaptionOptions.Format, str]]] = ..., text_track: _Optional[bool] = ...) -> None: ...

class Overlays(_message.Message):
    __slots__ = ("title", "title_s", "hook", "hook_s", "progress_bar", "logo_uri", "logo_corner", "logo_opacity")
    class Corner(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        CORNER_UNSPECIFIED: _ClassVar[Overlays.Corner]
        CORNER_TOP_LEFT: _ClassVar[Overlays.Corner]
        CORNER_TOP_RIGHT: _ClassVar[Overlays.Corner]
        CORNER_BOTTOM_LEFT: _ClassVar[Overlays.Corner]
        CORNER_BOTTOM_RIGHT: _ClassVar[Overlays.Corner]
    CORNER_UNSPECIFIED: Overlays.Corner
    CORNER_TOP_LEFT: Overlays.Corner
    CORNER_TOP_RIGHT: Overlays.Corner
    CORNER_BOTTOM_LEFT: Overlays.Corner
    CORNER_BOTTOM_RIGHT: Overlays.Corner
    TITLE_FIELD_NUMBER: _ClassVar[int]
    TITLE_S_FIELD_NUMBER: _ClassVar[int]
    HOOK_FIELD_NUMBER: _ClassVar[int]
    HOOK_S_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_BAR_FIELD_NUMBER: _ClassVar[int]
    LOGO_URI_FIELD_NUMBER: _ClassVar[int]
    LOGO_CORNER_FIELD_NUMBER: _ClassVar[int]
    LOGO_OPACITY_FIELD_NUMBER: _ClassVar[int]
    title: str
    title_s: float
    hook: str
    hook_s: float
    progress_bar: bool
    logo_uri: str
    logo_corner: Overlays.Corner
    logo_opacity: float
    def __init__(self, title: _Optional[str] = ..., title_s: _Optional[float] = ..., hook: _Optional[str] = ..., hook_s: _Optional[float] = ..., progress_bar: _Optional[bool] = ..., logo_uri: _Optional[str] = ..., logo_corner: _Optional[_Union[Overlays.Corner, str]] = ..., logo_opacity: _Optional[float] = ...) -> None: ...

class Edit(_message.Message):
    __slots__ = ("ranges", "tightening", "speed", "fades", "audio_track")
    RANGES_FIELD_NUMBER: _ClassVar[int]
    TIGHTENING_FIELD_NUMBER: _ClassVar[int]
    SPEED_FIELD_NUMBER: _ClassVar[int]
    FADES_FIELD_NUMBER: _ClassVar[int]
    AUDIO_TRACK_FIELD_NUMBER: _ClassVar[int]
    ranges: _containers.RepeatedCompositeFieldContainer[SourceRange]
    tightening: Tightening
    speed: float
    fades: Fades
    audio_track: AudioTrack
    def __init__(self, ranges: _Optional[_Iterable[_Union[SourceRange, _Mapping]]] = ..., tightening: _Optional[_Union[Tightening, _Mapping]] = ..., speed: _Optional[float] = ..., fades: _Optional[_Union[Fades, _Mapping]] = ..., audio_track: _Optional[_Union[AudioTrack, _Mapping]] = ...) -> None: ...

class SourceRange(_message.Message):
    __slots__ = ("time", "frames", "speed")
    TIME_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    SPEED_FIELD_NUMBER: _ClassVar[int]
    time: _media_pb2.TimeRange
    frames: _media_pb2.FrameRange
    speed: float
    def __init__(self, time: _Optional[_Union[_media_pb2.TimeRange, _Mapping]] = ..., frames: _Optional[_Union[_media_pb2.FrameRange, _Mapping]] = ..., speed: _Optional[float] = ...) -> None: ...

class Tightening(_message.Message):
    __slots__ = ("silence_min_s", "pre_roll_s", "post_roll_s", "keep_silence", "keep_fillers", "filler_words")
    SILENCE_MIN_S_FIELD_NUMBER: _ClassVar[int]
    PRE_ROLL_S_FIELD_NUMBER: _ClassVar[int]
    POST_ROLL_S_FIELD_NUMBER: _ClassVar[int]
    KEEP_SILENCE_FIELD_NUMBER: _ClassVar[int]
    KEEP_FILLERS_FIELD_NUMBER: _ClassVar[int]
    FILLER_WORDS_FIELD_NUMBER: _ClassVar[int]
    silence_min_s: float
    pre_roll_s: float
    post_roll_s: float
    keep_silence: bool
    keep_fillers: bool
    filler_words: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, silence_min_s: _Optional[float] = ..., pre_roll_s: _Optional[float] = ..., post_roll_s: _Optional[float] = ..., keep_silence: _Optional[bool] = ..., keep_fillers: _Optional[bool] = ..., filler_words: _Optional[_Iterable[str]] = ...) -> None: ...

class Fades(_message.Message):
    __slots__ = ("picture_in_s", "picture_out_s", "sound_in_s", "sound_out_s")
    PICTURE_IN_S_FIELD_NUMBER: _ClassVar[int]
    PICTURE_OUT_S_FIELD_NUMBER: _ClassVar[int]
    SOUND_IN_S_FIELD_NUMBER: _ClassVar[int]
    SOUND_OUT_S_FIELD_NUMBER: _ClassVar[int]
    picture_in_s: float
    picture_out_s: float
    sound_in_s: float
    sound_out_s: float
    def __init__(self, picture_in_s: _Optional[float] = ..., picture_out_s: _Optional[float] = ..., sound_in_s: _Optional[float] = ..., sound_out_s: _Optional[float] = ...) -> None: ...

class AudioTrack(_message.Message):
    __slots__ = ("number", "language")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    number: int
    language: str
    def __init__(self, number: _Optional[int] = ..., language: _Optional[str] = ...) -> None: ...

class ExportClipResponse(_message.Message):
    __slots__ = ("progress", "result")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: _media_pb2.Progress
    result: ExportClipResult
    def __init__(self, progress: _Optional[_Union[_media_pb2.Progress, _Mapping]] = ..., result: _Optional[_Union[ExportClipResult, _Mapping]] = ...) -> None: ...

class ExportClipResult(_message.Message):
    __slots__ = ("clip", "manifest", "frames", "checks", "config_version", "captions")
    CLIP_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    CHECKS_FIELD_NUMBER: _ClassVar[int]
    CONFIG_VERSION_FIELD_NUMBER: _ClassVar[int]
    CAPTIONS_FIELD_NUMBER: _ClassVar[int]
    clip: _media_pb2.Artifact
    manifest: _media_pb2.Artifact
    frames: _media_pb2.FrameRange
    checks: _containers.RepeatedCompositeFieldContainer[Check]
    config_version: int
    captions: _containers.RepeatedCompositeFieldContainer[_media_pb2.Artifact]
    def __init__(self, clip: _Optional[_Union[_media_pb2.Artifact, _Mapping]] = ..., manifest: _Optional[_Union[_media_pb2.Artifact, _Mapping]] = ..., frames: _Optional[_Union[_media_pb2.FrameRange, _Mapping]] = ..., checks: _Optional[_Iterable[_Union[Check, _Mapping]]] = ..., config_version: _Optional[int] = ..., captions: _Optional[_Iterable[_Union[_media_pb2.Artifact, _Mapping]]] = ...) -> None: ...

class Check(_message.Message):
    __slots__ = ("name", "state", "measured", "expected")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Check.State]
        STATE_PASSED: _ClassVar[Check.State]
        STATE_FAILED: _ClassVar[Check.State]
        STATE_SKIPPED: _ClassVar[Check.State]
    STATE_UNSPECIFIED: Check.State
    STATE_PASSED: Check.State
    STATE_FAILED: Check.State
    STATE_SKIPPED: Check.State
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    MEASURED_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    name: str
    state: Check.State
    measured: str
    expected: str
    def __init__(self, name: _Optional[str] = ..., state: _Optional[_Union[Check.State, str]] = ..., measured: _Optional[str] = ..., expected: _Optional[str] = ...) -> None: ...

class ExportTimelineRequest(_message.Message):
    __slots__ = ("output", "manifest_paths", "format")
    class Format(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        FORMAT_UNSPECIFIED: _ClassVar[ExportTimelineRequest.Format]
        FORMAT_OTIO: _ClassVar[ExportTimelineRequest.Format]
        FORMAT_FCPXML: _ClassVar[ExportTimelineRequest.Format]
        FORMAT_EDL: _ClassVar[ExportTimelineRequest.Format]
    FORMAT_UNSPECIFIED: ExportTimelineRequest.Format
    FORMAT_OTIO: ExportTimelineRequest.Format
    FORMAT_FCPXML: ExportTimelineRequest.Format
    FORMAT_EDL: ExportTimelineRequest.Format
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_PATHS_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    output: _media_pb2.Output
    manifest_paths: _containers.RepeatedScalarFieldContainer[str]
    format: ExportTimelineRequest.Format
    def __init__(self, output: _Optional[_Union[_media_pb2.Output, _Mapping]] = ..., manifest_paths: _Optional[_Iterable[str]] = ..., format: _Optional[_Union[ExportTimelineRequest.Format, str]] = ...) -> None: ...

class ExportTimelineResponse(_message.Message):
    __slots__ = ("artifact",)
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    artifact: _media_pb2.Artifact
    def __init__(self, artifact: _Optional[_Union[_media_pb2.Artifact, _Mapping]] = ...) -> None: ...

class RenderImagesRequest(_message.Message):
    __slots__ = ("output", "clip_paths")
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    CLIP_PATHS_FIELD_NUMBER: _ClassVar[int]
    output: _media_pb2.Output
    clip_paths: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, output: _Optional[_Union[_media_pb2.Output, _Mapping]] = ..., clip_paths: _Optional[_Iterable[str]] = ...) -> None: ...

class RenderImagesResponse(_message.Message):
    __slots__ = ("thumbnails", "contact_sheet")
    THUMBNAILS_FIELD_NUMBER: _ClassVar[int]
    CONTACT_SHEET_FIELD_NUMBER: _ClassVar[int]
    thumbnails: _containers.RepeatedCompositeFieldContainer[_media_pb2.Artifact]
    contact_sheet: _media_pb2.Artifact
    def __init__(self, thumbnails: _Optional[_Iterable[_Union[_media_pb2.Artifact, _Mapping]]] = ..., contact_sheet: _Optional[_Union[_media_pb2.Artifact, _Mapping]] = ...) -> None: ...

class RenderReportRequest(_message.Message):
    __slots__ = ("output", "analysis_path", "proposals_path", "clips", "title")
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    ANALYSIS_PATH_FIELD_NUMBER: _ClassVar[int]
    PROPOSALS_PATH_FIELD_NUMBER: _ClassVar[int]
    CLIPS_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    output: _media_pb2.Output
    analysis_path: str
    proposals_path: str
    clips: _containers.RepeatedCompositeFieldContainer[ReportClip]
    title: str
    def __init__(self, output: _Optional[_Union[_media_pb2.Output, _Mapping]] = ..., analysis_path: _Optional[str] = ..., proposals_path: _Optional[str] = ..., clips: _Optional[_Iterable[_Union[ReportClip, _Mapping]]] = ..., title: _Optional[str] = ...) -> None: ...

class ReportClip(_message.Message):
    __slots__ = ("rank", "clip_path", "manifest_path", "thumbnail_path", "error")
    RANK_FIELD_NUMBER: _ClassVar[int]
    CLIP_PATH_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_PATH_FIELD_NUMBER: _ClassVar[int]
    THUMBNAIL_PATH_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    rank: int
    clip_path: str
    manifest_path: str
    thumbnail_path: str
    error: str
    def __init__(self, rank: _Optional[int] = ..., clip_path: _Optional[str] = ..., manifest_path: _Optional[str] = ..., thumbnail_path: _Optional[str] = ..., error: _Optional[str] = ...) -> None: ...

class RenderReportResponse(_message.Message):
    __slots__ = ("artifact",)
    ARTIFACT_FIELD_NUMBER: _ClassVar[int]
    artifact: _media_pb2.Artifact
    def __init__(self, artifact: _Optional[_Union[_media_pb2.Artifact, _Mapping]] = ...) -> None: ...

class VerifyClipRequest(_message.Message):
    __slots__ = ("session_id", "clip_path", "manifest_path")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    CLIP_PATH_FIELD_NUMBER: _ClassVar[int]
    MANIFEST_PATH_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    clip_path: str
    manifest_path: str
    def __init__(self, session_id: _Optional[str] = ..., clip_path: _Optional[str] = ..., manifest_path: _Optional[str] = ...) -> None: ...

class VerifyClipResponse(_message.Message):
    __slots__ = ("passed", "checks")
    PASSED_FIELD_NUMBER: _ClassVar[int]
    CHECKS_FIELD_NUMBER: _ClassVar[int]
    passed: bool
    checks: _containers.RepeatedCompositeFieldContainer[Check]
    def __init__(self, passed: _Optional[bool] = ..., checks: _Optional[_Iterable[_Union[Check, _Mapping]]] = ...) -> None: ...

class ListPresetsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListPresetsResponse(_message.Message):
    __slots__ = ("presets", "next_page_token")
    PRESETS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    presets: _containers.RepeatedCompositeFieldContainer[Preset]
    next_page_token: str
    def __init__(self, presets: _Optional[_Iterable[_Union[Preset, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetPresetRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class Preset(_message.Message):
    __slots__ = ("name", "description", "aspect_ratio", "video_codec", "crf", "encoder_preset", "audio_codec", "audio_bit_rate_bps", "loudness_lufs", "true_peak_max_dbtp", "frame_rate_max", "duration_max_s", "size_max_bytes", "config_version", "container", "passthrough", "normalize_loudness", "size_target_bytes")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    ASPECT_RATIO_FIELD_NUMBER: _ClassVar[int]
    VIDEO_CODEC_FIELD_NUMBER: _ClassVar[int]
    CRF_FIELD_NUMBER: _ClassVar[int]
    ENCODER_PRESET_FIELD_NUMBER: _ClassVar[int]
    AUDIO_CODEC_FIELD_NUMBER: _ClassVar[int]
    AUDIO_BIT_RATE_BPS_FIELD_NUMBER: _ClassVar[int]
    LOUDNESS_LUFS_FIELD_NUMBER: _ClassVar[int]
    TRUE_PEAK_MAX_DBTP_FIELD_NUMBER: _ClassVar[int]
    FRAME_RATE_MAX_FIELD_NUMBER: _ClassVar[int]
    DURATION_MAX_S_FIELD_NUMBER: _ClassVar[int]
    SIZE_MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
    CONFIG_VERSION_FIELD_NUMBER: _ClassVar[int]
    CONTAINER_FIELD_NUMBER: _ClassVar[int]
    PASSTHROUGH_FIELD_NUMBER: _ClassVar[int]
    NORMALIZE_LOUDNESS_FIELD_NUMBER: _ClassVar[int]
    SIZE_TARGET_BYTES_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    aspect_ratio: AspectRatio
    video_codec: str
    crf: float
    encoder_preset: str
    audio_codec: str
    audio_bit_rate_bps: int
    loudness_lufs: float
    true_peak_max_dbtp: float
    frame_rate_max: float
    duration_max_s: float
    size_max_bytes: int
    config_version: int
    container: str
    passthrough: bool
    normalize_loudness: bool
    size_target_bytes: int
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., aspect_ratio: _Optional[_Union[AspectRatio, str]] = ..., video_codec: _Optional[str] = ..., crf: _Optional[float] = ..., encoder_preset: _Optional[str] = ..., audio_codec: _Optional[str] = ..., audio_bit_rate_bps: _Optional[int] = ..., loudness_lufs: _Optional[float] = ..., true_peak_max_dbtp: _Optional[float] = ..., frame_rate_max: _Optional[float] = ..., duration_max_s: _Optional[float] = ..., size_max_bytes: _Optional[int] = ..., config_version: _Optional[int] = ..., container: _Optional[str] = ..., passthrough: _Optional[bool] = ..., normalize_loudness: _Optional[bool] = ..., size_target_bytes: _Optional[int] = ...) -> None: ...

class GetCapabilitiesRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetCapabilitiesResponse(_message.Message):
    __slots__ = ("encoders", "layouts", "capacity", "protections", "version")
    ENCODERS_FIELD_NUMBER: _ClassVar[int]
    LAYOUTS_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    PROTECTIONS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    encoders: _containers.RepeatedScalarFieldContainer[str]
    layouts: _containers.RepeatedScalarFieldContainer[Layout]
    capacity: _media_pb2.Capacity
    protections: _containers.RepeatedCompositeFieldContainer[_media_pb2.Protection]
    version: str
    def __init__(self, encoders: _Optional[_Iterable[str]] = ..., layouts: _Optional[_Iterable[_Union[Layout, str]]] = ..., capacity: _Optional[_Union[_media_pb2.Capacity, _Mapping]] = ..., protections: _Optional[_Iterable[_Union[_media_pb2.Protection, _Mapping]]] = ..., version: _Optional[str] = ...) -> None: ...
