"""`exhibit doctor`."""

from dataclasses import asdict

import click

from desk.cli.common.context import exit_with, format_examples
from desk.cli.common.options import json_option
from desk.cli.common.output import echo_json
from exhibit.errors import ExitCode
from exhibit.plain import replace_unprintable
from registry.configuration import load_config_or_error


@click.command("doctor", epilog=format_examples("exhibit doctor"))
@json_option
def doctor_command(*, as_json: bool) -> None:
    """Check this machine and the running installation, and show how to fix problems.

    Exits with 3 if a required check fails. A warning means that an optional feature is limited or not available.
    """
    from workers.operations import doctor

    config, fault = load_config_or_error()
    checks = doctor.check_everything(config) if fault is None else doctor.check_without_settings(config, fault)
    if as_json:
        echo_json({"checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            status = "ok      " if check.ok else "FAILED  " if check.needed else "warning "
            click.echo(replace_unprintable(f"{status}  {check.name}: {check.sentence}"))
            if check.remedy:
                click.echo(replace_unprintable(f"          {check.remedy}"))
    if any(check.needed and not check.ok for check in checks):
        exit_with(ExitCode.SERVICE_MISSING)
