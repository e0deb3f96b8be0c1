"""The certificates of a suite on one machine: made where there are none, and again before they end."""

import datetime
import logging
import pathlib

LOGGER = logging.getLogger(__name__)
LEFT_MIN = datetime.timedelta(days=30)  # of their year: whoever starts a suite once a month never meets their end


def provide(folder: pathlib.Path) -> None:
    """Makes sure that there are certificates which are good for some time.

    Args:
        folder: Where they are, or go.

    Raises:
        errors.FailedPrecondition: What is there is no certificate.
    """
    from chassis.identity import authority  # its library takes a while to load; without TLS it is not needed

    names = [folder / "ca.pem", *(folder / f"{name}.pem" for name in authority.SERVICES)]
    soon = datetime.datetime.now(datetime.UTC) + LEFT_MIN
    if all(path.is_file() for path in names) and all(authority.expires(path.read_bytes()) > soon for path in names):
        return
    authority.Authority.make().write(folder)
    LOGGER.info("certificates were made in %s", folder)
