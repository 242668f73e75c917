"""Sessions of botocore: who asks AWS, and with which configuration files."""

from __future__ import annotations

from typing import Any

from dcplan.diag import ConfigPath, Result, error


def session_of(profile: str | None, at: ConfigPath, what: str) -> Result[Any]:
    """The session of botocore, which reads AWS's configuration files; the first call finds credentials.

    ``at`` is the section of the document that ``profile`` stands in, ``what`` begins a sentence: what
    needs botocore.  Diagnostics: botocore or the profile is missing, or the files cannot be read.
    """
    try:
        from botocore.exceptions import BotoCoreError, ProfileNotFound  # noqa: PLC0415 - slow, only for this
        from botocore.session import Session  # noqa: PLC0415 - as above
    except ImportError:
        detail = f"{what} needs botocore. Install it where dcplan is: python -m pip install botocore"
        return Result(None, (error("backend-package", "A package is missing", detail, path=at, on_key=True),))
    session = Session(profile=profile)
    path = (*at, "profile")
    try:
        session.get_scoped_config()
    except ProfileNotFound:
        named = profile or "that AWS_PROFILE names"
        detail = (
            f"AWS's configuration files have no profile {named}. Add it with "
            "`aws configure --profile NAME`, or leave `profile` out and give credentials in the environment."
        )
        return Result(None, (error("backend-profile", "No such profile", detail, path=path),))
    except BotoCoreError as problem:
        detail = (
            f"AWS's configuration files cannot be read: {problem}. Mend them, or name others in "
            "AWS_CONFIG_FILE."
        )
        return Result(None, (error("backend-profile", "AWS is not configured", detail, path=path),))
    return Result(session)
