"""Who may change a document directly: nobody where files or a second person decide."""

from chassis import errors
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

    def check_direct(self, environment: str) -> None:
        """Looks whether one person may change an environment's document.

        Raises:
            errors.FailedPrecondition: It comes from files, or needs a second person.
        """
        self.check_files(environment)
        if self._approvals & {environment, ALL}:
            message = f"changes of {environment} need a second person: propose them"
            raise errors.FailedPrecondition(message, reason="APPROVAL_REQUIRED", metadata={"environment": environment})
