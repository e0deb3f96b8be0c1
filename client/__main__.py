"""The `reelsmith` command: wiring only."""

import typer

from client.commands import (
    advice,
    analyze,
    audit,
    certificates,
    clip,
    config,
    demo,
    jobs,
    keys,
    listen,
    login,
    mcp,
    publish,
    render,
    suite,
    tune,
    verify,
    watch,
)

app = typer.Typer(
    name="reelsmith",
    help="Long video in, short ready-to-post clips out, on your own machines.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(clip.clip)
app.command()(render.render)
app.command()(verify.verify)
app.command()(analyze.analyze)
app.command()(tune.tune)
app.add_typer(jobs.app, name="jobs")
app.add_typer(config.app, name="config")
app.add_typer(keys.app, name="keys")
app.add_typer(audit.suite, name="audit")
app.add_typer(certificates.app, name="certificates")
app.command()(login.login)
app.command()(login.logout)
app.command()(suite.up)
app.command()(suite.down)
app.command()(suite.status)
app.command()(advice.advise)
app.command()(demo.demo)
app.command()(publish.publish)
app.command()(watch.watch)
app.command()(listen.listen)
app.command()(mcp.mcp)
app.command()(suite.version)


def main() -> None:
    """Runs the command."""
    app()


if __name__ == "__main__":
    main()
