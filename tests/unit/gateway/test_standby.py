"""Several job managers, of which one leads."""

from chassis import client, discovery, errors, testing
from chassis.testing import echo
from gateway import service, suite, uploads
from gateway import settings as settings_module
from media import sessions


async def test_gateway_serves_as_long_as_one_manager_leads(tmp_path) -> None:
    """Whichever it asks first; without a leader it says that it does not serve."""
    leader, standby = echo.EchoServicer(), echo.EchoServicer()
    standby.unable = errors.Unavailable("stands by", reason="NOT_LEADER")
    settings = settings_module.Settings(sessions_root=tmp_path)
    storage = service.Storage(sessions.Sessions(tmp_path), uploads.Uploads(sessions.Uploads(tmp_path)))
    async with (
        testing.serving([echo.service(leader)], health_interval_s=0.05) as one,
        testing.serving([echo.service(standby)]) as two,
        client.Clients(discovery.StaticRegistry({"jobs": [one.address, two.address]}), settings) as clients,
    ):
        gateway = service.ClipService(clients, storage, suite.Suite(clients, "static"), settings)
        for _ in range(20):  # the chance that the leader is asked first each time is one in a million
            await gateway.check()
        leader.unable = standby.unable

        async def refused() -> bool:
            try:
                await gateway.check()
            except errors.Unavailable as refusal:
                return refusal.reason == "JOBS_NOT_SERVING"
            return False

        await testing.wait_until(refused)
