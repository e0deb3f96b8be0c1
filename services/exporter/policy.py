"""Who may call which method of the exporter."""

from chassis.identity import policy

RULES = policy.by_peer(
    "reelsmith.exporter.v1.ExporterService",
    {
        "ExportClip": "jobs",
        "RenderImages": "jobs",
        "RenderReport": "jobs",
        "ExportTimeline": "jobs",
        "VerifyClip": "jobs",
        "ListPresets": "gateway jobs",
        "GetPreset": "gateway jobs",
        "GetCapabilities": "gateway jobs",
    },
)
