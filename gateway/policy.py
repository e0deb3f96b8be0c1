"""Who may call which method of the gateway."""

from chassis.identity import caller, policy

VIEWER, EDITOR, OPERATOR, ADMIN = caller.Role

RULES = policy.by_role(
    "reelsmith.gateway.v1.ClipService",
    {
        "GetJob": VIEWER,
        "ListJobs": VIEWER,
        "WatchJob": VIEWER,
        "ListClips": VIEWER,
        "GetClip": VIEWER,
        "DownloadArtifact": VIEWER,
        "GetUpload": VIEWER,
        "ListPublications": VIEWER,
        "RecordPublication": EDITOR,
        "CreateClips": EDITOR,
        "CreateClipsBatch": EDITOR,
        "CancelJob": EDITOR,
        "RetryJob": EDITOR,
        "UploadSource": EDITOR,
        "DeleteUpload": EDITOR,
        "RenderClip": EDITOR,
        "DeleteSession": EDITOR,
        "GetSuiteConfig": OPERATOR,  # tells how every service is set
        "GetSuiteStatus": OPERATOR,  # tells the address and version of every process
        "ListAuditEvents": ADMIN,  # of all tenants
        "VerifyAudit": ADMIN,
    },
)
