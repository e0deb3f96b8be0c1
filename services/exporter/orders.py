"""What is asked of the exporter, and whether it can be asked at all."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from chassis import errors
from services.exporter import again, asked, layouts, passing, presets, survey
from services.exporter import dressing as dressing_module

NAME = re.compile(r"[a-z0-9_-]{1,64}")


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """A clip that is asked for, checked by the caller's translator only for its types."""

    source_uri: str
    session_id: str
    directory: str
    name: str
    wanted: survey.Wanted
    preset: str
    aspect_ratio: str
    """Empty for the preset's."""
    layout: str
    analysis_path: str
    proposal: Mapping[str, Any] | None
    mode: str = passing.AUTO
    video_codec: str = ""
    """Empty for the preset's."""
    dressing: dressing_module.Wish = dataclasses.field(default_factory=dressing_module.Wish)
    edit: asked.Edit = asked.UNEDITED
    """Without ranges it is about `wanted`."""
    recipe: again.Recipe | None = None
    """What a manifest says, where one is rendered again."""
    request: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """What was asked, as it is kept in the manifest to be asked again."""
    config_path: str = ""
    """Of the configuration that counts, in the session; empty for the one in force."""
    config: Mapping[str, Any] | None = None
    """What the manifest says of that configuration: its version, and whether the job is pinned to it."""

    @property
    def wish(self) -> asked.Edit:
        """The edit with its ranges."""
        return dataclasses.replace(self.edit, ranges=self.edit.ranges or (asked.Range(self.wanted),))


def refuse_malformed(order: Order) -> None:
    """Refuses an order that no source could fulfil.

    Raises:
        errors.InvalidArgument: it is malformed.
        errors.Unimplemented: this version has no such layout.
    """
    wrong = []
    if not NAME.fullmatch(order.name):
        wrong.append(errors.Field("name", "must be 1 to 64 of a-z 0-9 _ -"))
    wrong += [errors.Field(f"edit.{name}", rule) for name, rule in asked.violations(order.wish)]
    if order.aspect_ratio and order.aspect_ratio not in presets.ASPECT_RATIOS:
        wrong.append(errors.Field("aspect_ratio", f"must be one of {', '.join(presets.ASPECT_RATIOS)}"))
    wrong += dressing_module.violations(order.dressing)
    if wrong:
        detail = "; ".join(f"{field.name} {field.description}" for field in wrong)
        raise errors.InvalidArgument(f"the clip cannot be exported: {detail}", reason="BAD_REQUEST", fields=wrong)
    if order.layout not in layouts.CHOICES:
        raise errors.Unimplemented(
            f"this version has no layout {order.layout!r}; it has {', '.join(layouts.CHOICES)}",
            reason="LAYOUT_UNIMPLEMENTED",
            metadata={"layout": order.layout},
        )
