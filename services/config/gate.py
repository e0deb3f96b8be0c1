"""Who may change a document directly: nobody where files or a second person decide."""

from collections.abc import Sequence

from chassis import errors
from services.config import lasting
from services.config.sources import folder as folder_module

ALL = "*"


class Gate:
    """Refuses direct changes of some environments.

    Args:
        folder: Files that documents come from.
        approvals: Environments whose changes need a second person, separated by commas; `*` for all.
    """

    def __init__(self, folder: folder_module.Folder, approvals: str) -> None:
        self._folder = folder
        self._approvals = {name.strip() for name in approvals.split(",") if name.strip()}

    def check_files(self, environment: str) -> None:
        """Looks whether an environment's document may be changed by calls at all.

        Raises:
            errors.FailedPrecondition: It comes from files.
        """
        if self._folder.has(environment):
            message = f"the document of {environment} comes from files: change them"
            raise errors.FailedPrecondition(message, reason="MANAGED_BY_FILES", metadata={"environment": environment})

    def check_change(self, environment: str, paths: Sequence[str]) -> None:
        """Looks whether one person may change these parts of an environment's document; none stands for all of it.

        Keys are made and revoked by one person even there: one that leaked cannot wait.

        Raises:
            errors.FailedPrecondition: They come from files, or need a second person.
        """
        by_files = self._folder.has(environment) and self._folder.keeps(environment)
        if by_files or not lasting.only(paths):
            self.check_direct(environment)

    def check_direct(self, environment: str) -> None:
        """Looks whether one person may change an environment's document.

        Raises:
            errors.FailedPrecondition: It comes from files, or needs a second person.
        """
        self.check_files(environment)
        if self._approvals & {environment, ALL}:
            message = f"changes of {environment} need a second person: propose them"
            raise errors.FailedPrecondition(message, reason="APPROVAL_REQUIRED", metadata={"environment": environment})
